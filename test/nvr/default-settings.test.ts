import assert from 'node:assert/strict';
import { Nvr } from '../../lib/nvr/nvr.js';

describe('the settings of an NVR', () => {
  it('are those of a MOVE NVR where the host alone is given', async () => {
    const nvr = new Nvr({ host: '127.0.0.1' });
    assert.deepEqual(
      {
        rtspPort: nvr.settings.rtspPort,
        transport: nvr.settings.transport,
        uriStyle: nvr.settings.uriStyle,
        requestTimeout: nvr.settings.requestTimeout,
      },
      { rtspPort: 554, transport: 'auto', uriStyle: 'move', requestTimeout: 10 },
    );
    assert.equal(nvr.camera(1, 'main').channel, 1);
    await nvr.close();
  });
});
