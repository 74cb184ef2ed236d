// Messages that started a clip: each has a promise that is pending until its clip is finished or has failed.

import type { Node, NodeMessage } from 'node-red';
import { NvrError } from '../../lib/errors.js';
import type { RecorderEvent } from '../../lib/nvr/recorder/types.js';
import type { Input, Send } from './flow-node.js';
import type { RecordOutput } from './record-output.js';

type Finished = RecorderEvent & { type: 'finished' };
type Failed = RecorderEvent & { type: 'failed' };

interface HeldAlarm {
  readonly message: Input;
  readonly send: Send;
  /**
   * Resolves with the clip, or rejects with the reason why there is none. Stays pending if the next start
   * reports it.
   */
  readonly ended: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: NvrError) => void;
}

export class HeldAlarms {
  private readonly held = new Set<HeldAlarm>();

  constructor(
    private readonly node: Node,
    private readonly output: RecordOutput,
    private readonly copy: <T extends NodeMessage>(message: T) => T,
  ) {}

  /**
   * `begin` passes the alarm to the recorder and returns whether it starts a clip. If so, returns the promise
   * for that clip.
   */
  hold(message: Input, send: Send, begin: (holder: HeldAlarm) => boolean): Promise<void> | undefined {
    let resolve!: () => void;
    let reject!: (error: NvrError) => void;
    const ended = new Promise<void>((...callbacks) => {
      [resolve, reject] = callbacks;
    });
    const alarm: HeldAlarm = { message, send, ended, resolve, reject };
    if (!begin(alarm)) return undefined;
    this.held.add(alarm);
    return ended;
  }

  /**
   * Sends a finished file. The original message goes with the last file of its clip, copies with those
   * before. Without a waiting message, sends a copy of the stored one, which the journal keeps.
   */
  finished({ info, last, message: kept, holder }: Finished): void {
    const filled = (message: NodeMessage): NodeMessage => this.output.clip(message, info);
    const alarm = holder as HeldAlarm | undefined;
    if (alarm === undefined) {
      this.node.send([filled(this.copy<NodeMessage>({ ...kept })), null]);
      return;
    }
    alarm.send([filled(last ? alarm.message : this.copy(alarm.message)), null]);
    if (last) this.release(alarm).resolve();
  }

  failed({ error, message: kept = {}, firstOfOutage, holder }: Failed): void {
    if (holder !== undefined) this.release(holder as HeldAlarm).reject(error);
    else if (firstOfOutage) this.node.error(error, { ...kept, ...this.output.mark });
  }

  /**
   * Called while the node closes. The clip is in the journal, and is sent after the next start. `isLast`:
   * there will be no next start.
   */
  ended(event: RecorderEvent, isLast: boolean): void {
    if (event.type !== 'failed' && !(event.type === 'finished' && event.last)) return;
    if (event.holder === undefined) return;
    const alarm = this.release(event.holder as HeldAlarm);
    if (event.type === 'finished') alarm.resolve();
    // Otherwise the next start reports the failure from the journal, and Catch would receive it twice. After
    // a failure of the disk the journal may lack it.
    else if (isLast || event.error.code === 'EDISK') alarm.reject(event.error);
  }

  close(): void {
    const unfinished = new NvrError('EDISK', 'The clip could not be finished before the node was closed.');
    for (const alarm of this.held) this.release(alarm).reject(unfinished);
  }

  private release(alarm: HeldAlarm): HeldAlarm {
    this.held.delete(alarm);
    return alarm;
  }
}
