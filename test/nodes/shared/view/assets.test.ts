import assert from 'node:assert/strict';
import fs from 'node:fs/promises';
import { createRequire } from 'node:module';
import sinon from 'sinon';

const load = createRequire(__filename);
const MODULE = load.resolve('../../../../nodes/shared/view/assets.js');

describe('the files of a view’s page', () => {
  let asset: (typeof import('../../../../nodes/shared/view/assets.js'))['asset'];

  beforeEach(() => {
    const { [MODULE]: before } = load.cache;
    // eslint-disable-next-line @typescript-eslint/no-dynamic-delete -- a module that has read nothing yet
    delete load.cache[MODULE];
    ({ asset } = load(MODULE) as typeof import('../../../../nodes/shared/view/assets.js'));
    load.cache[MODULE] = before;
  });

  afterEach(() => {
    sinon.restore();
  });

  it('are read once', async () => {
    const read = sinon.spy(fs, 'readFile');
    for (let times = 0; times < 3; times++) assert.ok((await asset('/page.css'))!.plain.length > 0);
    assert.equal(read.callCount, 1);
  });

  it('are looked for again after one was missing', async () => {
    const read = sinon.stub(fs, 'readFile').rejects(new Error('gone'));
    await assert.rejects(asset('/page.css')!);
    read.restore();
    assert.ok((await asset('/page.css'))!.gzipped.length > 0);
  });

  it('are no others', () => {
    for (const name of ['constructor', '__proto__', '/view-site.js', ''])
      assert.equal(asset(name), undefined);
  });
});
