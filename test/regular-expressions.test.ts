import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { analyse } from 'scslre';
import ts from 'typescript';
import { attacksOn } from './kit/regex-attacks.js';

const ROOT = path.join(__dirname, '..');

interface Found {
  readonly where: string;
  readonly text: string;
}

/** Every regular expression of a file, as it is written, and every one that is made of text. */
function expressionsOf(file: string): { literals: Found[]; made: string[] } {
  const source = ts.createSourceFile(file, fs.readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true);
  const literals: Found[] = [];
  const made: string[] = [];
  const visit = (node: ts.Node): void => {
    const line = source.getLineAndCharacterOfPosition(node.getStart()).line + 1;
    const where = `${path.relative(ROOT, file)}:${line}`;
    if (ts.isRegularExpressionLiteral(node)) literals.push({ where, text: node.text });
    if (ts.isNewExpression(node) && node.expression.getText() === 'RegExp') made.push(where);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return { literals, made };
}

function filesBelow(folder: string): string[] {
  return fs
    .readdirSync(path.join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.[cm]?[jt]s$/.test(name))
    .map((name) => path.join(ROOT, folder, name));
}

/** Milliseconds that 40,000 characters may take; linear patterns take one or two. */
const ALLOWED_MS = 120;

/**
 * How a pattern can take more than linear time: by two repeats of the same text, by one inside another, or by
 * a try from each place it begins at.
 */
function slowness(text: string): string[] {
  const end = text.lastIndexOf('/');
  const [source, flags] = [text.slice(1, end), text.slice(end + 1)];
  const { reports } = analyse({ source, flags });
  const proven = reports.map(({ type, exponential }) => `${type}${exponential ? ', exponential' : ''}`);
  if (proven.length > 0) return proven;
  return attacksOn(text).flatMap((attack) => {
    const ms = timeOf(new RegExp(source, flags), attack);
    return ms > ALLOWED_MS ? [`${ms} ms for ${JSON.stringify(attack.slice(0, 20))}…`] : [];
  });
}

/** The best of three, since the machine may be busy. */
function timeOf(pattern: RegExp, text: string): number {
  let best = Infinity;
  for (let turn = 0; turn < 3 && best > ALLOWED_MS; turn++) {
    const begun = performance.now();
    text.replace(pattern, '');
    best = Math.min(best, Math.round(performance.now() - begun));
  }
  return best;
}

describe('the regular expressions of the package', function () {
  this.timeout(60_000);
  let files: ReturnType<typeof expressionsOf>[];

  before(() => {
    files = ['lib', 'nodes'].flatMap(filesBelow).map(expressionsOf);
  });

  it('are found slow by this test where they are', () => {
    for (const slow of [
      '/^\\s*(?:pbkey|key)\\s*[=:]\\s*(.*?)\\s*$/im',
      '/[ .]+$/',
      '/^(a+)+$/',
      '/a.*b.*c/s',
      '/<title[^>]*>/',
    ])
      assert.notDeepEqual(slowness(slow), [], slow);
    for (const quick of ['/^[a-z]+:\\/\\/[^/?]*/i', '/[^"\\\\]|\\\\./g', '/\\d{1,5}/'])
      assert.deepEqual(slowness(quick), [], quick);
  });

  it('take linear time on whatever text: none has two repeats that can match the same', () => {
    const literals = files.flatMap((file) => file.literals);
    assert.ok(literals.length > 100);
    const slow = literals.flatMap(({ where, text }) =>
      slowness(text).map((how) => `${where}: ${text} (${how})`),
    );
    assert.deepEqual(slow, []);
  });

  it('are written down, not made of text, but for a name in the simulator', () => {
    const made = files.flatMap((file) => file.made);
    assert.deepEqual(
      made.map((where) => where.split(':')[0]),
      [path.join('lib', 'simulator', 'guard.ts')],
    );
  });
});
