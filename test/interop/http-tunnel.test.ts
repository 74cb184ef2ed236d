import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Context } from 'mocha';
import { httpTunnel, openTunnel } from '../../lib/client/transport/http-tunnel.js';
import { ServerMemory } from '../../lib/client/quirks.js';
import { RtspSession } from '../../lib/client/session.js';
import type { TlsSettings } from '../../lib/client/transport/socket.js';
import { NvrError } from '../../lib/errors.js';
import { Nvr } from '../../lib/nvr/nvr.js';
import type { HubEvent } from '../../lib/nvr/types.js';
import { startGst, type GstServer } from '../kit/gst.js';
import { settingsFor } from '../kit/settings.js';
import { GSTREAMER, needs } from '../kit/tools.js';
import { makeCertificate, type Certificate } from './certificate.js';
import { ACCOUNT } from './receive.js';

const LAUNCH =
  '( videotestsrc is-live=true ! video/x-raw,width=320,height=240,framerate=25/1 ! x264enc key-int-max=10 tune=zerolatency ! h264parse ! rtph264pay config-interval=-1 pt=96 name=pay0 )';

describe('RTSP tunnelled in HTTP by GStreamer’s server', () => {
  let server: GstServer | undefined;
  let folder: string | undefined;

  before(function () {
    needs(this, GSTREAMER);
  });

  afterEach(async () => {
    await server?.stop();
    server = undefined;
    if (folder !== undefined) fs.rmSync(folder, { recursive: true, force: true });
    folder = undefined;
  });

  /** With Digest; resolves to what its clients need to know of TLS. */
  async function start(context: Context, tls: boolean): Promise<TlsSettings | undefined> {
    let certificate: Certificate | undefined;
    if (tls) {
      needs(context, 'openssl');
      folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-tunnel-'));
      certificate = makeCertificate(folder);
    }
    server = await startGst({
      launch: LAUNCH,
      auth: 'digest',
      password: ACCOUNT.password,
      ...(certificate === undefined ? {} : { certificate: certificate.file }),
    });
    return certificate === undefined ? undefined : { ca: certificate.ca };
  }

  for (const tls of [false, true]) {
    const overTls = tls ? ', over TLS' : '';

    it(`streams a camera of an NVR whose transport is HTTP${overTls}`, async function () {
      const tlsSettings = await start(this, tls);
      const nvr = new Nvr(
        settingsFor(server!.port, {
          ...ACCOUNT,
          transport: 'http',
          tls,
          ...(tlsSettings === undefined ? {} : { tlsSettings }),
        }),
      );
      const camera = nvr.camera(1, 'main');
      const events: HubEvent[] = [];
      let units = 0;
      await new Promise<void>((resolve) => {
        camera.subscribe({
          onEvent: (event) => events.push(event),
          onUnit: () => {
            if (++units === 25) resolve();
          },
        });
      });
      assert.equal(events.find(({ type }) => type === 'playing')?.transport, 'http');
      assert.deepEqual(
        { transport: camera.statistics.transport, lost: camera.statistics.lost },
        { transport: 'http', lost: 0 },
      );
      const health = await nvr.health.probe(1, 'main', 'session');
      assert.deepEqual({ state: health.state, stage: health.stage }, { state: 'up', stage: 'session' });
      await nvr.close();
    });

    it(`goes on over POST after POST while the session lasts${overTls}`, async function () {
      const tlsSettings = await start(this, tls);
      let written = 0;
      let onUnit = (): void => undefined;
      let ended: NvrError | undefined;
      const session = new RtspSession({
        uri: `${tls ? 'rtsps' : 'rtsp'}://127.0.0.1:${server!.port}/live`,
        credentials: ACCOUNT,
        tls: tlsSettings,
        transport: {
          ...httpTunnel(),
          bearer: (request) => async (options) => {
            const pipe = await openTunnel(options, request);
            const write = pipe.write.bind(pipe);
            pipe.write = (data) => {
              written += Math.ceil(data.length / 3) * 4;
              write(data);
            };
            return pipe;
          },
        },
        memory: new ServerMemory(),
        onUnit: () => {
          onUnit();
        },
        onEnd: ({ error }) => (ended = error),
      });
      await session.open();
      while (written < 3 * 32_767) await session.ping();
      // The stream goes on.
      await new Promise<void>((resolve) => (onUnit = resolve));
      assert.equal(ended, undefined);
      await session.close();
      assert.ok(server!.lines.includes('TEARDOWN'));
    });
  }

  it('is told apart from a wrong password', async () => {
    server = await startGst({ launch: LAUNCH, auth: 'basic', password: ACCOUNT.password });
    const nvr = new Nvr(
      settingsFor(server.port, { transport: 'http', username: 'admin', password: 'wrong password' }),
    );
    const health = await nvr.health.probe(1, 'main', 'auth');
    assert.deepEqual({ stage: health.stage, code: health.code }, { stage: 'auth', code: 'EAUTH' });
    await nvr.close();
  });
});
