import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import sinon from 'sinon';
import { splitAnnexB } from '../../lib/codec/annexb.js';
import type { ClipInfo } from '../../lib/nvr/recorder/types.js';
import { sharedSnapshotPool } from '../../lib/nvr/snapshot-pool.js';
import { jpegSize } from '../../lib/media/jpeg/size.js';
import { startSimulator, type Simulator } from '../../lib/simulator/index.js';
import { needs } from '../support/tools.js';
import { flowWith, helper, load, statuses, type Message, type Sink } from './red.js';

const ACCOUNT = { username: 'admin', password: 'geheim-123' };
/** Of the simulator's clips. */
const GOP_MS = 2000;
const FRAME_MS = 80;

interface Fault {
  error: { code: string; message: string };
}

type Sinks = (id: string) => Sink;

const clipOf = (message: Message): ClipInfo => message.clip as ClipInfo;
const eventOf = (message: Message): Record<string, unknown> => message.event as Record<string, unknown>;
const codeOf = (message: Message): string => (message as unknown as Fault).error.code;
const words = (sink: Sinks): unknown[] => sink('event').messages.map(({ payload }) => payload);
const send = (message: object, id = 'record'): void => {
  (helper.getNode(id) as { receive(message: object): void }).receive(message);
};

/** What ffmpeg makes of a clip: decodes all of it, or throws. */
function judge(file: string): { frames: number; durationMs: number; startsWithKeyframe: boolean } {
  const errors = execFileSync('ffmpeg', ['-v', 'error', '-xerror', '-i', file, '-f', 'null', '-']);
  assert.equal(errors.toString(), '');
  const shown = execFileSync('ffprobe', [
    ...['-v', 'error', '-select_streams', 'v', '-show_packets', '-show_format', '-of', 'json', file],
  ]);
  const { packets, format } = JSON.parse(shown.toString()) as {
    packets: { flags: string }[];
    format: { duration: string };
  };
  return {
    frames: packets.length,
    durationMs: Math.round(Number(format.duration) * 1000),
    startsWithKeyframe: packets[0]!.flags.startsWith('K'),
  };
}

/** Whether a node is where an error came from. */
const isOf = (error: unknown, id: string): boolean => (error as { source: { id: string } }).source.id === id;

/** The picture of a clip's first frame, as the camera sent it. */
function firstPicture(file: string): Buffer {
  const toAnnexB = ['-c', 'copy', '-bsf:v', 'h264_mp4toannexb', '-frames:v', '1', '-f', 'h264', '-'];
  return splitAnnexB(execFileSync('ffmpeg', ['-v', 'error', '-i', file, ...toAnnexB])).at(-1)!;
}

describe('nvr-record', function () {
  this.timeout(30_000);
  let simulator: Simulator;
  let folder: string;

  before(function () {
    needs(this, 'ffmpeg', 'ffprobe');
  });

  beforeEach(function (done) {
    helper.startServer(done);
  });

  beforeEach(async () => {
    simulator = await startSimulator({ ...ACCOUNT, channels: 4 });
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-record-node-'));
  });

  afterEach(async () => {
    await helper.unload();
    await simulator.stop();
    fs.rmSync(folder, { recursive: true, force: true });
    await new Promise<void>((resolve) => {
      helper.stopServer(() => {
        resolve();
      });
    });
  });

  after(() => sharedSnapshotPool().close());

  function flow(settings: object = {}, nvr: object = {}): object[] {
    const server = {
      rtspPort: String(simulator.rtspPort),
      channels: [{ channel: 2, name: 'Gate' }],
      linger: '0',
      ...nvr,
    };
    const record = {
      id: 'record',
      type: 'nvr-record',
      channel: 'gate',
      preRoll: '1',
      postRoll: '0.5',
      folder,
      wires: [['out'], ['event']],
      ...settings,
    };
    const live = { id: 'live', type: 'nvr-live-stream', channel: '2', wires: [['pictures'], ['liveEvent']] };
    return flowWith(server, [record, live], ['out', 'event', 'pictures', 'liveEvent']);
  }

  /** The node, and a live-stream node of the same camera beside it. Resolves when the pre-roll is whole. */
  async function deploy(settings: object = {}, keyframes = 2, nvr: object = {}): Promise<Sinks> {
    const sink = await load(flow(settings, nvr), ACCOUNT);
    await keyframesOf(sink, keyframes);
    return sink;
  }

  /** Counts from the start. */
  const keyframesOf = (sink: Sinks, count: number): Promise<Message> =>
    sink('pictures').first(() => sink('pictures').messages.length >= count);

  /** Every file below the folder, but for the journal. */
  const files = (): string[] =>
    fs
      .readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => !entry.isDirectory() && !entry.name.startsWith('.nvr-record-'))
      .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
      .sort();

  describe('makes of an alarm', () => {
    it('a clip that begins before it, and sends the alarm’s message with it', async () => {
      const sink = await deploy();
      const alarmed = Date.now();
      send({ payload: 'motion', topic: 'site/yard/motion', mine: 'kept' });
      const message = await sink('out').first(() => true);
      const clip = clipOf(message);
      assert.deepEqual(
        [message.payload, message.topic, message.mine],
        [clip.file, 'site/yard/motion', 'kept'],
      );
      const day = new Date(alarmed).toISOString().slice(0, 10);
      assert.match(path.relative(folder, clip.file), new RegExp(`^Home/Gate/${day}/\\d{6}-motion\\.mp4$`));
      assert.deepEqual(files(), [path.relative(folder, clip.file)]);

      const { frames, durationMs, startsWithKeyframe } = judge(clip.file);
      assert.ok(startsWithKeyframe);
      assert.equal(frames, clip.frames);
      assert.ok(Math.abs(durationMs - clip.durationMs) <= FRAME_MS, `${durationMs}, ${clip.durationMs}`);
      assert.ok(
        clip.durationMs >= 1500 - FRAME_MS && clip.durationMs <= 1500 + GOP_MS + 200,
        `${clip.durationMs}`,
      );
      // The frame itself, and not only what the node says of it, is of the time before the pre-roll's.
      const first = firstPicture(clip.file);
      const sent = sink('pictures').messages.find(({ payload }) =>
        splitAnnexB(payload as Buffer)
          .at(-1)!
          .equals(first),
      );
      for (const start of [clip.start, (sent!.video as { time: number }).time]) {
        const before = alarmed - start;
        assert.ok(
          before >= 1000 - FRAME_MS && before <= 1000 + GOP_MS + 200,
          `${before} ms before the alarm`,
        );
      }
      assert.ok(Math.abs(clip.preRollMs - (alarmed - clip.start)) < 200);
      const { codec, width, height, audio, reason, damaged, bytes, end, start, alarms, gaps } = clip;
      assert.deepEqual(
        { codec, width, height, audio, reason, damaged, gaps },
        { codec: 'h264', width: 640, height: 360, audio: false, reason: 'motion', damaged: 0, gaps: [] },
      );
      assert.equal(bytes, fs.statSync(clip.file).size);
      assert.equal(end - start, clip.durationMs);
      assert.deepEqual(
        alarms.map((alarm) => alarm.reason),
        ['motion'],
      );
      await sink('complete').first(() => true);
      assert.equal(sink('catch').messages.length, 0);
    });

    it('the events armed, recording and finished, of the camera’s topic, among those of the stream', async () => {
      const sink = await deploy();
      send({ payload: 1, reason: 'door' });
      const finished = await sink('event').word('finished');
      const clip = clipOf(await sink('out').first(() => true));
      for (const word of ['armed', 'connecting', 'playing', 'format', 'recording'])
        assert.ok(words(sink).includes(word), word);
      const recording = eventOf(await sink('event').word('recording'));
      assert.deepEqual(
        [recording.file, recording.reason, recording.preRollMs, recording.channel, recording.stream],
        [clip.file, 'door', clip.preRollMs, 2, 'main'],
      );
      assert.equal(finished.topic, 'nvr/Home/Gate/event');
      const { file, alarms, bytes, time } = eventOf(finished);
      assert.deepEqual([file, alarms, bytes, typeof time], [clip.file, 1, clip.bytes, 'number']);
      assert.equal((await sink('out').first(() => true)).topic, 'nvr/Home/Gate/clip');
      // The helper's spy sees the live-stream node's badges too.
      const own = statuses('record').filter(({ text }) => /armed|record/.test(text));
      const badges = own.map(({ fill, text }) => `${fill} ${text}`);
      const seen = badges.filter((badge, index) => badge !== badges[index - 1]);
      assert.deepEqual(seen, ['green armed', 'blue recording', 'green armed']);
    });

    it('one longer clip where more alarms come in time, all of them listed', async () => {
      const sink = await deploy({ postRoll: '2.2' });
      const begun = Date.now();
      send({ payload: 'first', reason: 'first' });
      await sink('event').word('recording');
      await sink('pictures').next(() => true);
      const second = Date.now();
      const done = sink('complete').next(() => true);
      send({ payload: 'second', reason: 'second' });
      assert.equal((await done).payload, 'second', 'it has not to wait for the clip');
      const extended = eventOf(await sink('event').word('extended'));
      assert.deepEqual([extended.reason, extended.alarms], ['second', 2]);
      const message = await sink('out').first(() => true);
      const clip = clipOf(message);
      assert.match(clip.file, /-first\.mp4$/);
      assert.deepEqual(
        clip.alarms.map(({ reason }) => reason),
        ['first', 'second'],
      );
      const { frames, durationMs } = judge(clip.file);
      assert.equal(frames, clip.frames);
      const least = 1000 + (second - begun) + 2200;
      assert.ok(durationMs >= least - 3 * FRAME_MS, `${durationMs} of ${least} ms`);
      assert.equal(sink('out').messages.length, 1);
      assert.equal(files().length, 1);
    });

    it('a clip that lasts while the alarm is held, and its post-roll', async () => {
      const sink = await deploy({ postRoll: '0.3' });
      send({ payload: true, reason: 'held' });
      await sink('event').word('recording');
      const before = sink('pictures').messages.length;
      await keyframesOf(sink, before + 2);
      assert.equal(sink('out').messages.length, 0);
      const ended = Date.now();
      const done = sink('complete').next(() => true);
      send({ payload: 'off' });
      assert.equal((await done).payload, 'off');
      const clip = clipOf(await sink('out').first(() => true));
      assert.ok(
        clip.end >= ended + 300 - 4 * FRAME_MS && clip.end < ended + 1000,
        `${clip.end - ended} ms after it`,
      );
      assert.equal(judge(clip.file).frames, clip.frames);
    });

    it('no longer clip than the maximum, though it is held', async () => {
      const sink = await deploy({ maxLength: '2', preRoll: '0' });
      send({ payload: true });
      const clip = clipOf(await sink('out').first(() => true));
      assert.ok(Math.abs(clip.durationMs - 2000) <= 4 * FRAME_MS, `${clip.durationMs} ms`);
      assert.equal(clip.reason, 'alarm');
    });

    it('a clip of H.265 with its sound, and a picture of it', async () => {
      await simulator.stop();
      simulator = await startSimulator({ ...ACCOUNT, channels: 4, codec: 'h265', audio: true });
      const sink = await deploy({ thumbnail: 'true' }, 2, { audio: true });
      send({ payload: 'motion' });
      const clip = clipOf(await sink('out').first(() => true));
      assert.deepEqual([clip.codec, clip.audio], ['h265', 'aac']);
      assert.equal(judge(clip.file).frames, clip.frames);
      assert.deepEqual(jpegSize(fs.readFileSync(clip.thumbnail!)), { width: 640, height: 360 });
    });

    it('a picture beside the clip, if it is asked for', async () => {
      const sink = await deploy({ thumbnail: true });
      send({ payload: 'motion' });
      const { thumbnail, file } = clipOf(await sink('out').first(() => true));
      assert.equal(thumbnail, file.replace(/mp4$/, 'jpg'));
      assert.deepEqual(jpegSize(fs.readFileSync(thumbnail)), { width: 640, height: 360 });
    });
  });

  for (const hostile of [
    '../../../../etc/cron.d/x',
    '..\\..\\x',
    '/etc/passwd',
    'a\0b\r\nc',
    '..',
    'C:\\x',
    '{nvr}',
    '~/x',
    'x'.repeat(5000),
  ]) {
    it(`keeps a clip in its folder whose reason is ${JSON.stringify(hostile.slice(0, 30))}`, async () => {
      const above = fs.readdirSync(path.dirname(folder));
      const sink = await deploy({ preRoll: '0', postRoll: '0.2', fileName: '{reason}/{reason}.mp4' }, 1);
      send({
        ...{ payload: 'alarm', reason: hostile, topic: hostile, folder: hostile, fileName: hostile },
        ...{ file: hostile, filename: hostile, path: hostile, clip: { file: hostile } },
      });
      const { file } = clipOf(await sink('out').first(() => true));
      assert.equal(path.dirname(path.dirname(file)), folder);
      assert.equal(files().length, 1);
      const news = fs.readdirSync(path.dirname(folder)).filter((name) => !above.includes(name));
      assert.deepEqual(
        news.filter((name) => !name.startsWith('nvr-') && !/node-red|tsx|^\./.test(name)),
        [],
      );
    });
  }

  it('takes a reason that is no text for none', async () => {
    const sink = await deploy({ preRoll: '0', postRoll: '0.2' }, 1);
    send({ payload: { toString: 'x' }, reason: { toString: null }, topic: ['../x'] });
    assert.equal(clipOf(await sink('out').first(() => true)).reason, 'alarm');
  });

  describe('on actions', () => {
    it('records from start to stop, which ends the clip at once', async () => {
      const sink = await deploy({ postRoll: '60' });
      send({ action: 'start', reason: 'by hand' });
      await sink('event').word('recording');
      await sink('pictures').next(() => true);
      const stopped = Date.now();
      send({ action: 'stop' });
      const clip = clipOf(await sink('out').first(() => true));
      assert.ok(clip.end <= stopped + FRAME_MS);
      assert.match(clip.file, /-by hand\.mp4$/);
      assert.equal(judge(clip.file).frames, clip.frames);
      send({ action: 'stop' });
      await sink('complete').first(() => sink('complete').messages.length === 3);
    });

    it('leaves the camera when it is disarmed, ignores alarms, refuses to start, and is armed again', async () => {
      const sink = await deploy();
      send({ payload: true, reason: 'held' });
      await sink('event').word('recording');
      send({ action: 'disarm' });
      const clip = clipOf(await sink('out').first(() => true));
      assert.equal(judge(clip.file).frames, clip.frames);
      await sink('event').word('stopped');
      assert.equal(statuses('record').at(-1)!.text, 'disarmed');
      const ignored = sink('complete').next(({ payload }) => payload === 'ignored');
      send({ payload: 'ignored' });
      await ignored;
      send({ action: 'start' });
      assert.equal(codeOf(await sink('catch').first(() => true)), 'EINPUT');
      send({ action: 'arm' });
      await sink('event').first(() => words(sink).filter((word) => word === 'armed').length === 2);
      const keyframe = sink('pictures').next(() => true);
      await keyframe;
      send({ payload: 'again', reason: 'again' });
      const again = await sink('out').first(({ payload }) => String(payload).endsWith('-again.mp4'));
      assert.equal(judge(clipOf(again).file).frames, clipOf(again).frames);
      assert.equal(files().length, 2);
    });

    it('tells its state and the stream’s', async () => {
      const sink = await deploy();
      send({ action: 'status', mine: 'kept' });
      const answer = await sink('event').word('status');
      const { state, streamState, channel, stream, preRollMs, preRollBytes, clips, ready, packets } =
        eventOf(answer);
      assert.deepEqual(
        [answer.mine, state, streamState, channel, stream, clips, ready],
        ['kept', 'armed', 'playing', 2, 'main', 0, true],
      );
      assert.ok(Number(preRollMs) >= 900 && Number(preRollBytes) > 0 && Number(packets) > 0);
      send({ action: 'disarm' });
      await sink('event').word('stopped');
      send({ action: 'status' });
      const later = await sink('event').first(
        (message) => message.event !== undefined && eventOf(message).state === 'disarmed',
      );
      assert.equal(eventOf(later).preRollBytes, 0);
    });

    for (const action of ['record', 7, {}, ['stop'], '__proto__']) {
      it(`refuses ${JSON.stringify(action)} with EINPUT`, async () => {
        const sink = await deploy({}, 1);
        send({ action });
        assert.equal(codeOf(await sink('catch').first(() => true)), 'EINPUT');
        assert.deepEqual(files(), []);
      });
    }
  });

  describe('when the disk refuses', () => {
    it('fails with EDISK where the folder is a file, and others keep their stream', async () => {
      const file = path.join(folder, 'file');
      fs.writeFileSync(file, 'mine');
      const sink = await deploy({ folder: file });
      const told = await sink('catch').first(() => true);
      assert.equal(codeOf(told), 'EDISK');
      const caught = sink('catch').next(({ payload }) => payload === 'motion');
      send({ payload: 'motion', mine: 'kept' });
      assert.equal(codeOf(await caught), 'EDISK');
      const failed = await sink('event').first(({ payload }) => payload === 'failed');
      assert.equal(eventOf(failed).code, 'EDISK');
      assert.deepEqual(statuses('record').at(-1), { fill: 'red', shape: 'ring', text: 'EDISK' });
      await sink('pictures').next(() => true);
      assert.equal(sink('out').messages.length, 0);
      assert.equal(simulator.sessionCount, 1);
      assert.equal(fs.readFileSync(file, 'utf8'), 'mine');
    });

    it('stays armed: a folder that comes back takes the next clip, and the badge is green again', async () => {
      const inner = path.join(folder, 'disk');
      const sink = await deploy({ folder: inner });
      fs.rmSync(inner, { recursive: true });
      send({ payload: 'lost' });
      assert.equal(codeOf(await sink('catch').first(() => true)), 'EDISK');
      assert.equal(fs.existsSync(inner), false, 'a disk that is not mounted is not written beside');
      fs.mkdirSync(inner);
      send({ payload: 'found' });
      const clip = clipOf(await sink('out').first(() => true));
      assert.equal(judge(clip.file).frames, clip.frames);
      assert.equal(statuses('record').at(-1)!.text, 'armed');
      assert.equal(sink('catch').messages.length, 1);
    });

    it('fails with EDISK where nothing may be written', async function () {
      if (process.platform !== 'linux') {
        console.log('      skipped: only Linux has /sys, where nobody may make a folder');
        this.skip();
      }
      const sink = await deploy({ folder: '/sys/nvr-clips' }, 1);
      assert.equal(codeOf(await sink('catch').first(() => true)), 'EDISK');
      const caught = sink('catch').next(({ payload }) => payload === 'motion');
      send({ payload: 'motion' });
      assert.equal(codeOf(await caught), 'EDISK');
      await sink('pictures').next(() => true);
    });
  });

  describe('without end', () => {
    it('records segments cut at keyframes, sends each, lists alarms, and deletes the oldest of its own', async () => {
      fs.mkdirSync(path.join(folder, 'Home'));
      fs.writeFileSync(path.join(folder, 'Home', 'mine.mp4'), Buffer.alloc(1 << 20));
      const sink = await deploy({ mode: 'continuous', segment: '1', keepGiB: String(10_000 / 1024 ** 3) }, 2);
      send({ payload: 'motion', reason: 'door' });
      assert.equal((await sink('complete').first(() => true)).payload, 'motion');
      const deleted = eventOf(await sink('event').word('deleted'));
      assert.equal(deleted.reason, 'size');
      const sent = sink('out').messages.map(clipOf);
      assert.ok(sent.length >= 2);
      assert.equal(sent[0]!.file, deleted.file);
      assert.equal(fs.existsSync(deleted.file as string), false);
      assert.ok(fs.existsSync(path.join(folder, 'Home', 'mine.mp4')));
      assert.ok(sent.flatMap(({ alarms }) => alarms).some(({ reason }) => reason === 'door'));
      for (const [index, { end }] of sent.entries()) {
        const next = sent[index + 1];
        if (next !== undefined)
          assert.ok(Math.abs(next.start - end) <= 2 * FRAME_MS, 'nothing is lost between them');
      }
      send({ action: 'stop' });
      await sink('event').word('stopped');
      const last = clipOf(sink('out').messages.at(-1)!);
      const judged = judge(last.file);
      assert.ok(judged.startsWithKeyframe && judged.frames === last.frames);
      assert.equal(sink('out').messages[0]!.topic, 'nvr/Home/Gate/clip');
      send({ action: 'start' });
      await sink('event').first(() => words(sink).filter((word) => word === 'armed').length === 2);
    });
  });

  describe('when it is deployed anew', () => {
    it('finishes the clip that is recorded, and gives the camera back', async () => {
      const sink = await deploy({ id: 'record' });
      send({ payload: true, reason: 'held' });
      await sink('event').word('recording');
      await sink('pictures').next(() => true);
      assert.equal(files()[0]!.endsWith('.part'), true);
      await helper.unload();
      const [file, ...others] = files();
      assert.deepEqual(others, []);
      assert.match(file!, /-held\.mp4$/);
      assert.ok(judge(path.join(folder, file!)).startsWithKeyframe);
      while (simulator.sessionCount > 0) await new Promise((resolve) => setImmediate(resolve));
    });

    it('alone, sends the clip that it had to finish, and nobody’s session is touched', async () => {
      const sink = await deploy({ postRoll: '60' });
      send({ payload: 'motion', reason: 'door' });
      await sink('event').word('recording');
      await sink('pictures').next(() => true);
      await helper.setFlows(flow({ postRoll: '0.4' }), 'nodes');
      const clip = clipOf(await sink('out').first(() => true));
      assert.equal(judge(clip.file).frames, clip.frames);
      await sink('pictures').next(() => true);
      send({ payload: 'motion', reason: 'again' });
      const again = await sink('out').first(({ payload }) => String(payload).endsWith('-again.mp4'));
      assert.equal(judge(clipOf(again).file).frames, clipOf(again).frames);
      assert.equal(simulator.connectionCount, 1);
      assert.equal(sink('catch').messages.length, 0);
    });

    it('waits no longer than Node-RED for a disk that hangs, and gives the camera back at once', async () => {
      const sink = await deploy();
      const opening = new Promise<void>((resolve) => {
        sinon.stub(fs.promises, 'open').callsFake(() => {
          resolve();
          return new Promise(() => undefined);
        });
      });
      send({ payload: 'motion' });
      await opening;
      const clock = sinon.useFakeTimers({
        toFake: ['setTimeout', 'clearTimeout'],
        shouldClearNativeTimers: true,
      });
      let waited = 0;
      try {
        const gone = { is: false };
        const unloaded = helper.unload().then(() => (gone.is = true));
        while (!gone.is) {
          await new Promise((resolve) => setImmediate(resolve));
          if (simulator.sessionCount > 0) continue;
          clock.tick(100);
          waited += 100;
        }
        await unloaded;
      } finally {
        clock.restore();
        sinon.restore();
      }
      assert.ok(waited > 5000 && waited < 15_000, `${waited} ms`);
      assert.equal(sink('out').messages.length, 0);
    });

    it('finishes what a killed process left, and sends it', async () => {
      const first = await deploy();
      send({ payload: true, reason: 'held' });
      const { file } = eventOf(await first('event').word('recording')) as { file: string };
      await first('pictures').next(() => true);
      await first('pictures').next(() => true);
      const journal = fs.readdirSync(folder).find((name) => name.endsWith('.jsonl'))!;
      const left = [fs.readFileSync(`${file}.part`), fs.readFileSync(path.join(folder, journal))] as const;
      await helper.unload();
      fs.rmSync(file);
      fs.writeFileSync(`${file}.part`, left[0]);
      fs.writeFileSync(path.join(folder, journal), left[1]);
      await new Promise<void>((resolve) => {
        helper.stopServer(() => {
          resolve();
        });
      });
      await new Promise<void>((resolve) => {
        helper.startServer(resolve);
      });
      const sink = await load(flow(), ACCOUNT);
      const clip = clipOf(await sink('out').first(() => true));
      assert.deepEqual([clip.file, clip.recovered], [file, true]);
      assert.equal(judge(file).frames, clip.frames);
    });

    it('records into the user folder where none is named', async () => {
      helper.settings({ userDir: folder });
      const sink = await deploy({ folder: '', preRoll: '0', postRoll: '0.1' }, 1);
      send({ payload: 'motion' });
      const { file } = clipOf(await sink('out').first(() => true));
      helper.settings({});
      assert.ok(file.startsWith(path.join(folder, 'nvr-clips', 'Home')), file);
    });
  });

  it('tells Catch of a wrong password once, and of a clip without a picture each time', async () => {
    const sink = await load(flow({ preRoll: '0', postRoll: '0.1' }), { ...ACCOUNT, password: 'wrong' });
    const mine = (): Message[] => sink('catch').messages.filter(({ error }) => isOf(error, 'record'));
    await sink('catch').first(({ error }) => isOf(error, 'record'));
    assert.deepEqual(mine().map(codeOf), ['EAUTH']);
    for (const payload of ['first', 'second']) {
      const caught = sink('catch').next((message) => message.payload === payload);
      send({ payload });
      assert.equal(codeOf(await caught), 'EUNREACHABLE');
    }
    assert.equal(mine().length, 3);
    assert.deepEqual(files(), []);
  });

  for (const [property, value] of [
    ['mode', 'sometimes'],
    ['preRoll', '121'],
    ['preRoll', '-1'],
    ['postRoll', 'soon'],
    ['maxLength', '0'],
    ['maxLength', '1'],
    ['folder', 'clips'],
    ['fileName', '../{reason}.mp4'],
    ['fileName', '{reason}/{secret}.mp4'],
    ['segment', '0'],
    ['keepDays', '-1'],
    ['keepGiB', 'all'],
    ['thumbnail', 'maybe'],
    ['channel', '0'],
    ['stream', 'third'],
    ['nvr', 'missing'],
  ] as const) {
    it(`names the setting "${property}" at deploy when it is ${JSON.stringify(value)}`, async () => {
      const sink = await load(flow({ [property]: value }), ACCOUNT);
      const told = (await sink('catch').first(() => true)) as unknown as Fault;
      assert.equal(told.error.code, 'EINPUT');
      assert.ok(told.error.message.includes(`"${property}"`), told.error.message);
      const badge = { fill: 'red', shape: 'ring', text: `bad ${property}` };
      assert.ok(statuses('record').some((status) => JSON.stringify(status) === JSON.stringify(badge)));
      const refused = sink('catch').next(({ payload }) => payload === 'motion');
      send({ payload: 'motion' });
      assert.equal(codeOf(await refused), 'EINPUT');
      assert.deepEqual(files(), []);
    });
  }
});
