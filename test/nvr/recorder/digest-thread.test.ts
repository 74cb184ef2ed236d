import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import sinon from 'sinon';
import { DigestThread, type ThreadFile } from '../../../lib/nvr/recorder/digest-thread.js';

const IDLE_MS = 10_000;
/** Pieces by which the script of the test knows what to do. */
const [ECHO, END, SILENCE] = [0, 1, 2];
const SCRIPT = `
  const { parentPort } = require('node:worker_threads');
  const asked = {};
  parentPort.on('message', ({ file, piece, part }) => {
    if (piece?.[0] === ${END}) process.exit();
    if (piece?.[0] === ${SILENCE}) return;
    asked[file] = (asked[file] ?? '') + (part ?? '.');
    if (piece === undefined) parentPort.postMessage({ file, sha256: asked[file] });
    else parentPort.postMessage({ file, piece }, [piece.buffer]);
  });`;

describe('the thread that hashes files', () => {
  let folder: string;
  let script: string;
  let thread: DigestThread;

  before(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-digest-'));
    script = path.join(folder, 'echo.cjs');
    fs.writeFileSync(script, SCRIPT);
  });

  after(() => {
    fs.rmSync(folder, { recursive: true, force: true });
  });

  beforeEach(() => {
    thread = new DigestThread(script);
  });

  afterEach(async () => {
    sinon.restore();
    await thread.begin()?.worker.terminate();
  });

  function begin(): ThreadFile {
    const file = thread.begin();
    assert.ok(file);
    return file;
  }
  const ask = (file: ThreadFile, what = ECHO) => thread.ask(file, new Uint8Array([what]));

  it('is one for files at the same time, each of which has its own answers', async () => {
    const [one, two] = [begin(), begin()];
    assert.equal(one.worker, two.worker);
    assert.notEqual(one.file, two.file);
    await Promise.all([ask(one), ask(two), ask(begin())]);
    await thread.ask(one, new Uint8Array([ECHO]), 'ends');
    const [first, second] = await Promise.all([thread.ask(one), thread.ask(two)]);
    assert.deepEqual(
      { first: first?.sha256, second: second?.sha256 },
      { first: '.ends.', second: '..' },
      'the pieces of each, and what part they are of',
    );
    const { waiting } = thread as unknown as { waiting: Map<number, unknown> };
    assert.equal(waiting.size, 0);
  });

  it('ends 10 s after the last file, and not while there is one or another follows in time', async () => {
    const clock = sinon.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const [one, two] = [begin(), begin()];
    thread.end();
    clock.tick(2 * IDLE_MS);
    assert.ok(await ask(two), 'one of the two goes on');
    thread.end();
    clock.tick(IDLE_MS - 1);
    const three = begin();
    assert.equal(three.worker, one.worker);
    clock.tick(2 * IDLE_MS);
    assert.ok(await ask(three));
    thread.end();
    const ended = once(one.worker, 'exit');
    clock.tick(IDLE_MS - 1);
    assert.ok(await ask(three), 'it is still there');
    clock.tick(1);
    await ended;
    assert.notEqual(begin().worker, one.worker);
  });

  it('is followed by another one, which the end of the first does not concern', async () => {
    const clock = sinon.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const one = begin();
    assert.ok(await ask(one));
    thread.end();
    const ended = once(one.worker, 'exit');
    clock.tick(IDLE_MS);
    const two = begin();
    assert.notEqual(two.worker, one.worker);
    await ended;
    assert.ok(await ask(two));
    assert.equal(await ask(one), undefined, 'its state is gone');
  });

  it('answers nobody where it ends by itself, and the next file has a new one', async () => {
    const [one, two] = [begin(), begin()];
    const [ending, waiting] = [ask(one, END), ask(two, SILENCE)];
    assert.deepEqual({ one: await ending, two: await waiting }, { one: undefined, two: undefined });
    assert.equal(await ask(two), undefined);
    const three = begin();
    assert.notEqual(three.worker, one.worker);
    assert.ok(await ask(three));
  });

  it('is none where none can be started', () => {
    assert.equal(new DigestThread('none.cjs').begin(), undefined);
  });

  it('does not keep the process running while no file is being hashed', () => {
    const { worker } = begin();
    const calls: string[] = [];
    for (const name of ['ref', 'unref'] as const) sinon.stub(worker, name).callsFake(() => calls.push(name));
    const timers = (): number =>
      process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length;
    begin();
    const before = timers();
    thread.end();
    assert.deepEqual(calls, ['ref'], 'one is still being hashed');
    thread.end();
    begin();
    assert.deepEqual(calls, ['ref', 'unref', 'ref']);
    thread.end();
    assert.equal(timers(), before);
  });
});
