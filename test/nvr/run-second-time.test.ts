import assert from 'node:assert/strict';
import { NvrError } from '../../lib/errors.js';
import { FROM, RunRig } from '../kit/run-rig.js';

describe('a playback run, the second time round', () => {
  let rig: RunRig;

  beforeEach(() => {
    rig = new RunRig();
  });

  afterEach(() => {
    rig.close();
  });

  it('counts nothing as missing that was jumped over by a seek, forwards or back', async () => {
    const run = rig.play(10);
    await rig.turn();
    rig.send(0, 1000);
    run.seek(FROM + 6000);
    await rig.turn();
    rig.send(6000, 7000);
    run.seek(FROM + 3000);
    await rig.turn();
    assert.deepEqual(
      rig.opened.map(({ at, session: { closed } }) => ({ at, closed })),
      [
        { at: 0, closed: 1 },
        { at: 6000, closed: 1 },
        { at: 3000, closed: 0 },
      ],
    );
    rig.send(3000, 10_100);
    assert.deepEqual(rig.ends, [['reached', undefined, 0]]);
  });

  it('marks what a resume repeats, and not what a seek back plays again', async () => {
    const run = rig.play(10);
    await rig.turn();
    rig.send(0, 300);
    run.pause();
    assert.equal(rig.session().closed, 1);
    run.resume();
    await rig.turn();
    assert.equal(rig.opened.at(-1)!.at, 200);
    rig.send(0, 400);
    assert.deepEqual(rig.units.splice(0), ['0', '100', '200', '0r', '100r', '200r', '300']);
    run.seek(FROM);
    await rig.turn();
    rig.send(0, 200);
    assert.deepEqual(rig.units, ['0', '100']);
  });

  it('lets a server wait from the first byte on where it was held before it had opened, also the next time', async () => {
    const run = rig.play(10);
    run.hold();
    await rig.turn();
    assert.deepEqual(rig.session().reading, ['paused']);
    run.letGo();
    run.letGo();
    assert.deepEqual(rig.session().reading, ['paused', 'resumed']);
    run.hold();
    run.seek(FROM + 1000);
    await rig.turn();
    assert.deepEqual(rig.session().reading, ['paused']);
  });

  it('goes on three times, from where it got to, then ends and says what is missing', async () => {
    rig.play(10);
    await rig.turn();
    rig.send(0, 1000);
    for (const [index, waits] of [0, 2000, 8000].entries()) {
      rig.end('eof');
      assert.equal(rig.interruptions.at(-1), waits);
      await rig.clock.tickAsync(waits);
      assert.equal(rig.opened.at(-1)!.at, 900 + index * 1000);
      rig.send(900 + index * 1000, 2000 + index * 1000);
    }
    rig.end('eof');
    assert.deepEqual(rig.interruptions, [0, 2000, 8000]);
    assert.deepEqual(rig.ends, [['eof', 'EUNREACHABLE', 6100]]);
    await rig.clock.tickAsync(600_000);
    assert.equal(rig.opened.length, 4);
    assert.equal(rig.ends.length, 1);
  });

  it('takes a refusal as final before it has played, and not behind a break', async () => {
    rig.refusal = 'EUNREACHABLE';
    rig.play(10);
    await rig.turn();
    assert.deepEqual(rig.ends, [['error', 'EUNREACHABLE', 0]]);
    rig.refusal = undefined;
    rig.play(10);
    await rig.turn();
    rig.send(0, 1000);
    rig.refusal = 'EFORBIDDEN';
    rig.end('eof');
    await rig.clock.tickAsync(2000);
    assert.deepEqual(rig.interruptions, [0, 2000, 8000]);
    rig.refusal = undefined;
    await rig.clock.tickAsync(8000);
    assert.equal(rig.opened.at(-1)!.at, 900);
    rig.send(900, 10_100);
    assert.deepEqual(rig.ends[1], ['reached', undefined, 0]);
  });

  it('ends once: what comes of its session or its timers afterwards is no one’s', async () => {
    const run = rig.play(2);
    await rig.turn();
    const { user } = rig.session();
    rig.send(0, 2100);
    rig.end('eof');
    void run.stop();
    run.pause();
    run.resume();
    run.seek(FROM);
    await rig.clock.tickAsync(600_000);
    user.onError(new NvrError('EINPUT', 'Late.'));
    assert.deepEqual(rig.ends, [['reached', undefined, 0]]);
    assert.equal(rig.opened.length, 1);
  });

  it('is given up where the recorded time stands still, after twice what is left and half a minute', async () => {
    const run = rig.play(10);
    await rig.turn();
    rig.send(0, 1000);
    run.seek(FROM + 5000);
    await rig.turn();
    await rig.clock.tickAsync(39_000);
    assert.deepEqual(rig.ends, []);
    await rig.clock.tickAsync(1000);
    assert.deepEqual(rig.ends, [['stalled', 'ETIMEDOUT', 5000]]);
  });

  it('has no bound where no end was asked for, nor one that a timer cannot hold', async () => {
    rig.play(undefined);
    rig.play(100 * 86_400);
    await rig.turn();
    await rig.clock.tickAsync(20 * 86_400_000);
    assert.deepEqual(rig.ends, []);
  });

  it('goes on from a pause in which its interruption was waiting', async () => {
    const run = rig.play(10);
    await rig.turn();
    rig.send(0, 1000);
    rig.end('eof');
    await rig.turn();
    rig.end('eof');
    run.pause();
    await rig.clock.tickAsync(60_000);
    assert.equal(rig.opened.length, 2);
    run.resume();
    await rig.turn();
    assert.equal(rig.opened.at(-1)!.at, 900);
    rig.send(900, 10_100);
    assert.deepEqual(rig.ends, [['reached', undefined, 0]]);
  });

  it('tells each session that it opens, and what state it is in', async () => {
    const run = rig.play(10);
    assert.deepEqual(
      { splice: rig.told.splice(0), state: run.state, reached: run.reached },
      { splice: ['connecting'], state: 'opening', reached: FROM },
    );
    await rig.turn();
    assert.deepEqual(
      { splice: rig.told.splice(0), state: run.state },
      { splice: ['playing tcp'], state: 'playing' },
    );
    run.seek(FROM + 2000);
    assert.deepEqual(
      { splice: rig.told.splice(0), state: run.state, reached: run.reached },
      { splice: ['connecting'], state: 'opening', reached: FROM + 2000 },
    );
    await rig.turn();
    rig.send(2000, 2300);
    run.pause();
    run.pause();
    assert.deepEqual(
      { splice: rig.told.splice(0), state: run.state },
      { splice: ['playing tcp', 'paused 2200'], state: 'paused' },
    );
    run.resume();
    run.resume();
    await rig.turn();
    run.resume();
    assert.deepEqual(
      { splice: rig.told.splice(0), state: run.state, opened: rig.opened.length },
      { splice: ['connecting', 'playing tcp'], state: 'playing', opened: 3 },
    );
  });

  it('can be paused while it opens: what opens then is closed, and nothing is told of it', async () => {
    const run = rig.play(10);
    run.pause();
    await rig.turn();
    assert.deepEqual(
      { state: run.state, told: rig.told },
      { state: 'paused', told: ['connecting', 'paused 0'] },
    );
    assert.ok(rig.opened.every(({ session: { closed } }) => closed === 1));
    run.resume();
    await rig.turn();
    assert.deepEqual({ state: run.state, at: rig.opened.at(-1)!.at }, { state: 'playing', at: 0 });
  });

  it('plays on as if nothing were where a seek is refused, also to the very end', async () => {
    const run = rig.play(10);
    await rig.turn();
    assert.throws(() => {
      run.seek(FROM + 10_000);
    });
    assert.deepEqual(
      { state: run.state, closed: rig.session().closed, opened: rig.opened.length },
      { state: 'playing', closed: 0, opened: 1 },
    );
    run.seek(FROM + 9_999);
  });

  it('is stopped once its last session is closed', async () => {
    let over = (): void => undefined;
    rig.teardown = new Promise((resolve) => (over = resolve));
    const run = rig.play(10);
    await rig.turn();
    let isStopped = false;
    void run.stop().then(() => (isStopped = true));
    await rig.turn();
    assert.deepEqual(
      { closed: rig.session().closed, isStopped, ends: rig.ends },
      { closed: 1, isStopped: false, ends: [['stopped', undefined, 0]] },
    );
    over();
    await rig.turn();
    assert.equal(isStopped, true);
  });

  it('finds its end anew in each session, also behind one that broke off at it', async () => {
    const run = rig.play(2);
    await rig.turn();
    rig.send(0, 2000);
    run.seek(FROM);
    await rig.turn();
    rig.send(0, 2000);
    assert.deepEqual(rig.ends, []);
    rig.send(2000, 2100);
    assert.deepEqual(rig.ends, [['reached', undefined, 0]]);
    assert.equal(rig.units.at(-1), '1900');
  });

  it('passes on a warning of its session, and ends where who takes its pictures fails', async () => {
    rig.play(10);
    await rig.turn();
    rig.told = [];
    rig.session().user.onWarning(new NvrError('EAUTH', 'In clear.'));
    rig.session().user.onError(new NvrError('EINPUT', 'A handler failed.'));
    assert.deepEqual(rig.told, ['In clear.', 'A handler failed.']);
    assert.deepEqual(rig.ends, [['error', 'EINPUT', 0]]);
    assert.equal(rig.session().closed, 1);
  });
});
