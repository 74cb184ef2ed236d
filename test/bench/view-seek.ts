// How long a click on a time line takes to the first picture: a real Node-RED, the simulated NVR over TCP,
// and a real browser.

import type { Browser } from 'playwright-core';
import { startSimulator } from '../../lib/simulator/index.js';
import { startNodeRed } from '../kit/node-red.js';

const ACCOUNT = { username: 'demo', password: 'bench-seek' };
/** Not measured: code and connections are warm then, as they are for who looks for something. */
const FIRST = 3;

interface TileParts extends HTMLElement {
  readonly video: HTMLVideoElement;
}

/** From each of some clicks, at places that are no neighbours, to the picture on screen: ms. */
export async function seeks(browser: Browser, count: number): Promise<number[]> {
  const simulator = await startSimulator({ ...ACCOUNT, channels: 1, recordingHours: 12 });
  const { rtspPort, httpPort } = simulator;
  const ports = { host: '127.0.0.1', rtspPort: String(rtspPort), httpPort: String(httpPort) };
  const nodeRed = await startNodeRed(
    [
      { id: 'tab', type: 'tab', label: 'tab' },
      { id: 'nvr1', type: 'nvr-server', name: 'Home', ...ports, transport: 'tcp' },
      { id: 'view1', z: 'tab', type: 'nvr-view', name: 'Wall', nvr: 'nvr1', channel: '1', wires: [[]] },
    ],
    { nvr1: ACCOUNT },
  );
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 720 } });
    await page.addInitScript('globalThis.__name = (value) => value');
    await page.goto(`${nodeRed.url}/nvr/view/wall/`);
    await page.locator('nvr-video[data-state="playing"]').waitFor();
    const found: number[] = [];
    for (let turn = 0; turn < FIRST + count; turn++) {
      const at = 0.05 + ((turn * 0.618) % 0.85);
      const ms = await page.evaluate(async (share) => {
        const tile = document.querySelector<TileParts>('nvr-video')!;
        const bar = tile.querySelector('nvr-timeline')!.shadowRoot!.querySelector('.bar')!;
        const { left, top, width } = bar.getBoundingClientRect();
        const begun = performance.now();
        const place = { clientX: left + width * share, clientY: top + 2, pointerId: 1, bubbles: true };
        bar.dispatchEvent(new PointerEvent('pointerup', place));
        // The tile says so once it has the picture; the next one that is shown is it.
        while (tile.dataset.state === 'playing') await new Promise(requestAnimationFrame);
        for (;;) {
          const shown = await new Promise<number>((resolve) => {
            tile.video.requestVideoFrameCallback((_now, { expectedDisplayTime }) => {
              resolve(expectedDisplayTime);
            });
          });
          if (tile.dataset.state === 'playing') return shown - begun;
        }
      }, at);
      if (turn >= FIRST) found.push(ms);
    }
    await page.close();
    return found;
  } finally {
    await nodeRed.stop();
    await simulator.stop();
  }
}
