import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import sinon from 'sinon';
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
  readonly asked: { channel: number; stream: string; from: number; to: number }[] = [];
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
      else if (request.url!.startsWith('/saved/'))
        void recordings.fetch(request.url!.slice('/saved/'.length), request, response);
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

  it('are played for six hours at most, in the stream that is asked for', async () => {
    const nvr = new FakeNvr(fewPictures);
    const { url } = await serve(nvr);
    const from = Date.now() - 10 * 3_600_000;
    for (const stream of ['dual', 'main', 'other'])
      await (await fetch(`${url}/replay?channel=3&stream=${stream}&from=${from}`)).arrayBuffer();
    assert.deepEqual(
      nvr.asked.map((span) => [span.stream, span.to - span.from]),
      [
        ['dual', 6 * 3_600_000],
        ['main', 6 * 3_600_000],
        ['main', 6 * 3_600_000],
      ],
    );
  });

  it('are listed for times that there are', async () => {
    const { url } = await serve(new FakeNvr(fewPictures));
    assert.deepEqual(await (await fetch(`${url}/list?channel=3&from=1&to=2`)).json(), {
      playback: true,
      clips: [],
    });
    for (const query of ['from=1&to=1e99', 'from=&to=2', 'to=2', 'from=-1e99&to=2'])
      assert.equal((await fetch(`${url}/list?channel=3&${query}`)).status, 400, query);
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

  describe('once they are saved', () => {
    interface Saved {
      readonly files: { readonly id: string; readonly name: string; readonly bytes: number }[];
    }
    const BEGIN = 1_760_000_000_000;
    let clock: sinon.SinonFakeTimers | undefined;
    let folders: sinon.SinonSpy;

    beforeEach(() => {
      folders = sinon.spy(fs.promises, 'mkdtemp');
    });

    afterEach(() => {
      clock?.restore();
      clock = undefined;
      sinon.restore();
    });

    const save = async (recordings: Recordings, second = 0): Promise<Saved> =>
      (await recordings.save({
        ...{ channel: '3', from: BEGIN + 1000 * second, to: BEGIN + 1000 * second + 500 },
      })) as Saved;
    const folder = (): Promise<string> => folders.firstCall.returnValue as Promise<string>;

    /** Pictures from the beginning of the span that is asked for. */
    function recorder(): FakeNvr {
      const nvr: FakeNvr = new FakeNvr(async function* pictures() {
        await Promise.resolve();
        const { from } = nvr.asked.at(-1)!;
        for (const unit of clipUnits('h264', 3)) yield { ...unit, time: unit.time - BEGIN + from };
      });
      return nvr;
    }

    it('can be downloaded under their name, as often as one likes, for ten minutes', async () => {
      const { url, recordings } = await serve(recorder());
      clock = sinon.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'], shouldClearNativeTimers: true });
      const { files } = await save(recordings);
      const [{ id, name, bytes }] = files as [Saved['files'][number]];
      const dir = await folder();
      assert.match(name, /^Gate .*\.mp4$/);
      for (let times = 0; times < 2; times++) {
        const answer = await fetch(`${url}/saved/${id}`);
        assert.equal(answer.headers.get('content-length'), String(bytes));
        assert.match(answer.headers.get('content-disposition')!, /^attachment; filename\*=UTF-8''Gate%20/);
        assert.equal((await answer.arrayBuffer()).byteLength, bytes);
      }
      const head = await fetch(`${url}/saved/${id}`, { method: 'HEAD' });
      assert.deepEqual(
        { status: head.status, contentLength: head.headers.get('content-length') },
        { status: 200, contentLength: String(bytes) },
      );
      clock.tick(10 * 60_000 - 1);
      assert.equal((await fetch(`${url}/saved/${id}`, { method: 'HEAD' })).status, 200);
      clock.tick(1);
      assert.equal((await fetch(`${url}/saved/${id}`)).status, 404);
      while (fs.existsSync(path.join(dir, name))) await new Promise(setImmediate);
    });

    it('are those that could be saved where the rest could not, with the cause of that', async () => {
      const nvr: FakeNvr = new FakeNvr(async function* brokenOff() {
        await Promise.resolve();
        const { from } = nvr.asked.at(-1)!;
        for (const unit of clipUnits('h264', 3)) yield { ...unit, time: unit.time - BEGIN + from };
        throw new NvrError('EAUTH', 'The password has been changed.');
      });
      const { recordings } = await serve(nvr);
      const { files, code } = (await save(recordings)) as Saved & { readonly code?: string };
      assert.deepEqual({ files: files.length, code }, { files: 1, code: 'EAUTH' });
    });

    it('are sixteen files in one folder at most, and none once the page’s node is closed', async () => {
      const { url, recordings } = await serve(recorder());
      const ids: string[] = [];
      for (let second = 0; second < 17; second++) ids.push((await save(recordings, second)).files[0]!.id);
      const status = async (id: string): Promise<number> =>
        (await fetch(`${url}/saved/${id}`, { method: 'HEAD' })).status;
      assert.deepEqual(
        [await status(ids[0]!), await status(ids[1]!), await status(ids[16]!)],
        [404, 200, 200],
      );
      assert.equal(folders.callCount, 1);
      const dir = await folder();
      await recordings.close();
      assert.deepEqual(
        { status: await status(ids[16]!), exists: fs.existsSync(dir) },
        { status: 404, exists: false },
      );
    });

    it('are two at once, and again when one of them has ended, be it without a picture', async () => {
      let answer = (): void => undefined;
      const nvr = new FakeNvr(async function* waiting(signal) {
        await new Promise<void>((resolve) => {
          answer = resolve;
          signal.addEventListener('abort', () => {
            resolve();
          });
        });
        yield* [];
      });
      const { recordings } = await serve(nvr);
      const two = [save(recordings, 1), save(recordings, 2)];
      const ends = Promise.allSettled(two);
      while (nvr.asked.length < 2) await new Promise(setImmediate);
      await assert.rejects(save(recordings, 3), { code: 'EBUSY' });
      answer();
      await assert.rejects(Promise.race(two), { code: 'ENORECORDING' });
      const third = Promise.allSettled([save(recordings, 3)]);
      while (nvr.asked.length < 3) await new Promise(setImmediate);
      await assert.rejects(save(recordings, 4), { code: 'EBUSY' });
      await recordings.close();
      await Promise.all([ends, third]);
    });

    it('are given up when the page’s node is closed before they have begun, and leave no folder', async () => {
      const { recordings } = await serve(recorder());
      const refused = assert.rejects(save(recordings), { code: 'EBUSY' });
      await recordings.close();
      await refused;
      assert.equal(fs.existsSync(await folder()), false);
    });
  });
});
