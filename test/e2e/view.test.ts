import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { startSimulator, type Simulator } from '../../lib/simulator/index.js';
import { needs } from '../kit/tools.js';
import { itLong } from '../kit/cases.js';
import { SLOWLY, until } from '../kit/until.js';
import { launchBrowser, openEditor, startNodeRed, type RunningNodeRed } from '../kit/node-red.js';

/** Where screenshots go, for people to look at. */
const SHOTS = process.env.NVR_SCREENSHOTS ?? path.join(os.tmpdir(), 'nvr-screenshots');
const ACCOUNT = { username: 'demo', password: 'e2e-secret-password' };
/** bcrypt's hash of `look`. */
const HASH_OF_LOOK = '$2b$08$.YW1oKAMa/ZBApNMCZVS0uRN8IRvNLL.lYUwu6VuvcYAogMqLmosW';

/** What is read of an <nvr-video>. */
interface Tile {
  dataset: { state?: string };
  nameText: { textContent: string };
  timeText: { textContent: string };
  words: { textContent: string; hidden: boolean };
  image: { hidden: boolean };
  video: HTMLVideoElement;
}

interface Seen {
  name: string;
  time: string;
  state: string | undefined;
  words: string;
  width: number;
  frames: number;
  at: number;
}

function tiles(page: Page): Promise<Seen[]> {
  return page.evaluate(() =>
    [...document.querySelectorAll('nvr-video')].map((element) => {
      const tile = element as unknown as Tile;
      return {
        name: tile.nameText.textContent,
        time: tile.timeText.textContent,
        state: tile.dataset.state,
        words: tile.words.textContent,
        width: tile.video.videoWidth,
        frames: tile.video.getVideoPlaybackQuality().totalVideoFrames,
        at: tile.video.currentTime,
      };
    }),
  );
}

describe('the live view in a browser', function () {
  this.timeout(60_000);
  let simulator: Simulator;
  let nodeRed: RunningNodeRed;
  let browser: Browser;
  const ends: (() => Promise<unknown>)[] = [];

  const channels = ['Gate', 'Yard', 'Hall', 'Dock'].map((name, index) => ({ channel: index + 1, name }));

  function flow(viewName = 'Wall'): object[] {
    return [
      { id: 'tab', type: 'tab', label: 'tab' },
      {
        id: 'nvr1',
        type: 'nvr-server',
        name: 'Home',
        host: '127.0.0.1',
        rtspPort: String(simulator.rtspPort),
        channels,
        linger: '0',
        silence: '1',
      },
      { id: 'view1', z: 'tab', type: 'nvr-view', name: viewName, nvr: 'nvr1', channel: '*', wires: [[]] },
      { id: 'in1', z: 'tab', type: 'http in', url: '/alarm', method: 'get', wires: [['set1']] },
      {
        id: 'set1',
        z: 'tab',
        type: 'change',
        rules: [
          { t: 'set', p: 'action', pt: 'msg', to: 'show', tot: 'str' },
          { t: 'set', p: 'channel', pt: 'msg', to: 'payload.channel', tot: 'msg' },
        ],
        wires: [['view1', 'out1']],
      },
      { id: 'out1', z: 'tab', type: 'http response', wires: [] },
    ];
  }

  before(async function () {
    needs(this, 'chromium');
    fs.mkdirSync(SHOTS, { recursive: true });
    simulator = await startSimulator({ ...ACCOUNT, channels: 4 });
    ends.push(() => simulator.stop());
    nodeRed = await startNodeRed(flow(), { nvr1: ACCOUNT });
    ends.push(() => nodeRed.stop());
    browser = await launchBrowser();
    ends.push(() => browser.close());
  });

  after(async () => {
    for (const end of ends.reverse()) await end();
  });

  async function open(viewport = { width: 1280, height: 720 }, locale = 'en-US'): Promise<Page> {
    const context = await browser.newContext({ viewport, locale });
    const page = await context.newPage();
    page.on('pageerror', (error) => {
      throw error;
    });
    await page.goto(`${nodeRed.url}/nvr/view/wall`);
    return page;
  }

  async function playing(page: Page): Promise<void> {
    await page.waitForFunction(
      () =>
        [...document.querySelectorAll('nvr-video')].filter((element) => {
          const { dataset, video } = element as unknown as Tile;
          return dataset.state === 'playing' && video.getVideoPlaybackQuality().totalVideoFrames > 3;
        }).length === 4,
      undefined,
      { timeout: 20_000 },
    );
  }

  it('shows every camera of the NVR’s table moving, with its name and time', async () => {
    const page = await open();
    await playing(page);
    const before = await tiles(page);
    await page.waitForTimeout(1_000);
    const after = await tiles(page);
    assert.deepEqual(
      after.map(({ name }) => name),
      channels.map(({ name }) => name),
    );
    for (const [index, tile] of after.entries()) {
      assert.ok(tile.at > before[index]!.at, `${tile.name} stands still`);
      assert.ok(tile.frames > before[index]!.frames, `${tile.name} shows no new picture`);
      assert.match(tile.time, /^\d{1,2}:\d\d:\d\d/);
      assert.equal(tile.words, '');
    }
    await page.screenshot({ path: path.join(SHOTS, 'view.png') });
    await page.context().close();
  });

  it('costs the cameras one session each, however many pages look, and none when nobody does', async () => {
    const pages = [await open(), await open()];
    for (const page of pages) await playing(page);
    assert.equal(simulator.sessionCount, 4);
    for (const page of pages) await page.context().close();
    await simulator.idle();
  });

  it('shows one camera large in its main stream by click, key and message, and goes back', async () => {
    const page = await open();
    await playing(page);
    const large = (): Promise<unknown> =>
      page.waitForFunction(() => {
        const shown = [...document.querySelectorAll('nvr-video')].filter((tile) => tile.checkVisibility());
        return shown.length === 1 && (shown[0] as unknown as Tile).video.videoWidth === 640;
      });
    const all = (): Promise<unknown> =>
      page.waitForFunction(
        () =>
          [...document.querySelectorAll('nvr-video')].filter((tile) => tile.checkVisibility()).length === 4,
      );
    await page.locator('nvr-video').nth(1).click();
    await large();
    await page.keyboard.press('Escape');
    await all();
    await page.keyboard.press('3');
    await large();
    await page.keyboard.press('Escape');
    await fetch(`${nodeRed.url}/alarm?channel=Dock`);
    await large();
    assert.deepEqual(
      (await tiles(page)).filter(({ width }) => width === 640).map(({ name }) => name),
      ['Dock'],
    );
    await fetch(`${nodeRed.url}/alarm?channel=*`);
    await all();
    await playing(page);
    // The buttons of a tile work by keyboard, too.
    await page.locator('nvr-video').nth(1).getByRole('button', { name: 'Picture in picture' }).focus();
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => document.pictureInPictureElement !== null);
    await all();
    await page.context().close();
  });

  it('says in words and code why there is no picture, and shows it as soon as it is back', async () => {
    const page = await open();
    await playing(page);
    simulator.unplugCamera(2);
    await page.waitForFunction(
      () => !(document.querySelectorAll('nvr-video')[1] as unknown as Tile).words.hidden,
    );
    const [, yard] = await tiles(page);
    assert.match(yard!.words, /^(The camera does not answer; trying again|No picture) \(E[A-Z]+\)$/);
    await page.screenshot({ path: path.join(SHOTS, 'view-lost.png') });
    simulator.plugCamera(2);
    await playing(page);
    await page.context().close();
  });

  it('streams nothing to a page that is not looked at, and comes back by itself', async () => {
    const page = await open();
    await playing(page);
    await page.evaluate(() => {
      Object.defineProperty(document, 'hidden', { configurable: true, value: true });
      document.dispatchEvent(new Event('visibilitychange'));
    });
    await simulator.idle();
    await page.evaluate(() => {
      Object.defineProperty(document, 'hidden', { configurable: true, value: false });
      document.dispatchEvent(new Event('visibilitychange'));
    });
    await playing(page);
    await page.context().close();
  });

  it('sees what was asked last, though a request is overtaken or fails', async () => {
    const page = await open();
    await playing(page);
    const look = (hidden: boolean): Promise<void> =>
      page.evaluate((value) => {
        Object.defineProperty(document, 'hidden', { configurable: true, value });
        document.dispatchEvent(new Event('visibilitychange'));
      }, hidden);
    const asked: string[] = [];
    let held: (() => Promise<void>) | undefined;
    await page.route('**/want', async (route) => {
      asked.push(route.request().postData()!);
      if (asked.length === 1) held = () => route.continue();
      else if (asked.length === 2) await route.abort();
      else await route.continue();
    });
    await look(true);
    await until(() => Promise.resolve(held !== undefined), SLOWLY);
    await look(false);
    // Long enough for a second request beside the held one, if there were one.
    await page.waitForTimeout(300);
    await held!();
    await playing(page);
    assert.equal((JSON.parse(asked.at(-1)!) as { wishes: object[] }).wishes.length, 4);
    await page.context().close();
  });

  it('plays in a page whose elements were there before the script, by one stream', async () => {
    const page = await browser.newPage();
    const streams: string[] = [];
    page.on('request', (request) => {
      if (request.url().endsWith('/stream')) streams.push(request.url());
    });
    const tile = (channel: number): string =>
      `<nvr-video src="/nvr/view/wall/" channel="${channel}" style="height: 160px"></nvr-video>`;
    const body = `${[1, 2, 3, 4].map(tile).join('')}<script src="/nvr/view/wall/nvr-video.js"></script>`;
    await page.route('**/own.html', (route) => route.fulfill({ contentType: 'text/html', body }));
    await page.goto(`${nodeRed.url}/own.html`);
    await playing(page);
    assert.equal(streams.length, 1);
    await page.close();
  });

  it('comes back by itself after a deploy', async () => {
    const page = await open();
    await playing(page);
    const deployed = await fetch(`${nodeRed.url}/flows`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'Node-RED-Deployment-Type': 'full' },
      body: JSON.stringify(flow()),
    });
    assert.equal(deployed.status, 204);
    await playing(page);
    await page.context().close();
  });

  it('leaves nothing behind after twenty deploys: the old path is gone, the new one serves', async () => {
    for (let round = 0; round < 20; round++) {
      const answer = await fetch(`${nodeRed.url}/flows`, {
        method: 'POST',
        headers: {
          'Content-Type': 'application/json',
          'Node-RED-Deployment-Type': round % 2 === 0 ? 'nodes' : 'full',
        },
        body: JSON.stringify(flow(`Wall ${round}`)),
      });
      assert.equal(answer.status, 204);
    }
    await until(async () => (await fetch(`${nodeRed.url}/nvr/view/wall-19/`)).status === 200, SLOWLY);
    for (const old of ['wall', 'wall-0', 'wall-18'])
      assert.equal((await fetch(`${nodeRed.url}/nvr/view/${old}/`)).status, 404, old);
    await fetch(`${nodeRed.url}/flows`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(flow()),
    });
    await until(async () => (await fetch(`${nodeRed.url}/nvr/view/wall/`)).status === 200, SLOWLY);
  });

  it('fits a phone and speaks German', async () => {
    const page = await open({ width: 390, height: 844 }, 'de-DE');
    await playing(page);
    assert.equal(await page.evaluate(() => document.documentElement.lang), 'de');
    assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= 390);
    await page.screenshot({ path: path.join(SHOTS, 'view-phone.png') });
    await page.context().close();
  });

  itLong('has a dialog that names its address and the lines to copy', async () => {
    const { page, errors } = await openEditor(browser, nodeRed.url);
    await page.evaluate(() => {
      const { RED } = window as unknown as {
        RED: { nodes: { filterNodes(f: object): object[] }; editor: { edit(node: object): void } };
      };
      RED.editor.edit(RED.nodes.filterNodes({ type: 'nvr-view' })[0]!);
    });
    await page.waitForSelector('#nvr-view-link');
    assert.equal(await page.locator('#nvr-view-link').getAttribute('href'), '/nvr/view/wall/');
    assert.match(
      await page.locator('#nvr-view-lines').inputValue(),
      /<nvr-video src="\/nvr\/view\/wall\/" channel="1"/,
    );
    assert.equal(await page.locator('#node-input-layout').inputValue(), 'auto');
    await page.screenshot({ path: path.join(SHOTS, 'nvr-view.png') });
    assert.deepEqual(errors, []);
    await page.context().close();
  });
});

describe('the live view behind a log-in', function () {
  this.timeout(60_000);

  it('asks for it on every path: page, script, stream, wishes and pictures', async function () {
    const nodeRed = await startNodeRed(
      [
        { id: 'tab', type: 'tab', label: 'tab' },
        { id: 'nvr1', type: 'nvr-server', name: 'Home', host: '127.0.0.1', rtspPort: '1' },
        { id: 'view1', z: 'tab', type: 'nvr-view', name: 'Wall', nvr: 'nvr1', channel: '1-4', wires: [[]] },
      ],
      {},
      { httpNodeAuth: { user: 'guest', pass: HASH_OF_LOOK } },
    );
    try {
      const base = `${nodeRed.url}/nvr/view/wall`;
      for (const rest of [
        '',
        '/',
        '/nvr-video.js',
        '/stream',
        '/cameras.json',
        '/1.jpg',
        '/1.mjpeg',
        '/recordings.json',
        '/replay',
      ])
        assert.equal((await fetch(base + rest, { redirect: 'manual' })).status, 401, rest);
      for (const rest of ['/want', '/save'])
        assert.equal((await fetch(base + rest, { method: 'POST' })).status, 401, rest);
      const Authorization = `Basic ${Buffer.from('guest:look').toString('base64')}`;
      assert.equal((await fetch(`${base}/`, { headers: { Authorization } })).status, 200);
    } finally {
      await nodeRed.stop();
    }
  });
});
