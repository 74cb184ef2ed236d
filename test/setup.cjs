'use strict';
// Installs what package-lock.json names, if anything of it is missing or of another version. Says nothing
// where all is there.
const { execSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

const root = path.join(__dirname, '..');
const { packages } = JSON.parse(fs.readFileSync(path.join(root, 'package-lock.json'), 'utf8'));
const { '': own } = packages;

function isInstalled(name) {
  const file = path.join(root, 'node_modules', name, 'package.json');
  if (!fs.existsSync(file)) return false;
  return JSON.parse(fs.readFileSync(file, 'utf8')).version === packages[`node_modules/${name}`].version;
}

if (!Object.keys({ ...own.dependencies, ...own.devDependencies }).every(isInstalled)) {
  console.log('Installing what the package needs …');
  execSync('npm ci --no-audit --no-fund', { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
}
