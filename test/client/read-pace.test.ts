import assert from 'node:assert/strict';
import { LIVE_SHARE, ReadPace } from '../../lib/client/read-pace.js';
import { RtspSession } from '../../lib/client/session.js';
import type { NvrError } from '../../lib/errors.js';
import {
  deltaSlice,
  interleaved,
  keyframePackets,
  rtp,
  startScriptedServer,
} from '../kit/scripted-server.js';
import { sessionOptions } from '../kit/session-rig.js';

/** Reads one after the other from `from` on: `units` each and so much time. Answers the time at the end. */
function read(
  pace: ReadPace,
  from: number,
  until: number,
  {
    every,
    units = 0,
    took = 0,
    cpuMs,
  }: { every: number; units?: number; took?: number; cpuMs?: () => number },
): { reads: number; waited: number; turns: number } {
  const result = { reads: 0, waited: 0, turns: 0 };
  for (let now = from; now < until; now += every) {
    for (let i = 0; i < units; i++) pace.unit();
    const ms = pace.afterRead(now, now + took, cpuMs?.());
    result.reads++;
    if (ms === 0) result.turns++;
    if (ms !== undefined && ms > 0) {
      result.waited += ms;
      now += ms;
    }
  }
  return result;
}

describe('the pace of reading', () => {
  it('does not hinder a camera of 4K at 60 pictures a second, whatever its transport', () => {
    const pace = new ReadPace(LIVE_SHARE);
    const { waited } = read(pace, 0, 60_000, { every: 16.7, units: 4, took: 0.3 });
    assert.equal(waited, 0);
    for (let now = 60_000; now < 120_000; now += 0.4) assert.ok(pace.admit(now));
  });

  it('lets through at once what piled up while the loop stood still for two seconds', () => {
    const pace = new ReadPace(LIVE_SHARE);
    read(pace, 0, 10_000, { every: 40, units: 1, took: 0.2 });
    const { waited } = read(pace, 12_000, 12_010, { every: 0.5, units: 20, took: 1 });
    assert.equal(waited, 0);
  });

  it('gives the loop its turn every few milliseconds of work', () => {
    const { reads, turns, waited } = read(new ReadPace(1), 0, 1000, { every: 2, took: 2 });
    assert.equal(waited, 0);
    assert.ok(turns >= reads / 4, `${turns} turns in ${reads} reads`);
  });

  it('counts the time that reading worked, not the time that a busy machine gave to others meanwhile', () => {
    const descheduled = read(new ReadPace(LIVE_SHARE), 0, 60_000, { every: 40, took: 30, cpuMs: () => 1 });
    assert.equal(descheduled.waited, 0);
    const working = read(new ReadPace(LIVE_SHARE), 0, 60_000, { every: 40, took: 30, cpuMs: () => 30 });
    assert.ok(working.waited > 10_000, `${working.waited} ms`);
  });

  it('charges a read whose CPU time was not measured with all of its time', () => {
    const working = read(new ReadPace(LIVE_SHARE), 0, 60_000, { every: 40, took: 30, cpuMs: () => 30 });
    assert.deepEqual(read(new ReadPace(LIVE_SHARE), 0, 60_000, { every: 40, took: 30 }), working);
  });

  it('keeps nothing of a read that was not measured for one that is', () => {
    const pace = new ReadPace(LIVE_SHARE);
    let now = 0;
    let ms: number | undefined;
    while (!((ms = pace.afterRead(now, now + 50)) ?? 0)) now += 50;
    now += 50 + ms!;
    assert.equal(pace.afterRead(now, now), undefined, 'owes nothing');
    assert.equal(pace.afterRead(now, now + 20, 0), 0, 'the 20 ms were not worked');
  });

  it('charges as much where CPU time is counted in steps of a clock tick', () => {
    let used = 0;
    const inSteps = (): number => {
      const before = Math.floor(used / 16);
      used += 5;
      return (Math.floor(used / 16) - before) * 16;
    };
    const fine = read(new ReadPace(LIVE_SHARE), 0, 60_000, { every: 6, took: 5 });
    const coarse = read(new ReadPace(LIVE_SHARE), 0, 60_000, { every: 6, took: 5, cpuMs: inSteps });
    assert.ok(Math.abs(coarse.reads / fine.reads - 1) < 0.05, `${coarse.reads} and ${fine.reads}`);
  });

  it('reads a stream whose format changes with every picture a few dozen pictures a second, and minds no change now and then', () => {
    const changing = new ReadPace(LIVE_SHARE);
    let pictures = 0;
    for (let now = 0; now < 20_000; now++) {
      changing.unit();
      changing.format();
      pictures++;
      now += changing.afterRead(now, now + 0.1) ?? 0;
    }
    assert.ok(pictures < 20 * 60 + 200, `${pictures} pictures`);
    const pace = new ReadPace(LIVE_SHARE);
    for (let now = 0; now < 60_000; now += 40) {
      pace.unit();
      if (now % 1000 === 0) pace.format();
      assert.equal(pace.afterRead(now, now + 0.2) ?? 0, 0);
    }
  });

  it('reads pictures of a thousand NAL units a few dozen a second, and minds 8K in rows at 60 pictures a second not at all', () => {
    const flood = new ReadPace(LIVE_SHARE);
    let pictures = 0;
    for (let now = 0; now < 20_000; now++) {
      flood.unit(1000);
      pictures++;
      now += flood.afterRead(now, now + 1) ?? 0;
    }
    assert.ok(pictures < 20 * 30 + 100, `${pictures} pictures`);
    const rows = new ReadPace(LIVE_SHARE);
    for (let now = 0; now < 60_000; now += 16.7) {
      rows.unit(272);
      assert.equal(rows.afterRead(now, now + 1) ?? 0, 0);
    }
  });

  it('reads no more than its share of tiny units, for as long as they come, and at once again after a quiet second', () => {
    const pace = new ReadPace(LIVE_SHARE);
    const flood = read(pace, 0, 20_000, { every: 1, units: 3000, took: 5 });
    const perSecond = (flood.reads * 3000) / 20;
    assert.ok(perSecond > 1000 && perSecond < 3500, `${perSecond} units a second`);
    const calm = read(pace, 23_000, 30_000, { every: 40, units: 2, took: 0.2 });
    assert.equal(calm.waited, 0);
  });

  it('gives all of the loop, in turns, to who asks for no less', () => {
    const { waited, turns } = read(new ReadPace(), 0, 10_000, { every: 1, units: 3000, took: 5 });
    assert.equal(waited, 0);
    assert.ok(turns > 1000);
  });

  it('counts the time that reads take where they bring no unit', () => {
    const { waited } = read(new ReadPace(LIVE_SHARE), 0, 20_000, { every: 1, took: 20 });
    assert.ok(waited > 10_000);
  });

  it('does not count against a camera that the machine stood still during one of its reads', () => {
    const pace = new ReadPace(LIVE_SHARE);
    assert.equal(pace.afterRead(0, 10_000), 0);
  });

  it('admits datagrams again soon after a flood', () => {
    const pace = new ReadPace(LIVE_SHARE);
    let taken = 0;
    for (let now = 0; now < 10_000; now += 0.01) {
      if (!pace.admit(now)) continue;
      taken++;
      pace.unit();
    }
    assert.ok(taken < 100_000, `${taken} of a million`);
    assert.ok(pace.admit(12_000));
  });

  it('pauses a connection that floods, reports that once, and resumes by itself', async () => {
    const server = await startScriptedServer();
    const warnings: NvrError[] = [];
    let units = 0;
    const session = new RtspSession(
      sessionOptions(server.port, {
        readShare: LIVE_SHARE,
        onUnit: () => units++,
        onWarning: (error) => warnings.push(error),
      }),
    );
    try {
      await session.open();
      const { socket } = server.peers[0]!;
      const flood = Array.from({ length: 14_000 }, (_, i) =>
        interleaved(0, rtp(3 + i, 3600 * (i + 1), true, deltaSlice(0x33, 2))),
      );
      const opening = keyframePackets(0, 0).map((packet) => interleaved(0, packet));
      socket.write(Buffer.concat([...opening, ...flood]));
      while (units < 14_000) await new Promise((resolve) => setImmediate(resolve));
      assert.deepEqual(
        warnings.map(({ code }) => code),
        ['EOVERLOAD'],
      );
    } finally {
      await session.close();
      await server.close();
    }
  });

  it('gives the loop its turn after each packet where one alone is much work', async () => {
    const server = await startScriptedServer();
    let units = 0;
    const perTurn: number[] = [];
    const session = new RtspSession(
      sessionOptions(server.port, {
        onUnit: () => {
          units++;
          for (const end = performance.now() + 9; performance.now() < end;);
        },
      }),
    );
    try {
      await session.open();
      const packets = Array.from({ length: 120 }, (_, i) =>
        interleaved(0, rtp(i, 3600 * i, true, deltaSlice(0x33, 2))),
      );
      server.peers[0]!.socket.write(Buffer.concat(packets));
      while (units < packets.length - 1) {
        const before = units;
        await new Promise((resolve) => setImmediate(resolve));
        if (units > before) perTurn.push(units - before);
      }
      assert.ok(Math.max(...perTurn.slice(4)) <= 1, `units a turn: ${perTurn.join(' ')}`);
    } finally {
      await session.close();
      await server.close();
    }
  });

  it('hands on every packet of a read that is too much for one turn, in order, and then the server’s reply', async () => {
    const server = await startScriptedServer();
    const times: number[] = [];
    const session = new RtspSession(
      sessionOptions(server.port, {
        onUnit: (unit) => {
          times.push(unit.rtpTime);
          // A slow user: a slice is too much for a turn.
          if (times.length % 100 === 0) for (const end = performance.now() + 9; performance.now() < end;);
        },
      }),
    );
    try {
      await session.open();
      const { socket } = server.peers[0]!;
      const count = 3000;
      socket.write(
        Buffer.concat(
          Array.from({ length: count }, (_, i) =>
            interleaved(0, rtp(i, 3600 * i, true, deltaSlice(0x33, 2))),
          ),
        ),
      );
      await session.ping();
      assert.ok(times.length >= count - 1);
      assert.deepEqual(
        times,
        times.map((_, i) => 3600 * i),
      );
    } finally {
      await session.close();
      await server.close();
    }
  });

  it('pauses a second at most, and in proportion to what it owes', () => {
    const pace = new ReadPace(0.1);
    pace.afterRead(0, 0);
    for (let unit = 0; unit < 5500; unit++) pace.unit();
    assert.equal(Math.round(pace.afterRead(0, 0)!), 500, '50 ms owed, of a tenth of the time');
    for (let unit = 0; unit < 100_000; unit++) pace.unit();
    assert.equal(pace.afterRead(0, 0), 1000);
  });

  it('counts the work in a row from the last turn on, be that a turn or a pause', () => {
    const pace = new ReadPace();
    const verdicts = [7, 1, 7, 1].map((ms) => pace.afterRead(0, ms));
    assert.deepEqual(verdicts, [undefined, 0, undefined, 0]);
    const limited = new ReadPace(0.5);
    for (let unit = 0; unit < 6000; unit++) limited.unit();
    assert.ok(limited.afterRead(0, 7)! > 0);
    assert.equal(limited.afterRead(10_000, 10_002), undefined, 'the pause was a turn');
  });

  it('admits no datagram while it owes anything, and owes nothing more for a clock that goes back', () => {
    const pace = new ReadPace(0.25);
    pace.afterRead(1000, 1000);
    for (let unit = 0; unit < 5002; unit++) pace.unit();
    assert.equal(pace.admit(1000), false);
    assert.equal(pace.admit(1004), true);
    assert.equal(pace.admit(1010), true);
    assert.equal(pace.admit(500), true);
  });
});
