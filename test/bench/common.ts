// What the benches share: the code compiled as it is shipped, the generator, and how figures are summed up.

import { execFileSync, fork, type ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const ROOT = path.join(__dirname, '..', '..');
export const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-bench-'));

/** What is measured is compiled as it is shipped. */
export function build(): void {
  const config = path.join(folder, 'tsconfig.json');
  const sources = ['generator', 'reader', 'cameras', 'latency', 'recorders'].map((name) =>
    path.join(__dirname, `${name}.ts`),
  );
  fs.symlinkSync(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'));
  fs.writeFileSync(path.join(folder, 'package.json'), '{}');
  fs.writeFileSync(
    config,
    JSON.stringify({
      extends: path.join(ROOT, 'tsconfig.json'),
      compilerOptions: {
        rootDir: ROOT,
        outDir: folder,
        declaration: false,
        typeRoots: [path.join(ROOT, 'node_modules/@types')],
      },
      files: sources,
      include: [],
    }),
  );
  execFileSync(process.execPath, [require.resolve('typescript/bin/tsc'), '-p', config], { stdio: 'inherit' });
}

/** A bench program, ready for `fork`. */
export const built = (name: string): string => path.join(folder, 'test', 'bench', `${name}.js`);

/** `megabytes`: the longest stream that will be asked for; `clips`: files of H.264 that it serves too. */
export async function startGenerator(
  megabytes: number,
  clips: readonly string[] = [],
): Promise<{ port: number; child: ChildProcess }> {
  const child = fork(built('generator'), [String(megabytes), ...clips]);
  const port = await new Promise<number>((resolve, reject) => {
    child.once('message', (message) => {
      resolve((message as { port: number }).port);
    });
    child.once('exit', () => {
      reject(new Error('the generator ended'));
    });
  });
  return { port, child };
}

export const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1]!;
export const spread = (values: readonly number[]): string =>
  `${Math.min(...values).toFixed(2)} to ${Math.max(...values).toFixed(2)}`;

/** User and system milliseconds, and resident MB, of a process. */
export function usage(pid: number): { cpuMs: number; rssMb: number } {
  const fields = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  const status = fs.readFileSync(`/proc/${pid}/status`, 'utf8');
  return {
    cpuMs: (Number(fields[11]) + Number(fields[12])) * 10,
    rssMb: Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024,
  };
}

/** User and system milliseconds of all children that have ended. */
export function endedCpuMs(): number {
  const fields = fs.readFileSync('/proc/self/stat', 'utf8').split(') ')[1]!.split(' ');
  return (Number(fields[13]) + Number(fields[14])) * 10;
}
