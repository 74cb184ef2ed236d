import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import type { VideoUnit } from '../../../../lib/codec/unit.js';
import { NvrError } from '../../../../lib/errors.js';
import { UNCOUNTED, type UnitMemory } from '../../../../lib/media/unit-memory.js';
import type { Nvr } from '../../../../lib/nvr/nvr.js';
import { RECORD_HEAD } from '../../../../lib/nvr/view/records.js';
import { Recordings } from '../../../../nodes/shared/view/recordings.js';
import { clipUnits } from '../../../kit/picture-units.js';
import { settingsFor } from '../../../kit/settings.js';

const CAMERAS = [{ channel: 3, name: 'Gate' }];

/** An NVR whose recording is what the test says. */
class FakeNvr {
  readonly settings = settingsFor(554, { name: 'Home' });
  canPlayBack = true;
  readonly asked: { channel: number; from: number; to: number }[] = [];
  ended = 0;

  constructor(private readonly recorded: (signal: AbortSignal) => AsyncIterable<VideoUnit>) {}

  spanMemory(): UnitMemory {
    return UNCOUNTED;
  }

  async *fetchSpan(span: FakeNvr['asked'][number], signal: AbortSignal): AsyncGenerator<VideoUnit, void> {
    this.asked.push(span);
    try {
      for await (const unit of this.recorded(signal)) {
        if (signal.aborted) return;
        yield unit;
      }
    } finally {
      this.ended++;
    }
  }
}

async function* fewPictures(): AsyncGenerator<VideoUnit> {
  await Promise.resolve();
  yield* clipUnits('h264', 3);
}

/** A recording that never ends, as fast as it is read. */
async function* endless(): AsyncGenerator<VideoUnit> {
  for (;;) {
    await new Promise(setImmediate);
    yield* clipUnits('h264', 10);
  }
}

describe('the recordings of a view node', () => {
  const servers: http.Server[] = [];
  const opened: Recordings[] = [];

  afterEach(async () => {
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      server.close();
    }
    for (const recordings of opened.splice(0)) await recordings.close();
  });

  async function serve(nvr: FakeNvr): Promise<{ url: string; recordings: Recordings }> {
    const recordings = new Recordings(nvr as unknown as Nvr, CAMERAS, () => []);
    opened.push(recordings);
    const server = http.createServer((request, response) => {
      if (request.url!.startsWith('/replay')) void recordings.replay(request.url!, response);
      else void recordings.list(request.url!, response);
    });
    servers.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, recordings };
  }

  const codeOf = async (answer: Response): Promise<unknown> =>
    ((await answer.json()) as { code: unknown }).code;

  it('are played from the time that is asked for, at most up to now', async () => {
    const nvr = new FakeNvr(fewPictures);
    const { url } = await serve(nvr);
    const from = Date.now() - 60_000;
    const answer = await fetch(`${url}/replay?channel=3&from=${from}`);
    assert.equal(answer.status, 200);
    const body = Buffer.from(await answer.arrayBuffer());
    const [span] = nvr.asked;
    assert.deepEqual({ channel: span!.channel, from: span!.from }, { channel: 3, from });
    assert.ok(span!.to <= Date.now());
    const last = body.subarray(body.lastIndexOf('{"state"'));
    assert.equal(last.toString(), '{"state":"ended"}');
    assert.ok(body.length > RECORD_HEAD);
  });

  it('are refused with a code where they cannot be', async () => {
    const nvr = new FakeNvr(fewPictures);
    const { url } = await serve(nvr);
    for (const [query, status, code] of [
      ['channel=4&from=1000', 503, 'ECHANNEL'],
      ['channel=3', 400, 'EINPUT'],
      ['channel=3&from=x', 400, 'EINPUT'],
      ['channel=3&from=1e99', 400, 'EINPUT'],
      [`channel=3&from=${Date.now() + 60_000}`, 400, 'EINPUT'],
    ] as const) {
      const answer = await fetch(`${url}/replay?${query}`);
      assert.deepEqual({ status: answer.status, code: await codeOf(answer) }, { status, code }, query);
    }
    nvr.canPlayBack = false;
    assert.equal(await codeOf(await fetch(`${url}/replay?channel=3&from=1000`)), 'EUNSUPPORTED');
    assert.deepEqual(nvr.asked, []);
  });

  it('are played by three pages at once, and by a fourth when one of them is gone', async () => {
    const nvr = new FakeNvr(endless);
    const { url } = await serve(nvr);
    const stops = [new AbortController(), new AbortController(), new AbortController()];
    for (const { signal } of stops)
      assert.equal((await fetch(`${url}/replay?channel=3&from=1000`, { signal })).status, 200);
    const fourth = await fetch(`${url}/replay?channel=3&from=1000`);
    assert.deepEqual({ status: fourth.status, code: await codeOf(fourth) }, { status: 503, code: 'EBUSY' });
    stops[0]!.abort();
    while (nvr.ended === 0) await new Promise(setImmediate);
    const fifth = await fetch(`${url}/replay?channel=3&from=1000`);
    assert.equal(fifth.status, 200);
    await fifth.body!.cancel();
    for (const stop of stops) stop.abort();
    while (nvr.ended < 4) await new Promise(setImmediate);
  });

  it('are saved as a span of an hour at most, in order, of a camera of the page', async () => {
    const nvr = new FakeNvr(fewPictures);
    const { recordings } = await serve(nvr);
    const now = Date.now();
    for (const [wish, code] of [
      [{ channel: 9, from: now - 2000, to: now }, 'ECHANNEL'],
      [{ channel: 3, from: now, to: now - 2000 }, 'EINPUT'],
      [{ channel: 3, from: now - 3_700_000, to: now }, 'EINPUT'],
      [{ channel: 3, from: now + 5000, to: now + 9000 }, 'EINPUT'],
      [{ channel: 3 }, 'EINPUT'],
    ] as const)
      await assert.rejects(recordings.save(wish), { code }, JSON.stringify(wish));
    assert.deepEqual(nvr.asked, []);
  });

  it('report the cause if nothing could be saved', async () => {
    const nvr = new FakeNvr(async function* broken() {
      await Promise.resolve();
      yield* [];
      throw new NvrError('ENORECORDING', 'Nothing is recorded there.');
    });
    const { recordings } = await serve(nvr);
    const now = Date.now();
    await assert.rejects(recordings.save({ channel: 3, from: now - 2000, to: now }), {
      code: 'ENORECORDING',
    });
  });
});
