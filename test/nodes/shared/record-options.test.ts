// What a record node's recorder is told, and what it is given.

import assert from 'node:assert/strict';
import path from 'node:path';
import sinon from 'sinon';
import type { VideoUnit } from '../../../lib/codec/unit.js';
import { NvrError } from '../../../lib/errors.js';
import { SnapshotPool } from '../../../lib/nvr/snapshot/snapshot-pool.js';
import { recorderDeps, recorderOptions, type RecordContext } from '../../../nodes/shared/record-options.js';
import { readSettings } from '../../../nodes/shared/settings/read.js';
import { recordSettings } from '../../../nodes/shared/settings/tables/nvr-record.js';
import { FakeHub, videoUnit } from '../../kit/fake-hub.js';
import { FakeNode, FakeRed } from '../../kit/fake-red.js';

class Bench {
  readonly node = new FakeNode({ id: 'node', type: 'nvr-record' });
  readonly hub = new FakeHub();
  readonly fetched: unknown[][] = [];
  readonly context: RecordContext;

  constructor(saved: object = {}, { version = 1, server = {}, canPlayBack = true, userDir = '/user' } = {}) {
    const red = new FakeRed();
    red.settings.userDir = userDir;
    const fetchMissed = (...asked: unknown[]): object => {
      this.fetched.push(asked);
      return {};
    };
    const nvr = { canPlayBack, fetchMissed };
    const settings = { channels: [{ channel: 1, name: 'Gate' }], timeZone: 'Asia/Tokyo', ...server };
    this.context = {
      ...{ RED: red.RED, node: this.node, server: red.server(nvr, settings), nvr, savedVersion: version },
      settings: readSettings(recordSettings, { nvr: 'nvr', ...saved }),
      signal: new AbortController().signal,
    } as never;
  }

  get options(): ReturnType<typeof recorderOptions> {
    return recorderOptions(this.context, this.hub, 'its id');
  }

  get deps(): ReturnType<typeof recorderDeps> {
    return recorderDeps(this.context, this.hub);
  }
}

describe('a recorder of the record node', () => {
  afterEach(() => {
    sinon.restore();
  });

  it('has the camera’s and the NVR’s names, the NVR’s zone, and an id of its own', () => {
    const { id, nvr, channel, timeZone } = new Bench().options;
    assert.deepEqual(
      { id, nvr, channel, timeZone },
      { id: 'its id', nvr: 'Home', channel: 'Gate', timeZone: 'Asia/Tokyo' },
    );
  });

  it('records into the folder that is set, or into one of the user folder', () => {
    assert.equal(new Bench({ folder: '/clips' }).options.folder, '/clips');
    assert.equal(new Bench().options.folder, path.resolve('/user', 'nvr-clips'));
  });

  it('reads the permissions of its files as octal digits', () => {
    assert.equal(new Bench({ fileMode: '0640' }).options.fileMode, 0o640);
  });

  it('makes a film of a day in a time-lapse, and segments as long as is set otherwise', () => {
    const segment = (mode: string): number => new Bench({ mode, segment: '60' }).options.segment;
    assert.deepEqual(
      { timelapse: segment('timelapse'), continuous: segment('continuous') },
      { timelapse: 86_400, continuous: 60 },
    );
  });

  it('keeps 10 GiB of continuous recording unless the first release saved it', () => {
    const kept = (version: number): number => new Bench({ mode: 'continuous' }, { version }).options.keepGiB;
    assert.deepEqual({ old: kept(0), now: kept(1) }, { old: 0, now: 10 });
  });

  it('takes over what was left of the same stream of the same camera of the same NVR alone', () => {
    const owner = (saved: object, server = {}, channel = 1): string => {
      const bench = new Bench(saved, { server });
      Object.assign(bench.hub, { channel });
      return bench.deps.owner!.camera;
    };
    const others = [
      owner({ stream: 'dual' }),
      owner({}, { host: '127.0.0.2' }),
      owner({}, { rtspPort: 555 }),
      owner({}, {}, 2),
    ];
    assert.equal(new Set([owner({}), ...others]).size, 5);
    assert.equal(owner({ folder: '/clips' }), owner({}));
  });

  it('fetches what it missed of the camera and stream that it records, one span at a time, and gives up with it', () => {
    const bench = new Bench({ stream: 'dual' });
    const { signal } = new AbortController();
    bench.deps.fetchSpan!(3, 10, 20, signal);
    const [[span, passed] = []] = bench.fetched;
    assert.deepEqual(span, { channel: 3, stream: 'dual', from: 10, to: 20 });
    assert.equal(passed, signal);
    assert.equal(new Bench({}, { canPlayBack: false }).deps.fetchSpan, undefined);
  });

  it('reads the time of day and the monotonic time, both in milliseconds', () => {
    const { deps } = new Bench();
    sinon.stub(Date, 'now').returns(1_700_000_000_000);
    sinon.stub(performance, 'now').returns(5000);
    assert.deepEqual(
      { now: deps.now(), monotonic: deps.monotonic() },
      { now: 1_700_000_000_000, monotonic: 5000 },
    );
  });

  it('reports what fails in one of its timers to Catch', () => {
    const clock = sinon.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const bench = new Bench();
    bench.deps.timers.set(() => {
      throw new NvrError('EDISK', 'Full.');
    }, 1000);
    clock.tick(1000);
    clock.restore();
    assert.deepEqual(
      bench.node.errors.map(({ code }) => code),
      ['EDISK'],
    );
  });

  describe('that is asked for thumbnails', () => {
    const take = (bench: Bench, unit: VideoUnit): Promise<Buffer | undefined> => bench.deps.thumbnail!(unit);

    it('makes none where they are not', () => {
      assert.equal(new Bench({ thumbnail: false }).deps.thumbnail, undefined);
    });

    it('decodes them in its camera’s turn, and takes the part of the memory that is the picture', async () => {
      const bench = new Bench({ thumbnail: true });
      const whole = new Uint8Array([9, 9, 1, 2, 3]);
      const decode = sinon
        .stub(SnapshotPool.prototype, 'decode')
        .resolves({ data: whole.subarray(2, 4), width: 1, height: 1 });
      const unit = videoUnit();
      assert.deepEqual(await take(bench, unit), Buffer.from([1, 2]));
      const [{ codec, data, quality }, camera] = decode.firstCall.args;
      assert.deepEqual({ codec, data, quality }, { codec: 'h264', data: unit.data, quality: 80 });
      assert.equal(camera, bench.hub);
    });

    it('takes a camera’s own JPEG as it is', async () => {
      const decode = sinon.stub(SnapshotPool.prototype, 'decode').rejects();
      const unit = videoUnit({ codec: 'mjpeg' });
      assert.equal(await take(new Bench({ thumbnail: true }), unit), unit.data);
      assert.equal(decode.callCount, 0);
    });
  });
});
