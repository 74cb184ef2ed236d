import assert from 'node:assert/strict';
import sinon from 'sinon';
import { channelName, channelNumber } from '../../../nodes/shared/channel.js';
import { ownZone, readServerSettings, settingsOf } from '../../../nodes/shared/server-settings.js';

function readServer(saved: Record<string, unknown>): {
  settings: ReturnType<typeof readServerSettings>['settings'];
  problems: string[];
} {
  const { settings, problems } = readServerSettings(saved);
  return { settings, problems: problems.map(({ property }) => property) };
}

describe('the NVR’s settings', () => {
  it('has the defaults of the contract', () => {
    assert.deepEqual(readServer({ host: '10.0.0.9', version: 1 }), {
      settings: {
        name: '10.0.0.9',
        host: '10.0.0.9',
        rtspPort: 554,
        httpPort: 80,
        tls: false,
        httpTls: false,
        transport: 'auto',
        uriStyle: 'move',
        liveTemplate: '',
        playbackTemplate: '',
        streamCodes: { main: 'M', dual: 'D' },
        firstChannel: 0,
        channels: [],
        timeZone: new Intl.DateTimeFormat().resolvedOptions().timeZone,
        keyTime: 'utc',
        requestTimeout: 10,
        silence: 5,
        linger: 5,
        audio: false,
        maxSessions: 64,
        redirects: 'same',
        replay: 'uri',
        allowBasic: false,
        keyPattern: '',
      },
      problems: [],
    });
  });

  it('takes what the editor saves', () => {
    const { settings, problems } = readServer({
      name: 'Home',
      host: '[fe80::1]',
      rtspPort: '8554',
      uriStyle: 'custom',
      liveTemplate: '/Streaming/Channels/{ch}0{stream}',
      streamCodes: { main: '1', dual: 2 },
      firstChannel: '1',
      channels: [
        { channel: 3, name: ' Gate ' },
        { channel: '4', name: '' },
      ],
      timeZone: 'Europe/Berlin',
      silence: '7.5',
      linger: 0,
      audio: true,
      redirects: 'any',
      allowBasic: true,
      keyPattern: 'id=[*]',
    });
    assert.deepEqual(problems, []);
    assert.equal(settings.host, 'fe80::1');
    assert.deepEqual(settings.streamCodes, { main: '1', dual: '2' });
    assert.deepEqual(settings.channels, [{ channel: 3, name: 'Gate' }]);
    assert.deepEqual(
      {
        firstChannel: settings.firstChannel,
        silence: settings.silence,
        linger: settings.linger,
        audio: settings.audio,
      },
      { firstChannel: 1, silence: 7.5, linger: 0, audio: true },
    );
    assert.deepEqual(
      { redirects: settings.redirects, allowBasic: settings.allowBasic, keyPattern: settings.keyPattern },
      { redirects: 'any', allowBasic: true, keyPattern: 'id=[*]' },
    );
  });

  for (const [saved, host, rtspPort] of [
    [{ host: '10.0.0.9:8554' }, '10.0.0.9', 8554],
    [{ host: ' cam.local:8554 ', rtspPort: '554' }, 'cam.local', 8554],
    [{ host: '10.0.0.9:8554', rtspPort: ' 8554 ' }, '10.0.0.9', 8554],
    [{ host: '[::1]:8554' }, '::1', 8554],
    [{ host: 'fe80::1%eth0' }, 'fe80::1%eth0', 554],
    [{ host: '10.0.0.9:80' }, '10.0.0.9', 554],
    [{ host: '10.0.0.9:8080', httpPort: '8080' }, '10.0.0.9', 554],
  ] as const)
    it(`splits what people type: ${JSON.stringify(saved)}`, () => {
      const { settings, problems } = readServer(saved);
      assert.deepEqual(problems, []);
      assert.deepEqual(
        { host: settings.host, rtspPort: settings.rtspPort, name: settings.name },
        { host, rtspPort, name: host },
      );
    });

  it('refuses a host and a port that contradict each other, and says why', () => {
    assert.deepEqual(readServer({ host: '10.0.0.9:8554', rtspPort: '5540' }).problems, ['host']);
  });

  for (const [property, value] of [
    ['host', ''],
    ['host', '10.0.0.9:70000'],
    ['host', '[::1'],
    ['host', 'rtsp://10.0.0.9'],
    ['host', 'user:secret@10.0.0.9'],
    ['host', '10.0.0.9/live'],
    ['httpPort', 'x'],
    ['transport', 'carrier pigeon'],
    ['redirects', 'some'],
    ['allowBasic', 'perhaps'],
    ['keyPattern', '*'],
    ['keyPattern', 'a*b*c'],
    ['keyPattern', 'x'.repeat(201)],
    ['uriStyle', 'other'],
    ['firstChannel', 2],
    ['streamCodes', 'M'],
    ['streamCodes', ['M']],
    ['channels', 'Gate'],
    ['channels', [{ channel: 0, name: 'Gate' }]],
    ['channels', [{ channel: 1.5, name: 'Gate' }]],
    ['channels', [{ channel: 1 }]],
    ['channels', [null]],
    ['timeZone', 'Mars/Base'],
    ['requestTimeout', '0'],
    ['silence', '0'],
    ['linger', '-1'],
  ] as const) {
    it(`refuses ${property} ${JSON.stringify(value)}`, () => {
      assert.deepEqual(readServer({ host: '10.0.0.9', [property]: value }).problems, [property]);
    });
  }

  it('keep the times of a node that 0.1.0 saved: UTC where none was set, and the key service’s by the zone that was', () => {
    const times = (saved: object) => {
      const { timeZone, keyTime } = readServer({ host: 'h', ...saved }).settings;
      return { timeZone, keyTime };
    };
    for (const timeZone of ['', ' ', undefined])
      assert.deepEqual(times({ timeZone }), { timeZone: 'UTC', keyTime: 'utc' });
    assert.deepEqual(times({ timeZone: 'Asia/Tokyo' }), { timeZone: 'Asia/Tokyo', keyTime: 'local' });
    assert.deepEqual(times({ timeZone: 'Asia/Tokyo', version: 1 }), {
      timeZone: 'Asia/Tokyo',
      keyTime: 'utc',
    });
    // A dialog shows what was migrated, and saves it beside an absent version.
    assert.deepEqual(times({ timeZone: 'Asia/Tokyo', keyTime: 'utc' }), {
      timeZone: 'Asia/Tokyo',
      keyTime: 'utc',
    });
  });

  it('wants a live template where the style is custom', () => {
    assert.deepEqual(readServer({ host: 'h', uriStyle: 'custom' }).problems, ['liveTemplate']);
  });
});

describe('the NVR’s TLS settings', () => {
  const RED = {
    nodes: {
      getNode: (id: string) =>
        id === 'tls'
          ? { addTLSOptions: (options: object) => ({ ...options, ca: 'CA', servername: '' }) }
          : id === 'other'
            ? {}
            : null,
    },
  } as never;
  const of = (saved: object) => {
    const { settings, problems } = settingsOf(RED, { host: 'h', tlsConfig: 'tls', ...saved }, {});
    return { tls: settings.tlsSettings, problems: problems.map(({ property }) => property) };
  };

  it('are those of the tls-config node where RTSP or HTTP goes through TLS, without an empty server name', () => {
    for (const use of [{ tls: true }, { httpTls: true }])
      assert.deepEqual(of(use), { tls: { ca: 'CA' }, problems: [] });
    assert.deepEqual(of({}), { tls: undefined, problems: [] });
    assert.deepEqual(of({ tls: true, tlsConfig: '' }), { tls: undefined, problems: [] });
  });

  it('are missed where their node is gone, or is of another kind', () => {
    for (const tlsConfig of ['gone', 'other'])
      assert.deepEqual(of({ tls: true, tlsConfig }), { tls: undefined, problems: ['tlsConfig'] });
  });
});

describe('the zone of this machine', () => {
  it('is UTC where it is unknown', () => {
    const options = sinon.stub(Intl.DateTimeFormat.prototype, 'resolvedOptions');
    try {
      options.returns({ timeZone: 'Etc/Unknown' } as never);
      assert.equal(ownZone(), 'UTC');
      options.returns({ timeZone: 'Asia/Tokyo' } as never);
      assert.equal(ownZone(), 'Asia/Tokyo');
    } finally {
      options.restore();
    }
  });
});

describe('a channel', () => {
  const table = {
    channels: [
      { channel: 3, name: 'Gate' },
      { channel: 12, name: 'Übergang 2' },
    ],
  };

  for (const [given, expected] of [
    ['1', 1],
    [7, 7],
    [' 9999 ', 9999],
    ['gate', 3],
    ['GATE', 3],
    ['übergang 2', 12],
  ] as const) {
    it(`${JSON.stringify(given)} is number ${expected}`, () => {
      assert.equal(channelNumber(table, given), expected);
    });
  }

  for (const given of ['x', '', '0', '-1', '1.5', '10000', '1e3', 0, undefined, null, {}, 'constructor']) {
    it(`${JSON.stringify(given)} is none`, () => {
      assert.throws(() => channelNumber(table, given), {
        name: 'NvrError',
        code: 'EINPUT',
        message: /"channel"/,
      });
    });
  }

  it('has the name of the table, else its number', () => {
    assert.deepEqual([channelName(table, 3), channelName(table, 4)], ['Gate', '4']);
  });
});
