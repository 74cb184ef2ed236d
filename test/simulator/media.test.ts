import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { tcp, udp } from '../../lib/client/transport/transports.js';
import { openSession } from '../../lib/client/open-session.js';
import type { RtspSession } from '../../lib/client/session.js';
import { joinAnnexB } from '../../lib/codec/annexb.js';
import type { AudioUnit, MediaUnit, VideoUnit } from '../../lib/codec/unit.js';
import { audioClip, channelClip, type Clip } from '../../lib/simulator/clips.js';
import { startSimulator, type Simulator, type SimulatorOptions } from '../../lib/simulator/index.js';
import { BACKLOG_BYTES } from '../../lib/simulator/track.js';
import { frameHashes, needs } from '../kit/tools.js';
import { RawClient } from '../kit/raw-client.js';
import { until as eventually } from '../kit/until.js';

describe('the simulator’s media', () => {
  let simulator: Simulator;
  let session: RtspSession;
  let units: MediaUnit[];
  let check: () => void;

  async function play(
    options: SimulatorOptions,
    { transport = 'tcp', stream = 'main' }: { transport?: 'tcp' | 'udp'; stream?: 'main' | 'dual' } = {},
  ): Promise<void> {
    simulator = await startSimulator(options);
    units = [];
    check = () => undefined;
    session = await openSession(simulator.url(1, stream), {
      transport: transport === 'tcp' ? tcp() : udp(),
      extras: true,
      onUnit: (unit) => {
        units.push(unit);
        check();
      },
      onEnd: () => undefined,
    });
  }

  const until = (isDone: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      check = () => {
        if (isDone()) resolve();
      };
      check();
    });
  const video = (): VideoUnit[] => units.filter((unit) => unit.kind === 'video');
  const audio = (): AudioUnit[] => units.filter((unit) => unit.kind === 'audio');

  afterEach(async () => {
    await session.close();
    await simulator.stop();
  });

  /** The units are the clip's, one after the other, from some unit of it on. */
  function assertFollows(received: readonly Buffer[], clip: readonly Buffer[]): void {
    const first = clip.findIndex((unit) => unit.equals(received[0]!));
    assert.notEqual(first, -1, 'the first unit is one of the clip’s');
    for (const [index, unit] of received.entries())
      assert.ok(unit.equals(clip[(first + index) % clip.length]!), `unit ${index} after ${first}`);
  }

  const annexB = (clip: Clip): Buffer[] => clip.units.map(({ parts }) => joinAnnexB(parts));

  for (const codec of ['h264', 'h265'] as const) {
    for (const transport of ['tcp', 'udp'] as const) {
      for (const aggregate of [false, true]) {
        it(`loops ${codec} without a seam over ${transport}${aggregate ? ', small NAL units together' : ''}`, async () => {
          // 12.5 pictures a second, four times as fast: more than a turn of the H.265 clip.
          await play({ codec, aggregate, pace: 40 }, { transport });
          await until(() => video().length >= 140);
          const seen = video();
          assertFollows(
            seen.map(({ data }) => data),
            annexB(channelClip(1, 'main', codec)),
          );
          assert.ok(seen[0]!.keyframe);
          const steps = seen.slice(1).map((unit, index) => (unit.rtpTime - seen[index]!.rtpTime) >>> 0);
          assert.deepEqual(new Set(steps), new Set([7200]));
          assert.ok(
            seen.every(({ damaged, format }) => !damaged && format.width === 640 && format.height === 360),
          );
          const last = seen.findLastIndex(({ keyframe }) => keyframe);
          const before = seen.slice(0, last).findLastIndex(({ keyframe }) => keyframe);
          assert.equal(last - before, 25, 'a keyframe every 2 s');
        });
      }
    }
  }

  for (const stream of ['main', 'dual'] as const) {
    it(`sends pictures of MJPEG, ${stream}, that decode to what the clip holds`, async function () {
      needs(this, 'ffmpeg');
      await play({ codec: 'mjpeg', pace: 10 }, { stream });
      await until(() => video().length >= 25);
      const clip = channelClip(1, stream, 'mjpeg');
      const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simulator-'));
      try {
        const file = path.join(folder, 'received.mjpeg');
        fs.writeFileSync(file, Buffer.concat(video().map(({ data }) => data)));
        const received = frameHashes(file);
        fs.writeFileSync(file, Buffer.concat(clip.units.flatMap(({ parts }) => parts)));
        const held = frameHashes(file);
        assert.equal(held.length, 20);
        assert.equal(received.length, video().length);
        const first = held.indexOf(received[0]!);
        assert.deepEqual(
          received,
          received.map((_, index) => held[(first + index) % 20]),
        );
      } finally {
        fs.rmSync(folder, { recursive: true });
      }
      assert.deepEqual(
        [video()[0]!.format.width, video()[0]!.format.height],
        stream === 'main' ? [640, 360] : [320, 176],
      );
    });
  }

  for (const kind of ['aac', 'pcmu', 'pcma'] as const) {
    it(`sends ${kind} beside the video, both on one clock`, async () => {
      await play({ audio: kind, pace: 10 });
      await until(() => audio().length > 130 && video().length > 40);
      assertFollows(
        audio().map(({ data }) => data),
        audioClip(kind).units.map(({ parts }) => parts[0]!),
      );
      assert.deepEqual(
        { sampleRate: audio()[0]!.format.sampleRate, channels: audio()[0]!.format.channels },
        { sampleRate: kind === 'aac' ? 16_000 : 8000, channels: 1 },
      );
      const step = kind === 'aac' ? 1024 : 160;
      const seen = audio();
      assert.ok(seen.slice(1).every((unit, index) => (unit.rtpTime - seen[index]!.rtpTime) >>> 0 === step));
    });
  }

  it('tells the NVR’s clock in sender reports, and what it is ahead', async () => {
    await play({ clockSkewMs: -7_200_000 });
    await until(() => video().some(({ timeSource }) => timeSource === 'sr') || video().length > 5);
    const { captureTime, time } = video().at(-1)!;
    assert.ok(captureTime !== undefined);
    assert.ok(Math.abs(time - 7_200_000 - captureTime) < 1000, `${captureTime} for ${time}`);
  });

  it('has each channel’s own codec', async () => {
    await play({ codec: { 2: 'h265', 3: 'mjpeg' } });
    const client = await RawClient.connect(simulator.rtspPort);
    const names: (string | undefined)[] = [];
    for (const channel of [1, 2, 3, 4]) {
      const { body } = await client.ask('DESCRIBE', simulator.url(channel));
      names.push(/rtpmap:\d+ (\w+)/.exec(body.toString())?.[1]);
    }
    client.close();
    assert.deepEqual(names, ['H264', 'H265', 'JPEG', 'H264']);
  });

  it('drops pictures for a client that does not read, and goes on for the others', async () => {
    await play({ codec: { 2: 'mjpeg' }, pace: 300 });
    const slow = await RawClient.connect(simulator.rtspPort);
    await slow.play(simulator.url(2));
    slow.socket.pause();
    const { socket } = simulator.sessions.find(({ target }) => target.channel === 2)!;
    await eventually(() => socket.writableLength > BACKLOG_BYTES);
    const full = socket.writableLength;
    const before = video().length;
    await until(() => video().length > before + 1000);
    assert.ok(full < BACKLOG_BYTES + 100_000 && socket.writableLength <= full, String(socket.writableLength));
    slow.close();
  });
});
