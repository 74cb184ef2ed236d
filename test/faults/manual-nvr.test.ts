import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Nvr } from '../../lib/nvr/nvr.js';
import { ACCOUNT, startManualNvr, type ManualNvr } from '../kit/manual-nvr.js';
import { settingsFor } from '../kit/settings.js';
import { needs } from '../kit/tools.js';

describe('the NVR written from the manual’s text', () => {
  let nvr: ManualNvr;
  let client: Nvr | undefined;

  beforeEach(async () => {
    nvr = await startManualNvr();
  });

  afterEach(async () => {
    await client?.close();
    await nvr.kill();
  });

  for (const transport of ['tcp', 'udp'] as const) {
    it(`shows a camera over ${transport}`, async () => {
      const { rtspPort, httpPort } = nvr;
      client = new Nvr(settingsFor(rtspPort, { httpPort, transport, ...ACCOUNT }));
      const hub = client.camera(2, 'main');
      const codec = await new Promise<string>((resolve) => {
        hub.subscribe({
          onUnit: (unit) => {
            if (unit.kind === 'video') resolve(unit.codec);
          },
        });
      });
      assert.equal(codec, 'h264');
    });
  }

  it('plays a recorded span that is asked for with a key', async () => {
    const { rtspPort, httpPort } = nvr;
    client = new Nvr(settingsFor(rtspPort, { httpPort, ...ACCOUNT }));
    const from = Math.floor(Date.now() / 1000 - 600) * 1000;
    const times: number[] = [];
    const reason = await new Promise<string>((resolve, reject) => {
      client!.playback.play(
        { run: 'one', channel: 1, stream: 'main', group: 0, speed: 1, from, to: from + 1000 },
        {
          onUnit: ({ unit }) => times.push(unit.time),
          onEnd: (why, error) => {
            if (error === undefined) resolve(why);
            else reject(error);
          },
        },
      );
    });
    assert.equal(reason, 'reached');
    assert.equal(times.length, 10);
    assert.ok(
      times.every((time, index) => Math.abs(time - (from + index * 100)) <= 2),
      times.join(),
    );
  });

  it('is understood by ffmpeg, which shares no code with either', async function () {
    needs(this, 'ffprobe');
    this.timeout(20_000);
    const url = `rtsp://${ACCOUNT.username}:${ACCOUNT.password}@127.0.0.1:${nvr.rtspPort}/live?ch=0000&stype=M`;
    const { stdout } = await promisify(execFile)('ffprobe', [
      ...['-v', 'error', '-rtsp_transport', 'tcp', '-show_entries', 'stream=codec_name,width'],
      ...['-of', 'csv=p=0', url],
    ]);
    assert.equal(stdout.trim().split('\n')[0], 'h264,320');
  });

  it('refuses a wrong password and a channel that is not there', async () => {
    const { rtspPort, httpPort } = nvr;
    client = new Nvr(settingsFor(rtspPort, { httpPort, ...ACCOUNT, password: 'wrong' }));
    assert.equal((await client.health.probe(1, 'main', 'auth')).code, 'EAUTH');
    const other = new Nvr(settingsFor(rtspPort, { httpPort, ...ACCOUNT }));
    assert.equal((await other.health.probe(9, 'main', 'auth')).code, 'ECHANNEL');
    await other.close();
  });
});
