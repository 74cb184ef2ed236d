import assert from 'node:assert/strict';
import { Nvr } from '../../lib/nvr/nvr.js';
import { readTimeSei, startSimulator } from '../../lib/simulator/index.js';
import { settingsFor } from '../kit/settings.js';

const ACCOUNT = { username: 'admin', password: 'playback-pw' };

describe('playback, at length', () => {
  for (const transport of ['tcp', 'udp'] as const) {
    it(`a 20 s run ends by itself at \`to\`, over ${transport}`, async function () {
      this.timeout(60_000);
      const simulator = await startSimulator(ACCOUNT);
      const nvr = new Nvr(
        settingsFor(simulator.rtspPort, { httpPort: simulator.httpPort, ...ACCOUNT, transport }),
      );
      try {
        const from = Math.floor(Date.now() / 1000 - 600) * 1000;
        const seis: number[] = [];
        const reason = await new Promise<string>((resolve, reject) => {
          nvr.playback.play(
            { run: 'long', channel: 1, stream: 'main', group: 0, speed: 1, from, to: from + 20_000 },
            {
              onUnit: ({ unit }) => seis.push(readTimeSei(unit.data)!),
              onEnd: (why, error) => {
                if (error === undefined) resolve(why);
                else reject(error);
              },
            },
          );
        });
        assert.equal(reason, 'reached');
        assert.deepEqual(
          seis,
          Array.from({ length: 200 }, (_, index) => from + index * 100),
        );
      } finally {
        await nvr.close();
        await simulator.stop();
      }
    });
  }
});
