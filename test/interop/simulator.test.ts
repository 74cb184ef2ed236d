import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Lower } from '../../lib/client/quirks.js';
import { splitAnnexB } from '../../lib/codec/annexb.js';
import { startSimulator, type AuthScheme, type Simulator } from '../../lib/simulator/index.js';
import { needs } from '../kit/tools.js';
import { itHolds, type Auth, type Transport } from './cells.js';
import { makeCertificate, type Certificate } from './certificate.js';
import { ACCOUNT, receive } from './receive.js';

const SCHEMES: Readonly<Partial<Record<Auth, AuthScheme>>> = {
  'Digest with qop': 'digest-qop',
  'Digest SHA-256': 'digest-sha256',
};
const LOWER: Readonly<Partial<Record<Transport, Lower>>> = { UDP: 'udp', multicast: 'multicast' };
const UNITS = 8;

/** GStreamer knows Digest with MD5 and without qop alone: the other kinds are proved here. */
describe('the NVR simulator', () => {
  let folder: string | undefined;
  let certificate: Certificate;
  const simulators: Simulator[] = [];

  before(function () {
    needs(this, 'openssl');
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-interop-'));
    certificate = makeCertificate(folder);
  });

  after(async () => {
    await Promise.all(simulators.map((simulator) => simulator.stop()));
    if (folder !== undefined) fs.rmSync(folder, { recursive: true, force: true });
  });

  // GStreamer's server keeps a group's port to itself: multicast to a client on its own machine cannot be had
  // of it.
  for (const transport of ['TCP', 'UDP', 'multicast', 'TLS'] as Transport[]) {
    for (const [auth, scheme] of Object.entries(SCHEMES) as [Auth, AuthScheme][]) {
      itHolds({ server: 'simulator', codec: 'H.264', transport, auth }, async () => {
        const simulator = await startSimulator({
          ...ACCOUNT,
          auth: scheme,
          multicast: true,
          ...(transport === 'TLS' ? { tls: { cert: certificate.cert, key: certificate.key } } : {}),
        });
        simulators.push(simulator);
        const { video } = await receive({
          uri: simulator.url(1, 'dual'),
          transport: LOWER[transport] ?? 'tcp',
          credentials: ACCOUNT,
          tls: transport === 'TLS' ? { ca: certificate.ca } : undefined,
          until: (units) => units.length === UNITS,
        });
        assert.equal(simulator.failedLogins, 0);
        assertLoops(video.map(({ data }) => data));
      });
    }
  }

  /** The units follow each other in the channel's clip, which is played again and again. */
  function assertLoops(units: readonly Buffer[]): void {
    const clip = fs.readFileSync(path.join(__dirname, '../../lib/simulator/clips/ch1-dual.h264'));
    const slices = (data: Buffer): string[] =>
      splitAnnexB(data, 100_000)
        .filter((nal) => [1, 5].includes(nal[0]! & 0x1f))
        .map((nal) => nal.toString('latin1'));
    const expected = slices(clip);
    const got = units.slice(0, UNITS).flatMap(slices);
    const first = expected.indexOf(got[0]!);
    assert.ok(first >= 0 && got.length === UNITS);
    assert.deepEqual(
      got,
      got.map((_, i) => expected[(first + i) % expected.length]),
    );
  }
});
