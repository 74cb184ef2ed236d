// Which Node-RED an unfinished recording belongs to.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import sinon from 'sinon';
import type { NodeAPI } from 'node-red';
import type { RecorderOwner } from '../../../lib/nvr/recorder/types.js';
import { ownerOf } from '../../../nodes/shared/instance.js';

const CAMERA = '10.0.0.2:554/1/main';
const owner = (userDir: string | undefined, camera = CAMERA): RecorderOwner =>
  ownerOf({ settings: { userDir } } as unknown as NodeAPI, camera);

describe('the identity of a Node-RED that records', () => {
  let folder: string;

  beforeEach(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'instance-'));
  });

  afterEach(() => {
    sinon.restore();
    for (const one of [folder, `${folder}-before`]) fs.rmSync(one, { recursive: true, force: true });
  });

  it('stays the same while its user folder fills, however the folder is written', () => {
    const { id } = owner(folder);
    for (let i = 0; i < 60; i++) fs.writeFileSync(path.join(folder, `${'x'.repeat(200)}-${i}`), '');
    assert.equal(owner(folder).id, id);
    assert.equal(owner(`${folder}/./`).id, id);
    assert.match(id, /^[0-9a-f]{16}$/);
  });

  it('is another for another folder under the same path, as containers of one image have', () => {
    const { id } = owner(folder);
    // The old one is kept, so that its number is not given to the new one.
    fs.renameSync(folder, `${folder}-before`);
    fs.mkdirSync(folder);
    assert.notEqual(owner(folder).id, id);
    assert.notEqual(owner(`${folder}-before`).id, id, 'the path counts as well');
  });

  it('is another on another machine', () => {
    const here = owner(folder);
    sinon.stub(os, 'hostname').returns('another');
    const there = owner(folder);
    assert.notEqual(there.id, here.id);
    assert.notEqual(there.host, here.host);
    assert.equal(there.camera, here.camera);
  });

  it('exists also where its user folder does not yet, and is the working folder’s without one', () => {
    const missing = path.join(folder, 'not', 'yet');
    assert.equal(owner(missing).id, owner(missing).id);
    assert.notEqual(owner(missing).id, owner(folder).id);
    assert.equal(owner(undefined).id, owner(process.cwd()).id);
  });

  it('tells its cameras apart, and not those of another Node-RED from its own', () => {
    assert.notEqual(owner(folder, 'another').camera, owner(folder).camera);
    assert.equal(owner(folder, 'another').id, owner(folder).id);
    assert.equal(owner(os.tmpdir()).camera, owner(folder).camera);
  });

  it('calls a process alive that runs, be it another user’s, and none that has ended', () => {
    const { isAlive, pid } = owner(folder);
    assert.equal(pid, process.pid);
    assert.equal(isAlive(process.pid), true);
    const kill = sinon.stub(process, 'kill');
    for (const [code, expected] of [
      ['EPERM', true],
      ['ESRCH', false],
    ] as const) {
      kill.throws(Object.assign(new Error(code), { code }));
      assert.equal(isAlive(12_345), expected, code);
    }
    assert.deepEqual(kill.firstCall.args, [12_345, 0], 'a signal would end it');
  });
});
