import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Browser, Locator } from 'playwright-core';
import { startGst, type GstServer } from '../kit/gst.js';
import { GSTREAMER, needs } from '../kit/tools.js';
import { takesAll } from '../kit/cases.js';
import { launchBrowser, openEditor, startNodeRed, type RunningNodeRed } from '../kit/node-red.js';

const SHOTS = process.env.NVR_SCREENSHOTS ?? path.join(os.tmpdir(), 'nvr-screenshots');
const PASSWORD = 'first-hour-secret';
const H264 = (pattern: string): string =>
  `( videotestsrc is-live=true pattern=${pattern} ! video/x-raw,width=320,height=240,framerate=10/1 ! x264enc tune=zerolatency key-int-max=10 ! rtph264pay name=pay0 pt=96 )`;

describe('the first hour', function () {
  this.timeout(60_000);
  let gst: GstServer | undefined;
  let nodeRed: RunningNodeRed | undefined;
  let browser: Browser | undefined;

  before(async function () {
    needs(this, 'chromium', GSTREAMER);
    fs.mkdirSync(SHOTS, { recursive: true });
    gst = await startGst({
      mounts: { '/h264Preview_01_main': H264('smpte') },
      auth: 'digest',
      password: PASSWORD,
    });
    nodeRed = await startNodeRed([{ id: 'a1f0c0de00000001', type: 'tab', label: 'Flow 1' }]);
    browser = await launchBrowser();
  });

  after(async () => {
    await browser?.close();
    await nodeRed?.stop();
    await gst?.stop();
  });

  it('takes five actions from nothing to the picture of a camera whose URL is pasted', async () => {
    const { page, errors } = await openEditor(browser!, nodeRed!.url);
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    let actions = 0;
    const act = async (run: () => Promise<unknown>): Promise<void> => {
      await run();
      actions++;
    };
    const settled = async (what: Locator): Promise<void> => {
      await what.waitFor({ state: 'visible', timeout: 20_000 });
      await page.waitForTimeout(500);
    };

    const palette = page.locator('.red-ui-palette-node[data-palette-type="nvr-snapshot"]');
    await palette.scrollIntoViewIfNeeded();
    await act(() =>
      palette.dragTo(page.locator('#red-ui-workspace-chart'), { targetPosition: { x: 300, y: 200 } }),
    );
    await act(() => page.locator('.red-ui-flow-node-group').first().dblclick());
    const add = page.locator('#node-input-btn-nvr-add, #node-input-lookup-nvr').first();
    await settled(add);
    await act(() => add.click());
    const address = page.locator('#node-config-input-host');
    await settled(address);
    await act(async () => {
      const uri = `rtsp://admin:${PASSWORD}@127.0.0.1:${gst!.port}/h264Preview_01_main`;
      await page.evaluate((text) => navigator.clipboard.writeText(text), uri);
      await address.focus();
      await page.keyboard.press('Control+V');
    });
    assert.equal(await address.inputValue(), '127.0.0.1');
    assert.equal(await page.locator('#node-config-input-username').inputValue(), 'admin');
    assert.equal(await page.locator('#node-config-input-rtspPort').inputValue(), String(gst!.port));
    assert.equal(await page.locator('#nvr-preset').inputValue(), 'reolink');
    const asks = await page.locator('#nvr-asks').innerText();
    assert.equal(asks, `Asks: rtsp://127.0.0.1:${gst!.port}/h264Preview_01_main`);
    await page.screenshot({ path: path.join(SHOTS, 'first-hour-pasted.png') });
    await act(() => page.locator('#nvr-server-test button').click());
    const still = page.locator('#nvr-server-test img.nvr-test-picture');
    await still.waitFor({ state: 'attached', timeout: 20_000 });
    // Without a click the picture moves, for ten seconds.
    const moved = page.locator('#nvr-server-test video.nvr-test-picture');
    await moved.waitFor({ state: 'visible', timeout: 20_000 });
    await page.waitForFunction(
      (video) => (video as HTMLVideoElement).getVideoPlaybackQuality().totalVideoFrames > 10,
      await moved.elementHandle(),
      { timeout: 20_000 },
    );
    await page.screenshot({ path: path.join(SHOTS, 'first-hour-picture.png') });
    if (takesAll()) {
      await still.waitFor({ state: 'visible', timeout: 20_000 });
      assert.equal(await moved.count(), 0);
    }

    assert.equal(actions, 5);
    const told = await page.locator('.red-ui-tray').last().innerText();
    assert.ok(!told.includes(PASSWORD));
    assert.deepEqual(errors, []);
    await page.close();
  });
});
