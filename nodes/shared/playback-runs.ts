// The playback runs of a node that are sent as messages: their units and events, and how each ends.

import type { NodeStatus } from 'node-red';
import { NvrError } from '../../lib/errors.js';
import type { PlaybackHandlers, PlaybackRequest, PlaybackRun } from '../../lib/nvr/playback/run.js';
import { PlaybackTogether, type PlaybackControls } from '../../lib/nvr/playback/together.js';
import { Outlet } from './output/outlet.js';
import type { RunSource } from './playback-files.js';
import type { PlaybackContext } from './playback-request.js';
import { Publisher } from './publisher.js';
import { failed, IDLE, PLAYING, STOPPED } from './status.js';

const CONNECTING: NodeStatus = { fill: 'yellow', shape: 'ring', text: 'connecting' };
const PAUSED: NodeStatus = { fill: 'grey', shape: 'dot', text: 'paused' };

/** How a run ended. */
interface RunOutcome {
  readonly reason: string;
  readonly error: NvrError | undefined;
  readonly missingMs: number;
}

/** A run as it is controlled and reported; with several channels that play synchronously. */
interface ControlledRun {
  readonly controls: PlaybackControls;
  readonly channel: number | readonly number[];
  readonly stream: string;
  readonly from: number;
  readonly to: number | undefined;
}

interface Group {
  /** Number of channels that have not ended. */
  left: number;
  /** By channel number. */
  readonly runs: Map<number, PlaybackRun>;
  controlled?: ControlledRun;
}

/** The pending result of a message that started a run, for one of its channels. */
class Answer {
  resolve!: () => void;
  reject!: (error: NvrError) => void;
  readonly answered: Promise<void>;

  constructor(readonly request: PlaybackRequest) {
    this.answered = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }
}

export class PlaybackRuns {
  private readonly runs = new Map<string, ControlledRun>();
  private readonly outlet: Outlet;

  constructor(private readonly context: PlaybackContext) {
    this.outlet = new Outlet({
      send: (outputs) => {
        context.node.send(outputs);
      },
      onFull: (isFull) => {
        for (const { controls } of this.runs.values())
          if (isFull) controls.hold();
          else controls.letGo();
      },
    });
  }

  get size(): number {
    return this.runs.size;
  }

  /**
   * Starts one run with a request per channel; several play synchronously. Resolves according to the setting
   * "doneWhen", once that applies to all channels. Rejects with the reason why a channel cannot play, or with
   * what is missing at its end.
   */
  async play(requests: readonly PlaybackRequest[]): Promise<void> {
    const [{ run: name, stream, from, to }] = requests as [PlaybackRequest];
    const { node, nvr } = this.context;
    const single = requests.length === 1;
    const before = this.runs.get(name);
    // A single run with the same name is replaced by the library itself.
    if (before !== undefined && !(single && typeof before.channel === 'number')) void before.controls.stop();
    const group: Group = { left: requests.length, runs: new Map() };
    const answers = requests.map((request) => new Answer(request));
    const start = (request: PlaybackRequest, handlers: PlaybackHandlers): PlaybackRun => {
      const run = single ? name : `${name}/${request.channel}`;
      const started = nvr.playback.play({ ...request, run: `${node.id}/${run}` }, handlers);
      group.runs.set(request.channel, started);
      return started;
    };
    const handlersOf = (request: PlaybackRequest): PlaybackHandlers =>
      this.handlersOf(
        group,
        answers.find((answer) => answer.request === request)!,
      );
    const controls = single
      ? start(requests[0]!, handlersOf(requests[0]!))
      : new PlaybackTogether(requests, start, handlersOf, () => nvr.spanMemory());
    if (this.outlet.isFull) controls.hold();
    const channels = requests.map(({ channel }) => channel);
    group.controlled = { controls, channel: single ? channels[0]! : channels, stream, from, to };
    this.runs.set(name, group.controlled);
    const ends = await Promise.allSettled(answers.map(({ answered }) => answered));
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  }

  /** Sends an event of a run that is written to a file. */
  event({ server, channel, stream, run }: RunSource, word: string, more: object): void {
    const source = { channel, stream, mark: { run } };
    this.sendEvent(new Publisher(server.settings, source, this.context.settings.emit), run, word, more);
  }

  /** The run named by a message, or the only one. */
  named(name: unknown): PlaybackControls {
    if (name === undefined && this.runs.size === 1) return this.runs.values().next().value!.controls;
    const run = typeof name === 'string' ? this.runs.get(name) : undefined;
    if (run === undefined) throw new NvrError('EINPUT', 'msg.run names no run that is under way.');
    return run.controls;
  }

  get status(): object[] {
    return [...this.runs].map(([run, { controls, ...details }]) => {
      const { state, reached } = controls;
      return { run, state, reached, ...details };
    });
  }

  async close(): Promise<void> {
    this.outlet.close();
    await Promise.all([...this.runs.values()].map(({ controls }) => controls.stop()));
  }

  private handlersOf(group: Group, answer: Answer): PlaybackHandlers {
    const { node, server, settings } = this.context;
    const { request } = answer;
    const { channel, stream, run } = request;
    const publisher = new Publisher(server.settings, { channel, stream, mark: { run } }, settings.emit);
    const sendEvent = (word: string, event: object = {}): void => {
      this.sendEvent(publisher, request.run, word, event);
    };
    const reached = (): number => group.runs.get(request.channel)?.reached ?? request.from;
    return {
      onUnit: ({ unit, repeated }) => {
        this.outlet.recorded(publisher.count(unit), unit.data.length, (index) =>
          publisher.picture(unit, index, repeated),
        );
      },
      onConnecting: () => {
        node.status(CONNECTING);
        sendEvent('connecting');
      },
      onPlaying: (transport) => {
        node.status(PLAYING);
        sendEvent('playing', { transport });
        if (settings.doneWhen === 'playing') answer.resolve();
      },
      onPaused: (at) => {
        node.status(PAUSED);
        sendEvent('paused', { reached: at });
      },
      onInterrupted: ({ code, message: reason }, attempt, retryInMs) => {
        node.status({ fill: 'yellow', shape: 'ring', text: code });
        sendEvent('reconnecting', { code, reason, attempt, retryInMs, reached: reached() });
      },
      onWarning: ({ code, message: reason }) => {
        sendEvent('warning', { code, reason });
      },
      onEnd: (reason, error, missingMs) => {
        const isLast = --group.left === 0;
        if (isLast && this.runs.get(request.run) === group.controlled) this.runs.delete(request.run);
        const { word, event } = endOf(request, reached(), { reason, error, missingMs });
        sendEvent(word, event);
        if (this.runs.size === 0)
          node.status(error !== undefined ? failed(error.code) : reason === 'stopped' ? STOPPED : IDLE);
        this.outlet.afterwards(() => {
          if (error === undefined) answer.resolve();
          else answer.reject(error);
        });
      },
    };
  }

  private sendEvent(publisher: Publisher, run: string, word: string, more: object): void {
    this.outlet.event(word, { ...publisher.own, ...more }, (event) => publisher.event(word, event), run);
  }
}

/**
 * A run that delivered pictures but not its whole span has `ended`, with what is missing; one that never
 * started is an `error`.
 */
function endOf(
  { from }: PlaybackRequest,
  reached: number,
  { reason, error, missingMs }: RunOutcome,
): { word: string; event: object } {
  if (error === undefined) {
    const event = { reason, reached, ...(missingMs > 0 && { missingMs }) };
    return { word: reason === 'stopped' ? 'stopped' : 'ended', event };
  }
  const { code, message } = error;
  if (missingMs > 0 && (reason !== 'error' || reached > from))
    return { word: 'ended', event: { reason, reached, missingMs, code, message } };
  const event = { reason: message, reached, code };
  return { word: 'error', event: missingMs > 0 ? { ...event, missingMs } : event };
}
