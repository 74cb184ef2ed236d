// npm run test:faults [-- --row TEXT]: runs every node under every fault, and a Node-RED that is stopped,
// killed and deployed to. Prints a table: time to recovery, reported and measured coverage, what the user
// saw.

import { parseArgs } from 'node:util';
import { lineOf, playMatrix } from './matrix.js';
import { playProcessRows, processLineOf } from './process-rows.js';

const { values } = parseArgs({ options: { row: { type: 'string', default: '' } } });

const fits = (name: string): boolean => name.includes(values.row);

void (async () => {
  const outcomes = await Promise.all([
    playMatrix(fits, (outcome) => {
      console.log(lineOf(outcome));
    }),
    playProcessRows(fits, (outcome) => {
      console.log(processLineOf(outcome));
    }),
  ]);
  const rows = outcomes.flat();
  const bad = rows.filter(({ problems }) => problems.length > 0).length;
  console.log(`${rows.length} rows, ${bad} with problems`);
  process.exit(bad > 0 ? 1 : 0);
})();
