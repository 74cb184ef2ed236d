import assert from 'node:assert/strict';
import { givenFor, isFromMessage } from '../../../../nodes/shared/settings/given.js';
import { FakeRed } from '../../../kit/fake-red.js';

const { RED } = new FakeRed();

describe('what a message gives for a setting', () => {
  const give = (settings: Record<string, unknown>, message: object): unknown =>
    givenFor({ RED, settings }, 'at', message as never);

  it('is its property of the setting’s name, else what the dialog has; empty is none', () => {
    assert.equal(give({ at: '-5m', atType: 'str' }, { at: 7 }), 7);
    assert.equal(give({ at: '-5m', atType: 'str' }, { at: 0 }), 0);
    for (const at of [undefined, null, '', ' ']) assert.equal(give({ at: '-5m' }, { at }), '-5m');
  });

  it('is the property that the dialog names, and must be there', () => {
    const settings = { at: 'payload.at', atType: 'msg' };
    assert.equal(isFromMessage({ RED, settings }, 'at'), true);
    assert.equal(give(settings, { payload: { at: '-5m' }, at: 'other' }), '-5m');
    for (const message of [
      {},
      { payload: 5 },
      { payload: { at: '' } },
      { payload: { at: null } },
      { at: '-5m' },
    ])
      assert.throws(() => give(settings, message), {
        code: 'EINPUT',
        message: 'msg.payload.at is missing, which the setting "at" comes from.',
      });
  });
});
