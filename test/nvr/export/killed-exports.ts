// Kills exports at random moments and looks at what is left.

import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { createHash, createPublicKey, verify } from 'node:crypto';
import { once } from 'node:events';
import nodeFs from 'node:fs';
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { VideoUnit } from '../../../lib/codec/unit.js';
import { UNCOUNTED } from '../../../lib/media/unit-memory.js';
import { cleanUpExports } from '../../../lib/nvr/evidence/evidence.js';
import { canonical, type Manifest } from '../../../lib/nvr/evidence/manifest.js';
import { signingKey } from '../../../lib/nvr/evidence/signing-key.js';
import { Exports } from '../../../lib/nvr/export/exports.js';
import type { ExportedClip, ExportEnd, ExportRequest } from '../../../lib/nvr/export/types.js';
import { judgeClip } from '../../kit/clip-judge.js';
import { clipUnit } from '../../kit/clip-units.js';
import { expected } from '../recorder/killing.js';
import { systemTimers } from '../../kit/system-timers.js';

const EPOCH = 1_760_000_000_000;
const FRAME_MS = 80;
/** Forty seconds from the midst of a GOP on. */
export const RECORDED_SPAN = { epoch: EPOCH, from: EPOCH + 1_600, to: EPOCH + 41_600 } as const;
const GOP_MS = 2000;

export function requestOf(): ExportRequest {
  const { from, to } = RECORDED_SPAN;
  return { run: 'mine', channel: 1, channelName: '1', stream: 'main', from, to };
}

/** What the NVR has recorded, handed on by `deliver`. */
export function exportsOf(
  folder: string,
  plain: boolean,
  deliver: (units: Iterable<VideoUnit>) => AsyncIterable<VideoUnit>,
  told: (clip: ExportedClip) => void = () => undefined,
): Exports {
  return new Exports(
    { id: 'killed', nvr: 'Home', folder, fileName: 'span', plain, timeZone: '', reserveBytes: 0 },
    {
      fs,
      now: () => EPOCH + 3_600_000,
      monotonic: () => performance.now(),
      timers: systemTimers,
      fetchSpan: ({ from, to }) => deliver(recorded(from, to)),
      memory: () => UNCOUNTED,
    },
    {
      onRecovered: told,
      onWarning: (error) => {
        throw error;
      },
      isRunning: () => true,
    },
  );
}

function* recorded(from: number, to: number): Generator<VideoUnit, void> {
  const keyframe = Math.floor((from - EPOCH) / GOP_MS) * GOP_MS;
  for (let index = keyframe / FRAME_MS; EPOCH + index * FRAME_MS < to + GOP_MS; index++)
    yield clipUnit(index, EPOCH);
}

// eslint-disable-next-line @typescript-eslint/require-await -- what is read from a network is not there at once
async function* atOnce(units: Iterable<VideoUnit>): AsyncGenerator<VideoUnit, void> {
  yield* units;
}

/** Starts a child that exports, kills it so many ms later, and answers the folder. */
async function kill(kind: 'playback' | 'evidence', plain: boolean, afterMs: number): Promise<string> {
  const folder = nodeFs.mkdtempSync(path.join(os.tmpdir(), 'nvr-export-killed-'));
  const child = fork(path.join(__dirname, 'export-child.ts'), [folder, kind, plain ? 'plain' : ''], {
    execArgv: ['--require', 'tsx/cjs'],
  });
  const gone = once(child, 'exit');
  await Promise.race([once(child, 'message'), gone]);
  await wait(afterMs);
  child.kill('SIGKILL');
  await gone;
  return folder;
}

const named = (folder: string): string[] =>
  nodeFs.readdirSync(folder).filter((name) => !name.startsWith('.'));

/**
 * One export of what an NVR has recorded, killed and asked for again: every picture of its span is there,
 * once. Answers how many files that took.
 */
export async function killPlayback(plain: boolean, afterMs: number): Promise<number> {
  const folder = await kill('playback', plain, afterMs);
  try {
    for (const name of named(folder).filter((one) => !one.endsWith('.part')))
      judgeClip(path.join(folder, name));
    const files: ExportedClip[] = [];
    const exports = exportsOf(folder, plain, atOnce, (clip) => files.push(clip));
    await exports.recover();
    // One that the kill came too late for would be made anew.
    const isWhole = files.some(({ recordedTo }) => recordedTo === RECORDED_SPAN.to);
    if (!isWhole) {
      const end = await new Promise<ExportEnd>((resolve) => {
        exports.start(requestOf(), {
          onFile: (clip) => files.push(clip),
          onProgress: () => undefined,
          onEnd: resolve,
        });
      });
      assert.deepEqual({ reason: end.reason, missingMs: end.missingMs }, { reason: 'reached', missingMs: 0 });
    }
    await exports.close();
    const left = named(folder).filter((name) => name.endsWith('.mp4'));
    assert.deepEqual(named(folder).sort(), left.sort(), 'nothing is left half-written');
    const bytes = new Map(left.map((name) => [path.join(folder, name), judgeClip(path.join(folder, name))]));
    let reached: number = RECORDED_SPAN.from;
    // What had been told before the kill is in the folder alone.
    const clips = [...files].sort((a, b) => a.recordedFrom - b.recordedFrom);
    if (clips.length === left.length) {
      for (const clip of clips) {
        assert.equal(clip.recordedFrom, reached);
        const shown = bytes.get(clip.file)!;
        // Of fragments ffmpeg shows what is in front too. The kill may have come before they were made a
        // plain file, or behind that.
        const from = nodeFs.readFileSync(clip.file).includes('moof') ? clip.start : reached;
        assert.deepEqual(shown, expected(from, shown.length), clip.file);
        reached = clip.recordedTo;
      }
      assert.equal(reached, RECORDED_SPAN.to);
    }
    return left.length;
  } finally {
    nodeFs.rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Exports with their proof, one after the other, killed: each that has its name is whole, and nothing else is
 * left after the next start. Answers how many there are.
 */
export async function killEvidence(afterMs: number): Promise<number> {
  const folder = await kill('evidence', false, afterMs);
  try {
    const inner = path.join(folder, 'exports');
    const names = nodeFs.existsSync(inner) ? nodeFs.readdirSync(inner) : [];
    const whole = names.filter((name) => !name.endsWith('.part'));
    for (const name of whole) proves(path.join(inner, name));
    await cleanUpExports(fs, folder);
    if (names.length > 0) assert.deepEqual(nodeFs.readdirSync(inner).sort(), whole.sort());
    const key = path.join(folder, 'nvr-signing-key.pem');
    assert.ok((await signingKey(fs, key)).publicKey.length > 40, 'the key is whole, or made anew');
    return whole.length;
  } finally {
    nodeFs.rmSync(folder, { recursive: true, force: true });
  }
}

function proves(folder: string): void {
  const text = nodeFs.readFileSync(path.join(folder, 'manifest.json'), 'utf8');
  const { signature, ...manifest } = JSON.parse(text) as Manifest & { signature: string };
  const x = Buffer.from(manifest.publicKey, 'base64').toString('base64url');
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
  assert.ok(verify(null, Buffer.from(canonical(manifest)), key, Buffer.from(signature, 'base64')));
  for (const { name, sha256 } of manifest.files) {
    const bytes = nodeFs.readFileSync(path.join(folder, name));
    assert.equal(createHash('sha256').update(bytes).digest('hex'), sha256);
  }
  assert.ok(nodeFs.existsSync(path.join(folder, 'verify.html')));
}
