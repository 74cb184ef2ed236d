import assert from 'node:assert/strict';
import { NvrError } from '../../lib/errors.js';
import { Nvr } from '../../lib/nvr/nvr.js';
import { onvifReplay as replayHeaders } from '../../lib/nvr/playback/onvif-replay.js';
import { extensionBlock, onvifReplay } from '../rtp/build.js';
import {
  deltaSlice,
  idrSlice,
  interleaved,
  PPS,
  SPS,
  startScriptedServer,
  usualReply,
  type Reply,
  type ScriptedServer,
} from '../kit/scripted-server.js';
import { settingsFor } from '../kit/settings.js';

const FROM = Date.UTC(2026, 2, 29, 0, 59, 58, 250);
const FRAME_MS = 200;
const HOUR_MS = 3_600_000;
/** Behind the end: a decoder may show what comes behind it before. */
const PAST = [0, 200, 400, 600].map((ms) => 5 * HOUR_MS + ms);

/**
 * The packets of pictures recorded at these times: a keyframe first, each with the extension of ONVIF's
 * Streaming Specification 6.3.
 */
function recorded(times: readonly number[]): Buffer {
  let sequence = 0;
  const packet = (time: number, rtpTime: number, marker: boolean, payload: Buffer): Buffer => {
    const head = Buffer.alloc(12);
    head[0] = 0x90;
    head[1] = (marker ? 0x80 : 0) | 99;
    head.writeUInt16BE(sequence++, 2);
    head.writeUInt32BE(rtpTime, 4);
    head.writeUInt32BE(7, 8);
    return interleaved(0, Buffer.concat([head, extensionBlock(0xabac, onvifReplay(time)), payload]));
  };
  return Buffer.concat(
    times.flatMap((time, index) => {
      // RTP time goes on evenly, whatever lies between the pictures.
      const rtpTime = index * FRAME_MS * 90;
      if (index > 0) return [packet(time, rtpTime, true, deltaSlice())];
      return [
        packet(time, rtpTime, false, SPS),
        packet(time, rtpTime, false, PPS),
        packet(time, rtpTime, true, idrSlice()),
      ];
    }),
  );
}

describe('a recording by ONVIF’s replay', () => {
  let server: ScriptedServer;
  let nvr: Nvr;

  /** A recorder that demands what Profile G demands, and answers in whole sentences. */
  async function start(
    times: readonly number[],
    refuse?: (method: string) => Reply | undefined,
  ): Promise<void> {
    server = await startScriptedServer((request, peer) => {
      const refused = refuse?.(request.method);
      if (refused !== undefined) return refused;
      const needs = request.method === 'SETUP' || request.method === 'PLAY';
      if (needs && request.headers.get('Require') !== 'onvif-replay')
        return { status: 400, reason: 'Require: onvif-replay is asked for' };
      if (request.method !== 'PLAY') return usualReply(request, peer);
      return { headers: { Session: 'S1' }, after: recorded(times) };
    });
    nvr = new Nvr(
      settingsFor(server.port, {
        ...{ uriStyle: 'custom', liveTemplate: '/live', playbackTemplate: '/replay/{ch}', replay: 'onvif' },
        silence: 1,
      }),
    );
  }

  afterEach(async () => {
    await nvr.close();
    await server.close();
  });

  async function fetchTimes(to: number): Promise<number[]> {
    const times: number[] = [];
    const span = { channel: 1, stream: 'main', from: FROM, to };
    for await (const unit of nvr.fetchSpan(span, new AbortController().signal)) {
      times.push(unit.time);
      assert.equal(unit.timeSource, 'onvif');
    }
    return times;
  }

  it('asks by the clock in UTC, across a change of the clocks too, as fast as the server sends', async () => {
    const times = Array.from({ length: 12 }, (_, index) => FROM + index * FRAME_MS);
    await start(times);
    assert.deepEqual(await fetchTimes(FROM + 2_000), times.slice(0, 10));
    const play = server.requests.find(({ method }) => method === 'PLAY')!;
    assert.match(play.uri, /\/replay\/0/);
    assert.equal(play.headers.get('Range'), 'clock=20260329T005958.250Z-20260329T010000.250Z');
    assert.equal(play.headers.get('Rate-Control'), 'no');
    assert.equal(play.headers.get('Immediate'), 'yes');
    const methods = server.requests.map(({ method }) => method);
    assert.ok(!methods.includes('PAUSE') && methods.includes('TEARDOWN'));
  });

  it('asks for the pace of the recording at any speed but 0, and for no end where none is set', () => {
    const always = { Require: 'onvif-replay', Immediate: 'yes' };
    for (const [speed, rate] of [
      [0, { 'Rate-Control': 'no' }],
      [1, { 'Rate-Control': 'yes' }],
      [4, { 'Rate-Control': 'yes', Scale: '4' }],
    ] as const)
      assert.deepEqual(replayHeaders(FROM, undefined, speed), {
        range: 'clock=20260329T005958.250Z-',
        setupHeaders: { Require: 'onvif-replay' },
        playHeaders: { ...always, ...rate },
      });
  });

  it('takes the recorded times as they are, over hours in which nothing is recorded', async () => {
    const times = [0, 200, 400, 3 * HOUR_MS, 3 * HOUR_MS + 200, 3 * HOUR_MS + 400, ...PAST].map(
      (offset) => FROM + offset,
    );
    await start(times);
    assert.deepEqual(await fetchTimes(FROM + 4 * HOUR_MS), times.slice(0, 6));
  });

  it('believes no time that is yet to come', async () => {
    const later = Date.now() + HOUR_MS;
    await start([
      FROM,
      FROM + 200,
      later,
      FROM + 600,
      FROM + 800,
      ...[1_000, 1_200, 1_400, 1_600].map((ms) => FROM + ms),
    ]);
    const times: number[] = [];
    const span = { channel: 1, stream: 'main', from: FROM, to: FROM + 900 };
    for await (const unit of nvr.fetchSpan(span, new AbortController().signal)) times.push(unit.time);
    assert.deepEqual(times, [FROM, FROM + 200, FROM + 400, FROM + 600, FROM + 800]);
  });

  it('says that a server which knows no replay does not support it', async () => {
    await start([], (method) =>
      method === 'SETUP'
        ? { status: 551, reason: 'Option not supported', headers: { Unsupported: 'onvif-replay' } }
        : undefined,
    );
    await assert.rejects(fetchTimes(FROM + 1_000), (error: unknown) => {
      assert.ok(error instanceof NvrError);
      assert.equal(error.code, 'EUNSUPPORTED');
      assert.match(error.message, /onvif-replay/);
      return true;
    });
  });
});
