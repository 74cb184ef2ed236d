import assert from 'node:assert/strict';
import sinon from 'sinon';
import { Reception } from '../../lib/client/reception.js';
import { selectTracks, type TrackChoice } from '../../lib/client/select-tracks.js';
import type { RtspConnection } from '../../lib/client/connection.js';
import type { TrackContext } from '../../lib/client/transport/transport.js';
import type { MediaUnit, VideoUnit } from '../../lib/codec/unit.js';
import type { NvrError } from '../../lib/errors.js';
import { LIMITS } from '../../lib/limits.js';
import { buildBye } from '../../lib/rtp/rtcp.js';
import { parseSdp } from '../../lib/rtsp/sdp.js';
import { deltaSlice, keyframePackets, rtp, SDP } from '../kit/scripted-server.js';

const WITH_SOUND = `${SDP}m=audio 0 RTP/AVP 0\r\na=control:track2\r\n`;
const SHARE = 0.25;
/** The tracks' packets come by the test. */
const NO_CONNECTION = {} as unknown as RtspConnection;

describe('the receiving side of a session', () => {
  let clock: sinon.SinonFakeTimers;
  let reception: Reception;
  let units: MediaUnit[];
  let losses: number[];
  let warnings: NvrError[];
  let errors: NvrError[];
  let byes: number;
  let onUnit: (unit: MediaUnit) => void;
  /** What each track was opened with, and the tracks that are closed. */
  let tracks: TrackContext[];
  let closed: number;
  /** The tracks that a report was sent over. */
  let reported: string[];

  beforeEach(() => {
    clock = sinon.useFakeTimers({
      now: 1_700_000_000_000,
      toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'],
    });
    units = [];
    losses = [];
    warnings = [];
    errors = [];
    tracks = [];
    byes = closed = 0;
    reported = [];
    onUnit = (unit) => units.push(unit);
  });

  afterEach(() => {
    reception.close();
    clock.restore();
  });

  function receive(lower: 'tcp' | 'udp' | 'multicast'): void {
    reception = new Reception({
      readShare: SHARE,
      onUnit: (unit) => {
        onUnit(unit);
      },
      onLoss: (missing) => losses.push(missing),
      onWarning: (error) => warnings.push(error),
      onBye: () => byes++,
      onError: (error) => errors.push(error),
      transport: {
        ...{ name: lower, lower, followsRedirects: true },
        bearer: () => () => Promise.reject(new Error('nothing is opened')),
        openTrack: (context) => {
          const media = ['video', 'audio'][tracks.push(context) - 1]!;
          return Promise.resolve({
            asked: { profile: 'RTP/AVP', lower: 'udp', multicast: false },
            accept: () => Promise.resolve(),
            sendReport: () => reported.push(media),
            close: () => closed++,
          });
        },
      },
    });
  }

  const choices = (): TrackChoice[] => selectTracks(parseSdp(WITH_SOUND), { extras: true }).tracks;

  async function add(choice: TrackChoice, isWanted = true): Promise<void> {
    reception.add(await reception.prepare(choice, isWanted, NO_CONNECTION), choice.media.type);
  }

  /** A track with video, wanted, and one with sound. */
  async function play(lower: 'tcp' | 'udp' | 'multicast', wantsSound = true): Promise<void> {
    receive(lower);
    const [video, sound] = choices();
    await add(video!);
    await add(sound!, wantsSound);
  }

  /** One packet arrives, alone in its read. */
  function take(packet: Buffer, track = 0): void {
    tracks[track]!.track.rtp(packet, 0, packet.length, performance.now());
    tracks[track]!.onRead();
  }

  function bye(ssrc: number, track = 0): void {
    const packet = buildBye(ssrc);
    tracks[track]!.track.rtcp(packet, 0, packet.length, performance.now());
  }

  const picture = (index: number, ssrc?: number): Buffer =>
    rtp(index + 2, index * 3600, true, deltaSlice(), ssrc === undefined ? {} : { ssrc });
  const begin = (): void => {
    for (const packet of keyframePackets(0, 0)) take(packet);
    take(picture(1));
  };
  const sound = (sequence: number): Buffer =>
    rtp(sequence, sequence * 160, false, Buffer.alloc(160), { ssrc: 0x77, payloadType: 0 });
  const shown = (): number[] => units.map(({ rtpTime }) => rtpTime / 3600);

  describe('releases what waits though nothing follows', () => {
    it('a lone picture within 50 ms, and those of another source when the first one is silent', async () => {
      await play('tcp');
      for (const packet of keyframePackets(0, 0)) take(packet);
      assert.deepEqual(shown(), []);
      clock.tick(50);
      assert.deepEqual(shown(), [0]);
      clock.tick(1000);
      for (const [index, packet] of keyframePackets(0, 0).entries())
        take(rtp(index + 500, 36_000, index === 2, packet.subarray(12), { ssrc: 9 }));
      // The other source is accepted when nothing has come of the first for two seconds.
      clock.tick(2000);
      assert.deepEqual(shown(), [0]);
      reception.tick(performance.now());
      assert.deepEqual(shown(), [0, 10]);
    });

    it('what follows a missing packet once its time is up, over UDP in each gap as in the first', async () => {
      await play('udp');
      begin();
      for (let gap = 1; gap <= 6; gap++) {
        const before = units.length;
        take(picture(1 + 2 * gap));
        clock.tick(LIMITS.reorderMs - 1);
        assert.equal(units.length, before, `the picture after gap ${gap} came too early`);
        clock.tick(40);
        assert.equal(units.length, before + 1, `the picture after gap ${gap} waits still`);
      }
      assert.deepEqual(losses, [1, 1, 1, 1, 1, 1]);
    });

    it('and no later where packets of another track keep coming', async () => {
      await play('tcp');
      for (const packet of keyframePackets(0, 0)) take(packet);
      for (let sequence = 1; sequence <= 3; sequence++) {
        clock.tick(20);
        take(sound(sequence), 1);
      }
      assert.equal(units.filter(({ kind }) => kind === 'video').length, 1);
    });

    it('with each look at the clock, timer or not', async () => {
      await play('udp');
      begin();
      const { track } = tracks[0]!;
      const late = picture(3);
      track.rtp(late, 0, late.length, performance.now());
      reception.tick(performance.now() + LIMITS.reorderMs);
      assert.deepEqual(shown(), [0, 1, 3]);
    });

    it('also where no read has started the timer, after the next look', async () => {
      await play('tcp');
      for (const packet of keyframePackets(0, 0)) tracks[0]!.track.rtp(packet, 0, packet.length, 0);
      clock.tick(1000);
      assert.deepEqual(shown(), []);
      reception.tick(performance.now());
      clock.tick(50);
      assert.deepEqual(shown(), [0]);
    });

    it('and reports what its receiver throws then, once, without a timer left over', async () => {
      await play('tcp');
      onUnit = () => {
        throw new Error('no');
      };
      for (const packet of keyframePackets(0, 0)) take(packet);
      clock.tick(5000);
      assert.deepEqual(
        errors.map(({ code }) => code),
        ['EPROTOCOL'],
      );
      assert.equal(clock.countTimers(), 0);
    });
  });

  it('knows each track’s packets by what PLAY’s reply names, in order where it names other URIs', async () => {
    await play('tcp');
    reception.expect({
      rtpInfo: [
        { url: 'other/1', ssrc: 0x1234 },
        { url: 'other/2', ssrc: 0x77 },
      ],
    });
    take(picture(1));
    take(sound(1), 1);
    assert.deepEqual(
      tracks.map(({ track }) => track.received),
      [1, 1],
      'none waits for a second packet',
    );
  });

  it('goes by no order where the reply names fewer packets than there are tracks, under another URI', async () => {
    await play('tcp');
    reception.expect({ rtpInfo: [{ url: 'other/2', ssrc: 0x77 }] });
    take(picture(1));
    take(picture(2));
    assert.equal(tracks[0]!.track.received, 2);
  });

  it('reports over each track, though nothing came over it yet', async () => {
    await play('udp');
    reception.sendReports(performance.now());
    assert.deepEqual(reported, ['video', 'audio']);
  });

  it('leaves no timer behind once it is closed', async () => {
    await play('udp');
    for (const packet of keyframePackets(0, 0)) take(packet);
    bye(0x1234);
    assert.equal(clock.countTimers(), 2);
    reception.close();
    assert.equal(clock.countTimers(), 0);
    assert.equal(closed, 2);
    clock.tick(1000);
    assert.deepEqual({ byes, units: units.length }, { byes: 0, units: 0 });
  });

  describe('takes a goodbye of the video', () => {
    it('at once over TCP, which keeps the order', async () => {
      await play('tcp');
      begin();
      bye(0x1234);
      assert.equal(byes, 1);
    });

    for (const lower of ['udp', 'multicast'] as const)
      it(`when the packets that it may have overtaken have had their time, over ${lower}, said twice or once`, async () => {
        await play(lower);
        begin();
        bye(0x1234);
        clock.tick(LIMITS.reorderMs - 1);
        assert.equal(byes, 0);
        bye(0x1234);
        clock.tick(1);
        assert.equal(byes, 1);
        clock.tick(1000);
        assert.equal(byes, 1);
      });

    it('and not for one of the sound, nor of a video that is not wanted', async () => {
      await play('tcp');
      begin();
      for (const sequence of [1, 2]) take(sound(sequence), 1);
      bye(0x77, 1);
      await add(choices()[0]!, false);
      bye(0x5678, 2);
      assert.equal(byes, 0);
    });
  });

  describe('counts', () => {
    it('the packets of the wanted tracks alone, and their losses', async () => {
      await play('udp', false);
      begin();
      for (const sequence of [1, 2, 3, 9]) take(sound(sequence), 1);
      take(picture(3));
      clock.tick(500);
      reception.tick(performance.now());
      const { packets, lost } = reception.statistics(undefined);
      assert.deepEqual({ packets, lost }, { packets: 5, lost: 1 });
      assert.deepEqual(reception.count, { packets: 5, lost: 1 });
      assert.equal(reception.received, 5);
      assert.equal(reception.tracksSetUp, 2);
    });

    it('sound that is wanted too, and reports losses of the video alone', async () => {
      await play('udp');
      begin();
      for (const sequence of [1, 2, 3, 9]) take(sound(sequence), 1);
      clock.tick(500);
      assert.deepEqual(reception.count, { packets: 8, lost: 5 });
      assert.deepEqual(losses, []);
      take(picture(4));
      clock.tick(500);
      assert.deepEqual(losses, [2]);
    });

    it('no loss as the video’s where the camera’s video is not wanted', async () => {
      receive('udp');
      await add(choices()[0]!, false);
      for (const packet of keyframePackets(0, 0)) take(packet);
      take(picture(9));
      clock.tick(500);
      assert.deepEqual(losses, []);
    });
  });

  it('gives units this machine’s time of day, and follows when that is set', async () => {
    // The monotonic clock has run for a while.
    clock.tick(50_000);
    await play('tcp');
    begin();
    assert.equal(units[0]!.time, Date.now());
    const hour = 3_600_000;
    clock.setSystemTime(Date.now() + hour);
    reception.tick(performance.now());
    const now = Date.now();
    take(picture(2));
    assert.ok(Math.abs(units.at(-1)!.time - now) < 200, `${units.at(-1)!.time - now} ms off`);
    clock.setSystemTime(now - 2 * hour);
    reception.tick(performance.now());
    take(picture(3));
    assert.ok(Math.abs(units.at(-1)!.time - (now - 2 * hour)) < 200);
  });

  describe('charges reading', () => {
    /** A track whose packets are each handed on as the unit that `make` returns. */
    async function playing(make: (index: number) => Partial<VideoUnit>): Promise<void> {
      receive('udp');
      let index = 0;
      await add({
        ...choices()[0]!,
        createDepacketizer: (sink) => ({
          push: (view, arrival) => {
            const unit = { kind: 'video', nals: [], data: Buffer.alloc(1), rtpTime: view.timestamp, arrival };
            sink({ codec: 'mjpeg', ...unit, ...make(index++) } as unknown as VideoUnit);
          },
          gap: () => undefined,
          flush: () => undefined,
          reset: () => undefined,
        }),
      });
    }

    const admits = (): boolean => tracks[0]!.admit(performance.now());
    const run = (count: number): void => {
      for (let index = 0; index < count; index++) take(picture(index));
    };

    it('for a format that changes, not for one that stays', async () => {
      const one = {};
      await playing(() => ({ format: one as VideoUnit['format'] }));
      run(150);
      assert.equal(admits(), true);
      reception.close();
      tracks = [];
      const other = {};
      await playing((index) => ({ format: (index === 0 ? one : other) as VideoUnit['format'] }));
      run(150);
      assert.equal(admits(), true, 'the second format stays too');
      reception.close();
      tracks = [];
      await playing(() => ({ format: {} as VideoUnit['format'] }));
      run(150);
      assert.equal(admits(), false);
    });

    it('for the NAL units of a picture', async () => {
      const nals = new Array<VideoUnit['nals'][number]>(10_000).fill({ start: 0, end: 1, type: 1 });
      await playing(() => ({ nals }));
      run(4);
      assert.equal(admits(), true);
      run(4);
      assert.equal(admits(), true);
      run(8);
      assert.equal(admits(), false);
    });

    it('and warns once that datagrams are dropped, however many are, in a second flood as in the first', async () => {
      await playing(() => ({ format: {} as VideoUnit['format'] }));
      for (let flood = 0; flood < 2; flood++) {
        run(150);
        for (let index = 0; index < 3; index++) assert.equal(admits(), false);
        clock.tick(10_000);
        assert.equal(admits(), true);
      }
      assert.deepEqual(
        warnings.map(({ code, message }) => [code, message.includes('dropped')]),
        [['EOVERLOAD', true]],
      );
    });

    it('and warns once that a connection is read more slowly', async () => {
      await play('tcp');
      for (let index = 0; index < 2; index++) reception.listener.onSlow?.();
      assert.deepEqual(
        warnings.map(({ code, message }) => [code, message.includes('slowly')]),
        [['EOVERLOAD', true]],
      );
    });
  });

  describe('says of silence', () => {
    const said = (): string => reception.whySilent(5_400).message;

    it('that nothing ever came, and over what', async () => {
      await play('tcp');
      assert.match(said(), /over TCP and sent no media/);
      receive('multicast');
      assert.match(said(), /multicast.*IGMP/);
    });

    it('for how many seconds it lasts', async () => {
      await play('tcp');
      begin();
      assert.equal(said(), 'The stream went silent for 5 s.');
    });

    it('which payload type the video came with, though its sound comes as described', async () => {
      await play('tcp');
      for (const sequence of [1, 2]) take(sound(sequence), 1);
      take(rtp(1, 0, true, deltaSlice(), { payloadType: 50 }));
      assert.equal(reception.received, 2);
      assert.match(reception.payloadMismatch?.message ?? 'none', /payload type 50/);
    });

    it('which payload type came instead, from the start or later', async () => {
      await play('tcp');
      take(rtp(1, 0, true, deltaSlice(), { payloadType: 105 }));
      const mismatch = reception.payloadMismatch;
      assert.equal(mismatch?.code, 'EPROTOCOL');
      assert.match(mismatch.message, /payload type 105.*announces 99/);
      assert.equal(said(), mismatch.message);
      for (const packet of keyframePackets(0, 0)) take(packet);
      assert.equal(reception.payloadMismatch, undefined);
      take(rtp(9, 0, true, deltaSlice(), { payloadType: 105 }));
      assert.equal(reception.payloadMismatch, undefined, 'the video has come');
      assert.match(said(), /silent for 5 s\. What came instead has payload type 105/);
    });
  });

  it('hands on what is held of every track at the end, though the receiver of one throws', async () => {
    await play('tcp');
    for (const packet of keyframePackets(0, 0)) take(packet);
    let told = 0;
    onUnit = () => {
      told++;
      throw new Error('no');
    };
    await add(choices()[0]!);
    for (const packet of keyframePackets(0, 0)) tracks[2]!.track.rtp(packet, 0, packet.length, 0);
    reception.flush();
    assert.equal(told, 2);
  });
});
