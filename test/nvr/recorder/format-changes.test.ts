import assert from 'node:assert/strict';
import { FormatChanges } from '../../../lib/nvr/recorder/format-changes.js';

describe('changes of the picture’s format', () => {
  it('begin a file, but not where one has just begun', () => {
    const changes = new FormatChanges(false);
    assert.equal(changes.admit(500, 0), false);
    assert.equal(changes.admit(1000, 0), true);
    assert.equal(changes.admit(1999, 1000), false);
    assert.equal(changes.admit(2000, 1000), true);
  });

  it('are refused where there are more than ten in a minute', () => {
    const changes = new FormatChanges(true);
    for (let at = 5000; at <= 50_000; at += 5000) assert.equal(changes.admit(at, at - 5000), true);
    assert.throws(() => changes.admit(55_000, 50_000), { code: 'EPROTOCOL' });
  });

  it('are of no account any more a minute after they were', () => {
    const changes = new FormatChanges(true);
    for (let at = 5000; at <= 50_000; at += 5000) changes.admit(at, at - 5000);
    assert.equal(changes.admit(65_000, 50_000), true, 'the first was a minute ago');
    assert.throws(() => changes.admit(69_999, 65_000), { code: 'EPROTOCOL' });
  });

  it('are refused where there are more than thirty in a clip, and go on for ever in what has no end', () => {
    const [clip, endless] = [new FormatChanges(false), new FormatChanges(true)];
    for (let at = 10_000; at <= 300_000; at += 10_000) assert.equal(clip.admit(at, at - 10_000), true);
    assert.throws(() => clip.admit(310_000, 300_000), { code: 'EPROTOCOL' });
    for (let at = 10_000; at <= 1_000_000; at += 10_000) assert.equal(endless.admit(at, at - 10_000), true);
  });
});
