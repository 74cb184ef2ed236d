import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Browser } from 'playwright-core';
import { startDemo, type Demo } from '../../lib/simulator/demo.js';
import { needs } from '../kit/tools.js';
import { errorsOf, launchBrowser } from '../kit/node-red.js';

const SHOTS = process.env.NVR_SCREENSHOTS ?? path.join(os.tmpdir(), 'nvr-screenshots');

describe('the demo’s page in a browser', function () {
  this.timeout(90_000);
  let demo: Demo | undefined;
  let browser: Browser | undefined;
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-demo-page-'));

  before(async function () {
    needs(this, 'chromium');
    const root = path.join(__dirname, '..', '..');
    demo = await startDemo({ root, folder, ports: { editor: 0, rtsp: 0, http: 0 }, reports: false });
    await demo.started;
    browser = await launchBrowser();
  });

  after(async () => {
    await browser?.close();
    await demo?.stop();
    fs.rmSync(folder, { recursive: true, force: true });
  });

  it('shows four cameras that move, plays the clip of an alarm, and leads to each flow', async () => {
    const page = await browser!.newPage({ viewport: { width: 1280, height: 1100 } });
    const errors = errorsOf(page);
    await page.goto(demo!.page);
    await page.waitForFunction(
      () => {
        const tiles = [...document.querySelectorAll<HTMLElement & { video: HTMLVideoElement }>('nvr-video')];
        return (
          tiles.length === 4 && tiles.every(({ video }) => video.currentTime > 0 && video.videoWidth > 0)
        );
      },
      undefined,
      { timeout: 30_000 },
    );
    await page.waitForFunction(() => document.querySelectorAll('#health .up').length === 4, undefined, {
      timeout: 30_000,
    });
    await page.click('#ring');
    await page.waitForFunction(
      () => {
        const video = document.querySelector<HTMLVideoElement>('#clips video');
        return video !== null && video.currentTime > 0.2 && video.duration > 4 && video.seekable.length > 0;
      },
      undefined,
      { timeout: 30_000 },
    );
    fs.mkdirSync(SHOTS, { recursive: true });
    await page.screenshot({ path: path.join(SHOTS, 'demo-page.png'), fullPage: true });
    const links = await page
      .locator('ul:not(#health) a')
      .evaluateAll((all) => all.map((link) => link.getAttribute('href')));
    assert.deepEqual(
      links,
      demo!.flows.slice(1).map(({ tabs }) => `/#flow/${tabs[0]!}`),
    );
    assert.deepEqual(errors, []);
  });
});
