import assert from 'node:assert/strict';
import { NvrError } from '../../../lib/errors.js';
import { ReportedCauses } from '../../../lib/nvr/recorder/reported-causes.js';

const full = (): NvrError =>
  new NvrError('EDISK', 'The disk is full.', { cause: Object.assign(new Error(), { code: 'ENOSPC' }) });
const readOnly = (): NvrError =>
  new NvrError('EDISK', 'It is read-only.', { cause: Object.assign(new Error(), { code: 'EROFS' }) });

describe('the causes that a recorder has reported', () => {
  it('are new once each until the next success, however often they alternate', () => {
    const reported = new ReportedCauses();
    const errors = [full(), readOnly(), full(), readOnly(), new NvrError('EOVERLOAD', 'Too much.')];
    assert.deepEqual(
      errors.map((error) => reported.remember(error)),
      [true, true, false, false, true],
    );
    reported.clear();
    assert.equal(reported.remember(full()), true);
    assert.equal(reported.remember(full()), false);
  });
});
