import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import sinon from 'sinon';
import { deployAnew, helper, load, statuses } from '../kit/red.js';
import { itLong } from '../kit/cases.js';
import {
  ACCOUNT,
  FRAME_MS,
  clipOf,
  codeOf,
  eventOf,
  judge,
  send,
  useRecordNodeRig,
  words,
} from '../kit/record-node-rig.js';

describe('nvr-record, its files', function () {
  this.timeout(30_000);
  const rig = useRecordNodeRig();
  const { deploy, files, flow } = rig;

  describe('when the disk refuses', () => {
    it('fails with EDISK where the folder is a file, and others keep their stream', async () => {
      const file = path.join(rig.folder, 'file');
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
      assert.equal(rig.simulator.sessionCount, 1);
      assert.equal(fs.readFileSync(file, 'utf8'), 'mine');
    });

    it('stays armed: a folder that comes back takes the next clip, and the badge is green again', async () => {
      const inner = path.join(rig.folder, 'disk');
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

    itLong('fails with EDISK where nothing may be written', async function () {
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
      fs.mkdirSync(path.join(rig.folder, 'Home'));
      fs.writeFileSync(path.join(rig.folder, 'Home', 'mine.mp4'), Buffer.alloc(1 << 20));
      const sink = await deploy({ mode: 'continuous', segment: '1', keepGiB: String(10_000 / 1024 ** 3) }, 2);
      send({ payload: 'motion', reason: 'door' });
      assert.equal((await sink('complete').first(() => true)).payload, 'motion');
      const deleted = eventOf(await sink('event').word('deleted'));
      assert.equal(deleted.reason, 'size');
      const sent = sink('out').messages.map(clipOf);
      assert.ok(sent.length >= 2);
      assert.equal(sent[0]!.file, deleted.file);
      assert.equal(fs.existsSync(deleted.file as string), false);
      assert.ok(fs.existsSync(path.join(rig.folder, 'Home', 'mine.mp4')));
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
      assert.equal(words(sink).includes('warning'), false);
      send({ action: 'start' });
      await sink('event').first(() => words(sink).filter((word) => word === 'armed').length === 2);
    });
  });

  describe('of a flow that was saved by the first release', () => {
    it('keeps everything without a limit, and warns of that once', async () => {
      const sink = await deploy({ mode: 'continuous', keepGiB: '0' }, 1);
      const warned = eventOf(await sink('event').word('warning'));
      assert.match(String(warned.reason), /"keepGiB"/);
      assert.equal(words(sink).filter((word) => word === 'warning').length, 1);
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
      assert.ok(judge(path.join(rig.folder, file!)).startsWithKeyframe);
      while (rig.simulator.sessionCount > 0) await new Promise((resolve) => setImmediate(resolve));
    });

    itLong(
      'alone, sends the clip that it had to finish with the alarm’s message, and nobody’s session is touched',
      async () => {
        const sink = await deploy({ postRoll: '60', backfill: false });
        send({ payload: 'motion', reason: 'door', topic: 'site/door', mine: { kept: 1 }, token: 'geheim' });
        await sink('event').word('recording');
        await sink('pictures').next(() => true);
        await deployAnew(flow({ postRoll: '0.4' }), 'nodes');
        const message = await sink('out').first(() => true);
        const clip = clipOf(message);
        assert.equal(judge(clip.file).frames, clip.frames);
        assert.deepEqual(
          { payload: message.payload, topic: message.topic, mine: message.mine, token: message.token },
          { payload: clip.file, topic: 'site/door', mine: { kept: 1 }, token: undefined },
        );
        assert.deepEqual(
          { recovered: clip.recovered, reason: clip.reason, source: clip.source },
          { recovered: true, reason: 'door', source: 'live' },
        );
        assert.ok(clip.coverage < 0.5 && clip.gaps.at(-1)!.ms > 30_000, JSON.stringify(clip.gaps));
        assert.ok(clip.preRollMs >= 900);
        await sink('pictures').next(() => true);
        send({ payload: 'motion', reason: 'again' });
        const again = await sink('out').first(({ payload }) => String(payload).endsWith('-again.mp4'));
        assert.equal(judge(clipOf(again).file).frames, clipOf(again).frames);
        assert.equal(rig.simulator.connectionCount, 1);
        assert.equal(sink('catch').messages.length, 0);
      },
    );

    it('waits no longer than Node-RED for a disk that hangs, and gives the camera back at once', async () => {
      const sink = await deploy();
      let giveUp = (_error: Error): void => undefined;
      const opening = new Promise<void>((resolve) => {
        sinon.stub(fs.promises, 'open').callsFake(() => {
          resolve();
          return new Promise((_resolve, reject) => {
            giveUp = reject;
          });
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
          if (rig.simulator.sessionCount > 0) continue;
          clock.tick(100);
          waited += 100;
        }
        await unloaded;
      } finally {
        clock.restore();
        sinon.restore();
        // What still waits for the disk would keep the process.
        giveUp(new Error('the disk is gone'));
      }
      assert.ok(waited > 5000 && waited < 15_000, `${waited} ms`);
      assert.equal(sink('out').messages.length, 0);
    });

    it('finishes what a killed process left, and sends it', async () => {
      const first = await deploy();
      send({ payload: true, reason: 'held', mine: 'kept' });
      const { file } = eventOf(await first('event').word('recording')) as { file: string };
      await first('pictures').next(() => true);
      await first('pictures').next(() => true);
      const journal = fs.readdirSync(rig.folder).find((name) => name.endsWith('.jsonl'))!;
      const left = [
        fs.readFileSync(`${file}.part`),
        fs.readFileSync(path.join(rig.folder, journal)),
      ] as const;
      await helper.unload();
      fs.rmSync(file);
      fs.writeFileSync(`${file}.part`, left[0]);
      fs.writeFileSync(path.join(rig.folder, journal), left[1]);
      await new Promise<void>((resolve) => {
        helper.stopServer(() => {
          resolve();
        });
      });
      await new Promise<void>((resolve) => {
        helper.startServer(resolve);
      });
      const sink = await load(flow(), ACCOUNT);
      const message = await sink('out').first(() => true);
      const clip = clipOf(message);
      assert.deepEqual(
        { file: clip.file, recovered: clip.recovered, mine: message.mine },
        { file, recovered: true, mine: 'kept' },
      );
      assert.ok(clip.preRollMs >= 900 && clip.alarms[0]!.reason === 'held');
      assert.equal(judge(file).frames, clip.frames);
    });

    it('reports at the next start an alarm that was waiting for its camera, with its message', async () => {
      const nvr = { rtspPort: String(rig.simulator.rtspPort) };
      await rig.simulator.stop();
      const waiting = await load(flow({ postRoll: '60', backfill: false }, nvr), ACCOUNT);
      await waiting('event').word('reconnecting');
      send({ payload: 'motion', mine: 'kept' });
      const journal = (): string =>
        fs
          .readdirSync(rig.folder)
          .filter((name) => name.startsWith('.nvr-record-record@'))
          .map((name) => fs.readFileSync(path.join(rig.folder, name), 'utf8'))
          .join('');
      while (!journal().includes('"alarm"')) await new Promise((resolve) => setImmediate(resolve));
      await deployAnew(flow({ postRoll: '0.4', backfill: false }, nvr), 'nodes');
      const told = await waiting('catch').first((message) => codeOf(message) === 'EUNREACHABLE');
      assert.deepEqual({ payload: told.payload, mine: told.mine }, { payload: 'motion', mine: 'kept' });
      assert.deepEqual(files(), []);
    });

    it('records into the user folder where none is named', async () => {
      helper.settings({ userDir: rig.folder });
      const sink = await deploy({ folder: '', preRoll: '0', postRoll: '0.1' }, 1);
      send({ payload: 'motion' });
      const { file } = clipOf(await sink('out').first(() => true));
      helper.settings({});
      assert.ok(file.startsWith(path.join(rig.folder, 'nvr-clips', 'Home')), file);
    });
  });
});
