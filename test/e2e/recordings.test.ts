// Recordings on a view's page: a real Node-RED, a simulated NVR that records, and a real browser.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { startSimulator, type Simulator } from '../../lib/simulator/index.js';
import { needs } from '../support/tools.js';
import { launchBrowser, startNodeRed, type RunningNodeRed } from './node-red.js';
import type { Tile } from './view-rig.js';

const SHOTS = process.env.NVR_SCREENSHOTS ?? path.join(os.tmpdir(), 'nvr-screenshots');
const ACCOUNT = { username: 'demo', password: 'e2e-secret-password' };
const MINUTE_MS = 60_000;

/** What is read of a tile that replays. */
interface Replaying extends Tile {
  replay?: { wallTime(): number; paused: boolean; speed: number };
  replayFrom(time: number): void;
}

interface TimeLine {
  read(): Promise<void>;
  play(time: number): void;
}

interface Clip {
  readonly id: string;
  readonly start: number;
  readonly end: number;
  readonly alarms: readonly number[];
  readonly thumbnail: boolean;
  readonly unfinished?: true;
}

describe('recordings on a page of cameras', function () {
  this.timeout(60_000);
  let simulator: Simulator;
  let nodeRed: RunningNodeRed;
  let browser: Browser;
  let page: Page;
  const ends: (() => Promise<unknown>)[] = [];

  before(async function () {
    needs(this, 'chromium', 'ffprobe');
    fs.mkdirSync(SHOTS, { recursive: true });
    const clips = fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-view-clips-'));
    ends.push(() => fs.promises.rm(clips, { recursive: true, force: true }));
    simulator = await startSimulator({ ...ACCOUNT, channels: 2, onvifReplay: true, recordingHours: 12 });
    ends.push(() => simulator.stop());
    const { rtspPort, httpPort } = simulator;
    const server = { host: '127.0.0.1', rtspPort: String(rtspPort), httpPort: String(httpPort), linger: '0' };
    const channels = [
      { channel: 1, name: 'Gate' },
      { channel: 2, name: 'Yard' },
    ];
    nodeRed = await startNodeRed(
      [
        { id: 'tab', type: 'tab', label: 'tab' },
        { id: 'nvr1', type: 'nvr-server', name: 'Home', ...server, channels },
        { id: 'view1', z: 'tab', type: 'nvr-view', name: 'Wall', nvr: 'nvr1', channel: '*', wires: [[]] },
        { id: 'in1', z: 'tab', type: 'http in', url: '/alarm', method: 'get', wires: [['rec1', 'out1']] },
        { id: 'out1', z: 'tab', type: 'http response', wires: [] },
        {
          ...{ id: 'rec1', z: 'tab', type: 'nvr-record', nvr: 'nvr1', channel: '1', folder: clips },
          ...{ mode: 'alarm', preRoll: '2', postRoll: '2', thumbnail: true, wires: [['made'], []] },
        },
        { id: 'made', z: 'tab', type: 'function', func: 'global.set("clip", msg.clip)', wires: [[]] },
        {
          ...{ id: 'rec2', z: 'tab', type: 'nvr-record', nvr: 'nvr1', channel: '2', folder: clips },
          ...{ mode: 'continuous', version: 1, segment: '60', wires: [[], []] },
        },
      ],
      { nvr1: ACCOUNT },
    );
    ends.push(() => nodeRed.stop());
    browser = await launchBrowser();
    ends.push(() => browser.close());
  });

  after(async () => {
    for (const end of ends.reverse()) await end();
  });

  beforeEach(async () => {
    page = await browser.newPage({ viewport: { width: 1000, height: 640 }, locale: 'en-US' });
    page.on('pageerror', (error) => {
      throw error;
    });
    await page.goto(`${nodeRed.url}/nvr/view/wall/`);
    await page.waitForFunction(
      () => (document.querySelector('nvr-video') as unknown as Tile | null)?.dataset.state === 'playing',
      undefined,
      { timeout: 20_000 },
    );
  });

  afterEach(() => page.context().close());

  const bar = (index: number): ReturnType<Page['locator']> => page.locator('nvr-timeline .bar').nth(index);
  const seen = (): Promise<{ state: string | undefined; wall: number; at: number; words: string }> =>
    page.evaluate(() => {
      const tile = document.querySelector('nvr-video') as unknown as Replaying;
      return {
        state: tile.dataset.state,
        wall: tile.replay?.wallTime() ?? 0,
        at: tile.video.currentTime,
        words: tile.words.textContent,
      };
    });
  /** Until the first camera shows a picture of a recording. */
  async function replays(): Promise<void> {
    await page.waitForFunction(
      () => {
        const tile = document.querySelector('nvr-video') as unknown as Replaying;
        return tile.replay !== undefined && tile.dataset.state === 'playing' && tile.video.readyState >= 2;
      },
      undefined,
      { timeout: 10_000 },
    );
  }

  it('plays from where its time line is clicked, large, with the recorded time, and goes back to the live picture', async () => {
    const { width } = (await bar(0).boundingBox())!;
    const asked = Date.now() - 6 * 60 * MINUTE_MS * 0.25;
    await bar(0).click({ position: { x: width * 0.75, y: 4 } });
    await replays();
    const first = await seen();
    assert.ok(Math.abs(first.wall - asked) < MINUTE_MS, `asked ${asked}, shows ${first.wall}`);
    assert.equal(await page.locator('nvr-video.shown').getAttribute('channel'), '1');
    await page.waitForFunction(
      (before) =>
        (document.querySelector('nvr-video') as unknown as Replaying).replay!.wallTime() > before + 500,
      first.wall,
    );
    await page.screenshot({ path: path.join(SHOTS, 'view-time-line.png') });
    await page.getByRole('button', { name: 'Live' }).first().click();
    await page.waitForFunction(() => {
      const tile = document.querySelector('nvr-video') as unknown as Replaying;
      return tile.replay === undefined && tile.dataset.state === 'playing';
    });
  });

  it('stops, steps by pictures and jumps by ten seconds, by keys alone', async () => {
    await bar(0).focus();
    await page.keyboard.press('Home');
    await replays();
    await page.keyboard.press(' ');
    const stopped = await seen();
    await page.keyboard.press('.');
    const next = await seen();
    assert.ok(next.wall > stopped.wall && next.wall - stopped.wall < 500, `${stopped.wall} -> ${next.wall}`);
    await page.keyboard.press(',');
    assert.ok((await seen()).wall < next.wall);
    await page.keyboard.press('ArrowRight');
    await page.waitForFunction(
      (from) => {
        const tile = document.querySelector('nvr-video') as unknown as Replaying;
        return tile.dataset.state === 'playing' && Math.abs(tile.replay!.wallTime() - from - 10_000) < 1_500;
      },
      stopped.wall,
      { timeout: 10_000 },
    );
  });

  it('saves what is marked as an MP4 that begins with the picture that was marked', async () => {
    await bar(0).focus();
    await page.keyboard.press('Home');
    await replays();
    await page.evaluate(() => {
      const line = document.querySelector('nvr-timeline') as unknown as { in: number; out: number };
      line.in = Date.now() - 20 * 60_000;
      line.out = line.in + 5_000;
    });
    const download = page.waitForEvent('download', { timeout: 30_000 });
    await page.getByRole('button', { name: 'Save MP4' }).first().click();
    const file = path.join(SHOTS, 'saved.mp4');
    const saved = await download;
    assert.match(saved.suggestedFilename(), /^Gate \d{4}-\d\d-\d\d \d{6}\.mp4$/);
    await saved.saveAs(file);
    const told = execFileSync('ffprobe', [
      '-v',
      'error',
      '-show_entries',
      'format=duration',
      '-of',
      'csv=p=0',
      file,
    ]);
    assert.ok(Math.abs(Number(told) - 5) < 0.3, String(told));
  });

  it('says why there is no picture of a time that is not recorded', async () => {
    await page.evaluate(() => {
      (document.querySelector('nvr-video') as unknown as Replaying).replayFrom(Date.now() - 30 * 86_400_000);
    });
    await page.waitForFunction(
      () => (document.querySelector('nvr-video') as unknown as Tile).dataset.state === 'error',
      undefined,
      { timeout: 15_000 },
    );
    assert.match((await seen()).words, /ENORECORDING/);
  });

  it('shows an alarm’s clip on the time line, plays it from there, and serves it in ranges', async () => {
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    await fetch(`${nodeRed.url}/alarm`);
    const told = await until(async () => {
      const now = Date.now();
      const query = `channel=1&from=${now - 60_000}&to=${now}`;
      const answer = await fetch(`${nodeRed.url}/nvr/view/wall/recordings.json?${query}`);
      const { clips } = (await answer.json()) as { clips: Clip[] };
      return clips.find(({ unfinished }) => unfinished !== true);
    });
    assert.equal(told.alarms.length, 1);
    assert.ok(told.thumbnail);
    const file = `${nodeRed.url}/nvr/view/wall/clips/${told.id}.mp4`;
    const part = await fetch(file, { headers: { Range: 'bytes=4-7' } });
    assert.deepEqual([part.status, await part.text()], [206, 'ftyp']);
    assert.equal(part.headers.get('content-type'), 'video/mp4');
    const picture = await fetch(file.replace('.mp4', '.jpg'));
    assert.deepEqual([picture.status, picture.headers.get('content-type')], [200, 'image/jpeg']);
    const middle = told.start + (told.end - told.start) / 2;
    await page.evaluate(
      async ([time]) => {
        const line = document.querySelector('nvr-timeline') as unknown as TimeLine;
        await line.read();
        line.play(time);
      },
      [middle] as const,
    );
    await replays();
    const shown = await seen();
    assert.ok(Math.abs(shown.wall - middle) < 1_500, `asked ${middle}, shows ${shown.wall}`);
    assert.ok(await page.evaluate(() => document.querySelector('video, nvr-video') !== null));
    assert.match(
      await page.evaluate(() => (document.querySelector('nvr-video') as unknown as Tile).video.src),
      /clips\/[0-9a-f]{32}\.mp4#t=/,
    );
    await page.screenshot({ path: path.join(SHOTS, 'view-time-line-clip.png') });
  });

  it('plays a segment while it is being written', async () => {
    const told = await until(async () => {
      const now = Date.now();
      const query = `channel=2&from=${now - 60_000}&to=${now}`;
      const answer = await fetch(`${nodeRed.url}/nvr/view/wall/recordings.json?${query}`);
      const { clips } = (await answer.json()) as { clips: Clip[] };
      return clips.find(({ unfinished, start }) => unfinished === true && now - start > 6_000);
    });
    await page.evaluate(
      async ([time]) => {
        const line = document.querySelectorAll('nvr-timeline')[1] as unknown as TimeLine;
        await line.read();
        line.play(time);
      },
      [told.start + 1_000] as const,
    );
    await page.waitForFunction(
      () => {
        const tile = document.querySelectorAll('nvr-video')[1] as unknown as Replaying;
        return tile.replay !== undefined && tile.dataset.state === 'playing' && tile.video.currentTime > 1.5;
      },
      undefined,
      { timeout: 15_000 },
    );
  });
});

async function until<T>(found: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const value = await found();
    if (value !== undefined) return value;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
