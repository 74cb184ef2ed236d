// npm run mutate: puts small bugs into changed lines of lib/client, lib/media, lib/nvr and nodes, one at a
// time, and tells which of them no test noticed (StrykerJS). `npm run mutate -- lib/nvr/camera/loss-run.ts`
// takes whole files, `lib/nvr/camera/loss-run.ts:20-40` some lines; without an argument what is not committed
// yet, or else the last commit.

import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { readImports } from '../lint/circles.js';
import { changedRanges, testsOf } from './choose.js';

const MOST_MINUTES = 15;
const root = path.join(__dirname, '..', '..');

function diff(...of: string[]): string {
  return execFileSync('git', ['diff', '--unified=0', ...of], { cwd: root, encoding: 'utf8' });
}

function ranges(): string[] {
  const asked = process.argv.slice(2);
  if (asked.length > 0) return asked;
  const open = changedRanges(diff('HEAD'));
  return open.length > 0 ? open : changedRanges(diff('HEAD~1', 'HEAD'));
}

async function main(): Promise<void> {
  const { Stryker } = await import('@stryker-mutator/core');
  const imports = readImports(root, ['lib', 'nodes', 'test']);
  const ends = Date.now() + MOST_MINUTES * 60_000;
  const byFile = new Map<string, string[]>();
  for (const range of ranges()) {
    const file = range.replace(/:.*/, '');
    byFile.set(file, [...(byFile.get(file) ?? []), range]);
  }
  let caught = 0;
  let survived = 0;
  for (const [file, mutate] of byFile) {
    if (Date.now() > ends) {
      console.log(`${file}: left out, ${MOST_MINUTES} minutes are over`);
      continue;
    }
    const tests = testsOf(file, imports);
    if (tests.length === 0) {
      console.log(`${file}: no test imports it, not even by way of others`);
      continue;
    }
    console.log(`${file}: judged by ${tests.join(', ')}`);
    const results = await new Stryker({
      mutate,
      testRunner: 'command',
      commandRunner: {
        command: `node node_modules/mocha/bin/mocha.js --no-config --bail --require tsx/cjs --timeout 20000 ${tests.join(' ')}`,
      },
      // Words of a sentence and log lines are nobody's bug.
      mutator: { excludedMutations: ['StringLiteral'] },
      reporters: [],
      logLevel: 'error' as never,
      allowConsoleColors: false,
      concurrency: 2,
      timeoutMS: 10_000,
      tempDirName: 'node_modules/.cache/mutate',
    }).runMutationTest();
    for (const { status, location, replacement, mutatorName } of results) {
      if (status === 'Killed' || status === 'Timeout') caught++;
      if (status !== 'Survived') continue;
      survived++;
      console.log(`  ${file}:${location.start.line} survived: ${mutatorName}, as ${replacement}`);
    }
  }
  console.log(`${caught} of ${caught + survived} bugs were noticed`);
}

void main();
