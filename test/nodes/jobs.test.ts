// Jobs by message: which NVR, which camera, which time, and what is recognised when it comes twice.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { ExportedClip } from '../../lib/nvr/export/types.js';
import { startSimulator, type Simulator } from '../../lib/simulator/index.js';
import { flowWith, helper, loadWith, type Message } from '../kit/red.js';
import { codeOf, send, type Sinks } from '../kit/record-node-rig.js';

const ACCOUNT = { username: 'admin', password: 'kanarie-job' };

describe('a job by message', function () {
  this.timeout(30_000);
  let simulators: Simulator[];
  let folder: string;
  let sink: Sinks;

  beforeEach(function (done) {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-jobs-'));
    helper.startServer(done);
  });

  beforeEach(async () => {
    simulators = await Promise.all(
      [4, 2].map((channels) => startSimulator({ ...ACCOUNT, channels, pace: 10 })),
    );
  });

  afterEach(async () => {
    await helper.unload();
    await Promise.all(simulators.map((simulator) => simulator.stop()));
    fs.rmSync(folder, { recursive: true, force: true });
    await new Promise<void>((resolve) => {
      helper.stopServer(() => {
        resolve();
      });
    });
  });

  /** NVRs "Home" and "North"; `more`: nodes beside the job's. */
  async function deploy(node: object, more: object[] = []): Promise<void> {
    const [home, north] = simulators.map(({ rtspPort, httpPort }) => ({
      rtspPort: String(rtspPort),
      httpPort: String(httpPort),
      requestTimeout: '2',
    }));
    const other = { id: 'north', type: 'nvr-server', name: 'North', host: '127.0.0.1', ...north };
    const gate = { channels: [{ channel: 2, name: 'Gate' }] };
    sink = await loadWith(
      [
        ...flowWith(home!, [{ id: 'job', wires: [['out'], ['event']], folder, ...node }]),
        { ...other, ...gate },
        ...more,
      ],
      { nvr: ACCOUNT, north: ACCOUNT },
    );
  }

  const answer = (job: string): Promise<Message> => sink('out').first((message) => message.job === job);

  async function refused(message: object, pattern: RegExp): Promise<void> {
    const fault = sink('catch').next(() => true);
    send(message, 'job');
    const told = await fault;
    assert.equal(codeOf(told), 'EINPUT');
    assert.match((told.error as { message: string }).message.replace(/^NvrError: /, ''), pattern);
  }

  describe('nvr-snapshot', () => {
    it('takes a picture from the NVR that the message names, by that NVR’s names', async () => {
      await deploy({ type: 'nvr-snapshot', format: 'keyframe' });
      send({ job: 'a', nvr: ' north ', channel: 'Gate' }, 'job');
      send({ job: 'b' }, 'job');
      assert.equal((await answer('a')).topic, 'nvr/North/Gate/snapshot');
      assert.equal((await answer('b')).topic, 'nvr/Home/1/snapshot');
      const { nvr, channel } = await answer('a');
      assert.deepEqual({ nvr, channel }, { nvr: ' north ', channel: 'Gate' }, 'they are the message’s own');
    });

    it('takes a past moment from it', async () => {
      await deploy({ type: 'nvr-snapshot', format: 'keyframe' });
      send({ job: 'past', nvr: 'North', channel: 2, at: '-10m' }, 'job');
      const { video } = await answer('past');
      assert.ok(Math.abs(Date.now() - 600_000 - (video as { time: number }).time) < 30_000);
    });

    it('refuses an NVR that is not there, or there twice, and lists those that are, without a secret', async () => {
      const twin = { id: 'twin', type: 'nvr-server', name: 'NORTH', host: '127.0.0.1' };
      await deploy({ type: 'nvr-snapshot' }, [twin]);
      await refused(
        { nvr: 'South' },
        /^msg\.nvr "South" names no NVR of this Node-RED; it has "Home", "North", "NORTH"\.$/,
      );
      await refused({ nvr: 'North' }, /^msg\.nvr "North" names 2 NVRs/);
      await refused({ nvr: 7 }, /^msg\.nvr must be text/);
      await refused({ nvr: 'x'.repeat(10_000) }, /^.{0,400}$/);
    });
  });

  describe('nvr-playback', () => {
    const span = { from: '-10m', duration: '1s' };
    const clipOf = ({ clip }: Message): ExportedClip => clip as ExportedClip;

    beforeEach(() => deploy({ type: 'nvr-playback', output: 'file', fileName: '{nvr}/{channel}-{HHmmss}' }));

    it('makes a file of the recording of the NVR that the message names', async () => {
      send({ job: 'a', nvr: 'North', channel: 'Gate', ...span }, 'job');
      const message = await answer('a');
      assert.deepEqual(
        { topic: message.topic, channel: message.channel, run: message.run },
        { topic: 'nvr/North/Gate/clip', channel: 2, run: 'a' },
      );
      assert.match(path.relative(folder, String(message.payload)), /^North\/Gate-\d{6}\.mp4$/);
      const finished = await sink('event').word('finished');
      assert.deepEqual(
        { topic: finished.topic, run: finished.run },
        { topic: 'nvr/North/Gate/event', run: 'a' },
      );
    });

    it('answers a job that it has done with the same file and a mark, and asks the NVR no more', async () => {
      send({ job: 'once', ...span, mine: 1 }, 'job');
      const first = await sink('out').first(({ mine }) => mine === 1);
      await sink('complete').first(({ mine }) => mine === 1);
      send({ job: 'once', ...span, mine: 2 }, 'job');
      const second = await sink('out').first(({ mine }) => mine === 2);
      await sink('complete').first(({ mine }) => mine === 2);
      assert.deepEqual(
        { firstRepeated: first.repeated, secondRepeated: second.repeated },
        { firstRepeated: undefined, secondRepeated: true },
      );
      assert.deepEqual(
        { payload: second.payload, sha256: clipOf(second).sha256 },
        { payload: first.payload, sha256: clipOf(first).sha256 },
      );
      assert.equal(sink('event').messages.filter(({ payload }) => payload === 'playing').length, 1);
      assert.equal(sink('catch').messages.length, 0);
    });

    it('refuses a name that is none, and another NVR for units', async () => {
      await refused({ job: 'x'.repeat(101), ...span }, /^msg\.job must be text of at most 100/);
      await refused({ job: {}, ...span }, /^msg\.job must be text/);
      await refused({ nvr: 'North', output: 'units', ...span }, /only if "output" is "file"/);
      await refused({ nvr: 'South', ...span }, /it has "Home", "North"\.$/);
    });
  });
});
