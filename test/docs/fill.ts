// `npm run docs`: writes the pages of the manual that are made from the code.

import fs from 'node:fs';
import path from 'node:path';
import prettier from 'prettier';
import { PAGES } from './pages.js';

const DOCS = path.join(__dirname, '..', '..', 'docs');

async function main(): Promise<void> {
  for (const [name, page] of Object.entries(PAGES)) {
    const options = await prettier.resolveConfig(path.join(DOCS, name));
    const text = await prettier.format(page(), { ...options, parser: 'markdown' });
    fs.writeFileSync(path.join(DOCS, name), text);
  }
}

void main();
