// AAC over RTP as MP4A-LATM (RFC 6416 6, formerly RFC 3016): extracts access units from LATM mux elements,
// each in one or several packets.

import { NvrError } from '../errors.js';
import { LIMITS } from '../limits.js';
import type { RtpPacketView } from '../rtp/packet.js';
import type { MediaDescription } from '../rtsp/sdp.js';
import { Bits, copyBits } from './bits.js';
import { ByteCollector } from './byte-collector.js';
import { AacRateGuard } from './aac-rate.js';
import type { Depacketizer, DepacketizerOptions } from './payload-format.js';
import type { LatmConfig } from './latm-config.js';
import { readLatmConfig } from './latm-config.js';
import type { AudioFormat, AudioUnit, MediaUnit } from './unit.js';
import { UnitOrigin } from './unit-origin.js';

/**
 * One unit per access unit, raw. A mux element ends at the marker bit or a new timestamp. Packets do not say
 * where an element begins; so at the start and after a loss everything up to the next end is dropped, and the
 * unit after it is flagged `damaged`.
 */
export class AacLatmDepacketizer implements Depacketizer {
  private readonly sink: (unit: AudioUnit) => void;
  private readonly clockRate: number;
  private readonly configInBand: boolean;
  private readonly origin = new UnitOrigin();
  private readonly element = new ByteCollector(LIMITS.unitBytes);
  private config: LatmConfig | undefined;
  private format: AudioFormat | undefined;
  private open = false;
  private broken = false;
  /** Packets before the next one were lost, or it is the first. */
  private lost = true;
  private sequence = 0;
  private damagedNext = false;

  /** @throws NvrError EUNSUPPORTED if the SDP's config is not AAC, or has several programs or layers */
  constructor(
    payload: MediaDescription['payloads'][number],
    _media: MediaDescription,
    sink: (unit: MediaUnit) => void,
    { onWarning }: DepacketizerOptions = {},
  ) {
    this.clockRate = payload.clockRate;
    // cpresent=1, the default: the config is sent in band (RFC 6416 7.3).
    this.configInBand = payload.fmtp.get('cpresent') !== '0';
    // An in-band config comes from the encoder itself, so it needs no check against the packet rate; one in
    // the SDP may be wrong.
    const guard = this.configInBand ? undefined : new AacRateGuard(payload.clockRate, sink, onWarning);
    this.sink =
      guard === undefined
        ? sink
        : (unit) => {
            guard.take(unit);
          };
    const hex = payload.fmtp.get('config') ?? '';
    if (/^([0-9a-f]{2})+$/i.test(hex)) {
      const bytes = Buffer.from(hex, 'hex');
      this.useConfig(readLatmConfig(bytes, new Bits(bytes)));
    }
    if (this.config === undefined && !this.configInBand) {
      throw new NvrError(
        'EUNSUPPORTED',
        "The audio track is MP4A-LATM without a config that can be read. Choose another audio codec in the camera's settings.",
      );
    }
  }

  push(packet: RtpPacketView, arrivalMs: number): void {
    const lost = this.lost;
    this.lost = false;
    if (this.open && packet.timestamp !== this.origin.rtpTime) this.finish();
    if (!this.open) {
      this.open = true;
      this.broken = lost;
      this.origin.begin(packet, arrivalMs);
    } else if (lost) {
      this.broken = true;
    }
    this.sequence = packet.sequence;
    if (!this.broken && !this.element.append(packet.buffer, packet.payloadStart, packet.payloadEnd)) {
      this.broken = this.damagedNext = true;
    }
    if (packet.marker) this.finish();
  }

  gap(): void {
    this.lost = true;
    this.damagedNext = true;
  }

  flush(): void {
    this.reset();
  }

  reset(): void {
    this.element.clear();
    this.open = false;
    this.lost = true;
  }

  private finish(): void {
    this.open = false;
    if (!this.broken) this.readElement(this.element.bytes);
    this.element.clear();
  }

  /**
   * AudioMuxElement (ISO/IEC 14496-3 1.7.3.1). An in-band config shifts everything behind it off the byte
   * boundaries.
   */
  private readElement(bytes: Buffer): void {
    const bits = new Bits(bytes);
    if (this.configInBand && bits.read(1) === 0) this.useConfig(readLatmConfig(bytes, bits));
    const config = this.config;
    if (config === undefined || this.format === undefined) {
      this.damagedNext = true;
      return;
    }
    const frameTicks = Math.round((config.aac.frameSamples * this.clockRate) / config.aac.coreRate);
    for (let i = 0; i < config.frames; i++) {
      const end = (config.frameBytes > 0 ? config.frameBytes : readLength(bits)) * 8 + bits.position;
      if (bits.overrun || end > bits.position + bits.left) {
        this.damagedNext = true;
        return;
      }
      if (end > bits.position) this.emit(copyBits(bytes, bits.position, end), i * frameTicks, this.format);
      bits.moveTo(end);
    }
  }

  private useConfig(config: LatmConfig | undefined): void {
    const current = this.format?.config;
    this.config = config;
    if (config === undefined || current?.equals(config.aac.bytes)) return;
    const { sampleRate, channels, bytes } = config.aac;
    this.format = { codec: 'aac', sampleRate, channels, config: bytes };
  }

  private emit(data: Buffer, later: number, format: AudioFormat): void {
    const damaged = this.damagedNext;
    this.damagedNext = false;
    this.sink({
      kind: 'audio',
      codec: 'aac',
      ...this.origin.times(this.sequence, later),
      data,
      damaged,
      format,
    });
  }
}

/** PayloadLengthInfo (1.7.3.1): the sum of bytes up to and including the first below 255. */
function readLength(bits: Bits): number {
  let length = 0;
  for (;;) {
    const byte = bits.read(8);
    length += byte;
    if (byte < 255) return length;
  }
}
