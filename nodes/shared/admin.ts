// The editor's admin endpoints: test a connection, fetch the picture of a test, record a trace of an NVR. All
// are POST and need the permission `nvr.write`.

import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { NodeAPI } from 'node-red';
import { asNvrError, NvrError } from '../../lib/errors.js';
import type { Nvr } from '../../lib/nvr/nvr.js';
import { takeSnapshot } from '../../lib/nvr/snapshot/snapshot.js';
import { channelList } from './channel-list.js';
import { MOVING_MS, offerMoving, streamMoving } from './moving-picture.js';
import { isEmpty } from './settings/check.js';
import { TestGate } from './test-gate.js';
import { nodeOf, testedNvr } from './tested-nvr.js';
import { asset } from './view/assets.js';

/** The parts of Express's request and response that are used. */
interface Request {
  readonly body?: unknown;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}
interface Response {
  readonly headersSent: boolean;
  status(code: number): this;
  type(type: string): this;
  set(name: string, value: string): this;
  json(body: unknown): void;
  send(body: unknown): void;
  write(text: string): void;
  end(): void;
}

const PERMISSION = 'nvr.write';
const TRACE_MS = 10 * 60_000;
/** Most simultaneous tests; each uses up to one connection, session and decoder. */
const MAX_TESTS = 4;
const PICTURE_MS = 60_000;
/** A JPEG from the camera itself is not resized; a larger one is not stored. */
const MAX_PICTURE_BYTES = 2 * 2 ** 20;
/** A refused account is remembered for this long, so that repeated clicks do not lock it. */
const REFUSED_MS = 60_000;
/** The camera of a successful test stays connected until its moving picture was shown. */
const MOVES_WITHIN_MS = 5_000 + MOVING_MS;

const gate = new TestGate();
const pictures = new Map<string, Buffer>();
let tests = 0;

/** Call once per runtime. */
export function registerAdmin(RED: NodeAPI): void {
  const mayWrite = RED.auth.needsPermission(PERMISSION);
  const route = (
    path: string,
    handle: (body: Record<string, unknown>, response: Response) => unknown,
  ): void => {
    RED.httpAdmin.post(`/nvr-flow/${path}`, mayWrite, (request: Request, response: unknown) => {
      const { body, headers } = request;
      const answer = response as Response;
      // A cross-site form cannot send this content type, so requiring it prevents CSRF.
      if (!/^application\/json\b/i.test(String(headers['content-type'] ?? ''))) {
        answer.status(415).json({ code: 'EINPUT', reason: 'The content type must be application/json.' });
        return;
      }
      Promise.resolve()
        .then(() =>
          handle(typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {}, answer),
        )
        .catch((error: unknown) => {
          const { code, message } = asNvrError(error, 'EINPUT', 'The request could not be handled.');
          if (answer.headersSent) answer.end();
          else answer.status(code === 'EBUSY' ? 503 : 400).json({ code, reason: message });
        });
    });
  };
  route('test', (body, response) => withTarget(RED, body, (target) => test(target, body, response)));
  route('cameras', (body, response) => withTarget(RED, body, (target) => findCameras(target, response)));
  route('picture', (body, response) => {
    const picture = typeof body.id === 'string' ? pictures.get(body.id) : undefined;
    if (picture === undefined)
      throw new NvrError('EINPUT', 'This picture is not stored any more: test again.');
    response.type('image/jpeg').set('Cache-Control', 'no-store').send(picture);
  });
  route('moving', (body, response) => {
    streamMoving(body.id, response as unknown as ServerResponse);
  });
  route('trace', (body, response) => {
    trace(RED, body, response);
  });
  route('player', async (_body, response) => {
    const script = await asset('/nvr-video.js');
    response.type('text/javascript').set('Cache-Control', 'no-store').send(script?.plain);
  });
}

/** The NVR that a dialog asks about. */
interface Target {
  readonly nvr: Nvr;
  /** Called once it is known what became of the account, so that guessed passwords are counted. */
  readonly onAccount: (outcome: 'taken' | 'refused' | 'unasked') => void;
}

/**
 * Runs a dialog's request to the NVR; their number is limited. `use` resolves with the ms for which an NVR
 * created for it is still needed.
 */
async function withTarget(
  RED: NodeAPI,
  body: Record<string, unknown>,
  use: (target: Target) => Promise<number>,
): Promise<void> {
  if (tests >= MAX_TESTS) throw new NvrError('EBUSY', `At most ${MAX_TESTS} tests run at once.`);
  const { nvr, isOwn, isGuess } = testedNvr(RED, body);
  let keepMs = 0;
  let reportOutcome: ReturnType<TestGate['enter']> | undefined;
  tests++;
  try {
    if (isGuess) reportOutcome = gate.enter(nvr.settings.host, nvr.settings.username);
    keepMs = await use({
      nvr,
      onAccount: (outcome) => {
        reportOutcome?.(outcome);
      },
    });
  } finally {
    reportOutcome?.('unasked');
    tests--;
    if (keepMs > 0 && isOwn) setTimeout(() => void nvr.close(), keepMs).unref();
    else if (isOwn) await nvr.close();
  }
}

/** Streams one line of JSON per stage, and a last one with `health`. */
async function test(
  { nvr, onAccount }: Target,
  body: Record<string, unknown>,
  response: Response,
): Promise<number> {
  const channel = channelOf(nvr, body.channel);
  const stream = body.stream === 'dual' ? 'dual' : 'main';
  const hub = nvr.camera(channel, stream);
  response.type('application/x-ndjson').set('Cache-Control', 'no-store').set('X-Accel-Buffering', 'no');
  const writeLine = (line: object): void => {
    response.write(`${JSON.stringify(line)}\n`);
  };
  const health = await nvr.health.probe(channel, stream, 'media', {
    linger: true,
    onStage: (stage, details) => {
      if (stage === 'auth') onAccount('taken');
      writeLine({ stage, ...details });
    },
  });
  onAccount(health.code === 'EAUTH' ? 'refused' : 'unasked');
  const isReached = health.state !== 'down';
  writeLine({
    health: { channel, ...health },
    ...(isReached && { ...(await pictureOf(hub)), moving: offerMoving(hub) }),
  });
  response.end();
  return isReached ? MOVES_WITHIN_MS : health.code === 'EAUTH' ? REFUSED_MS : 0;
}

/** Responds with the channels that the NVR has. */
async function findCameras({ nvr, onAccount }: Target, response: Response): Promise<number> {
  const { code, reason } = await nvr.health.probe(channelOf(nvr, undefined), 'main', 'auth');
  onAccount(code === 'EAUTH' ? 'refused' : code === undefined || code === 'ECHANNEL' ? 'taken' : 'unasked');
  if (code === 'EAUTH') {
    response.status(400).json({ code, reason });
    return REFUSED_MS;
  }
  const { uriStyle, liveTemplate } = nvr.settings;
  // A template without a channel addresses one camera, whatever the number.
  const isOne = uriStyle === 'custom' && !liveTemplate.includes('{ch');
  response.json({ channels: isOne ? [1] : await nvr.health.channels('main') });
  return 0;
}

/** The dialog's channel (the first, if several); without one, the first of the channel table. */
function channelOf({ settings }: Nvr, given: unknown): number {
  return channelList(settings, isEmpty(given) ? '*' : given)[0]!;
}

/**
 * Stores a JPEG for a minute and returns its id. A failure does not fail the test; its reason is returned.
 */
async function pictureOf(
  hub: ReturnType<Nvr['camera']>,
): Promise<{ picture: string } | { noPicture: string }> {
  try {
    const { data, contentType } = await takeSnapshot(hub, {
      ...{ format: 'jpeg', quality: 80, width: 480, maxAge: 30, timeout: 5 },
      ...{ decoder: 'builtin', ffmpegPath: '' },
    });
    if (contentType !== 'image/jpeg' || data.length > MAX_PICTURE_BYTES)
      throw new NvrError('EUNSUPPORTED', `a picture of ${data.length} bytes is too large for the dialog`);
    const id = randomUUID();
    pictures.set(id, data);
    if (pictures.size > 2 * MAX_TESTS) pictures.delete(pictures.keys().next().value!);
    setTimeout(() => pictures.delete(id), PICTURE_MS).unref();
    return { picture: id };
  } catch (error) {
    const { code, message } = asNvrError(error, 'EDECODE', 'the picture could not be made');
    return { noPicture: `${code}: ${message}` };
  }
}

function trace(RED: NodeAPI, body: Record<string, unknown>, response: Response): void {
  const server = typeof body.id === 'string' ? nodeOf(RED, body.id) : undefined;
  if (server === undefined)
    throw new NvrError('EINPUT', 'The NVR is not deployed yet: deploy first, then trace.');
  switch (body.action) {
    case 'start':
      server.exchanges.start(TRACE_MS);
      break;
    case 'stop':
      server.exchanges.stop();
      break;
    case 'read':
      response.type('text/plain').set('Cache-Control', 'no-store').send(server.exchanges.text());
      return;
    case 'status':
      break;
    default:
      throw new NvrError('EINPUT', 'The action must be one of start, stop, read, status.');
  }
  const { isOn, endsAt, length } = server.exchanges;
  response.json({ isOn, endsAt, messages: length });
}
