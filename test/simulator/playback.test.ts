import assert from 'node:assert/strict';
import { RtpPacketView } from '../../lib/rtp/packet.js';
import { parseRtcp } from '../../lib/rtp/rtcp.js';
import { recordingClip } from '../../lib/simulator/clips.js';
import {
  readTimeSei,
  startSimulator,
  type KeyForm,
  type Simulator,
  type SimulatorOptions,
} from '../../lib/simulator/index.js';
import { RawClient } from '../kit/raw-client.js';

const SLICE = 1;

describe('the simulator’s recordings', () => {
  let simulator: Simulator;
  let client: RawClient;
  /** Ten minutes ago, a whole second. */
  let from: number;

  async function start(options: SimulatorOptions = {}): Promise<void> {
    simulator = await startSimulator(options);
    client = await RawClient.connect(simulator.rtspPort);
    from = Math.floor(simulator.now() / 1000) * 1000 - 600_000;
  }

  afterEach(async () => {
    client.close();
    await simulator.stop();
  });

  async function keyFor(ms: number): Promise<string> {
    const reply = await fetch(
      `http://127.0.0.1:${simulator.httpPort}/datasearch/gen_pbkey?group_id=0&start_time=${ms / 1000}`,
    );
    assert.equal(reply.status, 200);
    return reply.text();
  }

  async function uriFor(ms: number): Promise<string> {
    const key = encodeURIComponent(await keyFor(ms));
    return `rtsp://127.0.0.1:${simulator.rtspPort}/playback?ch=0000&stype=M&pbkey=${key}`;
  }

  /**
   * RTP packets that begin a picture: their SEI's time, their RTP time in ms since the first, ONVIF's time.
   */
  async function pictures(count: number): Promise<{ time: number; rtpMs: number; onvif: number }[]> {
    const found: { time: number; rtpMs: number; onvif: number }[] = [];
    const onvifOf = new Map<number, number>();
    let base: number | undefined;
    for (let wanted = count; found.length < count; wanted++) {
      found.length = 0;
      for (const packet of await client.packets(0, wanted)) {
        const view = new RtpPacketView();
        assert.ok(view.parse(packet, 0, packet.length));
        base ??= view.timestamp;
        if (!Number.isNaN(view.onvifTime)) onvifOf.set(view.timestamp, view.onvifTime);
        const time = readTimeSei(packet);
        const rtpMs = ((view.timestamp - base) >>> 0) / 90;
        if (time !== undefined) found.push({ time, rtpMs, onvif: onvifOf.get(view.timestamp) ?? NaN });
      }
    }
    return found.slice(0, count);
  }

  it('begin at the keyframe of the asked second, and tell each picture’s time', async () => {
    await start({ pace: 10 });
    await client.play(await uriFor(from));
    const seen = await pictures(25);
    assert.deepEqual(
      seen.map(({ time, rtpMs }) => [time, rtpMs]),
      seen.map((_, index) => [from + index * 100, index * 100]),
    );
    const [first] = await client.packets(0, 1);
    assert.equal(first![12]! & 0x1f, 7, 'parameter sets first');
  });

  it('show second T mod 60 of the clip', async () => {
    await start({ pace: 50 });
    await client.play(await uriFor(from));
    await pictures(30);
    const slice = (await client.packets(0, 1)).find((packet) => (packet[12]! & 0x1f) === SLICE)!;
    // The first picture is a keyframe in fragments; the second is one slice, whole.
    const { parts } = recordingClip().units[((from / 1000) % 60) * 10 + 1]!;
    assert.ok(slice.subarray(12).equals(parts.at(-1)!));
  });

  it('jump over a gap in RTP time, without a pause', async () => {
    await start();
    await simulator.stop();
    from = Math.floor(Date.now() / 1000) * 1000 - 600_000;
    simulator = await startSimulator({ gaps: [{ start: from + 500, end: from + 300_250 }], onvifTime: true });
    client = await RawClient.connect(simulator.rtspPort);
    await client.play(await uriFor(from));
    const seen = await pictures(7);
    const times = [0, 100, 200, 300, 400, 301_000, 301_100];
    assert.deepEqual(
      seen.map(({ time, rtpMs, onvif }) => [time - from, rtpMs, onvif - from]),
      times.map((time) => [time, time, time]),
    );
  });

  it('are not there in a gap, in the future, before the first, or for a key that is none: 404', async () => {
    await start();
    await simulator.stop();
    simulator = await startSimulator({ gaps: [{ start: from, end: from + 60_000 }], recordingHours: 1 });
    client = await RawClient.connect(simulator.rtspPort);
    const statuses: number[] = [];
    for (const ms of [from, from + 59_000, from + 60_000, from - 1000, from + 700_000, from - 3_600_000])
      statuses.push((await client.ask('DESCRIBE', await uriFor(ms))).status);
    assert.deepEqual(statuses, [404, 404, 200, 200, 404, 404]);
    const key = encodeURIComponent((await keyFor(from - 1000)).slice(0, -1));
    const uri = `rtsp://127.0.0.1:${simulator.rtspPort}/playback?ch=0000&stype=M&pbkey=${key}`;
    assert.equal((await client.ask('DESCRIBE', uri)).status, 404);
  });

  it('end with RTCP BYE at the present', async () => {
    await start({ pace: 10 });
    await client.play(await uriFor(from + 598_000));
    let byes = 0;
    await client.until((one) => {
      if (one.kind === 'packet' && one.channel === 1)
        parseRtcp(one.bytes, 0, one.bytes.length, { onBye: () => byes++ });
      return byes > 0;
    });
    const last = readTimeSei(
      (await client.packets(0, 1)).findLast((packet) => readTimeSei(packet) !== undefined)!,
    )!;
    assert.ok(last >= from + 599_000 && last <= Date.now());
  });

  it('are dated by the NVR’s clock, and report the present or the recorded time', async () => {
    for (const reportedTime of ['now', 'recorded'] as const) {
      await start({ clockSkewMs: 3_600_000, reportedTime });
      await client.play(await uriFor(from));
      const [report] = await client.packets(1, 1);
      let told = NaN;
      parseRtcp(report!, 0, report!.length, { onSenderReport: (_ssrc, ntpMs) => (told = ntpMs) });
      const expected = reportedTime === 'recorded' ? from : Date.now() + 3_600_000;
      assert.ok(Math.abs(told - expected) < 1000, `${told} for ${expected}`);
      client.close();
      await simulator.stop();
    }
    await start();
  });

  it('play at the speed that Scale asks for where it is granted, in the reply too', async () => {
    await start({ scale: 'granted' });
    const uri = await uriFor(from);
    await client.ask('DESCRIBE', uri);
    await client.play(uri, { Scale: '8' });
    const reply = client.arrived.flatMap((one) => (one.kind === 'response' ? [one.response] : [])).at(-1)!;
    assert.equal(reply.headers.get('Scale'), '8');
    const begun = performance.now();
    assert.equal((await pictures(41)).at(-1)!.time, from + 4000);
    const took = performance.now() - begun;
    assert.ok(took > 300 && took < 2000, `${took} ms for 4 s`);
  });

  it('come as fast as the socket takes them with Rate-Control: no', async () => {
    await start({ onvifReplay: true });
    const begun = performance.now();
    await client.play(await uriFor(from), { 'Rate-Control': 'no' });
    await pictures(590);
    assert.ok(performance.now() - begun < 5000);
  });

  describe('key service', () => {
    const ask = (query = 'group_id=0&start_time=1763900000'): Promise<Response> =>
      fetch(`http://127.0.0.1:${simulator.httpPort}/datasearch/gen_pbkey?${query}`);

    it('gives keys of odd characters', async () => {
      await start();
      const key = await (await ask()).text();
      for (const odd of '&=/+%') assert.ok(key.includes(odd), odd);
    });

    for (const [form, type, pattern] of [
      ['plain', 'text/plain', /^K\S+$/],
      ['lines', 'text/plain', /^pbkey=K/m],
      ['json', 'application/json', /"pbkey":"K/],
      ['xml', 'text/xml', /<pbkey>K.*&amp;.*<\/pbkey>/],
      ['html', 'text/html', /<title>/],
      ['empty', 'text/plain', /^$/],
      ['error', 'text/plain', /^ERROR$/],
    ] satisfies [KeyForm, string, RegExp][]) {
      it(`answers as ${form}`, async () => {
        await start({ keyService: { form } });
        const reply = await ask();
        assert.equal(reply.headers.get('Content-Type'), type);
        assert.match(await reply.text(), pattern);
      });
    }

    it('serves a key once where told so, a key for each track of one session', async () => {
      await start({ keyService: { once: true }, audio: true });
      const uri = await uriFor(from);
      assert.equal((await client.ask('DESCRIBE', uri)).status, 200);
      const transport = (first: number): string => `RTP/AVP/TCP;unicast;interleaved=${first}-${first + 1}`;
      const setup = await client.ask('SETUP', `${uri}/track1`, { Transport: transport(0) });
      const Session = setup.headers.get('Session')!.split(';')[0]!;
      const second = await client.ask('SETUP', `${uri}/track2`, { Session, Transport: transport(2) });
      assert.deepEqual(
        { setupStatus: setup.status, secondStatus: second.status },
        { setupStatus: 200, secondStatus: 200 },
      );
      const play = await client.ask('PLAY', uri, { Session });
      assert.equal(play.headers.get('RTP-Info')!.split('url=').length, 3);
      await client.packets(2, 3);
      assert.equal((await client.ask('DESCRIBE', uri)).status, 404);
    });

    it('lets keys expire, hands out spent ones, refuses, and wants a start in whole seconds', async () => {
      await start({ keyService: { expireMs: -1 } });
      assert.equal((await client.ask('DESCRIBE', await uriFor(from))).status, 404);
      assert.equal((await ask('start_time=soon')).status, 400);
      assert.equal((await ask('start_time=1763900000.5')).status, 400);
      await simulator.stop();
      client.close();

      await start({ keyService: { staleKeys: 1 } });
      assert.equal((await client.ask('DESCRIBE', await uriFor(from))).status, 404);
      assert.equal((await client.ask('DESCRIBE', await uriFor(from))).status, 200);
      await simulator.stop();
      client.close();

      await start({ keyService: { refuse: 503 } });
      assert.equal((await ask()).status, 503);
    });

    it('stands behind the same log-in as RTSP', async () => {
      await start({ username: 'admin', password: 'secret', auth: 'basic' });
      const asked = await ask();
      assert.equal(asked.status, 401);
      assert.match(asked.headers.get('WWW-Authenticate')!, /^Basic/);
      const url = `http://127.0.0.1:${simulator.httpPort}/datasearch/gen_pbkey?start_time=1763900000`;
      const as = (text: string): Promise<Response> =>
        fetch(url, { headers: { Authorization: `Basic ${Buffer.from(text).toString('base64')}` } });
      assert.equal((await as('admin:secret')).status, 200);
      assert.equal((await as('admin:wrong')).status, 401);
      assert.equal(simulator.failedLogins, 1);
    });

    it('tells the NVR’s time', async () => {
      await start({ clockSkewMs: 86_400_000 });
      const date = Date.parse((await ask()).headers.get('Date')!);
      assert.ok(Math.abs(date - Date.now() - 86_400_000) < 5000);
    });
  });
});
