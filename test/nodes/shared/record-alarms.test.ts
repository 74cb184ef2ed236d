import assert from 'node:assert/strict';
import type { Node, NodeMessage } from 'node-red';
import { NvrError, type NvrErrorCode } from '../../../lib/errors.js';
import type { ClipInfo } from '../../../lib/nvr/recorder/types.js';
import { HeldAlarms } from '../../../nodes/shared/record-alarms.js';
import type { RecordOutput } from '../../../nodes/shared/record-output.js';

describe('an alarm’s clip that is told without the message that began it', () => {
  it('has a message of its own for each of its files, and leaves what is kept of the alarm as it is', () => {
    const sent: NodeMessage[] = [];
    // As Node-RED does, which hands messages on later, and does not copy them for the first node.
    const node = { send: ([message]: [NodeMessage]) => void sent.push(message) } as unknown as Node;
    const output = {
      clip: (message: NodeMessage, { file }: ClipInfo) => Object.assign(message, { payload: file }),
    } as unknown as RecordOutput;
    const alarms = new HeldAlarms(node, output, (message) => structuredClone(message));
    const message = { topic: 'door', payload: { zone: 3 }, place: { floor: 1 } };
    for (const [file, last] of [
      ['/clips/door.mp4', false],
      ['/clips/door-2.mp4', true],
    ] as const) {
      const info = { file } as unknown as ClipInfo;
      alarms.finished({ type: 'finished', clip: 0, info, last, message });
    }
    Object.assign((sent[0] as unknown as typeof message).place, { floor: 'changed by a flow' });
    assert.deepEqual(
      sent.map(({ payload }) => payload),
      ['/clips/door.mp4', '/clips/door-2.mp4'],
    );
    assert.deepEqual(message, { topic: 'door', payload: { zone: 3 }, place: { floor: 1 } });
  });
});

describe('an alarm that waits for its clip while its node closes', () => {
  const output = { clip: (message: NodeMessage) => message } as unknown as RecordOutput;

  /** Holds an alarm, ends it while the node closes, and returns how the message was answered. */
  async function answerTo(
    event: { type: 'finished'; last: boolean } | { type: 'failed'; error: NvrError },
    isLast: boolean,
  ): Promise<string> {
    const alarms = new HeldAlarms(undefined as unknown as Node, output, (message) => message);
    let holder: unknown;
    const ended = alarms.hold(
      {} as never,
      () => undefined,
      (one) => {
        holder = one;
        return true;
      },
    )!;
    alarms.ended({ ...event, holder } as never, isLast);
    const answer = await Promise.race([
      ended.then(
        () => 'done',
        (error: unknown) => (error as NvrError).code,
      ),
      new Promise<string>((resolve) => setImmediate(resolve, 'waits')),
    ]);
    return answer;
  }

  const failed = (code: NvrErrorCode) => ({ type: 'failed', error: new NvrError(code, 'No clip.') }) as const;

  it('is done with the last file of its clip, which the next start sends', async () => {
    assert.equal(await answerTo({ type: 'finished', last: true }, false), 'done');
    assert.equal(await answerTo({ type: 'finished', last: false }, false), 'waits');
  });

  it('gets the error now only where no next start tells it: the node is gone, or the disk took no journal', async () => {
    assert.equal(await answerTo(failed('ECONNREFUSED'), false), 'waits');
    assert.equal(await answerTo(failed('ECONNREFUSED'), true), 'ECONNREFUSED');
    assert.equal(await answerTo(failed('EDISK'), false), 'EDISK');
  });
});
