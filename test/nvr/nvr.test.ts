import assert from 'node:assert/strict';
import { Nvr } from '../../lib/nvr/nvr.js';
import { settingsFor } from '../kit/settings.js';

describe('an NVR', () => {
  it('plays back by the URI styles that have a form for recordings', () => {
    const canPlayBack = (playbackTemplate: string): boolean =>
      new Nvr(settingsFor(1, { uriStyle: 'custom', liveTemplate: '/live', playbackTemplate })).canPlayBack;
    assert.deepEqual(
      {
        move: new Nvr(settingsFor(1)).canPlayBack,
        legacy: new Nvr(settingsFor(1, { uriStyle: 'legacy' })).canPlayBack,
        withTemplate: canPlayBack('/rec'),
        withoutTemplate: canPlayBack(''),
      },
      { move: true, legacy: false, withTemplate: true, withoutTemplate: false },
    );
  });

  it('hands out no camera once it is closed, to nodes and messages alike', async () => {
    const nvr = new Nvr(settingsFor(1));
    assert.equal(nvr.camera(1, 'main'), nvr.camera(1, 'main'));
    await nvr.close();
    for (const by of ['node', 'message'] as const)
      assert.throws(() => nvr.camera(1, 'main', by), { code: 'EINPUT', message: /closed/ }, by);
  });
});
