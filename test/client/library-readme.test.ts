import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { Nvr } from '../../lib/nvr/nvr.js';
import { buildBye } from '../../lib/rtp/rtcp.js';
import { interleaved, keyframePackets, startScriptedServer } from '../support/scripted-server.js';

const ROOT = path.join(__dirname, '..', '..');
const PACKAGE = '@nvr-flow/node-red-mobotix-nvr/lib';

describe('lib/README.md', () => {
  it('begins with a program that does what it says', async () => {
    const readme = fs.readFileSync(path.join(ROOT, 'lib', 'README.md'), 'utf8');
    const program = /```ts\n([^]*?)```/.exec(readme)![1]!;
    assert.ok(program.includes(`'${PACKAGE}'`));
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'readme-'));
    const file = path.join(folder, 'program.mts');
    const library = pathToFileURL(path.join(ROOT, 'lib', 'index.ts')).href;
    fs.writeFileSync(file, program.replace(PACKAGE, library));
    const frames = keyframePackets(1, 0).map((packet) => interleaved(0, packet));
    const server = await startScriptedServer(({ method }) =>
      method === 'PLAY'
        ? { after: Buffer.concat([...frames, interleaved(1, buildBye(0x1234))]), headers: { Session: 'S1' } }
        : undefined,
    );
    try {
      const tsx = pathToFileURL(require.resolve('tsx')).href;
      const uri = `rtsp://127.0.0.1:${server.port}/live`;
      const { stdout } = await promisify(execFile)(process.execPath, ['--import', tsx, file, uri]);
      assert.match(stdout, /^\d+ \d+\nbye The server said goodbye/);
    } finally {
      await server.close();
      fs.rmSync(folder, { recursive: true });
    }
  });

  it('is right that an NVR needs no more than its host', async () => {
    const nvr = new Nvr({ host: '127.0.0.1' });
    assert.deepEqual(
      [nvr.settings.rtspPort, nvr.settings.transport, nvr.settings.uriStyle, nvr.settings.requestTimeout],
      [554, 'auto', 'move', 10],
    );
    assert.equal(nvr.camera(1, 'main').channel, 1);
    await nvr.close();
  });
});
