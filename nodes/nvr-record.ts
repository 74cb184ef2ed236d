// Flow node `nvr-record`: an alarm makes a clip that begins before it, or segments are recorded without end. Clips on output 1, their story and the stream's on output 2.

import fs from 'node:fs/promises';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import type { Node, NodeAPI, NodeDef, NodeMessage, NodeMessageInFlow, NodeStatus } from 'node-red';
import type { VideoUnit } from '../lib/codec/unit.js';
import { NvrError, type NvrErrorCode } from '../lib/errors.js';
import { keepMessage } from '../lib/nvr/recorder/kept-message.js';
import { Recorder } from '../lib/nvr/recorder/recorder.js';
import type { ClipInfo, KeptMessage, RecorderDeps, RecorderEvent } from '../lib/nvr/recorder/types.js';
import { sharedSnapshotPool } from '../lib/nvr/snapshot/snapshot-pool.js';
import type { CameraHub, HubEvent, HubSubscription } from '../lib/nvr/types.js';
import { isOff, reasonOf } from './shared/alarm-message.js';
import { channelName, channelNumber } from './shared/channel.js';
import { eventInfo, flatClip, topicOf } from './shared/messages.js';
import { readRecordSettings } from './shared/record-settings.js';
import { Outlet } from './shared/output/outlet.js';
import { asNvrError, refuseSettings } from './shared/refuse.js';
import { nvrOf, serverOf, whenFlowsRun, type NvrServerNode } from './shared/server-node.js';
import { SettingsReader } from './shared/settings-reader.js';
import { failed, IDLE, statusOfEvent } from './shared/status.js';

type Saved = NodeDef & Record<string, unknown>;
type Send = (messages: (NodeMessage | null)[]) => void;
type Done = (error?: Error) => void;

interface Message extends NodeMessageInFlow {
  action?: unknown;
  channel?: unknown;
  reason?: unknown;
}

/** A first alarm's message, which waits for its clip. */
interface Waiting {
  readonly message: Message;
  readonly send: Send;
  readonly done: Done;
}

const ACTIONS = 'start, stop, arm, disarm, status';
const ARMED: NodeStatus = { fill: 'green', shape: 'dot', text: 'armed' };
const RECORDING: NodeStatus = { fill: 'blue', shape: 'dot', text: 'recording' };
const DISARMED: NodeStatus = { fill: 'grey', shape: 'ring', text: 'disarmed' };
const THUMBNAIL_QUALITY = 80;
/** Node-RED gives up on a node that takes 15 s to close. */
const CLOSE_MS = 12_000;

export = (RED: NodeAPI): void => {
  function RecordNode(this: Node, saved: Saved): void {
    RED.nodes.createNode(this, saved);
    this.status(IDLE);
    let camera: RecordCamera | undefined;
    const open = (): RecordCamera =>
      (camera ??= new RecordCamera(RED, this, serverOf(RED, saved.nvr), saved));
    const cancel = whenFlowsRun(RED, () => {
      try {
        open();
      } catch (error) {
        refuseSettings(this, error);
      }
    });
    this.on('input', (message: Message, send, done) => {
      try {
        open().take(message, send, done);
      } catch (error) {
        done(asNvrError(error));
      }
    });
    this.on('close', (removed: boolean, done: () => void) => {
      cancel();
      if (camera === undefined) done();
      else void camera.close(removed).then(done, done);
    });
  }
  RED.nodes.registerType('nvr-record', RecordNode as never);
};

class RecordCamera {
  private readonly hub: CameraHub;
  private readonly recorder: Recorder;
  private readonly isContinuous: boolean;
  /** By the number of the clip. */
  private readonly waiting = new Map<number, Waiting>();
  /** The stream's badge while it does not play. */
  private trouble: NodeStatus | undefined = IDLE;
  /** The badge at hand. */
  private shown: NodeStatus | undefined;
  /** Why the last clip failed. */
  private failure: NvrErrorCode | undefined;
  /** Waits for the keyframe that was missed. */
  private keyframeWait: HubSubscription | undefined;
  private armed = false;
  /** The flows are being stopped: what is told now reaches nobody. */
  private closing = false;
  /** It is deleted: no next start tells what is left. */
  private removed = false;
  private closed = false;
  private readonly outlet = new Outlet({
    send: (outputs) => {
      this.node.send(outputs);
    },
  });

  constructor(
    private readonly RED: NodeAPI,
    private readonly node: Node,
    private readonly server: NvrServerNode,
    saved: Saved,
  ) {
    const reader = new SettingsReader(saved);
    const channel = reader.text('channel', '1');
    const stream = reader.choice('stream', ['main', 'dual'], 'main');
    const version = reader.number('version', 0, { min: 0, max: 1000 });
    const ownFolder = path.join(RED.settings.userDir ?? process.cwd(), 'nvr-clips');
    const settings = readRecordSettings(reader, ownFolder, version);
    const thumbnail = reader.boolean('thumbnail', false);
    if (reader.error !== undefined) throw reader.error;
    const nvr = nvrOf(server);
    const number = channelNumber(server.settings, channel);
    const { name, timeZone } = server.settings;
    this.isContinuous = settings.mode === 'continuous';
    this.hub = nvr.camera(number, stream);
    const options = {
      ...settings,
      id: node.id,
      nvr: name,
      channel: channelName(server.settings, number),
      timeZone,
    };
    const deps: RecorderDeps = {
      fs,
      now: () => Date.now(),
      monotonic: () => performance.now(),
      timers: {
        set: (run: () => void, ms: number) => setTimeout(run, ms),
        clear: (timer: unknown) => {
          clearTimeout(timer as NodeJS.Timeout | undefined);
        },
      },
      ...(thumbnail && { thumbnail: (unit: VideoUnit) => jpegOf(unit, this.hub) }),
      ...(nvr.canPlayBack && {
        fetchSpan: (of, from, to, signal) => nvr.fetchSpan({ channel: of, stream, from, to }, signal),
      }),
    };
    this.recorder = new Recorder(this.hub, options, deps, {
      onEvent: (event) => {
        this.onEvent(event);
      },
      onHubEvent: (event) => {
        this.onHubEvent(event);
      },
      isRunning: () => !this.closing,
    });
    server.register(node);
    if (this.isContinuous && version === 0 && settings.keepGiB === 0 && settings.keepDays === 0)
      this.warnOfNoLimit();
    this.arm();
  }

  /** Calls `done` once: at once, or with the clip that the message began. Throws EINPUT. */
  take(message: Message, send: Send, done: Done): void {
    this.checkChannel(message);
    switch (message.action) {
      case undefined:
      case null:
      case '':
        this.alarm(message, send, done);
        return;
      case 'start':
        if (this.isContinuous) this.arm();
        else {
          this.record(message, true, send, done);
          return;
        }
        break;
      case 'stop':
        if (this.isContinuous) {
          this.disarm(done);
          return;
        }
        this.recorder.stop();
        this.showStatus();
        break;
      case 'arm':
        this.arm();
        break;
      case 'disarm':
        this.disarm(done);
        return;
      case 'status':
        send([null, this.statusMessage(message)]);
        break;
      default:
        throw new NvrError('EINPUT', `msg.action must be one of ${ACTIONS}.`);
    }
    done();
  }

  /** Finishes what is recorded, within the time that Node-RED gives. `removed`: it is not started again. Never rejects. */
  async close(removed: boolean): Promise<void> {
    this.closing = true;
    this.removed = removed;
    const finished = this.recorder.close();
    this.keyframeWait?.unsubscribe();
    this.server.deregister(this.node);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, CLOSE_MS);
    });
    await Promise.race([finished, late]);
    clearTimeout(timer);
    this.closed = true;
    this.outlet.close();
    const unfinished = new NvrError('EDISK', 'The clip could not be finished before the node was closed.');
    for (const { done } of this.waiting.values()) done(unfinished);
    this.waiting.clear();
  }

  private checkChannel({ channel }: Message): void {
    if (channel === undefined || channel === null || channel === '') return;
    if (channelNumber(this.server.settings, channel) !== this.hub.channel)
      throw new NvrError('EINPUT', 'msg.channel is not the channel that this node records.');
  }

  /** A disarmed recorder is not told of alarms: to ignore them is what it was disarmed for. */
  private alarm(message: Message, send: Send, done: Done): void {
    const { payload } = message;
    if (isOff(payload)) this.recorder.endAlarm();
    else if (this.armed) {
      this.record(message, payload === true, send, done);
      return;
    }
    done();
  }

  private record(message: Message, held: boolean, send: Send, done: Done): void {
    const alarm = { reason: reasonOf(message), held, message: keepMessage(message) };
    const { clip, began } = this.recorder.alarm(alarm);
    if (began) this.waiting.set(clip, { message, send, done });
    else done();
    this.showStatus();
  }

  private arm(): void {
    this.armed = true;
    this.recorder.arm();
    this.showStatus();
  }

  private disarm(done: Done): void {
    if (!this.armed) {
      done();
      return;
    }
    this.armed = false;
    const finished = this.recorder.disarm();
    this.showStatus();
    void finished.then(() => {
      if (!this.armed) this.sendEvent('stopped', {});
      done();
    });
  }

  private onEvent(event: RecorderEvent): void {
    if (this.closing) {
      this.onLateEvent(event);
      return;
    }
    switch (event.type) {
      case 'armed':
        this.sendEvent('armed', {});
        break;
      case 'recording':
        this.failure = undefined;
        this.sendEvent('recording', eventOf(event));
        break;
      case 'extended':
      case 'deleted':
        this.sendEvent(event.type, eventOf(event));
        break;
      case 'finished':
        this.failure = undefined;
        this.sendEvent('finished', { clip: event.clip, ...flatClip(event.info) });
        this.sendClip(event.clip, event.info, event.last, event.message);
        break;
      case 'failed':
        this.failure = event.error.code;
        this.sendEvent('failed', { ...eventOf(event), ...faultOf(event.error) });
        this.settle(event.clip, event.error, event.firstOfOutage, event.message);
        break;
      case 'warning':
        this.sendEvent('warning', faultOf(event.error));
        break;
    }
    this.showStatus();
  }

  /** The clip stands in the journal, and is sent after the next start. */
  private onLateEvent(event: RecorderEvent): void {
    if (event.type !== 'failed' && !(event.type === 'finished' && event.last)) return;
    const waiting = this.waiting.get(event.clip);
    this.waiting.delete(event.clip);
    if (event.type === 'finished') waiting?.done();
    // After a deploy of some nodes Catch would hear it now and after the start; the journal needs a disk, though.
    else if (this.removed || event.error.code === 'EDISK') waiting?.done(event.error);
  }

  /** The message of the first alarm goes with the last of its files; what no message waits for is a message of its own, of what was kept of the alarm's. */
  private sendClip(clip: number, info: ClipInfo, last: boolean, kept: KeptMessage = {}): void {
    const waiting = this.waiting.get(clip);
    const filled = (message: NodeMessage): NodeMessage => {
      const topic = message.topic ?? topicOf(this.server.settings, this.hub.channel, 'clip');
      return Object.assign(message, { topic, payload: info.file, clip: { ...info } });
    };
    if (waiting === undefined) {
      this.node.send([filled(kept), null]);
      return;
    }
    const { message, send, done } = waiting;
    send([filled(last ? message : this.RED.util.cloneMessage(message)), null]);
    if (!last) return;
    this.waiting.delete(clip);
    done();
  }

  private settle(clip: number, error: NvrError, isNews: boolean, kept: KeptMessage = {}): void {
    const waiting = this.waiting.get(clip);
    this.waiting.delete(clip);
    if (waiting !== undefined) waiting.done(error);
    else if (isNews) this.node.error(error, kept);
  }

  private warnOfNoLimit(): void {
    const reason =
      'Continuous recording keeps everything until the disk is nearly full; set "keepGiB" or "keepDays" to delete the oldest files.';
    this.sendEvent('warning', faultOf(new NvrError('EDISK', reason)));
  }

  private onHubEvent(event: HubEvent): void {
    if (this.closing) return;
    const status = statusOfEvent(event);
    if (status !== undefined) this.trouble = event.type === 'playing' ? undefined : status;
    if (event.type === 'playing' && this.failure !== 'EDISK') this.failure = undefined;
    if (event.type === 'warning' && event.code === 'ENOKEYFRAME') this.awaitKeyframe();
    this.showStatus();
    this.sendEvent(event.type, eventInfo(event));
    if (event.firstOfOutage === true && event.error !== undefined) this.node.error(event.error, {});
  }

  private awaitKeyframe(): void {
    this.keyframeWait?.unsubscribe();
    this.keyframeWait = this.hub.subscribe({
      onUnit: (unit) => {
        if (unit.kind !== 'video') return;
        this.keyframeWait?.unsubscribe();
        this.keyframeWait = undefined;
        this.trouble = undefined;
        this.showStatus();
      },
    });
  }

  private showStatus(): void {
    if (this.closed) return;
    // A camera may make events without end; the editor is told of changes.
    const badge = this.badge();
    if (badge.text === this.shown?.text && badge.fill === this.shown?.fill) return;
    this.shown = badge;
    this.node.status(badge);
  }

  private badge(): NodeStatus {
    if (!this.armed) return DISARMED;
    if (this.trouble !== undefined) return this.trouble;
    if (this.failure !== undefined) return failed(this.failure);
    return this.recorder.status.state === 'recording' ? RECORDING : ARMED;
  }

  /** `state` is the recorder's, `streamState` the stream's. */
  private statusMessage(message: Message): NodeMessage {
    const { statistics, channel, stream } = this.hub;
    const event = {
      channel,
      stream,
      time: Date.now(),
      ...statistics,
      streamState: statistics.state,
      ...this.recorder.status,
    };
    return Object.assign(message, { topic: message.topic ?? this.eventTopic, payload: 'status', event });
  }

  private sendEvent(word: string, more: object): void {
    const { channel, stream } = this.hub;
    this.outlet.event(word, { channel, stream, time: Date.now(), ...more }, (event) => [
      null,
      { topic: this.eventTopic, payload: word, event },
    ]);
  }

  private get eventTopic(): string {
    return topicOf(this.server.settings, this.hub.channel, 'event');
  }
}

/** A recorder's event as `msg.event`, without the word and what is meant for the node alone. */
function eventOf(event: RecorderEvent): Record<string, unknown> {
  const {
    type: _type,
    error: _error,
    firstOfOutage: _first,
    message: _message,
    ...info
  } = event as Record<string, unknown>;
  return info;
}

function faultOf({ code, message }: NvrError): { code: string; reason: string } {
  return { code, reason: message };
}

async function jpegOf({ codec, data }: VideoUnit, camera: object): Promise<Buffer> {
  if (codec === 'mjpeg') return data;
  const jpeg = await sharedSnapshotPool().decode({ codec, data, quality: THUMBNAIL_QUALITY }, camera);
  return Buffer.from(jpeg.data.buffer, jpeg.data.byteOffset, jpeg.data.byteLength);
}
