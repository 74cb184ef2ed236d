import assert from 'node:assert/strict';
import path from 'node:path';
import fc from 'fast-check';

import { clipPath, DEFAULT_FILE_NAME, safeName } from '../../../lib/nvr/recorder/file-name.js';

const FIELDS = {
  nvr: 'Home',
  channel: 'Gate',
  stream: 'main',
  reason: 'door',
  time: Date.UTC(2026, 2, 29, 14, 2, 5),
};

describe('the name of a clip', () => {
  it('follows the template, in the time zone that is set', () => {
    assert.deepEqual(clipPath(DEFAULT_FILE_NAME, FIELDS, ''), ['Home', 'Gate', '2026-03-29', '140205-door']);
    assert.deepEqual(clipPath(DEFAULT_FILE_NAME, FIELDS, 'Europe/Berlin').at(-1), '160205-door');
    assert.deepEqual(clipPath('{stream} {yyyy-MM-dd} at {HH}.MOV', FIELDS, ''), ['main 2026-03-29 at 14']);
  });

  for (const template of [
    '../{reason}',
    '/etc/{reason}',
    'a//b',
    'a/../b',
    './a',
    'C:/a',
    'a\\b',
    '',
    ' ',
    '{name}',
    '{yyyy}/{}',
    'a/'.repeat(20) + 'b',
  ]) {
    it(`is refused for the template ${JSON.stringify(template.slice(0, 20))}`, () => {
      assert.throws(() => clipPath(template, FIELDS, ''), { code: 'EINPUT', message: /"fileName"/ });
    });
  }

  for (const [text, safe] of [
    ['../../etc/passwd', '___.._etc_passwd'],
    ['..', '__'],
    ['', '_'],
    ['CON', '_CON'],
    ['nul.txt', '_nul.txt'],
    ['com1', '_com1'],
    ['LPT³', '_LPT³'],
    ['a:b|c?d*e"f<g>h', 'a_b_c_d_e_f_g_h'],
    ['ends with a dot. ', 'ends with a dot__'],
    ['\u0000\n\u202eexe.4pm', '___exe.4pm'],
    ['Tür', 'Tür'],
    ['\ud800x', '_x'],
  ] as const) {
    it(`makes ${JSON.stringify(safe)} of ${JSON.stringify(text)}`, () => {
      assert.equal(safeName(text), safe);
    });
  }

  it('is short enough for any file system', () => {
    assert.ok(Buffer.byteLength(safeName('ü'.repeat(5000))) <= 180);
  });

  it('has 16 levels at most, and 180 bytes in each', () => {
    assert.equal(clipPath('a/'.repeat(15) + 'b', FIELDS, '').length, 16);
    assert.throws(() => clipPath('a/'.repeat(16) + 'b', FIELDS, ''), {
      code: 'EINPUT',
      message: /16 levels/,
    });
    assert.equal(safeName('a'.repeat(180)), 'a'.repeat(180));
    assert.equal(safeName('a'.repeat(181)), 'a'.repeat(180));
    assert.equal(safeName('ü'.repeat(90)), 'ü'.repeat(90));
    assert.equal(safeName(`a${'ü'.repeat(90)}`), `a${'ü'.repeat(89)}`);
  });

  it('has up to three dots and blanks of each end as underscores', () => {
    assert.equal(safeName(' .x. '), '__x__');
    assert.equal(safeName('.....x    '), '___x___');
    assert.equal(safeName('....'), '___');
    assert.equal(safeName(' . '), '___');
  });

  it('stays below the folder whatever a message says', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string(), (reason, channel) => {
        const levels = clipPath(DEFAULT_FILE_NAME, { ...FIELDS, reason, channel }, '');
        assert.equal(levels.length, 4);
        const full = path.posix.join('/clips', ...levels);
        assert.ok(full.startsWith('/clips/Home/') && full.split('/').length === 6);
        for (const level of levels) {
          assert.equal(path.win32.basename(level), level);
          assert.ok(!/^\.+$/.test(level) && level !== '' && !/[. ]$/.test(level));
        }
      }),
    );
  });
});
