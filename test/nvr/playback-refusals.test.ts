import assert from 'node:assert/strict';
import type { NvrError } from '../../lib/errors.js';
import { Nvr } from '../../lib/nvr/nvr.js';
import { ACCOUNT, startManualNvr } from '../kit/manual-nvr.js';
import { settingsFor } from '../kit/settings.js';

describe('a playback run whose NVR restarts', () => {
  it('plays the rest where PLAY is answered 404 for a moment, though the channel is there', async () => {
    const server = await startManualNvr();
    const { rtspPort, httpPort } = server;
    const nvr = new Nvr(settingsFor(rtspPort, { httpPort, ...ACCOUNT, requestTimeout: 10 }));
    try {
      const from = Math.floor(Date.now() / 1000 - 100) * 1000;
      const codes: string[] = [];
      let isHit = false;
      const end = await new Promise<{ reason: string; error: NvrError | undefined; missingMs: number }>(
        (resolve) => {
          nvr.playback.play(
            { run: 'r', channel: 1, stream: 'main', group: 0, from, to: from + 2000, speed: 1 },
            {
              onUnit: () => {
                if (isHit) return;
                isHit = true;
                // With its key, and with another one.
                server.refuse(404, { times: 2, method: 'PLAY' });
                server.rst();
              },
              onInterrupted: ({ code }) => codes.push(code),
              onEnd: (reason, error, missingMs) => {
                resolve({ reason, error, missingMs });
              },
            },
          );
        },
      );
      assert.deepEqual(
        { reason: end.reason, error: end.error, missingMs: end.missingMs },
        { reason: 'reached', error: undefined, missingMs: 0 },
      );
      assert.equal(codes.at(-1), 'ENORECORDING');
    } finally {
      await nvr.close();
      await server.kill();
    }
  });
});
