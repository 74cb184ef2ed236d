import assert from 'node:assert/strict';
import { changedRanges, testsOf } from './choose.js';

describe('what npm run mutate looks at', () => {
  it('is the lines a diff adds in client, media, nvr and nodes', () => {
    const diff = [
      'diff --git a/lib/nvr/camera/hub.ts b/lib/nvr/camera/hub.ts',
      '--- a/lib/nvr/camera/hub.ts',
      '+++ b/lib/nvr/camera/hub.ts',
      '@@ -10 +12,3 @@ class Hub {',
      '+a',
      '+b',
      '+c',
      '@@ -20,2 +24 @@ class Hub {',
      '+d',
      '+++ b/README.md',
      '@@ -1 +1 @@',
      '+++ b/lib/rtp/packet.ts',
      '@@ -1 +1 @@',
    ].join('\n');
    assert.deepEqual(changedRanges(diff), ['lib/nvr/camera/hub.ts:12-14', 'lib/nvr/camera/hub.ts:24-24']);
  });

  it('leaves out lines that were only taken away, and files that are gone', () => {
    assert.deepEqual(
      changedRanges('+++ b/lib/nvr/camera/hub.ts\n@@ -10,2 +9,0 @@\n+++ /dev/null\n@@ -1,3 +0,0 @@'),
      [],
    );
  });

  it('is judged by the tests nearest by imports, one of its own name first, three at most', () => {
    const imports = new Map<string, string[]>([
      ['lib/a.ts', []],
      ['lib/b.ts', ['lib/a.ts']],
      ['test/c.test.ts', ['lib/a.ts']],
      ['test/a.test.ts', ['lib/a.ts']],
      ['test/b.test.ts', ['lib/b.ts']],
      ['test/d.test.ts', ['lib/b.ts']],
    ]);
    assert.deepEqual(testsOf('lib/a.ts', imports), ['test/a.test.ts', 'test/c.test.ts', 'test/b.test.ts']);
    assert.deepEqual(testsOf('lib/b.ts', imports), ['test/b.test.ts', 'test/d.test.ts']);
    assert.deepEqual(testsOf('test/d.test.ts', imports), []);
  });
});
