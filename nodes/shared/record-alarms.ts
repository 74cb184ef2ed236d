// Messages that began a clip: each is a promise until its clip is finished or has failed.

import type { Node, NodeMessage } from 'node-red';
import { NvrError } from '../../lib/errors.js';
import type { RecorderEvent } from '../../lib/nvr/recorder/types.js';
import type { Input, Send } from './flow-node.js';
import type { RecordOutput } from './record-output.js';

type Finished = RecorderEvent & { type: 'finished' };
type Failed = RecorderEvent & { type: 'failed' };

export interface HeldAlarm {
  readonly message: Input;
  readonly send: Send;
  /** Resolves with the clip, rejects with why there is none; neither where the next start tells it. */
  readonly ended: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: NvrError) => void;
}

export class HeldAlarms {
  private readonly held = new Set<HeldAlarm>();

  constructor(
    private readonly node: Node,
    private readonly output: RecordOutput,
    private readonly copy: (message: Input) => Input,
  ) {}

  /**
   * `begin` tells the recorder of it, and answers whether it begins a clip: if so, the promise is the clip's.
   */
  hold(message: Input, send: Send, begin: (holder: HeldAlarm) => boolean): Promise<void> | undefined {
    let resolve!: () => void;
    let reject!: (error: NvrError) => void;
    const ended = new Promise<void>((...settle) => {
      [resolve, reject] = settle;
    });
    const alarm: HeldAlarm = { message, send, ended, resolve, reject };
    if (!begin(alarm)) return undefined;
    this.held.add(alarm);
    return ended;
  }

  /**
   * The message goes with the last file of its clip, copies with those before. What no message waits for is a
   * message of its own, of what was kept of the alarm's.
   */
  finished({ info, last, message: kept = {}, holder }: Finished): void {
    const filled = (message: NodeMessage): NodeMessage => this.output.clip(message, info);
    const alarm = holder as HeldAlarm | undefined;
    if (alarm === undefined) {
      this.node.send([filled(kept), null]);
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
   * While the node closes: the clip stands in the journal, and is sent after the next start. `isLast`: there
   * is none.
   */
  ended(event: RecorderEvent, isLast: boolean): void {
    if (event.type !== 'failed' && !(event.type === 'finished' && event.last)) return;
    if (event.holder === undefined) return;
    const alarm = this.release(event.holder as HeldAlarm);
    if (event.type === 'finished') alarm.resolve();
    // After a deploy of some nodes Catch would hear it now and after the start; the journal needs a disk,
    // though.
    else if (isLast || event.error.code === 'EDISK') alarm.reject(event.error);
  }

  close(): void {
    const unfinished = new NvrError('EDISK', 'The clip could not be finished before the node was closed.');
    for (const alarm of this.held) alarm.reject(unfinished);
    this.held.clear();
  }

  private release(alarm: HeldAlarm): HeldAlarm {
    this.held.delete(alarm);
    return alarm;
  }
}
