// Recordings on a view's page, in a real browser.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import type { EvidenceResult } from '../../lib/nvr/evidence/evidence.js';
import type { ExportedClip } from '../../lib/nvr/export/types.js';
import { recordingClip } from '../../lib/simulator/clips.js';
import { judgeClip } from '../kit/clip-judge.js';
import { manifestOf } from '../kit/evidence-rig.js';
import { frameHashes, needs } from '../kit/tools.js';
import { itLong } from '../kit/cases.js';
import { firstOnScreen } from './first-on-screen.js';
import { launchBrowser, type RunningNodeRed } from '../kit/node-red.js';
import { startRecordings } from '../kit/recordings-rig.js';
import { SLOWLY, until } from '../kit/until.js';
import type { Tile } from '../kit/view-rig.js';

const SHOTS = process.env.NVR_SCREENSHOTS ?? path.join(os.tmpdir(), 'nvr-screenshots');
const MINUTE_MS = 60_000;

/** What is read of a tile that replays. */
interface Replaying extends Tile {
  replay?: { readonly place: number; wallTime(): number; paused: boolean; speed: number };
  replayFrom(time: number): void;
}

interface TimeLine {
  read(): Promise<void>;
  play(time: number): void;
  jump(seconds: number): void;
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
  let nodeRed: RunningNodeRed;
  let browser: Browser;
  let page: Page;
  const ends: (() => Promise<unknown>)[] = [];

  before(async function () {
    needs(this, 'chromium', 'ffprobe');
    fs.mkdirSync(SHOTS, { recursive: true });
    nodeRed = await startRecordings(ends);
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

  const recorded = async (channel: number): Promise<Clip[]> => {
    const query = `channel=${channel}&from=${Date.now() - MINUTE_MS}&to=${Date.now()}`;
    const answer = await fetch(`${nodeRed.url}/nvr/view/wall/recordings.json?${query}`);
    return ((await answer.json()) as { clips: Clip[] }).clips;
  };

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

  itLong('saves what is marked as an MP4 that begins with the picture that was marked', async () => {
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

  it('shows the keyframe at once where the NVR takes its time to what was asked for, and that when it is there', async () => {
    await page.goto(`${nodeRed.url}/nvr/view/slow/`);
    await page.locator('nvr-video[data-state="playing"]').waitFor();
    const second = Math.floor(Date.now() / 1000) * 1000 - 20 * MINUTE_MS;
    const shown = await page.evaluate(async (asked) => {
      const tile = document.querySelector('nvr-video') as unknown as Replaying;
      tile.replayFrom(asked);
      tile.replay!.paused = true;
      const times: number[] = [];
      while (times.length < 2) {
        await new Promise(requestAnimationFrame);
        const now = tile.replay!.wallTime();
        if (tile.dataset.state === 'playing' && times.at(-1) !== now) times.push(now);
      }
      return times;
    }, second + 900);
    assert.deepEqual(
      shown.map((time) => Math.round(time) - second),
      [0, 900],
    );
  });

  it('gives a still of a past moment, and says why there is none', async () => {
    const still = (at: string): Promise<Response> => fetch(`${nodeRed.url}/nvr/view/wall/1.jpg?at=${at}`);
    const at = Date.now() - 10 * MINUTE_MS;
    const answer = await still(new Date(at).toISOString());
    assert.deepEqual(
      { status: answer.status, contentType: answer.headers.get('content-type') },
      { status: 200, contentType: 'image/jpeg' },
    );
    const shown = Date.parse(answer.headers.get('x-picture-time')!);
    assert.ok(shown <= at && at - shown <= 1_000, `${shown - at} ms`);
    for (const [asked, status, code] of [
      ['noon', 400, 'EINPUT'],
      [String(Date.now() + MINUTE_MS), 400, 'EINPUT'],
      ['-30d', 503, 'ENORECORDING'],
    ] as const) {
      const refused = await still(asked);
      assert.deepEqual(
        { status: refused.status, code: ((await refused.json()) as { code: string }).code },
        { status, code },
      );
    }
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
    const told = await until(
      async () => (await recorded(1)).find(({ unfinished }) => unfinished !== true),
      SLOWLY,
    );
    assert.equal(told.alarms.length, 1);
    assert.ok(told.thumbnail);
    const file = `${nodeRed.url}/nvr/view/wall/clips/${told.id}.mp4`;
    const part = await fetch(file, { headers: { Range: 'bytes=4-7' } });
    assert.deepEqual({ status: part.status, text: await part.text() }, { status: 206, text: 'ftyp' });
    assert.equal(part.headers.get('content-type'), 'video/mp4');
    const picture = await fetch(file.replace('.mp4', '.jpg'));
    assert.deepEqual(
      { status: picture.status, contentType: picture.headers.get('content-type') },
      { status: 200, contentType: 'image/jpeg' },
    );
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
    const told = await until(
      async () =>
        (await recorded(2)).find(
          ({ unfinished, start }) => unfinished === true && Date.now() - start > 6_000,
        ),
      SLOWLY,
    );
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

  itLong(
    'make two MP4s of one inject, which Chromium plays, frame for frame what the NVR has, "from" on screen first',
    async () => {
      const asked = Date.now() - 10 * MINUTE_MS;
      await fetch(`${nodeRed.url}/inject/inject1`, { method: 'POST' });
      const files = await until(async () => {
        const answer = await fetch(`${nodeRed.url}/context/global/played`);
        const { msg } = (await answer.json()) as { msg: string };
        const clips = msg === '(undefined)' ? [] : (JSON.parse(msg) as ExportedClip[]);
        return clips.length === 2 ? clips : undefined;
      }, SLOWLY);
      const clip = recordingClip();
      const source = path.join(__dirname, '..', '..', 'lib', 'simulator', 'clips', 'recording.h264');
      const whole = frameHashes(source, '-f', 'h264');
      for (const { file, recordedFrom, recordedTo } of files) {
        assert.ok(Math.abs(recordedFrom - asked) < 5_000 && recordedTo - recordedFrom >= 120_000 - 2);
        // The picture that is on screen at `from` began at or before it.
        const first = Math.floor((recordedFrom * clip.rate) / 1000 + 1e-6);
        const shown = judgeClip(file);
        assert.ok(shown.length >= 1200, `${shown.length} pictures`);
        assert.deepEqual(
          shown,
          shown.map((_, index) => whole[(first + index) % whole.length]),
        );
        const near = Array.from({ length: 9 }, (_, index) => (first + index - 4) % whole.length);
        assert.equal(await firstOnScreen(browser, file, source, near), 4);
      }
    },
  );

  it('jump and mark from what was asked for, also while that is still loading', async () => {
    const [clip] = (await recorded(1)).filter(({ alarms }) => alarms.length > 0);
    await page.locator('nvr-video').first().click();
    const read = page.waitForResponse(/recordings\.json/);
    await page.locator('nvr-timeline .hours').first().selectOption('1');
    await read;
    await page.waitForSelector('nvr-timeline .alarm');
    let load = (): void => undefined;
    const loading = new Promise<void>((resolve) => (load = resolve));
    await page.route('**/clips/*.mp4', async (route) => {
      await loading;
      await route.continue();
    });
    const asked = clip!.start + 1500;
    const places = await page.evaluate((time) => {
      const tile = document.querySelector('nvr-video') as unknown as Replaying;
      const line = document.querySelector('nvr-timeline') as unknown as TimeLine;
      line.play(time);
      const inClip = tile.replay!.place;
      line.jump(-10);
      const before = tile.replay!.place;
      line.jump(-10);
      return [inClip, before, tile.replay!.place];
    }, asked);
    load();
    assert.deepEqual(places, [asked, asked - 10_000, asked - 20_000]);
    await replays();
  });

  it('tell the story of an alarm: found on the time line, watched, half a minute of it saved, exported and proved whole, a flipped bit named to its second', async () => {
    const [alarmed] = (await recorded(1)).filter(({ alarms }) => alarms.length > 0);
    const [alarm] = alarmed!.alarms;
    // Half a minute around it is in the past.
    await until(() => Promise.resolve(Date.now() > alarm! + 13_000 || undefined), SLOWLY);
    await page.locator('nvr-video').first().click();
    const read = page.waitForResponse(/recordings\.json/);
    await page.locator('nvr-timeline .hours').first().selectOption('1');
    await read;
    const mark = page.locator('nvr-timeline').first().locator('.alarm').first();
    // As one hits it.
    await mark.hover({ position: { x: 1, y: 10 }, force: true });
    const { x, y } = (await mark.boundingBox())!;
    await page.mouse.click(x - 3, y + 10);
    await replays();
    const watched = await seen();
    assert.ok(
      watched.wall >= alarmed!.start - 1 && watched.wall <= alarm! + 1_000,
      `${watched.wall} ${alarm}`,
    );

    const press = (name: string): Promise<void> =>
      page.getByRole('button', { name, exact: true }).first().click();
    await press('Play or pause');
    for (const name of ['10 seconds back', '10 seconds back', 'Mark in']) await press(name);
    for (const name of ['10 seconds on', '10 seconds on', '10 seconds on', 'Mark out']) await press(name);
    const download = page.waitForEvent('download');
    await press('Save MP4');
    const saved = path.join(SHOTS, 'story.mp4');
    await (await download).saveAs(saved);
    // What is marked are pictures' times.
    const { length } = judgeClip(saved);
    assert.ok(Math.abs(length - 300) <= 3, `${length} pictures`);

    const asked = new URLSearchParams({ from: String(alarmed!.start), to: String(alarmed!.end) });
    const answer = await fetch(`${nodeRed.url}/export?${asked}`);
    const result = (await answer.json()) as EvidenceResult;
    const verdict = async (): Promise<{ result: string | undefined; findings: string }> => {
      await page.goto(pathToFileURL(path.join(result.folder, 'verify.html')).href);
      await page.setInputFiles('#folder', result.folder);
      await page.locator('body[data-result]:not([data-result="working"])').waitFor();
      return page.evaluate(() => ({
        result: document.body.dataset.result,
        findings: document.querySelector('#findings')?.textContent ?? '',
      }));
    };
    assert.equal((await verdict()).result, 'whole');
    const [file] = manifestOf(result).files;
    const span = file!.spans.findLast(({ at }) => at !== undefined)!;
    flipBit(path.join(result.folder, file!.name), span.offset + 10);
    const changed = await verdict();
    assert.equal(changed.result, 'changed');
    const { timeZone } = manifestOf(result);
    const options = { timeZone, dateStyle: 'short', timeStyle: 'medium' } as const;
    const second = new Intl.DateTimeFormat('sv-SE', options).format(file!.start + span.at!);
    assert.ok(changed.findings.includes(`was changed at ${second}`), `${second}: ${changed.findings}`);
  });
});

function flipBit(file: string, at: number): void {
  const bytes = fs.readFileSync(file);
  bytes[at]! ^= 1;
  fs.writeFileSync(file, bytes);
}
