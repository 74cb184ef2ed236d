// Parses a channel as users write it: a number from 1, or a name in the NVR's channel table.

import { NvrError } from '../../lib/errors.js';
import type { NvrSettings } from '../../lib/nvr/types.js';
import { MAX_CHANNEL } from '../../lib/nvr/uri-template.js';

type ChannelTable = Pick<NvrSettings, 'channels'>;

/** Throws EINPUT for anything else. */
export function channelNumber(settings: ChannelTable, given: unknown): number {
  const text = typeof given === 'number' || typeof given === 'string' ? String(given).trim() : '';
  const named = settings.channels.find(({ name }) => name.toLowerCase() === text.toLowerCase());
  if (named !== undefined) return named.channel;
  const number = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (number >= 1 && number <= MAX_CHANNEL) return number;
  throw new NvrError(
    'EINPUT',
    `The setting "channel" must be a number from 1 to ${MAX_CHANNEL}, or a name of the NVR’s channel table.`,
  );
}

/** The channel's name in the table, else its number. */
export function channelName(settings: ChannelTable, channel: number): string {
  return settings.channels.find((row) => row.channel === channel)?.name ?? String(channel);
}
