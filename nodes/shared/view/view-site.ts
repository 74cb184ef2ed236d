// What a page of cameras is asked over HTTP: the page itself, its scripts, the stream of all its cameras, what it wants to see, and pictures for everything else.

import fs from 'node:fs';
import type { ServerResponse } from 'node:http';
import path from 'node:path';
import { asNvrError, NvrError } from '../../../lib/errors.js';
import type { StillPicture } from '../../../lib/nvr/view/still-feed.js';
import type { View, ViewCamera, Wish } from '../../../lib/nvr/view/view.js';
import type { Site, SiteRequest } from './sites.js';

export interface ViewSiteOptions {
  readonly view: View;
  readonly cameras: readonly ViewCamera[];
  /** What the page is told as it begins: layout, stream, sound. */
  readonly hello: object;
  /** Other sites that may frame the page and read from it; empty: none. */
  readonly origins: readonly string[];
  /** A JPEG of a camera, scaled to a width in pixels where one is given. */
  readonly still: (channel: number, width: number | undefined, signal: AbortSignal) => Promise<StillPicture>;
}

interface Asset {
  readonly type: string;
  readonly file: string;
}

const ASSETS: Readonly<Record<string, Asset>> = {
  '/': { type: 'text/html; charset=utf-8', file: 'page.html' },
  '/page.js': { type: 'text/javascript; charset=utf-8', file: 'page.js' },
  '/page.css': { type: 'text/css; charset=utf-8', file: 'page.css' },
  '/nvr-video.js': { type: 'text/javascript; charset=utf-8', file: 'nvr-video.js' },
};
const MAX_BODY = 16 * 1024;
const MAX_WISHES = 256;
const MIN_WIDTH = 16;
const MAX_WIDTH = 4096;
/** Pictures a second of an MJPEG answer at most, and pages that may have one. */
const MJPEG_PERIOD_MS = 500;
const MAX_MJPEG = 16;
const BOUNDARY = 'nvr-picture';

/** The site of one view node. */
export function viewSite(options: ViewSiteOptions): Site {
  let mjpegs = 0;
  return (request, response, rest) => {
    guard(request, response, options);
    const picture = /^\/(\d{1,4})\.(jpg|mjpeg)$/.exec(rest);
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    if (request.method === 'POST' && rest === '/want') want(request, response, options);
    else if (request.method === 'OPTIONS') response.writeHead(204).end();
    else if (!isRead) response.writeHead(405, { Allow: 'GET, POST' }).end();
    else if (rest === '') redirect(request, response);
    else if (rest === '/stream') stream(response, options);
    else if (rest === '/cameras.json') json(response, 200, { cameras: options.cameras });
    else if (picture?.[2] === 'jpg') void sendStill(request, response, options, Number(picture[1]));
    else if (picture?.[2] === 'mjpeg') {
      if (mjpegs >= MAX_MJPEG) {
        json(response, 503, {
          code: 'EBUSY',
          reason: `At most ${MAX_MJPEG} MJPEG pages are served at once.`,
        });
        return;
      }
      mjpegs++;
      response.once('close', () => mjpegs--);
      void sendMjpeg(request, response, options, Number(picture[1]));
    } else sendAsset(request, response, rest);
  };
}

/** Headers of every answer: nothing is kept, nothing foreign is run, nobody else frames or reads it unless the settings say so. */
function guard(request: SiteRequest, response: ServerResponse, { origins }: ViewSiteOptions): void {
  response.setHeader('Cache-Control', 'no-store');
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.setHeader('Referrer-Policy', 'no-referrer');
  response.setHeader(
    'Content-Security-Policy',
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' blob: data:; " +
      `media-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors ${["'self'", ...origins].join(' ')}`,
  );
  response.setHeader('Cross-Origin-Resource-Policy', origins.length > 0 ? 'cross-origin' : 'same-origin');
  const { origin } = request.headers;
  if (origin === undefined || !origins.includes(origin)) return;
  response.setHeader('Access-Control-Allow-Origin', origin);
  response.setHeader('Access-Control-Allow-Credentials', 'true');
  response.setHeader('Access-Control-Allow-Headers', 'Content-Type');
  response.setHeader('Vary', 'Origin');
}

/** `/nvr/view/gate` to `gate/`: relative, so that it holds behind any proxy's prefix. */
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
    const { code, message } = asNvrError(error);
    json(response, 503, { code, reason: message });
    return;
  }
  response.once('close', () => {
    view.leave(id);
  });
}

/** A page says what it sees. Only pages of this origin, or of those in the settings, send JSON here: a foreign form cannot. */
function want(request: SiteRequest, response: ServerResponse, options: ViewSiteOptions): void {
  if (!/^application\/json\b/i.test(request.headers['content-type'] ?? '')) {
    json(response, 415, { code: 'EINPUT', reason: 'The content type must be application/json.' });
    return;
  }
  body(request).then(
    (text) => {
      try {
        const { viewer, wishes } = readWishes(text, options.cameras.length);
        if (options.view.want(viewer, wishes)) response.writeHead(204).end();
        else json(response, 404, { code: 'EINPUT', reason: 'There is no such page.' });
      } catch (error) {
        const { code, message } = asNvrError(error, 'EINPUT', 'The wishes cannot be read.');
        json(response, 400, { code, reason: message });
      }
    },
    () => {
      response.setHeader('Connection', 'close');
      json(response, 413, { code: 'EINPUT', reason: 'The body is too large.' });
    },
  );
}

function readWishes(text: string, cameras: number): { viewer: string; wishes: Wish[] } {
  const given: unknown = JSON.parse(text);
  const { viewer, wishes } = (typeof given === 'object' && given !== null ? given : {}) as Record<
    string,
    unknown
  >;
  if (typeof viewer !== 'string' || !Array.isArray(wishes) || wishes.length > MAX_WISHES)
    throw new NvrError('EINPUT', 'viewer and wishes are asked for.');
  return {
    viewer,
    wishes: wishes.map((wish: unknown): Wish => {
      const { camera, stream, as } = (typeof wish === 'object' && wish !== null ? wish : {}) as Record<
        string,
        unknown
      >;
      if (typeof camera !== 'number' || !Number.isInteger(camera) || camera < 0 || camera >= cameras)
        throw new NvrError('EINPUT', 'A wish names no camera of the page.');
      return {
        camera,
        stream: stream === 'main' ? 'main' : 'dual',
        as: as === 'still' ? 'still' : 'video',
      };
    }),
  };
}

function body(request: SiteRequest): Promise<string> {
  // A body parser in front of this may have read it already.
  const parsed = (request as { body?: unknown }).body;
  if (typeof parsed === 'object' && parsed !== null) return Promise.resolve(JSON.stringify(parsed));
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > MAX_BODY) {
        // The rest is read and dropped, so that the answer reaches who sends it.
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

async function sendStill(
  request: SiteRequest,
  response: ServerResponse,
  { cameras, still }: ViewSiteOptions,
  channel: number,
): Promise<void> {
  if (!cameras.some((camera) => camera.channel === channel)) {
    json(response, 404, { code: 'ECHANNEL', reason: 'This page has no such camera.' });
    return;
  }
  const gone = new AbortController();
  response.once('close', () => {
    gone.abort();
  });
  try {
    const { data } = await still(channel, widthOf(request), gone.signal);
    response.writeHead(200, { 'Content-Type': 'image/jpeg', 'Content-Length': data.length }).end(data);
  } catch (error) {
    if (gone.signal.aborted) return;
    const { code, message } = asNvrError(error, 'EDECODE', 'The picture could not be made.');
    json(response, code === 'EINPUT' ? 400 : 503, { code, reason: message });
  }
}

/** Pictures without end, for an `<img>`; the next one is made when the last has been taken. */
async function sendMjpeg(
  request: SiteRequest,
  response: ServerResponse,
  { cameras, still }: ViewSiteOptions,
  channel: number,
): Promise<void> {
  if (!cameras.some((camera) => camera.channel === channel)) {
    json(response, 404, { code: 'ECHANNEL', reason: 'This page has no such camera.' });
    return;
  }
  const gone = new AbortController();
  response.once('close', () => {
    gone.abort();
  });
  response.on('error', () => undefined);
  try {
    const width = widthOf(request);
    while (!gone.signal.aborted) {
      const { data } = await still(channel, width, gone.signal);
      if (!response.headersSent)
        response.writeHead(200, { 'Content-Type': `multipart/x-mixed-replace; boundary=${BOUNDARY}` });
      response.write(`--${BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: ${data.length}\r\n\r\n`);
      await new Promise<void>((resolve) => {
        response.write(Buffer.concat([data, Buffer.from('\r\n')]), () => {
          resolve();
        });
        response.once('close', resolve);
      });
      await new Promise((resolve) => setTimeout(resolve, MJPEG_PERIOD_MS));
    }
  } catch (error) {
    if (gone.signal.aborted) return;
    const { code, message } = asNvrError(error, 'EDECODE', 'The picture could not be made.');
    if (response.headersSent) response.end();
    else json(response, code === 'EINPUT' ? 400 : 503, { code, reason: message });
  }
}

/** `?width=`: pixels; undefined: as the camera sends it. */
function widthOf({ url = '' }: SiteRequest): number | undefined {
  const given = new URLSearchParams(url.slice(url.indexOf('?') + 1)).get('width');
  if (given === null || given === '') return undefined;
  const width = Number(given);
  if (!Number.isInteger(width) || width < MIN_WIDTH || width > MAX_WIDTH)
    throw new NvrError('EINPUT', `width must be a whole number from ${MIN_WIDTH} to ${MAX_WIDTH}.`);
  return width;
}

function sendAsset(request: SiteRequest, response: ServerResponse, rest: string): void {
  const asset = Object.hasOwn(ASSETS, rest) ? ASSETS[rest] : undefined;
  if (asset === undefined) {
    json(response, 404, { code: 'EINPUT', reason: 'There is no such page.' });
    return;
  }
  fs.readFile(path.join(__dirname, asset.file), (error, data) => {
    if (error !== null) {
      json(response, 500, { code: 'EDISK', reason: `${asset.file} is missing from the package.` });
      return;
    }
    response.writeHead(200, { 'Content-Type': asset.type, 'Content-Length': data.length });
    response.end(request.method === 'HEAD' ? undefined : data);
  });
}

function json(response: ServerResponse, status: number, value: object): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(value));
}
