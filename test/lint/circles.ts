// Part of `npm run lint`: files of lib/ and nodes/ that import each other in a circle, types included. Exit
// code 1 where there are any.

import fs from 'node:fs';
import path from 'node:path';
import ts from 'typescript';

/** What each file imports, by path; files outside the map do not count. */
export type Imports = ReadonlyMap<string, readonly string[]>;

/**
 * The circles of imports, each as the files on its way round; empty where there are none (Tarjan's strongly
 * connected components).
 */
export function circles(imports: Imports): string[][] {
  const found: string[][] = [];
  const order = new Map<string, number>();
  const lowest = new Map<string, number>();
  const stack: string[] = [];
  const visit = (file: string): void => {
    order.set(file, order.size);
    lowest.set(file, order.get(file)!);
    stack.push(file);
    for (const next of imports.get(file) ?? []) {
      if (!imports.has(next)) continue;
      if (!order.has(next)) visit(next);
      if (stack.includes(next)) lowest.set(file, Math.min(lowest.get(file)!, lowest.get(next)!));
    }
    if (lowest.get(file) !== order.get(file)) return;
    const component = stack.splice(stack.indexOf(file));
    if (component.length > 1 || imports.get(file)!.includes(file)) found.push(component);
  };
  for (const file of imports.keys()) if (!order.has(file)) visit(file);
  return found;
}

/** The imports of every TypeScript file below the folders. */
export function readImports(root: string, folders: readonly string[]): Imports {
  const files = folders
    .flatMap((folder) =>
      fs
        .readdirSync(path.join(root, folder), { recursive: true })
        .map((name) => path.join(folder, String(name))),
    )
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts'));
  return new Map(
    files.map((file) => {
      const { importedFiles } = ts.preProcessFile(fs.readFileSync(path.join(root, file), 'utf8'), true, true);
      const own = importedFiles.filter(({ fileName }) => fileName.startsWith('.'));
      return [
        file,
        own.map(({ fileName }) => path.join(path.dirname(file), fileName.replace(/\.js$/, '.ts'))),
      ];
    }),
  );
}

if (require.main === module) {
  const found = circles(readImports(path.join(__dirname, '..', '..'), ['lib', 'nodes']));
  for (const circle of found) console.error(`Imports go in a circle: ${[...circle, circle[0]].join(' -> ')}`);
  process.exitCode = found.length === 0 ? 0 : 1;
}
