import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { ownPackage } from '../../../lib/nvr/evidence/own-package.js';

describe('the package that an export of evidence names', () => {
  it('is this one, in its version', () => {
    const text = fs.readFileSync(path.join(__dirname, '../../../package.json'), 'utf8');
    const { name, version } = JSON.parse(text) as Record<string, unknown>;
    assert.deepEqual(ownPackage(), { name, version });
    assert.equal(ownPackage(), ownPackage(), 'it is read once');
  });
});
