// The runs of a playback node that are sent as messages: their units, their story, and how each ends.

import type { NodeStatus } from 'node-red';
import { NvrError } from '../../lib/errors.js';
import type { PlaybackRequest, PlaybackRun } from '../../lib/nvr/playback/run.js';
import { Outlet } from './output/outlet.js';
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

export class PlaybackRuns {
  private readonly runs = new Map<string, PlaybackRun>();
  private readonly outlet: Outlet;

  constructor(private readonly context: PlaybackContext) {
    this.outlet = new Outlet({
      send: (outputs) => {
        context.node.send(outputs);
      },
      onFull: (isFull) => {
        for (const run of this.runs.values())
          if (isFull) run.hold();
          else run.letGo();
      },
    });
  }

  get size(): number {
    return this.runs.size;
  }

  /** Resolves as the setting "doneWhen" says, rejects with what keeps it from playing, or what is missing at its end. */
  play(request: PlaybackRequest): Promise<void> {
    const { nvr, node, server, settings } = this.context;
    const publisher = new Publisher(server.settings, request, settings.emit);
    const tell = (word: string, event: object = {}): void => {
      this.tell(publisher, request.run, word, event);
    };
    return new Promise((resolve, reject) => {
      const run: PlaybackRun = nvr.playback.play(
        { ...request, run: `${node.id}/${request.run}` },
        {
          onUnit: ({ unit, repeated }) => {
            const count = publisher.count(unit);
            if (count > 0)
              this.outlet.recorded(count, unit.data.length, (index) =>
                publisher.picture(unit, index, repeated),
              );
          },
          onConnecting: () => {
            node.status(CONNECTING);
            tell('connecting');
          },
          onPlaying: (transport) => {
            node.status(PLAYING);
            tell('playing', { transport });
            if (settings.doneWhen === 'playing') resolve();
          },
          onPaused: (at) => {
            node.status(PAUSED);
            tell('paused', { reached: at });
          },
          onInterrupted: ({ code, message: reason }, attempt, retryInMs) => {
            node.status({ fill: 'yellow', shape: 'ring', text: code });
            tell('reconnecting', { code, reason, attempt, retryInMs, reached: run.reached });
          },
          onWarning: ({ code, message: reason }) => {
            tell('warning', { code, reason });
          },
          onEnd: (reason, error, missingMs) => {
            if (this.runs.get(request.run) === run) this.runs.delete(request.run);
            const { word, event } = endOf(request, run.reached, { reason, error, missingMs });
            tell(word, event);
            if (this.runs.size === 0)
              node.status(error !== undefined ? failed(error.code) : reason === 'stopped' ? STOPPED : IDLE);
            this.outlet.afterwards(() => {
              if (error === undefined) resolve();
              else reject(error);
            });
          },
        },
      );
      if (this.outlet.isFull) run.hold();
      this.runs.set(request.run, run);
    });
  }

  /** An event of a run that is written to a file. */
  event(channel: number, stream: string, run: string, word: string, more: object): void {
    const { server, settings } = this.context;
    this.tell(new Publisher(server.settings, { channel, stream, run }, settings.emit), run, word, more);
  }

  /** The run a message means: the one it names, or the only one there is. */
  named(name: unknown): PlaybackRun {
    if (name === undefined && this.runs.size === 1) return this.runs.values().next().value!;
    const run = typeof name === 'string' ? this.runs.get(name) : undefined;
    if (run === undefined) throw new NvrError('EINPUT', 'msg.run names no run that is under way.');
    return run;
  }

  get status(): object[] {
    return [...this.runs].map(
      ([
        run,
        {
          state,
          reached,
          request: { channel, stream, from, to },
        },
      ]) => ({
        ...{ run, state, reached, channel, stream, from, to },
      }),
    );
  }

  async close(): Promise<void> {
    this.outlet.close();
    await Promise.all([...this.runs.values()].map((run) => run.stop()));
  }

  private tell(publisher: Publisher, run: string, word: string, more: object): void {
    this.outlet.event(word, { ...publisher.own, ...more }, (event) => publisher.event(word, event), run);
  }
}

/** A run that gave pictures, and came to an end without all of its span, has `ended`, with what is missing; one that never began is an `error`. */
function endOf(
  { from }: PlaybackRequest,
  reached: number,
  { reason, error, missingMs }: RunOutcome,
): { word: string; event: object } {
  if (error === undefined)
    return { word: reason === 'stopped' ? 'stopped' : 'ended', event: { reason, reached } };
  const { code, message } = error;
  if (missingMs > 0 && (reason !== 'error' || reached > from))
    return { word: 'ended', event: { reason, reached, missingMs, code, message } };
  const event = { reason: message, reached, code };
  return { word: 'error', event: missingMs > 0 ? { ...event, missingMs } : event };
}
