import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { NODE_MODULES, recordRoutes } from './routes.js';

const ROOT = path.join(__dirname, '..', '..');

describe('what the package adds to the admin API', () => {
  const routes = recordRoutes();

  it('is asked for by POST alone, and every route begins with the permission nvr.write', () => {
    assert.ok(routes.length >= 3);
    for (const { on, method, route, permission, handlers } of routes) {
      assert.deepEqual(
        { on, method, permission },
        { on: 'httpAdmin', method: 'post', permission: 'nvr.write' },
        route,
      );
      assert.match(route, /^\/nvr-flow\/[a-z-]+$/);
      assert.equal(handlers, 2, 'the permission, then the work');
    }
    assert.equal(new Set(routes.map(({ route }) => route)).size, routes.length);
  });

  it('is named in SECURITY.md, route by route', () => {
    const text = fs.readFileSync(path.join(ROOT, 'SECURITY.md'), 'utf8');
    for (const { route } of routes)
      assert.ok(text.includes(`\`POST ${route}\``) || text.includes(`\`${route}\``), route);
  });

  it('is looked for in every node type of the package', () => {
    const declared = JSON.parse(fs.readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as {
      'node-red': { nodes: Record<string, string> };
    };
    for (const type of Object.keys(declared['node-red'].nodes)) assert.ok(NODE_MODULES.includes(type), type);
  });
});
