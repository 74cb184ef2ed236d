import assert from 'node:assert/strict';
import { keepGiB } from '../../nodes/shared/record-options.js';
import { problemsOf, readSettings } from '../../nodes/shared/settings/read.js';
import { recordSettings } from '../../nodes/shared/settings/tables/nvr-record.js';

describe('the settings of the record node', () => {
  const read = (saved: object) => readSettings(recordSettings, { nvr: 'nvr', ...saved });

  it('keep 10 GiB of continuous recording in new nodes, and everything in those of the first release and of alarms', () => {
    const kept = (saved: object, version: number) => keepGiB(read(saved), version);
    const continuous = { mode: 'continuous' };
    assert.equal(kept(continuous, 1), 10);
    assert.equal(kept({ ...continuous, keepGiB: '' }, 1), 10);
    assert.equal(kept({ ...continuous, keepGiB: '0' }, 1), 0);
    assert.equal(kept({ ...continuous, keepGiB: '3' }, 1), 3);
    assert.equal(kept(continuous, 0), 0);
    assert.equal(kept({}, 1), 0);
  });

  it('fetch what was missed, and let the group read, where nothing else is set', () => {
    const { backfill, fileMode } = read({});
    assert.deepEqual({ backfill, fileMode }, { backfill: true, fileMode: '0640' });
    for (const good of ['664', '0666 ', '0600']) assert.equal(read({ fileMode: good }).fileMode, good.trim());
    for (const bad of ['0400', '0750', '06400', '8', 'x'])
      assert.deepEqual(
        problemsOf(recordSettings, { nvr: 'nvr', fileMode: bad }).map(({ property }) => property),
        ['fileMode'],
        bad,
      );
  });
});
