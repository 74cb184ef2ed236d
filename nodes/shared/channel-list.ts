// Several channels as people give them: numbers, ranges and names such as `1-4,7,Gate`, or `*` for the NVR's
// channel table.

import { NvrError } from '../../lib/errors.js';
import type { NvrSettings } from '../../lib/nvr/types.js';
import { channelRanges } from './settings/check.js';

type ChannelTable = Pick<NvrSettings, 'channels'>;

/** More are a mistake: no NVR has as many. */
export const MAX_LISTED = 1024;

/**
 * The channels of a list, each once, in the order given. A name of the table comes before list syntax: a
 * camera called `1-4` is that camera. `*` is the channel table, or channel 1 where it is empty. Throws EINPUT
 * for what is no list.
 */
export function channelList(settings: ChannelTable, given: unknown): number[] {
  const text = textOf(given);
  const whole = named(settings, text);
  if (whole !== undefined) return [whole];
  if (text === '*') {
    const all = settings.channels.map(({ channel }) => channel);
    return all.length === 0 ? [1] : [...new Set(all)];
  }
  const found = new Set<number>();
  for (const part of text.split(',')) {
    const own = named(settings, part.trim());
    const ranges: [number, number][] | undefined = own === undefined ? channelRanges(part) : [[own, own]];
    if (ranges === undefined) throw refusal();
    for (const [from, to] of ranges) for (let channel = from; channel <= to; channel++) found.add(channel);
    if (found.size > MAX_LISTED)
      throw new NvrError('EINPUT', `The setting "channel" lists more than ${MAX_LISTED} channels.`);
  }
  return [...found];
}

/** Whether it is one channel's number or name, and no list, though it might be of one channel. */
export function isOneChannel(settings: ChannelTable, given: unknown): boolean {
  const text = textOf(given);
  return /^\d+$/.test(text) || named(settings, text) !== undefined;
}

function textOf(given: unknown): string {
  return typeof given === 'number' || typeof given === 'string' ? String(given).trim() : '';
}

function named({ channels }: ChannelTable, text: string): number | undefined {
  return channels.find(({ name }) => name.toLowerCase() === text.toLowerCase())?.channel;
}

function refusal(): NvrError {
  return new NvrError(
    'EINPUT',
    'The setting "channel" must be channel numbers, ranges or names such as 1-4,7, or * for all.',
  );
}
