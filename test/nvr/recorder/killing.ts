// Kills recordings at random moments and looks at what is left.

import assert from 'node:assert/strict';
import { fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

import { judgeClip } from '../../kit/clip-judge.js';
import { frameHashes } from '../../kit/tools.js';
import { RecorderRig } from '../../kit/recorder-rig.js';

/**
 * One recording, killed somewhere behind its picture number `pictures`, however fast this machine is; answers
 * what was left and found.
 */
export async function killOnce(pictures: number): Promise<{ parts: number; frames: number }> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-killed-'));
  try {
    const child = fork(path.join(__dirname, 'record-child.ts'), [folder], {
      execArgv: ['--require', 'tsx/cjs'],
    });
    await new Promise<void>((resolve) => {
      let began = false;
      child.on('message', (message) => {
        began ||= message === 'recording';
        if (began && typeof message === 'number' && message >= pictures) resolve();
      });
    });
    await wait(Math.random() * 30);
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
    return await lookAt(folder);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

async function lookAt(folder: string): Promise<{ parts: number; frames: number }> {
  const named = (): string[] => fs.readdirSync(folder).filter((name) => !name.startsWith('.'));
  const left = new Map<string, number>();
  for (const name of named().filter((file) => file.endsWith('.part'))) {
    left.set(name.replace('.part', ''), decodable(path.join(folder, name)));
  }
  const whole = named().length - left.size;
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
      'the part played up to its last fragment',
    );
    assert.ok(Math.abs(info.durationMs - hashes.length * 80) <= 80, `${info.durationMs} ms`);
  }
  const playable = [...left.values()].filter((frames) => frames > 0).length;
  assert.equal(found.length, playable, 'each part with a fragment is finished');
  assert.deepEqual(
    named().filter((name) => name.endsWith('.part')),
    [],
  );
  assert.equal(named().length, whole + playable);
  await rig.close();
  return { parts: left.size, frames: found.reduce((sum, { frames }) => sum + frames, 0) };
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
  hashes ??= frameHashes(path.join(__dirname, '../../../lib/simulator/clips/ch1-main.h264'));
  return hashes;
}

/** The clip's frames from an epoch time of the child's on. */
export function expected(start: number, count: number): string[] {
  const first = Math.round((start - 1_760_000_000_000) / 80);
  const all = sourceHashes();
  return Array.from({ length: count }, (_, index) => all[(first + index) % all.length]!);
}
