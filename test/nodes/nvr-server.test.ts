import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import liveStreamNode from '../../nodes/nvr-live-stream.js';
import serverNode from '../../nodes/nvr-server.js';
import { processMemory } from '../../lib/nvr/memory-budget.js';
import { startSimulator, type Simulator } from '../../lib/simulator/index.js';
import { needs } from '../kit/tools.js';
import { helper, liveFlow, load, NODE_RED_HOME, Sink, statuses } from '../kit/red.js';

const ACCOUNT = { username: 'admin', password: 'geheim-123' };

function tlsConfigNode(): unknown {
  const fromHere = createRequire(path.join(NODE_RED_HOME, 'package.json'));
  const fromNodeRed = createRequire(fromHere.resolve('node-red'));
  return fromNodeRed(
    path.join(path.dirname(fromNodeRed.resolve('@node-red/nodes/package.json')), 'core/network/05-tls.js'),
  );
}

describe('nvr-server', () => {
  let simulator: Simulator | undefined;

  beforeEach(function (done) {
    helper.startServer(done);
  });

  afterEach(async () => {
    await helper.unload();
    await simulator?.stop();
    simulator = undefined;
    await new Promise<void>((resolve) => {
      helper.stopServer(() => {
        resolve();
      });
    });
  });

  it('shows which setting cannot be used, and opens nothing', async () => {
    await load(liveFlow({ httpPort: '70000' }));
    // The helper's spy sees all nodes; the NVR's node comes first.
    assert.deepEqual(statuses('nvr')[0], { fill: 'red', shape: 'ring', text: 'bad httpPort' });
    assert.equal((helper.getNode('nvr') as { nvr: unknown }).nvr, undefined);
  });

  it('bounds the process’s memory by nvrMemoryMB of settings.js, and says so where that is no number', async () => {
    const usual = processMemory().bytes;
    try {
      helper.settings({ nvrMemoryMB: '96' });
      await load(liveFlow({ rtspPort: 1 }));
      assert.equal(processMemory().bytes, 96 * 1024 * 1024);
      await helper.unload();
      helper.settings({ nvrMemoryMB: 'much' });
      await load(liveFlow({ rtspPort: 1 }));
      assert.equal(processMemory().bytes, 96 * 1024 * 1024);
      assert.ok(
        JSON.stringify(helper.log().args).includes('nvrMemoryMB'),
        'a line of the log names the setting',
      );
    } finally {
      helper.settings({});
      processMemory().bytes = usual;
    }
  });

  it('logs in with the account that Node-RED keeps, and with none where the user name is empty', async () => {
    simulator = await startSimulator({ ...ACCOUNT });
    const sink = await load(liveFlow({ rtspPort: simulator.rtspPort }), ACCOUNT);
    await sink('out').first(() => true);
    await helper.unload();
    const anonymous = await load(liveFlow({ rtspPort: simulator.rtspPort }), {
      username: '',
      password: 'unused',
    });
    const event = await anonymous('event').word('error');
    assert.equal((event.event as { code: string }).code, 'EAUTH');
    assert.equal(simulator.failedLogins, 0, 'nothing was tried without an account');
  });

  it('ends its sessions with TEARDOWN when it is closed', async () => {
    simulator = await startSimulator({});
    const sink = await load(liveFlow({ rtspPort: simulator.rtspPort, linger: '60' }));
    await sink('out').first(() => true);
    await helper.unload();
    assert.equal(simulator.sessionCount, 0);
    assert.equal(simulator.requests.filter((line) => line.startsWith('TEARDOWN')).length, 1);
  });

  describe('with TLS', () => {
    let pem: { cert: string; key: string };
    let folder: string;

    before(function () {
      needs(this, 'openssl');
      folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-tls-'));
      const key = path.join(folder, 'key.pem');
      const cert = path.join(folder, 'cert.pem');
      execFileSync(
        'openssl',
        ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
          .concat(['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'])
          .concat(['-keyout', key, '-out', cert]),
        { stdio: 'ignore' },
      );
      pem = { cert: fs.readFileSync(cert, 'utf8'), key: fs.readFileSync(key, 'utf8') };
    });

    after(() => {
      fs.rmSync(folder, { recursive: true, force: true });
    });

    async function connect(
      server: object,
      tls: object = {},
      credentials: object = {},
    ): Promise<(id: string) => Sink> {
      simulator = await startSimulator({ tls: pem });
      const flow = [
        // After its user, as an import may order it.
        ...liveFlow({ rtspPort: simulator.rtspPort, tls: true, requestTimeout: '5', ...server }),
        { id: 'tls', type: 'tls-config', cert: '', key: '', ca: '', verifyservercert: true, ...tls },
      ];
      await helper.load([tlsConfigNode(), serverNode, liveStreamNode] as never, flow, {
        nvr: {},
        tls: credentials,
      });
      const sinks = new Map(
        ['out', 'event', 'catch'].map((id) => [id, new Sink(helper.getNode(id) as never)]),
      );
      return (id) => sinks.get(id)!;
    }

    it('trusts the CA of core’s tls-config node', async () => {
      const sink = await connect({ tlsConfig: 'tls' }, {}, { cadata: pem.cert });
      assert.equal((await sink('out').first(() => true)).contentType, 'video/h264');
    });

    it('verifies the certificate without it: ETLS, never a stream', async () => {
      const sink = await connect({});
      const event = await sink('event').word('reconnecting');
      assert.equal((event.event as { code: string }).code, 'ETLS');
      assert.equal(((await sink('catch').first(() => true)).error as { code: string }).code, 'ETLS');
    });

    it('verifies it with a tls-config node that knows no CA either', async () => {
      const sink = await connect({ tlsConfig: 'tls' });
      const event = await sink('event').word('reconnecting');
      assert.equal((event.event as { code: string }).code, 'ETLS');
    });

    it('leaves verification out where the user has switched it off there', async () => {
      const sink = await connect({ tlsConfig: 'tls' }, { verifyservercert: false });
      await sink('out').first(() => true);
    });
  });
});
