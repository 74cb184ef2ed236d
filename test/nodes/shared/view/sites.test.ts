import assert from 'node:assert/strict';
import type { NodeAPI } from 'node-red';
import { serveSite } from '../../../../nodes/shared/view/sites.js';

type Handler = (request: object, response: object, next: (error?: unknown) => void) => void;

/** An app as Express makes it, and what becomes of a path. */
function rig(settings: object = {}, routes: object[] = []) {
  const handlers: Handler[] = [];
  const app = { use: (handler: Handler) => handlers.push(handler), router: { stack: routes } };
  const RED = { httpNode: app, settings } as unknown as NodeAPI;
  const ask = (path: string): string => {
    let found = '';
    const answer = {
      found: (what: string) => {
        found = what;
      },
    };
    handlers[0]?.({ path }, answer, (error) => {
      found = error === undefined ? 'next' : 'error';
    });
    return found;
  };
  const serve = (path: string, name: string): (() => void) =>
    serveSite(RED, path, (_request, response, rest) => {
      (response as unknown as { found: (what: string) => void }).found(`${name}${rest}`);
    });
  return { handlers, ask, serve };
}

describe('the sites of view nodes', () => {
  it('are found by their path in whatever case, the longest of those that fit, and everything else is passed on', () => {
    const { handlers, ask, serve } = rig();
    serve('/cams', 'a');
    serve('/cams/Gate', 'b');
    assert.equal(handlers.length, 1, 'one handler for all');
    for (const [path, found] of [
      ['/cams', 'a'],
      ['/CAMS/', 'a/'],
      ['/cams/page.js', 'a/page.js'],
      ['/cams/gate/x/Y', 'b/x/Y'],
      ['/camsx', 'next'],
      ['/', 'next'],
    ] as const)
      assert.equal(ask(path), found, path);
  });

  it('are each at a path of their own, which is free again when its node is gone, and stays the next one’s', () => {
    const { ask, serve } = rig({}, [{ route: { path: '/taken', methods: { get: true } } }, {}]);
    const unserve = serve('/cams', 'old');
    for (const path of ['/CAMS', '/taken']) assert.throws(() => serve(path, 'new'), { code: 'EINPUT' });
    unserve();
    assert.equal(ask('/cams'), 'next');
    serve('/cams', 'new');
    unserve();
    assert.equal(ask('/cams'), 'new');
  });

  it('are shown to whom Node-RED’s middleware lets through, each time', () => {
    const asked: string[] = [];
    const middleware = ['one', 'two'].map(
      (name) => (_request: object, _response: object, next: (error?: Error) => void) => {
        asked.push(name);
        next(asked.length > 4 ? new Error('no') : undefined);
      },
    );
    const { ask, serve } = rig({ httpNodeMiddleware: middleware });
    serve('/cams', 'a');
    assert.deepEqual([ask('/cams'), ask('/cams'), ask('/cams'), ask('/other')], ['a', 'a', 'error', 'next']);
    assert.deepEqual(asked, ['one', 'two', 'one', 'two', 'one']);
  });
});
