import assert from 'node:assert/strict';
import {
  readTimeSei,
  startSimulator,
  type Simulator,
  type SimulatorOptions,
} from '../../lib/simulator/index.js';
import { itLong } from '../kit/cases.js';
import { flowWith, helper, load, statuses, type Message, type Sink } from '../kit/red.js';

const ACCOUNT = { username: 'admin', password: 'kanarie-playback' };

interface Video {
  keyframe: boolean;
  sequence: number;
  time: number;
  timeSource: string;
  channel: number;
  repeated?: boolean;
}

describe('nvr-playback', () => {
  let simulator: Simulator | undefined;
  let sink: (id: string) => Sink;

  beforeEach(function (done) {
    helper.startServer(done);
  });

  afterEach(async () => {
    await helper.unload();
    await simulator?.stop();
    await new Promise<void>((resolve) => {
      helper.stopServer(() => {
        resolve();
      });
    });
  });

  async function start(settings: object = {}, options: SimulatorOptions = {}): Promise<void> {
    simulator = await startSimulator({ ...ACCOUNT, ...options });
    const server = {
      rtspPort: String(simulator.rtspPort),
      httpPort: String(simulator.httpPort),
      requestTimeout: '1',
      channels: [{ channel: 3, name: 'Gate' }],
    };
    sink = await load(
      flowWith(server, [{ id: 'play', type: 'nvr-playback', wires: [['out'], ['event']], ...settings }]),
      ACCOUNT,
    );
  }

  const send = (message: object): void => {
    (helper.getNode('play') as { receive(message: object): void }).receive(message);
  };
  const video = (message: Message): Video => message.video as Video;
  const wholeSecondsAgo = (seconds: number): number => Math.floor(Date.now() / 1000 - seconds) * 1000;

  it('plays "channel Gate from … for one second" as one message, and is done when it has ended', async () => {
    await start();
    const from = wholeSecondsAgo(300);
    send({ from, duration: '1s', channel: 'Gate', run: 'mine' });
    const done = await sink('complete').first(() => true);
    assert.equal(done.run, 'mine');
    const units = sink('out').messages;
    assert.equal(units.length, 10);
    for (const [index, unit] of units.entries()) {
      assert.equal(readTimeSei(unit.payload as Buffer), from + index * 100);
      assert.ok(Math.abs(video(unit).time - (from + index * 100)) <= 2);
      assert.deepEqual(
        {
          run: unit.run,
          sequence: video(unit).sequence,
          channel: video(unit).channel,
          contentType: unit.contentType,
        },
        { run: 'mine', sequence: index + 1, channel: 3, contentType: 'video/h264' },
      );
    }
    assert.equal(units[0]!.topic, 'nvr/Home/Gate/keyframe');
    assert.deepEqual(
      sink('event').messages.map(({ payload }) => payload),
      ['connecting', 'playing', 'ended'],
    );
    const ended = sink('event').messages[2]!;
    assert.deepEqual(
      { reason: (ended.event as { reason: string }).reason, run: ended.run },
      { reason: 'reached', run: 'mine' },
    );
    assert.deepEqual(statuses('play').at(-1)?.text, 'idle');
    await simulator!.idle();
  });

  it('takes its times from the dialog, is done when it plays, and pauses, resumes, seeks and stops', async () => {
    await start({ from: '-10m', doneWhen: 'playing', emit: 'keyframes' });
    send({ action: 'play' });
    await sink('complete').first(() => true);
    await sink('out').first(() => true);
    assert.ok(sink('out').messages.every((message) => video(message).keyframe));
    send({ action: 'pause' });
    await sink('event').word('paused');
    assert.equal(statuses('play').at(-1)?.text, 'paused');
    const more = sink('out').next(() => true);
    send({ action: 'resume' });
    assert.equal(video(await more).repeated, true);
    const target = wholeSecondsAgo(3600);
    const sought = sink('out').next((message) => Math.abs(video(message).time - target) < 1000);
    send({ action: 'seek', from: target });
    await sought;
    send({ action: 'status' });
    const status = await sink('event').word('status');
    assert.equal((status.event as { runs: { state: string }[] }).runs[0]!.state, 'playing');
    send({ action: 'stop' });
    await sink('event').word('stopped');
    assert.equal(sink('catch').messages.length, 0);
  });

  it('a span of which the end is missing: told in ms, and its message goes to Catch, once', async () => {
    await start();
    const from = Date.now() - 600_000;
    send({ from, duration: 30, doneWhen: 'ended' });
    await sink('out').first(() => true);
    simulator!.sendBye();
    const ended = await sink('event').word('ended');
    const event = ended.event as { reason: string; missingMs: number; reached: number; code: string };
    assert.deepEqual({ reason: event.reason, code: event.code }, { reason: 'bye', code: 'ENORECORDING' });
    assert.equal(event.missingMs, from + 30_000 - event.reached);
    const fault = await sink('catch').first(() => true);
    assert.match((fault.error as { message: string }).message, /s of the span are missing\.$/);
    assert.equal(sink('catch').messages.length, 1);
    assert.equal(sink('complete').messages.length, 0);
  });

  itLong(
    'an NVR that is gone for good in the middle of a span: ended, with what is missing, and Catch once',
    async () => {
      await start();
      const from = Date.now() - 600_000;
      send({ from, duration: 30 });
      await sink('out').first(({ video: of }) => (of as Video).time > from + 500);
      await simulator!.stop();
      simulator = undefined;
      const ended = await sink('event').word('ended');
      const event = ended.event as { missingMs: number; reached: number; code: string };
      assert.equal(event.code, 'ECONNREFUSED');
      assert.equal(event.missingMs, from + 30_000 - event.reached);
      const fault = await sink('catch').first(() => true);
      assert.match((fault.error as { message: string }).message, /s of the span are missing\.$/);
      assert.equal(sink('event').messages.filter(({ payload }) => payload === 'error').length, 0);
    },
  );

  it('an invalid setting: a red badge that names it, EINPUT in Catch, and for each message', async () => {
    await start({ emit: 'pictures' });
    const fault = await sink('catch').first(() => true);
    assert.equal((fault.error as { code: string }).code, 'EINPUT');
    assert.deepEqual(statuses('play').at(-1), { fill: 'red', shape: 'ring', text: 'bad emit' });
    send({ from: '-5m' });
    await sink('catch').next(() => true);
  });

  it('replaces a run of the same name, and refuses a fifth with EBUSY', async () => {
    await start();
    for (const run of ['a', 'b', 'c', 'd']) send({ from: '-10m', run });
    await sink('out').first(({ run }) => run === 'd');
    send({ from: '-20m', run: 'e' });
    const fault = await sink('catch').first(() => true);
    assert.equal((fault.error as { code: string }).code, 'EBUSY');
    send({ from: '-20m', run: 'a' });
    const ended = await sink('event').word('ended');
    assert.deepEqual(
      { run: ended.run, reason: (ended.event as { reason: string }).reason },
      { run: 'a', reason: 'replaced' },
    );
    await sink('out').next(
      ({ run, video: info }) => run === 'a' && (info as Video).time < Date.now() - 19 * 60_000,
    );
    await sink('out').next(({ run }) => run === 'b');
  });

  for (const [what, message, code, settings, options] of [
    ['a time in the future', { from: '+5m' }, 'EINPUT', {}, {}],
    ['an end before the start', { from: '-5m', to: '-6m' }, 'EINPUT', {}, {}],
    ['what is no time', { from: 'yesterday' }, 'EINPUT', {}, {}],
    ['an object for a time', { from: {} }, 'EINPUT', {}, {}],
    ['what is no duration', { from: '-5m', duration: 'long' }, 'EINPUT', {}, {}],
    ['an unknown action', { action: 'dance' }, 'EINPUT', {}, {}],
    ['a run that is not there', { action: 'stop', run: 'x' }, 'EINPUT', {}, {}],
    ['nothing to play', {}, 'EINPUT', {}, {}],
    ['channel "x"', { from: '-5m', channel: 'x' }, 'EINPUT', {}, {}],
    ['a channel out of range', { from: '-5m', channel: 99 }, 'ECHANNEL', {}, {}],
    ['no recording at that time', { from: '-5d' }, 'ENORECORDING', {}, {}],
    ['a key service that sends HTML', { from: '-5m' }, 'EPLAYBACKKEY', {}, { keyService: { form: 'html' } }],
    ['a key service that hangs', { from: '-5m' }, 'ETIMEDOUT', {}, { keyService: { form: 'hang' } }],
    ['a wrong password', { from: '-5m' }, 'EAUTH', {}, { password: 'another' }],
  ] as const) {
    it(`${what}: ${code} through done, and the password and the key show nowhere`, async () => {
      await start(settings, options);
      send(message);
      const fault = await sink('catch').first(() => true);
      assert.equal((fault.error as { code: string }).code, code);
      const shown = JSON.stringify([
        sink('catch').messages,
        sink('event').messages,
        statuses('play'),
        helper.log().args,
      ]);
      assert.ok(!shown.includes(ACCOUNT.password), shown);
      // The URI that was asked for may stand in the fault, its key struck.
      assert.ok(!shown.replaceAll('pbkey=***', '').includes('pbkey='), shown);
      assert.equal(sink('catch').messages.length, 1);
    });
  }
});
