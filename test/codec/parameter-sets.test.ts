import assert from 'node:assert/strict';
import { ParameterSets, type SetFacts } from '../../lib/codec/parameter-sets.js';

/** A made-up codec: first byte the kind, then id, the id it refers to, and any filling. */
function describeSet(nal: Buffer): SetFacts<string> | undefined {
  const kind = ([undefined, 'vps', 'sps', 'pps'] as const)[nal[0]!];
  if (kind === undefined) return undefined;
  return { kind, type: nal[0]!, id: nal.readUInt16BE(1), refersTo: nal[3]!, info: `${kind} ${nal.length}` };
}

const set = (kind: number, id: number, refersTo = 0, size = 4): Buffer => {
  const nal = Buffer.alloc(size, 0x55);
  nal[0] = kind;
  nal.writeUInt16BE(id, 1);
  nal[3] = refersTo;
  return nal;
};

describe('ParameterSets', () => {
  it('puts what a slice needs in front, VPS before SPS before PPS, with 4-byte start codes, and nothing else', () => {
    const sets = new ParameterSets(describeSet);
    assert.equal(sets.inFront([0], 1, 1), undefined);
    for (const nal of [set(3, 1), set(3, 0), set(2, 5), set(2, 0), set(1, 0)]) sets.learn(nal, 0);
    const front = sets.inFront([0], 1, 1)!;
    assert.deepEqual(front.types, [1, 2, 3]);
    assert.deepEqual(front.sizes, [8, 8, 8]);
    assert.equal(front.bytes.toString('hex'), '000000010100000000000001020000000000000103000000');
    assert.deepEqual(sets.inFront([1, 0], 2, 2)?.types, [1, 2, 3, 3]);
    assert.ok(sets.frontBytes >= front.bytes.length);
  });

  it('counts what was put in front as carried: only what a unit since then lacks comes again', () => {
    const sets = new ParameterSets(describeSet);
    for (const nal of [set(2, 0), set(3, 0), set(3, 1)]) sets.learn(nal, 0);
    assert.equal(sets.inFront([0], 4, 4)?.sizes.length, 2);
    assert.equal(sets.inFront([0], 4, 5), undefined);
    assert.deepEqual(sets.inFront([1], 4, 6)?.types, [3]);
    assert.equal(sets.inFront([1], 4, 7), undefined);
    assert.equal(sets.inFront([0], 8, 8)?.sizes.length, 2);
  });

  it('puts 8 KB in front at most: more is no set that a camera needs', () => {
    const sets = new ParameterSets(describeSet);
    sets.learn(set(2, 0, 0, 4000), 0);
    sets.learn(set(3, 0, 0, 4000), 0);
    sets.learn(set(3, 1, 0, 5000), 0);
    assert.equal(sets.inFront([0], 1, 1)?.bytes.length, 8008);
    assert.equal(sets.inFront([1], 2, 2), undefined);
    assert.ok(sets.frontBytes <= 8192);
  });

  it('reads a set once, however often the same bytes come', () => {
    const read: string[] = [];
    const sets = new ParameterSets((nal) => {
      read.push(nal.toString('hex'));
      return describeSet(nal);
    });
    for (const unit of [1, 2, 3]) for (const nal of [set(2, 0), set(2, 1), set(3, 0)]) sets.learn(nal, unit);
    assert.deepEqual(
      read,
      [set(2, 0), set(2, 1), set(3, 0)].map((nal) => nal.toString('hex')),
    );
    assert.deepEqual(
      [sets.get('sps', 0)?.seenIn, sets.get('sps', 1)?.seenIn, sets.get('pps', 0)?.seenIn],
      [3, 3, 3],
    );
  });

  it('keeps sets of all kinds and ids apart', () => {
    const sets = new ParameterSets(describeSet);
    const ids = [0, 1, 2, 3, 31, 255];
    for (const kind of [1, 2, 3]) for (const id of ids) sets.learn(set(kind, id, kind), 1);
    for (const [i, kind] of (['vps', 'sps', 'pps'] as const).entries())
      for (const id of ids) assert.deepEqual(sets.get(kind, id)?.nal, set(i + 1, id, i + 1), `${kind} ${id}`);
  });

  it('changes its version with the bytes of a set, and not when the same come again', () => {
    const sets = new ParameterSets(describeSet);
    sets.learn(set(2, 0), 0);
    sets.learn(set(2, 0), 5);
    assert.equal(sets.version, 1);
    assert.equal(sets.get('sps', 0)?.seenIn, 5);
    sets.learn(set(2, 0, 0, 9), 6);
    assert.equal(sets.version, 2);
    assert.equal(sets.get('sps', 0)?.info, 'sps 9');
    assert.equal(sets.inFront([0], 7, 7)?.sizes.length, 1);
  });

  it('knows which sets a slice needs, and falls back to the latest', () => {
    const sets = new ParameterSets(describeSet);
    sets.learn(set(2, 0), 1);
    sets.learn(set(2, 1), 1);
    sets.learn(set(3, 7, 0), 2);
    assert.equal(sets.activeSps(7)?.id, 0);
    assert.equal(sets.activeSps(8)?.id, 1);
    assert.deepEqual(sets.inFront([7], 2, 2)?.types, [2, 3]);
    sets.learn(set(2, 0), 3);
    sets.learn(set(3, 7, 0), 3);
    assert.equal(sets.inFront([7], 3, 3), undefined);
  });

  it('ignores what is no set or far too large', () => {
    const sets = new ParameterSets(describeSet);
    sets.learn(set(9, 0), 0);
    sets.learn(set(2, 0, 0, 9000), 0);
    assert.equal(sets.version, 0);
  });

  it('keeps a bounded number of sets and bytes, and lets go of those least recently seen', () => {
    const many = new ParameterSets(describeSet);
    for (let id = 0; id < 200; id += 1) {
      many.learn(set(3, id), 0);
      many.learn(set(3, 0), 0);
    }
    const kept = (sets: ParameterSets<string>, ids: number): number =>
      Array.from({ length: ids }, (_, id) => sets.get('pps', id)).filter((one) => one !== undefined).length;
    assert.equal(kept(many, 200), 128);
    assert.ok(many.get('pps', 0));
    assert.equal(many.get('pps', 1), undefined);
    const large = new ParameterSets(describeSet);
    for (let id = 0; id < 20; id += 1) large.learn(set(3, id, 0, 8000), 0);
    assert.equal(kept(large, 20), 8);
  });

  it('keeps its own copy of the bytes', () => {
    const sets = new ParameterSets(describeSet);
    const nal = set(2, 0);
    sets.learn(nal, 0);
    nal.fill(0xee);
    assert.equal(sets.get('sps', 0)?.nal.toString('hex'), '02000000');
  });
});
