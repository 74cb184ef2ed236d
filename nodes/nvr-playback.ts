// Flow node `nvr-playback`: plays recordings by time, as messages or files. Each run has a name, carried by
// all its messages and events.

import path from 'node:path';
import type { NodeAPI, NodeMessage } from 'node-red';
import { NvrError } from '../lib/errors.js';
import { flowNode, type FlowPart, type Input } from './shared/flow-node.js';
import { topicOr } from './shared/messages.js';
import { PlaybackFiles } from './shared/playback-files.js';
import { PlaybackRequests, type PlaybackContext } from './shared/playback-request.js';
import { PlaybackRuns } from './shared/playback-runs.js';
import { playbackSettings } from './shared/settings/tables/nvr-playback.js';
import { failed, IDLE } from './shared/status.js';

export = (RED: NodeAPI): void => {
  flowNode(RED, 'nvr-playback', playbackSettings, (context) => new PlaybackNode(context));
};

class PlaybackNode implements FlowPart {
  private readonly requests: PlaybackRequests;
  private readonly runs: PlaybackRuns;
  private writer: PlaybackFiles | undefined;

  constructor(private readonly context: PlaybackContext) {
    this.requests = new PlaybackRequests(context);
    this.runs = new PlaybackRuns(context);
    // Throws EINPUT for invalid settings of the file output.
    if (context.settings.output === 'file') this.writer = this.openFiles();
  }

  start(): void {
    void this.writer?.recover();
  }

  /** Resolves at once, except for a new run: that resolves when it plays or has ended, as configured. */
  async input(message: Input): Promise<void> {
    const action: unknown = message.action ?? (this.requests.isPlay(message) ? 'play' : undefined);
    switch (action) {
      case 'play':
        await this.play(message);
        break;
      case 'status':
        this.answerStatus(message);
        break;
      case 'pause':
      case 'resume':
      case 'seek':
      case 'stop':
        if (!this.controlFiles(message, action)) this.controlRun(message, action);
        break;
      default:
        throw new NvrError('EINPUT', 'msg.action must be one of play, pause, resume, seek, stop, status.');
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.runs.close(), this.writer?.close()]);
  }

  private async play(message: Input): Promise<void> {
    if (this.requests.output(message) === 'units') {
      await this.runs.play(this.requests.units(message));
      return;
    }
    const request = this.requests.files(message);
    const files = (this.writer ??= this.openFiles());
    await new Promise<void>((resolve, reject) => {
      files.start(request, message, (error) => {
        if (error === undefined) resolve();
        else reject(error);
      });
    });
  }

  private controlRun(message: Input, action: 'pause' | 'resume' | 'seek' | 'stop'): void {
    const run = this.runs.named(message.run);
    if (action === 'pause') run.pause();
    else if (action === 'resume') run.resume();
    else if (action === 'stop') void run.stop();
    else run.seek(this.requests.seekTime(message));
  }

  /** False if the message does not refer to a run that is written to a file. */
  private controlFiles({ run }: Input, action: string): boolean {
    const files = (this.writer?.status ?? []) as { run: string }[];
    if (this.writer === undefined || files.length === 0) return false;
    if (run === undefined ? this.runs.size > 0 : !files.some((one) => one.run === run)) return false;
    if (action !== 'stop')
      throw new NvrError('EINPUT', 'A run that is written to a file can only be stopped.');
    return this.writer.stop(run);
  }

  private openFiles(): PlaybackFiles {
    const { RED, node, server, settings } = this.context;
    const { fileName, plain, attach } = settings;
    const ownFolder = path.resolve(RED.settings.userDir ?? process.cwd(), 'nvr-clips');
    const files = { folder: settings.folder === '' ? ownFolder : settings.folder, fileName, plain, attach };
    return new PlaybackFiles(RED, node, server, files, {
      event: (...args) => {
        this.runs.event(...args);
      },
      onProgress: (percent, error) => {
        if (percent !== undefined) node.status({ fill: 'blue', shape: 'dot', text: `${percent} %` });
        else if (this.runs.size === 0) node.status(error === undefined ? IDLE : failed(error.code));
      },
    });
  }

  private answerStatus(message: Input): void {
    const event = { time: Date.now(), runs: [...this.runs.status, ...(this.writer?.status ?? [])] };
    const topic = topicOr(message, 'nvr/playback/event');
    const answer: NodeMessage = Object.assign(message, { topic, payload: 'status', event });
    this.context.node.send([null, answer]);
  }
}
