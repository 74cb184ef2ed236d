// Pages of nodes on Node-RED's own web server. One handler per runtime finds the node for a path, so that a
// redeploy leaves no routes behind.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { NodeAPI } from 'node-red';
import { NvrError } from '../../../lib/errors.js';

/**
 * A request with the few Express properties that are used: `path` and `url` are relative to the app's mount
 * point.
 */
export interface SiteRequest extends IncomingMessage {
  readonly path: string;
}

/** Answers a request. `rest`: the path after the site's own; empty, or beginning with `/`. */
export type Site = (request: SiteRequest, response: ServerResponse, rest: string) => void;

type Next = (error?: unknown) => void;
type Middleware = (request: SiteRequest, response: ServerResponse, next: Next) => void;

interface Layer {
  readonly route?: { readonly path?: unknown; readonly methods?: Readonly<Record<string, boolean>> };
}

/** The parts of an Express app that are used. */
interface App {
  use(handler: Middleware): void;
  /** Express 4; in Express 5 this is `router`. */
  readonly _router?: { readonly stack?: readonly Layer[] };
}

/** By the runtime's app, because tests and embedders run several in a process. */
const sites = new WeakMap<object, Map<string, Site>>();

/**
 * Serves a site at a path, such as `/nvr/view/gate`. Returns a function that removes it. Throws EINPUT if the
 * path is taken.
 */
export function serveSite(RED: NodeAPI, path: string, site: Site): () => void {
  const app = RED.httpNode as unknown as App;
  const served = sites.get(app) ?? install(RED, app);
  const key = path.toLowerCase();
  if (served.has(key) || hasRoute(app, path))
    throw new NvrError('EINPUT', `The setting "path" names ${path}, which another node serves already.`);
  served.set(key, site);
  return () => {
    if (served.get(key) === site) served.delete(key);
  };
}

function install(RED: NodeAPI, app: App): Map<string, Site> {
  const served = new Map<string, Site>();
  sites.set(app, served);
  const own = (RED.settings as unknown as { httpNodeMiddleware?: Middleware | Middleware[] })
    .httpNodeMiddleware;
  const middleware = own === undefined ? [] : Array.isArray(own) ? own : [own];
  app.use((request, response, next) => {
    const found = lookUp(served, request.path);
    if (found === undefined) {
      next();
      return;
    }
    const steps = [...middleware];
    const step: Next = (error) => {
      if (error !== undefined) {
        next(error);
        return;
      }
      const handler = steps.shift();
      if (handler !== undefined) handler(request, response, step);
      else found.site(request, response, found.rest);
    };
    step();
  });
  return served;
}

/** The site with the longest path that is a prefix of the request's. */
function lookUp(served: ReadonlyMap<string, Site>, path: string): { site: Site; rest: string } | undefined {
  for (let end = path.length; end > 0; end = path.lastIndexOf('/', end - 1)) {
    const site = served.get(path.slice(0, end).toLowerCase());
    if (site !== undefined) return { site, rest: path.slice(end) };
  }
  return undefined;
}

/** Whether an `http in` node answers GET at the path. */
function hasRoute(app: App, path: string): boolean {
  const router = app._router ?? (app as unknown as { router?: { stack?: readonly Layer[] } }).router;
  return (router?.stack ?? []).some(
    ({ route }) => route?.methods?.get === true && typeof route.path === 'string' && route.path === path,
  );
}
