import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import fsPromises from 'node:fs/promises';
import path from 'node:path';
import { NvrError } from '../../../lib/errors.js';
import type { EvidenceResult } from '../../../lib/nvr/evidence/evidence.js';
import type { RecorderFs } from '../../../lib/nvr/recorder/types.js';
import { systemError } from '../../kit/recorder-rig.js';
import { EPOCH, EvidenceRig, manifestOf } from '../../kit/evidence-rig.js';

/** A disk that fills with the nth thing that is made or written on it, and stays full until `empty`. */
class FullDisk {
  private calls = 0;
  isFull = false;

  constructor(private readonly at: number) {}

  get changes(): Partial<RecorderFs> {
    return {
      mkdir: (...args: Parameters<RecorderFs['mkdir']>) => this.guard(() => fsPromises.mkdir(...args)),
      rename: (...args: Parameters<RecorderFs['rename']>) => this.guard(() => fsPromises.rename(...args)),
      open: async (...args: Parameters<RecorderFs['open']>) => {
        const flags = Number(args[1]);
        if ((flags & fs.constants.O_CREAT) === 0) return fsPromises.open(...args);
        const handle = await this.guard(() => fsPromises.open(...args));
        for (const name of ['write', 'writeFile', 'sync'] as const) {
          const own = handle[name].bind(handle) as (...of: unknown[]) => Promise<unknown>;
          handle[name] = ((...of: unknown[]) => this.guard(() => own(...of))) as never;
        }
        return handle;
      },
    } as Partial<RecorderFs>;
  }

  private async guard<T>(run: () => Promise<T>): Promise<T> {
    if (++this.calls >= this.at) this.isFull = true;
    if (this.isFull) throw systemError('ENOSPC');
    return run();
  }
}

function assertWhole(result: EvidenceResult, what: string): void {
  const { files } = manifestOf(result);
  assert.deepEqual(
    fs.readdirSync(result.folder).sort(),
    [...files.map(({ name }) => name), 'manifest.json', 'verify.html'],
    what,
  );
  for (const { name, sha256 } of files) {
    const bytes = fs.readFileSync(path.join(result.folder, name));
    assert.equal(createHash('sha256').update(bytes).digest('hex'), sha256, what);
  }
}

describe('an export of evidence of bad input', function () {
  this.timeout(30_000);
  let rig: EvidenceRig;

  beforeEach(() => {
    rig = new EvidenceRig();
  });

  afterEach(() => rig.close());

  it('onto a disk that fills at any moment is all there or not at all', async () => {
    await rig.record();
    await rig.export({ name: 'key' });
    let at = 1;
    for (let isThrough = false; !isThrough; at++) {
      const disk = new FullDisk(at);
      const before = rig.exports();
      const result = await rig.export({ name: 'door' }, disk.changes).catch((error: unknown) => {
        assert.ok(error instanceof NvrError && error.code === 'EDISK', String(error));
        assert.match(error.message, /full/);
        return undefined;
      });
      isThrough = result !== undefined;
      if (result === undefined) assert.deepEqual(rig.exports(), before, `step ${at}`);
      else assertWhole(result, `step ${at}`);
    }
    assert.ok(at > 15, `${at} steps`);
  });

  it('of clips that go away one after the other holds the others, and each that is gone is told', async () => {
    const clips = await rig.record();
    for (const [index, { file, start, end }] of clips.entries()) {
      fs.rmSync(file);
      if (index === clips.length - 1) break;
      const result = await rig.export();
      assert.deepEqual(
        { files: result.files, gone: result.gone },
        { files: clips.length - index - 1, gone: index + 1 },
      );
      assert.deepEqual(manifestOf(result).gone.at(-1), { start, end });
      assertWhole(result, file);
    }
    const before = rig.exports();
    await assert.rejects(rig.export(), { code: 'ENORECORDING', message: /deleted/ });
    assert.deepEqual(rig.exports(), before);
  });

  it('of a clip that is cut off while it is copied leaves nothing', async () => {
    const [first] = await rig.record();
    const open = (async (...args: Parameters<RecorderFs['open']>) => {
      const handle = await fsPromises.open(...args);
      if (String(args[0]) === fs.realpathSync(first!.file)) {
        const read = handle.read.bind(handle) as (...of: unknown[]) => Promise<unknown>;
        handle.read = ((...of: unknown[]) =>
          Number(of[2]) > 16 && Number(of[3]) > 5_000
            ? Promise.resolve({ bytesRead: 0 })
            : read(...of)) as never;
      }
      return handle;
    }) as RecorderFs['open'];
    await assert.rejects(rig.export({}, { open }), { code: 'EDISK' });
    assert.deepEqual(rig.exports(), []);
  });

  for (const [what, change] of [
    ['put back', Date.UTC(2025, 9, 26, 1)],
    ['put forward', Date.UTC(2025, 2, 30, 1)],
  ] as const)
    it(`over the hour at which the clocks are ${what} has every second of it once`, async () => {
      // Segments are recorded at the rig's time and told of the change.
      await rig.close();
      rig = new EvidenceRig({ timeZone: 'Europe/Berlin', fileName: '{HHmm}' });
      await rig.record();
      const journal = path.join(rig.rig.folder, '.nvr-record-test.jsonl');
      const shift = change - (EPOCH + 16_000);
      const text = fs
        .readFileSync(journal, 'utf8')
        .replace(
          /"(start|end)":(\d+)/g,
          (_, name: string, time: string) => `"${name}":${Number(time) + shift}`,
        );
      fs.writeFileSync(journal, text);
      rig.rig.clock.now += Math.max(0, shift);
      const span = { from: change - 6_000, to: change + 6_000 };
      const { files, missing, timeZone } = manifestOf(await rig.export({ ...span, name: 'night' }));
      assert.deepEqual({ missing, timeZone }, { missing: [], timeZone: 'Europe/Berlin' });
      assert.ok(files.length >= 3 && new Set(files.map(({ name }) => name)).size === files.length);
      for (const [index, { start }] of files.entries())
        if (index > 0) assert.equal(start, files[index - 1]!.end);
    });
});
