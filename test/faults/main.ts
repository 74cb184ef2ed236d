// npm run test:faults [-- --row TEXT]: every node under every fault, as one table: time to recovery, coverage told and measured, what the user saw.

import { parseArgs } from 'node:util';
import { lineOf, playMatrix } from './matrix.js';

const { values } = parseArgs({ options: { row: { type: 'string', default: '' } } });

void playMatrix(
  (name) => name.includes(values.row),
  (outcome) => {
    console.log(lineOf(outcome));
  },
).then((outcomes) => {
  const bad = outcomes.filter(({ problems }) => problems.length > 0).length;
  console.log(`${outcomes.length} rows, ${bad} with problems`);
  process.exit(bad > 0 ? 1 : 0);
});
