// npm run test:hostile [-- --all] [--seconds N] [--attack TEXT]: runs the attacks one after the other, each
// against its own Node-RED, and prints a table. --all or a text also selects from the further attacks.

import { parseArgs } from 'node:util';
import { ATTACKS, FURTHER } from './attacks.js';
import { runAttack, type Outcome } from './stage.js';

const { values } = parseArgs({
  options: {
    all: { type: 'boolean', default: false },
    seconds: { type: 'string', default: '5' },
    attack: { type: 'string', default: '' },
  },
});

void (async () => {
  const further = values.all || values.attack !== '' ? FURTHER : [];
  for (const attack of [...ATTACKS, ...further]) {
    if (!attack.name.includes(values.attack)) continue;
    const outcome = await runAttack(attack, Number(values.seconds));
    console.log(line(outcome));
    if (outcome.problems.length > 0) process.exitCode = 1;
  }
})();

function line(outcome: Outcome): string {
  const { attack, sentBytes, seconds, grownBytes, p99, idleP99, worst, others, seen, problems } = outcome;
  const megabits = ((sentBytes * 8) / seconds / 1e6).toFixed(0);
  const words = Object.entries({ ...seen.words, ...seen.caught }).map(([word, count]) => `${word} ${count}`);
  return [
    problems.length === 0 ? 'ok  ' : 'FAIL',
    attack.padEnd(70),
    `${megabits} Mbit/s`.padStart(11),
    `+${(grownBytes / 1048576).toFixed(0)} MB`.padStart(8),
    `page p99 ${p99.toFixed(0)} ms (idle ${idleP99.toFixed(0)}), worst ${worst.toFixed(0)} ms`.padEnd(46),
    `other camera ${(others * 100).toFixed(0)} %`.padEnd(18),
    `${seen.pictures} pictures, ${seen.side} sounds, ${seen.events} events (${words.join(', ')})`,
    ...problems.map((problem) => `\n     ${problem}`),
  ].join(' ');
}
