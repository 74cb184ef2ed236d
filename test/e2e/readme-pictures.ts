// Takes the README's pictures of the real editor: `npm run pictures`. Needs a built package and Chromium.

import fs from 'node:fs';
import path from 'node:path';
import { startSimulator } from '../../lib/simulator/index.js';
import { launchBrowser, openEditor, startNodeRed } from './node-red.js';

const ROOT = path.join(__dirname, '..', '..');

async function main(): Promise<void> {
  const simulator = await startSimulator({ username: 'demo', password: 'demo-password' });
  const flow = JSON.parse(
    fs.readFileSync(path.join(ROOT, 'examples', '01 - Live keyframes of a camera.json'), 'utf8'),
  ) as {
    id: string;
    type: string;
  }[];
  const ported = flow.map((node) =>
    node.type === 'nvr-server' ? { ...node, rtspPort: String(simulator.rtspPort) } : node,
  );
  const server = flow.find(({ type }) => type === 'nvr-server')!;
  const nodeRed = await startNodeRed(ported, {
    [server.id]: { username: 'demo', password: 'demo-password' },
  });
  const browser = await launchBrowser();
  try {
    const { page } = await openEditor(browser, nodeRed.url);
    await page.setViewportSize({ width: 1200, height: 560 });
    await page.evaluate(() => {
      const { RED } = window as unknown as { RED: { sidebar: { show(id: string): void }; palette: unknown } };
      RED.sidebar.show('debug');
    });
    await page.locator('#red-ui-palette-NVR').scrollIntoViewIfNeeded();
    await page.waitForFunction(() => /no\. [3-9]/.test(document.body.innerText), undefined, {
      timeout: 30_000,
    });
    await page.waitForTimeout(1000);
    await page.screenshot({ path: path.join(ROOT, 'README-flow.png') });
  } finally {
    await browser.close();
    await nodeRed.stop();
    await simulator.stop();
  }
}

void main();
