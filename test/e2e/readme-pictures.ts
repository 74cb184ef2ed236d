// Takes the README's pictures of the real editor: `npm run pictures`. Needs a built package and Chromium.

import fs from 'node:fs';
import path from 'node:path';
import { startSimulator } from '../../lib/simulator/index.js';
import { launchBrowser, openEditor, startNodeRed } from './node-red.js';

const ROOT = path.join(__dirname, '..', '..');

interface FlowNode {
  id: string;
  type: string;
}

const exampleOf = (name: string): FlowNode[] =>
  JSON.parse(fs.readFileSync(path.join(ROOT, 'examples', name), 'utf8')) as FlowNode[];

/** The live stream playing, with its keyframes in the sidebar; then its dialog, with the picture of the camera test. */
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
    await page.setViewportSize({ width: 1200, height: 560 });
    await page.evaluate(() => {
      const { RED } = window as unknown as { RED: { sidebar: { show(id: string): void } } };
      RED.sidebar.show('debug');
      // The nodes of this package are the last of the palette.
      const palette = document.querySelector('#red-ui-palette-container')!;
      palette.scrollTop = palette.scrollHeight;
    });
    await page.waitForFunction(() => /no\. [3-9]/.test(document.body.innerText), undefined, {
      timeout: 30_000,
    });
    await page.waitForTimeout(1000);
    await page.screenshot({ path: path.join(ROOT, 'README-flow.png') });

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

void main();
