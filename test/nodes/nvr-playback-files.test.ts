import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { ExportedClip } from '../../lib/nvr/export/types.js';
import { startSimulator, type Simulator, type SimulatorOptions } from '../../lib/simulator/index.js';
import { judgeClip } from '../kit/clip-judge.js';
import { frameHashes, needs } from '../kit/tools.js';
import { flowWith, helper, load, statuses, type Message, type Sink } from '../kit/red.js';

const ACCOUNT = { username: 'admin', password: 'kanarie-export' };
const FRAME_MS = 100;

describe('nvr-playback to a file', function () {
  this.timeout(30_000);
  let simulator: Simulator;
  let sink: (id: string) => Sink;
  let folder: string;

  before(function () {
    needs(this, 'ffmpeg', 'ffprobe');
  });

  beforeEach(function (done) {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-playback-files-'));
    helper.startServer(done);
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

  async function start(settings: object = {}, options: SimulatorOptions = {}): Promise<void> {
    simulator = await startSimulator({ ...ACCOUNT, channels: 4, pace: 10, ...options });
    await deploy(settings);
  }

  async function deploy(settings: object = {}): Promise<void> {
    const server = {
      rtspPort: String(simulator.rtspPort),
      httpPort: String(simulator.httpPort),
      requestTimeout: '1',
      channels: [{ channel: 3, name: 'Gate' }],
    };
    const play = { id: 'play', type: 'nvr-playback', folder, output: 'file', wires: [['out'], ['event']] };
    sink = await load(flowWith(server, [{ ...play, ...settings }]), ACCOUNT);
  }

  const send = (message: object): void => {
    (helper.getNode('play') as { receive(message: object): void }).receive(message);
  };
  const clipOf = ({ clip }: Message): ExportedClip => clip as ExportedClip;
  const eventOf = ({ event }: Message): Record<string, unknown> => event as Record<string, unknown>;
  const words = (): unknown[] => sink('event').messages.map(({ payload }) => payload);
  const codeOf = (message: Message): string => (message.error as { code: string }).code;
  /** Pictures of the span itself have come. */
  const underWay = (): Promise<Message> =>
    sink('event').next(
      ({ payload, event }) => payload === 'progress' && (event as { percent: number }).percent > 0,
    );
  /** In the midst of a GOP. */
  const secondsAgo = (seconds: number): number =>
    Math.floor(Date.now() / 10_000) * 10_000 - seconds * 1000 + 500;

  it('makes an MP4 of each channel with one message, frame for frame what the NVR has recorded from "from" on', async () => {
    await start({ fileName: '{nvr}/{channel}/{HHmmss}', speed: '1' });
    const from = secondsAgo(600);
    send({ from, duration: '4s', channel: ['Gate', 4], run: 'mine', site: 'north' });
    await sink('complete').first(() => true);
    const files = [...sink('out').messages].sort((a, b) => Number(a.channel) - Number(b.channel));
    assert.deepEqual(
      files.map(({ channel, run, site, topic }) => [channel, run, site, topic]),
      [
        [3, 'mine', 'north', 'nvr/Home/Gate/clip'],
        [4, 'mine', 'north', 'nvr/Home/4/clip'],
      ],
    );
    for (const message of files) {
      const clip = clipOf(message);
      assert.deepEqual(
        { payload: message.payload, filename: message.filename },
        { payload: clip.file, filename: path.basename(clip.file) },
      );
      assert.ok(Math.abs(clip.recordedFrom - from) <= 2 && Math.abs(clip.recordedTo - from - 4000) <= 2);
      assert.ok(clip.start < from, 'it begins with the keyframe before');
      assert.deepEqual(
        { coverage: clip.coverage, gaps: clip.gaps, source: clip.source },
        { coverage: 1, gaps: [], source: 'playback' },
      );
    }
    // The same as units.
    send({ from, duration: '4s', channel: 3, output: 'units', run: 'units', speed: 0 });
    await sink('complete').first(({ run }) => run === 'units');
    const units = sink('out').messages.filter(({ run }) => run === 'units');
    const raw = path.join(folder, 'units.h264');
    fs.writeFileSync(raw, Buffer.concat(units.map(({ payload }) => payload as Buffer)));
    const shown = judgeClip(files[0]!.payload as string);
    assert.equal(shown.length, 4000 / FRAME_MS);
    assert.deepEqual(shown, frameHashes(raw, '-f', 'h264').slice(-shown.length));
    assert.ok(words().includes('progress') && words().includes('finished'));
    assert.equal(statuses('play').at(-1)?.text, 'idle');
    assert.equal(sink('catch').messages.length, 0);
  });

  it('takes a list of channels from the dialog, more than the NVR may have runs', async () => {
    await start({ channel: '1-3,4' });
    send({ from: secondsAgo(600), duration: 1 });
    send({ from: secondsAgo(900), duration: 1, channel: '1-2' });
    await sink('complete').first(() => sink('complete').messages.length === 2);
    assert.equal(new Set(sink('out').messages.map(({ payload }) => payload)).size, 6);
    assert.equal(sink('catch').messages.length, 0);
  });

  it('of a recording that breaks off: a message with what there is, the cause in Catch, and the rest under the same name', async () => {
    await start();
    const from = secondsAgo(600);
    const span = { from, to: from + 30_000, run: 'evidence' };
    send(span);
    await underWay();
    simulator.sendBye();
    const fault = await sink('catch').first(() => true);
    assert.equal(codeOf(fault), 'ENORECORDING');
    const first = await sink('out').first(() => true);
    const ended = await sink('event').word('ended');
    assert.equal(clipOf(first).gaps.at(-1)!.ms, from + 30_000 - clipOf(first).recordedTo);
    assert.ok(Math.abs(Number(eventOf(ended).missingMs) - clipOf(first).gaps.at(-1)!.ms) <= FRAME_MS);
    send(span);
    await sink('complete').first(() => true);
    const rest = sink('out').messages.slice(1).map(clipOf);
    assert.equal(rest[0]!.recordedFrom, clipOf(first).recordedTo);
    assert.ok(Math.abs(rest.at(-1)!.recordedTo - from - 30_000) <= 2);
  });

  it('reports at the next start what a deploy cut short, with its message', async () => {
    await start();
    send({ from: secondsAgo(600), duration: 120, topic: 'site/door' });
    await underWay();
    await helper.unload();
    await deploy();
    const told = await sink('out').first(() => true);
    assert.deepEqual(
      { topic: told.topic, recovered: clipOf(told).recovered },
      { topic: 'site/door', recovered: true },
    );
    assert.ok(clipOf(told).gaps.at(-1)!.ms > 0);
    assert.equal(judgeClip(told.payload as string).length > 0, true);
  });

  it('refuses what cannot be: no end, the future, a month, an unknown output, another action than stop', async () => {
    await start();
    const refused = async (message: object, pattern: RegExp): Promise<void> => {
      const fault = sink('catch').next(() => true);
      send(message);
      const { code, message: text } = (await fault).error as { code: string; message: string };
      assert.equal(code, 'EINPUT', text);
      assert.match(text, pattern);
    };
    await refused({ from: '-10m' }, /needs an end/);
    await refused({ from: '+10m', duration: '1m' }, /future/);
    await refused({ from: Date.now() - 31 * 86_400_000, to: Date.now() }, /24 hours/);
    await refused({ from: '-10m', duration: 1, output: 'film' }, /output/);
    await refused({ from: '-10m', duration: 1, channel: [] }, /channel/);
    send({ from: secondsAgo(600), duration: 120, run: 'long' });
    await underWay();
    await refused({ action: 'pause', run: 'long' }, /can only be stopped/);
    send({ action: 'stop', run: 'long' });
    await sink('event').word('stopped');
    assert.ok(clipOf(await sink('out').first(() => true)).frames > 0);
    assert.deepEqual(
      fs.readdirSync(folder, { recursive: true }).filter((name) => String(name).endsWith('.part')),
      [],
    );
  });
});
