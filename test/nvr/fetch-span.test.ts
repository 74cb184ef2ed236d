import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import type { VideoUnit } from '../../lib/codec/unit.js';
import { NvrError } from '../../lib/errors.js';
import { fetchSpan, type SpanHandlers } from '../../lib/nvr/playback/fetch-span.js';
import type { PlaybackHandlers, PlaybackRequest } from '../../lib/nvr/playback/run.js';
import { MemoryBudget } from '../../lib/nvr/memory-budget.js';
import { Nvr } from '../../lib/nvr/nvr.js';
import type { PlaybackRuns } from '../../lib/nvr/playback/runs.js';
import { startScriptedServer, type ScriptedServer } from '../kit/scripted-server.js';
import { settingsFor } from '../kit/settings.js';
import { videoUnit } from '../kit/fake-hub.js';

const SPAN = { channel: 1, stream: 'main', from: 0, to: 1000 };

interface Server {
  handlers?: PlaybackHandlers;
  request?: PlaybackRequest;
  isHeld: boolean;
  isFull: boolean;
  wake: () => void;
  stops: number;
  /** What the end of the run waits for. */
  teardown: Promise<void>;
}

function serverOf(): { server: Server; runs: PlaybackRuns } {
  const server: Server = {
    ...{ isHeld: false, isFull: false, stops: 0, teardown: Promise.resolve() },
    wake: () => undefined,
  };
  const run = {
    hold: () => (server.isHeld = true),
    letGo: () => (server.isHeld = false),
    stop: () => {
      server.stops++;
      server.handlers?.onEnd('stopped', undefined, 0);
      return server.teardown;
    },
  };
  const runs = {
    get isFull() {
      return server.isFull;
    },
    onceOneEnds: (wake: () => void) => (server.wake = wake),
    play: (request: PlaybackRequest, given: PlaybackHandlers) => {
      server.request = request;
      server.handlers = given;
      return run;
    },
  } as unknown as PlaybackRuns;
  return { server, runs };
}

describe('a recorded span that is fetched', () => {
  it('counts in the memory for all cameras what waits, and makes the server wait where that has no room', async () => {
    const { server, runs } = serverOf();
    const budget = new MemoryBudget({ bytes: 20_000 });
    const units = fetchSpan(runs, SPAN, new AbortController().signal, {}, budget.camera());
    const first = units.next();
    let given = 0;
    for (; !server.isHeld && given < 1_000; given++)
      server.handlers!.onUnit({ unit: videoUnit({ data: Buffer.alloc(1_000) }), repeated: false });
    assert.ok(given < 20 && budget.used > 15_000, `${given} ${budget.used}`);
    assert.ok((await first).done === false, 'what there was no room for is not lost');
    await units.next();
    assert.equal(server.isHeld, false);
    for (let i = 2; i < given - 2; i++) assert.equal((await units.next()).done, false);
    assert.equal(budget.units, 1);
    await units.return();
    assert.deepEqual({ used: budget.used, units: budget.units }, { used: 0, units: 0 });
  });

  it('makes the server wait once what waits for the reader costs 4 MiB of memory, also of tiny pictures', async () => {
    const { server, runs } = serverOf();
    const units = fetchSpan(runs, SPAN, new AbortController().signal);
    const first = units.next();
    const unit = videoUnit({ data: Buffer.alloc(6), keyframe: false });
    let given = 0;
    for (; !server.isHeld && given < 100_000; given++) server.handlers!.onUnit({ unit, repeated: false });
    assert.ok(given < 7_000, `${given} pictures wait`);
    await first;
    for (let i = 0; server.isHeld && i < given; i++) await units.next();
    assert.equal(server.isHeld, false, 'it goes on once half of them were read');
    await units.return();
  });
});

describe('a recorded span, read by one who waits', () => {
  let server: Server;
  let runs: PlaybackRuns;
  let over: AbortController;

  beforeEach(() => {
    ({ server, runs } = serverOf());
    over = new AbortController();
  });

  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const give = (repeated = false, bytes = 6): VideoUnit => {
    const unit = videoUnit({ data: Buffer.alloc(bytes) });
    server.handlers!.onUnit({ unit, repeated });
    return unit;
  };
  const read = (handlers?: SpanHandlers): AsyncGenerator<VideoUnit, void> =>
    fetchSpan(runs, SPAN, over.signal, handlers);

  it('is asked for as fast as the server sends, from the usual group unless another is named', async () => {
    const warnings: unknown[] = [];
    void read({ onWarning: (error) => warnings.push(error) }).next();
    const { run, ...asked } = server.request!;
    assert.deepEqual(asked, { ...SPAN, group: 0, speed: 0 });
    server.handlers!.onWarning!(new NvrError('EAUTH', 'In clear.'));
    assert.equal(warnings.length, 1);
    void fetchSpan(runs, { ...SPAN, group: 3 }, over.signal).next();
    assert.equal(server.request!.group, 3);
    assert.notEqual(server.request!.run, run);
    await turn();
  });

  it('waits until a run has ended that makes room for it, however many end that do not', async () => {
    server.isFull = true;
    const first = read().next();
    for (let ended = 0; ended < 3; ended++) {
      server.wake();
      await turn();
    }
    assert.equal(server.request, undefined);
    server.isFull = false;
    server.wake();
    await turn();
    const unit = give();
    assert.equal((await first).value, unit);
  });

  it('asks for nothing where it is given up before, or while it waits for room', async () => {
    server.isFull = true;
    const waits = read().next();
    await turn();
    over.abort();
    assert.equal((await waits).done, true);
    assert.equal((await read().next()).done, true);
    server.isFull = false;
    assert.equal((await read().next()).done, true);
    assert.equal(server.request, undefined);
  });

  it('is stopped where it is given up while it is read, and leaves nothing on the signal', async () => {
    const units = read();
    const first = units.next();
    give();
    await first;
    const next = units.next();
    over.abort();
    assert.equal((await next).done, true);
    assert.ok(server.stops > 0);
    const later = new AbortController();
    const whole = fetchSpan(runs, SPAN, later.signal).next();
    assert.equal(getEventListeners(later.signal, 'abort').length, 1);
    server.handlers!.onEnd('reached', undefined, 0);
    await whole;
    assert.equal(getEventListeners(later.signal, 'abort').length, 0);
  });

  it('leaves out what comes again, ends behind its last unit, and tells why it broke off only then', async () => {
    const units = read();
    const first = units.next();
    give(true);
    const [one, two] = [give(), give()];
    server.handlers!.onEnd('error', new NvrError('EUNREACHABLE', 'Gone.'), 9);
    assert.deepEqual(
      { firstValue: (await first).value, nextValue: (await units.next()).value },
      { firstValue: one, nextValue: two },
    );
    await assert.rejects(units.next(), { code: 'EUNREACHABLE' });
    const whole = read().next();
    await turn();
    server.handlers!.onEnd('reached', undefined, 0);
    assert.equal((await whole).done, true);
  });

  it('is closed by its reader once the run is', async () => {
    let close = (): void => undefined;
    server.teardown = new Promise((resolve) => (close = resolve));
    const units = read();
    const first = units.next();
    give();
    await first;
    let isClosed = false;
    void units.return().then(() => (isClosed = true));
    await turn();
    assert.deepEqual({ stops: server.stops, isClosed }, { stops: 1, isClosed: false });
    close();
    await turn();
    assert.equal(isClosed, true);
  });

  it('lets its server go on once its reader has taken half, not as soon as it takes one', async () => {
    const units = read();
    const first = units.next();
    let given = 0;
    for (; !server.isHeld; given++) give(false, 500_000);
    for (let taken = 0; taken < given; taken++) {
      await (taken === 0 ? first : units.next());
      assert.equal(server.isHeld, taken < given / 2, `${taken} of ${given}`);
    }
  });
});

describe('recorded spans of an NVR that does not answer', () => {
  let over: AbortController;
  let server: ScriptedServer;
  let nvr: Nvr;

  beforeEach(async () => {
    over = new AbortController();
    server = await startScriptedServer(undefined, { silent: true });
    nvr = new Nvr(
      settingsFor(server.port, {
        ...{ uriStyle: 'custom', liveTemplate: '/live', playbackTemplate: '/replay/{ch}' },
        requestTimeout: 60,
      }),
    );
  });

  afterEach(async () => {
    over.abort();
    await nvr.close();
    await server.close();
  });

  const asked = (): string[] => [...new Set(server.requests.map(({ uri }) => uri.slice(-1)))];
  const until = async (channel: number): Promise<void> => {
    while (!asked().includes(String(channel - 1))) await new Promise((resolve) => setTimeout(resolve, 2));
  };

  it('are given up at once also where they wait for their turn', async () => {
    for (const channel of [1, 2, 3]) void nvr.fetchSpan({ ...SPAN, channel }, over.signal).next();
    const abort = new AbortController();
    const fourth = nvr.fetchSpan({ ...SPAN, channel: 4 }, abort.signal).next();
    await until(3);
    abort.abort();
    assert.equal((await fourth).done, true);
  });

  it('are asked for one at a time where they are of alarms, so that users need not wait for many', async () => {
    for (const channel of [1, 2, 3, 4]) void nvr.fetchMissed({ ...SPAN, channel }, over.signal).next();
    await until(1);
    void nvr.fetchSpan({ ...SPAN, channel: 9 }, over.signal).next();
    await until(9);
    assert.deepEqual(asked(), ['0', '8']);
  });
});
