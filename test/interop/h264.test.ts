import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ServerMemory, type Lower } from '../../lib/client/quirks.js';
import { RtspSession, type SessionEnd } from '../../lib/client/session.js';
import type { VideoUnit } from '../../lib/codec/unit.js';
import { startGst, type GstOptions } from '../support/gst.js';
import { frameHashes, GSTREAMER, needs } from '../support/tools.js';

const QUERY = '/live?ch=0000&stype=M';

/** Plays to the server's end and gives what came. */
async function receive(
  port: number,
  transport: Lower,
  password?: string,
): Promise<{ units: VideoUnit[]; end: SessionEnd; session: RtspSession }> {
  const units: VideoUnit[] = [];
  let session!: RtspSession;
  const end = await new Promise<SessionEnd>((resolve, reject) => {
    session = new RtspSession({
      uri: `rtsp://127.0.0.1:${port}${QUERY}`,
      credentials: password === undefined ? undefined : { username: 'admin', password },
      transport,
      memory: new ServerMemory(),
      onUnit: (unit) => {
        if (unit.kind === 'video') units.push(unit);
      },
      onEnd: resolve,
    });
    session.open().catch(reject);
  });
  await session.close();
  return { units, end, session };
}

describe('H.264 from GStreamer’s server, judged by ffmpeg', () => {
  let folder: string | undefined;

  before(function () {
    needs(this, 'ffmpeg', GSTREAMER);
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-interop-'));
  });

  after(() => {
    if (folder !== undefined) fs.rmSync(folder, { recursive: true, force: true });
  });

  function makeClip(name: string, seconds: number, encoder: string[]): string {
    const file = path.join(folder!, name);
    const source = ['-f', 'lavfi', '-i', `testsrc2=s=320x240:r=25:d=${seconds}`];
    execFileSync('ffmpeg', [
      '-v',
      'error',
      ...source,
      '-c:v',
      'libx264',
      '-pix_fmt',
      'yuv420p',
      '-g',
      '25',
      ...encoder,
      '-y',
      file,
    ]);
    return file;
  }

  async function roundTrip(clip: string, transport: Lower, options: Partial<GstOptions>): Promise<void> {
    const launch = `( filesrc location=${clip} ! qtdemux ! h264parse ! rtph264pay config-interval=-1 pt=96 name=pay0 )`;
    const server = await startGst({ launch, ...options });
    try {
      const { units, end, session } = await receive(server.port, transport, options.password);
      assert.equal(end.reason, 'bye');
      assert.equal(session.statistics.lost, 0);
      assert.ok(units.every(({ damaged }) => !damaged));
      const got = path.join(folder!, 'got.h264');
      fs.writeFileSync(got, Buffer.concat(units.map(({ data }) => data)));
      assert.deepEqual(frameHashes(got), frameHashes(clip));
      assert.deepEqual([units[0]!.format.width, units[0]!.format.height], [320, 240]);
    } finally {
      await server.stop();
    }
  }

  for (const [kind, encoder] of [
    ['baseline', ['-profile:v', 'baseline']],
    ['with B-frames', ['-profile:v', 'high', '-bf', '3']],
    ['with four slices a frame', ['-profile:v', 'main', '-slices', '4', '-bf', '0']],
  ] as const) {
    for (const transport of ['tcp', 'udp'] as const) {
      for (const auth of ['none', 'digest'] as const) {
        it(`${kind} over ${transport}, ${auth === 'digest' ? 'with' : 'without'} Digest: the same frames`, async () => {
          const clip = makeClip('clip.mp4', 2, [...encoder]);
          await roundTrip(clip, transport, auth === 'digest' ? { auth, password: 'geheim' } : {});
        });
      }
    }
  }

  for (const transport of ['tcp', 'udp'] as const) {
    it(`delivers 20 s over ${transport}, bit-exact, from a server whose sessions time out after 5 s`, async function () {
      this.timeout(40_000);
      const clip = makeClip('long.mp4', 20, ['-bf', '2']);
      await roundTrip(clip, transport, { sessionTimeout: 5, auth: 'digest', password: 'geheim' });
    });
  }
});
