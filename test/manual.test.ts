import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import prettier from 'prettier';
import { NVR_ERROR_CODES } from '../lib/errors.js';
import { fillTemplate, STYLES } from '../lib/nvr/fill-template.js';
import { PAGES } from './docs/pages.js';

const ROOT = path.join(__dirname, '..');
const DOCS = path.join(ROOT, 'docs');

/** As GitHub names the anchors of headings. */
function anchors(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

describe('the manual', () => {
  const pages = fs.readdirSync(DOCS).filter((name) => name.endsWith('.md'));
  const read = (file: string): string => fs.readFileSync(file, 'utf8');
  const troubles = read(path.join(DOCS, 'troubleshooting.md'));

  for (const code of NVR_ERROR_CODES)
    it(`says of ${code} what one sees and what to do`, () => {
      const [, entry = ''] = troubles.split(`### ${code}\n`);
      const [text = ''] = entry.split(/^##/m);
      const [see = '', ...steps] = text.split('\n- ');
      assert.ok(see.trim().length > 20, 'what one sees');
      assert.ok(steps.length > 0, 'what to do');
    });

  for (const [name, page] of Object.entries(PAGES))
    it(`has ${name} as the code is now (npm run docs writes it)`, async () => {
      const file = path.join(DOCS, name);
      const options = await prettier.resolveConfig(file);
      assert.equal(read(file), await prettier.format(page(), { ...options, parser: 'markdown' }));
    });

  it('has, in the README’s short table of makers, the paths that the presets ask for', () => {
    const rows = [...read(path.join(ROOT, 'README.md')).matchAll(/^\| (\S.*?) +\| `(\/[^`]*)` +\|$/gm)];
    assert.ok(rows.length >= 10, `${rows.length} makers`);
    const cameras = read(path.join(DOCS, 'cameras.md')).replaceAll(/ +/g, ' ');
    for (const [, maker, uri] of rows) {
      if (maker === 'MOBOTIX MOVE NVR') assert.equal(uri, fillTemplate(STYLES.move.live, 0, 'M'));
      else assert.ok(cameras.includes(`| ${maker!} | \`${uri!}\` |`), maker);
    }
  });

  it('is linked from the README, page by page', () => {
    const readme = read(path.join(ROOT, 'README.md'));
    for (const page of pages) assert.ok(readme.includes(`(docs/${page})`), page);
  });

  it('leads nowhere that is not there', () => {
    const others = ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'SECURITY.md', 'lib/README.md'];
    for (const file of [
      ...others.map((name) => path.join(ROOT, name)),
      ...pages.map((page) => path.join(DOCS, page)),
    ]) {
      for (const [, target] of read(file).matchAll(/\]\((?!https?:)([^)\s]+)\)/g)) {
        const [name = '', anchor] = target!.split('#');
        const to = name === '' ? file : path.join(path.dirname(file), name);
        assert.ok(fs.existsSync(to), `${path.basename(file)}: ${target!}`);
        if (anchor !== undefined)
          assert.ok(anchors(read(to)).includes(anchor), `${path.basename(file)}: ${target!}`);
      }
    }
  });

  it('tells contributors of every npm script, and of none that is not there', () => {
    const { scripts } = JSON.parse(read(path.join(ROOT, 'package.json'))) as {
      scripts: Record<string, string>;
    };
    const contributing = read(path.join(ROOT, 'CONTRIBUTING.md'));
    const told = [...contributing.matchAll(/`(?:npm run )?([a-z]+(?::[a-z]+)?)(?= --|`)/g)].map(
      ([, name]) => name!,
    );
    const ofNpm = [
      'setup',
      'build',
      'lint',
      'typecheck',
      'checks',
      'pretest',
      'prepack',
      'test',
      'test:unit',
    ];
    for (const name of Object.keys(scripts).filter((script) => !ofNpm.includes(script)))
      assert.ok(told.includes(name), name);
    for (const [, name] of contributing.matchAll(/npm run ([\w:]+)/g))
      assert.ok(Object.hasOwn(scripts, name!), name);
  });

  it('names examples that exist', () => {
    const numbers = fs.readdirSync(path.join(ROOT, 'examples')).map((name) => /^\w+/.exec(name)![0]);
    for (const page of pages)
      for (const [, number] of read(path.join(DOCS, page)).matchAll(/\bexample (\d\w*)/g))
        assert.ok(numbers.includes(number!), `${page}: example ${number!}`);
  });
});
