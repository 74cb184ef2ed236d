// Finds the Node-RED to start: in NODE_RED_HOME, beside this package, in the current folder, or the installed
// command.

import fs from 'node:fs';
import path from 'node:path';

const OLDEST_MAJOR = 4;

/** The file that starts Node-RED. Throws an Error with instructions for installing it. */
export function nodeRedProgram(
  root: string,
  environment: NodeJS.ProcessEnv = process.env,
  folder = process.cwd(),
): string {
  const program = resolved([environment.NODE_RED_HOME ?? root, root, folder]) ?? onPath(environment);
  if (program === undefined)
    throw new Error(
      'No Node-RED was found: install it (npm install -g node-red), or let npx fetch it: npx -p node-red -p @nvr-flow/node-red-mobotix-nvr nvr-demo',
    );
  const { version } = JSON.parse(
    fs.readFileSync(path.join(path.dirname(program), 'package.json'), 'utf8'),
  ) as { version: string };
  if (Number.parseInt(version, 10) < OLDEST_MAJOR)
    throw new Error(`Node-RED ${version} is too old: ${OLDEST_MAJOR}.0 or later is needed.`);
  return program;
}

function resolved(folders: readonly string[]): string | undefined {
  for (const folder of folders) {
    try {
      return require.resolve('node-red/red.js', { paths: [folder] });
    } catch {
      // Not there: try the next folder.
    }
  }
  return undefined;
}

/** On Linux and macOS the command is a link to the file; on Windows it is a script beside the modules. */
function onPath(environment: NodeJS.ProcessEnv): string | undefined {
  const folders = (environment.PATH ?? environment.Path ?? '')
    .split(path.delimiter)
    .filter((folder) => path.isAbsolute(folder));
  for (const folder of folders) {
    const candidates = [
      path.join(folder, 'node-red'),
      path.join(folder, 'node_modules', 'node-red', 'red.js'),
      path.join(folder, '..', 'node-red', 'red.js'),
    ];
    for (const candidate of candidates) {
      const file = realFile(candidate);
      if (file !== undefined && path.basename(file) === 'red.js') return file;
    }
  }
  return undefined;
}

function realFile(file: string): string | undefined {
  try {
    return fs.realpathSync(file);
  } catch {
    return undefined;
  }
}
