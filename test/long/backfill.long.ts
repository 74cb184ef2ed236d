import assert from 'node:assert/strict';
import { startSimulator } from '../../lib/simulator/index.js';
import { ACCOUNT, clipOf, codeOf, judge, send, useRecordNodeRig } from '../kit/record-node-rig.js';

describe('an alarm while the NVR is away, in a real flow', function () {
  this.timeout(90_000);
  const rig = useRecordNodeRig();

  it('fails with the connection’s own code, and its clip is fetched from the recording once the NVR is back', async () => {
    const { rtspPort, httpPort } = rig.simulator;
    const sink = await rig.deploy({ postRoll: '2' }, 2, { httpPort: String(httpPort) });
    await rig.simulator.stop();
    await sink('event').word('reconnecting');
    // What came before it is over: the clip would hold nothing.
    await new Promise((resolve) => setTimeout(resolve, 2000));
    send({ payload: 'motion', reason: 'away', mine: 'kept' });
    const failed = await sink('catch').first(({ mine }) => mine === 'kept');
    assert.equal(codeOf(failed), 'ECONNREFUSED');
    rig.simulator = await startSimulator({ ...ACCOUNT, channels: 4, rtspPort, httpPort });
    const fetched = await sink('out').first(() => true);
    const clip = clipOf(fetched);
    assert.deepEqual(
      { mine: fetched.mine, source: clip.source, reason: clip.reason },
      { mine: 'kept', source: 'playback', reason: 'away' },
    );
    assert.ok(clip.coverage >= 0.95, `${clip.coverage} ${JSON.stringify(clip.gaps)}`);
    assert.equal(judge(clip.file).frames, clip.frames);
    assert.equal(sink('complete').messages.filter(({ mine }) => mine === 'kept').length, 0);
    assert.equal(sink('catch').messages.filter(({ mine }) => mine === 'kept').length, 1);
  });
});
