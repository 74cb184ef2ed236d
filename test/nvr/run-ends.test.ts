import assert from 'node:assert/strict';
import type { VideoUnit } from '../../lib/codec/unit.js';
import type { NvrErrorCode } from '../../lib/errors.js';
import { FROM, picture, RunRig } from '../kit/run-rig.js';

describe('the end of a playback run', () => {
  let rig: RunRig;

  beforeEach(() => {
    rig = new RunRig();
  });

  afterEach(() => {
    rig.close();
  });

  it('tells no recording where no media came at all, and where some came goes on', async () => {
    rig.play(10);
    await rig.turn();
    rig.end('silence', 'ETIMEDOUT', true);
    assert.deepEqual(rig.ends, [['error', 'ENORECORDING', 0]]);
    rig.play(10);
    await rig.turn();
    rig.send(0, 1000);
    rig.end('silence', 'ETIMEDOUT');
    await rig.turn();
    rig.end('silence', 'ETIMEDOUT', true);
    assert.deepEqual(rig.interruptions, [0, 2000]);
    rig.play(10);
    await rig.turn();
    rig.end('silence', 'ETIMEDOUT');
    assert.deepEqual(rig.interruptions, [0, 2000, 0]);
    assert.equal(rig.ends.length, 1);
    await rig.turn();
    rig.end('silence', 'ETIMEDOUT', true);
    assert.deepEqual(rig.ends[1], ['error', 'ENORECORDING', 0]);
    const sought = rig.play(10);
    await rig.turn();
    rig.send(0, 1000);
    sought.seek(FROM + 5000);
    await rig.turn();
    rig.end('silence', 'ETIMEDOUT', true);
    assert.deepEqual(
      rig.ends.pop(),
      ['error', 'ENORECORDING', 0],
      'nothing is recorded where it was sent to',
    );
    const run = rig.play(10);
    await rig.turn();
    rig.send(0, 1000);
    run.pause();
    run.resume();
    await rig.turn();
    rig.end('silence', 'ETIMEDOUT', true);
    assert.deepEqual(
      { interruptions: rig.interruptions.length, ends: rig.ends.length },
      { interruptions: 4, ends: 2 },
    );
  });

  for (const reason of ['bye', 'teardown'] as const)
    it(`takes the server’s word that the recording ends here (${reason}), and says what is missing`, async () => {
      rig.play(10);
      await rig.turn();
      rig.send(0, 1000);
      rig.end(reason);
      assert.deepEqual(rig.ends, [[reason, 'ENORECORDING', 9100]]);
      assert.match(rig.told.at(-1)!, /The last 9\.1 s of the span are missing/);
      assert.deepEqual(rig.interruptions, []);
      rig.play(10);
      await rig.turn();
      rig.send(0, 9900);
      rig.end(reason);
      assert.deepEqual(rig.ends[1], ['reached', undefined, 0], 'at the end it does not matter who ended it');
    });

  it('ends with its session’s word where no end was asked for', async () => {
    rig.play(undefined);
    await rig.turn();
    rig.send(0, 1000);
    rig.end('bye');
    rig.play(undefined);
    await rig.turn();
    rig.send(0, 1000);
    rig.end('eof');
    assert.deepEqual(rig.ends, [
      ['bye', undefined, 0],
      ['eof', undefined, 0],
    ]);
  });

  it('tells each interruption with its number, marks what comes again, and is opening meanwhile', async () => {
    const run = rig.play(10);
    await rig.turn();
    rig.send(0, 200);
    for (const wait of [0, 2000]) {
      rig.end('eof');
      assert.equal(rig.session().closed, 1);
      await rig.clock.tickAsync(wait);
    }
    assert.deepEqual(
      rig.told.filter((word) => word.startsWith('interrupted')),
      ['interrupted 1, opening', 'interrupted 2, opening'],
    );
    rig.units = [];
    rig.send(0, 300);
    assert.deepEqual(rig.units, ['0r', '100r', '200']);
    await run.stop();
  });

  it('ends with why it cannot be opened again, and all that is missing: holes before it, too', async () => {
    rig.play(20);
    await rig.turn();
    rig.send(0, 1000);
    rig.send(4000, 5000);
    rig.refusal = 'EUNREACHABLE';
    rig.end('eof');
    await rig.clock.tickAsync(10_000);
    assert.deepEqual(rig.ends, [['error', 'EUNREACHABLE', 15_100 + 3100]]);
    assert.match(rig.told.at(-1)!, /The last 15\.1 s of the span/);
    rig.refusal = undefined;
    rig.play(5);
    await rig.turn();
    rig.send(0, 1000);
    rig.send(4000, 5100);
    assert.deepEqual(rig.ends[1], ['reached', undefined, 3100]);
  });

  it('tries nothing again that will stay as it is, but for a 404 of what was there a moment ago', async () => {
    const endsOf = async (code: NvrErrorCode, answer?: number): Promise<number> => {
      [rig.opened, rig.ends, rig.interruptions] = [[], [], []];
      [rig.refusal, rig.status] = [undefined, undefined];
      const run = rig.play(10);
      await rig.turn();
      rig.send(0, 1000);
      [rig.refusal, rig.status] = [code, answer];
      rig.end('eof');
      await rig.clock.tickAsync(0);
      const attempts = rig.interruptions.length;
      await run.stop();
      return attempts;
    };
    for (const code of ['EUNSUPPORTED', 'EINPUT', 'ENORECORDING'] as const)
      assert.equal(await endsOf(code), 1, code);
    assert.equal(await endsOf('ENORECORDING', 404), 2);
    assert.equal(await endsOf('ETIMEDOUT'), 2);
  });

  it('tries a refused log-in once more when the account allows it soon, and not else', async () => {
    const logIn = (answer: number): Promise<unknown> =>
      rig.account.gate.run(() => Promise.resolve({ status: answer })).catch(() => undefined);
    await logIn(200);
    rig.play(10);
    await rig.turn();
    rig.send(0, 1000);
    rig.end('eof', 'EAUTH');
    assert.deepEqual(
      rig.ends.splice(0),
      [['eof', 'EAUTH', 9100]],
      'nothing was refused, so nothing is awaited',
    );
    rig.play(10);
    await rig.turn();
    rig.send(0, 1000);
    await logIn(401);
    rig.end('eof', 'EAUTH');
    assert.deepEqual(rig.interruptions, [10_000]);
    await rig.clock.tickAsync(10_000);
    await logIn(401);
    assert.ok(rig.account.gate.waitMs > 60_000);
    rig.end('eof', 'EAUTH');
    assert.deepEqual(
      { interruptions: rig.interruptions.length, ends: rig.ends.length },
      { interruptions: 1, ends: 1 },
    );
  });

  it('has all of a span whose last picture is half a second from its end, or two pictures of a slow camera', async () => {
    const endAfter = async (to: number, ...times: number[]): Promise<string> => {
      rig.play(to / 1000);
      await rig.turn();
      for (const at of times) rig.session().user.onUnit(picture(at));
      rig.end('bye');
      const [reason, , missingMs] = rig.ends.at(-1)!;
      return `${reason} ${missingMs}`;
    };
    assert.equal(await endAfter(1000, 0, 100, 200, 300, 400, 500), 'reached 500');
    assert.equal(await endAfter(1001, 0, 100, 200, 300, 400, 500), 'bye 501');
    assert.equal(await endAfter(4000, 0, 1000, 2000), 'reached 0');
    assert.equal(await endAfter(4001, 0, 1000, 2000), 'bye 2001');
    assert.equal(await endAfter(5000, 0, 100, 200, 3000), 'bye 4800', 'a gap is no slow camera');
    assert.equal(await endAfter(5000, 0, 2800, 2900, 3000), 'bye 4800', 'nor is one further back');
    assert.equal(await endAfter(4200, 0, 3000, 3100, 3500), 'bye 3700');
  });

  it('says that a speed is not granted, and by what it plays; nothing at the usual one', async () => {
    const warnedOf = async (speed: number, reply: object): Promise<string | undefined> => {
      [rig.told, rig.playReply] = [[], reply];
      const run = rig.play(10, speed);
      await rig.turn();
      await run.stop();
      return rig.told.find((word) => word.includes('speed'));
    };
    assert.equal(await warnedOf(1, { scale: 2 }), undefined);
    assert.equal(await warnedOf(2, { scale: 2 }), undefined);
    assert.match((await warnedOf(2, {}))!, /plays at speed 1\./);
    assert.match((await warnedOf(4, { scale: 2, rateControl: 'no' }))!, /plays at speed 2\./);
    assert.equal(await warnedOf(0, { rateControl: 'no' }), undefined);
    assert.match((await warnedOf(0, { scale: 0 }))!, /plays in real time\./);
  });

  it('waits for a slow run by its speed, for a fast one as in real time, and from where it got to', async () => {
    for (const [speed, waits] of [
      [0.5, 30_000 + 2 * 20_000],
      [4, 30_000 + 2 * 10_000],
      [0, 30_000 + 2 * 10_000],
    ] as const) {
      rig.ends = [];
      rig.play(10, speed);
      await rig.turn();
      await rig.clock.tickAsync(waits - 1);
      assert.deepEqual(rig.ends, [], `${speed}`);
      await rig.clock.tickAsync(1);
      assert.equal(rig.ends.length, 1);
    }
    rig.ends = [];
    rig.play(10);
    await rig.turn();
    rig.send(0, 6000);
    rig.end('eof');
    await rig.turn();
    await rig.clock.tickAsync(30_000 + 2 * 4100 - 1);
    assert.deepEqual(rig.ends, []);
    await rig.clock.tickAsync(1);
    assert.deepEqual(rig.ends, [['stalled', 'ETIMEDOUT', 4100]]);
  });

  it('gives the pictures that its end held back in their order, and none of before a seek', async () => {
    const run = rig.play(2);
    await rig.turn();
    const reordered = (at: number): VideoUnit => {
      const one = picture(at);
      return { ...one, keyframe: false, format: { ...one.format, reorderDepth: 2 } };
    };
    const give = (...times: number[]): void => {
      for (const at of times) rig.session().user.onUnit(reordered(at));
    };
    give(0, 300, 100, 2100);
    assert.equal(run.reached, FROM + 300, 'a picture that is shown earlier takes nothing back');
    run.seek(FROM);
    await rig.turn();
    rig.units = [];
    give(0, 300, 100, 200, 2100, 1900, 2000);
    assert.deepEqual(rig.units.map(Number), [0, 300, 100, 200, 2100, 1900]);
    assert.equal(run.reached, FROM + 1900);
    give(2400);
    assert.equal(rig.units.length, 6);
    assert.equal(rig.ends.length, 1);
  });
});
