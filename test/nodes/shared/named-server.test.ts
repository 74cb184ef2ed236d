import assert from 'node:assert/strict';
import { namedServer } from '../../../nodes/shared/named-server.js';
import { FakeRed } from '../../kit/fake-red.js';

describe('the NVR that a message names', () => {
  function of(...names: string[]) {
    const red = new FakeRed();
    const servers = names.map((name, i) => red.server({}, { name }, `nvr${i}`).asServer);
    return { red, servers, named: (given: unknown) => namedServer(red.RED, servers[0]!, given) };
  }

  it('is the node’s own where it names none, and any other of this Node-RED by name', () => {
    const { red, servers, named } = of('Home', ' Barn ');
    // One that is disabled, and a node of another kind.
    red.raw.push({ id: 'gone', type: 'nvr-server' }, { id: 'other', type: 'tab' });
    red.nodesById.set('other', { settings: { name: 'Tab' } });
    for (const given of [undefined, null, '', ' ']) assert.equal(named(given), servers[0]);
    for (const given of ['home', ' HOME ']) assert.equal(named(given), servers[0]);
    assert.equal(named('barn'), servers[1]);
    assert.throws(() => named('tab'), { code: 'EINPUT' });
  });

  it('is refused where none has the name, or two have it, with the names that there are', () => {
    const { named } = of('Home', 'Barn', 'barn');
    for (const [given, message] of [
      ['Door', 'msg.nvr "Door" names no NVR of this Node-RED; it has "Home", "Barn", "barn".'],
      ['BARN', 'msg.nvr "BARN" names 2 NVRs of this Node-RED; it has "Home", "Barn", "barn".'],
      [5, 'msg.nvr must be text: the name of an NVR of this Node-RED; it has "Home", "Barn", "barn".'],
    ] as const)
      assert.throws(() => named(given), { code: 'EINPUT', message });
  });

  it('is one of sixteen that an error lists, and the number of the others', () => {
    const { named } = of(...Array.from({ length: 20 }, (_, i) => `n${i}`));
    assert.throws(() => named('x'), { message: /"n15" and 4 more\.$/ });
    assert.throws(() => of(...Array.from({ length: 16 }, (_, i) => `n${i}`)).named('x'), {
      message: /"n15"\.$/,
    });
  });
});
