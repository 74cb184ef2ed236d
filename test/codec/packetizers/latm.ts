// Sends AAC access units as RFC 6416 says, for tests: LATM mux elements, with the config in band or not, cut
// at an MTU.

import { rtp } from '../../rtp/build.js';
import { bitsToBytes } from './aac.js';

export interface LatmOptions {
  /** Payload bytes of a packet at most. */
  mtu: number;
  /** Access units of one mux element. */
  frames: number;
  frameTicks: number;
  sequence: number;
  timestamp: number;
  /** The StreamMuxConfig in bits, where it is sent in band: in every `configEvery`-th element. */
  inBand?: string;
  configEvery?: number;
  noMarker?: boolean;
  /** Every unit has this size and no length in front of it. */
  fixed?: boolean;
}

/**
 * A StreamMuxConfig in bits (ISO/IEC 14496-3 1.7.3.2) of version 0: one program, one layer. `audio` is an
 * AudioSpecificConfig in bits.
 */
export function muxConfig(audio: string, frames = 1, fixedBytes?: number): string {
  const head = '01' + (frames - 1).toString(2).padStart(6, '0') + '0000' + '000';
  const lengths =
    fixedBytes === undefined ? '000' + '1'.repeat(8) : '001' + (fixedBytes - 20).toString(2).padStart(9, '0');
  return head + audio + lengths + '0' + '0';
}

export function toBits(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(2).padStart(8, '0')).join('');
}

export function packetizeLatm(units: readonly Buffer[], options: LatmOptions): Buffer[] {
  const packets: Buffer[] = [];
  for (let i = 0, count = 0; i < units.length; i += options.frames, count++) {
    const element = muxElement(units.slice(i, i + options.frames), count, options);
    for (let at = 0; at < element.length; at += options.mtu) {
      packets.push(
        rtp({
          sequence: options.sequence + packets.length,
          timestamp: options.timestamp + i * options.frameTicks,
          marker: options.noMarker !== true && at + options.mtu >= element.length,
          payload: element.subarray(at, at + options.mtu),
        }),
      );
    }
  }
  return packets;
}

function muxElement(units: readonly Buffer[], count: number, options: LatmOptions): Buffer {
  let bits = '';
  if (options.inBand !== undefined)
    bits += count % (options.configEvery ?? 1) === 0 ? '0' + options.inBand : '1';
  for (const unit of units) {
    if (options.fixed !== true) {
      const length = [...new Array<number>(Math.floor(unit.length / 255)).fill(255), unit.length % 255];
      bits += toBits(Uint8Array.from(length));
    }
    bits += toBits(unit);
  }
  return bitsToBytes(bits);
}
