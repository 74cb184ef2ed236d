// A session on a transport that the test controls, and streams to feed it.

import { tcp } from '../../lib/client/transport/transports.js';
import { ServerMemory } from '../../lib/client/quirks.js';
import { RtspSession } from '../../lib/client/session.js';
import type { Pipe, PipeOptions } from '../../lib/client/transport/socket.js';
import type { MediaUnit } from '../../lib/codec/unit.js';
import { fuA } from '../codec/packetizers/h264.js';
import { idrSlice, interleaved, PPS, rtp, SDP, SPS } from './scripted-server.js';

/**
 * A session whose server is a function. What "the socket" reads is written to one buffer, again and again.
 */
export class Wire {
  readonly units: MediaUnit[] = [];
  private readonly buffer = Buffer.alloc(512 * 1024);
  private isPaused = false;
  private pipe!: PipeOptions;
  readonly session = new RtspSession({
    uri: 'rtsp://127.0.0.1/live',
    transport: tcp({ connect: (options) => this.open(options) }),
    memory: new ServerMemory(),
    onUnit: (unit) => this.units.push(unit),
    onEnd: ({ error }) => {
      throw error;
    },
  });

  read(bytes: Buffer): void {
    bytes.copy(this.buffer);
    this.pipe.onData(this.buffer, bytes.length);
    this.buffer.fill(0xee, 0, bytes.length);
  }

  /** Reads more when the session is ready for it, giving the event loop a turn in between. */
  async flow(bytes: Buffer): Promise<void> {
    this.read(bytes);
    while (this.isPaused) await new Promise((resolve) => setImmediate(resolve));
  }

  private open(options: PipeOptions): Promise<Pipe> {
    this.pipe = options;
    return Promise.resolve({
      localAddress: '127.0.0.1',
      remoteAddress: '127.0.0.1',
      unsent: 0,
      write: (data: Buffer) => {
        this.answer(data.toString('latin1'));
      },
      pause: () => {
        this.isPaused = true;
      },
      resume: () => {
        this.isPaused = false;
      },
      destroy: () => undefined,
    });
  }

  private answer(request: string): void {
    const [, method = '', cseq = ''] = /^(\w+) [^]*CSeq: (\d+)/.exec(request) ?? [];
    if (method === '') return;
    const body = method === 'DESCRIBE' ? SDP : '';
    const head = `RTSP/1.0 200 OK\r\nCSeq: ${cseq}\r\nSession: 1\r\nContent-Length: ${body.length}\r\n\r\n`;
    queueMicrotask(() => {
      this.read(Buffer.from(head + body));
    });
  }
}

/** Many small packets, so that the cost per unit does not hide the cost per packet. */
export const PACKETS_OF_A_UNIT = 4000;
const FRAGMENT_BYTES = 50;
/**
 * Sources and times are random: half of them are above 2^31, which V8 keeps in another way than smaller
 * numbers.
 */
const SOURCE = { ssrc: 0xf000_0000 };
const FIRST_TIME = 3_000_000_000;
/** The beginning of a stream. */
export const PARAMETER_SETS = Buffer.concat(
  [rtp(0, FIRST_TIME, false, SPS, SOURCE), rtp(1, FIRST_TIME, false, PPS, SOURCE)].map((packet) =>
    interleaved(0, packet),
  ),
);

/** Units of many fragments as interleaved frames; sequence numbers continue from 2. */
export class LargeUnits {
  private count = 0;
  private sequence = 2;

  take(count: number): Buffer[] {
    return Array.from({ length: count }, () => this.next());
  }

  private next(): Buffer {
    const timestamp = FIRST_TIME + 3600 * this.count++;
    const parts = fuA(idrSlice(0x55, PACKETS_OF_A_UNIT * FRAGMENT_BYTES), FRAGMENT_BYTES + 2);
    return Buffer.concat(
      parts.map(({ bytes, ends }) => interleaved(0, rtp(this.sequence++, timestamp, ends, bytes, SOURCE))),
    );
  }
}
