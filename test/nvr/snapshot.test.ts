import assert from 'node:assert/strict';

import sinon from 'sinon';

import { NvrError } from '../../lib/errors.js';
import type { NvrErrorCode } from '../../lib/errors.js';
import { encodeJpeg } from '../../lib/media/jpeg/encode.js';
import type { Jpeg } from '../../lib/media/jpeg/index.js';
import type { SnapshotJob } from '../../lib/media/snapshot-job.js';
import type { FfmpegJob } from '../../lib/nvr/snapshot/ffmpeg-fallback.js';
import type { SnapshotPool } from '../../lib/nvr/snapshot/snapshot-pool.js';
import { takeSnapshot } from '../../lib/nvr/snapshot/snapshot.js';
import type { SnapshotOptions, SnapshotTools } from '../../lib/nvr/snapshot/snapshot.js';
import type { HubEvent } from '../../lib/nvr/types.js';
import { FakeHub, videoUnit } from '../kit/fake-hub.js';

const OPTIONS: SnapshotOptions = {
  format: 'jpeg',
  quality: 80,
  maxAge: 2,
  timeout: 10,
  decoder: 'auto',
  ffmpegPath: '',
};

function jpegOf(width: number, height: number): Buffer {
  const y = new Uint8Array(width * height);
  return Buffer.from(
    encodeJpeg({ width, height, y, yStride: width, cStride: width }, { quality: 50, fullRange: true }),
  );
}

/** Decoders that answer, or refuse with a code, and count what they are asked for. */
function fakeTools(builtin: NvrErrorCode | 'fine', ffmpeg: NvrErrorCode | 'fine') {
  const decode = sinon.spy((job: SnapshotJob, _camera?: object): Promise<Jpeg> => {
    if (builtin !== 'fine') return Promise.reject(new NvrError(builtin, 'built-in says no'));
    // A part of a larger memory.
    const around = Buffer.alloc(5);
    const data = new Uint8Array(Buffer.concat([around, jpegOf(64, 36), around])).subarray(5, -5);
    return Promise.resolve({ data, width: job.width ?? 64, height: 36 });
  });
  const run = sinon.spy((_job: FfmpegJob): Promise<Buffer> => {
    return ffmpeg === 'fine'
      ? Promise.resolve(jpegOf(32, 18))
      : Promise.reject(new NvrError(ffmpeg, 'ffmpeg says no'));
  });
  const tools: SnapshotTools = { pool: { decode } as unknown as SnapshotPool, ffmpeg: run };
  return { decode, run, tools };
}

const rejectsWith =
  (code: NvrErrorCode, words = /./) =>
  (error: unknown) =>
    error instanceof NvrError && error.code === code && words.test(error.message);

describe('a snapshot', () => {
  let hub: FakeHub;
  let clock: sinon.SinonFakeTimers;

  beforeEach(() => {
    clock = sinon.useFakeTimers();
    hub = new FakeHub();
  });

  afterEach(() => {
    clock.restore();
  });

  describe('finding the keyframe', () => {
    it('takes the kept keyframe if it is recent, and reports its age', async () => {
      hub.gop = [videoUnit({ age: 1500 }), videoUnit({ keyframe: false })];
      const snapshot = await takeSnapshot(hub, OPTIONS, fakeTools('fine', 'fine').tools);
      assert.equal(snapshot.unit, hub.gop[0]);
      assert.equal(snapshot.ageMs, 1500);
      assert.equal(hub.joined, 1, 'joins all the same, so that the linger starts anew');
      assert.equal(hub.subscribers.size, 0);
    });

    it('takes the kept keyframe up to the very age', async () => {
      hub.gop = [videoUnit({ age: 2000 })];
      const { unit } = await takeSnapshot(hub, OPTIONS, fakeTools('fine', 'fine').tools);
      assert.equal(unit, hub.gop[0]);
    });

    for (const [what, unit, maxAge] of [
      ['too old', { age: 2001 }, 2],
      ['damaged', { age: 10, damaged: true }, 2],
      ['not wanted', { age: 0 }, 0],
    ] as const) {
      it(`waits for the next one when the kept one is ${what}`, async () => {
        hub.gop = [videoUnit(unit)];
        const taken = takeSnapshot(hub, { ...OPTIONS, maxAge }, fakeTools('fine', 'fine').tools);
        hub.emit(videoUnit({ keyframe: false }));
        const next = videoUnit();
        hub.emit(next);
        assert.equal((await taken).unit, next);
        assert.equal(hub.subscribers.size, 0);
      });
    }

    it('passes over a damaged one, but takes it rather than nothing', async () => {
      const { tools } = fakeTools('fine', 'fine');
      const damaged = videoUnit({ damaged: true });
      const lucky = takeSnapshot(hub, OPTIONS, tools);
      hub.emit(damaged);
      const whole = videoUnit();
      hub.emit(whole);
      assert.equal((await lucky).unit, whole);

      const unlucky = takeSnapshot(hub, OPTIONS, tools);
      hub.emit(damaged);
      await clock.tickAsync(10_000);
      assert.equal((await unlucky).unit, damaged);
    });

    it('ends with ETIMEDOUT when no media comes', async () => {
      const taken = assert.rejects(takeSnapshot(hub, OPTIONS), rejectsWith('ETIMEDOUT', /within 10 s/));
      hub.tell({ type: 'connecting' });
      await clock.tickAsync(10_000);
      await taken;
      assert.equal(hub.subscribers.size, 0);
    });

    const refused = {
      type: 'reconnecting',
      error: new NvrError('ECONNREFUSED', 'refused by the NVR'),
    } as const;

    it('names the cause at once where the camera cannot be reached', async () => {
      const taken = assert.rejects(
        takeSnapshot(hub, OPTIONS),
        rejectsWith('ECONNREFUSED', /refused by the NVR/),
      );
      hub.tell(refused);
      await taken;
      assert.equal(hub.subscribers.size, 0);
    });

    it('waits for one more attempt where the stream breaks off while it plays, and names what that ends with', async () => {
      const taken = takeSnapshot(hub, { ...OPTIONS, format: 'keyframe' });
      hub.tell({ type: 'playing' });
      hub.tell({ type: 'reconnecting', error: new NvrError('EUNREACHABLE', 'broke off') });
      hub.tell({ type: 'connecting' });
      const unit = videoUnit();
      hub.emit(unit);
      assert.equal((await taken).unit, unit);

      const failing = assert.rejects(
        takeSnapshot(hub, { ...OPTIONS, maxAge: 0 }),
        rejectsWith('ECONNREFUSED', /refused/),
      );
      hub.tell({ type: 'playing' });
      hub.tell({ type: 'reconnecting', error: new NvrError('EUNREACHABLE', 'broke off') });
      hub.tell({ type: 'connecting' });
      hub.tell(refused);
      await failing;
    });

    it('joins an outage: names its cause at once, or waits for the attempt that is on its way', async () => {
      const join = hub.subscribe.bind(hub);
      hub.subscribe = (subscriber) => {
        subscriber.onEvent?.(refused as unknown as HubEvent);
        return join(subscriber);
      };
      await assert.rejects(takeSnapshot(hub, OPTIONS), rejectsWith('ECONNREFUSED', /refused/));
      hub.subscribe = (subscriber) => {
        for (const event of [refused, { type: 'connecting' } as const])
          subscriber.onEvent?.(event as unknown as HubEvent);
        return join(subscriber);
      };
      const taken = takeSnapshot(hub, { ...OPTIONS, format: 'keyframe' });
      const unit = videoUnit();
      hub.emit(unit);
      assert.equal((await taken).unit, unit);
    });

    it('ends with ENOKEYFRAME when media comes without one', async () => {
      const taken = assert.rejects(
        takeSnapshot(hub, { ...OPTIONS, timeout: 3 }),
        rejectsWith('ENOKEYFRAME', /within 3 s/),
      );
      hub.packets = 500;
      await clock.tickAsync(3000);
      await taken;
    });

    it('names the loss and the transport where they keep keyframes away', async () => {
      hub.transport = 'udp';
      const taken = assert.rejects(
        takeSnapshot(hub, { ...OPTIONS, timeout: 3 }),
        rejectsWith('ENOKEYFRAME', /5 % of the packets are lost on the way over UDP/),
      );
      hub.packets = 950;
      hub.lost = 50;
      await clock.tickAsync(3000);
      await taken;
    });

    it('says that a stream of intra refresh cannot be decoded picture by picture, and takes no such picture for a keyframe', async () => {
      const entry = { ...videoUnit({ keyframe: false }), recoveryFrames: 9 };
      const taken = assert.rejects(takeSnapshot(hub, OPTIONS), rejectsWith('EUNSUPPORTED', /intra refresh/));
      hub.emit(entry);
      hub.packets = 500;
      await clock.tickAsync(10_000);
      await taken;
      hub.gop = [{ ...videoUnit({ keyframe: false }), recoveryFrames: 9 }];
      const again = assert.rejects(takeSnapshot(hub, OPTIONS), rejectsWith('EUNSUPPORTED', /intra refresh/));
      await clock.tickAsync(10_000);
      await again;
    });

    it('ends at once with the error that the stream ends with', async () => {
      const taken = assert.rejects(takeSnapshot(hub, OPTIONS), rejectsWith('EAUTH'));
      hub.tell({ type: 'error', code: 'EAUTH', error: new NvrError('EAUTH', 'wrong password') });
      await taken;
      const stopped = assert.rejects(takeSnapshot(hub, OPTIONS), rejectsWith('EUNREACHABLE'));
      hub.tell({ type: 'stopped' });
      await stopped;
      assert.equal(hub.subscribers.size, 0);
    });
  });

  it('can be called off while it waits', async () => {
    const ending = new AbortController();
    const taken = assert.rejects(
      takeSnapshot(hub, { ...OPTIONS, signal: ending.signal }),
      rejectsWith('EUNREACHABLE'),
    );
    ending.abort();
    await taken;
    assert.equal(hub.subscribers.size, 0);
    await assert.rejects(
      takeSnapshot(hub, { ...OPTIONS, signal: ending.signal }),
      rejectsWith('EUNREACHABLE'),
    );
  });

  describe('making the picture', () => {
    it('shares one decode between simultaneous triggers, and later ones of the same keyframe', async () => {
      const { tools, decode } = fakeTools('fine', 'fine');
      const both = Promise.all([takeSnapshot(hub, OPTIONS, tools), takeSnapshot(hub, OPTIONS, tools)]);
      hub.gop = [videoUnit()];
      hub.emit(hub.gop[0]!);
      const [one, other] = await both;
      const later = await takeSnapshot(hub, OPTIONS, tools);
      assert.equal(decode.callCount, 1);
      assert.ok(one.data === other.data && one.data === later.data);
      await takeSnapshot(hub, { ...OPTIONS, width: 32 }, tools);
      assert.equal(decode.callCount, 2);
    });

    it('tries the same keyframe again after an error, and after a picture that could only be passed on', async () => {
      hub.gop = [videoUnit()];
      const builtin = { ...OPTIONS, decoder: 'builtin' } as const;
      await assert.rejects(takeSnapshot(hub, builtin, fakeTools('EDECODE', 'fine').tools));
      const fine = fakeTools('fine', 'fine');
      await takeSnapshot(hub, builtin, fine.tools);
      assert.equal(fine.decode.callCount, 1);
      const none = fakeTools('EDECODE', 'EUNSUPPORTED');
      for (let time = 1; time <= 2; time++) {
        assert.ok((await takeSnapshot(hub, OPTIONS, none.tools)).warning);
        assert.equal(none.decode.callCount, time);
      }
    });

    it('hands over a Buffer with its kind and its size', async () => {
      hub.gop = [videoUnit()];
      const snapshot = await takeSnapshot(hub, OPTIONS, fakeTools('fine', 'fine').tools);
      assert.ok(Buffer.isBuffer(snapshot.data));
      assert.deepEqual(snapshot.data, jpegOf(64, 36));
      assert.deepEqual(
        { contentType: snapshot.contentType, width: snapshot.width, height: snapshot.height },
        { contentType: 'image/jpeg', width: 64, height: 36 },
      );
    });

    it('passes the keyframe through when that is what is asked for', async () => {
      for (const [codec, contentType] of [
        ['h264', 'video/h264'],
        ['h265', 'video/h265'],
        ['mjpeg', 'image/jpeg'],
      ] as const) {
        hub.gop = [videoUnit({ codec })];
        const { tools, decode, run } = fakeTools('fine', 'fine');
        const snapshot = await takeSnapshot(hub, { ...OPTIONS, format: 'keyframe', width: 100 }, tools);
        assert.deepEqual(
          { contentType: snapshot.contentType, data: snapshot.data },
          { contentType, data: hub.gop[0]!.data },
        );
        assert.equal(decode.callCount + run.callCount, 0);
      }
    });

    for (const code of ['EUNSUPPORTED', 'EDECODE'] as const) {
      it(`asks ffmpeg after the built-in decoder's ${code}, then passes the keyframe on with advice`, async () => {
        hub.gop = [videoUnit()];
        const byFfmpeg = await takeSnapshot(hub, OPTIONS, fakeTools(code, 'fine').tools);
        assert.deepEqual(
          { contentType: byFfmpeg.contentType, width: byFfmpeg.width, warning: byFfmpeg.warning },
          { contentType: 'image/jpeg', width: 32, warning: undefined },
        );

        hub.gop = [videoUnit()];
        const raw = await takeSnapshot(hub, OPTIONS, fakeTools(code, 'EUNSUPPORTED').tools);
        assert.deepEqual(
          { contentType: raw.contentType, data: raw.data, width: raw.width },
          { contentType: 'video/h264', data: hub.gop[0]!.data, width: 320 },
        );
        assert.ok(rejectsWith(code, /says no; ffmpeg says no\. Install ffmpeg/)(raw.warning));
        assert.doesNotMatch(
          (await takeSnapshot(hub, OPTIONS, fakeTools(code, 'EDECODE').tools)).warning!.message,
          /nstall/,
          'where ffmpeg is, it is not said to install it',
        );
        const again = await takeSnapshot(hub, OPTIONS, fakeTools('fine', 'fine').tools);
        assert.equal(
          again.contentType,
          'image/jpeg',
          'a trigger after the advice was taken gets its picture',
        );
      });
    }

    it('passes a damaged H.265 keyframe on as it is: ffmpeg would show it without a word of what is missing', async () => {
      hub.gop = [videoUnit({ codec: 'h265' })];
      const { tools, run } = fakeTools('EDECODE', 'fine');
      const raw = await takeSnapshot(hub, OPTIONS, tools);
      assert.deepEqual(
        { contentType: raw.contentType, data: raw.data, runs: run.callCount },
        { contentType: 'video/h265', data: hub.gop[0]!.data, runs: 0 },
      );
      assert.ok(
        rejectsWith(
          'EDECODE',
          /^No JPEG, the keyframe itself is passed on: built-in says no\.$/,
        )(raw.warning),
      );
    });

    it('hands on to both decoders whether pixels are to be square, and makes both pictures', async () => {
      hub.gop = [videoUnit()];
      const { tools, decode, run } = fakeTools('EUNSUPPORTED', 'fine');
      await takeSnapshot(hub, { ...OPTIONS, squarePixels: true }, tools);
      await takeSnapshot(hub, OPTIONS, tools);
      assert.deepEqual(
        decode.args.map(([job]) => job.squarePixels),
        [true, false],
      );
      assert.deepEqual(
        run.args.map(([job]) => job.squarePixels),
        [true, false],
      );
    });

    it('makes a picture of its own for each quality, format and ffmpeg that is asked for', async () => {
      hub.gop = [videoUnit()];
      const { tools, decode, run } = fakeTools('fine', 'fine');
      for (const quality of [80, 30]) await takeSnapshot(hub, { ...OPTIONS, quality }, tools);
      assert.deepEqual(
        decode.args.map(([job]) => job.quality),
        [80, 30],
      );
      const keyframe = await takeSnapshot(hub, { ...OPTIONS, format: 'keyframe' }, tools);
      assert.equal(keyframe.contentType, 'video/h264');
      for (const ffmpegPath of ['/one', '/other'])
        await takeSnapshot(hub, { ...OPTIONS, decoder: 'ffmpeg', ffmpegPath }, tools);
      assert.deepEqual(
        run.args.map(([job]) => job.ffmpegPath),
        ['/one', '/other'],
      );
    });

    it('tells both decoders whose picture it is, so that no camera takes up their time', async () => {
      hub.gop = [videoUnit()];
      const { tools, decode, run } = fakeTools('EUNSUPPORTED', 'fine');
      await takeSnapshot(hub, OPTIONS, tools);
      assert.equal(decode.args[0]![1], hub);
      assert.equal(run.args[0]![0].camera, hub);
    });

    it('asks ffmpeg for an H.265 keyframe of a kind that the built-in decoder does not know', async () => {
      hub.gop = [videoUnit({ codec: 'h265' })];
      const { tools, run } = fakeTools('EUNSUPPORTED', 'fine');
      const { contentType } = await takeSnapshot(hub, OPTIONS, tools);
      assert.deepEqual(
        { contentType, codec: run.args[0]![0].codec },
        { contentType: 'image/jpeg', codec: 'h265' },
      );
    });

    it('uses only the chosen decoder, and rejects with its error', async () => {
      hub.gop = [videoUnit()];
      const builtin = fakeTools('EDECODE', 'fine');
      await assert.rejects(
        takeSnapshot(hub, { ...OPTIONS, decoder: 'builtin' }, builtin.tools),
        rejectsWith('EDECODE'),
      );
      assert.equal(builtin.run.callCount, 0);
      const ffmpeg = fakeTools('fine', 'EUNSUPPORTED');
      await assert.rejects(
        takeSnapshot(hub, { ...OPTIONS, decoder: 'ffmpeg' }, ffmpeg.tools),
        rejectsWith('EUNSUPPORTED'),
      );
      assert.equal(ffmpeg.decode.callCount, 0);
    });

    it('is refused with EBUSY rather than decoded elsewhere when too many wait', async () => {
      hub.gop = [videoUnit()];
      const { tools, run } = fakeTools('EBUSY', 'fine');
      await assert.rejects(takeSnapshot(hub, OPTIONS, tools), rejectsWith('EBUSY'));
      assert.equal(run.callCount, 0);
      const second = fakeTools('EUNSUPPORTED', 'EBUSY');
      await assert.rejects(takeSnapshot(hub, OPTIONS, second.tools), rejectsWith('EBUSY', /ffmpeg says no/));
    });
  });

  describe('of a camera that sends JPEG', () => {
    beforeEach(() => {
      hub.gop = [videoUnit({ codec: 'mjpeg', data: jpegOf(64, 36) })];
    });

    it('is passed through, and not made larger', async () => {
      for (const width of [undefined, 64, 640]) {
        const { tools, decode, run } = fakeTools('fine', 'fine');
        const snapshot = await takeSnapshot(
          hub,
          { ...OPTIONS, ...(width === undefined ? {} : { width }) },
          tools,
        );
        assert.equal(snapshot.data, hub.gop[0]!.data);
        assert.deepEqual(
          { width: snapshot.width, height: snapshot.height, warning: snapshot.warning },
          { width: 64, height: 36, warning: undefined },
        );
        assert.equal(decode.callCount + run.callCount, 0);
      }
    });

    it('is made smaller by ffmpeg, else passed through with a warning', async () => {
      const smaller = await takeSnapshot(hub, { ...OPTIONS, width: 32 }, fakeTools('fine', 'fine').tools);
      assert.deepEqual({ width: smaller.width, height: smaller.height }, { width: 32, height: 18 });
      for (const decoder of ['auto', 'builtin'] as const) {
        const same = await takeSnapshot(
          hub,
          { ...OPTIONS, width: 30, decoder },
          fakeTools('fine', 'EUNSUPPORTED').tools,
        );
        assert.equal(same.data, hub.gop[0]!.data);
        const reason = decoder === 'auto' ? /only ffmpeg .*ffmpeg says no/ : /only ffmpeg .*'builtin'/;
        assert.ok(rejectsWith('EUNSUPPORTED', reason)(same.warning));
      }
      await assert.rejects(
        takeSnapshot(hub, { ...OPTIONS, width: 30, decoder: 'ffmpeg' }, fakeTools('fine', 'EDECODE').tools),
        rejectsWith('EDECODE'),
      );
      await assert.rejects(
        takeSnapshot(hub, { ...OPTIONS, width: 30 }, fakeTools('fine', 'EBUSY').tools),
        rejectsWith('EBUSY'),
      );
    });

    it('is made smaller in the quality that is asked for, also where its own size is not known', async () => {
      hub.gop = [videoUnit({ codec: 'mjpeg', data: Buffer.from([0xff, 0xd8, 0xff, 0xd9]), width: 0 })];
      const { tools, run } = fakeTools('fine', 'fine');
      const { width } = await takeSnapshot(hub, { ...OPTIONS, width: 32, quality: 30 }, tools);
      assert.equal(width, 32);
      const [{ camera, quality, data }] = run.args[0]!;
      assert.deepEqual(
        { isHub: camera === hub, quality, isKeyframe: data === hub.gop[0]!.data },
        { isHub: true, quality: 30, isKeyframe: true },
      );
    });
  });
});
