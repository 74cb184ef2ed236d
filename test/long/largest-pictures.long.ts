import assert from 'node:assert/strict';
import type { NvrError } from '../../lib/errors.js';
import { SnapshotPool } from '../../lib/nvr/snapshot/snapshot-pool.js';
import { source } from '../kit/recorded-units.js';
import { needs } from '../kit/tools.js';

/** What the process may grow by, whatever pictures come. */
const MOST = 150 * 1024 * 1024;
const ROUNDS = 4;

describe('snapshots of the largest pictures', function () {
  this.timeout(120_000);

  before(function () {
    needs(this, 'ffmpeg');
  });

  for (const [codec, size, encoder] of [
    ['h264', '8192x4608', 'ref=1'],
    ['h265', '8192x4320', 'ref=1'],
    ['h265', '4096x2304', 'ref=3'],
  ] as const)
    it(`of ${codec} and ${size}, of two cameras in turn, take no more than 150 MB`, async () => {
      const picture = ofSize(codec, size, encoder);
      const pool = new SnapshotPool();
      try {
        const small = ofSize(codec, '320x180', encoder);
        const cameras = [{}, {}];
        await pool.decode({ codec, data: small, quality: 80 }, cameras[0]);
        const before = process.memoryUsage().rss;
        let peak = before;
        const meter = setInterval(() => {
          peak = Math.max(peak, process.memoryUsage().rss);
        }, 10);
        const told: string[] = [];
        for (let round = 0; round < ROUNDS; round++)
          await pool.decode({ codec, data: picture, quality: 80 }, cameras[round % 2]).then(
            ({ width, height }) => told.push(`${width}x${height}`),
            (error: unknown) => told.push((error as NvrError).code),
          );
        clearInterval(meter);
        const grown = peak - before;
        console.log(`      ${told.join(' ')}: +${(grown / 1048576).toFixed(0)} MB`);
        // On a busy machine the largest take longer than a thread may.
        assert.ok(told.every((one) => [size, 'EUNSUPPORTED', 'EDECODE'].includes(one)));
        assert.ok(grown <= MOST, `${(grown / 1048576).toFixed(0)} MB`);
      } finally {
        await pool.close();
      }
    });
});

function ofSize(codec: 'h264' | 'h265', size: string, encoder: string): Buffer {
  return source({ codec, size, encoder, seconds: 1, fps: 2, gop: 1 }).pictures[0]!.data;
}
