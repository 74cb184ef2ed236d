import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { joinAnnexB } from '../../lib/codec/annexb.js';
import { decodeIntraPicture } from '../../lib/media/h264-intra/index.js';
import { recordingClip } from '../../lib/simulator/clips.js';
import { Nvr } from '../../lib/nvr/nvr.js';
import type { NvrError } from '../../lib/errors.js';
import type { PlaybackRequest, PlaybackRun, RecordedUnit } from '../../lib/nvr/playback/run.js';
import type { NvrSettings } from '../../lib/nvr/types.js';
import {
  readTimeSei,
  startSimulator,
  type Simulator,
  type SimulatorOptions,
} from '../../lib/simulator/index.js';
import { itLong, some } from '../kit/cases.js';
import { settingsFor } from '../kit/settings.js';

const ACCOUNT = { username: 'admin', password: 'playback-pw' };
const GOP_MS = 1000;

/** What a keyframe shows, as a hash of its decoded luma. */
function pictureHash(keyframe: Buffer): string {
  const { y, yStride, width, height } = decodeIntraPicture(keyframe);
  const hash = createHash('sha1');
  for (let row = 0; row < height; row++) hash.update(y.subarray(row * yStride, row * yStride + width));
  return hash.digest('hex');
}

let table: string[] | undefined;

/** The hash of each burnt-in second's keyframe, from the clip itself. */
function secondHashes(): string[] {
  table ??= recordingClip()
    .units.filter(({ keyframe }) => keyframe)
    .map(({ parts }) => pictureHash(joinAnnexB([...parts])));
  return table;
}

interface Played {
  run: PlaybackRun;
  units: RecordedUnit[];
  seis: number[];
  warnings: NvrError[];
  words: string[];
  interruptions: NvrError[];
  ended: Promise<{ reason: string; error?: NvrError; missingMs: number }>;
  /** Rejects if the run ends with an error first. */
  until(done: () => boolean): Promise<void>;
}

describe('playback', () => {
  let simulator: Simulator;
  let nvr: Nvr;

  async function start(options: SimulatorOptions = {}, settings: Partial<NvrSettings> = {}): Promise<void> {
    simulator = await startSimulator({ ...ACCOUNT, ...options });
    nvr = new Nvr(settingsFor(simulator.rtspPort, { httpPort: simulator.httpPort, ...ACCOUNT, ...settings }));
  }

  afterEach(async () => {
    await nvr.close();
    await simulator.stop();
  });

  function play(request: Partial<PlaybackRequest> & { from: number }): Played {
    const waits: { done(): boolean; resolve(): void; reject(error: NvrError): void }[] = [];
    const check = (): void => {
      for (const wait of waits) if (wait.done()) wait.resolve();
    };
    let settle!: (end: { reason: string; error?: NvrError; missingMs: number }) => void;
    const played: Played = {
      run: undefined as never,
      units: [],
      seis: [],
      warnings: [],
      words: [],
      interruptions: [],
      ended: new Promise((resolve) => (settle = resolve)),
      until: (done) =>
        new Promise((resolve, reject) => {
          waits.push({ done, resolve, reject });
          check();
        }),
    };
    played.run = nvr.playback.play(
      { run: 'r', channel: 1, stream: 'main', group: 0, speed: 1, ...request },
      {
        onUnit: (recorded) => {
          played.units.push(recorded);
          played.seis.push(readTimeSei(recorded.unit.data)!);
          check();
        },
        onPlaying: () => played.words.push('playing'),
        onPaused: () => played.words.push('paused'),
        onWarning: (error) => played.warnings.push(error),
        onInterrupted: (error) => played.interruptions.push(error),
        onEnd: (reason, error, missingMs) => {
          if (error !== undefined) for (const wait of waits) wait.reject(error);
          settle({ reason, ...(error === undefined ? {} : { error }), missingMs });
        },
      },
    );
    return played;
  }

  const ago = (seconds: number): number => Date.now() - seconds * 1000;

  for (const transport of ['tcp', 'udp'] as const) {
    it(`begins at the asked time to within one GOP, by SEI and by picture, for 20 random times, over ${transport}`, async () => {
      // Sixty pictures are decoded before a request waits: nothing else in this process answers meanwhile.
      const hashes = secondHashes();
      await start({}, { transport });
      for (let round = 0; round < 5; round++) {
        await Promise.all(
          [1, 2, 3, 4].map(async (channel) => {
            const from = ago(60 + Math.random() * 5 * 3600);
            const played = play({ from, channel, run: String(channel) });
            await played.until(() => played.units.length >= 2);
            assert.ok(
              from - played.seis[0]! >= 0 && from - played.seis[0]! < GOP_MS,
              `${played.seis[0]! - from} ms off`,
            );
            assert.equal(played.units[0]!.unit.keyframe, true);
            assert.equal(pictureHash(played.units[0]!.unit.data), hashes[(played.seis[0]! / 1000) % 60]);
            for (const [index, { unit }] of played.units.entries()) {
              assert.ok(
                Math.abs(unit.time - played.seis[index]!) <= 2,
                `time is ${unit.time - played.seis[index]!} ms off`,
              );
              assert.equal(unit.timeSource, 'rtpinfo');
            }
            await played.run.stop();
          }),
        );
      }
      assert.equal(simulator.sessionCount, 0);
    });
  }

  it('ends by itself at `to`, on the media clock', async () => {
    await start();
    const from = Math.floor(ago(600) / 1000) * 1000;
    const played = play({ from, to: from + 2000 });
    assert.equal((await played.ended).reason, 'reached');
    assert.deepEqual({ first: played.seis[0], last: played.seis.at(-1) }, { first: from, last: from + 1900 });
    assert.equal(played.seis.length, 20);
  });

  it('pauses, and resumes from the time reached: what is sent again is marked', async () => {
    await start();
    const from = Math.floor(ago(600) / 1000) * 1000;
    const played = play({ from });
    await played.until(() => played.units.length === 15);
    played.run.pause();
    const { reached } = played.run;
    assert.equal(reached, played.seis.at(-1));
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(played.units.length, 15);
    played.run.resume();
    await played.until(() => played.seis.at(-1)! > reached + 200);
    const again = played.units.slice(15);
    assert.equal(again[0]!.unit.keyframe, true);
    assert.deepEqual(
      again.map(({ repeated }) => repeated),
      played.seis.slice(15).map((sei) => sei <= reached),
    );
    const fresh = played.seis.filter((_, index) => !played.units[index]!.repeated);
    assert.ok(
      fresh.every((sei, index) => sei === from + index * 100),
      'each unit once, in order',
    );
    assert.deepEqual(played.words, ['playing', 'paused', 'playing']);
    assert.equal(simulator.keyRequests.filter((line) => line.includes('start_time')).length >= 2, true);
  });

  it('seeks to another time', async () => {
    await start();
    const played = play({ from: ago(600) });
    await played.until(() => played.units.length >= 3);
    const target = Math.floor(ago(3000) / 1000) * 1000;
    const before = played.units.length;
    played.run.seek(target);
    await played.until(() => played.seis.slice(before).includes(target));
    assert.equal(played.units.at(-1)!.repeated, false);
  });

  it('plays at speed 2 where Scale is granted, and says so where it is not', async () => {
    await start({ scale: 'granted' });
    const from = Math.floor(ago(600) / 1000) * 1000;
    const begun = performance.now();
    const fast = play({ from, to: from + 3000, speed: 2 });
    assert.equal((await fast.ended).reason, 'reached');
    assert.ok(performance.now() - begun < 2400);
    assert.deepEqual({ seis: fast.seis.length, warnings: fast.warnings.length }, { seis: 30, warnings: 0 });
    assert.ok(fast.units.every(({ unit }, index) => Math.abs(unit.time - fast.seis[index]!) <= 2));
    await nvr.close();
    await simulator.stop();

    await start({ scale: 'refused' });
    const slow = play({ from, to: from + 500, speed: 2 });
    await slow.ended;
    assert.deepEqual(
      slow.warnings.map(({ code }) => code),
      ['EUNSUPPORTED'],
    );
  });

  it('pulls a recording faster than real time where the server allows', async () => {
    // The product's time-out: a busy machine keeps the simulator from answering for 2 s.
    await start({ onvifReplay: true }, { requestTimeout: 10 });
    const from = Math.floor(ago(3600) / 1000) * 1000;
    const begun = performance.now();
    const played = play({ from, to: from + 30_000, speed: 0 });
    const { reason, error } = await played.ended;
    assert.deepEqual({ reason, error }, { reason: 'reached', error: undefined });
    assert.ok(performance.now() - begun < 5000);
    assert.equal(played.seis.length, 300);
    assert.deepEqual(played.warnings, []);
  });

  const interruptions = [
    [
      'cuts the connection',
      () => {
        simulator.dropConnections();
      },
    ],
    [
      'falls silent',
      () => {
        simulator.goSilent();
      },
    ],
  ] as const;
  for (const [what, interrupt] of some(interruptions, 1))
    it(`goes on from where it got to when the NVR ${what} before the end`, async () => {
      await start({}, { silence: 1 });
      const from = Math.floor(ago(600) / 1000) * 1000;
      const played = play({ from, to: from + 3000 });
      await played.until(() => played.units.length === 12);
      interrupt();
      const { reason, error, missingMs } = await played.ended;
      assert.deepEqual({ reason, error, missingMs }, { reason: 'reached', error: undefined, missingMs: 0 });
      assert.equal(played.interruptions.length, 1);
      const fresh = played.seis.filter((_, index) => !played.units[index]!.repeated);
      assert.deepEqual(
        fresh.map((sei) => sei - from),
        Array.from({ length: 30 }, (_, index) => index * 100),
        'each picture once, in order, none missing',
      );
      assert.ok(simulator.keyRequests.length >= 2, 'a key for each PLAY');
    });

  itLong('ends after three interruptions with the cause, and tells in numbers what is missing', async () => {
    await start();
    const from = Math.floor(ago(600) / 1000) * 1000;
    const played = play({ from, to: from + 60_000 });
    for (let round = 1; round <= 4; round++) {
      const before = played.units.length;
      await played.until(() => played.units.length > before + 2);
      simulator.dropConnections();
    }
    const { reason, error, missingMs } = await played.ended;
    assert.equal(played.interruptions.length, 3);
    assert.notEqual(reason, 'reached');
    assert.equal(error?.code, 'EUNREACHABLE');
    assert.match(error.message, /The last [\d.]+ s of the span are missing\.$/);
    assert.equal(missingMs, from + 60_000 - played.run.reached);
  });

  it('reports what is missing if the NVR ends the recording before the end of the span', async () => {
    await start();
    const from = Math.floor(ago(600) / 1000) * 1000;
    const played = play({ from, to: from + 30_000 });
    await played.until(() => played.units.length === 5);
    simulator.sendBye();
    const { reason, error, missingMs } = await played.ended;
    assert.deepEqual(
      { reason, code: error?.code, interruptions: played.interruptions.length },
      { reason: 'bye', code: 'ENORECORDING', interruptions: 0 },
    );
    assert.equal(missingMs, from + 30_000 - played.run.reached);
  });

  it('refuses a seek to the end of the run or past it, and plays on', async () => {
    await start();
    const from = Math.floor(ago(600) / 1000) * 1000;
    const played = play({ from, to: from + 2000 });
    await played.until(() => played.units.length > 2);
    for (const target of [from + 2000, from + 9000])
      assert.throws(
        () => {
          played.run.seek(target);
        },
        { code: 'EINPUT' },
      );
    assert.equal((await played.ended).reason, 'reached');
  });

  it('gives every picture of a span that comes whole, goodbye included, with the reply to PLAY', async () => {
    await start({ onvifReplay: true });
    const from = Math.floor(ago(40) / 1000) * 1000;
    for (let round = 0; round < 5; round++) {
      const played = play({ from, to: from + 30_000, speed: 0 });
      const { reason, error } = await played.ended;
      assert.deepEqual(
        { reason, error, seis: played.seis.length },
        { reason: 'reached', error: undefined, seis: 300 },
      );
    }
  });

  it('ends with an error, and ends nothing else, where who takes the first pictures throws', async () => {
    await start({ onvifReplay: true });
    const from = Math.floor(ago(40) / 1000) * 1000;
    const { reason, error } = await new Promise<{ reason: string; error: NvrError | undefined }>(
      (resolve) => {
        nvr.playback.play(
          { run: 'r', channel: 1, stream: 'main', group: 0, from, to: from + 30_000, speed: 0 },
          {
            onUnit: () => {
              throw new RangeError('a fault of the taker');
            },
            onEnd: (why, what) => {
              resolve({ reason: why, error: what });
            },
          },
        );
      },
    );
    assert.deepEqual({ reason, code: error?.code }, { reason: 'error', code: 'EPROTOCOL' });
  });

  it('ends with `bye` at the end of the recordings', async () => {
    await start();
    assert.equal((await play({ from: ago(1.5) }).ended).reason, 'bye');
  });

  for (const form of ['plain', 'lines', 'json', 'xml'] as const) {
    it(`takes a key as ${form}, with characters that a URI must not hold`, async () => {
      await start({ keyService: { form } });
      const played = play({ from: ago(600) });
      await played.until(() => played.units.length > 0);
    });
  }

  for (const form of ['html', 'empty', 'error', 'huge', 'hang'] as const) {
    it(`refuses a key service that answers with ${form}, and quotes no body`, async () => {
      await start({ keyService: { form } }, { requestTimeout: 1 });
      const { error } = await play({ from: ago(600) }).ended;
      assert.equal(error?.code, form === 'hang' ? 'ETIMEDOUT' : 'EPLAYBACKKEY');
      assert.ok(error.message.length < 300);
      if (form === 'html') assert.match(error.message, /text\/html.*"Log in to the NVR"/);
    });
  }

  it('asks for another key, once and silently, when the first has expired', async () => {
    await start({ keyService: { staleKeys: 1 } });
    const played = play({ from: ago(600) });
    await played.until(() => played.units.length > 0);
    assert.equal(simulator.book.issued, 2);
    assert.deepEqual(played.warnings, []);
  });

  it('says ENORECORDING where nothing is recorded, and ECHANNEL where there is no such channel', async () => {
    await start();
    assert.equal((await play({ from: ago(24 * 3600) }).ended).error?.code, 'ENORECORDING');
    assert.equal((await play({ from: ago(600), channel: 9 }).ended).error?.code, 'ECHANNEL');
  });

  it('says EAUTH for a wrong password, through the gate that RTSP shares', async () => {
    await start({ password: 'another' });
    assert.equal((await play({ from: ago(600) }).ended).error?.code, 'EAUTH');
    assert.equal((await play({ from: ago(600) }).ended).error?.code, 'EAUTH');
    assert.equal(simulator.failedLogins, 1);
  });

  it('jumps over a gap in the recordings with the times of what is there', async () => {
    const from = Math.floor(ago(600) / 1000) * 1000;
    await start({ gaps: [{ start: from + 1000, end: from + 5000 }] });
    const played = play({ from, to: from + 6000 });
    const { reason, error, missingMs } = await played.ended;
    assert.deepEqual({ reason, error }, { reason: 'reached', error: undefined });
    // From the picture before the gap to the one after it, as `clip.gaps` has it.
    assert.ok(Math.abs(missingMs - 4100) <= 4, `${missingMs} ms told missing`);
    assert.deepEqual(
      played.seis.map((sei) => sei - from),
      [
        0, 100, 200, 300, 400, 500, 600, 700, 800, 900, 5000, 5100, 5200, 5300, 5400, 5500, 5600, 5700, 5800,
        5900,
      ],
    );
    assert.ok(played.units.every(({ unit }, index) => Math.abs(unit.time - played.seis[index]!) <= 2));
  });

  it('allows four runs at once, replaces one of the same name, and goes on with the others', async () => {
    await start();
    const runs = ['a', 'b', 'c', 'd'].map((run) => play({ run, from: ago(600) }));
    assert.throws(() => play({ run: 'e', from: ago(600) }), { code: 'EBUSY' });
    await Promise.all(runs.map((played) => played.until(() => played.units.length > 0)));
    const replacement = play({ run: 'a', from: ago(900) });
    assert.equal((await runs[0]!.ended).reason, 'replaced');
    await replacement.until(() => replacement.units.length > 0);
    const count = runs[1]!.units.length;
    await runs[1]!.until(() => runs[1]!.units.length > count);
  });
});
