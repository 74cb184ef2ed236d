// Parses lists of channels as users write them: numbers, ranges and names such as `1-4,7,Gate`, or `*` for
// the NVR's channel table.

import { NvrError } from '../../lib/errors.js';
import type { NvrSettings } from '../../lib/nvr/types.js';
import { channelRanges, listParts } from './settings/check.js';

type ChannelTable = Pick<NvrSettings, 'channels'>;

/** A longer list is a mistake: no NVR has this many channels. */
export const MAX_LISTED = 1024;
const MAX_LIST_TEXT = 100 * MAX_LISTED;

/**
 * The channels of a list without duplicates, in the given order. Names in the table take precedence over list
 * syntax: a camera called `1-4` is that camera. `*` means the channel table, or channel 1 if that is empty.
 * Throws EINPUT for an invalid list.
 */
export function channelList(settings: ChannelTable, given: unknown): number[] {
  const text = textOf(given);
  if (text.length > MAX_LIST_TEXT) throw refusal();
  const whole = named(settings, text);
  if (whole !== undefined) return [whole];
  if (text === '*') {
    const all = settings.channels.map(({ channel }) => channel);
    return all.length === 0 ? [1] : [...new Set(all)];
  }
  const found = new Set<number>();
  const isName = (part: string): boolean => named(settings, part.trim()) !== undefined;
  for (const part of listParts(text, isName)) {
    const own = named(settings, part.trim());
    const ranges: [number, number][] | undefined = own === undefined ? channelRanges(part) : [[own, own]];
    if (ranges === undefined) throw refusal();
    for (const [from, to] of ranges) for (let channel = from; channel <= to; channel++) found.add(channel);
    if (found.size > MAX_LISTED)
      throw new NvrError('EINPUT', `The setting "channel" lists more than ${MAX_LISTED} channels.`);
  }
  return [...found];
}

/** Whether the text is a single channel's number or name, rather than a list (even of one). */
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
