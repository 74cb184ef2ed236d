import assert from 'node:assert/strict';
import { flowComments, wideComments } from './comments.js';

describe('comments', () => {
  const flow = (text: string): string => flowComments(text, 40);

  it('that fit stay as they are', () => {
    for (const text of [
      '// Short.\nconst a = 1;',
      '/** Short. */\nconst a = 1;',
      '/**\n * Two\n * lines.\n */\nlet b;',
    ])
      assert.equal(flow(text), text);
  });

  it('that are too wide flow into lines of their kind', () => {
    assert.equal(
      flow('// One two three four five six seven eight nine ten.\nlet a;'),
      '// One two three four five six seven\n// eight nine ten.\nlet a;',
    );
    assert.equal(
      flow('  /** One two three four five six seven eight nine. */\n  let a;'),
      '  /**\n   * One two three four five six seven\n   * eight nine.\n   */\n  let a;',
    );
  });

  it('in blocks flow anew without an empty line at their end', () => {
    assert.equal(
      flow('  /**\n   * One two three four five six seven eight nine.\n   */\n  let a;'),
      '  /**\n   * One two three four five six seven\n   * eight nine.\n   */\n  let a;',
    );
  });

  it('go on through lines that belong together, and begin anew at items and empty lines', () => {
    assert.equal(
      flow(
        '// One two three four five six seven eight nine\n// ten eleven.\n//\n// - an item of a list that is rather long\n// - another\nlet a;',
      ),
      '// One two three four five six seven\n// eight nine ten eleven.\n//\n// - an item of a list that is rather\n//   long\n// - another\nlet a;',
    );
  });

  it('behind code, in texts and for tools are left alone', () => {
    for (const text of [
      'let a; // One two three four five six seven eight nine ten.',
      'const t = `\n// One two three four five six seven eight nine ten.\n`;',
      '// eslint-disable-next-line one two three four five six seven',
    ])
      assert.equal(flow(text), text);
  });

  it('are found by their lines', () => {
    assert.deepEqual(wideComments('let a;\n// One two three four five six seven eight nine.\n', 40), [2]);
    assert.deepEqual(wideComments(`// https://${'x'.repeat(80)}\n`, 40), []);
  });
});
