import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { NvrError } from '../../lib/errors.js';
import { startGst, type GstServer } from '../kit/gst.js';
import { itLong, takesAll } from '../kit/cases.js';
import { GSTREAMER, needs } from '../kit/tools.js';
import { itHolds, type Auth, type Cell, type Transport } from './cells.js';
import { makeCertificate, type Certificate } from './certificate.js';
import { ACCOUNT, receive, type Received } from './receive.js';
import { SOUNDS } from './sounds.js';
import { makeLongSource, makeSources, type Source } from './sources.js';

const CODECS = [
  'H.264 baseline',
  'H.264 with B-frames',
  'H.264 in four slices',
  'H.265',
  'MJPEG',
  ...SOUNDS.map(({ codec }) => `${codec} beside H.264`),
];
const TRANSPORTS: Transport[] = ['TCP', 'UDP', 'TLS'];
/** Tunnels carry the bytes of TCP, whatever they mean. */
const TUNNELLED_CODECS = ['H.264 with B-frames', 'AAC beside H.264'];
const TUNNELS: Transport[] = ['HTTP', 'HTTPS'];
const AUTHS: Auth[] = ['none', 'Basic', 'Digest'];
/** Each codec over TCP, and one of them over everything. `test:interop` takes all. */
function isTaken({ codec, transport, auth }: Cell): boolean {
  const isDigestOverTcp = auth === 'Digest' && transport === 'TCP';
  const isOfTheOne = codec === 'H.264 with B-frames' && (auth === 'Digest' || transport === 'TCP');
  return takesAll() || isDigestOverTcp || isOfTheOne;
}
const CELLS = CODECS.flatMap((codec) => {
  const tunnels = TUNNELLED_CODECS.includes(codec) ? TUNNELS : [];
  return [...TRANSPORTS, ...tunnels].flatMap((transport) =>
    AUTHS.map((auth): Cell => ({ server: 'GStreamer', codec, transport, auth })),
  );
}).filter(isTaken);
/** As the MOVE NVR's own URIs. */
const QUERY = '?ch=0000&stype=M';

describe('GStreamer’s server, judged by ffmpeg', () => {
  let folder: string | undefined;
  let certificate: Certificate;
  let sources: Source[];
  const servers = new Map<string, GstServer>();
  const playing = new Map<Cell, Promise<Received>>();

  const isTls = (transport: Transport): boolean => transport === 'TLS' || transport === 'HTTPS';
  const serverKey = (transport: Transport, auth: Auth): string =>
    `${isTls(transport) ? 'TLS' : 'plain'} ${auth}`;

  before(async function () {
    this.timeout(60_000);
    needs(this, 'ffmpeg', 'openssl', GSTREAMER);
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-interop-'));
    certificate = makeCertificate(folder);
    sources = await makeSources(folder);
    const mounts = Object.fromEntries(sources.map(({ mount, launch }) => [mount, launch]));
    const account = { password: ACCOUNT.password };
    const kinds = ['none', 'basic', 'digest'] as const;
    await Promise.all([
      ...kinds.flatMap((auth, i) =>
        (['TCP', 'TLS'] as const).map(async (transport) => {
          const tls = transport === 'TLS' ? { certificate: certificate.file } : {};
          servers.set(serverKey(transport, AUTHS[i]!), await startGst({ mounts, auth, ...account, ...tls }));
        }),
      ),
    ]);
    // A few play all at once; all of them would be too much for the machine.
    if (!takesAll()) CODECS.forEach(start);
  });

  after(async () => {
    await Promise.all([...servers.values()].map((server) => server.stop()));
    if (folder !== undefined) fs.rmSync(folder, { recursive: true, force: true });
  });

  function play(key: string, source: Source, transport: Transport, login: boolean): Promise<Received> {
    const scheme = isTls(transport) ? 'rtsps' : 'rtsp';
    const playing = receive({
      uri: `${scheme}://127.0.0.1:${servers.get(key)!.port}${source.mount}${QUERY}`,
      transport: transport === 'UDP' ? 'udp' : 'tcp',
      tunnelled: TUNNELS.includes(transport),
      credentials: login ? ACCOUNT : undefined,
      tls: isTls(transport) ? { ca: certificate.ca } : undefined,
    });
    // Its own test tells of a failure.
    playing.catch(() => undefined);
    return playing;
  }

  /** Plays the cells of one codec, if they do not play yet. */
  function start(codec: string): void {
    const source = sources.find((one) => one.codec === codec)!;
    for (const cell of CELLS.filter((one) => one.codec === codec && !playing.has(one)))
      playing.set(
        cell,
        play(serverKey(cell.transport, cell.auth), source, cell.transport, cell.auth !== 'none'),
      );
  }

  for (const codec of CODECS) {
    describe(codec, () => {
      before(() => {
        start(codec);
      });

      for (const cell of CELLS.filter((one) => one.codec === codec))
        itHolds(cell, async () => {
          await sources.find((one) => one.codec === codec)!.judge(await playing.get(cell)!);
        });
    });
  }

  describe('RTSP over TLS', () => {
    const uri = (host: string): string =>
      `rtsps://${host}:${servers.get('TLS none')!.port}${sources[0]!.mount}`;
    const isEtls = (error: unknown): boolean => error instanceof NvrError && error.code === 'ETLS';

    it('refuses a certificate of an unknown authority by default', async () => {
      await assert.rejects(receive({ uri: uri('127.0.0.1'), transport: 'tcp' }), isEtls);
      await assert.rejects(receive({ uri: uri('127.0.0.1'), transport: 'tcp', tls: {} }), isEtls);
    });

    it('refuses a certificate of another host, though its authority is known', async () => {
      await assert.rejects(
        receive({ uri: uri('localhost'), transport: 'tcp', tls: { ca: certificate.ca } }),
        isEtls,
      );
    });

    it('takes any certificate only where that is said in so many words', async () => {
      const { video } = await receive({
        uri: uri('127.0.0.1'),
        transport: 'tcp',
        tls: { rejectUnauthorized: false },
        until: (units) => units.length > 0,
      });
      assert.equal(video[0]!.keyframe, true);
    });

    it('says ETLS for a server that does not speak TLS', async () => {
      const { port } = servers.get('plain none')!;
      await assert.rejects(receive({ uri: `rtsps://127.0.0.1:${port}/x`, transport: 'tcp' }), isEtls);
    });
  });

  it('says EAUTH for a wrong password', async () => {
    for (const auth of ['Basic', 'Digest'] as const) {
      const { port } = servers.get(serverKey('TCP', auth))!;
      await assert.rejects(
        receive({
          uri: `rtsp://127.0.0.1:${port}${sources[0]!.mount}`,
          transport: 'tcp',
          credentials: { ...ACCOUNT, password: 'wrong' },
        }),
        (error) => error instanceof NvrError && error.code === 'EAUTH',
      );
    }
  });

  itLong(
    'plays for 20 s on a server whose sessions time out after 5 s, and lets none expire',
    async function () {
      this.timeout(90_000);
      const long = await makeLongSource(folder!);
      const server = await startGst({
        mounts: { [long.mount]: long.launch },
        auth: 'digest',
        password: ACCOUNT.password,
        sessionTimeout: 5,
      });
      servers.set('long', server);
      const runs = await Promise.all((['TCP', 'UDP'] as const).map((one) => play('long', long, one, true)));
      for (const received of runs) {
        await long.judge(received);
        assert.equal(received.video.length, 500);
      }
      const expired = server.lines.filter((line) => line.startsWith('EXPIRED'));
      assert.deepEqual(expired, []);
    },
  );
});
