// An NVR written from the manual only (live, playback, key service, Digest, TCP interleaved and UDP), on the
// loopback interface. It shares no code with the package, so that an error is not made on both sides.

import crypto from 'node:crypto';
import dgram from 'node:dgram';
import http from 'node:http';
import net from 'node:net';
import { ManualLogin, REALM } from './manual-nvr-login.js';
import { MANUAL_CLIPS, rtpPayloads, type Picture } from './manual-nvr-media.js';
import { HOST, listen, readRequest, REASONS, type Request } from './manual-nvr-wire.js';

export { ACCOUNT } from './manual-nvr-login.js';

const PUBLIC = 'OPTIONS, DESCRIBE, SETUP, TEARDOWN, PLAY, GET_PARAMETER';
const PAYLOAD_TYPE = 99;
const SESSION_MS = 60_000;
/** Recordings become available this long after the fact. */
const WRITTEN_MS = 1000;
const MAX_HEADER = 16_384;
const TICK_MS = 20;

/** The NVR has its own clock, because tests change this machine's clock. */
const BEGUN = Date.now() - performance.now();
const clock = (): number => BEGUN + performance.now();

interface Refusal {
  readonly status: number;
  readonly until: number;
  times: number;
  readonly method: string | undefined;
}

/** The target of a request URI. */
interface Wanted {
  readonly channel: number;
  /** Start of the recording in epoch ms; undefined for live. */
  readonly from?: number;
}

export async function startManualNvr(options: { channels?: number } = {}): Promise<ManualNvr> {
  const nvr = new ManualNvr(options.channels ?? 4);
  await nvr.back();
  return nvr;
}

export class ManualNvr {
  private rtsp: net.Server | undefined;
  private web: http.Server | undefined;
  private rtspAt = 0;
  private httpAt = 0;
  private readonly peers = new Set<Peer>();
  private readonly keys = new Map<string, number>();
  readonly login = new ManualLogin();
  private refusal: Refusal | undefined;
  /** Answers nothing and sends nothing. */
  isSilent = false;
  /** Share of RTP packets to drop, 0 to 1. */
  loss = 0;
  /** Rate limit of every connection. */
  bytesPerSecond = Infinity;
  /** Send pictures of another size. */
  isLarge = false;
  /** Added to the SSRC of all streams; sequence numbers and timestamps restart when it changes. */
  era = 0;
  /** Sessions opened, and sessions torn down. */
  opened = 0;
  tornDown = 0;
  requests: string[] = [];

  constructor(private readonly channels: number) {}

  get rtspPort(): number {
    return this.rtspAt;
  }

  get httpPort(): number {
    return this.httpAt;
  }

  get sessions(): number {
    return [...this.peers].filter(({ isPlaying }) => isPlaying).length;
  }

  /** Simulates a crash: resets connections and refuses new ones. */
  async kill(): Promise<void> {
    for (const peer of this.peers) peer.reset();
    const { rtsp, web } = this;
    this.rtsp = this.web = undefined;
    web?.closeAllConnections();
    await Promise.all(
      [rtsp, web].map(async (server) => {
        if (server !== undefined) await new Promise((resolve) => server.close(resolve));
      }),
    );
  }

  /** Restarts on the same ports. */
  async back(): Promise<void> {
    const rtsp = net.createServer((socket) => {
      const peer = new Peer(this, socket);
      this.peers.add(peer);
      socket.once('close', () => this.peers.delete(peer));
    });
    const web = http.createServer((request, response) => {
      this.onHttp(request, response);
    });
    this.rtspAt = await listen(rtsp, this.rtspAt);
    this.httpAt = await listen(web, this.httpAt);
    this.rtsp = rtsp;
    this.web = web;
  }

  rst(): void {
    for (const peer of this.peers) peer.reset();
  }

  fin(): void {
    for (const peer of this.peers) peer.end();
  }

  /** Silently drops the existing connections, without closing them; new ones are served. */
  forget(): void {
    for (const peer of this.peers) peer.forget();
  }

  /** Answers the next requests, or those of one method, with a status, for a number of times or ms. */
  refuse(
    status: number,
    { times = Infinity, ms = Infinity, method }: { times?: number; ms?: number; method?: string },
  ): void {
    this.refusal = { status, until: performance.now() + ms, times, method };
  }

  /** Restarts all streams, as after a restart of the camera. */
  startAnew(): void {
    this.era++;
    for (const peer of this.peers) peer.startAnew();
  }

  /** The status to answer with instead, if any. */
  takeRefusal(asked: string): number | undefined {
    const { refusal } = this;
    if (refusal === undefined) return undefined;
    if (refusal.times <= 0 || performance.now() >= refusal.until) {
      this.refusal = undefined;
      return undefined;
    }
    if (refusal.method !== undefined && refusal.method !== asked) return undefined;
    refusal.times--;
    return refusal.status;
  }

  /** Undefined if the channel does not exist or the key does not match. */
  wanted(uri: string): Wanted | undefined {
    const [, kind = '', query = ''] =
      /^rtsp:\/\/[^/]+\/(live|playback)\?([^ ]*?)(?:\/(?:track1)?)?$/.exec(uri) ?? [];
    const fields = new URLSearchParams(query);
    const ch = fields.get('ch') ?? '';
    const channel = Number(ch) + 1;
    if (!/^\d{4}$/.test(ch) || channel > this.channels || !/^[DM]$/.test(fields.get('stype') ?? ''))
      return undefined;
    if (kind === 'live') return { channel };
    const from = this.keys.get(fields.get('pbkey') ?? '');
    return from === undefined ? undefined : { channel, from };
  }

  /** `GET /datasearch/gen_pbkey?group_id=%d&start_time=%d`: returns a key for a time. */
  private onHttp(request: http.IncomingMessage, response: http.ServerResponse): void {
    if (this.isSilent) return;
    const url = request.url ?? '';
    const status = this.takeRefusal(request.method ?? '');
    if (
      status === undefined &&
      !this.login.isAllowed(request.method ?? '', url, request.headers.authorization)
    ) {
      response.setHeader('WWW-Authenticate', `Digest realm="${REALM}", nonce="${this.login.nonce()}"`);
      response.writeHead(401).end();
      return;
    }
    const [, group, time] = /^\/datasearch\/gen_pbkey\?group_id=(\d+)&start_time=(\d+)$/.exec(url) ?? [];
    if (status !== undefined || group === undefined) {
      if (status === 401)
        response.setHeader('WWW-Authenticate', `Digest realm="${REALM}", nonce="${this.login.nonce()}"`);
      response.writeHead(status ?? 404).end();
      return;
    }
    const key = crypto.randomBytes(12).toString('base64');
    this.keys.set(key, Number(time) * 1000);
    response.writeHead(200, { 'Content-Type': 'text/plain' }).end(key);
  }
}

/** One connection with its session. */
class Peer {
  private text = '';
  /** Bytes of the current interleaved frame still to skip. */
  private skip = 0;
  private session: string | undefined;
  private wanted: Wanted | undefined;
  private udp: { socket: dgram.Socket; port: number } | undefined;
  private playing: NodeJS.Timeout | undefined;
  private alive = performance.now();
  private isForgotten = false;
  private queue = Buffer.alloc(0);
  private drips: NodeJS.Timeout | undefined;
  private ssrc = crypto.randomBytes(4).readUInt32BE(0);
  private sequence = crypto.randomInt(0x10000);
  private clock = crypto.randomInt(0xffffffff);
  private packets = 0;

  constructor(
    private readonly nvr: ManualNvr,
    private readonly socket: net.Socket,
  ) {
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      this.feed(chunk.toString('latin1'));
    });
    socket.on('end', () => socket.end());
    socket.once('close', () => {
      this.leave();
    });
  }

  get isPlaying(): boolean {
    return this.playing !== undefined;
  }

  reset(): void {
    this.leave();
    this.socket.resetAndDestroy();
  }

  end(): void {
    this.leave();
    this.socket.end();
  }

  forget(): void {
    this.isForgotten = true;
    this.socket.pause();
    this.leave();
  }

  startAnew(): void {
    this.ssrc = (this.ssrc + this.nvr.era * 7919 + 1) >>> 0;
    this.sequence = crypto.randomInt(0x10000);
    this.clock = crypto.randomInt(0xffffffff);
  }

  private leave(): void {
    clearInterval(this.playing);
    clearInterval(this.drips);
    this.playing = undefined;
    this.udp?.socket.close();
    this.udp = undefined;
  }

  private feed(text: string): void {
    this.text += text;
    for (;;) {
      if (this.skip > 0) {
        const taken = Math.min(this.skip, this.text.length);
        this.text = this.text.slice(taken);
        this.skip -= taken;
        if (this.skip > 0) return;
      }
      if (this.text.startsWith('$')) {
        // RTCP from the client keeps the session alive.
        if (this.text.length < 4) return;
        this.skip = 4 + this.text.charCodeAt(2) * 256 + this.text.charCodeAt(3);
        this.alive = performance.now();
        continue;
      }
      const end = this.text.indexOf('\r\n\r\n');
      if (end < 0) {
        if (this.text.length > MAX_HEADER) this.reset();
        return;
      }
      const head = this.text.slice(0, end);
      const request = readRequest(head);
      this.text = this.text.slice(end + 4 + Number(request?.headers.get('content-length') ?? 0));
      if (request === undefined) this.reset();
      else if (!this.nvr.isSilent && !this.isForgotten) this.answer(request);
    }
  }

  private answer(request: Request): void {
    const { method, uri, headers } = request;
    this.alive = performance.now();
    this.nvr.requests.push(method);
    const refusal = this.nvr.takeRefusal(method);
    if (refusal !== undefined) {
      this.reply(request, refusal, refusal === 401 ? [this.challenge()] : []);
      return;
    }
    if (method === 'OPTIONS') {
      this.reply(request, 200, [`Public: ${PUBLIC}`]);
      return;
    }
    if (!this.nvr.login.isAllowed(method, uri, headers.get('authorization'))) {
      this.reply(request, 401, [this.challenge()]);
      return;
    }
    if (method === 'DESCRIBE') {
      this.describe(request);
      return;
    }
    if (method === 'SETUP') {
      this.setUp(request);
      return;
    }
    if (this.session === undefined || headers.get('session')?.split(';')[0] !== this.session) {
      this.reply(request, 454);
      return;
    }
    switch (method) {
      case 'PLAY':
        this.reply(request, 200, [
          'Range: npt=0.000-',
          `RTP-Info: url=${uri.replace(/\/?$/, '/')}track1;seq=${this.sequence};rtptime=${this.clock}`,
        ]);
        this.play();
        break;
      case 'GET_PARAMETER':
        this.reply(request, 200);
        break;
      case 'TEARDOWN':
        this.nvr.tornDown++;
        this.leave();
        this.reply(request, 200);
        this.session = undefined;
        break;
      default:
        this.reply(request, 500);
    }
  }

  private challenge(): string {
    return `WWW-Authenticate: Digest realm="${REALM}", nonce="${this.nvr.login.nonce()}"`;
  }

  private describe(request: Request): void {
    const wanted = this.nvr.wanted(request.uri);
    if (wanted === undefined) {
      this.reply(request, 404);
      return;
    }
    const { width, height, rate } = MANUAL_CLIPS.small();
    const sdp = [
      'v=0',
      'o=- 1271956268066958 0 IN IP4 0.0.0.0',
      's=Session streamed by "NVRMediaServer"',
      `i=CH${String(wanted.channel - 1).padStart(2, '0')}D`,
      't=0 0',
      'a=tool:NVR Streaming Media',
      'a=type:broadcast',
      'a=control:*',
      'a=range:npt=0-',
      `m=video 0 RTP/AVP ${PAYLOAD_TYPE}`,
      'c=IN IP4 0.0.0.0',
      `a=rtpmap:${PAYLOAD_TYPE} H264/90000`,
      `a=fmtp:${PAYLOAD_TYPE} packetization-mode=1`,
      'a=control:track1',
      `a=cliprect:0,0,${height},${width}`,
      `a=framerate:${rate.toFixed(6)}`,
      'a=x-bufferdelay:0',
      '',
    ].join('\r\n');
    const base = request.uri.replace(/\/?$/, '/');
    this.reply(request, 200, ['Content-Type: application/sdp', `Content-Base: ${base}`], sdp);
  }

  private setUp(request: Request): void {
    const wanted = this.nvr.wanted(request.uri);
    const transport = request.headers.get('transport') ?? '';
    const [, channels] = /RTP\/AVP\/TCP;unicast;interleaved=(\d+-\d+)/.exec(transport) ?? [];
    const [, ports, port] = /RTP\/AVP(?:\/UDP)?;unicast;client_port=((\d+)-\d+)/.exec(transport) ?? [];
    if (wanted === undefined || (channels === undefined && ports === undefined)) {
      this.reply(request, wanted === undefined ? 404 : 461);
      return;
    }
    this.wanted = wanted;
    this.session = crypto.randomBytes(4).toString('hex').toUpperCase();
    this.nvr.opened++;
    if (channels !== undefined) {
      this.reply(request, 200, [`Transport: RTP/AVP/TCP;unicast;interleaved=${channels}`]);
      return;
    }
    const socket = dgram.createSocket('udp4');
    this.udp = { socket, port: Number(port) };
    socket.on('error', () => undefined);
    socket.bind(0, HOST, () => {
      const own = socket.address().port;
      const served = `server_port=${own}-${own + 1}`;
      this.reply(request, 200, [`Transport: RTP/AVP/UDP;unicast;client_port=${ports};${served}`]);
    });
  }

  private reply(request: Request, status: number, headers: readonly string[] = [], body = ''): void {
    const lines = [
      `RTSP/1.0 ${status} ${REASONS[status] ?? 'Error'}`,
      `CSeq: ${request.headers.get('cseq') ?? ''}`,
      `Date: ${new Date(clock()).toUTCString()}`,
      ...(this.session === undefined ? [] : [`Session: ${this.session}`]),
      ...headers,
      ...(body === '' ? [] : [`Content-Length: ${body.length}`]),
    ];
    this.write(Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body}`));
  }

  /** Live starts at the last keyframe; playback at the last keyframe before the key's time, in real time. */
  private play(): void {
    clearInterval(this.playing);
    const { from } = this.wanted!;
    const first = MANUAL_CLIPS.small().keyframeAt(from ?? clock());
    // RTP-Info gives the time of the first picture.
    const zero = MANUAL_CLIPS.small().after(first);
    let next = first;
    const begun = performance.now();
    let clip = MANUAL_CLIPS.small();
    this.playing = setInterval(() => {
      if (performance.now() - this.alive > SESSION_MS) {
        this.end();
        return;
      }
      const now = from === undefined ? clock() : first + (performance.now() - begun);
      for (;;) {
        const asked = this.nvr.isLarge ? MANUAL_CLIPS.large() : MANUAL_CLIPS.small();
        let due = clip.after(next);
        // A change of size waits for a keyframe.
        const entry = asked.after(asked.keyframeAt(due));
        if (asked !== clip && entry > next) {
          clip = asked;
          due = entry;
        }
        if (due > now) return;
        if (from !== undefined && due > clock() - WRITTEN_MS) {
          this.leaveOff();
          return;
        }
        if (!this.nvr.isSilent) this.sendPicture(clip.pictureAt(due), due - zero);
        next = due;
      }
    }, TICK_MS);
  }

  /** The recording ends here: sends an RTCP BYE (RFC 3550 6.6). */
  private leaveOff(): void {
    clearInterval(this.playing);
    this.playing = undefined;
    const bye = Buffer.from([0x80, 201, 0, 1, 0, 0, 0, 0, 0x81, 203, 0, 1, 0, 0, 0, 0]);
    bye.writeUInt32BE(this.ssrc, 4);
    bye.writeUInt32BE(this.ssrc, 12);
    this.sendFrame(1, bye);
  }

  private sendPicture({ nals }: Picture, sinceMs: number): void {
    const payloads = rtpPayloads(nals);
    for (const [index, payload] of payloads.entries()) {
      const head = Buffer.alloc(12);
      head[0] = 0x80;
      head[1] = PAYLOAD_TYPE | (index === payloads.length - 1 ? 0x80 : 0);
      head.writeUInt16BE(this.sequence, 2);
      head.writeUInt32BE((this.clock + sinceMs * 90) % 0x100000000, 4);
      head.writeUInt32BE(this.ssrc, 8);
      this.sequence = (this.sequence + 1) & 0xffff;
      // Drops the same packets in every run: a share of each hundred, spread evenly.
      const isLost = ((this.packets++ * 61) % 100) / 100 < this.nvr.loss;
      if (!isLost) this.sendFrame(0, Buffer.concat([head, payload]));
    }
  }

  private sendFrame(channel: number, packet: Buffer): void {
    if (this.udp !== undefined) {
      if (channel === 0) this.udp.socket.send(packet, this.udp.port, HOST);
      return;
    }
    const head = Buffer.from([0x24, channel, packet.length >> 8, packet.length & 0xff]);
    this.write(Buffer.concat([head, packet]));
  }

  private write(bytes: Buffer): void {
    const { bytesPerSecond } = this.nvr;
    if (bytesPerSecond === Infinity && this.queue.length === 0) {
      this.socket.write(bytes);
      return;
    }
    if (this.queue.length < 1_000_000) this.queue = Buffer.concat([this.queue, bytes]);
    this.drips ??= setInterval(() => {
      const share = Math.min(this.queue.length, this.nvr.bytesPerSecond);
      this.socket.write(this.queue.subarray(0, share));
      this.queue = this.queue.subarray(share);
    }, 1000);
  }
}
