// The cameras of a node whose `channel` may be a list: which they are, which of them a message addresses, and
// how messages are marked with their camera.

import { NvrError } from '../../lib/errors.js';
import type { NvrSettings } from '../../lib/nvr/types.js';
import { channelList, isOneChannel } from './channel-list.js';
import { channelName } from './channel.js';
import { isEmpty } from './settings/check.js';

/**
 * Added to every message of a node whose setting is a list, or comes from the environment and so may be one.
 */
export interface CameraMark {
  /** The camera's number. */
  readonly channel?: number;
  /** The camera's name in the NVR's table, else its number. */
  readonly camera?: string;
}

/** Most cameras listed in an error message. */
const MAX_NAMED = 16;

export class OwnCameras {
  readonly channels: readonly number[];
  private readonly isList: boolean;

  /** Throws EINPUT if the setting is neither a channel nor a list. `source`: where the setting comes from. */
  constructor(
    private readonly settings: Pick<NvrSettings, 'channels'>,
    given: unknown,
    source = 'str',
  ) {
    this.channels = channelList(settings, given);
    this.isList = source === 'env' || !isOneChannel(settings, given);
  }

  /**
   * Properties for messages of a camera: none for a node with a single channel, which the flow can name
   * itself.
   */
  markOf(channel: number): CameraMark {
    return this.isList ? { channel, camera: channelName(this.settings, channel) } : {};
  }

  /** The cameras in `msg.channel`, which may be a list; all if it is empty. Throws EINPUT. */
  named(given: unknown): readonly number[] {
    if (isEmpty(given) || given === '*') return this.channels;
    const named = this.read(given);
    if (named.length === 0 || named.some((channel) => !this.channels.includes(channel)))
      throw this.refusal('msg.channel names a camera that this node does not have');
    return named;
  }

  /** The single camera in `msg.channel`, or the only one of the node. Throws EINPUT. */
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
