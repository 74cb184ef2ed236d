// Part of `npm run lint`: comments are no wider than the code, which prettier sees to. `--write` flows them
// anew.

import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

export const WIDTH = 110;

interface Comment {
  readonly type: 'Line' | 'Block';
  readonly value: string;
  readonly loc: { readonly start: Position; readonly end: Position };
}

interface Position {
  /** From 1. */
  readonly line: number;
  /** From 0. */
  readonly column: number;
}

/** Lines, from `first` on, that are one comment and nothing else. */
interface Block {
  readonly first: number;
  readonly last: number;
  readonly indent: string;
  readonly words: readonly string[];
  /** `//`, or a block of the form with stars. */
  readonly isLine: boolean;
}

/** The parser's own types leave its options out. */
interface Parser {
  parseForESLint(text: string, options: object): { readonly ast: { readonly comments: readonly Comment[] } };
}

/** The text with every comment that is too wide flown anew; what stands behind code stays. */
export function flowComments(text: string, width = WIDTH): string {
  const lines = text.split('\n');
  if (!hasWide(lines, width)) return text;
  for (const block of blocksOf(text, lines).reverse()) {
    const own = lines.slice(block.first, block.last + 1);
    if (own.every((line) => line.length <= width)) continue;
    lines.splice(block.first, own.length, ...flown(block, width));
  }
  return lines.join('\n');
}

/** The numbers, from 1, of lines that are a comment and too wide. */
export function wideComments(text: string, width = WIDTH): number[] {
  const lines = text.split('\n');
  if (!hasWide(lines, width)) return [];
  return blocksOf(text, lines).flatMap(({ first, last }) =>
    lines
      .slice(first, last + 1)
      .flatMap((line, index) => (line.length > width && / .* /.test(line.trim()) ? [first + index + 1] : [])),
  );
}

/** Whether parsing, which is slow, can find anything. */
function hasWide(lines: readonly string[], width: number): boolean {
  return lines.some((line) => line.length > width && /^\s*(\/\/|\/?\*)/.test(line));
}

function blocksOf(text: string, lines: readonly string[]): Block[] {
  const { parser } = createRequire(__filename)('typescript-eslint') as { parser: Parser };
  const { ast } = parser.parseForESLint(text, { comment: true, loc: true, range: true });
  const blocks: Block[] = [];
  for (const { type, value, loc } of ast.comments) {
    const first = loc.start.line - 1;
    const last = loc.end.line - 1;
    const indent = lines[first]!.slice(0, loc.start.column);
    const isAlone = indent.trim() === '' && lines[last]!.length === loc.end.column;
    if (!isAlone || /^\/\/ (eslint|@ts)|^\/\*(?!\*)/.test(lines[first]!.trim())) continue;
    if (type === 'Line') {
      const before = blocks.at(-1);
      const goesOn = before?.isLine === true && before.last === first - 1 && before.indent === indent;
      if (goesOn) {
        blocks[blocks.length - 1] = { ...before, last: first, words: [...before.words, value] };
        continue;
      }
    }
    const words = type === 'Line' ? [value] : value.slice(1).split('\n').map(withoutStar);
    blocks.push({ first, last, indent, words, isLine: type === 'Line' });
  }
  return blocks;
}

function withoutStar(line: string): string {
  return line.replace(/^\s*\*/, '');
}

function flown({ indent, words, isLine }: Block, width: number): string[] {
  const lead = isLine ? '// ' : ' * ';
  const room = width - indent.length - lead.length;
  const paragraphs = paragraphsOf(words).map((paragraph) => wrap(paragraph, room));
  const inner = paragraphs.flat();
  if (isLine) return inner.map((line) => `${indent}${lead}${line}`.trimEnd());
  const single = `${indent}/** ${inner.join(' ')} */`;
  if (inner.length === 1 && single.length <= width) return [single];
  return [`${indent}/**`, ...inner.map((line) => `${indent}${lead}${line}`.trimEnd()), `${indent} */`];
}

/** Items, indented lines and empty ones begin anew; others go on. */
function paragraphsOf(lines: readonly string[]): string[] {
  const paragraphs: string[] = [];
  let goesOn = false;
  for (const line of lines) {
    const isOwn = line.trim() === '' || /^ ?(?: {2,}|[-*|@] |\d+\. |@\w)/.test(line);
    if (goesOn && !isOwn) paragraphs.push(`${paragraphs.pop()!} ${line.trim()}`);
    else paragraphs.push(/^ {3,}\S/.test(line) ? line.slice(1) : line.trim());
    goesOn = line.trim() !== '';
  }
  while (paragraphs[0] === '') paragraphs.shift();
  while (paragraphs.at(-1) === '') paragraphs.pop();
  return paragraphs;
}

function wrap(paragraph: string, room: number): string[] {
  const hang = /^(?:[-*] |\d+\. )/.test(paragraph) ? '  ' : '';
  const lines: string[] = [];
  let line = '';
  // What stands in back quotes stays together.
  for (const word of paragraph.match(/(?:`[^`]*`|\S)+/g) ?? ['']) {
    const next = line === '' ? word : `${line} ${word}`;
    if (next.length <= room || line === '') line = next;
    else {
      lines.push(line);
      line = hang + word;
    }
  }
  return [...lines, line];
}

/** TypeScript and JavaScript below the folders. */
function sources(root: string, folders: readonly string[]): string[] {
  return folders.flatMap((folder) =>
    fs
      .readdirSync(path.join(root, folder), { recursive: true })
      .map((name) => path.join(root, folder, String(name)))
      .filter((name) => /(?<!\.d)\.(ts|js|cjs|mjs)$/.test(name)),
  );
}

if (require.main === module) {
  const root = path.join(__dirname, '..', '..');
  const files = [...sources(root, ['lib', 'nodes', 'test']), path.join(root, 'eslint.config.mjs')];
  for (const file of files) {
    const text = fs.readFileSync(file, 'utf8');
    if (process.argv.includes('--write')) {
      const flowing = flowComments(text);
      if (flowing !== text) fs.writeFileSync(file, flowing);
      continue;
    }
    for (const line of wideComments(text)) {
      console.error(
        `${path.relative(root, file)}:${line}: this comment is wider than ${WIDTH}; npm run format flows it.`,
      );
      process.exitCode = 1;
    }
  }
}
