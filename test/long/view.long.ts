import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { launchBrowser, startNodeRed, type RunningNodeRed } from '../kit/node-red.js';
import { deploy, isDirect, openCounted, showsMore, shownBy, viewFlow, type Tile } from '../kit/view-rig.js';
import { SLOWLY, until } from '../kit/until.js';
import { startSimulator } from '../../lib/simulator/index.js';
import { RECORD_HEAD } from '../../lib/nvr/view/records.js';
import { counterArguments, type CounterClip } from '../kit/counter-clip.js';
import { startGst, type GstServer } from '../kit/gst.js';
import { startSlowLine } from '../kit/slow-line.js';
import { GSTREAMER, needs } from '../kit/tools.js';

const SECONDS = 40;
/** For `openCounted`: without WebCodecs, as on a page of plain http from another machine. */
const INSECURE = 'delete globalThis.VideoDecoder';
const CLIPS: Readonly<Record<string, CounterClip>> = {
  plain: { width: 640, height: 360, rate: 25, seconds: SECONDS, gop: 50 },
  bFrames: { width: 640, height: 360, rate: 25, seconds: SECONDS, gop: 50, bFrames: 3 },
  slow: { width: 640, height: 360, rate: 1, seconds: SECONDS, gop: 4 },
  large: { width: 960, height: 540, rate: 25, seconds: SECONDS, gop: 50, from: 500 },
  long: { width: 640, height: 360, rate: 25, seconds: SECONDS, gop: 250 },
  // Beyond what a slow line carries.
  heavy: { width: 1280, height: 720, rate: 25, seconds: SECONDS, gop: 50, megabits: 6 },
};

/** The camera's server is GStreamer's: one that nobody here wrote. */
describe('the live view of a camera behind GStreamer’s server', function () {
  this.timeout(120_000);
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-view-'));
  let browser: Browser;
  let gst: GstServer;
  let nodeRed: RunningNodeRed;
  const pages: Page[] = [];
  const ends: (() => Promise<unknown>)[] = [];

  const launch = (name: string): string =>
    `( filesrc location=${path.join(folder, `${name}.mp4`)} ! qtdemux ! h264parse ! rtph264pay config-interval=-1 pt=96 name=pay0 )`;
  const serve = (names: readonly string[], port?: number): Promise<GstServer> =>
    startGst({
      mounts: Object.fromEntries(names.map((name, index) => [`/cam${index + 1}`, launch(name)])),
      ...(port !== undefined && { port }),
    });

  before(async function () {
    needs(this, 'ffmpeg', 'chromium', GSTREAMER);
    this.timeout(400_000);
    for (const [name, clip] of Object.entries(CLIPS))
      execFileSync('ffmpeg', [...counterArguments(clip), path.join(folder, `${name}.mp4`)]);
    gst = await serve(['plain', 'bFrames', 'slow', 'heavy', 'long']);
    ends.push(() => gst.stop());
    nodeRed = await startNodeRed(viewFlow(gst.port, '1'));
    ends.push(() => nodeRed.stop());
    browser = await launchBrowser();
    ends.push(() => browser.close());
  });

  afterEach(async () => {
    for (const page of pages.splice(0)) await page.close();
  });

  after(async () => {
    for (const end of ends.reverse()) await end();
    fs.rmSync(folder, { recursive: true, force: true });
  });

  async function open(channel: string, base = nodeRed.url, prepare = ''): Promise<Page> {
    await deploy(nodeRed.url, viewFlow(gst.port, channel));
    await until(
      async () => (await fetch(`${nodeRed.url}/nvr/view/wall/cameras.json`)).status === 200,
      SLOWLY,
    );
    const page = await openCounted(browser, `${base}/nvr/view/wall/`, prepare);
    pages.push(page);
    return page;
  }

  /** Once it plays: readable, in order, none twice. */
  async function judgeOrder(page: Page, channel: string, pictures: number): Promise<number[]> {
    await showsMore(page, 10, channel);
    const before = (await shownBy(page, channel)).length;
    await showsMore(page, before + pictures, channel, 60_000);
    const shown = (await shownBy(page, channel)).slice(before);
    const numbers = shown.map(({ number }) => number);
    assert.ok(!numbers.includes(null), 'every counter can be read');
    for (let i = 1; i < numbers.length; i++) assert.ok(numbers[i]! > numbers[i - 1]!, numbers.join());
    return numbers as number[];
  }

  it('shows its pictures in order, none twice, straight from the decoder', async () => {
    const page = await open('1');
    await judgeOrder(page, '1', 200);
    assert.equal(await isDirect(page), true);
  });

  it('does so with a buffer on a page without a secure context', async () => {
    const page = await open('1', nodeRed.url, INSECURE);
    await judgeOrder(page, '1', 200);
    assert.equal(await isDirect(page), false);
  });

  it('goes on with a buffer where the decoder fails, or is too slow', async () => {
    for (const failure of ['throw new Error("no decoder")', 'return undefined']) {
      const page = await open(
        '1',
        nodeRed.url,
        `{ let left = 60; const { decode } = VideoDecoder.prototype;
           VideoDecoder.prototype.decode = function (chunk) { if (left-- > 0) return decode.call(this, chunk); ${failure}; }; }`,
      );
      await showsMore(page, 20);
      await until(async () => !(await isDirect(page)), SLOWLY);
      await showsMore(page, (await shownBy(page)).length + 10);
      await judgeOrder(page, '1', 50);
      assert.equal(await isDirect(page), false);
    }
  });

  it('goes on with a buffer when sound is turned on: picture and sound share a clock', async () => {
    const page = await open('1');
    await showsMore(page, 20);
    assert.equal(await isDirect(page), true);
    await page.locator('nvr-video').focus();
    await page.keyboard.press('m');
    await until(async () => !(await isDirect(page)), SLOWLY);
    // It begins with the keyframe before the picture that was shown.
    await showsMore(page, (await shownBy(page)).length + 10);
    await judgeOrder(page, '1', 50);
  });

  it('shows B-frames in their order of presentation', async () => {
    const page = await open('2');
    const numbers = await judgeOrder(page, '2', 200);
    assert.equal(await isDirect(page), false);
    // B-frames are among them: without, no more than one in four would come.
    assert.ok(numbers.length / (numbers.at(-1)! - numbers[0]! + 1) > 0.5);
  });

  for (const [way, prepare] of [
    ['straight from the decoder', ''],
    ['with a buffer', INSECURE],
  ] as const)
    it(`moves from a long GOP’s keyframe to the live picture, rather than stand until it is decoded, ${way}`, async () => {
      const first = await open('5', nodeRed.url, prepare);
      const liveNumber = async (): Promise<number> => (await shownBy(first, '5')).at(-1)?.number ?? 0;
      await until(async () => {
        const sinceKeyframe = (await liveNumber()) % CLIPS.long!.gop;
        return sinceKeyframe > 100 && sinceKeyframe < 200;
      }, SLOWLY);
      const live = await liveNumber();
      const page = await openCounted(browser, `${nodeRed.url}/nvr/view/wall/`, prepare);
      pages.push(page);
      await until(async () => ((await shownBy(page, '5')).at(-1)?.number ?? 0) > live, SLOWLY);
      const numbers = (await shownBy(page, '5')).map(({ number }) => number!);
      // A busy page is not told of each picture that the browser shows.
      assert.ok(numbers[0]! % CLIPS.long!.gop < 25, `begins with the keyframe: ${numbers[0]}`);
      assert.deepEqual(
        numbers,
        [...numbers].sort((a, b) => a - b),
      );
      const between = numbers.filter((number) => number > numbers[0]! && number < live);
      assert.ok(between.length >= 5, `shown on the way to ${live}: ${numbers.join()}`);
    });

  it('shows one picture a second as it comes', async () => {
    const page = await open('3');
    await showsMore(page, 3, '3');
    const before = (await shownBy(page, '3')).length;
    await showsMore(page, before + 8, '3');
    const shown = (await shownBy(page, '3')).slice(before);
    for (let i = 1; i < shown.length; i++) assert.ok(shown[i]!.number! > shown[i - 1]!.number!);
    assert.ok(shown.at(-1)!.number! - shown[0]!.number! <= shown.length, 'few are left out');
  });

  for (const [way, prepare] of [
    ['straight from the decoder', ''],
    ['with a buffer', INSECURE],
  ] as const)
    it(`comes back by itself when its server was killed, in another resolution, without a reload, ${way}`, () =>
      comesBack(prepare));

  async function comesBack(prepare: string): Promise<void> {
    const page = await open('1', nodeRed.url, prepare);
    await showsMore(page, 20);
    await page.evaluate(() => ((window as unknown as { kept: boolean }).kept = true));
    const { port } = gst;
    await gst.kill();
    await page.waitForFunction(
      () => /\(E[A-Z]+\)/.test((document.querySelector('nvr-video') as unknown as Tile).words.textContent),
      undefined,
      { timeout: 30_000 },
    );
    gst = await serve(['large', 'bFrames', 'slow', 'heavy'], port);
    await page.waitForFunction(
      () => {
        const { video, words } = document.querySelector('nvr-video') as unknown as Tile;
        return video.videoWidth === 960 && words.hidden;
      },
      undefined,
      { timeout: 60_000 },
    );
    await until(async () => (await shownBy(page)).some(({ number }) => (number ?? 0) >= 500), SLOWLY);
    assert.equal(await page.evaluate(() => (window as unknown as { kept?: boolean }).kept), true);
    assert.equal(await isDirect(page), prepare === '');
    await gst.stop();
    gst = await serve(['plain', 'bFrames', 'slow', 'heavy'], port);
  }

  it('skips to the next keyframe for a page whose line is too slow, says so in the tile, and others see all', async () => {
    const line = await startSlowLine(Number(new URL(nodeRed.url).port), 4_000_000);
    try {
      const slow = await open('4', `http://127.0.0.1:${line.port}`);
      await showsMore(slow, 10, '4');
      const other = await openCounted(browser, `${nodeRed.url}/nvr/view/wall/`);
      pages.push(other);
      line.setRate(250_000);
      await slow.waitForFunction(
        () =>
          /^\d+ pictures left out$/.test(
            (document.querySelector('nvr-video') as unknown as Tile).words.textContent,
          ),
        undefined,
        { timeout: 60_000, polling: 100 },
      );
      line.setRate(4_000_000);
      const before = (await shownBy(slow, '4')).length;
      await showsMore(slow, before + 25, '4');
      const numbers = (await shownBy(other, '4')).map(({ number }) => number!).slice(10);
      assert.ok(numbers.length > 50);
      assert.equal(
        await other.evaluate(
          () => (document.querySelector('nvr-video') as unknown as Tile).words.textContent,
        ),
        '',
      );
    } finally {
      await line.close();
    }
  });

  it('cuts a page that reads nothing, and no other', async () => {
    const page = await open('4');
    await showsMore(page, 10, '4');
    const request = http.get(`${nodeRed.url}/nvr/view/wall/stream`, { agent: false });
    const [answer] = (await once(request, 'response')) as [http.IncomingMessage];
    const [hello] = (await once(answer, 'data')) as [Buffer];
    const text = hello.toString('utf8', RECORD_HEAD, RECORD_HEAD + hello.readUInt32BE(0));
    const { viewer } = JSON.parse(text) as { viewer: string };
    answer.pause();
    const wanted = await fetch(`${nodeRed.url}/nvr/view/wall/want`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ viewer, wishes: [{ camera: 0, stream: 'main', as: 'video' }] }),
    });
    assert.equal(wanted.status, 204);
    // Its id is forgotten with it.
    await until(async () => {
      const again = await fetch(`${nodeRed.url}/nvr/view/wall/want`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ viewer, wishes: [{ camera: 0, stream: 'main', as: 'video' }] }),
      });
      return again.status === 404;
    }, SLOWLY);
    request.destroy();
    const before = (await shownBy(page, '4')).length;
    await showsMore(page, before + 10, '4');
  });

  it('streams nothing to a tab that is hidden for 30 s, and moves again as soon as it is seen', async () => {
    const page = await open('1');
    await showsMore(page, 20);
    const hide = (hidden: boolean): Promise<void> =>
      page.evaluate((value) => {
        Object.defineProperty(document, 'hidden', { configurable: true, value });
        document.dispatchEvent(new Event('visibilitychange'));
      }, hidden);
    await hide(true);
    await until(
      () => gst.lines.some((line) => line.startsWith('TEARDOWN') || line.startsWith('CLOSED')),
      SLOWLY,
    );
    const sessions = gst.lines.filter((line) => line.startsWith('SESSION')).length;
    await page.waitForTimeout(30_000);
    assert.equal(gst.lines.filter((line) => line.startsWith('SESSION')).length, sessions);
    const before = (await shownBy(page)).length;
    await hide(false);
    await showsMore(page, before + 25);
  });

  it('keeps a picture in picture moving while its tab is hidden, and stops when that is closed', async () => {
    const page = await open('1');
    await showsMore(page, 20);
    await page.locator('nvr-video').hover();
    await page.getByRole('button', { name: 'Picture in picture' }).click();
    await page.waitForFunction(() => document.pictureInPictureElement !== null);
    await page.evaluate(() => {
      Object.defineProperty(document, 'hidden', { configurable: true, value: true });
      document.dispatchEvent(new Event('visibilitychange'));
    });
    const shown = (): Promise<number> =>
      page.evaluate(
        () =>
          (document.querySelector('nvr-video') as unknown as Tile).video.getVideoPlaybackQuality()
            .totalVideoFrames,
      );
    const before = await shown();
    await until(async () => (await shown()) > before + 50, SLOWLY);
    const ended = gst.lines.filter((line) => line.startsWith('TEARDOWN')).length;
    await page.evaluate(() => document.exitPictureInPicture());
    await until(() => gst.lines.filter((line) => line.startsWith('TEARDOWN')).length > ended, SLOWLY);
  });

  it('leaves no route, listener or session behind after 300 deploys', async () => {
    const page = await open('1');
    await showsMore(page, 10);
    for (let round = 0; round < 300; round++)
      await deploy(nodeRed.url, viewFlow(gst.port, '1', `Wall ${round}`), round % 2 === 0 ? 'nodes' : 'full');
    await until(async () => (await fetch(`${nodeRed.url}/nvr/view/wall-299/`)).status === 200, SLOWLY);
    for (const old of ['wall', 'wall-0', 'wall-150', 'wall-298'])
      assert.equal((await fetch(`${nodeRed.url}/nvr/view/${old}/`)).status, 404, old);
    await page.close();
    pages.length = 0;
    const count = (word: string): number => gst.lines.filter((line) => line.startsWith(word)).length;
    await until(
      () => count('SESSION') === count('TEARDOWN') + count('EXPIRED') || count('CLOSED') >= count('SESSION'),
      SLOWLY,
    );
    assert.doesNotMatch(nodeRed.log(), /MaxListenersExceededWarning|uncaught/i);
  });
});

describe('the live view of a camera that the browser cannot play', function () {
  this.timeout(120_000);

  it('shows one picture a second of H.265, says so, and gives its JPEGs to everything else', async function () {
    needs(this, 'chromium');
    const account = { username: 'demo', password: 'ladder-password' };
    const simulator = await startSimulator({ ...account, channels: 2, codec: { 1: 'h265' } });
    const flow = viewFlow(simulator.rtspPort, '1-2').map((node) =>
      'rtspPort' in node ? { ...node, uriStyle: 'move', liveTemplate: '', firstChannel: '0' } : node,
    );
    const nodeRed = await startNodeRed(flow, { nvr1: account });
    const browser = await launchBrowser();
    try {
      const page = await browser.newPage({ locale: 'en-US' });
      await page.goto(`${nodeRed.url}/nvr/view/wall/`);
      const shown = (): Promise<{ pictures: number; words: string; isStill: boolean }> =>
        page.evaluate(() => {
          const tile = document.querySelector('nvr-video') as unknown as Tile;
          const { pictures = 0, image, words } = tile;
          return { pictures, words: words.textContent, isStill: !image.hidden && image.naturalWidth > 0 };
        });
      await until(async () => (await shown()).pictures >= 2, SLOWLY);
      const before = await shown();
      assert.deepEqual(
        { isStill: before.isStill, words: before.words },
        { isStill: true, words: 'one picture a second' },
      );
      const began = Date.now();
      await until(async () => (await shown()).pictures >= before.pictures + 5, SLOWLY);
      const took = Date.now() - began;
      assert.ok(took > 3_500, `five pictures in ${took} ms`);
      // The other camera moves all the same.
      await page.waitForFunction(() => {
        const tile = document.querySelectorAll('nvr-video')[1] as unknown as Tile;
        return tile.video.getVideoPlaybackQuality().totalVideoFrames > 20;
      });
      const still = await fetch(`${nodeRed.url}/nvr/view/wall/1.jpg?width=160`);
      assert.deepEqual(
        { status: still.status, contentType: still.headers.get('content-type') },
        { status: 200, contentType: 'image/jpeg' },
      );
    } finally {
      await browser.close();
      await nodeRed.stop();
      await simulator.stop();
    }
  });
});
