// Kills recordings at random moments and looks at what is left.

import assert from 'node:assert/strict';
import { type ChildProcess, fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

import { judgeClip } from '../../kit/clip-judge.js';
import { frameHashes } from '../../kit/tools.js';
import { RecorderRig } from '../../kit/recorder-rig.js';

const CLIP = path.join(__dirname, '../../../lib/simulator/clips/ch1-main.h264');

/** What a killed recording left, and what the next start made of it. */
interface Left {
  /** Files that were unfinished when it was killed. */
  parts: number;
  /** Files that were finished, and that nobody had been told of. */
  untold: number;
  /** Pictures in the files of all kinds. */
  frames: number;
}

/** One recording, killed when about so many pictures of it are on the disk, however fast that is. */
export function killOnce(pictures: number): Promise<Left> {
  const asked = (pictures * fs.statSync(CLIP).size) / sourceHashes().length;
  return killed([], async (child, folder) => {
    await new Promise<void>((resolve) => {
      child.on('message', () => {
        const files = fs.readdirSync(folder).filter((name) => !name.startsWith('.'));
        if (files.length > 0 && bytesOf(folder, files) >= asked) resolve();
      });
    });
    await wait(Math.random() * 30);
    child.kill('SIGKILL');
  });
}

function bytesOf(folder: string, files: readonly string[]): number {
  // A part is renamed between the two calls.
  const sizes = files.map((name) => fs.statSync(path.join(folder, name), { throwIfNoEntry: false })?.size);
  return sizes.reduce((sum: number, size) => sum + (size ?? 0), 0);
}

/** One recording, killed when its first file has been renamed and nothing has been said of it. */
export function killAtRename(): Promise<Left> {
  return killed(['kill-at-rename'], () => Promise.resolve());
}

async function killed(
  args: string[],
  kill: (child: ChildProcess, folder: string) => Promise<void>,
): Promise<Left> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-killed-'));
  try {
    const child = fork(path.join(__dirname, 'record-child.ts'), [folder, ...args], {
      execArgv: ['--require', 'tsx/cjs'],
    });
    const told = new Set<string>();
    child.on('message', (message: { finished?: string }) => {
      if (message.finished !== undefined) told.add(path.basename(message.finished));
    });
    // What it said before it was killed has come once the channel is closed.
    const gone = Promise.all([once(child, 'exit'), once(child, 'disconnect')]);
    await kill(child, folder);
    await gone;
    assert.equal(child.signalCode, 'SIGKILL');
    return await lookAt(folder, told);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

/** `told` are the names of the files that were reported before the kill. */
async function lookAt(folder: string, told: ReadonlySet<string>): Promise<Left> {
  const named = (): string[] => fs.readdirSync(folder).filter((name) => !name.startsWith('.'));
  const before = named();
  const parts = before.filter((name) => name.endsWith('.part'));
  const whole = before.filter((name) => !name.endsWith('.part'));
  const left = new Map(before.map((name) => [name.replace('.part', ''), decodable(path.join(folder, name))]));
  const playable = parts.map((name) => name.replace('.part', '')).filter((name) => left.get(name)! > 0);
  const untold = whole.filter((name) => !told.has(name));
  const rig = new RecorderRig({ folder, id: 'killed', mode: 'alarm' });
  rig.recorder.arm();
  await rig.ready();
  const found = rig.events.flatMap((event) => (event.type === 'finished' ? [event.info] : []));
  for (const info of found) {
    assert.equal(info.recovered, true);
    const hashes = judgeClip(info.file);
    assert.equal(hashes.length, info.frames);
    assert.deepEqual(hashes, expected(info.start, hashes.length));
    assert.equal(
      hashes.length,
      left.get(path.basename(info.file)),
      'the file played up to its last fragment',
    );
    assert.ok(Math.abs(info.durationMs - hashes.length * 80) <= 80, `${info.durationMs} ms`);
  }
  const reported = found.map((info) => path.basename(info.file));
  // A report that came just before the kill may not be in the journal yet: its file is reported once more.
  const again = new Set(whole.filter((name) => told.has(name)));
  assert.deepEqual(
    reported.filter((name) => !again.has(name)).sort(),
    [...playable, ...untold].sort(),
    'each part with a fragment, and each file that nobody was told of, is reported',
  );
  assert.equal(new Set(reported).size, reported.length, 'each is reported once');
  assert.deepEqual(named().sort(), [...whole, ...playable].sort(), 'no part is left, and no file is gone');
  await rig.close();
  return {
    parts: parts.length,
    untold: untold.length,
    frames: [...left.values()].reduce((sum, frames) => sum + frames, 0),
  };
}

/** Frames that ffmpeg decodes of what may be cut short: the torn end is not counted. */
function decodable(part: string): number {
  const end = wholeEnd(fs.readFileSync(part));
  if (end === 0) return 0;
  const cut = `${part}.cut`;
  fs.copyFileSync(part, cut);
  fs.truncateSync(cut, end);
  const args = ['-v', 'error', '-f', 'mp4', '-i', cut, '-map', '0:v:0', '-f', 'framemd5', '-'];
  const done = spawnSync('ffmpeg', args, { maxBuffer: 64 << 20 });
  fs.unlinkSync(cut);
  assert.equal(done.stderr.toString(), '');
  // The part as it stands plays as far, whatever ffmpeg says of its torn end.
  const torn = spawnSync(
    'ffmpeg',
    args.map((arg) => (arg === cut ? part : arg)),
    { maxBuffer: 64 << 20 },
  );
  const count = (text: string): number => text.split('\n').filter((line) => /^\d/.test(line)).length;
  const frames = count(done.stdout.toString());
  assert.ok(count(torn.stdout.toString()) >= frames);
  return frames;
}

/** Where the last whole mdat ends, by a reading of boxes of the test's own. */
function wholeEnd(data: Buffer): number {
  let end = 0;
  for (let at = 0; at + 8 <= data.length;) {
    const next = at + data.readUInt32BE(at);
    if (next > data.length || next === at) break;
    if (data.toString('latin1', at + 4, at + 8) === 'mdat') end = next;
    at = next;
  }
  return end;
}

let hashes: string[] | undefined;

function sourceHashes(): string[] {
  hashes ??= frameHashes(CLIP);
  return hashes;
}

/** The clip's frames from an epoch time of the child's on. */
export function expected(start: number, count: number): string[] {
  const first = Math.round((start - 1_760_000_000_000) / 80);
  const all = sourceHashes();
  return Array.from({ length: count }, (_, index) => all[(first + index) % all.length]!);
}
