// One camera of a record node: its recorder, its alarms, and its messages.

import { NvrError } from '../../lib/errors.js';
import { keepMessage } from '../../lib/nvr/recorder/kept-message.js';
import { Recorder } from '../../lib/nvr/recorder/recorder.js';
import type { RecorderEvent } from '../../lib/nvr/recorder/types.js';
import type { CameraHub, HubEvent } from '../../lib/nvr/types.js';
import { isOff, reasonOf } from './alarm-message.js';
import type { CameraParts } from './cameras-of.js';
import type { Input, Send } from './flow-node.js';
import { HeldAlarms } from './record-alarms.js';
import { ARCHIVE_ACTIONS, RecordArchive, type Exporting } from './record-archive.js';
import { RecordBadge } from './record-badge.js';
import { recorderDeps, recorderOptions, type RecordContext } from './record-options.js';
import { RecordOutput } from './record-output.js';
import { offerRecorded } from './recorded-cameras.js';

/** Below the 15 s after which Node-RED abandons a closing node. */
const CLOSE_MS = 12_000;

/** What the node's cameras share, and what belongs to this one. */
interface RecordCameraParts extends CameraParts {
  /** Distinguishes its files from those of others in the same folder. */
  readonly id: string;
  readonly exporting: Exporting;
}

export class RecordCamera {
  private readonly hub: CameraHub;
  private readonly recorder: Recorder;
  private readonly output: RecordOutput;
  private readonly badge: RecordBadge;
  /** Records continuously, with or without alarms. */
  private readonly isEndless: boolean;
  private readonly archive: RecordArchive;
  private readonly alarms: HeldAlarms;
  private readonly withdrawRecorded: () => void;
  private armed = false;
  /** Undefined until the node closes. `isLast`: no next start will report what remains. */
  private closing: { readonly isLast: boolean } | undefined;

  constructor(
    private readonly context: RecordContext,
    private readonly parts: RecordCameraParts,
  ) {
    const { RED, node, nvr, server, settings } = context;
    const { channel, mark, id, exporting, show } = parts;
    this.isEndless = settings.mode !== 'alarm';
    this.hub = nvr.camera(channel, settings.stream);
    this.output = new RecordOutput(node, server.settings, this.hub, settings.attach, mark);
    const options = recorderOptions(context, this.hub, id);
    const deps = recorderDeps(context, this.hub);
    this.recorder = new Recorder(this.hub, options, deps, {
      onEvent: (event) => {
        if (this.closing === undefined) this.onEvent(event);
        else this.alarms.ended(event, this.closing.isLast);
      },
      onHubEvent: (event) => {
        this.onHubEvent(event);
      },
      isRunning: () => this.closing === undefined,
    });
    this.archive = new RecordArchive(context, this.recorder, this.output, options, deps, exporting);
    this.withdrawRecorded = offerRecorded(server, {
      channel: this.hub.channel,
      catalog: this.recorder.catalog,
    });
    this.alarms = new HeldAlarms(node, this.output, (message) => RED.util.cloneMessage(message));
    this.badge = new RecordBadge(show, this.hub, () =>
      this.armed ? this.recorder.status.state === 'recording' : undefined,
    );
  }

  arm(): void {
    this.armed = true;
    this.recorder.arm();
    this.badge.show();
  }

  /** Call once at the start. */
  warnOfNoLimit(): void {
    this.output.warning(noLimit());
  }

  /** Removes files of exports in the folder that a crash interrupted. Never rejects. */
  cleanUp(): Promise<void> {
    return this.archive.cleanUp();
  }

  /** Resolves at once, or with the clip that the message started. */
  async input(message: Input, send: Send): Promise<void> {
    const archived = ARCHIVE_ACTIONS.find((action) => action === message.action);
    if (archived !== undefined) {
      await this.archive.take(archived, message, send);
      return;
    }
    switch (message.action) {
      case undefined:
      case null:
      case '':
        await this.alarm(message, send);
        break;
      case 'start':
        if (this.isEndless) this.arm();
        else await this.record(message, true, send);
        break;
      case 'stop':
        if (this.isEndless) await this.disarm();
        else this.stop();
        break;
      case 'arm':
        this.arm();
        break;
      case 'disarm':
        await this.disarm();
        break;
      case 'status':
        send([null, this.output.status(message, this.recorder.status, await this.archive.publicKey())]);
        break;
      default:
        throw new NvrError(
          'EINPUT',
          `msg.action must be one of start, stop, arm, disarm, status, ${ARCHIVE_ACTIONS.join(', ')}.`,
        );
    }
  }

  /** Finishes the current recording within the time that Node-RED allows. */
  async close(isLast: boolean): Promise<void> {
    this.closing = { isLast };
    this.withdrawRecorded();
    const finished = Promise.all([this.recorder.close(), this.archive.close()]);
    this.badge.close();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, CLOSE_MS);
    });
    await Promise.race([finished, late]);
    clearTimeout(timer);
    this.output.close();
    this.alarms.close();
  }

  /** Alarms are ignored while disarmed. */
  private async alarm(message: Input, send: Send): Promise<void> {
    const { payload } = message;
    if (isOff(payload)) this.recorder.endAlarm();
    else if (this.armed) await this.record(message, payload === true, send);
  }

  private record(message: Input, held: boolean, send: Send): Promise<void> | undefined {
    const ended = this.alarms.hold(message, send, (holder) => {
      const alarm = { reason: reasonOf(message), held, message: keepMessage(message), holder };
      return this.recorder.alarm(alarm).began;
    });
    this.badge.show();
    return ended;
  }

  private stop(): void {
    this.recorder.stop();
    this.badge.show();
  }

  private async disarm(): Promise<void> {
    if (!this.armed) return;
    this.armed = false;
    const finished = this.recorder.disarm();
    this.badge.show();
    await finished.then(() => {
      // The recorder may have been armed again meanwhile.
      if (!this.armed) this.output.event('stopped');
    });
  }

  private onEvent(event: RecorderEvent): void {
    this.output.recorderEvent(event);
    if (event.type === 'recording' || event.type === 'finished') this.badge.clip(undefined);
    if (event.type === 'failed') this.badge.clip(event.error.code);
    if (event.type === 'finished') this.alarms.finished(event);
    if (event.type === 'failed') this.alarms.failed(event);
    this.badge.show();
  }

  private onHubEvent(event: HubEvent): void {
    if (this.closing !== undefined) return;
    this.badge.onHubEvent(event);
    this.output.hubEvent(event);
    if (event.firstOfOutage === true) this.context.node.error(event.error, { ...this.parts.mark });
  }
}

function noLimit(): NvrError {
  return new NvrError(
    'EDISK',
    'Continuous recording keeps everything until the disk is nearly full; set "keepGiB" or "keepDays" to delete the oldest files.',
  );
}
