// What the pages for users and contributors name is held against the repository.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';

const ROOT = path.join(__dirname, '..');

const read = (page: string): string => fs.readFileSync(path.join(ROOT, page), 'utf8');
const exists = (name: string): boolean => fs.existsSync(path.join(ROOT, name));

/** The Markdown pages below some folders, relative to the root. */
function pages(...folders: readonly string[]): string[] {
  return folders.flatMap((folder) =>
    fs
      .readdirSync(path.join(ROOT, folder))
      .filter((name) => name.endsWith('.md'))
      .map((name) => path.posix.join(folder, name)),
  );
}

/** What stands in back quotes on a page. */
function quoted(page: string): string[] {
  return [...read(page).matchAll(/`([^`\n]+)`/g)].map(([, text]) => text!);
}

describe('the pages in Markdown', () => {
  it('link only to pages and pictures that exist', () => {
    for (const page of pages('.', 'docs', 'lib', 'test/kit'))
      for (const [, target] of read(page).matchAll(/\]\(([^)\s#]+)/g)) {
        if (/^[a-z]+:/.test(target!)) continue;
        const name = path.posix.join(path.posix.dirname(page), decodeURIComponent(target!));
        assert.ok(exists(name), `${page} links to ${name}`);
      }
  });

  it('name files and folders that exist', () => {
    for (const page of [
      'ARCHITECTURE.md',
      'CONTRIBUTING.md',
      'SECURITY.md',
      'lib/README.md',
      'test/kit/README.md',
    ]) {
      const named = quoted(page).filter((text) =>
        /^(lib|nodes|test|docs|examples|\.github)\/[\w./-]+$/.test(text),
      );
      for (const name of named) assert.ok(exists(name), `${page} names ${name}`);
    }
  });

  it('show tests as they stand in the files that they name, and name files of the kit that exist', () => {
    const page = read('test/kit/README.md');
    const flat = (text: string): string => text.replace(/[\s,]+/g, '');
    const examples = [...page.matchAll(/<!-- (\S+) -->\s+```ts\n([^]*?)```/g)];
    assert.equal(examples.length, 3);
    for (const [, file, example] of examples)
      assert.ok(flat(read(file!)).includes(flat(example!)), `${file!} has another test by now`);
    for (const name of quoted('test/kit/README.md').filter((text) => /^[\w-]+\.ts$/.test(text)))
      assert.ok(exists(`test/kit/${name}`), `the page names ${name}`);
  });

  it('name scripts that exist, and CONTRIBUTING.md names each of them', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    for (const page of pages('.', 'docs', 'lib'))
      for (const [, name] of read(page).matchAll(/\bnpm run ([\w:-]+)/g))
        assert.ok(Object.hasOwn(scripts, name!), `${page} names npm run ${name!}`);
    const named = quoted('CONTRIBUTING.md').map((text) => /^(?:npm (?:run )?)?([\w:-]+)/.exec(text)?.[1]);
    for (const name of Object.keys(scripts).filter((script) => script !== 'pretest'))
      assert.ok(named.includes(name), `CONTRIBUTING.md does not say what ${name} is for`);
  });
});
