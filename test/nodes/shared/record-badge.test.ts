import assert from 'node:assert/strict';
import { RecordBadge } from '../../../nodes/shared/record-badge.js';
import { FakeHub, videoUnit, type FakeNews } from '../../kit/fake-hub.js';

/** A badge and its hub; `recording` is what the recorder does, undefined while disarmed. */
function rig(): {
  hub: FakeHub;
  badge: RecordBadge;
  shown: string[];
  tell: (news: FakeNews) => void;
  recording: (does: boolean | undefined) => void;
} {
  const hub = new FakeHub();
  const shown: string[] = [];
  let does: boolean | undefined = false;
  const badge = new RecordBadge(
    ({ fill, shape, text }) => shown.push(`${fill} ${shape} ${text}`),
    hub,
    () => does,
  );
  hub.subscribe({
    onEvent: (event) => {
      badge.onHubEvent(event);
    },
  });
  return {
    ...{ hub, badge, shown },
    tell: (news) => {
      hub.tell(news);
    },
    recording: (now) => {
      does = now;
      badge.show();
    },
  };
}

describe('the badge of a recorded camera', () => {
  it('is idle until the stream plays, and armed or recording then', () => {
    const { badge, shown, tell, recording } = rig();
    badge.show();
    tell({ type: 'connecting' });
    tell({ type: 'playing' });
    recording(true);
    recording(false);
    assert.deepEqual(shown, [
      'grey ring idle',
      'yellow ring connecting',
      'green dot armed',
      'blue dot recording',
      'green dot armed',
    ]);
  });

  it('is sent to the editor only when it changes, in the second outage as in the first', () => {
    const { shown, tell } = rig();
    for (let outage = 0; outage < 2; outage++) {
      for (let attempt = 1; attempt <= 3; attempt++) tell({ type: 'reconnecting', code: 'ETIMEDOUT' });
      tell({ type: 'playing' });
      tell({ type: 'gap' });
    }
    assert.deepEqual(shown, [
      'yellow ring ETIMEDOUT',
      'green dot armed',
      'yellow ring ETIMEDOUT',
      'green dot armed',
    ]);
  });

  it('shows another colour of the same text, and another text in the same colour', () => {
    const { shown, tell } = rig();
    tell({ type: 'connecting' });
    tell({ type: 'reconnecting', code: 'EAUTH' });
    tell({ type: 'error', code: 'EAUTH' });
    assert.deepEqual(shown, ['yellow ring connecting', 'yellow ring EAUTH', 'red ring EAUTH']);
  });

  it('shows that it is disarmed rather than a trouble, a trouble rather than a failed clip, and that rather than a clip', () => {
    const { badge, shown, tell, recording } = rig();
    tell({ type: 'playing' });
    badge.clip('EDISK');
    recording(true);
    tell({ type: 'reconnecting', code: 'EUNREACHABLE' });
    recording(undefined);
    recording(false);
    assert.deepEqual(shown, [
      'green dot armed',
      'red ring EDISK',
      'yellow ring EUNREACHABLE',
      'grey ring disarmed',
      'yellow ring EUNREACHABLE',
    ]);
  });

  it('keeps a failed clip until the next one succeeds, or, if the stream was the cause, until it plays again', () => {
    const { badge, shown, tell } = rig();
    tell({ type: 'playing' });
    badge.clip('ENOKEYFRAME');
    tell({ type: 'gap' });
    assert.equal(shown.at(-1), 'red ring ENOKEYFRAME');
    tell({ type: 'playing' });
    badge.clip('EDISK');
    tell({ type: 'playing' });
    assert.equal(shown.at(-1), 'red ring EDISK');
    badge.clip(undefined);
    assert.deepEqual(shown, [
      'green dot armed',
      'red ring ENOKEYFRAME',
      'green dot armed',
      'red ring EDISK',
      'green dot armed',
    ]);
  });

  it('waits for one picture after a missing keyframe, however often that is reported, and then for none', () => {
    const { hub, shown, tell } = rig();
    tell({ type: 'playing' });
    for (let round = 0; round < 2; round++) {
      for (let times = 0; times < 3; times++) tell({ type: 'warning', code: 'ENOKEYFRAME' });
      assert.equal(hub.subscribers.size, 2);
      hub.emit({ ...videoUnit(), kind: 'audio' } as never);
      assert.equal(shown.at(-1), 'yellow ring ENOKEYFRAME');
      hub.emit(videoUnit());
      assert.equal(shown.at(-1), 'green dot armed');
      assert.equal(hub.subscribers.size, 1);
    }
    tell({ type: 'warning', code: 'EOVERLOAD' });
    assert.deepEqual(
      { users: hub.subscribers.size, badge: shown.at(-1) },
      { users: 1, badge: 'green dot armed' },
    );
  });

  it('waits for no picture while it is disarmed, and for one again when it is armed without any', () => {
    const { hub, shown, tell, recording } = rig();
    tell({ type: 'warning', code: 'ENOKEYFRAME' });
    recording(undefined);
    assert.equal(hub.subscribers.size, 1);
    tell({ type: 'warning', code: 'ENOKEYFRAME' });
    assert.equal(hub.subscribers.size, 1);
    recording(false);
    tell({ type: 'warning', code: 'ENOKEYFRAME' });
    assert.equal(hub.subscribers.size, 2);
    hub.emit(videoUnit());
    assert.equal(shown.at(-1), 'green dot armed');
  });

  it('shows nothing and waits for nothing once it is closed', () => {
    const { hub, badge, shown, tell } = rig();
    tell({ type: 'warning', code: 'ENOKEYFRAME' });
    badge.close();
    assert.equal(hub.subscribers.size, 1);
    tell({ type: 'playing' });
    badge.clip('EDISK');
    assert.deepEqual(shown, ['yellow ring ENOKEYFRAME']);
  });
});
