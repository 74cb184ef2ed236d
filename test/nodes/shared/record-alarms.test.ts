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

describe('an alarm that waits for its clip', () => {
  function held(): {
    alarms: HeldAlarms;
    hold: (message: object, begins?: boolean) => Promise<void> | undefined;
    holders: object[];
    sent: NodeMessage[];
    errors: unknown[];
  } {
    const [holders, sent, errors]: [object[], NodeMessage[], unknown[]] = [[], [], []];
    const node = {
      send: () => assert.fail('sent by the node, not in answer to the message'),
      error: (error: NvrError, about: object) => errors.push([error.code, about]),
    } as unknown as Node;
    const output = {
      clip: (message: NodeMessage, { file }: ClipInfo) => Object.assign(message, { payload: file }),
      mark: { channel: 3 },
    } as unknown as RecordOutput;
    const alarms = new HeldAlarms(node, output, (message) => structuredClone(message));
    return {
      ...{ alarms, holders, sent, errors },
      hold: (message, begins = true) =>
        alarms.hold(
          message as never,
          ([clip]) => sent.push(clip!),
          (holder) => {
            holders.push(holder);
            return begins;
          },
        ),
    };
  }

  const file = (alarms: HeldAlarms, name: string, last: boolean, holder: object): void => {
    alarms.finished({ type: 'finished', clip: 1, info: { file: name } as ClipInfo, last, holder });
  };
  const isDone = async (ended: Promise<void>): Promise<boolean> =>
    Promise.race([ended.then(() => true), new Promise<boolean>((resolve) => setImmediate(resolve, false))]);

  it('is answered with a copy for each file, and with itself for the last, and done then', async () => {
    const { alarms, hold, holders, sent } = held();
    const message = { id: 'one' };
    const ended = hold(message)!;
    file(alarms, '/1.mp4', false, holders[0]!);
    assert.equal(await isDone(ended), false);
    file(alarms, '/2.mp4', true, holders[0]!);
    assert.equal(await isDone(ended), true);
    assert.deepEqual(sent, [
      { id: 'one', payload: '/1.mp4' },
      { id: 'one', payload: '/2.mp4' },
    ]);
    assert.notEqual(sent[0], message);
    assert.equal(sent[1], message);
  });

  it('that joins a clip under way waits for nothing, and is not answered when the node closes', () => {
    const { alarms, hold } = held();
    assert.equal(hold({}, false), undefined);
    alarms.close();
  });

  it('gets the error of its own clip, whatever was told before, and those of the next alarm are the next one’s', async () => {
    const { alarms, hold, holders, errors } = held();
    const [first, second] = [hold({ n: 1 })!, hold({ n: 2 })!];
    const fail = (holder?: object, firstOfOutage = false): void => {
      const error = new NvrError('EDISK', 'The disk is full.');
      const message = { topic: 'door' };
      alarms.failed({ type: 'failed', clip: 1, error, firstOfOutage, message, ...(holder && { holder }) });
    };
    fail(holders[0]);
    await assert.rejects(first, { code: 'EDISK' });
    assert.equal(await isDone(second), false);
    file(alarms, '/2.mp4', true, holders[1]!);
    await second;
    assert.deepEqual(errors, []);
    // Of a clip that no message waits for, Catch hears once an outage, with what is kept of the alarm.
    fail(undefined, false);
    assert.deepEqual(errors, []);
    fail(undefined, true);
    assert.deepEqual(errors, [['EDISK', { topic: 'door', channel: 3 }]]);
  });

  it('is told by the next start, and by no close, what the next start knows', async () => {
    const { alarms, hold, holders } = held();
    const [told, open] = [hold({ n: 1 })!, hold({ n: 2 })!];
    alarms.ended(
      {
        ...{ type: 'failed', clip: 1, firstOfOutage: true, holder: holders[0]! },
        error: new NvrError('EUNREACHABLE', 'No camera.'),
      },
      false,
    );
    // Clips that no message waits for end as well.
    alarms.ended({ type: 'finished', clip: 2, info: {} as ClipInfo, last: true }, false);
    alarms.close();
    alarms.close();
    await assert.rejects(open, {
      code: 'EDISK',
      message: /could not be finished before the node was closed/,
    });
    assert.equal(await isDone(told), false);
  });

  it('is told nothing at the close where its message began no clip', async () => {
    const { alarms, hold, holders } = held();
    assert.equal(hold({}, false), undefined);
    alarms.close();
    const { ended } = holders[0] as { ended: Promise<void> };
    const outcome = await Promise.race([
      ended.then(
        () => 'a clip',
        () => 'an error',
      ),
      new Promise((resolve) => setImmediate(resolve, 'nothing')),
    ]);
    assert.equal(outcome, 'nothing');
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
