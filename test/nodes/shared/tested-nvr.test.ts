import assert from 'node:assert/strict';
import { nodeOf, testedNvr } from '../../../nodes/shared/tested-nvr.js';
import { FakeRed } from '../../kit/fake-red.js';

describe('the NVR that a dialog tests', () => {
  function rig(raw: object = {}, saved: object = {}) {
    const red = new FakeRed();
    const server = red.server({}, { host: '10.0.0.1', username: 'admin', password: 'stored' });
    Object.assign(red.raw[0]!, { host: '10.0.0.1', version: 1, ...raw });
    Object.assign(server, { saved: { host: '10.0.0.1', ...raw, ...saved } });
    const tested = (body: object) =>
      testedNvr(red.RED, { id: 'nvr', server: { host: '10.0.0.1', ...raw }, ...body });
    return { red, server, tested };
  }

  it('is the deployed one where all is as it was, the account included', () => {
    const { server, tested } = rig();
    for (const account of [
      { stored: 'account' },
      { stored: 'password', username: 'admin' },
      { username: 'admin', password: 'stored' },
    ])
      assert.deepEqual({ ...tested(account) }, { nvr: server.nvr, isOwn: false, isGuess: false });
  });

  it('is a new one with whatever was changed, a guess where the password was typed, and lingers for 2 s', () => {
    const { server, tested } = rig();
    for (const [change, isGuess, user, password] of [
      [{ stored: 'account', server: { host: '10.0.0.1', silence: '9' } }, false, 'admin', 'stored'],
      [{ username: 'admin', password: 'other' }, true, 'admin', 'other'],
      [{ username: 'other', password: 'stored' }, true, 'other', 'stored'],
      [{ username: '', password: '' }, false, '', ''],
      [{ id: 'gone', username: 'admin', password: 'stored' }, true, 'admin', 'stored'],
    ] as const) {
      const { nvr, isOwn, isGuess: guessed } = tested(change);
      const { username, linger } = nvr.settings;
      assert.notEqual(nvr, server.nvr);
      assert.deepEqual(
        { isOwn, guessed, username, password: nvr.settings.password, linger },
        { isOwn: true, guessed: isGuess, username: user, password, linger: 2 },
      );
    }
  });

  it('is a new one while the deployed one cannot be used', () => {
    const { server, tested } = rig();
    server.nvr = undefined;
    assert.equal(tested({ stored: 'account' }).isOwn, true);
  });

  it('gets the stored password with the stored user alone, where that is what the dialog shows', () => {
    const { tested } = rig();
    assert.throws(() => tested({ stored: 'password', username: 'other' }), /type the password again/);
    for (const change of [{ host: '10.0.0.2' }, { host: '10.0.0.1', redirects: 'any' }])
      for (const stored of ['account', 'password'])
        assert.throws(() => tested({ stored, username: 'admin', server: change }), /type the password again/);
  });

  it('has no password where none is stored, since nothing is deployed', () => {
    const { tested } = rig();
    const { nvr, isGuess } = tested({ id: 'gone', stored: 'password', username: 'u', password: '__PWRD__' });
    assert.deepEqual(
      { username: nvr.settings.username, password: nvr.settings.password, isGuess },
      { username: 'u', password: '', isGuess: true },
    );
  });

  it('is refused with the setting that cannot be used', () => {
    const { tested } = rig();
    assert.throws(() => tested({ server: { host: '10.0.0.1', silence: '0' } }), {
      code: 'EINPUT',
      message: /"silence"/,
    });
    for (const username of [5, {}, 'x'.repeat(1025)])
      assert.throws(() => tested({ username }), { message: 'The setting "username" must be text.' });
    for (const account of [{ username: '${USER}' }, { password: 'x${SECRET}' }])
      assert.throws(() => tested(account), { message: /names a variable: deploy first/ });
    assert.equal(tested({ username: 'x'.repeat(1024) }).isOwn, true);
    for (const server of [undefined, null, [], 'x']) assert.throws(() => tested({ server }), /"host"/);
  });

  it('reads a node that 0.1.0 saved as what it means now', () => {
    const { server, tested } = rig({ version: undefined });
    assert.equal(
      tested({ stored: 'account', server: { host: '10.0.0.1', timeZone: 'UTC', keyTime: 'utc' } }).nvr,
      server.nvr,
    );
    assert.equal(tested({ stored: 'account', server: { host: '10.0.0.1' } }).isOwn, true);
  });

  it('is no node of another kind', () => {
    const { red, server } = rig();
    red.nodesById.set('other', { type: 'tls-config' });
    assert.deepEqual(
      [nodeOf(red.RED, 'nvr'), nodeOf(red.RED, 'other'), nodeOf(red.RED, 'none')],
      [server, undefined, undefined],
    );
  });

  it('takes the stored password into no new path that it would be a part of', () => {
    const { tested } = rig({ uriStyle: 'custom', liveTemplate: '/live' });
    const server = { host: '10.0.0.1', uriStyle: 'custom' };
    assert.throws(
      () => tested({ stored: 'account', server: { ...server, liveTemplate: '/{password}' } }),
      /type the password again/,
    );
    const { nvr } = tested({ stored: 'account', server: { ...server, liveTemplate: '/other' } });
    assert.equal(nvr.settings.password, 'stored');
  });
});
