// npm run bench:view [-- one wall join seek cost]: the live view's figures against their targets, in one run
// with the reader alone. Real headless Chromium; what is shown is read from the pictures themselves.

import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import { launchBrowser } from '../kit/node-red.js';
import { COUNTER_BITS, COUNTER_BLOCKS, counterStream } from '../kit/counter-clip.js';
import { counterProbe, type ProbeWindow, type ShownPicture } from '../kit/counter-probe.js';
import { seeks } from './view-seek.js';
import { build, folder, median, startGenerator } from './common.js';
import type { Ask, SentPicture, Usage } from './view-server.js';

const RATE = 25;
const GOP = 250;
const TILES = 16;
/** Tiles whose pictures are read. */
const FOLLOWED = 4;
const SECONDS = 20;
const JOINS = 30;
const SEEKS = 30;
const CAMERAS = 4;
const VIEWERS = 16;
const ROUNDS = 5;
const ROUND_MS = 4_000;
/** Before it is measured. */
const SETTLE_MS = 8_000;
const JOIN_MS = 4_000;
/** The clip's length: its numbers come again. */
const TURN_MS = (GOP / RATE) * 1000;

class Server {
  private constructor(
    readonly url: string,
    readonly child: ChildProcess,
  ) {}

  static async start(port: number): Promise<Server> {
    const child = fork(path.join(__dirname, 'view-server.ts'), [String(port), String(TILES)], {
      execArgv: ['--expose-gc', '--require', 'tsx/cjs'],
    });
    const [{ port: own }] = (await once(child, 'message')) as [{ port: number }];
    return new Server(`http://127.0.0.1:${own}`, child);
  }

  async ask<T>(ask: Ask): Promise<T> {
    const answer = once(this.child, 'message');
    this.child.send(ask);
    return ((await answer) as [{ answer: T }])[0].answer;
  }
}

interface Screen {
  readonly p50: number;
  readonly p95: number;
  /** Pictures shown for each one sent. */
  readonly shown: number;
  readonly disorder: number;
  readonly unreadable: number;
}

const at = (values: readonly number[], part: number): number =>
  [...values].sort((a, b) => a - b)[Math.ceil((values.length - 1) * part)] ?? Number.NaN;

/** Takes from a page what a page over plain http does not have, so that it plays through a buffer. */
const PLAIN_HTTP = 'delete globalThis.VideoDecoder';

/** `every`: how many of the pictures are read: the others only count, for each costs the browser a copy. */
async function openPage(browser: Browser, every: number, prepare = ''): Promise<Page> {
  const page = await browser.newPage({ viewport: { width: 1280, height: 720 } });
  // What the compiler leaves in functions, which the page does not know.
  await page.addInitScript('globalThis.__name = (value) => value');
  await page.addInitScript(prepare);
  await page.addInitScript(counterProbe, {
    blocks: COUNTER_BLOCKS,
    bits: COUNTER_BITS,
    every,
    tiles: FOLLOWED,
  });
  return page;
}

/** What the page's clock is ahead of the server's, by the quickest of some questions. */
function clockOffset(page: Page): Promise<number> {
  return page.evaluate(async () => {
    let [best, offset] = [Infinity, 0];
    for (let i = 0; i < 20; i++) {
      const before = performance.now();
      const there = Number(await (await fetch('/now')).text());
      const after = performance.now();
      if (after - before < best)
        [best, offset] = [after - before, performance.timeOrigin + (before + after) / 2 - there];
    }
    return offset;
  });
}

const probed = (page: Page): Promise<Record<string, ShownPicture[]>> =>
  page.evaluate(() => (window as unknown as ProbeWindow).counterProbe);

/**
 * For each shown picture that was read, the latest that was sent with its number before: its place among
 * those sent, and how long it took.
 */
function match(
  shown: readonly ShownPicture[],
  sent: readonly SentPicture[],
  offset: number,
): { index: number; ms: number; presented: number }[] {
  return shown.flatMap(({ number, at: shownAt, presented }) => {
    if (typeof number !== 'number') return [];
    const time = shownAt - offset;
    const index = sent.findLastIndex((one) => one.number === number && one.at <= time);
    const ms = time - (sent[index]?.at ?? -Infinity);
    return ms < TURN_MS / 2 ? [{ index, ms, presented }] : [];
  });
}

/** Watches for some seconds, once all is under way. */
async function watch(server: Server, page: Page, stream: 'main' | 'dual'): Promise<Screen> {
  const offset = await clockOffset(page);
  const all = await probed(page);
  const begin = Object.fromEntries(Object.entries(all).map(([key, list]) => [key, list.length]));
  await wait(SECONDS * 1000);
  const shown = await probed(page);
  const sent = await server.ask<Record<string, SentPicture[]>>({ word: 'sent' });
  const latencies: number[] = [];
  let [expected, came, disorder, unreadable] = [0, 0, 0, 0];
  for (const channel of Object.keys(shown)) {
    const list = shown[channel]!.slice(begin[channel] ?? 0);
    const matched = match(list, sent[`${stream}/${channel}`] ?? [], offset);
    // The browser counts what it shows; a busy page is not told of each.
    const [first, last] = [matched[0], matched.at(-1)];
    if (first === undefined || last === undefined) throw new Error(`camera ${channel} shows nothing`);
    expected += last.index - first.index;
    came += last.presented - first.presented;
    latencies.push(...matched.map(({ ms }) => ms));
    unreadable += list.filter(({ number }) => number === null).length;
    disorder += matched.filter(({ index }, i) => i > 0 && index <= matched[i - 1]!.index).length;
  }
  return {
    p50: at(latencies, 0.5),
    p95: at(latencies, 0.95),
    shown: Math.min(1, came / expected),
    disorder,
    unreadable,
  };
}

/** Puts a camera of the site into the empty page; answers when, in epoch ms of the page. */
function join(page: Page): Promise<number> {
  return page.evaluate(() => {
    const tile = document.createElement('nvr-video');
    for (const [name, value] of Object.entries({ src: '/view/', channel: '1', stream: 'main' }))
      tile.setAttribute(name, value);
    document.body.replaceChildren(tile);
    return performance.timeOrigin + performance.now();
  });
}

async function oneTile(server: Server, browser: Browser): Promise<Screen> {
  const page = await openPage(browser, 5);
  await server.ask({ word: 'read', stream: 'main', cameras: 1 });
  await page.goto(`${server.url}/empty`);
  await join(page);
  await wait(SETTLE_MS);
  const screen = await watch(server, page, 'main');
  await page.close();
  return screen;
}

async function wall(server: Server, browser: Browser): Promise<Screen> {
  const page = await openPage(browser, 10);
  await server.ask({ word: 'read', stream: 'dual', cameras: TILES });
  await wait(2_000);
  await page.goto(`${server.url}/view/`);
  await wait(SETTLE_MS);
  const screen = await watch(server, page, 'dual');
  await page.close();
  return screen;
}

interface Joins {
  readonly first: number[];
  readonly moving: number[];
  readonly live: number[];
}

/**
 * From the element's place in a page to its first picture, to the second, and to the first that is no older
 * than a quarter of a second.
 */
async function joins(server: Server, browser: Browser, prepare = ''): Promise<Joins> {
  await server.ask({ word: 'read', stream: 'main', cameras: 1 });
  const page = await openPage(browser, 1, prepare);
  await page.goto(`${server.url}/empty`);
  const offset = await clockOffset(page);
  await wait(TURN_MS + 1_000);
  const first: number[] = [];
  const moving: number[] = [];
  const live: number[] = [];
  for (let i = 0; i < JOINS; i++) {
    const before = (await probed(page))['1']?.length ?? 0;
    const joined = await join(page);
    await wait(JOIN_MS);
    const shown = ((await probed(page))['1'] ?? []).slice(before);
    const sent = (await server.ask<Record<string, SentPicture[]>>({ word: 'sent' }))['main/1']!;
    first.push(shown[0] === undefined ? Infinity : shown[0].at - joined);
    moving.push(shown[1] === undefined ? Infinity : shown[1].at - joined);
    const recent = shown.find((one) => match([one], sent, offset).some(({ ms }) => ms < 250));
    live.push(recent === undefined ? Infinity : recent.at - joined);
    await page.evaluate(() => {
      document.body.replaceChildren();
    });
  }
  await page.close();
  return { first, moving, live };
}

interface Cost {
  readonly readMs: number;
  readonly furtherMs: number;
  readonly rssMb: number;
}

/** What reading the cameras costs, then with pages on top; in turns, since the machine is shared. */
async function cost(server: Server): Promise<Cost> {
  await server.ask({ word: 'read', stream: 'main', cameras: CAMERAS });
  await wait(12_000);
  const spent = async (): Promise<number> => {
    const before = await server.ask<Usage>({ word: 'usage' });
    await wait(ROUND_MS);
    return ((await server.ask<Usage>({ word: 'usage' })).cpuMs - before.cpuMs) / CAMERAS;
  };
  const readers = async (pages: number): Promise<ChildProcess> => {
    const child = fork(
      path.join(__dirname, 'view-readers.ts'),
      [`${server.url}/view/`, String(pages), String(CAMERAS)],
      { execArgv: ['--require', 'tsx/cjs'] },
    );
    await wait(4_000);
    return child;
  };
  const [reading, one, many, grown]: number[][] = [[], [], [], []];
  for (let round = 0; round < ROUNDS; round++) {
    const alone = await server.ask<Usage>({ word: 'usage' });
    reading!.push(await spent());
    const single = await readers(1);
    one!.push(await spent());
    single.kill();
    const crowd = await readers(VIEWERS);
    many!.push(await spent());
    grown!.push((await server.ask<Usage>({ word: 'usage' })).rssMb - alone.rssMb);
    crowd.kill();
    await wait(1_000);
  }
  // Of what the process took, the first round has it all.
  return {
    readMs: median(reading!),
    furtherMs: (median(many!) - median(one!)) / (VIEWERS - 1),
    rssMb: Math.max(...grown!),
  };
}

/** As a browser gets them. */
async function compressedKb({ url }: Server): Promise<number> {
  const bytes = ['nvr-video.js', 'page.js', 'timeline.js'].map(
    (name) =>
      new Promise<number>((resolve, reject) => {
        const headers = { 'Accept-Encoding': 'gzip' };
        http
          .get(`${url}/view/${name}`, { headers }, (answer) => {
            answer.resume();
            resolve(Number(answer.headers['content-length']));
          })
          .on('error', reject);
      }),
  );
  return (await Promise.all(bytes)).reduce((sum, size) => sum + size, 0) / 1024;
}

const parts = process.argv.slice(2);
const isAsked = (part: string): boolean => parts.length === 0 || parts.includes(part);

async function main(): Promise<void> {
  build();
  const clips = [
    counterStream({ width: 1920, height: 1080, rate: RATE, seconds: GOP / RATE, gop: GOP, megabits: 4 }),
    counterStream({ width: 640, height: 360, rate: RATE, seconds: GOP / RATE, gop: GOP, megabits: 0.7 }),
  ].map((clip, index) => {
    const file = path.join(folder, `${index}.h264`);
    fs.writeFileSync(file, clip);
    return file;
  });
  const generator = await startGenerator(8, clips);
  const server = await Server.start(generator.port);
  const browser = await launchBrowser();
  try {
    const ms = (value: number): string => `${value.toFixed(0)} ms`;
    const percent = (value: number): string => `${(value * 100).toFixed(1)} %`;
    const row = (what: string, measured: string, target: string): void => {
      console.log(`| ${what} | ${measured} | ${target} |`);
    };
    const screen = (what: string, { p50, p95, shown, disorder, unreadable }: Screen): void => {
      row(`unit to screen, ${what}: p50 / p95`, `${ms(p50)} / ${ms(p95)}`, 'p95 <= 120 ms');
      row(`pictures shown of those sent in ${SECONDS} s, ${what}`, percent(shown), '>= 99 %');
      if (disorder + unreadable > 0)
        row(`out of order, unreadable, ${what}`, `${disorder}, ${unreadable}`, '0');
    };
    const [cores, load] = [os.cpus().length, os.loadavg()[0]!.toFixed(1)];
    console.log(`Node.js ${process.version}, Chromium ${browser.version()}, ${cores} cores, load ${load}.\n`);
    console.log('| what | measured | target |\n| --- | --- | --- |');
    if (isAsked('one')) screen('1080p25 at 4 Mbit/s', await oneTile(server, browser));
    if (isAsked('wall')) screen(`${TILES} tiles of 640x360, 25 a second`, await wall(server, browser));
    if (isAsked('join')) {
      const both = (values: number[]): string => `${ms(at(values, 0.5))} / ${ms(at(values, 0.95))}`;
      for (const [where, prepare] of Object.entries({ '': '', ', over plain http': PLAIN_HTTP })) {
        const { first, moving, live } = await joins(server, browser, prepare);
        row(
          `first picture, joining in the midst of a 10 s GOP of 1080p${where}: p50 / p95 of ${JOINS}`,
          both(first),
          'p95 <= 400 ms',
        );
        row(`the same, until it moves${where}`, both(moving), 'p95 <= 500 ms');
        row(`the same, until what moves is no older than 250 ms${where}`, both(live), '');
      }
    }
    if (isAsked('seek')) {
      const found = await seeks(browser, SEEKS);
      const both = `${ms(at(found, 0.5))} / ${ms(at(found, 0.95))}`;
      row(`from a click on the time line to the picture: p50 / p95 of ${SEEKS}`, both, 'p95 <= 1 s');
    }
    if (isAsked('cost')) {
      const { furtherMs, readMs, rssMb } = await cost(server);
      const share = `${(furtherMs / readMs).toFixed(2)} (${((furtherMs / ROUND_MS) * 100).toFixed(2)} % of a core)`;
      row('a further viewer of a camera, against reading it', share, '<= 0.15');
      row(`memory (RSS) for ${VIEWERS} viewers of ${CAMERAS} cameras`, `${rssMb.toFixed(0)} MB`, '<= 40 MB');
      row('JavaScript, compressed', `${(await compressedKb(server)).toFixed(1)} KB`, '<= 20 KB');
    }
    console.log(`\nLoad of the machine at the end: ${os.loadavg()[0]!.toFixed(1)}.`);
  } finally {
    await browser.close();
    server.child.disconnect();
    generator.child.disconnect();
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

void main();
