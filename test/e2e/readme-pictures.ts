// Takes the README's pictures of the real editor: `npm run pictures`. Needs a built package, Chromium and
// ffmpeg.

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { startDemo } from '../../lib/simulator/demo.js';
import { startSimulator } from '../../lib/simulator/index.js';
import { launchBrowser, openEditor, startNodeRed } from '../kit/node-red.js';

const ROOT = path.join(__dirname, '..', '..');

interface FlowNode {
  id: string;
  type: string;
}

const exampleOf = (name: string): FlowNode[] =>
  JSON.parse(fs.readFileSync(path.join(ROOT, 'examples', name), 'utf8')) as FlowNode[];

/** The live stream's dialog, with the picture of the camera test. */
async function main(): Promise<void> {
  const simulator = await startSimulator({ username: 'demo', password: 'demo-password' });
  const flow = exampleOf('20 - Live keyframes as buffers (advanced).json').map((node) =>
    node.type === 'nvr-server'
      ? { ...node, rtspPort: String(simulator.rtspPort), httpPort: String(simulator.httpPort) }
      : node,
  );
  const server = flow.find(({ type }) => type === 'nvr-server')!;
  const live = flow.find(({ type }) => type === 'nvr-live-stream')!;
  const nodeRed = await startNodeRed(flow, { [server.id]: { username: 'demo', password: 'demo-password' } });
  const browser = await launchBrowser();
  try {
    const { page } = await openEditor(browser, nodeRed.url);
    await page.setViewportSize({ width: 1000, height: 860 });
    await page.evaluate((id) => {
      const { RED } = window as unknown as {
        RED: { editor: { edit(node: unknown): void }; nodes: { node(id: string): unknown } };
      };
      RED.editor.edit(RED.nodes.node(id));
    }, live.id);
    await page.locator('#nvr-live-test button').click();
    await page.locator('#nvr-live-test img').waitFor();
    await page.waitForTimeout(1000);
    await page
      .locator('.red-ui-tray')
      .last()
      .screenshot({ path: path.join(ROOT, 'README-test.png') });
  } finally {
    await browser.close();
    await nodeRed.stop();
    await simulator.stop();
  }
}

/** The demo's page, moving: the four cameras, as a GIF, since that is what every reader shows. */
async function moving(): Promise<void> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-pictures-'));
  const ports = { editor: 0, rtsp: 0, http: 0 };
  const demo = await startDemo({ root: ROOT, folder: path.join(folder, 'demo'), ports, reports: false });
  const browser = await launchBrowser();
  try {
    await demo.started;
    const page = await browser.newPage({ viewport: { width: 760, height: 560 } });
    await page.goto(demo.page);
    // Two columns on a small page, and no words over the pictures.
    await page.addStyleTag({ content: '.cameras { grid-template-columns: 1fr 1fr !important; }' });
    await page.waitForTimeout(4_000);
    const cameras = page.locator('.cameras');
    const begun = performance.now();
    for (let index = 0; index < 32; index++) {
      await page.waitForTimeout(Math.max(0, begun + index * 250 - performance.now()));
      const shot = path.join(folder, `${String(index).padStart(2, '0')}.png`);
      await cameras.screenshot({ path: shot });
    }
    const look = 'scale=640:-2,split[a][b];[a]palettegen=max_colors=96[p];[b][p]paletteuse=dither=none';
    const input = ['-framerate', '4', '-i', path.join(folder, '%02d.png')];
    execFileSync('ffmpeg', [
      '-v',
      'error',
      '-y',
      ...input,
      '-vf',
      look,
      path.join(ROOT, 'README-cameras.gif'),
    ]);
  } finally {
    await browser.close();
    await demo.stop();
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

void main().then(moving);
