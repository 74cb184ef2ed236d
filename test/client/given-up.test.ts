import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { throwIfGivenUp, unlessGivenUp } from '../../lib/client/given-up.js';

const never = (): Promise<never> => new Promise(() => undefined);
const turn = (): Promise<void> => new Promise(setImmediate);

describe('work that may be given up', () => {
  let control: AbortController;
  /** Failures of which nobody took notice. */
  let unhandled: unknown[];
  const hear = (reason: unknown): void => void unhandled.push(reason);

  beforeEach(() => {
    control = new AbortController();
    unhandled = [];
    process.on('unhandledRejection', hear);
  });

  afterEach(() => {
    process.off('unhandledRejection', hear);
  });

  it('ends as it ends by itself, and leaves nothing behind on its signal', async () => {
    const { signal } = control;
    assert.equal(await unlessGivenUp(Promise.resolve(1), signal), 1);
    await assert.rejects(unlessGivenUp(Promise.reject(new Error('no')), signal), { message: 'no' });
    assert.equal(getEventListeners(signal, 'abort').length, 0);
    assert.equal(await unlessGivenUp(Promise.resolve(2), undefined), 2);
  });

  it('ends when it is given up, and its own failure afterwards is nobody’s', async () => {
    let fail: (error: Error) => void = () => undefined;
    const work = new Promise<void>((_, reject) => (fail = reject));
    const given = assert.rejects(unlessGivenUp(work, control.signal), { code: 'EUNREACHABLE' });
    control.abort();
    await given;
    fail(new Error('late'));
    await turn();
    assert.deepEqual(unhandled, []);
  });

  it('ends at once where it was given up before, whether it fails or never ends', async () => {
    control.abort();
    for (const work of [never, () => Promise.reject(new Error('no'))])
      await assert.rejects(unlessGivenUp(work(), control.signal), { code: 'EUNREACHABLE' });
    await turn();
    assert.deepEqual(unhandled, []);
    assert.throws(
      () => {
        throwIfGivenUp(control.signal);
      },
      { code: 'EUNREACHABLE' },
    );
    throwIfGivenUp(new AbortController().signal);
    throwIfGivenUp(undefined);
  });
});
