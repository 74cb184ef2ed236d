import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { NalRange } from '../../lib/codec/unit.js';
import { FragmentFile, type Sample } from '../../lib/media/fragment-file.js';

const u32 = (...values: number[]): Buffer => {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, index) => bytes.writeUInt32BE(value, 4 * index));
  return bytes;
};
const box = (name: string, ...content: Buffer[]): Buffer => {
  const body = Buffer.concat(content);
  return Buffer.concat([u32(8 + body.length), Buffer.from(name, 'latin1'), body]);
};

const nal = (bytes: number, value: number): Buffer =>
  Buffer.concat([Buffer.of(0, 0, 0, 1), Buffer.alloc(bytes, value)]);
const picture = (sizes: readonly number[]): Sample => {
  const nals: NalRange[] = [];
  const parts = sizes.map((size, index) => nal(size, index + 2));
  for (const part of parts) {
    const start = nals.at(-1)?.end ?? 0;
    nals.push({ type: 1, start, end: start + part.length });
  }
  return { data: Buffer.concat(parts), nals };
};
/** The picture as it stands in an mdat. */
const stored = ({ data, nals }: Sample): Buffer =>
  Buffer.concat(
    nals!.map(({ start, end }) => Buffer.concat([u32(end - start - 4), data.subarray(start + 4, end)])),
  );

class Disk {
  readonly writes: Buffer[] = [];
  write(data: Uint8Array): Promise<void> {
    // The bytes are the file's again when the promise is settled.
    this.writes.push(Buffer.from(data));
    return Promise.resolve();
  }
  get bytes(): Buffer {
    return Buffer.concat(this.writes);
  }
}

const HEAD = box('moof');

describe('a file of fragments', () => {
  it('holds boxes and media in order, each NAL unit behind its length, whatever its size', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.array(fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 200_000, max: 600_000 }))),
          {
            maxLength: 4,
          },
        ),
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 50 }), { maxLength: 4 }),
        async (sizes, sounds) => {
          const disk = new Disk();
          const file = new FragmentFile(disk);
          const pictures = sizes.filter((one) => one.length > 0).map(picture);
          file.box(box('ftyp'));
          file.fragment(HEAD, [...pictures, ...sounds.map((one) => ({ data: Buffer.from(one) }))]);
          await file.flush();
          const media = Buffer.concat([...pictures.map(stored), ...sounds]);
          assert.ok(disk.bytes.equals(Buffer.concat([box('ftyp'), HEAD, box('mdat', media)])));
          assert.equal(file.bytes, disk.bytes.length);
          assert.ok(disk.writes.every(({ length }) => length <= 256 * 1024));
        },
      ),
      { numRuns: 30 },
    ));

  it('ends with an index by which a player finds every fragment that it can begin at', async () => {
    const disk = new Disk();
    const file = new FragmentFile(disk);
    file.box(box('ftyp'));
    for (const time of [0, 90_000, undefined, 270_000]) {
      file.fragment(HEAD, [picture([1000])], time);
      await file.flush();
    }
    await file.close();
    const all = disk.bytes;
    const index = all.subarray(all.length - all.readUInt32BE(all.length - 4));
    assert.equal(index.toString('latin1', 4, 8), 'mfra');
    assert.equal(index.readUInt32BE(0), index.length);
    const tfra = index.subarray(8);
    assert.equal(tfra.toString('latin1', 4, 8), 'tfra');
    assert.equal(tfra.readUInt32BE(12), 1);
    const entries = Array.from({ length: tfra.readUInt32BE(20) }, (_, i) => 24 + 28 * i);
    assert.deepEqual(
      entries.map((at) => Number(tfra.readBigUInt64BE(at))),
      [0, 90_000, 270_000],
    );
    for (const at of entries) {
      const place = Number(tfra.readBigUInt64BE(at + 8));
      assert.equal(all.toString('latin1', place + 4, place + 8), 'moof');
    }
  });

  it('writes nothing where there is nothing to write', async () => {
    const disk = new Disk();
    const file = new FragmentFile(disk);
    await file.flush();
    file.box(Buffer.alloc(2 * 256 * 1024));
    await file.flush();
    await file.flush();
    assert.deepEqual(
      disk.writes.map(({ length }) => length),
      [256 * 1024, 256 * 1024],
    );
  });

  it('rejects with what the disk rejects with', async () => {
    const full = new Error('full');
    const file = new FragmentFile({ write: () => Promise.reject(full) });
    file.box(box('ftyp'));
    await assert.rejects(file.flush(), (error) => error === full);
    assert.equal(file.bytes, 0);
  });
});
