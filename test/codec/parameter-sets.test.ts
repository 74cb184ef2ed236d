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
  it('puts VPS before SPS before PPS, each kind by id, with 4-byte start codes', () => {
    const sets = new ParameterSets(describeSet);
    assert.equal(sets.inFront(), undefined);
    for (const nal of [set(3, 1), set(3, 0), set(2, 0), set(1, 0)]) sets.learn(nal, 0);
    const front = sets.inFront()!;
    assert.deepEqual(front.types, [1, 2, 3, 3]);
    assert.deepEqual(front.sizes, [8, 8, 8, 8]);
    assert.equal(
      front.bytes.toString('hex'),
      '00000001010000000000000102000000000000010300000000000001' + '03000100',
    );
    assert.equal(sets.frontBytes, front.bytes.length);
    assert.equal(sets.inFront(), front);
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
    assert.equal(sets.inFront()?.sizes.length, 1);
  });

  it('knows which sets a slice needs, and falls back to the latest', () => {
    const sets = new ParameterSets(describeSet);
    sets.learn(set(2, 0), 1);
    sets.learn(set(2, 1), 1);
    sets.learn(set(3, 7, 0), 2);
    assert.equal(sets.activeSps(7)?.id, 0);
    assert.equal(sets.activeSps(8)?.id, 1);
    assert.equal(sets.complete(7, 2), false);
    sets.learn(set(2, 0), 2);
    assert.equal(sets.complete(7, 2), true);
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
    assert.equal(many.inFront()?.sizes.length, 128);
    assert.ok(many.get('pps', 0));
    assert.equal(many.get('pps', 1), undefined);
    const large = new ParameterSets(describeSet);
    for (let id = 0; id < 20; id += 1) large.learn(set(3, id, 0, 8000), 0);
    assert.equal(large.inFront()?.sizes.length, 8);
  });

  it('keeps its own copy of the bytes', () => {
    const sets = new ParameterSets(describeSet);
    const nal = set(2, 0);
    sets.learn(nal, 0);
    nal.fill(0xee);
    assert.equal(sets.get('sps', 0)?.nal.toString('hex'), '02000000');
  });
});
