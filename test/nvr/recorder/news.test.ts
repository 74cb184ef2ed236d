import assert from 'node:assert/strict';
import { NvrError } from '../../../lib/errors.js';
import { News } from '../../../lib/nvr/recorder/news.js';

const full = (): NvrError =>
  new NvrError('EDISK', 'The disk is full.', { cause: Object.assign(new Error(), { code: 'ENOSPC' }) });
const readOnly = (): NvrError =>
  new NvrError('EDISK', 'It is read-only.', { cause: Object.assign(new Error(), { code: 'EROFS' }) });

describe('News', () => {
  it('are each cause once until the next success, however often they alternate', () => {
    const news = new News();
    const errors = [full(), readOnly(), full(), readOnly(), new NvrError('EOVERLOAD', 'Too much.')];
    assert.deepEqual(
      errors.map((error) => news.remember(error)),
      [true, true, false, false, true],
    );
    news.success();
    assert.equal(news.remember(full()), true);
    assert.equal(news.remember(full()), false);
  });
});
