// Cameras in a real Node-RED with a view node, and pages of it in a real browser.

import type { Browser, Page } from 'playwright-core';
import { COUNTER_BITS, COUNTER_BLOCKS } from './counter-clip.js';
import { counterProbe, type ProbeWindow, type ShownPicture } from './counter-probe.js';

/** What is read of an <nvr-video>. */
export interface Tile {
  dataset: { state?: string };
  nameText: { textContent: string };
  timeText: { textContent: string };
  words: { textContent: string; hidden: boolean };
  image: HTMLImageElement;
  video: HTMLVideoElement;
  pictures?: number;
}

/** A flow with one NVR of any make (`/cam<channel>` on a port) and a view node named Wall. */
export function viewFlow(rtspPort: number, channel: string, name = 'Wall'): object[] {
  return [
    { id: 'tab', type: 'tab', label: 'tab' },
    {
      id: 'nvr1',
      type: 'nvr-server',
      name: 'Home',
      host: '127.0.0.1',
      rtspPort: String(rtspPort),
      uriStyle: 'custom',
      liveTemplate: '/cam{ch}',
      firstChannel: '1',
      linger: '0',
      silence: '2',
    },
    { id: 'view1', z: 'tab', type: 'nvr-view', name, nvr: 'nvr1', channel, stream: 'main', wires: [[]] },
  ];
}

/**
 * A page that reads the counters of what it shows; `prepare`, a script, is run in it before anything else.
 */
export async function openCounted(browser: Browser, url: string, prepare = ''): Promise<Page> {
  const page = await browser.newPage({ viewport: { width: 960, height: 540 }, locale: 'en-US' });
  // What the compiler leaves in functions, which the page does not know.
  await page.addInitScript('globalThis.__name = (value) => value');
  await page.addInitScript(prepare);
  const options = { blocks: COUNTER_BLOCKS, bits: COUNTER_BITS, every: 1, tiles: 4 };
  await page.addInitScript(counterProbe, options);
  await page.goto(url);
  return page;
}

export function shownBy(page: Page, channel = '1'): Promise<ShownPicture[]> {
  return page.evaluate((key) => (window as unknown as ProbeWindow).counterProbe[key] ?? [], channel);
}

/** Waits until a tile has shown so many pictures in all. */
export async function showsMore(page: Page, count: number, channel = '1', timeout = 30_000): Promise<void> {
  await page.waitForFunction(
    ([key, least]) => ((window as unknown as ProbeWindow).counterProbe[key]?.length ?? 0) >= least,
    [channel, count] as const,
    { timeout },
  );
}

/** Whether the tile's pictures come straight from a decoder, without a buffer. */
export function isDirect(page: Page): Promise<boolean> {
  return page.evaluate(
    () => (document.querySelector('nvr-video') as unknown as Tile).video.srcObject !== null,
  );
}

/** Deploys other flows. */
export async function deploy(url: string, flow: object[], type = 'full'): Promise<void> {
  const answer = await fetch(`${url}/flows`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'Node-RED-Deployment-Type': type },
    body: JSON.stringify(flow),
  });
  if (answer.status !== 204) throw new Error(`the deploy was answered ${answer.status}`);
}
