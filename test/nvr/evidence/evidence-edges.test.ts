import assert from 'node:assert/strict';
import fs from 'node:fs';
import fsPromises from 'node:fs/promises';
import path from 'node:path';
import {
  exportEvidence,
  type EvidenceContext,
  type EvidenceRequest,
} from '../../../lib/nvr/evidence/evidence.js';
import { signingKey } from '../../../lib/nvr/evidence/signing-key.js';
import { Journal } from '../../../lib/nvr/recorder/journal.js';
import { EPOCH, EvidenceRig, manifestOf } from '../../kit/evidence-rig.js';
import { systemError } from '../../kit/recorder-rig.js';

type Progress = Parameters<NonNullable<EvidenceRequest['onProgress']>>[0];

describe('an export of evidence at its edges', () => {
  let rig: EvidenceRig;

  beforeEach(() => {
    rig = new EvidenceRig();
  });

  afterEach(() => rig.close());

  /** What is told of it, on a clock that goes on by so many ms each time it is read. */
  async function progressOf(step: number): Promise<{ told: Progress[]; pieces: number }> {
    const told: Progress[] = [];
    let now = 0;
    const context: EvidenceContext = rig.context();
    const result = await exportEvidence(
      { ...context, deps: { ...context.deps, monotonic: () => (now += step) } },
      { from: EPOCH + 10_000, to: EPOCH + 22_000, onProgress: (progress) => told.push(progress) },
    );
    const pieces = manifestOf(result).files.reduce((sum, { spans }) => sum + spans.length, 0);
    return { told, pieces };
  }

  it('is told of again when a second has passed, and no sooner', async () => {
    await rig.record();
    // The clock is read twice for each piece.
    const { told, pieces } = await progressOf(500);
    assert.equal(told.length, pieces);
    assert.equal((await progressOf(499)).told.length, Math.ceil(pieces / 2));
  });

  it('is never done by more than 100 %, though a file at hand has bytes that nobody could count', async () => {
    rig.rig.recorder.arm();
    await rig.rig.ready();
    await rig.record(7, true);
    const { file } = await rig.rig.event('recording', 2);
    while (fs.statSync(`${file}.part`).size < 1000) await new Promise((resolve) => setImmediate(resolve));
    const { told } = await progressOf(500);
    assert.equal(Math.max(...told.map(({ percent }) => percent)), 100);
    assert.ok(told.at(-1)!.files === 1, 'the one at hand comes behind the finished one');
  });

  it('holds what is being fetched of its span, and nothing that began before it and has an end', async () => {
    const [first] = await rig.record();
    const journal = await Journal.load(fsPromises, rig.rig.folder, 'test');
    const picture = { reason: 'door', codec: 'h264', width: 640, height: 360 };
    for (const [file, start] of [
      ['before.mp4', EPOCH + 9_999],
      ['within.mp4', EPOCH + 10_000],
    ] as const) {
      fs.copyFileSync(first!.file, path.join(rig.rig.folder, `${file}.part`));
      await journal.opened({ file, start, ...picture, timeSource: 'sr' });
    }
    const { files } = manifestOf(await rig.export());
    const parts = files.filter(({ marks }) => marks.includes('part'));
    assert.deepEqual(
      parts.map(({ name, source }) => ({ name: name.slice(5), source })),
      [{ name: 'within.mp4', source: 'playback' }],
    );
  });

  it('is signed by a key on a disk that cannot be told to write it at once', async () => {
    const open = async (...given: Parameters<typeof fsPromises.open>) => {
      const handle = await fsPromises.open(...given);
      handle.sync = () => Promise.reject(systemError('EINVAL'));
      return handle;
    };
    assert.ok((await signingKey({ ...fsPromises, open }, rig.keyFile)).publicKey);
  });

  it('is signed by no key of more than 4 KiB, whatever else is in its file', async () => {
    await signingKey(fsPromises, rig.keyFile);
    const large = path.join(rig.userDir, 'large.pem');
    const pem = fs.readFileSync(rig.keyFile, 'utf8');
    fs.writeFileSync(large, pem.padEnd(4096, '\n'));
    assert.ok((await signingKey(fsPromises, large)).publicKey);
    const larger = path.join(rig.userDir, 'larger.pem');
    fs.writeFileSync(larger, pem.padEnd(4097, '\n'));
    await assert.rejects(signingKey(fsPromises, larger), { code: 'EINPUT' });
  });
});
