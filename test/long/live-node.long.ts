import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { helper, loadWith, type Message } from '../kit/red.js';
import { startGst, type GstServer } from '../kit/gst.js';
import { GSTREAMER, needs } from '../kit/tools.js';
import { frameHashes, receivedHashes } from '../interop/judge.js';
import { makeLongSource } from '../interop/sources.js';

const ACCOUNT = { username: 'admin', password: 'geheim' };
const TRANSPORTS = ['tcp', 'udp', 'http'] as const;

describe('a live-stream node on GStreamer’s server', function () {
  this.timeout(60_000);
  let folder: string | undefined;
  const servers: GstServer[] = [];

  before(async function () {
    needs(this, 'ffmpeg', GSTREAMER);
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-live-node-'));
    await new Promise<void>((resolve) => {
      helper.startServer(resolve);
    });
  });

  after(async () => {
    if (folder === undefined) return;
    await helper.unload();
    await Promise.all(servers.map((server) => server.stop()));
    await new Promise<void>((resolve) => {
      helper.stopServer(resolve);
    });
    fs.rmSync(folder, { recursive: true, force: true });
  });

  it('delivers bit-exact video for 20 s over TCP, over UDP and tunnelled in HTTP, through a session time-out of 5 s', async () => {
    const source = await makeLongSource(folder!);
    const flow: object[] = [{ id: 'tab', type: 'tab', label: 'tab' }];
    for (const transport of TRANSPORTS) {
      const server = await startGst({
        launch: source.launch,
        auth: 'digest',
        password: ACCOUNT.password,
        sessionTimeout: 5,
      });
      servers.push(server);
      const nvr = {
        id: `nvr-${transport}`,
        type: 'nvr-server',
        host: '127.0.0.1',
        rtspPort: String(server.port),
        transport,
        uriStyle: 'custom',
        liveTemplate: '/live?ch={ch:4}&stype={stream}',
      };
      const live = {
        id: transport,
        z: 'tab',
        type: 'nvr-live-stream',
        nvr: nvr.id,
        channel: '1',
        emit: 'accessUnits',
        wires: [[`${transport}-out`], [`${transport}-event`]],
      };
      flow.push(
        nvr,
        live,
        { id: `${transport}-out`, z: 'tab', type: 'helper' },
        { id: `${transport}-event`, z: 'tab', type: 'helper' },
      );
    }
    const credentials = Object.fromEntries(TRANSPORTS.map((transport) => [`nvr-${transport}`, ACCOUNT]));
    const sink = await loadWith(flow, credentials);
    const clip = path.join(folder!, 'long.mp4');
    await Promise.all(
      TRANSPORTS.map(async (transport) => {
        // The clip's end: GStreamer says goodbye.
        await sink(`${transport}-event`).word('reconnecting');
        const units = sink(`${transport}-out`).messages.map(({ payload }: Message) => payload as Buffer);
        assert.deepEqual(
          await receivedHashes(Buffer.concat(units), 'h264', folder!),
          await frameHashes(clip),
        );
      }),
    );
  });
});
