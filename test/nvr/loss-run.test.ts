import assert from 'node:assert/strict';
import type { VideoUnit } from '../../lib/codec/unit.js';
import { LossRun } from '../../lib/nvr/camera/loss-run.js';
import { lossPercent, whyNoKeyframe } from '../../lib/nvr/camera/no-keyframe.js';

/**
 * `p`: a whole unit; `d`: damaged; `l`: whole, and builds on what was lost; `r`: a recovery point that does;
 * `x`: damaged, and builds on it; `y`: a recovery point that is, and does.
 */
function unit(kind: string, arrival: number): VideoUnit {
  return {
    arrival,
    keyframe: false,
    damaged: 'dxy'.includes(kind),
    ...('lrxy'.includes(kind) && { reference: 'lost' }),
    ...('ry'.includes(kind) && { recoveryFrames: 3 }),
  } as VideoUnit;
}

/**
 * Units 40 ms apart; a digit loses so many packets before the next. Answers what is told, and of each unit
 * whether who skips goes without.
 */
function run(story: string, losses = new LossRun(), from = 0, step = 40): { told: number[]; given: string } {
  const told: number[] = [];
  let given = '';
  let arrival = from;
  for (const kind of story) {
    if (/\d/.test(kind)) {
      losses.lose(Number(kind));
      continue;
    }
    const lost = losses.take(unit(kind, (arrival += step)));
    if (lost !== undefined) told.push(lost);
    given += losses.skips ? '-' : kind;
  }
  return { told, given };
}

describe('a run of losses', () => {
  it('is reported at its first unit, and once', () => {
    assert.deepEqual(run('pp2dl3lxlpp'), { told: [2], given: 'ppd----pp' });
  });

  it('counts in what was lost since the last word', () => {
    const losses = new LossRun();
    assert.deepEqual(run('p1dl5lpp', losses).told, [1]);
    assert.deepEqual(run('p2dlp', losses, 5000).told, [7]);
  });

  it('is reported together with others that follow quickly, as in a stream of keyframes alone', () => {
    const { told } = run('1p'.repeat(100));
    assert.deepEqual(told, [1, 25, 25, 25]);
  });

  it('is reported once a second is over, where it began within a second of the last word', () => {
    const losses = new LossRun();
    assert.deepEqual(run(`1p2p${'p'.repeat(22)}`, losses).told, [1]);
    assert.deepEqual(run('p', losses, 960).told, []);
    assert.deepEqual(run('p', losses, 1000).told, [2]);
  });

  it('is reported again every 10 s, with the packets lost since, while it lasts and more are lost', () => {
    const losses = new LossRun();
    assert.deepEqual(run(`1d${'9l'.repeat(900)}`, losses).told, [1, 2250, 2250, 2250]);
    assert.deepEqual(run('l'.repeat(1000), losses, 41_000).told, [1350]);
    assert.deepEqual(run('l'.repeat(1000), losses, 90_000).told, []);
  });

  it('is a run too where a unit is damaged and no packet is missing', () => {
    assert.deepEqual(run('pdlp'), { told: [0], given: 'pd-p' });
  });

  it('lets who skips begin again at a recovery point, until the next loss', () => {
    assert.equal(run('p1lrllplp').given, 'p-rllplp');
    assert.equal(run('p1dlrl1llrlp').given, 'pd-rl--rlp');
    assert.equal(run('p1dlylrl').given, 'pd---rl');
  });

  it('is none at a stream’s beginning in the middle of a GOP', () => {
    assert.deepEqual(run('lllp'), { told: [], given: 'lllp' });
  });
});

describe('why no keyframe came', () => {
  const before = { packets: 1000, lost: 10 };

  it('counts the loss to a tenth of a percent of what was sent, and none where late packets filled a gap', () => {
    assert.equal(lossPercent(before, { packets: 1875, lost: 135 }), 12.5);
    assert.equal(lossPercent(before, { packets: 2000, lost: 9 }), 0);
    assert.equal(lossPercent(before, { packets: 1000, lost: 11 }), 100);
  });

  it('is the loss from two in a thousand on', () => {
    assert.match(whyNoKeyframe(before, { packets: 1998, lost: 12, transport: 'udp' }), /^0\.2 % of the/);
    assert.match(whyNoKeyframe(before, { packets: 1999, lost: 11, transport: 'udp' }), /GOP/);
  });

  it('names the loss in percent and the transport, and what helps there', () => {
    const now = { packets: 1960, lost: 50 };
    assert.equal(lossPercent(before, now), 4);
    assert.match(whyNoKeyframe(before, { ...now, transport: 'udp' }), /^4 % of the packets .* UDP; use TCP/);
    assert.match(whyNoKeyframe(before, { ...now, transport: 'multicast' }), /4 %.*MULTICAST; use TCP/);
    assert.match(whyNoKeyframe(before, { ...now, transport: 'tcp' }), /^4 % .* TCP: the server drops them/);
    assert.match(whyNoKeyframe(before, { ...now, transport: 'http' }), /HTTP: the server/);
  });

  it('names the GOP where next to nothing is lost, and the intra refresh where there is one', () => {
    const now = { packets: 3000, lost: 11, transport: 'udp' };
    assert.match(whyNoKeyframe(before, now), /GOP/);
    assert.match(whyNoKeyframe(before, now, true), /intra refresh/);
    assert.match(whyNoKeyframe(before, { packets: 1500, lost: 60 }, true), /intra refresh/);
    assert.equal(lossPercent(before, before), 0);
  });
});
