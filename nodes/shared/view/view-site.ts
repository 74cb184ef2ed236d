// HTTP interface of a page of cameras: the page and its scripts, the stream of all its cameras, what it wants
// to see, and still pictures for other uses.

import type { ServerResponse } from 'node:http';
import { NvrError } from '../../../lib/errors.js';
import type { StillPicture } from '../../../lib/nvr/view/still-feed.js';
import type { View, ViewCamera, Wish } from '../../../lib/nvr/view/view.js';
import { errorBody, sendJson } from './answers.js';
import { asset } from './assets.js';
import { Pictures, type PictureWish, type TakePicture } from './pictures.js';
import type { Recordings } from './recordings.js';
import type { Site, SiteRequest } from './sites.js';

interface ViewSiteOptions {
  readonly view: View;
  readonly cameras: readonly ViewCamera[];
  /** Sent to the page first: layout, stream, audio. */
  readonly hello: object;
  /** Other origins that may frame the page and read from it; empty for none. */
  readonly origins: readonly string[];
  readonly still: (channel: number, wish: PictureWish, signal: AbortSignal) => Promise<StillPicture>;
  readonly recordings: Recordings;
}

const MAX_BODY = 16 * 1024;
const MAX_WISHES = 256;
const UNREADABLE = 'The request cannot be read: its body must be JSON.';

/** The site of one view node. */
export function viewSite(options: ViewSiteOptions): Site {
  const pictures = new Pictures();
  const { recordings } = options;
  return (request, response, rest) => {
    guard(request, response, options);
    const picture = /^\/(\d{1,4})\.(jpg|mjpeg)$/.exec(rest);
    const saved = /^\/saved\/([0-9a-f-]{36})$/.exec(rest);
    const clip = /^\/clips\/([0-9a-f]{32})\.(mp4|jpg)$/.exec(rest);
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    // These responses end only with the connection, so a HEAD request for one would never be finished.
    const isEndless = rest === '/stream' || rest === '/replay' || picture?.[2] === 'mjpeg';
    if (request.method === 'POST' && rest === '/want') want(request, response, options);
    else if (request.method === 'POST' && rest === '/save') save(request, response, recordings);
    else if (request.method === 'OPTIONS') response.writeHead(204).end();
    else if (!isRead) response.writeHead(405, { Allow: 'GET, POST' }).end();
    else if (request.method === 'HEAD' && isEndless) response.writeHead(405, { Allow: 'GET' }).end();
    else if (rest === '') redirect(request, response);
    else if (rest === '/stream') stream(response, options);
    else if (rest === '/cameras.json') sendJson(response, 200, { cameras: options.cameras });
    else if (rest === '/recordings.json') void recordings.list(request.url ?? '', response);
    else if (rest === '/replay') void recordings.replay(request.url ?? '', response);
    else if (clip !== null) void recordings.clips.serve(clip[1]!, clip[2] as 'mp4' | 'jpg', response);
    else if (saved !== null) void recordings.fetch(saved[1]!, request, response);
    else if (picture === null) void sendAsset(request, response, rest);
    else {
      const channel = Number(picture[1]);
      const take: TakePicture = (wish, signal) => options.still(channel, wish, signal);
      if (!options.cameras.some((camera) => camera.channel === channel))
        sendJson(response, 404, { code: 'ECHANNEL', reason: 'This page has no such camera.' });
      else if (picture[2] === 'jpg') void pictures.still(request.url ?? '', response, take);
      else void pictures.mjpeg(request.url ?? '', response, take);
    }
  };
}

/**
 * Sets the headers of every response: no caching, no foreign scripts, and no framing or reading by other
 * origins unless the settings allow it.
 */
function guard(request: SiteRequest, response: ServerResponse, { origins }: ViewSiteOptions): void {
  response.setHeader('Cache-Control', 'no-store');
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.setHeader('Referrer-Policy', 'no-referrer');
  response.setHeader(
    'Content-Security-Policy',
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' blob: data:; " +
      `media-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors ${["'self'", ...origins].join(' ')}`,
  );
  response.setHeader('Cross-Origin-Resource-Policy', origins.length > 0 ? 'cross-origin' : 'same-origin');
  const { origin } = request.headers;
  if (origin === undefined || !origins.includes(origin)) return;
  response.setHeader('Access-Control-Allow-Origin', origin);
  response.setHeader('Access-Control-Allow-Credentials', 'true');
  response.setHeader('Access-Control-Allow-Headers', 'Content-Type');
  response.setHeader('Vary', 'Origin');
}

/** Redirects `/nvr/view/gate` to `gate/`: relative, so that it works behind a proxy with a path prefix. */
function redirect(request: SiteRequest, response: ServerResponse): void {
  const last = request.path.slice(request.path.lastIndexOf('/') + 1);
  response.writeHead(302, { Location: `${last}/` }).end();
}

function stream(response: ServerResponse, { view, hello }: ViewSiteOptions): void {
  let id: string;
  response.on('error', () => undefined);
  response.setHeader('Content-Type', 'application/octet-stream');
  response.setHeader('X-Accel-Buffering', 'no');
  try {
    id = view.open(
      {
        write: (bytes, sent) => {
          response.write(bytes, () => {
            sent();
          });
        },
        destroy: () => {
          response.destroy();
        },
      },
      hello,
    );
  } catch (error) {
    sendJson(response, 503, errorBody(error));
    return;
  }
  response.once('close', () => {
    view.leave(id);
  });
}

/** The page tells what it wants to see. */
function want(request: SiteRequest, response: ServerResponse, options: ViewSiteOptions): void {
  readJson(request, response, (given) => {
    const { viewer, wishes, turn } = readWishes(given, options.cameras.length);
    if (options.view.want(viewer, wishes, turn)) response.writeHead(204).end();
    else sendJson(response, 404, { code: 'EINPUT', reason: 'This page is not open any more: reload it.' });
  });
}

/** Exports a span of the recording to a file, which the page then downloads. */
function save(request: SiteRequest, response: ServerResponse, recordings: Recordings): void {
  readJson(request, response, (given) => {
    recordings.save(given).then(
      (saved) => {
        sendJson(response, 200, saved);
      },
      (error: unknown) => {
        const isInvalid = error instanceof NvrError && error.code === 'EINPUT';
        sendJson(
          response,
          isInvalid ? 400 : 503,
          errorBody(error, 'EINPUT', 'The recording could not be saved.'),
        );
      },
    );
  });
}

/**
 * Reads a JSON body. The content type restricts senders to this origin and those in the settings, because a
 * form of another site cannot send it. Errors thrown by `take` are sent to the page.
 */
function readJson(
  request: SiteRequest,
  response: ServerResponse,
  take: (given: Readonly<Record<string, unknown>>) => void,
): void {
  if (!/^application\/json\b/i.test(request.headers['content-type'] ?? '')) {
    sendJson(response, 415, { code: 'EINPUT', reason: 'The content type must be application/json.' });
    return;
  }
  body(request).then(
    (text) => {
      try {
        const given: unknown = JSON.parse(text);
        take(typeof given === 'object' && given !== null ? (given as Record<string, unknown>) : {});
      } catch (error) {
        sendJson(response, 400, errorBody(error, 'EINPUT', UNREADABLE));
      }
    },
    () => {
      response.setHeader('Connection', 'close');
      sendJson(response, 413, { code: 'EINPUT', reason: 'The body is too large.' });
    },
  );
}

function readWishes(
  { viewer, wishes, turn }: Readonly<Record<string, unknown>>,
  cameras: number,
): { viewer: string; wishes: Wish[]; turn: number | undefined } {
  if (typeof viewer !== 'string' || !Array.isArray(wishes) || wishes.length > MAX_WISHES)
    throw new NvrError(
      'EINPUT',
      `The body must have "viewer" (text) and "wishes" (a list of at most ${MAX_WISHES}).`,
    );
  return {
    viewer,
    turn: typeof turn === 'number' ? turn : undefined,
    wishes: wishes.map((wish: unknown): Wish => {
      const { camera, stream, as } = (typeof wish === 'object' && wish !== null ? wish : {}) as Record<
        string,
        unknown
      >;
      if (typeof camera !== 'number' || !Number.isInteger(camera) || camera < 0 || camera >= cameras)
        throw new NvrError('EINPUT', '"camera" in a wish must be the index of a camera of this page.');
      return {
        camera,
        stream: stream === 'main' ? 'main' : 'dual',
        as: as === 'still' ? 'still' : 'video',
      };
    }),
  };
}

function body(request: SiteRequest): Promise<string> {
  // A body parser in front of this handler may have read the body already.
  const parsed = (request as { body?: unknown }).body;
  if (typeof parsed === 'object' && parsed !== null) return Promise.resolve(JSON.stringify(parsed));
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > MAX_BODY) {
        // Read and discard the rest, so that the response reaches the sender.
        chunks.length = 0;
        reject(new NvrError('EINPUT', 'The body is too large.'));
      } else chunks.push(chunk);
    });
    request.on('end', () => {
      resolve(Buffer.concat(chunks).toString('utf8'));
    });
    request.on('error', reject);
  });
}

async function sendAsset(request: SiteRequest, response: ServerResponse, rest: string): Promise<void> {
  const file = asset(rest);
  if (file === undefined) {
    sendJson(response, 404, { code: 'EINPUT', reason: 'There is no such page.' });
    return;
  }
  try {
    const { type, plain, gzipped } = await file;
    const isGzipped = /\bgzip\b/.test(request.headers['accept-encoding'] ?? '');
    const data = isGzipped ? gzipped : plain;
    response.appendHeader('Vary', 'Accept-Encoding');
    if (isGzipped) response.setHeader('Content-Encoding', 'gzip');
    response.writeHead(200, { 'Content-Type': type, 'Content-Length': data.length });
    response.end(data);
  } catch {
    sendJson(response, 500, { code: 'EDISK', reason: `${rest} is missing from the package.` });
  }
}
