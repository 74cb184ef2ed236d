'use strict';
// Compiles lib/ and nodes/ into dist/ and puts what is read at run time beside the compiled files: html, locales, icons, the simulator's clips.
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

const root = path.join(__dirname, '..');
const dist = path.join(root, 'dist');
const from = (...parts) => path.join(root, ...parts);
const to = (...parts) => path.join(dist, ...parts);

fs.rmSync(dist, { recursive: true, force: true });
execFileSync(process.execPath, [require.resolve('typescript/bin/tsc'), '-p', root], { stdio: 'inherit' });

for (const name of fs.readdirSync(from('nodes'))) {
  if (name.endsWith('.html')) fs.copyFileSync(from('nodes', name), to('nodes', name));
}
// What the dialogs of all nodes share travels with the config node's, which each of them needs.
fs.appendFileSync(to('nodes', 'nvr-server.html'), fs.readFileSync(from('nodes', 'shared', 'editor.html')));
for (const language of fs.readdirSync(from('nodes', 'locales'))) {
  const folder = from('nodes', 'locales', language);
  fs.mkdirSync(to('nodes', 'locales', language), { recursive: true });
  // The words of status badges are the same for every node, and each node's catalog needs them.
  const shared = JSON.parse(fs.readFileSync(from('nodes', 'shared', 'locales', `${language}.json`), 'utf8'));
  for (const name of fs.readdirSync(folder)) {
    const target = to('nodes', 'locales', language, name);
    if (!name.endsWith('.json')) fs.copyFileSync(path.join(folder, name), target);
    else
      fs.writeFileSync(
        target,
        JSON.stringify({ ...shared, ...JSON.parse(fs.readFileSync(path.join(folder, name), 'utf8')) }),
      );
  }
}
fs.cpSync(from('icons'), to('nodes', 'icons'), { recursive: true });
fs.cpSync(from('lib', 'simulator', 'clips'), to('lib', 'simulator', 'clips'), {
  recursive: true,
  filter: (name) => !name.endsWith('.sh'),
});
fs.chmodSync(to('lib', 'simulator', 'cli.js'), 0o755);
