import assert from 'node:assert/strict';
import { startSimulator, type Simulator } from '../../lib/simulator/index.js';
import { flowWith, helper, load, type Message, type Sink } from '../kit/red.js';
import { until as untilWithin } from '../kit/until.js';

const ACCOUNT = { username: 'admin', password: 'in-step-password' };
/** The simulated recordings have ten pictures a second. */
const FRAME_MS = 100;

describe('nvr-playback of several channels', function () {
  this.timeout(30_000);
  let simulator: Simulator;
  let sink: (id: string) => Sink;

  beforeEach((done) => {
    helper.startServer(done);
  });

  afterEach(async () => {
    await helper.unload();
    await simulator.stop();
    await new Promise<void>((resolve) => {
      helper.stopServer(() => {
        resolve();
      });
    });
  });

  async function start(settings: object = {}): Promise<void> {
    simulator = await startSimulator({ ...ACCOUNT, channels: 4, onvifReplay: true });
    const { rtspPort, httpPort } = simulator;
    const server = { rtspPort: String(rtspPort), httpPort: String(httpPort), requestTimeout: '5' };
    const play = { id: 'play', type: 'nvr-playback', wires: [['out'], ['event']], ...settings };
    sink = await load(flowWith(server, [play]), ACCOUNT);
  }

  const send = (message: object): void => {
    (helper.getNode('play') as { receive(message: object): void }).receive(message);
  };
  const pictures = (): { channel: number; time: number }[] =>
    sink('out').messages.map(({ video }) => video as { channel: number; time: number });
  const words = (): string[] =>
    sink('event').messages.map(
      ({ payload, event }) => `${payload as string} ${(event as { channel: number }).channel}`,
    );
  const until = (done: () => boolean): Promise<boolean> =>
    untilWithin(done, {
      log: () => JSON.stringify(sink('event').messages.map(({ payload, event }) => [payload, event])),
    });

  /** How far apart the channels were, picture by picture. */
  function skew(shown: readonly { channel: number; time: number }[]): number {
    const last = new Map<number, number>();
    let worst = 0;
    for (const { channel, time } of shown) {
      last.set(channel, time);
      if (last.size > 1) worst = Math.max(worst, Math.max(...last.values()) - Math.min(...last.values()));
    }
    return worst;
  }

  it('plays them in step, within a frame of each other, and is done when all have ended', async () => {
    await start();
    const from = Date.now() - 60_000;
    const began = Date.now();
    send({ from, to: from + 3_000, channel: [1, 2, 3], run: 'alarm' });
    await until(() => sink('complete').messages.length > 0);
    const shown = pictures().filter(({ time }) => time >= from);
    for (const channel of [1, 2, 3])
      assert.ok(shown.filter((one) => one.channel === channel).length >= 28, `channel ${channel}`);
    assert.ok(skew(shown) <= FRAME_MS, `${skew(shown)} ms apart`);
    assert.ok(Date.now() - began > 2_500, 'at real speed, though the NVR sends faster');
    assert.deepEqual(
      words()
        .filter((word) => word.startsWith('ended'))
        .sort(),
      ['ended 1', 'ended 2', 'ended 3'],
    );
    assert.equal(sink('complete').messages.length, 1);
    assert.ok(sink('out').messages.every(({ run }) => run === 'alarm'));
  });

  it('pauses, resumes, seeks and ends them together by the run’s name', async () => {
    await start({ doneWhen: 'playing' });
    const from = Date.now() - 300_000;
    send({ from, channel: [1, 2], run: 'both' });
    await until(() => pictures().length > 20);
    send({ action: 'pause', run: 'both' });
    await until(() => words().filter((word) => word.startsWith('paused')).length === 2);
    const paused = pictures().length;
    await new Promise((resolve) => setTimeout(resolve, 400));
    assert.equal(pictures().length, paused);
    send({ action: 'resume', run: 'both' });
    await until(() => pictures().length > paused + 10);
    const before = pictures();
    for (const channel of [1, 2]) {
      const times = before.filter((one) => one.channel === channel).map(({ time }) => time);
      assert.equal(new Set(times).size, times.length, 'nothing is shown twice');
    }
    const to = from + 120_000;
    send({ action: 'seek', run: 'both', from: to });
    await until(
      () =>
        pictures()
          .slice(before.length)
          .filter(({ time }) => time >= to).length > 10,
    );
    const sought = pictures().filter(({ time }) => time >= to);
    assert.deepEqual([...new Set(sought.map(({ channel }) => channel))].sort(), [1, 2]);
    assert.ok(skew(sought) <= FRAME_MS);
    send({ action: 'status' });
    await until(() => sink('event').messages.at(-1)?.payload === 'status');
    const status = sink('event').messages.at(-1) as Message & {
      event: { runs: { run: string; channel: number[] }[] };
    };
    assert.deepEqual(
      status.event.runs.map(({ run, channel }) => ({ run, channel })),
      [{ run: 'both', channel: [1, 2] }],
    );
    send({ action: 'stop', run: 'both' });
    await until(() => words().filter((word) => word.startsWith('stopped')).length === 2);
  });

  it('continues with the others if one has no recording, and reports that at the end', async () => {
    await start();
    const from = Date.now() - 60_000;
    send({ from, to: from + 1_000, channel: [1, 9] });
    await until(() => sink('catch').messages.length > 0);
    const [caught] = sink('catch').messages;
    assert.equal((caught!.error as { code: string }).code, 'ECHANNEL');
    assert.ok(pictures().filter(({ channel }) => channel === 1).length >= 9);
    assert.ok(words().includes('ended 1') && words().includes('error 9'));
  });

  it('refuses "as fast as it comes", which is no speed to keep step at, and a fifth channel', async () => {
    await start();
    const from = Date.now() - 60_000;
    send({ from, duration: '1s', channel: [1, 2], speed: 0 });
    await until(() => sink('catch').messages.length === 1);
    send({ from, duration: '1s', channel: [1, 2, 3, 4, 1, 5] });
    await until(() => sink('catch').messages.length === 2);
    const codes = sink('catch').messages.map(({ error }) => (error as { code: string }).code);
    assert.deepEqual(codes, ['EINPUT', 'EBUSY']);
    await new Promise((resolve) => setTimeout(resolve, 200));
    send({ action: 'status' });
    await until(() => sink('event').messages.at(-1)?.payload === 'status');
    assert.deepEqual((sink('event').messages.at(-1)!.event as { runs: object[] }).runs, []);
  });
});
