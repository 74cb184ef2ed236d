// A session on a transport that the test controls, and streams to feed it.

import { tcp } from '../../lib/client/transport/transports.js';
import { ServerMemory } from '../../lib/client/quirks.js';
import { RtspSession, type SessionEnd, type SessionOptions } from '../../lib/client/session.js';
import type { OpenPipe, Pipe, PipeOptions } from '../../lib/client/transport/socket.js';
import type { Transport } from '../../lib/client/transport/transport.js';
import type { MediaUnit } from '../../lib/codec/unit.js';
import type { NvrError } from '../../lib/errors.js';
import { fuA } from '../codec/packetizers/h264.js';
import { idrSlice, interleaved, PPS, rtp, SDP, SPS } from './scripted-server.js';

/** What the server says to one request, in place of "200 OK". */
interface Said {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Comes in the same read as the reply. */
  readonly after?: Buffer;
}

interface Setting {
  /** Anything but the transport; what the session tells is kept in any case. */
  readonly options?: Partial<Omit<SessionOptions, 'transport' | 'onEnd' | 'onUnit'>>;
  /** Another transport over the test's connection. */
  readonly transport?: (options: { connect: OpenPipe }) => Transport;
  /** `nothing` leaves the request unanswered. */
  readonly says?: (method: string, request: string) => Said | 'nothing' | undefined;
  readonly onUnit?: ((unit: MediaUnit) => void) | 'none';
  readonly onEnd?: (end: SessionEnd) => void;
}

/**
 * A session whose server is a function. What "the socket" reads is written to one buffer, again and again.
 */
export class Wire {
  readonly units: MediaUnit[] = [];
  /** The heads of all requests. */
  readonly requests: string[] = [];
  isDestroyed = false;
  readonly session: RtspSession;
  private readonly buffer = Buffer.alloc(512 * 1024);
  private isPaused = false;
  private pipe!: PipeOptions;

  constructor(private readonly setting: Setting = {}) {
    const { options, transport = tcp, onUnit, onEnd } = setting;
    this.session = new RtspSession({
      uri: 'rtsp://127.0.0.1/live',
      memory: new ServerMemory(),
      ...options,
      transport: transport({ connect: (pipe) => this.open(pipe) }),
      ...(onUnit !== 'none' && { onUnit: onUnit ?? ((unit) => this.units.push(unit)) }),
      onEnd:
        onEnd ??
        (({ error }) => {
          throw error;
        }),
    });
  }

  /** The methods of all requests. */
  get methods(): string[] {
    return this.requests.map((request) => request.split(' ', 1)[0]!);
  }

  read(bytes: Buffer): void {
    bytes.copy(this.buffer);
    this.pipe.onData(this.buffer, bytes.length);
    this.buffer.fill(0xee, 0, bytes.length);
  }

  /** The same in a buffer of its own, as a datagram has it. */
  receive(bytes: Buffer): void {
    this.pipe.onData(Buffer.from(bytes), bytes.length);
  }

  /** Reads more when the session is ready for it, giving the event loop a turn in between. */
  async flow(bytes: Buffer): Promise<void> {
    this.read(bytes);
    while (this.isPaused) await new Promise((resolve) => setImmediate(resolve));
  }

  /** The server closes the connection, or it fails. */
  close(error?: NvrError): void {
    this.pipe.onClose(error);
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
      destroy: () => {
        this.isDestroyed = true;
      },
    });
  }

  private answer(request: string): void {
    const [, method = '', cseq = ''] = /^(\w+) [^]*CSeq: (\d+)/.exec(request) ?? [];
    if (method === '') return;
    this.requests.push(request);
    const said = this.setting.says?.(method, request) ?? {};
    if (said === 'nothing') return;
    const { status = 200, headers = { Session: '1' }, body = method === 'DESCRIBE' ? SDP : '' } = said;
    const lines = [`RTSP/1.0 ${status} OK`, `CSeq: ${cseq}`];
    for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
    const head = `${lines.join('\r\n')}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    queueMicrotask(() => {
      if (!this.isDestroyed) this.read(Buffer.concat([Buffer.from(head), said.after ?? Buffer.alloc(0)]));
    });
  }
}

/** Many small packets, so that the cost per unit does not hide the cost per packet. */
export const PACKETS_OF_A_UNIT = 4000;
const FRAGMENT_BYTES = 50;
const INTERLEAVED_HEADER = 4;
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
  private readonly packets = fuA(idrSlice(0x55, PACKETS_OF_A_UNIT * FRAGMENT_BYTES), FRAGMENT_BYTES + 2).map(
    ({ bytes, ends }) => interleaved(0, rtp(0, 0, ends, bytes, SOURCE)),
  );
  private readonly unit = Buffer.concat(this.packets);

  take(count: number): Buffer[] {
    return Array.from({ length: count }, () => this.next());
  }

  /** A copy in which each packet has its sequence number and time: making them anew would take longer. */
  private next(): Buffer {
    const timestamp = FIRST_TIME + 3600 * this.count++;
    const unit = Buffer.from(this.unit);
    let at = INTERLEAVED_HEADER;
    for (const { length } of this.packets) {
      unit.writeUInt16BE(this.sequence++ & 0xffff, at + 2);
      unit.writeUInt32BE(timestamp, at + 4);
      at += length;
    }
    return unit;
  }
}
