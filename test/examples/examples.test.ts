import assert from 'node:assert/strict';
import { COMMON, demoFlow, exampleFlows } from './flows.js';
import { typeDefinitions } from './node-defaults.js';

/** Types of packages that a user has to install beside this one; the file's name or its comments say so. */
const FOREIGN = 'ui-';

describe('the example flows', () => {
  const flows = exampleFlows();
  const types = typeDefinitions();

  for (const { name, nodes } of [...flows, demoFlow()])
    it(`${name}: has every setting of its nodes, and none that they do not know`, () => {
      for (const node of nodes) {
        if (node.type === 'tab' || node.type.startsWith(FOREIGN)) continue;
        const type = types.get(node.type);
        assert.ok(type !== undefined, `no node of type ${node.type} is known`);
        for (const setting of Object.keys(type.defaults))
          assert.ok(setting in node, `${node.type} lacks ${setting}: npm run examples`);
        for (const setting of Object.keys(node))
          assert.ok(COMMON.includes(setting) || setting in type.defaults, `${node.type} has no ${setting}`);
      }
    });

  for (const { name, nodes } of flows) {
    it(`${name}: says what it does and what to change, in comments and in the tab's description`, () => {
      const [tab] = nodes.filter(({ type }) => type === 'tab');
      assert.ok(tab!.info!.length > 80);
      const comments = nodes.filter(({ type }) => type === 'comment');
      assert.ok(comments.length >= 2);
      assert.ok(
        comments.some(({ name: text = '' }) => text.startsWith('Change: ')),
        'a comment that begins with "Change: "',
      );
    });

    it(`${name}: is wired within itself, and leaves no fault unheard`, () => {
      const ids = new Set(nodes.map(({ id }) => id));
      assert.equal(ids.size, nodes.length);
      for (const { wires = [], z, type, scope } of nodes) {
        for (const id of wires.flat()) assert.ok(ids.has(id), `${type} leads to ${id}`);
        if (z !== undefined) assert.ok(ids.has(z));
        if (Array.isArray(scope)) for (const id of scope) assert.ok(ids.has(id as string));
      }
      assert.ok(
        nodes.some(({ type }) => type === 'catch'),
        'a Catch node',
      );
    });
  }

  it('share one NVR, so that one that was set up is used by the next example too, and nothing else', () => {
    const owners = new Map<string, string>();
    for (const { name, nodes } of flows)
      for (const { id, type } of nodes) {
        if (type === 'nvr-server') {
          assert.equal(id, 'a1f0c0de000000aa', name);
          continue;
        }
        assert.equal(owners.get(id), undefined, `${id} of ${name} is in ${owners.get(id) ?? ''} too`);
        owners.set(id, name);
      }
    const servers = flows.map(({ nodes }) => nodes.find(({ type }) => type === 'nvr-server'));
    for (const server of servers) assert.deepEqual(server, servers[0]);
  });

  it('serve each address once', () => {
    const urls = [...flows, demoFlow()].flatMap(({ nodes }) =>
      nodes.filter(({ type }) => type === 'http in').map(({ method, url }) => `${String(method)} ${String(url)}`),
    );
    assert.equal(new Set(urls).size, urls.length, urls.join(', '));
  });
});
