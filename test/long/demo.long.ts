import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { ROOT, startDemo } from '../demo/demo-run.js';

describe('npm run demo, as a whole', function () {
  this.timeout(180_000);

  it('-- --check: every example flow delivers, what it delivers is real, and nothing is left behind', async () => {
    const before = fs.readdirSync(ROOT);
    const run = startDemo('--check');
    assert.equal(await run.exited, 0, run.output());
    const examples = fs.readdirSync(path.join(ROOT, 'examples')).map((name) => path.basename(name, '.json'));
    for (const name of examples.filter((each) => !/^(08|12|14) /.test(each)))
      assert.match(run.output(), new RegExp(`${name.replace(/[^\w ]/g, '.')} +yes`));
    assert.deepEqual(fs.readdirSync(ROOT), before);
  });
});
