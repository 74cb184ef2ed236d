import assert from 'node:assert/strict';
import nodeFs from 'node:fs';
import fs from 'node:fs/promises';
import path from 'node:path';
import type { ExportedClip, ExportOptions } from '../../../lib/nvr/export/types.js';
import { openBelow } from '../../../lib/nvr/recorder/below.js';
import { readClip } from '../../../lib/nvr/recorder/read-clip.js';
import type { RecorderFs } from '../../../lib/nvr/recorder/types.js';
import { clipUnit } from '../../kit/clip-units.js';
import { ExportsRig, type Recorded } from '../../kit/exports-rig.js';
import { useFolder } from '../../kit/folder.js';
import { systemError } from '../../kit/recorder-rig.js';

/** 02:10 in Berlin, and at a GOP's beginning. */
const EPOCH = Date.UTC(2025, 5, 1, 0, 10);
const FRAME_MS = 80;
const GOP_MS = 2000;
/** From the midst of a GOP on. */
const SPAN = { from: EPOCH + 1_600, to: EPOCH + 13_600 };
const SPAN_PICTURES = 13_600 / FRAME_MS;

/** A minute from `epoch` on. */
const recordedFrom = (epoch: number): Recorded => ({
  epoch,
  gopMs: GOP_MS,
  units: function* (keyframe) {
    const first = Math.max(0, keyframe - epoch) / FRAME_MS;
    for (let index = first; index * FRAME_MS < 60_000; index++) yield clipUnit(index, epoch);
  },
});

const rigOf = (
  folder: string,
  epoch = EPOCH,
  options: Partial<ExportOptions> = {},
  changes: Partial<RecorderFs> = {},
): ExportsRig =>
  new ExportsRig(folder, recordedFrom(epoch), SPAN, { plain: false, reserveBytes: 0, ...options }, changes);

function sizeAt(bytes: Buffer, at: number): number {
  const size = bytes.readUInt32BE(at);
  return size === 1 ? Number(bytes.readBigUInt64BE(at + 8)) : size;
}

/** Top-level boxes that fill the file, and pictures without a hole: how many, or why not. */
async function picturesOf(file: string): Promise<number | string> {
  const bytes = nodeFs.readFileSync(file);
  let at = 0;
  while (at + 8 <= bytes.length) at += Math.max(8, sizeAt(bytes, at));
  if (at !== bytes.length) return `${path.basename(file)} ends in the midst of a box`;
  const read = await readClip(
    await openBelow(fs, nodeFs.realpathSync(path.dirname(file)), path.basename(file)),
  );
  return read.frames > 0 && read.gaps.length === 0 ? read.frames : `${path.basename(file)} has no pictures`;
}

describe('an export of bad input', function () {
  this.timeout(30_000);
  let folder: string;
  useFolder((name) => (folder = name));

  const names = (): string[] =>
    nodeFs
      .readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.name.startsWith('.'))
      .map(({ name }) => name)
      .sort();

  const sum = (files: readonly ExportedClip[]): number =>
    files.flatMap(({ gaps }) => gaps).reduce((all, { ms }) => all + ms, 0);

  describe('over holes of the recording reports the same in its files and at its end', () => {
    const at = (seconds: number): number => EPOCH + seconds * 1000;
    for (const [where, holes, expected] of [
      ['nowhere', [], []],
      ['at its head', [[at(-60), at(4)]], [[0, 2400]]],
      ['at its head, the picture before it being there', [[at(0.5), at(6)]], [[0, 4400]]],
      ['within', [[at(6), at(8)]], [[4400, 2000]]],
      ['at its tail', [[at(10), at(60)]], [[8400, 3600]]],
      ['at its tail, the recording going on behind it', [[at(10), at(14)]], [[8400, 3600]]],
      [
        'everywhere',
        [
          [at(-60), at(4)],
          [at(6), at(8)],
          [at(10), at(60)],
        ],
        [
          [0, 2400],
          [4400, 2000],
          [8400, 3600],
        ],
      ],
    ] as const)
      it(where, async () => {
        const rig = rigOf(folder);
        rig.holes = holes;
        const end = await rig.export();
        assert.equal(end.reason, 'reached');
        const [clip] = rig.files;
        const told = clip!.gaps;
        assert.equal(told.length, expected.length, JSON.stringify(told));
        for (const [index, [start, ms]] of expected.entries()) {
          const near = Math.abs(told[index]!.at - start) <= FRAME_MS && Math.abs(told[index]!.ms - ms);
          assert.ok(near !== false && near <= FRAME_MS, JSON.stringify(told));
        }
        assert.equal(end.missingMs, sum(rig.files));
        const share = 1 - end.missingMs / (SPAN.to - SPAN.from);
        assert.ok(Math.abs(clip!.coverage - share) <= 0.001, `${clip!.coverage} ${share}`);
      });
  });

  it('that broke off behind a hole reports the hole and the rest as missing, and the hole alone once it is complete', async () => {
    const rig = rigOf(folder);
    rig.holes = [[EPOCH + 4_000, EPOCH + 6_000]];
    rig.breakAt = EPOCH + 10_000;
    const job = { run: 'job', isJob: true };
    const broken = await rig.export(job);
    assert.equal(broken.error?.code, 'EUNREACHABLE');
    assert.equal(broken.missingMs, sum(rig.files));
    assert.ok(Math.abs(broken.missingMs - 2_000 - 3_600) <= 2 * FRAME_MS, String(broken.missingMs));
    rig.breakAt = Infinity;
    for (const round of ['goes on', 'is repeated']) {
      const end = await rig.export(job);
      assert.equal(end.reason, 'reached');
      assert.ok(Math.abs(end.missingMs - 2_000) <= FRAME_MS, `${round}: ${end.missingMs}`);
    }
  });

  for (const isJob of [false, true])
    it(`that broke off is made anew where what it had is gone${isJob ? ', a job too' : ''}`, async () => {
      const rig = rigOf(folder);
      rig.breakAt = EPOCH + 10_000;
      await rig.export({ isJob });
      nodeFs.rmSync(rig.files[0]!.file);
      rig.breakAt = Infinity;
      const end = await rig.export({ isJob });
      assert.deepEqual(
        { reason: end.reason, missingMs: end.missingMs, files: end.files },
        { reason: 'reached', missingMs: 0, files: 1 },
      );
      assert.deepEqual(
        rig.asked.map(({ from }) => from),
        [SPAN.from, SPAN.from],
      );
      assert.equal(await picturesOf(rig.files[1]!.file), SPAN_PICTURES);
    });

  it('of which nothing is recorded misses all of it, and leaves no file and no folder', async () => {
    const rig = rigOf(folder, EPOCH, { fileName: '{yyyy}/{HHmmss}' });
    const { error, missingMs, files } = await rig.export({ from: EPOCH + 70_000, to: EPOCH + 80_000 });
    assert.deepEqual(
      { code: error?.code, missingMs, files },
      { code: 'ENORECORDING', missingMs: 10_000, files: 0 },
    );
    assert.deepEqual(
      nodeFs.readdirSync(folder).filter((name) => !name.startsWith('.')),
      [],
    );
  });

  it('of 30 days is refused, and nothing is made', () => {
    const rig = rigOf(folder);
    const month = { channel: 3, channelName: '', stream: 'main', from: EPOCH - 30 * 86_400_000, to: EPOCH };
    assert.throws(() => rig.exports.start(month, {} as never), { code: 'EINPUT', message: /24 hours/ });
    assert.deepEqual(nodeFs.readdirSync(folder), []);
  });

  describe('across a change of the clocks has its recorded time in its name, and no hole', () => {
    for (const [what, change, expected] of [
      // 26 October 2025, 3:00 becomes 2:00; 30 March 2025, 2:00 becomes 3:00.
      ['put back', Date.UTC(2025, 9, 26, 1), ['02-59-54', '02-00-04']],
      ['put forward', Date.UTC(2025, 2, 30, 1), ['01-59-54', '03-00-04']],
    ] as const)
      it(what, async () => {
        const options = { timeZone: 'Europe/Berlin', fileName: '{HH-mm-ss}' };
        const rig = rigOf(folder, change - 10_000, options);
        const span = { from: change - 6_000, to: change + 12_000 };
        // What goes on behind the change is named by the clock behind it.
        rig.breakAt = change + 4_000;
        assert.equal((await rig.export(span)).reason, 'error');
        rig.breakAt = Infinity;
        const end = await rig.export(span);
        assert.deepEqual(
          { reason: end.reason, missingMs: end.missingMs },
          { reason: 'reached', missingMs: 0 },
        );
        assert.deepEqual(
          rig.files.map(({ file }) => path.basename(file, '.mp4')),
          expected,
        );
        const [first, second] = rig.files;
        assert.deepEqual(
          {
            firstRecordedFrom: first!.recordedFrom,
            firstRecordedTo: first!.recordedTo,
            secondRecordedFrom: second!.recordedFrom,
            secondRecordedTo: second!.recordedTo,
          },
          {
            firstRecordedFrom: span.from,
            firstRecordedTo: change + 4_000,
            secondRecordedFrom: change + 4_000,
            secondRecordedTo: span.to,
          },
        );
        for (const name of names())
          assert.equal(typeof (await picturesOf(path.join(folder, name))), 'number');
      });
  });

  it('of a name that another export is writing at the same time gets a number, in this node and in another', async () => {
    const rig = rigOf(folder, EPOCH, { fileName: 'span' });
    const other = rigOf(folder, EPOCH, { fileName: 'span', id: 'other' });
    const all = [rig.export({ channel: 1 }), rig.export({ channel: 2 }), other.export({ channel: 3 })];
    for (const end of await Promise.all(all))
      assert.deepEqual({ reason: end.reason, files: end.files }, { reason: 'reached', files: 1 });
    assert.deepEqual(names(), ['span-2.mp4', 'span-3.mp4', 'span.mp4']);
    const told = [...rig.files, ...other.files].map(({ file }) => path.basename(file));
    assert.deepEqual(told.sort(), names());
    for (const name of names()) assert.equal(await picturesOf(path.join(folder, name)), SPAN_PICTURES);
  });

  for (const plain of [false, true])
    it(`onto a disk that fills at any moment leaves what plays alone, loses nothing, and goes on${plain ? ': plain files' : ''}`, async () => {
      let at = 1;
      for (let isThrough = false; !isThrough; at++) {
        let writes = 0;
        let room = true;
        const open = (async (...args: Parameters<RecorderFs['open']>) => {
          const handle = await fs.open(...args);
          const write = handle.write.bind(handle) as (...of: unknown[]) => Promise<unknown>;
          handle.write = ((...of: unknown[]) => {
            if (room && ++writes >= at) room = false;
            return room ? write(...of) : Promise.reject(systemError('ENOSPC'));
          }) as never;
          return handle;
        }) as RecorderFs['open'];
        const own = path.join(folder, String(at));
        nodeFs.mkdirSync(own);
        const rig = rigOf(own, EPOCH, { plain }, { open });
        const end = await rig.export();
        isThrough = room;
        const mine = (): string[] => nodeFs.readdirSync(own).filter((name) => !name.startsWith('.'));
        const what = `write ${at}: ${end.error?.message ?? 'whole'}`;
        for (const name of mine()) {
          assert.ok(name.endsWith('.mp4'), `${what}: ${name} is left`);
          const told = await picturesOf(path.join(own, name));
          assert.equal(typeof told, 'number', `${what}: ${told}`);
        }
        assert.equal(mine().length, end.files, what);
        if (end.error === undefined) {
          assert.equal(end.missingMs, 0, what);
          continue;
        }
        assert.equal(end.error.code, 'EDISK', what);
        assert.equal(end.missingMs, SPAN.to - Math.max(SPAN.from, end.reached), what);
        if (end.files > 0) {
          const pictures = await picturesOf(path.join(own, mine()[0]!));
          assert.equal(end.reached, EPOCH + Number(pictures) * FRAME_MS, what);
        }
        room = true;
        writes = -Infinity;
        const rest = await rig.export();
        assert.deepEqual(
          { reason: rest.reason, missingMs: rest.missingMs },
          { reason: 'reached', missingMs: 0 },
          what,
        );
        // Where all pictures are on the disk, there is nothing to go on with: it is made anew.
        const isRest = end.files > 0 && end.reached > SPAN.from && end.reached < SPAN.to;
        assert.equal(rig.asked.at(-1)!.from, isRest ? end.reached : SPAN.from, what);
      }
      assert.ok(at > 6, `${at} writes`);
    });
});
