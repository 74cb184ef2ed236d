// Flow node `nvr-playback`: recorded video by time. Each run has a name; what it sends and tells carries it.

import path from 'node:path';
import type { Node, NodeAPI, NodeDef, NodeMessageInFlow } from 'node-red';
import { isKeyframe } from '../lib/codec/entry.js';
import { NvrError } from '../lib/errors.js';
import { DEFAULT_FILE_NAME } from '../lib/nvr/recorder/file-name.js';
import { parseDuration, parseTime } from '../lib/nvr/playback/nvr-time.js';
import type { PlaybackRequest, PlaybackRun, RecordedUnit } from '../lib/nvr/playback/run.js';
import { channelNumber } from './shared/channel.js';
import { contentTypeOf, topicOf, videoInfo } from './shared/messages.js';
import { Outlet } from './shared/output/outlet.js';
import { channelList } from './shared/channel-list.js';
import { PlaybackFiles, type FileSettings } from './shared/playback-files.js';
import { asNvrError, refuseSettings } from './shared/refuse.js';
import { nvrOf, serverOf, whenFlowsRun, type NvrServerNode } from './shared/server-node.js';
import { SettingsReader } from './shared/settings-reader.js';
import { failed, IDLE, STOPPED } from './shared/status.js';

type Saved = NodeDef & Record<string, unknown>;
type Done = (error?: Error) => void;
type Emit = 'keyframes' | 'accessUnits' | 'nalUnits';

interface Message extends NodeMessageInFlow {
  action?: unknown;
  from?: unknown;
  to?: unknown;
  duration?: unknown;
  channel?: unknown;
  stream?: unknown;
  speed?: unknown;
  group?: unknown;
  run?: unknown;
  output?: unknown;
}

/** A run of this node, and the input message that waits for it. */
interface Playing {
  readonly run: PlaybackRun;
  sequence: number;
  settle: (error?: Error) => void;
}

/** How a run ended. */
interface RunOutcome {
  readonly reason: string;
  readonly error: NvrError | undefined;
  readonly missingMs: number;
}

const MAX_NAME = 100;

export = (RED: NodeAPI): void => {
  function PlaybackNode(this: Node, saved: Saved): void {
    RED.nodes.createNode(this, saved);
    this.status(IDLE);
    let player: Player | undefined;
    const open = (): Player => (player ??= new Player(RED, this, serverOf(RED, saved.nvr), saved));
    const cancel = whenFlowsRun(RED, () => {
      try {
        open();
      } catch (error) {
        refuseSettings(this, error);
      }
    });
    this.on('input', (message: Message, _send, done) => {
      try {
        open().control(message, done);
      } catch (error) {
        done(asNvrError(error));
      }
    });
    this.on('close', (_removed: boolean, done: () => void) => {
      cancel();
      if (player === undefined) done();
      else void player.close().then(done, done);
    });
  }
  RED.nodes.registerType('nvr-playback', PlaybackNode as never);
};

class Player {
  private readonly emit: Emit;
  private readonly doneWhen: 'ended' | 'playing';
  private readonly runs = new Map<string, Playing>();
  private counter = 0;
  private readonly outlet: Outlet;
  private readonly output: 'units' | 'file';
  private readonly fileSettings: FileSettings;
  private writer: PlaybackFiles | undefined;

  constructor(
    private readonly RED: NodeAPI,
    private readonly node: Node,
    private readonly server: NvrServerNode,
    private readonly saved: Saved,
  ) {
    const reader = new SettingsReader(saved);
    this.emit = reader.choice<Emit>('emit', ['keyframes', 'accessUnits', 'nalUnits'], 'accessUnits');
    this.doneWhen = reader.choice('doneWhen', ['ended', 'playing'], 'ended');
    this.output = reader.choice('output', ['units', 'file'], 'units');
    this.fileSettings = {
      folder: reader.text('folder', path.resolve(RED.settings.userDir ?? process.cwd(), 'nvr-clips')),
      fileName: reader.text('fileName', DEFAULT_FILE_NAME),
      plain: reader.boolean('plain', true),
    };
    if (reader.error !== undefined) throw reader.error;
    nvrOf(server);
    server.register(node);
    this.outlet = new Outlet({
      send: (outputs) => {
        node.send(outputs);
      },
      onFull: (isFull) => {
        for (const { run } of this.runs.values())
          if (isFull) run.hold();
          else run.letGo();
      },
    });
    if (this.output === 'file') void this.files.recover();
  }

  control(message: Message, done: Done): void {
    const action = message.action ?? (this.setting(message, 'from') === undefined ? undefined : 'play');
    if (action === 'play') {
      this.play(message, done);
      return;
    }
    if (action === 'status') {
      this.answerStatus(message);
      done();
      return;
    }
    if (action !== 'pause' && action !== 'resume' && action !== 'seek' && action !== 'stop') {
      throw new NvrError('EINPUT', 'msg.action must be one of play, pause, resume, seek, stop, status.');
    }
    if (this.writer?.status.length && this.controlFiles(message, action)) {
      done();
      return;
    }
    const { run } = this.named(message);
    if (action === 'pause') run.pause();
    else if (action === 'resume') run.resume();
    else if (action === 'stop') void run.stop();
    else run.seek(this.time(message.from, 'from'));
    done();
  }

  async close(): Promise<void> {
    this.outlet.close();
    await Promise.all([...[...this.runs.values()].map(({ run }) => run.stop()), this.writer?.close()]);
    this.server.deregister(this.node);
  }

  private play(message: Message, done: Done): void {
    const { channel, ...span } = this.span(message);
    if (this.outputOf(message) === 'file') {
      this.playToFile(message, span, done);
      return;
    }
    const request = { ...span, channel: channelNumber(this.server.settings, channel) };
    let isDone = false;
    const settle = (error?: Error): void => {
      if (isDone) return;
      isDone = true;
      done(error);
    };
    const tell = (word: string, event: object = {}): void => {
      this.sendEvent(request, word, event);
    };
    const playing: Playing = { run: undefined as never, sequence: 0, settle };
    const run = nvrOf(this.server).playback.play(
      { ...request, run: `${this.node.id}/${request.run}` },
      {
        onUnit: (unit) => {
          this.sendUnit(request, playing, unit);
        },
        onConnecting: () => {
          this.node.status({ fill: 'yellow', shape: 'ring', text: 'connecting' });
          tell('connecting');
        },
        onPlaying: (transport) => {
          this.node.status({ fill: 'green', shape: 'dot', text: 'playing' });
          tell('playing', { transport });
          if (this.doneWhen === 'playing') settle();
        },
        onPaused: (at) => {
          this.node.status({ fill: 'grey', shape: 'dot', text: 'paused' });
          tell('paused', { reached: at });
        },
        onInterrupted: (error, attempt, retryInMs) => {
          this.node.status({ fill: 'yellow', shape: 'ring', text: error.code });
          tell('reconnecting', {
            code: error.code,
            reason: error.message,
            attempt,
            retryInMs,
            reached: playing.run.reached,
          });
        },
        onWarning: (error) => {
          tell('warning', { code: error.code, reason: error.message });
        },
        onEnd: (reason, error, missingMs) => {
          if (this.runs.get(request.run) === playing) this.runs.delete(request.run);
          this.onEnd(request, { reason, error, missingMs }, playing);
        },
      },
    );
    Object.assign(playing, { run });
    if (this.outlet.isFull) run.hold();
    this.runs.set(request.run, playing);
  }

  private playToFile(message: Message, span: Omit<PlaybackRequest, 'channel'>, done: Done): void {
    const { run, stream, group, from, to } = span;
    if (to === undefined) throw new NvrError('EINPUT', 'A file needs an end: give "to" or "duration", too.');
    const given = this.setting(message, 'channel') ?? '1';
    const { settings } = this.server;
    const channels: number[] = Array.isArray(given)
      ? given.map((one) => channelNumber(settings, one))
      : channelList(settings, given);
    if (channels.length === 0) throw new NvrError('EINPUT', 'The setting "channel" names no channel.');
    const isNamed = message.run !== undefined;
    const request = { channels: [...new Set(channels)], run, isNamed, stream, group, from, to };
    this.files.start(request, message, done);
  }

  private get files(): PlaybackFiles {
    return (this.writer ??= new PlaybackFiles(this.RED, this.node, this.server, this.fileSettings, {
      event: (channel, stream, run, word, more) => {
        this.sendEvent({ channel, stream, run }, word, more);
      },
      onProgress: (percent, error) => {
        if (percent !== undefined) this.node.status({ fill: 'blue', shape: 'dot', text: `${percent} %` });
        else if (this.runs.size === 0) this.node.status(error === undefined ? IDLE : failed(error.code));
      },
    }));
  }

  /** False: the message means no run that is written to a file. */
  private controlFiles({ run }: Message, action: string): boolean {
    const files = this.files.status as { run: string }[];
    if (run === undefined ? this.runs.size > 0 : !files.some((one) => one.run === run)) return false;
    if (action !== 'stop')
      throw new NvrError('EINPUT', 'A run that is written to a file can be stopped, and nothing else.');
    return this.files.stop(run);
  }

  private outputOf(message: Message): 'units' | 'file' {
    const reader = new SettingsReader({ output: this.setting(message, 'output') });
    const output = reader.choice('output', ['units', 'file'], 'units');
    if (reader.error !== undefined) throw reader.error;
    return output;
  }

  /** A run that gave pictures, and came to an end without all of its span, has `ended`, with what is missing; one that never began is an `error`. */
  private onEnd(request: PlaybackRequest, { reason, error, missingMs }: RunOutcome, playing: Playing): void {
    const { reached } = playing.run;
    if (error === undefined) {
      this.sendEvent(request, reason === 'stopped' ? 'stopped' : 'ended', { reason, reached });
    } else if (missingMs > 0 && (reason !== 'error' || reached > request.from)) {
      const event = { reason, reached, missingMs, code: error.code, message: error.message };
      this.sendEvent(request, 'ended', event);
    } else {
      const event = { reason: error.message, reached, code: error.code };
      this.sendEvent(request, 'error', missingMs > 0 ? { ...event, missingMs } : event);
    }
    if (this.runs.size === 0)
      this.node.status(error !== undefined ? failed(error.code) : reason === 'stopped' ? STOPPED : IDLE);
    this.outlet.afterwards(() => {
      playing.settle(error);
    });
  }

  /** The channel as it is given. */
  private span(message: Message): Omit<PlaybackRequest, 'channel'> & { channel: unknown } {
    const now = Date.now();
    const from = this.time(this.setting(message, 'from'), 'from');
    if (from >= now)
      throw new NvrError('EINPUT', '"from" lies in the future: nothing is recorded there yet.');
    const toSetting = this.setting(message, 'to');
    const duration = this.setting(message, 'duration');
    let to: number | undefined;
    if (
      message.duration !== undefined ||
      (message.to === undefined && toSetting === undefined && duration !== undefined)
    ) {
      to = from + parseDuration(duration, 'duration');
    } else if (toSetting !== undefined) {
      to = this.time(toSetting, 'to');
    }
    if (to !== undefined && to <= from) throw new NvrError('EINPUT', '"to" must be later than "from".');

    const reader = new SettingsReader({
      stream: this.setting(message, 'stream'),
      speed: this.setting(message, 'speed'),
      group: this.setting(message, 'group'),
    });
    const stream = reader.choice('stream', ['main', 'dual'], 'main');
    const speed = reader.number('speed', 1, { min: 0, max: 64 });
    const group = reader.number('group', 0, { min: 0, max: 65_535, integer: true });
    if (reader.error !== undefined) throw reader.error;
    const name = message.run === undefined ? `run ${++this.counter}` : textOf(message.run);
    if (name === '' || name.length > MAX_NAME)
      throw new NvrError('EINPUT', `msg.run must be text of at most ${MAX_NAME} characters.`);
    const channel = this.setting(message, 'channel') ?? '1';
    return { run: name, channel, stream, group, from, speed, ...(to === undefined ? {} : { to }) };
  }

  /** The message's property, else the node's; what is empty counts as absent. */
  private setting(
    message: Message,
    property: 'from' | 'to' | 'duration' | 'channel' | 'stream' | 'speed' | 'group' | 'output',
  ): unknown {
    for (const value of [message[property], this.saved[property]]) {
      if (value !== undefined && value !== null && value !== '') return value;
    }
    return undefined;
  }

  private time(value: unknown, name: string): number {
    return parseTime(value, name, Date.now(), this.server.settings.timeZone);
  }

  /** The run a message means: the one it names, or the only one there is. */
  private named(message: Message): Playing {
    if (message.run === undefined && this.runs.size === 1) return this.runs.values().next().value!;
    const playing = typeof message.run === 'string' ? this.runs.get(message.run) : undefined;
    if (playing === undefined) throw new NvrError('EINPUT', 'msg.run names no run that is under way.');
    return playing;
  }

  private answerStatus(message: Message): void {
    const played = [...this.runs].map(
      ([
        run,
        {
          run: { state, reached, request },
        },
      ]) => ({
        run,
        state,
        reached,
        channel: request.channel,
        stream: request.stream,
        from: request.from,
        to: request.to,
      }),
    );
    const event = { time: Date.now(), runs: [...played, ...(this.writer?.status ?? [])] };
    this.node.send([
      null,
      Object.assign(message, { topic: message.topic ?? 'nvr/playback/event', payload: 'status', event }),
    ]);
  }

  private sendUnit(request: PlaybackRequest, playing: Playing, { unit, repeated }: RecordedUnit): void {
    if (this.emit === 'keyframes' && !isKeyframe(unit)) return;
    const { run, channel, stream } = request;
    const nals = this.emit === 'nalUnits' ? unit.nals : [];
    this.outlet.recorded(Math.max(nals.length, 1), unit.data.length, (index) => {
      const nal = nals[index];
      const info = videoInfo(unit, ++playing.sequence, channel, stream, nal?.type);
      const what = nal !== undefined ? 'nal' : unit.keyframe ? 'keyframe' : 'frame';
      const message = {
        topic: topicOf(this.server.settings, channel, what),
        payload: nal === undefined ? unit.data : unit.data.subarray(nal.start, nal.end),
        contentType: contentTypeOf(unit),
        video: repeated ? { ...info, repeated: true } : info,
        run,
      };
      return [message, null];
    });
  }

  private sendEvent(
    { run, channel, stream }: Pick<PlaybackRequest, 'run' | 'channel' | 'stream'>,
    word: string,
    more: object,
  ): void {
    const topic = topicOf(this.server.settings, channel, 'event');
    this.outlet.event(
      word,
      { channel, stream, time: Date.now(), ...more },
      (event) => [null, { topic, payload: word, event, run }],
      run,
    );
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}
