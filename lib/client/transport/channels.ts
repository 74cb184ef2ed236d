// Maps interleaved channels (RFC 2326 10.12) to tracks, also for servers that do not grant the channels they
// were asked for.

import type { Track } from '../track.js';

type ChannelPair = [rtp: number, rtcp: number];

/**
 * The tracks whose packets come on one channel: usually one, more if a server sends everything on the same
 * channel.
 */
interface Channel {
  readonly tracks: Track[];
  /** The tracks for which this is the RTP channel. */
  readonly rtp: Track[];
}

const HIGHEST = 254;

export class ChannelTable {
  private readonly channels: (Channel | undefined)[] = [];

  isInUse(number: number): boolean {
    return this.channels[number] !== undefined;
  }

  /**
   * The lowest even channel that is free together with the next one. A granted channel is never requested
   * again.
   */
  freePair(): ChannelPair {
    let number = 0;
    while (number < HIGHEST && (this.isInUse(number) || this.isInUse(number + 1))) number += 2;
    return [number, number + 1];
  }

  /** Whether the pair's RTP channel belongs to another track. */
  belongsToAnother([number]: ChannelPair, track: Track): boolean {
    return this.channels[number]?.rtp.some((one) => one !== track) === true;
  }

  add(pair: ChannelPair, track: Track): void {
    for (const number of pair) {
      const channel = (this.channels[number] ??= { tracks: [], rtp: [] });
      insert(channel.tracks, track);
      if (number === pair[0]) insert(channel.rtp, track);
    }
  }

  remove(pair: ChannelPair, track: Track): void {
    for (const number of pair) {
      const channel = this.channels[number];
      if (channel === undefined) continue;
      remove(channel.tracks, track);
      remove(channel.rtp, track);
      if (channel.tracks.length === 0) this.channels[number] = undefined;
    }
  }

  /**
   * Hands a packet to its track. quirk: rtp-before-play-reply; packets of an older session may come on
   * channels that were never set up, and are dropped.
   */
  take(number: number, buffer: Buffer, start: number, end: number, arrival: number): void {
    const channel = this.channels[number];
    if (channel === undefined) return;
    const { tracks, rtp } = channel;
    const second = buffer[start + 1] ?? 0;
    // quirk: rtp-before-play-reply; RTCP (packet types 200 to 204) may come on an RTP channel. RTP on an RTCP
    // channel is recognised by RFC 5761 4.
    if ((second >= 200 && second <= 204) || (rtp.length === 0 && second >= 192 && second <= 223)) {
      for (const track of tracks)
        if (tracks.length === 1 || track.isHeard) track.rtcp(buffer, start, end, arrival);
    } else {
      const track = tracks.length === 1 ? tracks[0] : byPayloadType(tracks, second & 0x7f);
      track?.rtp(buffer, start, end, arrival);
    }
  }
}

function byPayloadType(tracks: readonly Track[], type: number): Track | undefined {
  for (const track of tracks) if (track.announces(type)) return track;
  // No track announces this payload type: the first track counts it as ignored.
  return tracks[0];
}

function insert(tracks: Track[], track: Track): void {
  if (!tracks.includes(track)) tracks.push(track);
}

function remove(tracks: Track[], track: Track): void {
  const at = tracks.indexOf(track);
  if (at !== -1) tracks.splice(at, 1);
}
