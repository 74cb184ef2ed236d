// ONVIF metadata over RTP (ONVIF Streaming Specification, VND.ONVIF.METADATA): XML documents, each ended by
// the marker bit.

import type { RtpPacketView } from '../rtp/packet.js';
import type { MediaDescription } from '../rtsp/sdp.js';
import { ByteCollector } from './byte-collector.js';
import type { Depacketizer } from './payload-format.js';
import type { MediaUnit } from './unit.js';
import { UnitOrigin } from './unit-origin.js';

/** Largest document in bytes; real ones have a few KB. */
const DOCUMENT_BYTES = 1024 * 1024;
/** Beginning of a document: optionally a byte order mark, then the XML declaration or the root element. */
const BEGINNING = /^(?:\xef\xbb\xbf)?\s*<(?:\?xml|(?:[\w.-]+:)?MetadataStream[\s/>])/;

/**
 * One unit per document, always whole: a document with a missing part, or above 1 MiB, is dropped, and the
 * next one is flagged `damaged`. If a device never sets the marker, the next document's timestamp ends a
 * document.
 */
export class OnvifMetadataDepacketizer implements Depacketizer {
  private readonly sink: (unit: MediaUnit) => void;
  private readonly origin = new UnitOrigin();
  private readonly document = new ByteCollector(DOCUMENT_BYTES);
  private open = false;
  private broken = false;
  private sequence = 0;
  private damagedNext = false;
  /** The next packet may be in the middle of a document: packets before it were lost, or it is the first. */
  private uncertain = true;

  constructor(
    _payload: MediaDescription['payloads'][number],
    _media: MediaDescription,
    sink: (unit: MediaUnit) => void,
  ) {
    this.sink = sink;
  }

  push(packet: RtpPacketView, arrivalMs: number): void {
    const { buffer, payloadStart, payloadEnd } = packet;
    if (this.open && packet.timestamp !== this.origin.rtpTime) this.finish();
    if (!this.open && payloadEnd > payloadStart) {
      this.open = true;
      this.broken = this.uncertain && !beginsDocument(buffer, payloadStart, payloadEnd);
      this.uncertain = false;
      this.origin.begin(packet, arrivalMs);
    }
    this.sequence = packet.sequence;
    if (!this.broken) this.broken = !this.document.append(buffer, payloadStart, payloadEnd);
    if (packet.marker && this.open) this.finish();
  }

  gap(): void {
    this.broken = this.open;
    this.uncertain = true;
    this.damagedNext = true;
  }

  flush(): void {
    this.reset();
  }

  reset(): void {
    this.document.clear();
    this.open = false;
    this.broken = false;
    this.uncertain = true;
  }

  private finish(): void {
    this.open = false;
    if (this.broken) {
      this.broken = false;
      this.damagedNext = true;
      this.document.clear();
      return;
    }
    const damaged = this.damagedNext;
    this.damagedNext = false;
    this.sink({
      kind: 'metadata',
      codec: 'onvif',
      ...this.origin.times(this.sequence),
      data: this.document.take(),
      damaged,
    });
  }
}

function beginsDocument(buffer: Buffer, start: number, end: number): boolean {
  return BEGINNING.test(buffer.toString('latin1', start, Math.min(end, start + 128)));
}
