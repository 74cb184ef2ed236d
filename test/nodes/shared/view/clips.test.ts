import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { NvrError } from '../../../../lib/errors.js';
import type { Catalog } from '../../../../lib/nvr/recorder/catalog.js';
import type { ClipInfo } from '../../../../lib/nvr/recorder/types.js';
import type { RecordedCamera } from '../../../../nodes/shared/recorded-cameras.js';
import { Clips } from '../../../../nodes/shared/view/clips.js';

const clip = (file: string, start: number, more: Partial<ClipInfo> = {}): ClipInfo =>
  ({
    ...{ file, start, end: start + 10_000, durationMs: 10_000, frames: 100, reason: 'alarm' },
    alarms: [],
    ...more,
  }) as unknown as ClipInfo;

/** A record node with these clips; those named gone have been deleted. */
class Shelf {
  lists = 0;
  gone = new Set<string>();
  broken = false;
  readonly camera: RecordedCamera;

  constructor(
    readonly channel: number,
    readonly clips: ClipInfo[],
    writing: { file: string; start: number; reason: string }[] = [],
    most = Infinity,
  ) {
    const catalog = {
      list: ({ from = 0 }: { from?: number }) => {
        this.lists++;
        if (this.broken) return Promise.reject(new NvrError('EDISK', 'The disk is gone.'));
        const found = this.clips.filter(({ end }) => end > from);
        return Promise.resolve({ clips: found.slice(0, most), more: found.length > most });
      },
      writing: () => Promise.resolve(writing),
      locate: (file: string) =>
        this.gone.has(file)
          ? Promise.reject(new NvrError('ENORECORDING', 'That clip is gone.'))
          : Promise.resolve(`/real${file}`),
    };
    this.camera = { channel, catalog: catalog as unknown as Catalog };
  }
}

/** What a page is answered. */
class Answer {
  headersSent = false;
  destroyed = false;
  sent: string | undefined;
  type: unknown;
  status = 0;
  body = '';

  once(): this {
    return this;
  }
  sendFile(file: string, options: { headers: Record<string, string> }, done: () => void): void {
    this.sent = file;
    this.type = options.headers['Content-Type'];
    done();
  }
  writeHead(status: number): this {
    this.status = status;
    return this;
  }
  end(body: string): void {
    this.body = body;
  }
}

const codeOf = ({ body }: Answer): string => (JSON.parse(body) as { code: string }).code;

async function serve(clips: Clips, id: string, kind: 'mp4' | 'jpg' = 'mp4'): Promise<Answer> {
  const answer = new Answer();
  await clips.serve(id, kind, answer as unknown as ServerResponse);
  return answer;
}

describe('the clips of a view’s page', () => {
  const of = (...shelves: Shelf[]): Clips =>
    new Clips((channel) =>
      shelves
        .filter((shelf) => channel === undefined || shelf.channel === channel)
        .map(({ camera }) => camera),
    );

  it('are those of all record nodes of the camera, the oldest first, with what is being written', async () => {
    const one = new Shelf(1, [clip('/a/2.mp4', 2000), clip('/a/4.mp4', 4000, { reason: 'continuous' })]);
    const two = new Shelf(
      1,
      [clip('/b/3.mp4', 3000, { alarms: [{ time: 3500, reason: 'alarm' }] })],
      [{ file: '/b/5.mp4.part', start: 5000, reason: 'alarm' }],
    );
    const told = await of(one, two, new Shelf(2, [clip('/c/1.mp4', 1000)])).list(1, 0, 60_000);
    assert.deepEqual(
      told.map(({ start, kind, alarms, unfinished = false }) => ({ start, kind, alarms, unfinished })),
      [
        { start: 2000, kind: 'clip', alarms: [], unfinished: false },
        { start: 3000, kind: 'clip', alarms: [3500], unfinished: false },
        { start: 4000, kind: 'segment', alarms: [], unfinished: false },
        { start: 5000, kind: 'clip', alarms: [], unfinished: true },
      ],
    );
    assert.deepEqual(told.map(({ frameMs }) => frameMs).slice(0, 1), [100]);
  });

  it('are listed completely, once each, however many there are', async () => {
    const many = Array.from({ length: 25 }, (_, index) => clip(`/a/${index}.mp4`, index * 9_000));
    const told = await of(new Shelf(1, many, [], 10)).list(1, 0, 600_000);
    assert.deepEqual(
      told.map(({ start }) => start),
      many.map(({ start }) => start),
    );
  });

  it('are no films, whose hours pass in minutes', async () => {
    const film = { reason: 'timelapse', end: 3_600_000 };
    const writing = [{ file: '/a/2.mp4.part', start: 2000, reason: 'timelapse' }];
    const told = await of(new Shelf(1, [clip('/a/1.mp4', 1000, film)], writing)).list(1, 0, 60_000);
    assert.deepEqual(told, []);
  });

  it('are listed without those of a folder that cannot be read', async () => {
    const [whole, broken] = [new Shelf(1, [clip('/a/1.mp4', 1000)]), new Shelf(1, [clip('/b/2.mp4', 2000)])];
    broken.broken = true;
    assert.equal((await of(whole, broken).list(1, 0, 60_000)).length, 1);
  });

  it('are served by an id that does not reveal their path, with their picture if they have one', async () => {
    const shelf = new Shelf(1, [clip('/a/1.mp4', 1000, { thumbnail: '/a/1.jpg' }), clip('/a/2.mp4', 2000)]);
    const clips = of(shelf);
    const [first, second] = await clips.list(1, 0, 60_000);
    assert.match(first!.id, /^[0-9a-f]{32}$/);
    assert.deepEqual(
      { firstThumbnail: first!.thumbnail, secondThumbnail: second!.thumbnail },
      { firstThumbnail: true, secondThumbnail: false },
    );
    const answer = await serve(clips, first!.id);
    assert.deepEqual({ sent: answer.sent, type: answer.type }, { sent: '/real/a/1.mp4', type: 'video/mp4' });
    assert.equal((await serve(clips, first!.id, 'jpg')).sent, '/real/a/1.jpg');
    const none = await serve(clips, second!.id, 'jpg');
    assert.deepEqual({ sent: none.sent, code: codeOf(none) }, { sent: undefined, code: 'ENORECORDING' });
  });

  it('are found by an old link after a restart, and a link to no clip does not cause a search each time', async () => {
    const shelf = new Shelf(1, [clip('/a/1.mp4', 1000)]);
    const [told] = await of(shelf).list(1, 0, 60_000);
    let now = 0;
    const anew = new Clips(
      () => [shelf.camera],
      () => now,
    );
    assert.equal((await serve(anew, told!.id)).sent, '/real/a/1.mp4');
    shelf.lists = 0;
    for (let request = 0; request < 100; request++) await serve(anew, 'f'.repeat(32));
    assert.equal(shelf.lists, 0, 'it has just been looked');
    now = 5_000;
    await serve(anew, 'f'.repeat(32));
    assert.equal(shelf.lists, 0);
    now = 6_000;
    for (let request = 0; request < 100; request++) await serve(anew, 'f'.repeat(32));
    assert.equal(shelf.lists, 1);
  });

  it('have the time of a frame from their own frames, and the usual one where that says nothing', async () => {
    const told = await of(
      new Shelf(1, [
        clip('/a/1.mp4', 1, { frames: 4, durationMs: 1000 }),
        clip('/a/2.mp4', 2, { frames: 1, durationMs: 1000 }),
        clip('/a/3.mp4', 3, { frames: 4, durationMs: 0 }),
      ]),
    ).list(1, 0, 60_000);
    assert.deepEqual(
      told.map(({ frameMs }) => frameMs),
      [250, 40, 40],
    );
  });

  it('that are being written end now, or with the span that is asked for, and are not listed before it', async () => {
    const now = Date.now();
    const writing = [{ file: '/a/1.mp4.part', start: now - 5000, reason: 'alarm' }];
    const clips = of(new Shelf(1, [], writing));
    const ends = async (to: number): Promise<number[]> => (await clips.list(1, 0, to)).map(({ end }) => end);
    assert.deepEqual(await ends(now - 1000), [now - 1000]);
    assert.deepEqual(await ends(now - 5000), []);
    const [end] = await ends(now + 60_000);
    assert.ok(end! >= now && end! <= Date.now());
  });

  it('are listed by a catalog that always says that there are more', async () => {
    let pages = 0;
    const shelf = new Shelf(1, []);
    const list =
      (step: number) =>
      ({ from = 0 }: { from?: number }) => {
        pages++;
        const clips = Array.from({ length: 5000 }, (_, i) => clip(`/a/${pages}-${i}.mp4`, from + step * i));
        return Promise.resolve({ clips, more: true });
      };
    Object.assign(shelf.camera.catalog, { list: list(0) });
    assert.equal((await of(shelf).list(1, 0, 60_000)).length, 5000, 'it gets no further');
    pages = 0;
    Object.assign(shelf.camera.catalog, { list: list(1) });
    await of(shelf).list(1, 0, 60_000);
    assert.equal(pages, 4, '20,000 are enough');
  });

  it('are remembered by their ids, the last 20,000 that were listed', async () => {
    const shelf = new Shelf(1, [clip('/a/old.mp4', 1), clip('/a/again.mp4', 2)]);
    const clips = new Clips(
      (channel) => (channel === undefined ? [] : [shelf.camera]),
      () => 0,
    );
    const [old, again] = await clips.list(1, 0, 60_000);
    shelf.clips.splice(0, 2, ...Array.from({ length: 19_998 }, (_, i) => clip(`/a/${i}.mp4`, i)));
    await clips.list(1, 0, 60_000);
    assert.equal((await serve(clips, old!.id)).sent, '/real/a/old.mp4');
    shelf.clips.splice(0, Infinity, clip('/a/again.mp4', 2), clip('/a/new.mp4', 3), clip('/a/newer.mp4', 4));
    await clips.list(1, 0, 60_000);
    assert.equal((await serve(clips, old!.id)).sent, undefined);
    assert.equal((await serve(clips, again!.id)).sent, '/real/a/again.mp4');
  });

  it('say that they are gone where their file is', async () => {
    const shelf = new Shelf(1, [clip('/a/1.mp4', 1000)]);
    const clips = of(shelf);
    const [told] = await clips.list(1, 0, 60_000);
    shelf.gone.add('/a/1.mp4');
    const answer = await serve(clips, told!.id);
    assert.deepEqual({ status: answer.status, code: codeOf(answer) }, { status: 503, code: 'ENORECORDING' });
  });
});
