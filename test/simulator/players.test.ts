import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { startSimulator, type Simulator, type SimulatorOptions } from '../../lib/simulator/index.js';
import { some } from '../kit/cases.js';
import { frameHashes, needs } from '../kit/tools.js';

const ACCOUNT = { username: 'admin', password: 'secret' };
const PICTURES = 60;
const CLIPS = path.join(__dirname, '../../lib/simulator/clips');
const FILES = { h264: 'ch1-main.h264', h265: 'h265-main.h265', mjpeg: 'mjpeg-main.mjpeg' } as const;

/** The simulator shares its floors with the client: a player that shares nothing must understand it too. */
describe('ffmpeg plays the simulator', () => {
  let simulator: Simulator;

  before(function () {
    needs(this, 'ffmpeg');
  });

  afterEach(async () => {
    await simulator.stop();
  });

  /** Decodes a stream; the hashes of its frames, video and audio apart. */
  async function decode(
    options: SimulatorOptions,
    transport: string,
    ...output: string[]
  ): Promise<{ video: string[]; audio: string[] }> {
    simulator = await startSimulator({ ...ACCOUNT, ...options });
    const uri = simulator.url(1).replace('rtsp://', `rtsp://${ACCOUNT.username}:${ACCOUNT.password}@`);
    const input = ['-v', 'error', '-rtsp_transport', transport, '-i', uri];
    const { stdout } = await promisify(execFile)(
      'ffmpeg',
      [...input, ...output, '-fps_mode', 'passthrough', '-f', 'framemd5', '-'],
      { timeout: 15_000, maxBuffer: 1 << 24 },
    );
    const lines = stdout.split('\n').filter((line) => /^\d/.test(line));
    const hashes = (stream: string): string[] =>
      lines.filter((line) => line.startsWith(stream)).map((line) => line.split(',').at(-1)!.trim());
    return { video: hashes('0,'), audio: hashes('1,') };
  }

  for (const codec of ['h264', 'h265', 'mjpeg'] as const) {
    for (const transport of codec === 'h264' ? ['tcp', 'udp'] : some(['tcp', 'udp'], 1)) {
      it(`${codec} over ${transport}, logged in by Digest, picture by picture as the clip has it`, async () => {
        const output = ['-map', '0:v', '-frames:v', String(PICTURES)];
        const decoded = (await decode({ codec, pace: 8 }, transport, ...output)).video;
        const clip = frameHashes(path.join(CLIPS, FILES[codec]));
        // It ignores what comes before PLAY's reply, so that pictures up to the second keyframe are lost or
        // guessed.
        const video = decoded.slice(decoded.findIndex((hash) => clip.includes(hash)));
        assert.ok(video.length >= PICTURES - 25, `${video.length} of ${decoded.length}`);
        const first = clip.indexOf(video[0]!);
        assert.deepEqual(
          video,
          video.map((_, index) => clip[(first + index) % clip.length]),
        );
        assert.equal(simulator.failedLogins, 0);
      });
    }
  }

  for (const audio of some(['aac', 'pcmu', 'pcma'] as const, 2)) {
    it(`${audio} beside the video`, async () => {
      const found = await decode(
        { audio, auth: 'basic', pace: 4 },
        'tcp',
        '-map',
        '0:v',
        '-map',
        '0:a',
        '-t',
        '4',
      );
      assert.ok(found.video.length >= 10, `${found.video.length} pictures`);
      // Silence and beeps, not noise: packets of silence are alike.
      assert.ok(found.audio.length >= 20, `${found.audio.length} packets`);
      assert.ok(new Set(found.audio).size < found.audio.length * 0.9);
    });
  }
});
