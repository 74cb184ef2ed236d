// Derives a playback request from a message's properties and the node's settings.

import { NvrError } from '../../lib/errors.js';
import { parseDuration, parseTime } from '../../lib/nvr/playback/nvr-time.js';
import type { PlaybackRequest } from '../../lib/nvr/playback/run.js';
import { channelList } from './channel-list.js';
import { channelNumber } from './channel.js';
import type { FlowContext, Input } from './flow-node.js';
import type { FilesRequest } from './playback-files.js';
import { namedServer } from './named-server.js';
import type { NvrServerNode } from './server-node.js';
import { isEmpty } from './settings/check.js';
import { givenFor, isFromMessage } from './settings/given.js';
import { overridden } from './settings/read.js';
import { playbackSettings } from './settings/tables/nvr-playback.js';

export type PlaybackContext = FlowContext<typeof playbackSettings>;
type Span = Omit<PlaybackRequest, 'channel'>;

const MAX_NAME = 100;

export class PlaybackRequests {
  private counter = 0;

  constructor(private readonly context: PlaybackContext) {}

  /** Whether a message without `action` starts a run. */
  isPlay(message: Input): boolean {
    return isFromMessage(this.context, 'from') || !isEmpty(this.given(message, 'from'));
  }

  output(message: Input): 'units' | 'file' {
    return overridden(playbackSettings, 'output', message.output, this.context.settings.output);
  }

  /** One request per channel; several play synchronously. Throws EINPUT that names the invalid property. */
  units(message: Input): PlaybackRequest[] {
    const { server } = this.context;
    if (this.server(message) !== server)
      throw new NvrError('EINPUT', 'msg.nvr can name another NVR only if "output" is "file".');
    const span = this.span(message, server);
    const channels = this.channels(message, server);
    if (channels.length > 1 && span.speed === 0)
      throw new NvrError('EINPUT', 'Several channels can play together only at a "speed" above 0.');
    return channels.map((channel) => ({ ...span, channel }));
  }

  /** Throws EINPUT that names the invalid property. */
  files(message: Input): FilesRequest {
    const server = this.server(message);
    const isJob = !isEmpty(message.job);
    const name = isJob && message.run === undefined ? { name: 'job', given: message.job } : undefined;
    const { run, stream, group, from, to } = this.span(message, server, name);
    if (to === undefined) throw new NvrError('EINPUT', 'A file needs an end: give "to" or "duration", too.');
    return {
      server,
      channels: this.channels(message, server),
      run,
      isNamed: message.run !== undefined || isJob,
      isJob,
      stream,
      group,
      from,
      to,
    };
  }

  private server(message: Input): NvrServerNode {
    return namedServer(this.context.RED, this.context.server, message.nvr);
  }

  private channels(message: Input, { settings }: NvrServerNode): number[] {
    const given = this.given(message, 'channel');
    const channels: number[] = Array.isArray(given)
      ? given.map((one) => channelNumber(settings, one))
      : channelList(settings, given);
    if (channels.length === 0) throw new NvrError('EINPUT', 'The setting "channel" names no channel.');
    return [...new Set(channels)];
  }

  /** Target of a `seek`; the node's own start time is not used. */
  seekTime(message: Input): number {
    const from = isFromMessage(this.context, 'from') ? this.given(message, 'from') : message.from;
    return this.time(from, 'from', this.context.server);
  }

  private time(value: unknown, name: string, { settings }: NvrServerNode): number {
    return parseTime(value, name, Date.now(), settings.timeZone);
  }

  /** `named`: the property that names the run where `run` does not. */
  private span(message: Input, server: NvrServerNode, named = { name: 'run', given: message.run }): Span {
    const { settings } = this.context;
    const from = this.time(this.given(message, 'from'), 'from', server);
    if (from >= Date.now())
      throw new NvrError('EINPUT', '"from" lies in the future: nothing is recorded there yet.');
    const to = this.end(message, from, server);
    const stream = overridden(playbackSettings, 'stream', message.stream, settings.stream);
    const speed = overridden(playbackSettings, 'speed', message.speed, settings.speed);
    const group = overridden(playbackSettings, 'group', message.group, settings.group);
    const run = named.given === undefined ? `run ${++this.counter}` : textOf(named.given);
    if (run === '' || run.length > MAX_NAME)
      throw new NvrError('EINPUT', `msg.${named.name} must be text of at most ${MAX_NAME} characters.`);
    return { run, stream, group, from, speed, ...(to === undefined ? {} : { to }) };
  }

  /** The first that is given: the message's duration, its end, the node's end, the node's duration. */
  private end(message: Input, from: number, server: NvrServerNode): number | undefined {
    const comesFromMessage = !isEmpty(message.duration) || isFromMessage(this.context, 'duration');
    const to = comesFromMessage ? undefined : this.given(message, 'to');
    const duration = isEmpty(to) ? this.given(message, 'duration') : undefined;
    if (isEmpty(to) && isEmpty(duration) && !comesFromMessage) return undefined;
    const end = isEmpty(to) ? from + parseDuration(duration, 'duration') : this.time(to, 'to', server);
    if (end <= from) throw new NvrError('EINPUT', '"to" must be later than "from".');
    return end;
  }

  /** The message's value of a property, else the setting. */
  private given(message: Input, property: 'from' | 'to' | 'duration' | 'channel'): unknown {
    return givenFor(this.context, property, message);
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}
