import assert from 'node:assert/strict';
import { readRecordSettings } from '../../nodes/shared/record-settings.js';
import { SettingsReader } from '../../nodes/shared/settings-reader.js';

describe('the settings of the record node', () => {
  const read = (saved: object, version: number) => {
    const reader = new SettingsReader(saved as Record<string, unknown>);
    return { ...readRecordSettings(reader, '/clips', version), error: reader.error };
  };

  it('keep 10 GiB of continuous recording in new nodes, and everything in those of the first release and of alarms', () => {
    const continuous = { mode: 'continuous' };
    assert.equal(read(continuous, 1).keepGiB, 10);
    assert.equal(read({ ...continuous, keepGiB: '' }, 1).keepGiB, 10);
    assert.equal(read({ ...continuous, keepGiB: '0' }, 1).keepGiB, 0);
    assert.equal(read({ ...continuous, keepGiB: '3' }, 1).keepGiB, 3);
    assert.equal(read(continuous, 0).keepGiB, 0);
    assert.equal(read({}, 1).keepGiB, 0);
  });

  it('fetch what was missed, and let the group read, where nothing else is set', () => {
    const { backfill, fileMode, error } = read({}, 0);
    assert.deepEqual([backfill, fileMode, error], [true, 0o640, undefined]);
    assert.equal(read({ fileMode: '664' }, 0).fileMode, 0o664);
    for (const fileMode of ['0400', '0750', '06400', '8', 'x', '0666 '])
      assert.equal(read({ fileMode }, 0).error?.code, fileMode === '0666 ' ? undefined : 'EINPUT', fileMode);
  });
});
