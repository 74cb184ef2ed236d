// Exports recorded spans as files for nvr-playback: one MP4 per requested channel, each sent with a copy of
// the message.

import fs from 'node:fs/promises';
import { performance } from 'node:perf_hooks';
import type { Node, NodeAPI, NodeMessage } from 'node-red';
import { NvrError } from '../../lib/errors.js';
import { guardedTimers } from '../../lib/guard.js';
import { Exports } from '../../lib/nvr/export/exports.js';
import type { SpanExport } from '../../lib/nvr/export/span-export.js';
import type { ExportedClip, ExportEnd, ExportHandlers, ExportRequest } from '../../lib/nvr/export/types.js';
import type { RecordedSpan } from '../../lib/nvr/playback/fetch-span.js';
import { keepMessage } from '../../lib/nvr/recorder/kept-message.js';
import type { KeptMessage } from '../../lib/nvr/recorder/types.js';
import { channelName } from './channel.js';
import { clipFields, notAttached } from './clip-message.js';
import { ownerOf } from './instance.js';
import { flatClip, topicOf } from './messages.js';
import { nvrOf, type NvrServerNode } from './server-node.js';

interface FileSettings {
  readonly folder: string;
  readonly fileName: string;
  readonly plain: boolean;
  /** Attach the files to their messages for the e-mail node. */
  readonly attach: boolean;
}

export interface FilesRequest extends Omit<RecordedSpan, 'channel'> {
  /** Whose recording it is. */
  readonly server: NvrServerNode;
  readonly channels: readonly number[];
  /** The recording group. */
  readonly group: number;
  /** Run name for its events. */
  readonly run: string;
  /** The message named the run itself: if it is requested again, it is continued. */
  readonly isNamed: boolean;
  /** The name is a job's: files that it has finished are sent again, and not made twice. */
  readonly isJob: boolean;
}

/** What an event of a run is about. */
export interface RunSource {
  readonly server: NvrServerNode;
  readonly channel: number;
  readonly stream: string;
  readonly run: string;
}

/** Callbacks to the node. */
interface FilesOutlet {
  event(source: RunSource, word: string, more: object): void;
  /**
   * Progress in percent over all exports; undefined when all have ended, with `error` if the last one failed.
   */
  onProgress(percent: number | undefined, error?: NvrError): void;
}

interface Running {
  readonly run: string;
  readonly spans: readonly SpanExport[];
}

/** Most channels per message; they use one session of the NVR after the other. */
const MAX_CHANNELS = 64;

export class PlaybackFiles {
  private readonly exports: Exports;
  private readonly running = new Set<Running>();
  private closing = false;

  /** Throws EINPUT for invalid settings. */
  constructor(
    private readonly RED: NodeAPI,
    private readonly node: Node,
    private readonly server: NvrServerNode,
    private readonly settings: FileSettings,
    private readonly outlet: FilesOutlet,
  ) {
    const nvr = nvrOf(server);
    const { folder, fileName, plain } = settings;
    const { name, timeZone, host, rtspPort } = server.settings;
    this.exports = new Exports(
      { folder, fileName, plain, id: node.id, nvr: name, timeZone },
      {
        fs,
        now: () => Date.now(),
        monotonic: () => performance.now(),
        owner: ownerOf(RED, `${host}:${rtspPort}`),
        timers: guardedTimers((error) => {
          node.error(error, {});
        }),
        fetchSpan: (span, signal, handlers) => nvr.fetchSpan(span, signal, handlers),
        memory: () => nvr.spanMemory(),
      },
      {
        onRecovered: (clip, message = {}) => {
          this.send(message, 'nvr/playback/clip', clip);
        },
        onWarning: (error) => {
          node.error(error, {});
        },
        isRunning: () => !this.closing,
      },
    );
  }

  /** Finishes and reports exports that a restart interrupted. Never rejects. */
  recover(): Promise<void> {
    return this.exports.recover();
  }

  /**
   * Calls `done` once, when the last file is finished. Throws EINPUT, or EBUSY if the same export is running.
   */
  start(request: FilesRequest, message: NodeMessage, done: (error?: Error) => void): void {
    const { server, channels, run, stream } = request;
    if (channels.length > MAX_CHANNELS)
      throw new NvrError('EINPUT', `One message asks for ${MAX_CHANNELS} channels at most.`);
    if ([...this.running].some((one) => one.run === run))
      throw new NvrError('EBUSY', 'This run is being written to a file; wait for its end, or stop it.');
    const kept = keepMessage(message);
    const spans: SpanExport[] = [];
    const running = { run, spans };
    let left = channels.length;
    let failure: NvrError | undefined;
    const onEnd = (channel: number, end: ExportEnd): void => {
      this.sendEnd({ server, channel, stream, run }, end);
      failure ??= end.error;
      if (--left > 0) return;
      this.running.delete(running);
      this.outlet.onProgress(this.percent, failure);
      done(failure);
    };
    for (const channel of channels) {
      const { group, from, to } = request;
      const span = {
        stream,
        group,
        from,
        to,
        channel,
        channelName: channelName(server.settings, channel),
        ...(server !== this.server && { source: sourceOf(server) }),
      };
      const named = { message: kept, isJob: request.isJob, ...(request.isNamed && { run }) };
      const handlers = this.handlersOf(request, channel, message, (end) => {
        onEnd(channel, end);
      });
      spans.push(this.exports.start({ ...span, ...named }, handlers));
    }
    this.running.add(running);
    this.outlet.onProgress(this.percent);
  }

  /** False if no such run is writing files. What was written is kept. */
  stop(run: unknown): boolean {
    const found = [...this.running].filter((one) => run === undefined || one.run === run);
    if (found.length !== 1) return false;
    for (const span of found[0]!.spans) void span.stop();
    return true;
  }

  get status(): object[] {
    return [...this.running].flatMap(({ run, spans }) =>
      spans.map(({ state, reached, percent, request: { channel, stream, from, to } }) => ({
        ...{ run, state, reached, channel, stream, from, to, percent },
      })),
    );
  }

  /**
   * Finishes the files with what was received; their messages are sent after the next start. Never rejects.
   */
  async close(): Promise<void> {
    this.closing = true;
    await this.exports.close();
  }

  private get percent(): number | undefined {
    const all = [...this.running].flatMap(({ spans }) => spans.map(({ percent }) => percent));
    return all.length === 0 ? undefined : Math.floor(all.reduce((sum, one) => sum + one, 0) / all.length);
  }

  private handlersOf(
    { server, stream, run }: FilesRequest,
    channel: number,
    message: NodeMessage,
    onEnd: (end: ExportEnd) => void,
  ): ExportHandlers {
    const sendEvent = (word: string, more: object = {}): void => {
      if (!this.closing) this.outlet.event({ server, channel, stream, run }, word, more);
    };
    return {
      onConnecting: () => {
        sendEvent('connecting');
      },
      onPlaying: (transport) => {
        sendEvent('playing', { transport });
      },
      onInterrupted: ({ code, message: reason }, attempt, retryInMs) => {
        sendEvent('reconnecting', { code, reason, attempt, retryInMs });
      },
      onWarning: ({ code, message: reason }) => {
        sendEvent('warning', { code, reason });
      },
      onProgress: (progress) => {
        sendEvent('progress', progress);
        this.outlet.onProgress(this.percent);
      },
      onFile: (clip, repeated) => {
        const mark = repeated && { repeated };
        sendEvent('finished', { ...flatClip(clip), ...mark });
        const tooLarge = notAttached(clip, this.settings.attach);
        if (tooLarge !== undefined) sendEvent('warning', { code: tooLarge.code, reason: tooLarge.message });
        const own = topicOf(server.settings, channel, 'clip');
        this.send({ ...this.RED.util.cloneMessage(message), run, channel, ...mark }, own, clip);
      },
      onEnd,
    };
  }

  private sendEnd(source: RunSource, end: ExportEnd): void {
    if (this.closing) return;
    const { reason, reached, missingMs, error, files } = end;
    const cause = error === undefined ? {} : { code: error.code, message: error.message };
    const missing = missingMs > 0 ? { missingMs } : {};
    const event = { reached, ...missing };
    if (reason === 'error' && files === 0)
      this.outlet.event(source, 'error', {
        ...event,
        code: cause.code,
        reason: cause.message,
      });
    else if (reason === 'stopped') this.outlet.event(source, 'stopped', { reason, ...event });
    else this.outlet.event(source, 'ended', { reason, ...event, ...cause });
  }

  /** After a restart, the channel is known only from the stored message. */
  private send(message: NodeMessage | KeptMessage, topic: string, clip: ExportedClip): void {
    const filled: NodeMessage & Record<string, unknown> = {
      ...message,
      topic: typeof message.topic === 'string' ? message.topic : topic,
      ...clipFields(clip, this.settings.attach),
      clip,
    };
    this.node.send([filled, null]);
  }
}

/**
 * For an NVR other than the node's own: the name and time zone for file names, and how to fetch its
 * recording.
 */
function sourceOf(server: NvrServerNode): NonNullable<ExportRequest['source']> {
  const nvr = nvrOf(server);
  const { name, timeZone } = server.settings;
  return { nvr: name, timeZone, fetchSpan: (...asked) => nvr.fetchSpan(...asked) };
}
