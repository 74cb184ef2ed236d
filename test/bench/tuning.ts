// npm run bench:tuning: datagrams at 20,000 a second, the wait from a unit's last socket read to its
// subscriber, and what a camera costs beside 0 to 63 others. Prints tables in Markdown.

import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import { build, built, folder, median, spread, startGenerator, usage } from './common.js';
import type { Seen } from './latency.js';

const ROUNDS = 5;
const WINDOW_MS = 4000;
const RATE = 20_000;
const PACKETS = RATE * 5;

async function start(...args: (string | number)[]): Promise<ChildProcess> {
  const child = fork(built('latency'), args.map(String));
  await once(child, 'message');
  return child;
}

async function seen(child: ChildProcess): Promise<Seen> {
  const answer = once(child, 'message');
  child.send('seen?');
  return ((await answer) as [Seen])[0];
}

async function datagrams(port: number): Promise<void> {
  console.log(`\n### UDP, ${RATE} packets of 1.4 KB a second\n`);
  console.log('| sent | received | lost |\n| --- | --- | --- |');
  for (let round = 0; round < ROUNDS; round++) {
    const child = await start('udp', port, PACKETS, RATE);
    const [{ packets }] = (await once(child, 'message')) as [Seen];
    console.log(`| ${PACKETS} | ${packets} | ${PACKETS - packets} |`);
    child.kill();
  }
}

async function latency(port: number): Promise<void> {
  const child = await start('cameras', port, 16, 4);
  await wait(3000);
  await seen(child);
  await wait(WINDOW_MS * 3);
  const { units, p50, p99, worst } = await seen(child);
  child.kill();
  console.log(
    "\n### From the socket read of a unit's last packet to the subscriber, 16 cameras of 4 Mbit/s\n",
  );
  console.log('| units | half | 99 of 100 | worst |\n| --- | --- | --- | --- |');
  console.log(`| ${units} | ${p50.toFixed(3)} ms | ${p99.toFixed(3)} ms | ${worst.toFixed(3)} ms |`);
}

async function scaling(port: number): Promise<void> {
  console.log('\n### What one camera of 2 Mbit/s costs, by how many there are\n');
  console.log(
    '| cameras | CPU % per camera | spread | x one of 64 | bare socket, CPU % per camera | MB in all |',
  );
  console.log('| --- | --- | --- | --- | --- | --- |');
  const rows: { count: number; cpu: number[]; floor: number[]; rssMb: number }[] = [];
  for (const count of [1, 4, 16, 64]) {
    const children = [
      await start('cameras', port, count, 2),
      fork(built('cameras'), ['floor', String(port), String(count), '2']),
    ] as const;
    await wait(3000);
    const rounds: number[][] = [[], []];
    for (let round = 0; round < ROUNDS; round++) {
      const before = children.map(({ pid }) => usage(pid!).cpuMs);
      const started = performance.now();
      await wait(WINDOW_MS);
      const took = performance.now() - started;
      children.forEach(({ pid }, i) => {
        rounds[i]!.push(((usage(pid!).cpuMs - before[i]!) / took / count) * 100);
      });
    }
    rows.push({ count, cpu: rounds[0]!, floor: rounds[1]!, rssMb: usage(children[0].pid!).rssMb });
    for (const child of children) child.kill();
  }
  const last = median(rows.at(-1)!.cpu);
  for (const { count, cpu, floor, rssMb } of rows) {
    const cells = [median(cpu).toFixed(3), spread(cpu), (median(cpu) / last).toFixed(2)];
    console.log(`| ${[count, ...cells, median(floor).toFixed(3), rssMb.toFixed(0)].join(' | ')} |`);
  }
}

async function main(): Promise<void> {
  build();
  const generator = await startGenerator(Math.ceil((PACKETS * 1400) / 1024 / 1024) + 8);
  try {
    console.log(`Node.js ${process.version}, ${os.cpus().length} cores, loopback.`);
    await datagrams(generator.port);
    await latency(generator.port);
    await scaling(generator.port);
  } finally {
    generator.child.kill();
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

void main();
