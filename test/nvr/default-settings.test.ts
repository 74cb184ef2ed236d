import assert from 'node:assert/strict';
import { Nvr } from '../../lib/nvr/nvr.js';

describe('the settings of an NVR', () => {
  it('are those of a MOVE NVR where the host alone is given', async () => {
    const nvr = new Nvr({ host: '127.0.0.1' });
    assert.deepEqual(
      [nvr.settings.rtspPort, nvr.settings.transport, nvr.settings.uriStyle, nvr.settings.requestTimeout],
      [554, 'auto', 'move', 10],
    );
    assert.equal(nvr.camera(1, 'main').channel, 1);
    await nvr.close();
  });
});
