import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { splitAnnexB } from '../../lib/codec/annexb.js';
import { jpegSize } from '../../lib/media/jpeg/size.js';
import { startSimulator } from '../../lib/simulator/index.js';
import { itLong } from '../kit/cases.js';
import { load, statuses, type Message } from '../kit/red.js';
import {
  ACCOUNT,
  GOP_MS,
  FRAME_MS,
  clipOf,
  codeOf,
  eventOf,
  judge,
  send,
  useRecordNodeRig,
  words,
  type Fault,
} from '../kit/record-node-rig.js';

/** Whether a node is where an error came from. */
const isOf = (error: unknown, id: string): boolean => (error as { source: { id: string } }).source.id === id;

/** The picture of a clip's first frame, as the camera sent it. */
function firstPicture(file: string): Buffer {
  const toAnnexB = ['-c', 'copy', '-bsf:v', 'h264_mp4toannexb', '-frames:v', '1', '-f', 'h264', '-'];
  return splitAnnexB(execFileSync('ffmpeg', ['-v', 'error', '-i', file, ...toAnnexB])).at(-1)!;
}

describe('nvr-record', function () {
  this.timeout(30_000);
  const rig = useRecordNodeRig();
  const { deploy, files, flow, keyframesOf } = rig;

  describe('makes of an alarm', () => {
    it('a clip that begins before it, and sends the alarm’s message with it', async () => {
      const sink = await deploy();
      const alarmed = Date.now();
      send({ payload: 'motion', topic: 'site/yard/motion', mine: 'kept' });
      const message = await sink('out').first(() => true);
      const clip = clipOf(message);
      assert.deepEqual(
        { payload: message.payload, topic: message.topic, mine: message.mine },
        { payload: clip.file, topic: 'site/yard/motion', mine: 'kept' },
      );
      const day = new Date(alarmed).toISOString().slice(0, 10);
      assert.match(
        path.relative(rig.folder, clip.file),
        new RegExp(`^Home/Gate/${day}/\\d{6}-motion\\.mp4$`),
      );
      assert.deepEqual(files(), [path.relative(rig.folder, clip.file)]);

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
        {
          file: recording.file,
          reason: recording.reason,
          preRollMs: recording.preRollMs,
          channel: recording.channel,
          stream: recording.stream,
        },
        { file: clip.file, reason: 'door', preRollMs: clip.preRollMs, channel: 2, stream: 'main' },
      );
      assert.equal(finished.topic, 'nvr/Home/Gate/event');
      const { file, alarms, bytes, time } = eventOf(finished);
      assert.deepEqual(
        { file, alarms, bytes, timeType: typeof time },
        { file: clip.file, alarms: 1, bytes: clip.bytes, timeType: 'number' },
      );
      assert.equal((await sink('out').first(() => true)).topic, 'nvr/Home/Gate/clip');
      // The helper's spy sees the live-stream node's badges too.
      const own = statuses('record').filter(({ text }) => /armed|record/.test(text));
      const badges = own.map(({ fill, text }) => `${fill} ${text}`);
      const seen = badges.filter((badge, index) => badge !== badges[index - 1]);
      assert.deepEqual(seen, ['green armed', 'blue recording', 'green armed']);
    });

    itLong('one longer clip where more alarms come in time, all of them listed', async () => {
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
      assert.deepEqual({ reason: extended.reason, alarms: extended.alarms }, { reason: 'second', alarms: 2 });
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

    itLong('a clip that lasts while the alarm is held, and its post-roll', async () => {
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

    itLong('no longer clip than the maximum, though it is held', async () => {
      const sink = await deploy({ maxLength: '2', preRoll: '0' });
      send({ payload: true });
      const clip = clipOf(await sink('out').first(() => true));
      const after = clip.end - clip.alarms[0]!.time;
      assert.ok(Math.abs(after - 2000) <= 4 * FRAME_MS, `${after} ms`);
      assert.equal(clip.reason, 'alarm');
    });

    it('a clip of H.265 with its sound, and a picture of it', async () => {
      await rig.simulator.stop();
      rig.simulator = await startSimulator({ ...ACCOUNT, channels: 4, codec: 'h265', audio: true });
      const sink = await deploy({ thumbnail: 'true' }, 2, { audio: true });
      send({ payload: 'motion' });
      const clip = clipOf(await sink('out').first(() => true));
      assert.deepEqual({ codec: clip.codec, audio: clip.audio }, { codec: 'h265', audio: 'aac' });
      assert.equal(judge(clip.file).frames, clip.frames);
      assert.deepEqual(jpegSize(fs.readFileSync(clip.thumbnail!)), { width: 640, height: 360 });
    });

    it('a picture beside the clip, and an attachment with its name, if they are asked for', async () => {
      const sink = await deploy({ thumbnail: true, attach: true });
      send({ payload: 'motion', filename: '../../etc/passwd' });
      const message = await sink('out').first(() => true);
      const { thumbnail, file } = clipOf(message);
      const filename = path.basename(file);
      assert.equal(message.filename, filename);
      assert.deepEqual(message.attachments, [{ filename, path: file, contentType: 'video/mp4' }]);
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
      const sink = await deploy({ preRoll: '0', postRoll: '0.2', fileName: '{reason}/{reason}.mp4' }, 1);
      send({
        ...{ payload: 'alarm', reason: hostile, topic: hostile, folder: hostile, fileName: hostile },
        ...{ file: hostile, filename: hostile, path: hostile, clip: { file: hostile } },
      });
      const { file } = clipOf(await sink('out').first(() => true));
      assert.equal(path.dirname(path.dirname(file)), rig.folder);
      assert.equal(files().length, 1);
      assert.deepEqual(fs.readdirSync(path.dirname(rig.folder)), [path.basename(rig.folder)]);
    });
  }

  it('takes an alarm of its own channel alone', async () => {
    const sink = await deploy({ preRoll: '0', postRoll: '0.2' }, 1);
    for (const channel of [1, 'yard', '0', {}]) {
      const caught = sink('catch').next(() => true);
      send({ payload: 'motion', channel });
      assert.equal(codeOf(await caught), 'EINPUT', JSON.stringify(channel));
    }
    send({ payload: 'motion', channel: 'gate', reason: 'name' });
    assert.equal(clipOf(await sink('out').first(() => true)).reason, 'name');
    send({ payload: 'motion', channel: '2', reason: 'number' });
    await sink('out').first((message) => clipOf(message).reason === 'number');
    assert.equal(files().length, 2);
  });

  it('ignores a reason that is not text', async () => {
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

    it('does not say that it has stopped where it was armed again meanwhile', async () => {
      const sink = await deploy();
      send({ payload: true, reason: 'held' });
      await sink('event').word('recording');
      const answered = sink('complete').first(() => sink('complete').messages.length === 2);
      send({ action: 'disarm' });
      send({ action: 'arm' });
      await answered;
      await sink('out').first(() => true);
      send({ action: 'status' });
      const { state } = eventOf(await sink('event').word('status'));
      assert.equal(state, 'armed');
      assert.ok(!words(sink).includes('stopped'), words(sink).join());
    });

    it('reports its own state and that of the stream', async () => {
      const sink = await deploy();
      send({ action: 'status', mine: 'kept' });
      const answer = await sink('event').word('status');
      const { state, streamState, channel, stream, preRollMs, preRollBytes, clips, ready, packets } =
        eventOf(answer);
      assert.deepEqual(
        { mine: answer.mine, state, streamState, channel, stream, clips, ready },
        {
          mine: 'kept',
          state: 'armed',
          streamState: 'playing',
          channel: 2,
          stream: 'main',
          clips: 0,
          ready: true,
        },
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

  it('sends Catch a wrong password once, and a clip without a picture each time', async () => {
    const sink = await load(flow({ preRoll: '0', postRoll: '0.1' }), { ...ACCOUNT, password: 'wrong' });
    const mine = (): Message[] => sink('catch').messages.filter(({ error }) => isOf(error, 'record'));
    await sink('catch').first(({ error }) => isOf(error, 'record'));
    assert.deepEqual(mine().map(codeOf), ['EAUTH']);
    for (const payload of ['first', 'second']) {
      const caught = sink('catch').next((message) => message.payload === payload);
      send({ payload });
      assert.equal(codeOf(await caught), 'EAUTH', 'the connection’s own code');
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
    ['backfill', 'maybe'],
    ['fileMode', '0240'],
    ['fileMode', 'rw-r-----'],
    ['fileMode', '0755'],
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
