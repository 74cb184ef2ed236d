// ARCHITECTURE.md is the contract: what it names is held against the code here.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { NVR_ERROR_CODES } from '../lib/errors.js';

const ROOT = path.join(__dirname, '..');

/** The part of a page below one heading. */
function section(text: string, heading: string): string {
  return text.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
}

describe('ARCHITECTURE.md', () => {
  const text = fs.readFileSync(path.join(ROOT, 'ARCHITECTURE.md'), 'utf8');

  it('names files and folders that exist', () => {
    const named = [...text.matchAll(/`((?:lib|nodes|test)\/[\w./-]+)`/g)].map(([, name]) => name!);
    assert.ok(named.length > 20);
    for (const name of named) assert.ok(fs.existsSync(path.join(ROOT, name)), name);
  });

  it('has every code of the closed table, and no other', () => {
    const codes = [...section(text, 'Codes').matchAll(/^\| `(E[A-Z]+)`/gm)].map(([, code]) => code);
    assert.deepEqual(codes, [...NVR_ERROR_CODES]);
  });

  it('has every folder of lib/ as a floor, and every one of lib/nvr/ as a room', () => {
    const folders = (below: string): string[] =>
      fs
        .readdirSync(path.join(ROOT, below), { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map((entry) => entry.name);
    const floors = section(text, 'The floors of lib/');
    for (const name of [...folders('lib'), ...folders('lib/nvr')])
      assert.match(floors, new RegExp(`^\\| \`${name}/\``, 'm'), name);
  });

  it('has every node type in the message contract', () => {
    const { 'node-red': red } = JSON.parse(fs.readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as {
      'node-red': { nodes: Record<string, string> };
    };
    const contract = section(text, 'The message contract');
    for (const type of Object.keys(red.nodes).filter((name) => name !== 'nvr-server'))
      assert.match(contract, new RegExp(`^\\| \`${type}\``, 'm'), type);
  });
});
