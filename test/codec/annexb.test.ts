import assert from 'node:assert/strict';
import fc from 'fast-check';
import { LIMITS } from '../../lib/limits.js';
import { hasStartCode, joinAnnexB, parseSprop, splitAnnexB } from '../../lib/codec/annexb.js';
import { escape } from './bit-writer.js';

const hex = (nals: Buffer[]): string[] => nals.map((nal) => nal.toString('hex'));

describe('Annex B', () => {
  it('splits at 3-byte and 4-byte start codes and drops the zeros around them', () => {
    const data = Buffer.from('00000001' + '6701' + '000001' + '6802' + '0000000000' + '000001' + '65', 'hex');
    assert.deepEqual(hex(splitAnnexB(data)), ['6701', '6802', '65']);
  });

  it('takes bytes without a start code as one NAL unit, trailing zeros included', () => {
    assert.deepEqual(hex(splitAnnexB(Buffer.from('670100', 'hex'))), ['670100']);
    assert.deepEqual(splitAnnexB(Buffer.alloc(0)), []);
    assert.equal(hasStartCode(Buffer.from('670000030001', 'hex')), false);
  });

  it('gives no more pieces than its limit', () => {
    const many = Buffer.from('00000109'.repeat(LIMITS.unitNals + 5000), 'hex');
    assert.equal(splitAnnexB(many).length, LIMITS.unitNals + 1);
    assert.equal(splitAnnexB(Buffer.from('00000109'.repeat(10), 'hex'), 3).length, 3);
  });

  it('joins what it splits and splits what it joins', () => {
    const nal = fc
      .uint8Array({ minLength: 1, maxLength: 60 })
      .map((bytes) => Buffer.concat([Buffer.of(0x65), escape(bytes), Buffer.of(0x80)]));
    fc.assert(
      fc.property(fc.array(nal, { maxLength: 10 }), (nals) => {
        assert.deepEqual(hex(splitAnnexB(joinAnnexB(nals))), hex(nals));
      }),
    );
  });

  it('reads sprop-parameter-sets and tolerates a missing value, empty entries and what is no base64', () => {
    const sps = Buffer.from('6742c01e', 'hex');
    const pps = Buffer.from('68ce3c80', 'hex');
    assert.deepEqual(hex(parseSprop(`${sps.toString('base64')},${pps.toString('base64')}`)), [
      '6742c01e',
      '68ce3c80',
    ]);
    assert.deepEqual(parseSprop(undefined), []);
    assert.deepEqual(parseSprop(',,!?'), []);
  });

  it('quirk broken-h264-fragments: start codes inside sprop-parameter-sets, before a set and between two', () => {
    const glued = Buffer.from('00000001' + '6742c01e' + '00000001' + '68ce3c80', 'hex').toString('base64');
    assert.deepEqual(hex(parseSprop(glued)), ['6742c01e', '68ce3c80']);
    const trailing = Buffer.from('6742c01e' + '00000001', 'hex').toString('base64');
    assert.deepEqual(hex(parseSprop(`${trailing},`)), ['6742c01e']);
  });

  it('bounds the bytes and entries of a sprop', () => {
    assert.equal(parseSprop('Zw==,'.repeat(1000)).length, 64);
    assert.ok(parseSprop('A'.repeat(1_000_000))[0]!.length <= 64 * 1024);
  });
});
