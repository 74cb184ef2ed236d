import assert from 'node:assert/strict';
import { setTimeout as wait } from 'node:timers/promises';
import type { NvrError } from '../../lib/errors.js';
import { Nvr } from '../../lib/nvr/nvr.js';
import { ACCOUNT, startManualNvr, type ManualNvr } from '../kit/manual-nvr.js';
import { settingsFor } from '../kit/settings.js';

const METHODS = ['DESCRIBE', 'SETUP', 'PLAY'] as const;
const STATUSES = [401, 403, 404, 453, 454, 500, 503] as const;
/** 0: once. */
const LASTS_MS = [0, 8000] as const;
/** After an outage of up to 30 s. */
const SEEN_WITHIN_MS = 10_000;
const AT_ONCE = 14;

interface Row {
  readonly method: string;
  readonly status: number;
  readonly ms: number;
}

const ROWS: readonly Row[] = METHODS.flatMap((method) =>
  STATUSES.flatMap((status) => LASTS_MS.map((ms) => ({ method, status, ms }))),
);

/** Plays each row against an NVR of its own; resolves with what went wrong. */
async function play(judge: (row: Row, server: ManualNvr, nvr: Nvr) => Promise<string>): Promise<string[]> {
  const left = [...ROWS];
  const wrong: string[] = [];
  const worker = async (): Promise<void> => {
    for (let row = left.shift(); row !== undefined; row = left.shift()) {
      const server = await startManualNvr();
      const { rtspPort, httpPort } = server;
      const nvr = new Nvr(settingsFor(rtspPort, { httpPort, ...ACCOUNT, requestTimeout: 5 }));
      const problem = await judge(row, server, nvr);
      if (problem !== '') wrong.push(`${row.status} to ${row.method}, ${row.ms} ms: ${problem}`);
      await nvr.close();
      await server.kill();
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return wrong;
}

function strike({ method, status, ms }: Row, server: ManualNvr): void {
  server.refuse(status, ms === 0 ? { times: 1, method } : { ms, method });
  server.rst();
}

describe('an NVR that refuses for a moment what it granted before', function () {
  this.timeout(300_000);

  it('is seen again by a live camera within 10 s, whatever status it gives to whatever request', async () => {
    const wrong = await play(async (row, server, nvr) => {
      let units = 0;
      nvr.camera(1, 'main').subscribe({ onUnit: () => units++, onEvent: () => undefined });
      while (units < 5) await wait(20);
      strike(row, server);
      await wait(Math.max(row.ms, 200));
      const [ended, before] = [performance.now(), units];
      while (units === before && performance.now() - ended < 2 * SEEN_WITHIN_MS) await wait(20);
      const ms = performance.now() - ended;
      return ms <= SEEN_WITHIN_MS ? '' : `seen after ${ms.toFixed(0)} ms`;
    });
    assert.deepEqual(wrong, []);
  });

  it('plays the rest of a recorded span, or the run says what is missing', async () => {
    const SPAN_MS = 5000;
    const wrong = await play(async (row, server, nvr) => {
      const from = Math.floor(Date.now() / 1000 - 100) * 1000;
      let reached = 0;
      const end = new Promise<{ reason: string; error: NvrError | undefined; missingMs: number }>(
        (resolve) => {
          nvr.playback.play(
            { run: 'r', channel: 1, stream: 'main', group: 0, from, to: from + SPAN_MS, speed: 1 },
            {
              onUnit: ({ unit }) => (reached = unit.time),
              onEnd: (reason, error, missingMs) => {
                resolve({ reason, error, missingMs });
              },
            },
          );
        },
      );
      while (reached < from + 500) await wait(20);
      strike(row, server);
      const { reason, error, missingMs } = await end;
      return reason === 'reached' && missingMs === 0
        ? ''
        : `${reason} ${error?.code ?? ''}, ${missingMs} ms missing`;
    });
    assert.deepEqual(wrong, []);
  });
});
