import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import sinon from 'sinon';
import { offerMoving, streamMoving } from '../../../nodes/shared/moving-picture.js';
import { FakeHub } from '../../kit/fake-hub.js';

class Answer extends EventEmitter {
  ends = 0;
  status = 0;

  writeHead(status: number): this {
    this.status = status;
    return this;
  }
  write(_bytes: Buffer, sent: () => void): boolean {
    sent();
    return true;
  }
  /** As a server does. */
  end(): void {
    if (this.ends++ === 0) this.emit('close');
  }
  destroy(): void {
    this.end();
  }
}

describe('the moving picture of a tested camera', () => {
  let clock: sinon.SinonFakeTimers;
  let answers: Answer[];

  beforeEach(() => {
    clock = sinon.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
    answers = [];
  });

  afterEach(() => {
    for (const answer of answers) answer.emit('close');
    clock.runAll();
    clock.restore();
  });

  function stream(id: unknown): Answer {
    const answer = new Answer();
    streamMoving(id, answer as unknown as ServerResponse);
    answers.push(answer);
    return answer;
  }

  const begun = (): { hub: FakeHub; answer: Answer } => {
    const hub = new FakeHub();
    return { hub, answer: stream(offerMoving(hub)) };
  };

  it('is shown once, for ten seconds, and lets the camera go then', () => {
    const hub = new FakeHub();
    const id = offerMoving(hub);
    const answer = stream(id);
    assert.deepEqual(
      { status: answer.status, subscribers: hub.subscribers.size },
      { status: 200, subscribers: 1 },
    );
    assert.throws(() => stream(id), { code: 'EINPUT' });
    clock.tick(9_999);
    assert.deepEqual({ ends: answer.ends, subscribers: hub.subscribers.size }, { ends: 0, subscribers: 1 });
    clock.tick(1);
    assert.deepEqual({ ends: answer.ends, subscribers: hub.subscribers.size }, { ends: 1, subscribers: 0 });
  });

  it('lets the camera go when the dialog is closed, and leaves no timer', () => {
    const hub = new FakeHub();
    const id = offerMoving(hub);
    const before = clock.countTimers();
    const answer = stream(id);
    clock.tick(5_000);
    answer.emit('close');
    assert.equal(hub.subscribers.size, 0);
    assert.equal(clock.countTimers(), before);
  });

  it('can be asked for within ten seconds of the test', () => {
    const [early, late] = [offerMoving(new FakeHub()), offerMoving(new FakeHub())];
    clock.tick(9_999);
    stream(early);
    clock.tick(1);
    for (const id of [late, undefined, 'guessed']) assert.throws(() => stream(id), { code: 'EINPUT' });
  });

  it('is one of four at once, and again when one of them has ended', () => {
    for (let round = 0; round < 2; round++) {
      const four = [begun(), begun(), begun(), begun()];
      const id = offerMoving(new FakeHub());
      assert.throws(() => stream(id), { code: 'EBUSY' });
      four[0]!.answer.emit('close');
      assert.equal(stream(id).status, 200, 'it may be asked for again');
      for (const answer of answers) answer.emit('close');
    }
  });

  it('is kept for eight tests at most', () => {
    const ids = Array.from({ length: 9 }, () => offerMoving(new FakeHub()));
    assert.throws(() => stream(ids[0]), { code: 'EINPUT' });
    assert.equal(stream(ids[1]).status, 200);
  });
});
