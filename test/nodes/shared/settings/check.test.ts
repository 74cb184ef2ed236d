import assert from 'node:assert/strict';
import fc from 'fast-check';
import { isVariable, problemOf, sentenceOf } from '../../../../nodes/shared/settings/check.js';
import type { Setting, TextRule } from '../../../../nodes/shared/settings/setting.js';

const said = { label: ['Label', 'Wort'], help: ['Help.', 'Hilfe.'] } as const;
const channels = [
  { channel: 3, name: 'Gate' },
  { channel: 4, name: 'Yard, north' },
  { channel: 5, name: '7-9' },
];

function sentence(setting: Setting, value: unknown): string | undefined {
  const problem = problemOf(setting, value, { channels });
  return problem === undefined ? undefined : sentenceOf(problem);
}

describe('the check of a setting', () => {
  const port: Setting = { ...said, kind: 'number', default: 554, min: 1, max: 65_535, integer: true };

  for (const value of ['8554', 8554, ' 8554 ', '', '  ', undefined, null, '1', '65535'])
    it(`takes ${JSON.stringify(value)} for a port`, () => {
      assert.equal(sentence(port, value), undefined);
    });

  for (const value of ['0', '65536', '-1', '1.5', '5e', 'NaN', 'Infinity', Number.NaN, true, {}, []])
    it(`refuses ${JSON.stringify(value)} for a port, with its bounds`, () => {
      assert.equal(sentence(port, value), 'must be a whole number from 1 to 65535.');
    });

  it('takes true and false as the editor and a variable give them', () => {
    const flag: Setting = { ...said, kind: 'boolean', default: false };
    for (const value of [true, false, 'true', 'false', '']) assert.equal(sentence(flag, value), undefined);
    for (const value of ['yes', 1, 0]) assert.equal(sentence(flag, value), 'must be true or false.');
  });

  it('names the values of a choice', () => {
    const stream: Setting = {
      ...said,
      kind: 'choice',
      default: 'main',
      options: { main: said.label, dual: said.label },
    };
    assert.equal(sentence(stream, 'dual'), undefined);
    assert.equal(sentence(stream, 'Main'), 'must be one of main, dual.');
    assert.equal(sentence(stream, 'constructor'), 'must be one of main, dual.');
  });

  it('asks for what is required alone', () => {
    const host: Setting = { ...said, kind: 'text', default: '', required: true };
    assert.equal(sentence(host, ' '), 'must not be empty.');
    assert.equal(sentence({ ...host, required: false }, ''), undefined);
    const nvr: Setting = { ...said, kind: 'config', default: '', type: 'nvr-server', required: true };
    assert.equal(sentence(nvr, ''), 'names no NVR; choose one.');
  });

  it('bounds every text', () => {
    const name: Setting = { ...said, kind: 'text', default: '', maxLength: 5 };
    assert.equal(sentence(name, '12345'), undefined);
    assert.equal(sentence(name, '123456'), 'must have at most 5 characters.');
    assert.equal(sentence(name, {}), 'must be text.');
  });

  describe('of a channel', () => {
    const one: Setting = { ...said, kind: 'channel', default: '1' };
    const list: Setting = { ...one, list: true };

    for (const value of ['1', 1, '9999', 'Gate', ' gate ', 'yard, north', '7-9'])
      it(`takes ${JSON.stringify(value)} for one and in a list`, () => {
        assert.equal(sentence(one, value), undefined);
        assert.equal(sentence(list, value), undefined);
      });

    for (const value of ['1-4,7', '*', 'Gate, 2', '1 - 3', '1,Yard, north,2'])
      it(`takes ${JSON.stringify(value)} in a list alone`, () => {
        assert.match(sentence(one, value)!, /a number from 1 to 9999/);
        assert.equal(sentence(list, value), undefined);
      });

    for (const value of ['0', '-1', '10000', 'Door', 'Yard', '4-1', '1-', '1,', '1,,2', {}, true])
      it(`refuses ${JSON.stringify(value)} for one and in a list`, () => {
        assert.match(sentence(one, value)!, /^must be a number/);
        assert.match(sentence(list, value)!, /^must be channel numbers/);
      });
  });

  describe('of a time', () => {
    const moment: Setting = { ...said, kind: 'time', default: '', form: 'moment' };
    const span: Setting = { ...said, kind: 'time', default: '', form: 'span' };

    it('takes moments that playback takes: now, a span from now, epoch ms, ISO 8601', () => {
      for (const value of ['', 'now', '-5m', '+1.5h', '-90 s', '1760000000000', 1760000000000])
        assert.equal(sentence(moment, value), undefined, String(value));
      for (const value of [
        '2026-03-29',
        '2026-03-29T14:02:00',
        '2026-03-29 14:02:00+02:00',
        '20260329T140200Z',
      ])
        assert.equal(sentence(moment, value), undefined, value);
      for (const value of ['5m', 'yesterday', '14:02', 'msg.from'])
        assert.match(sentence(moment, value)!, /^must be epoch milliseconds/, value);
    });

    it('takes spans: seconds, or with a unit', () => {
      for (const value of ['', '90', 90, '1.5', '90s', '2 min', '1h', '7d'])
        assert.equal(sentence(span, value), undefined, String(value));
      for (const value of ['-5m', 'long', '1w', '1h30m'])
        assert.match(sentence(span, value)!, /^must be seconds/, value);
    });
  });

  describe('of a text with a rule', () => {
    const rule = (name: TextRule): Setting => ({
      ...said,
      kind: 'text',
      default: '',
      rule: name,
    });
    for (const [name, good, bad] of [
      ['address', ['nvr.local', '192.168.1.2', 'fe80::1', '[::1]'], ['rtsp://x', 'a b', 'x/y', 'u@h']],
      [
        'address',
        ['nvr:554', 'tür.example.', 'my_cam', '[fe80::1%eth0]:554'],
        ['nvr:0', '1.2.3.4:99999', 'a:b'],
      ],
      [
        'address',
        ['камера', 'cam-1', '3com', '10.255.0.255'],
        ['<ip>', '{ip}', '192.168.1.x', '10.0.0.256', '1.2.3', 'a..b'],
      ],
      ['template', ['/{ch}/{stream}', 'live', '/?to=http://x'], ['rtsp://cam/{ch}', 'RTSPS://u:p@cam/x']],
      ['folder', ['/data', 'C:\\clips', '\\\\nas\\clips'], ['clips', './x', '~']],
      ['fileName', ['{nvr}/{HHmmss}.mp4', 'a.mp4'], ['/x', 'a//b', '../x', 'a\\b']],
      ['path', ['/cams', '/c', '/cams/', '/a/b-c'], ['cams', '/', '//', '/a b', '/a?x', '/a#x']],
      ['timeZone', ['Europe/Berlin', 'UTC'], ['Berlin', 'Mars/Base']],
      ['fileMode', ['0640', '664', '0600', '0622'], ['0641', '0610', '0400', '0755', '8', '06400', 'rw-']],
      ['origins', ['https://a.org', 'http://a:1880, https://b.org'], ['a.org', 'https://a.org/x']],
    ] as const)
      it(`${name}: takes ${good.join(' and ')}, refuses ${bad.join(' and ')}`, () => {
        for (const value of good) assert.equal(sentence(rule(name), value), undefined, value);
        for (const value of bad) assert.notEqual(sentence(rule(name), value), undefined, value);
      });
  });

  it('takes what Node-RED replaces for a variable, be it a part of the text', () => {
    for (const text of ['${CAM}', 'nvr-${SITE}.local', '${}']) assert.equal(isVariable(text), true, text);
    for (const text of ['$CAM', '{CAM}', '${CAM', 5, undefined]) assert.equal(isVariable(text), false);
  });

  it('asks for the name of a property or a variable where the value comes from there', () => {
    const camera: Setting = { ...said, kind: 'channel', default: '1', source: 'from' };
    const at: Setting = { ...said, kind: 'time', default: '', form: 'moment', source: 'from' };
    for (const setting of [camera, at])
      for (const [source, sentence] of [
        ['msg', /must name a property of the message/],
        ['env', /must name an environment variable/],
      ] as const) {
        const check = (value: unknown): string | undefined => {
          const problem = problemOf(setting, value, { values: { from: source } });
          return problem && sentenceOf(problem);
        };
        for (const value of ['payload.camera', ' CAM ', 'x'.repeat(200)])
          assert.equal(check(value), undefined);
        for (const value of ['', ' ', undefined, {}, 'x'.repeat(201)]) assert.match(check(value)!, sentence);
      }
    assert.notEqual(problemOf(camera, 'payload.camera', { values: { from: 'str' } }), undefined);
  });

  it('asks for a text where all its conditions hold', () => {
    const path: Setting = {
      ...said,
      kind: 'text',
      default: '',
      requiredWhen: { style: ['custom', 'other'], replay: ['uri'] },
    };
    const check = (values: Record<string, unknown>): boolean => problemOf(path, '', { values }) !== undefined;
    assert.equal(check({ style: 'other', replay: 'uri' }), true);
    assert.equal(check({ style: 'custom', replay: 'onvif' }), false);
    assert.equal(check({ replay: 'uri' }), false);
    assert.equal(check({}), false);
  });

  it('tells a camera’s URL where a channel belongs that it belongs elsewhere', () => {
    const camera: Setting = { ...said, kind: 'channel', default: '1', list: true };
    assert.match(sentence(camera, 'rtsp://10.0.0.2/live')!, /belongs in the address of the NVR/);
  });

  it('looks for names with up to eight commas in a list', () => {
    const list: Setting = { ...said, kind: 'channel', default: '1', list: true };
    const check = (commas: number): unknown => {
      const name = Array.from({ length: commas + 1 }, (_, i) => `part ${i}`).join(',');
      return problemOf(list, `1,${name},2`, { channels: [{ channel: 3, name }] });
    };
    assert.equal(check(8), undefined);
    assert.notEqual(check(9), undefined);
  });

  it('bounds the rows of the channel table, and the codes to an object', () => {
    const table: Setting = { ...said, kind: 'channels', default: [] };
    assert.equal(sentence(table, [{ channel: '9999', name: 'x'.repeat(200) }]), undefined);
    assert.notEqual(sentence(table, [{ channel: 10_000, name: 'Gate' }]), undefined);
    assert.notEqual(sentence(table, [{ channel: 1, name: 'x'.repeat(201) }]), undefined);
    for (const channel of [1, '1', 9999]) assert.equal(sentence(table, [{ channel, name: '' }]), undefined);
    for (const channel of [0, '0', -1, 1.5, '', 'x', undefined])
      assert.notEqual(sentence(table, [{ channel, name: 'Gate' }]), undefined, String(channel));
    for (const row of [null, 'Gate', 1, { channel: 1 }, { channel: 1, name: 5 }, { name: 'Gate' }])
      assert.notEqual(sentence(table, [{ channel: 2, name: 'Yard' }, row]), undefined, JSON.stringify(row));
    assert.notEqual(sentence(table, { channel: 1, name: 'Gate' }), undefined, 'no list');
    const codes: Setting = { ...said, kind: 'codes', default: { main: 'M', dual: 'D' } };
    for (const value of [{ main: 1 }, '{"main":"1"}', '{}']) assert.equal(sentence(codes, value), undefined);
    for (const value of [['M'], '["M"]', 'null', '5', 5]) assert.notEqual(sentence(codes, value), undefined);
  });

  it('bounds a channel’s number, a range and an address’s port on either side', () => {
    const camera: Setting = { ...said, kind: 'channel', default: '1' };
    for (const value of ['1', 9999, 'gate']) assert.equal(sentence(camera, value), undefined, String(value));
    for (const value of ['0', 0, '10000', '1-2', '*'])
      assert.notEqual(sentence(camera, value), undefined, String(value));
    const list: Setting = { ...camera, list: true };
    for (const value of ['1-1', '1-9999', '*', '2,1']) assert.equal(sentence(list, value), undefined, value);
    for (const value of ['0-1', '2-1', '1-10000', '1,,2', '0', '*,1'])
      assert.notEqual(sentence(list, value), undefined, value);
    const host: Setting = { ...said, kind: 'text', default: '', rule: 'address' };
    for (const value of ['nvr:1', 'nvr:65535', '0.0.0.0'])
      assert.equal(sentence(host, value), undefined, value);
    for (const value of ['nvr:0', 'nvr:65536', 'nvr:', '1.2.3.4.5'])
      assert.notEqual(sentence(host, value), undefined, value);
  });

  it('answers any value of any kind without throwing', () => {
    const kinds: Setting[] = [
      port,
      { ...said, kind: 'channel', default: '1', list: true },
      { ...said, kind: 'channels', default: [] },
      { ...said, kind: 'codes', default: { main: 'M', dual: 'D' } },
      { ...said, kind: 'time', default: '', form: 'moment' },
      { ...said, kind: 'time', default: '', form: 'span' },
      { ...said, kind: 'choice', default: 'a', options: { a: said.label } },
      { ...said, kind: 'text', default: '', rule: 'fileName' },
    ];
    fc.assert(
      fc.property(fc.constantFrom(...kinds), fc.anything(), (setting, value) => {
        problemOf(setting, value, { channels });
      }),
    );
  });
});
