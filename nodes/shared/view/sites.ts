// Pages of nodes on Node-RED's own web server: one handler per runtime looks up which node a path belongs to,
// so that a redeploy leaves no route behind.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { NodeAPI } from 'node-red';
import { NvrError } from '../../../lib/errors.js';

/** What Express adds is used sparingly: `path` and `url` are relative to where the app is mounted. */
export interface SiteRequest extends IncomingMessage {
  readonly path: string;
}

/** Answers a request; `rest` is the path behind the site's own: empty, or beginning with `/`. */
export type Site = (request: SiteRequest, response: ServerResponse, rest: string) => void;

type Next = (error?: unknown) => void;
type Middleware = (request: SiteRequest, response: ServerResponse, next: Next) => void;

interface Layer {
  readonly route?: { readonly path?: unknown; readonly methods?: Readonly<Record<string, boolean>> };
}

/** The parts of an Express app that are used. */
interface App {
  use(handler: Middleware): void;
  /** Express 4; Express 5 calls it `router`. */
  readonly _router?: { readonly stack?: readonly Layer[] };
}

/** By the app of the runtime: tests and embedders have several in a process. */
const sites = new WeakMap<object, Map<string, Site>>();

/**
 * Serves a site at a path, such as `/nvr/view/gate`. Answers how to take it away. Throws EINPUT where
 * something else has the path.
 */
export function serveSite(RED: NodeAPI, path: string, site: Site): () => void {
  const app = RED.httpNode as unknown as App;
  const known = sites.get(app) ?? install(RED, app);
  const key = path.toLowerCase();
  if (known.has(key) || hasRoute(app, path))
    throw new NvrError('EINPUT', `The setting "path" names ${path}, which another node serves already.`);
  known.set(key, site);
  return () => {
    if (known.get(key) === site) known.delete(key);
  };
}

function install(RED: NodeAPI, app: App): Map<string, Site> {
  const known = new Map<string, Site>();
  sites.set(app, known);
  const own = (RED.settings as unknown as { httpNodeMiddleware?: Middleware | Middleware[] })
    .httpNodeMiddleware;
  const middleware = own === undefined ? [] : Array.isArray(own) ? own : [own];
  app.use((request, response, next) => {
    const found = lookUp(known, request.path);
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
  return known;
}

/** The site with the longest path that begins the request's. */
function lookUp(known: ReadonlyMap<string, Site>, path: string): { site: Site; rest: string } | undefined {
  for (let end = path.length; end > 0; end = path.lastIndexOf('/', end - 1)) {
    const site = known.get(path.slice(0, end).toLowerCase());
    if (site !== undefined) return { site, rest: path.slice(end) };
  }
  return undefined;
}

/** Whether an `http in` node answers GET there. */
function hasRoute(app: App, path: string): boolean {
  const router = app._router ?? (app as unknown as { router?: { stack?: readonly Layer[] } }).router;
  return (router?.stack ?? []).some(
    ({ route }) => route?.methods?.get === true && typeof route.path === 'string' && route.path === path,
  );
}
