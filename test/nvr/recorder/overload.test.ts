import assert from 'node:assert/strict';
import fsPromises from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { MemoryBudget } from '../../../lib/nvr/memory-budget.js';
import type { RecorderFs } from '../../../lib/nvr/recorder/types.js';
import { judgeClip } from '../../kit/clip-judge.js';
import { source, videoUnits } from '../../kit/recorded-units.js';
import { needs } from '../../kit/tools.js';
import { RecorderRig } from '../../kit/recorder-rig.js';

describe('recorders that share too little memory', function () {
  this.timeout(30_000);
  const rigs: RecorderRig[] = [];

  before(function () {
    needs(this, 'ffmpeg', 'ffprobe');
  });

  afterEach(async () => {
    for (const rig of rigs.splice(0)) await rig.close();
  });

  /** A disk that writes nothing until the test lets it. */
  function slow(): { disk: Partial<RecorderFs>; letGo: () => void } {
    let letGo = (): void => undefined;
    const gate = new Promise<void>((resolve) => (letGo = resolve));
    const open: RecorderFs['open'] = async (...args) => {
      const handle = await fsPromises.open(...args);
      const write = handle.write.bind(handle) as (...of: unknown[]) => Promise<unknown>;
      handle.write = (async (...of: unknown[]) => {
        await gate;
        return write(...of);
      }) as FileHandle['write'];
      return handle;
    };
    return { disk: { open }, letGo };
  }

  /**
   * Two alarms, one after the other, while the disk takes nothing; memory for `share` of what one camera
   * sends in 8 s.
   */
  async function alarms(share: number): Promise<[RecorderRig, RecorderRig]> {
    const units = videoUnits(source({ seconds: 8 }));
    const bytes = units.reduce((sum, { data }) => sum + data.length + 900, 0);
    const budget = new MemoryBudget({ bytes: bytes * share });
    const { disk, letGo } = slow();
    const pair = [0, 1].map((index) => {
      const options = { preRoll: 3, postRoll: 3, fileName: `${index}.mp4` };
      const rig = new RecorderRig(options, disk, {}, budget.camera());
      rigs.push(rig);
      rig.recorder.arm();
      return { rig, rest: units.map((unit) => ({ ...unit })) };
    });
    const feed = (now: number): void => {
      for (const one of pair) one.rest = one.rig.feed(one.rest, now);
      assert.ok(budget.used <= budget.bytes);
    };
    feed(14_000);
    for (const { rig } of pair) {
      rig.recorder.alarm({ reason: 'door' });
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    for (let now = 14_100; now <= 18_000; now += 100) feed(now);
    letGo();
    return [pair[0]!.rig, pair[1]!.rig];
  }

  const warned = ({ events }: RecorderRig): boolean =>
    events.some((event) => event.type === 'warning' && event.error.message.includes('before the alarm are'));

  it('do without their pre-roll, the last one first, and say so: each clip is whole from its alarm on', async () => {
    const [first, second] = await alarms(1.4);
    assert.deepEqual(
      { firstWarned: warned(first), secondWarned: warned(second) },
      { firstWarned: false, secondWarned: true },
    );
    const [kept, shorter] = [await first.clip(), await second.clip()];
    assert.ok(kept.preRollMs >= 3000 && kept.coverage === 1);
    assert.ok(shorter.coverage < 1);
    for (const { gaps, frames, file } of [kept, shorter]) {
      assert.ok(
        gaps.every(({ at, ms }) => at + ms <= 3000 + 80),
        JSON.stringify(gaps),
      );
      assert.equal(judgeClip(file).length, frames);
    }
  });

  it('keep the clip that began first, where no memory is left: the last one gives way', async () => {
    const [first, second] = await alarms(0.6);
    assert.equal((await second.event('failed')).error.code, 'EOVERLOAD');
    const { gaps, frames, file } = await first.clip();
    assert.ok(
      gaps.every(({ at, ms }) => at + ms <= 3000 + 80),
      JSON.stringify(gaps),
    );
    assert.equal(judgeClip(file).length, frames);
  });
});
