import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import type { NodeAPI } from 'node-red';
import { whenFlowsRun } from '../../../nodes/shared/server-node.js';

const runtime = (): { RED: NodeAPI; events: EventEmitter } => {
  const events = new EventEmitter();
  return { RED: { events } as unknown as NodeAPI, events };
};

describe('whenFlowsRun', () => {
  it('runs each start once, when the flows run, with one listener for all', () => {
    const { RED, events } = runtime();
    const ran: number[] = [];
    for (const i of [1, 2, 3]) whenFlowsRun(RED, () => ran.push(i));
    whenFlowsRun(RED, () => ran.push(4))();
    assert.equal(events.listenerCount('flows:started'), 1);
    events.emit('flows:started');
    events.emit('flows:started');
    assert.deepEqual(ran, [1, 2, 3]);
  });

  it('hears another runtime of the process, and one that has lost its listeners', () => {
    const ran: string[] = [];
    const first = runtime();
    whenFlowsRun(first.RED, () => ran.push('first'));
    first.events.emit('flows:started');
    const second = runtime();
    whenFlowsRun(second.RED, () => ran.push('second'));
    second.events.emit('flows:started');
    first.events.removeAllListeners();
    whenFlowsRun(first.RED, () => ran.push('first again'));
    first.events.emit('flows:started');
    assert.deepEqual(ran, ['first', 'second', 'first again']);
  });

  it('starts nothing that an earlier start has cancelled, and what one adds at once', () => {
    const { RED, events } = runtime();
    const ran: string[] = [];
    whenFlowsRun(RED, () => {
      ran.push('first');
      cancel();
      whenFlowsRun(RED, () => ran.push('third'));
    });
    const cancel = whenFlowsRun(RED, () => ran.push('second'));
    events.emit('flows:started');
    assert.deepEqual(ran, ['first', 'third']);
  });
});
