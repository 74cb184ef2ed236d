import assert from 'node:assert/strict';
import type { VideoUnit } from '../../lib/codec/unit.js';
import { NvrError } from '../../lib/errors.js';
import { Subscribers, withoutCuts } from '../../lib/nvr/camera/subscribers.js';
import type { HubEvent, HubSubscriber } from '../../lib/nvr/types.js';
import { videoUnit } from '../kit/fake-hub.js';

const CUT = { data: Buffer.from('cut'), nals: [] };

/** A unit that its number tells apart. */
function unit(rtpTime: number, changes: Partial<VideoUnit> = {}): VideoUnit {
  return { ...videoUnit({ keyframe: false }), rtpTime, ...changes };
}

const event = (type: HubEvent['type'], more: object = {}): HubEvent =>
  ({ type, channel: 1, stream: 'main', time: 0, ...more }) as HubEvent;

describe('the subscribers of a camera', () => {
  let all: Subscribers;

  beforeEach(() => {
    all = new Subscribers();
  });

  interface User {
    readonly units: VideoUnit[];
    readonly events: HubEvent[];
    readonly leave: () => boolean;
    /** What came since the last call: each unit's number, and `lost` behind one that is not whole. */
    came(): string;
    words(): string;
  }

  function join(
    options: Partial<HubSubscriber> = {},
    kept: readonly VideoUnit[] = [],
    isWhole = false,
  ): User {
    const units: VideoUnit[] = [];
    const events: HubEvent[] = [];
    const leave = all.join(
      { onUnit: (one) => units.push(one as VideoUnit), onEvent: (one) => events.push(one), ...options },
      kept,
      isWhole,
    );
    return {
      ...{ units, events, leave },
      came: () => {
        const words = units.splice(0).map(({ rtpTime, reference }) => `${rtpTime}${reference ?? ''}`);
        return words.join(' ');
      },
      words: () => events.map(({ type }) => type).join(' '),
    };
  }

  function send(one: VideoUnit, skips = false): void {
    all.deliverVideo(one, withoutCuts(one), skips);
  }

  it('are told how the stream is now as they join: its last attempt, and the latest format alone', () => {
    const told = ['connecting', 'playing', 'format', 'gap', 'warning', 'format'] as const;
    for (const [index, type] of told.entries()) all.emit(event(type, { width: index }));
    const late = join();
    assert.equal(late.words(), 'connecting playing format');
    assert.equal((late.events[2] as { width?: number }).width, 5);
    for (const type of ['reconnecting', 'error'] as const) {
      all.clearHistory();
      all.emit(event(type));
      assert.equal(join().words(), type);
    }
    all.clearHistory();
    assert.equal(join().words(), '');
  });

  it('are told of an outage as a new one where they join during it, and nothing else so', () => {
    all.emit(event('connecting'));
    all.emit(event('error', { error: new NvrError('EAUTH', 'No.'), firstOfOutage: false }));
    const { events } = join();
    assert.deepEqual(
      events.map(({ firstOfOutage }) => firstOfOutage),
      [undefined, true],
    );
  });

  it('get what is kept first where they ask for it, and go on from there where nothing of it is missing', () => {
    const kept = [unit(1, { keyframe: true }), unit(2)];
    const [whole, broken, other] = [
      join({ fromKept: true }, kept, true),
      join({ fromKept: true }, kept, false),
      join({}, kept, true),
    ];
    send(unit(3));
    send(unit(4, { keyframe: true }));
    send(unit(5));
    assert.deepEqual(
      { wholeCame: whole.came(), brokenCame: broken.came(), otherCame: other.came() },
      { wholeCame: '1 2 3 4 5', brokenCame: '1 2 4 5', otherCame: '4 5' },
    );
  });

  it('wait after each session for the next unit that they can begin at', () => {
    const user = join();
    for (const round of [1, 2, 3]) {
      send(unit(10 * round));
      send(unit(10 * round + 1, { keyframe: true }));
      send(unit(10 * round + 2));
      assert.equal(user.came(), `${round}1 ${round}2`);
      all.beginAnew();
    }
  });

  it('that begin at a recovery point learn which pictures are not whole yet, each from its own beginning on', () => {
    const first = join();
    send(unit(1, { recoveryFrames: 2 }));
    const second = join();
    send(unit(2));
    send(unit(3, { recoveryFrames: 2 }));
    send(unit(4));
    send(unit(5));
    assert.deepEqual(
      { firstCame: first.came(), secondCame: second.came() },
      { firstCame: '1lost 2lost 3 4 5', secondCame: '3lost 4lost 5' },
    );
  });

  it('have a whole picture from the next keyframe on, also within a recovery', () => {
    const user = join();
    send(unit(1, { recoveryFrames: 5 }));
    send(unit(2, { keyframe: true }));
    send(unit(3));
    assert.equal(user.came(), '1lost 2 3');
  });

  it('have no recovery left over from a session before', () => {
    const user = join();
    send(unit(1, { recoveryFrames: 5 }));
    all.beginAnew();
    send(unit(2, { keyframe: true }));
    send(unit(3));
    assert.equal(user.came(), '1lost 2 3');
  });

  it('keep the mark of a unit that itself builds on what was lost', () => {
    const user = join();
    const broken = unit(1, { recoveryFrames: 1, reference: 'recovering' as never });
    send(broken);
    assert.equal(user.came(), '1recovering');
  });

  it('begin at a damaged keyframe only where they record cut slices, too', () => {
    const [viewer, recorder] = [join(), join({ cutSlices: true })];
    send(unit(1));
    send(unit(2, { keyframe: true, damaged: true }));
    send(unit(3));
    assert.deepEqual(
      { viewerCame: viewer.came(), recorderCame: recorder.came() },
      { viewerCame: '', recorderCame: '2 3' },
    );
  });

  it('get cut slices where they ask for them, and else what is left of the unit; nothing where nothing is', () => {
    const [viewer, recorder] = [join(), join({ cutSlices: true })];
    const rest = Buffer.from('rest');
    send(unit(1, { keyframe: true, data: rest, cut: CUT }));
    send(unit(2, { data: Buffer.alloc(0), cut: CUT }));
    send(unit(3));
    assert.deepEqual(recorder.units.map(({ data, cut }) => [data.toString(), cut]).slice(0, 2), [
      ['cut', undefined],
      ['cut', undefined],
    ]);
    assert.deepEqual(
      { data: viewer.units[0]!.data, cut: viewer.units[0]!.cut },
      { data: rest, cut: undefined },
    );
    assert.equal(viewer.came(), '1 3');
  });

  it('get the very unit that came where nothing of it was cut off: it is in the memory once', () => {
    const [viewer, recorder] = [join(), join({ cutSlices: true })];
    const came = unit(1, { keyframe: true });
    send(came);
    assert.equal(viewer.units[0], came);
    assert.equal(recorder.units[0], came);
  });

  it('that skip go without what builds on a loss, and the others do not', () => {
    const [skips, takes] = [join({ onLoss: 'skip' }), join()];
    send(unit(1, { keyframe: true }));
    send(unit(2), true);
    send(unit(3));
    assert.deepEqual(
      { skipsCame: skips.came(), takesCame: takes.came() },
      { skipsCame: '1 3', takesCame: '1 2 3' },
    );
  });

  it('leave once: the second time is none', () => {
    const [first, second] = [join(), join()];
    assert.deepEqual(
      { left: first.leave(), leftAgain: first.leave(), count: all.count },
      { left: true, leftAgain: false, count: 1 },
    );
    send(unit(1, { keyframe: true }));
    all.emit(event('playing'));
    assert.deepEqual(
      { firstCame: first.came(), words: first.words(), secondCame: second.came() },
      { firstCame: '', words: '', secondCame: '1' },
    );
  });

  it('do not hinder each other by what they throw, at an event or a unit, live or kept', () => {
    const fails = (): never => {
      throw new Error('A subscriber’s own.');
    };
    all.emit(event('connecting'));
    join({ onUnit: fails, onEvent: fails, fromKept: true }, [unit(1)], true);
    const other = join();
    all.emit(event('playing'));
    send(unit(2, { keyframe: true }));
    all.deliver(unit(3));
    assert.deepEqual(
      { words: other.words(), came: other.came() },
      { words: 'connecting playing', came: '2 3' },
    );
  });
});
