import assert from 'node:assert/strict';
import { fetchSpan } from '../../lib/nvr/playback/fetch-span.js';
import type { PlaybackHandlers } from '../../lib/nvr/playback/run.js';
import { MemoryBudget } from '../../lib/nvr/memory-budget.js';
import { Nvr } from '../../lib/nvr/nvr.js';
import type { PlaybackRuns } from '../../lib/nvr/playback/runs.js';
import { startScriptedServer, type ScriptedServer } from '../kit/scripted-server.js';
import { settingsFor } from '../kit/settings.js';
import { videoUnit } from '../kit/fake-hub.js';

const SPAN = { channel: 1, stream: 'main', from: 0, to: 1000 };

interface Server {
  handlers?: PlaybackHandlers;
  isHeld: boolean;
}

function serverOf(): { server: Server; runs: PlaybackRuns } {
  const server: Server = { isHeld: false };
  const run = {
    hold: () => (server.isHeld = true),
    letGo: () => (server.isHeld = false),
    stop: () => {
      server.handlers?.onEnd('stopped', undefined, 0);
      return Promise.resolve();
    },
  };
  const runs = {
    isFull: false,
    play: (_: unknown, given: PlaybackHandlers) => {
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
