// The cameras of a node whose `channel` may be a list: which they are, which of them a message means, and how
// what is sent of one is marked.

import { NvrError } from '../../lib/errors.js';
import type { NvrSettings } from '../../lib/nvr/types.js';
import { channelList, isOneChannel } from './channel-list.js';
import { channelName } from './channel.js';
import { isEmpty } from './settings/check.js';

/** On every message of a node whose setting is a list, or comes from the environment and may be one. */
export interface CameraMark {
  /** Its number. */
  readonly channel?: number;
  /** Its name in the NVR's table, else its number. */
  readonly camera?: string;
}

/** Cameras that a refusal names. */
const MAX_NAMED = 16;

export class OwnCameras {
  readonly channels: readonly number[];
  private readonly isList: boolean;

  /** Throws EINPUT for a setting that is no channel and no list. `source`: where it comes from. */
  constructor(
    private readonly settings: Pick<NvrSettings, 'channels'>,
    given: unknown,
    source = 'str',
  ) {
    this.channels = channelList(settings, given);
    this.isList = source === 'env' || !isOneChannel(settings, given);
  }

  /** What messages of a camera carry: nothing for a node of one channel, which is its flow's to name. */
  markOf(channel: number): CameraMark {
    return this.isList ? { channel, camera: channelName(this.settings, channel) } : {};
  }

  /** Those that `msg.channel` means, which may be a list; all where it says nothing. Throws EINPUT. */
  named(given: unknown): readonly number[] {
    if (isEmpty(given) || given === '*') return this.channels;
    const named = this.read(given);
    if (named.length === 0 || named.some((channel) => !this.channels.includes(channel)))
      throw this.refusal('msg.channel names a camera that this node does not have');
    return named;
  }

  /** The one that `msg.channel` means, or the only one. Throws EINPUT. */
  one(given: unknown): number {
    const named = this.named(given);
    if (named.length > 1) throw this.refusal('msg.channel must name one camera');
    return named[0]!;
  }

  private read(given: unknown): number[] {
    try {
      return Array.isArray(given)
        ? [...new Set(given.flatMap((one: unknown) => channelList(this.settings, one)))]
        : channelList(this.settings, given);
    } catch {
      return [];
    }
  }

  private refusal(what: string): NvrError {
    const names = this.channels.slice(0, MAX_NAMED).map((channel) => {
      const name = channelName(this.settings, channel);
      return name === String(channel) ? name : `${channel} (${name})`;
    });
    const more = this.channels.length - names.length;
    return new NvrError(
      'EINPUT',
      `${what}; it has ${names.join(', ')}${more > 0 ? ` and ${more} more` : ''}.`,
    );
  }
}
