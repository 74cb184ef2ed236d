// The badge of a recorded camera. In order of precedence: disarmed, a problem of the stream, the failure of
// the last clip, the current activity.

import type { NodeStatus } from 'node-red';
import type { NvrErrorCode } from '../../lib/errors.js';
import type { CameraHub, HubEvent, HubSubscription } from '../../lib/nvr/types.js';
import { failed, IDLE, statusOfEvent } from './status.js';

const ARMED: NodeStatus = { fill: 'green', shape: 'dot', text: 'armed' };
const RECORDING: NodeStatus = { fill: 'blue', shape: 'dot', text: 'recording' };
const DISARMED: NodeStatus = { fill: 'grey', shape: 'ring', text: 'disarmed' };

export class RecordBadge {
  /** Badge of the stream while it does not play. */
  private trouble: NodeStatus | undefined = IDLE;
  private failure: NvrErrorCode | undefined;
  private shown: NodeStatus | undefined;
  /** Waits for a keyframe after ENOKEYFRAME. */
  private keyframeWait: HubSubscription | undefined;
  private closed = false;

  constructor(
    private readonly setBadge: (badge: NodeStatus) => void,
    private readonly hub: CameraHub,
    /** Undefined if disarmed. */
    private readonly isRecording: () => boolean | undefined,
  ) {}

  onHubEvent(event: HubEvent): void {
    const status = statusOfEvent(event);
    if (status !== undefined) this.trouble = event.type === 'playing' ? undefined : status;
    if (event.type === 'playing' && this.failure !== 'EDISK') this.failure = undefined;
    if (event.type === 'warning' && event.code === 'ENOKEYFRAME') this.awaitKeyframe();
    this.show();
  }

  /** Sets the failure of the last clip; undefined if it succeeded. */
  clip(failure: NvrErrorCode | undefined): void {
    this.failure = failure;
    this.show();
  }

  /** Send only changes to the editor, because a camera may emit events continuously. */
  show(): void {
    if (this.closed) return;
    const badge = this.badge();
    // The subscription of `keyframeWait` would keep a session open although nothing is recorded.
    if (badge === DISARMED) this.stopWaiting();
    if (badge.text === this.shown?.text && badge.fill === this.shown?.fill) return;
    this.shown = badge;
    this.setBadge(badge);
  }

  close(): void {
    this.closed = true;
    this.stopWaiting();
  }

  private badge(): NodeStatus {
    const isRecording = this.isRecording();
    if (isRecording === undefined) return DISARMED;
    if (this.trouble !== undefined) return this.trouble;
    if (this.failure !== undefined) return failed(this.failure);
    return isRecording ? RECORDING : ARMED;
  }

  private awaitKeyframe(): void {
    this.stopWaiting();
    this.keyframeWait = this.hub.subscribe({
      onUnit: (unit) => {
        if (unit.kind !== 'video') return;
        this.stopWaiting();
        this.trouble = undefined;
        this.show();
      },
    });
  }

  private stopWaiting(): void {
    this.keyframeWait?.unsubscribe();
    this.keyframeWait = undefined;
  }
}
