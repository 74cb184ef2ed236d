// What is fuzzed, and what must hold of what each part gives.

import assert from 'node:assert/strict';
import { loginRules } from '../../lib/client/login.js';
import { Track } from '../../lib/client/track.js';
import { selectTracks } from '../../lib/client/select-tracks.js';
import { createDepacketizer } from '../../lib/codec/depacketizer.js';
import { parseH264Sps } from '../../lib/codec/h264/sps.js';
import { parseH265Sps } from '../../lib/codec/h265/sps.js';
import type { MediaUnit } from '../../lib/codec/unit.js';
import { NvrError } from '../../lib/errors.js';
import { GopRing } from '../../lib/media/gop-ring.js';
import { GopStore } from '../../lib/nvr/camera/gop-store.js';
import { MemoryBudget } from '../../lib/nvr/memory-budget.js';
import { LIMITS } from '../../lib/limits.js';
import { MAX_REPLY_BYTES, readPlaybackKey, shapeOf } from '../../lib/nvr/playback/playback-key.js';
import { Trace } from '../../lib/nvr/trace.js';
import { redact } from '../../lib/redact.js';
import { parseRtcp } from '../../lib/rtp/rtcp.js';
import { Authenticator } from '../../lib/rtsp/auth.js';
import { HttpHead } from '../../lib/rtsp/http-head.js';
import { LoginMemory } from '../../lib/rtsp/login-rules.js';
import { controlBase, trackUri } from '../../lib/rtsp/control-uri.js';
import { Framer } from '../../lib/rtsp/framer.js';
import {
  parsePublic,
  parseRange,
  parseRtpInfo,
  parseSession,
  parseTransport,
} from '../../lib/rtsp/headers.js';
import { Headers, serializeRequest, type RtspRequest, type RtspResponse } from '../../lib/rtsp/message.js';
import { usedLines } from '../../lib/rtsp/sdp-lines.js';
import { parseSdp } from '../../lib/rtsp/sdp.js';
import { parseRtspUri } from '../../lib/rtsp/uri.js';
import { formsOf, holdAccount, rememberKey, rememberResponse } from '../../lib/secrets.js';
import { printable, textOfBytes } from '../../lib/text.js';
import * as h264 from '../codec/h264/nals.js';
import * as h265 from '../codec/h265/nals.js';
import { media, payload } from '../codec/packetizers/media.js';
import type { Target } from './engine.js';
import { mutate, type Random } from './random.js';
import {
  CHALLENGES,
  conversations,
  HEADER_VALUES,
  HTTP_HEADS,
  KEY_REPLIES,
  rtcpPackets,
  SDPS,
  streams,
  type Stream,
} from './seeds.js';

export function targets(): Target[] {
  return [
    framerTarget(),
    bytesTarget(
      'headers',
      Object.values(HEADER_VALUES).flat().map(toBuffer),
      (bytes) => {
        readHeaderValue(bytes.toString('latin1'));
      },
      LIMITS.headerBytes,
    ),
    bytesTarget(
      'SDP',
      SDPS.map(toBuffer),
      (bytes) => {
        readSdp(bytes.toString('latin1'));
      },
      LIMITS.bodyBytes,
    ),
    bytesTarget('digest', CHALLENGES.map(toBuffer), readChallenges, LIMITS.headerBytes),
    bytesTarget('playback key', KEY_REPLIES.map(toBuffer), readKeyReply, MAX_REPLY_BYTES),
    bytesTarget('text', [...HTTP_HEADS, ...CHALLENGES, ...SDPS].map(toBuffer), readText, 64 * 1024),
    secretsTarget(),
    bytesTarget('HTTP head', HTTP_HEADS.map(toBuffer), readHttpHead, LIMITS.headerBytes),
    bytesTarget('RTCP', rtcpPackets(), readRtcp),
    bytesTarget('SPS', [h264.SPS, h264.OTHER_SPS, h265.SPS, h265.OTHER_SPS], readSps),
    ...Object.entries(streams()).map(([name, stream]) => streamTarget(name, stream)),
  ];
}

function bytesTarget(
  name: string,
  seeds: readonly Buffer[],
  read: (bytes: Buffer) => void,
  limit?: number,
): Target {
  return {
    name,
    make: (random) => {
      const bytes = mutate(random.pick(seeds), random, seeds, limit);
      return {
        bytes: bytes.length,
        run: () => {
          read(bytes);
        },
      };
    },
  };
}

/**
 * Whatever a challenge is made of, the answer can be written, tells no password, and what cannot be answered
 * is quoted in bounds.
 */
function readChallenges(bytes: Buffer): void {
  const lines = bytes.toString('latin1').split('\n');
  const rules = loginRules('rtsp', new LoginMemory(), undefined);
  const auth = new Authenticator({ username: 'wächter', password: 'kanarie-77' }, { rules });
  const obstacle = auth.obstacle(lines, 'DESCRIBE');
  if (obstacle !== undefined) {
    assert.equal(obstacle.code, 'EUNSUPPORTED');
    assert.ok(obstacle.message.length < 600);
    return;
  }
  auth.accept(lines);
  const authorization = auth.authorize('PLAY', 'rtsp://h/') ?? '';
  assert.ok(!authorization.includes('kanarie'));
  ignoreTyped(() => {
    const headers = new Headers().set('Authorization', authorization);
    serializeRequest({ method: 'PLAY', uri: 'rtsp://h/', headers, body: Buffer.alloc(0) });
  });
}

function readKeyReply(bytes: Buffer): void {
  assert.ok(shapeOf(bytes).length <= 1100);
  for (const pattern of ['', 'ticket', 'id=[*]'])
    ignoreTyped(() => {
      const key = readPlaybackKey(bytes, 'text/plain', pattern);
      assert.ok(key.length > 0 && key.length <= 1024 && !/[\s\p{Cc}]/u.test(key), key);
    });
}

function readText(bytes: Buffer): void {
  const text = bytes.toString('latin1');
  const shown = printable(text);
  assert.ok(shown.length <= 200 && !/[\p{Cc}\p{Cf}\p{Cs}]/u.test(shown));
  redact(text);
  textOfBytes(text);
  assert.ok(new NvrError('EPROTOCOL', text).message.length <= 1001);
  assert.deepEqual(usedLines(text), usedLines(`${text}\n`));
}

const SECRETS = { username: 'admin', password: 'Kan4rie/ v0gel+"ü' };

/**
 * Whatever surrounds it, and in whatever form: no live secret comes out of an error, shown text, a trace or a
 * reply's error.
 */
function secretsTarget(): Target {
  const forms = [
    ...formsOf(SECRETS.password),
    Buffer.from(`${SECRETS.username}:${SECRETS.password}`).toString('base64'),
    'e0ff72846d2179b1e3e7ed983bb6ed75',
    'pbkey-77aa88bb',
  ];
  rememberKey('pbkey-77aa88bb');
  const seeds = conversations();
  return {
    name: 'secrets',
    make: (random) => {
      const bytes = mutate(random.pick(seeds), random, seeds);
      const at = random.below(bytes.length + 1);
      const form = random.pick(forms);
      const [before, behind] = [
        bytes.toString('latin1', Math.max(0, at - 100), at),
        bytes.toString('latin1', at, at + 4000),
      ];
      const echo = before + form + behind;
      return {
        bytes: echo.length,
        run: () => {
          const forget = holdAccount(SECRETS);
          rememberResponse('e0ff72846d2179b1e3e7ed983bb6ed75');
          const trace = new Trace({ secrets: [], now: () => 0 });
          trace.start(1);
          trace.debug(echo);
          for (const said of [
            redact(echo),
            printable(echo),
            new NvrError('EPROTOCOL', echo).message,
            trace.text(),
          ])
            assert.ok(!said.includes(form), form);
          forget();
        },
      };
    },
  };
}

/** However the reads cut it, the same head comes of it, and every byte belongs to it or not. */
function readHttpHead(bytes: Buffer): void {
  const whole = new HttpHead();
  const taken = whole.take(Buffer.from(bytes), bytes.length);
  assert.ok(taken >= 0 && taken <= bytes.length);
  assert.ok(whole.said.length <= 80);
  if (whole.answer === undefined) return;
  const cut = new HttpHead();
  for (let at = 0; at < taken; at++) {
    assert.equal(cut.answer, undefined);
    assert.equal(cut.take(bytes.subarray(at, at + 1), 1), 1);
  }
  assert.deepEqual(cut.answer, whole.answer);
}

/** Conversations in reads of any size, through everything that reads messages. */
function framerTarget(): Target {
  const seeds = conversations();
  return {
    name: 'framer',
    make: (random) => {
      const bytes = mutate(random.pick(seeds), random, seeds);
      const cuts = new Array<number>(1 + random.below(20)).fill(0).map(() => random.below(bytes.length + 1));
      cuts.sort((a, b) => a - b);
      return {
        bytes: bytes.length,
        run: () => {
          readConversation(bytes, cuts);
        },
      };
    },
  };
}

function readConversation(bytes: Buffer, cuts: readonly number[]): void {
  let out = 0;
  const onMessage = (message: RtspRequest | RtspResponse): void => {
    assert.ok(message.body.length <= LIMITS.bodyBytes);
    out += message.body.length + readHeaders(message.headers);
    if (message.body.length > 0)
      ignoreTyped(() => {
        readSdp(message.body.toString('latin1'));
      });
  };
  const framer = new Framer(
    {
      onPacket: (_channel, buffer, start, end) => {
        assert.ok(start <= end && end <= buffer.length && end - start < LIMITS.packetBytes);
        out += end - start;
      },
      onResponse: onMessage,
      onRequest: onMessage,
    },
    { isChannelInUse: (channel) => channel < 2 },
  );
  try {
    let at = 0;
    for (const cut of [...cuts, bytes.length]) {
      framer.feed(bytes.subarray(at, cut));
      at = cut;
    }
  } finally {
    assert.ok(out <= bytes.length, 'more came out than went in');
    assert.ok(framer.skippedBytes <= bytes.length);
  }
}

function readHeaders(headers: Headers): number {
  let size = 0;
  let count = 0;
  for (const [name, value] of headers) {
    size += name.length + value.length;
    count++;
    if (name.toLowerCase() in LOWER)
      ignoreTyped(() => {
        readHeaderValue(value);
      });
  }
  assert.ok(count <= LIMITS.headerLines && size <= LIMITS.headerBytes);
  return size;
}

const LOWER = Object.fromEntries(Object.keys(HEADER_VALUES).map((name) => [name.toLowerCase(), true]));

/** Any value may stand in any header. */
function readHeaderValue(value: string): void {
  const { timeoutSeconds } = parseSession(value);
  assert.ok(timeoutSeconds > 0 && timeoutSeconds <= 86_400);
  const transport = parseTransport(value);
  for (const pair of [transport.interleaved, transport.clientPort, transport.serverPort])
    for (const one of pair ?? []) assert.ok(one >= 0 && one <= 65_535);
  assert.ok(parseRtpInfo(value).length <= 32);
  const range = parseRange(value);
  for (const end of [range?.start, range?.end]) assert.ok(end === undefined || Number.isFinite(end));
  parsePublic(value);
  const auth = new Authenticator({ username: 'u', password: 'canary' });
  auth.accept([value]);
  assert.ok(auth.authorize('PLAY', 'rtsp://h/')?.includes('canary') !== true);
  const base = controlBase({ requestUri: 'rtsp://h/x', contentBase: value, sessionControl: value });
  for (const policy of ['append', 'resolve', 'query-last'] as const)
    assert.ok(trackUri(base, value, policy).startsWith('rtsp://h/'));
  parseRtspUri(value);
}

function readSdp(text: string): void {
  const description = parseSdp(text);
  assert.ok(description.media.length <= LIMITS.mediaSections);
  for (const one of description.media) {
    for (const { clockRate, channels } of one.payloads)
      assert.ok(Number.isInteger(clockRate) && clockRate > 0 && Number.isInteger(channels) && channels > 0);
  }
  selectTracks(description, { extras: true });
}

function readRtcp(bytes: Buffer): void {
  let reports = 0;
  const count = (): void => {
    reports++;
  };
  parseRtcp(bytes, 0, bytes.length, {
    onSenderReport: (_ssrc, ntpMs, rtpTime) => {
      reports++;
      assert.ok(Number.isNaN(ntpMs) || Number.isInteger(ntpMs));
      assert.ok(rtpTime >= 0 && rtpTime < 2 ** 32);
    },
    onReceiverReport: count,
    onBye: count,
  });
  assert.ok(reports <= bytes.length / 4);
}

function readSps(bytes: Buffer): void {
  for (const parse of [parseH264Sps, parseH265Sps]) {
    const sps = parse(bytes);
    if (sps === undefined) continue;
    assert.ok(Number.isInteger(sps.width) && sps.width >= 0 && sps.width <= 65_536, `width ${sps.width}`);
    assert.ok(
      Number.isInteger(sps.height) && sps.height >= 0 && sps.height <= 65_536,
      `height ${sps.height}`,
    );
  }
}

/**
 * The packets of a stream, some mutated, lost, doubled or moved: on a new track, and on one that gets all of
 * them and must not grow.
 */
function streamTarget(name: string, stream: Stream): Target {
  const veteran = trackOf(stream, false);
  return {
    name,
    make: (random) => {
      const packets = disturb(stream.packets, random);
      const unordered = random.chance(3);
      const bytes = packets.reduce((sum, packet) => sum + packet.length, 0);
      const run = (): void => {
        play(trackOf(stream, unordered), packets);
        play(veteran, packets);
      };
      return { bytes: 2 * bytes, run };
    },
  };
}

function disturb(source: readonly Buffer[], random: Random): Buffer[] {
  const from = random.chance(2) ? 0 : random.below(source.length);
  const packets = source.slice(from, from + 1 + random.below(60));
  const renumber = random.chance(2);
  for (let count = 1 + random.below(8); count > 0 && packets.length > 0; count--) {
    const at = random.below(packets.length);
    const packet = packets[at]!;
    switch (random.below(7)) {
      case 0:
        packets.splice(at, 1);
        break;
      case 1:
        packets.splice(random.below(packets.length), 0, packet);
        break;
      case 2:
        packets.push(...packets.splice(at, 1));
        break;
      case 3:
        // Often the same packet, to build a unit up.
        packets.splice(at, 0, ...new Array<Buffer>(random.below(300)).fill(packet));
        break;
      default: {
        // The fixed header stays a header more often than not, so that the payload is read.
        const head = random.chance(4) ? 0 : Math.min(12, packet.length);
        packets[at] = Buffer.concat([
          packet.subarray(0, head),
          mutate(packet.subarray(head), random, source, LIMITS.packetBytes - 1),
        ]);
      }
    }
  }
  return renumber ? packets.map(numbered) : packets;
}

/** With sequence numbers in a row, so that nothing is taken for lost. */
function numbered(packet: Buffer, index: number): Buffer {
  if (packet.length < 12) return packet;
  const copy = Buffer.from(packet);
  copy.writeUInt16BE(index & 0xffff, 2);
  return copy;
}

function trackOf(stream: Stream, unordered: boolean): Track {
  const type = payload(stream.encoding, stream.clockRate, stream.fmtp);
  const keep = keeper();
  return new Track({
    payloadType: stream.packets[0]![1]! & 0x7f,
    clockRate: stream.clockRate,
    unordered,
    ssrc: 7,
    cname: 'fuzz',
    epochOffsetMs: 1_700_000_000_000,
    createDepacketizer: (sink) => createDepacketizer(type, media(type), sink, { boundary: 'learn' }),
    onUnit: (unit) => {
      checkUnit(unit);
      keep(unit);
    },
    onLoss: () => undefined,
    onBye: () => undefined,
  });
}

/** Keeps units as a camera with a pre-roll does, within its memory. */
function keeper(): (unit: MediaUnit) => void {
  const budget = new MemoryBudget({ bytes: 4 * 1024 * 1024 });
  const memory = budget.camera(3 * 1024 * 1024);
  const gop = new GopStore(memory);
  const ring = new GopRing({ seconds: 10, memory });
  return (unit) => {
    if (unit.kind === 'video') gop.add(unit);
    if (unit.kind !== 'metadata') ring.push(unit);
    assert.ok(memory.used <= 3 * 1024 * 1024 && budget.used === memory.used, `${budget.used} bytes are kept`);
  };
}

function play(track: Track, packets: readonly Buffer[]): void {
  let now = 0;
  for (const packet of packets) {
    track.rtp(packet, 0, packet.length, (now += 3));
    track.rtcp(packet, 0, packet.length, now);
    if (now % 90 === 0) track.release(now);
  }
  track.releaseHeld();
  track.flush();
  track.receiverReport(now);
}

/** 8 KB of parameter sets may be put in front of a unit that is as large as allowed. */
const LARGEST = LIMITS.unitBytes + 8 * 1024;
const MARK = Buffer.from([0, 0, 0, 1]);

function checkUnit(unit: MediaUnit): void {
  assert.ok(unit.data.length > 0 && unit.data.length <= LARGEST, `a unit of ${unit.data.length} bytes`);
  // What is handed out pins no more than a third beside itself.
  assert.ok(
    unit.data.buffer.byteLength <= unit.data.length * 1.5 + 4096,
    `${unit.data.length} bytes pin ${unit.data.buffer.byteLength}`,
  );
  assert.ok(Number.isInteger(unit.time) && unit.rtpTime >= 0 && unit.rtpTime < 2 ** 32);
  if (unit.kind !== 'video') return;
  if (unit.codec === 'mjpeg') {
    assert.equal(unit.data.readUInt16BE(0), 0xffd8);
    return;
  }
  assert.ok(unit.nals.length > 0 && unit.nals.length <= LIMITS.unitNals + 600);
  let at = 0;
  for (const { start, end } of unit.nals) {
    assert.equal(start, at);
    assert.ok(unit.data.subarray(start, start + 4).equals(MARK) && end > start + 4);
    // Large ones are believed after a thousand clean ones, which the track that gets all inputs has seen.
    if (end - start < 1024)
      assert.equal(
        unit.data.subarray(start + 4, end).includes(MARK.subarray(1)),
        false,
        'a start code inside',
      );
    at = end;
  }
  assert.equal(at, unit.data.length);
}

function ignoreTyped(read: () => void): void {
  try {
    read();
  } catch (error) {
    if (!(error instanceof NvrError)) throw error;
  }
}

function toBuffer(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}
