import assert from 'node:assert/strict';
import { selectTracks, type Selection } from '../../lib/client/select-tracks.js';
import { RtspSession } from '../../lib/client/session.js';
import { NvrError } from '../../lib/errors.js';
import { parseSdp } from '../../lib/rtsp/sdp.js';
import { fuA } from '../codec/packetizers/h264.js';
import { Feed } from '../kit/depacketizer-feed.js';
import { deltaSlice, idrSlice, PPS, SPS, startScriptedServer } from '../kit/scripted-server.js';
import { sessionOptions } from '../kit/session-rig.js';

const HEAD = ['v=0', 'o=- 1 1 IN IP4 0.0.0.0', 's=x', 't=0 0'];
const VIDEO = ['m=video 0 RTP/AVP 96', 'a=rtpmap:96 H264/90000', 'a=control:video'];
const SECURE = ['m=video 0 RTP/SAVP 97', 'a=rtpmap:97 H264/90000', 'a=control:secure'];
const CRYPTO = 'a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20|1:4';
const SOUND = ['m=audio 0 RTP/AVP 0', 'a=control:sound'];
const TALK = ['m=audio 0 RTP/AVP 8', 'a=control:talk', 'a=sendonly'];

const choose = (...lines: readonly (string | readonly string[])[]): Selection =>
  selectTracks(parseSdp([...HEAD, ...lines.flat()].join('\r\n')), { extras: true });
const controls = ({ tracks }: Selection): unknown[] => tracks.map(({ media }) => media.control);
const refusals = ({ refused }: Selection): string[] =>
  refused.map(({ code, message }) => `${code} ${message}`);
const unsupported = (pattern: RegExp) => (error: unknown) => {
  assert.ok(error instanceof NvrError && error.code === 'EUNSUPPORTED');
  assert.match(error.message, pattern);
  return true;
};

describe('the choice of tracks', () => {
  describe('of a camera that encrypts its media', () => {
    for (const profile of ['RTP/SAVP', 'RTP/SAVPF', 'UDP/TLS/RTP/SAVPF', 'rtp/savp'])
      it(`refuses ${profile} in the server’s own words`, () => {
        const lines = SECURE.map((line) => line.replace('RTP/SAVP', profile));
        assert.throws(() => choose(lines), unsupported(new RegExp(`SRTP \\("${profile}"\\).*RTSP over TLS`)));
      });

    for (const line of [CRYPTO, 'a=fingerprint:sha-256 12:DF:3E:5D:49:6B:19:E5:7C:AB:4A:AD'])
      it(`refuses RTP/AVP with ${line.slice(0, 13)}, of the media or of all, and quotes no key`, () => {
        const isRefused = unsupported(/^(?!.*(WVNf|12:DF)).*SRTP \("RTP\/AVP"\)/);
        assert.throws(() => choose(VIDEO, line), isRefused);
        assert.throws(() => choose(line, VIDEO), isRefused);
      });

    it('takes the picture that is offered in the clear beside it', () => {
      const selection = choose(SECURE, CRYPTO, VIDEO);
      assert.deepEqual(controls(selection), ['video']);
      assert.match(refusals(selection)[0]!, /^EUNSUPPORTED .*SRTP/);
    });

    it('goes without the sound where that alone is encrypted', () => {
      const selection = choose(VIDEO, SOUND, CRYPTO);
      assert.deepEqual(controls(selection), ['video']);
      assert.match(refusals(selection)[0]!, /^EUNSUPPORTED .*encrypts its audio/);
    });
  });

  describe('of a camera with a back-channel', () => {
    it('takes the camera’s own sound, and says nothing of the other', () => {
      const selection = choose(VIDEO, TALK, SOUND, 'a=recvonly');
      assert.deepEqual(controls(selection), ['video', 'sound']);
      assert.deepEqual(selection.refused, []);
    });

    it('refuses a back-channel that is the only sound, and takes the picture', () => {
      const selection = choose(VIDEO, TALK);
      assert.deepEqual(controls(selection), ['video']);
      assert.match(refusals(selection)[0]!, /^EUNSUPPORTED .*"sendonly": a back-channel/);
    });

    it('calls sound that it cannot read no back-channel', () => {
      const unread = ['m=audio 0 RTP/AVP 97', 'a=rtpmap:97 X-SECRET/8000', 'a=control:sound'];
      const refused = refusals(choose(VIDEO, unread));
      assert.equal(refused.length, 1, refused.join('; '));
      assert.doesNotMatch(refused[0]!, /back-channel/);
    });

    it('refuses a stream that is nothing else', () => {
      assert.throws(() => choose(TALK), unsupported(/audio as "sendonly": a back-channel/));
    });

    it('applies the session’s direction to media that have none of their own', () => {
      assert.deepEqual(controls(choose('a=sendonly', VIDEO, SOUND, 'a=recvonly')), ['video', 'sound']);
      assert.deepEqual(controls(choose('a=sendonly', VIDEO, SOUND)), ['video']);
    });

    it('takes a picture though it is called "sendonly": none goes to a camera', () => {
      assert.deepEqual(controls(choose(VIDEO, 'a=sendonly')), ['video']);
    });

    it('leaves out what goes to the camera from the tracks that are only set up, but no picture called so', () => {
      const second = VIDEO.map((line) => line.replace('control:video', 'control:second'));
      const { others } = choose(VIDEO, second, 'a=sendonly', SOUND, TALK, SECURE);
      assert.deepEqual(
        others.map(({ media }) => media.control),
        ['second'],
      );
    });
  });

  it('passes over media that is inactive', () => {
    assert.throws(() => choose(VIDEO, 'a=inactive'), unsupported(/"inactive"/));
    assert.deepEqual(controls(choose(VIDEO, SOUND, 'a=inactive')), ['video']);
  });

  it('says what a server calls unsupported, in its own words', async () => {
    const server = await startScriptedServer(({ method }) =>
      method === 'DESCRIBE'
        ? {
            status: 551,
            reason: 'Option not supported',
            headers: { Unsupported: 'www.onvif.org/ver20/backchannel' },
          }
        : undefined,
    );
    const session = new RtspSession(sessionOptions(server.port));
    await assert.rejects(
      session.open(),
      unsupported(/551 Option not supported \(Unsupported: www\.onvif\.org\/ver20\/backchannel\)/),
    );
    await server.close();
  });

  it('takes the first payload type of a track that is only set up', () => {
    const [sound] = choose(
      VIDEO,
      'm=audio 0 RTP/AVP 8 0',
      'a=inactive',
      'm=audio 0 RTP/AVP 8 0',
    ).tracks.slice(1);
    assert.equal(sound?.payloadType, 8);
    const { others } = selectTracks(parseSdp([...HEAD, ...VIDEO, 'm=audio 0 RTP/AVP 8 0'].join('\r\n')));
    assert.deepEqual(
      others.map(({ payloadType }) => payloadType),
      [8],
    );
  });

  it('hands on what a track warns of: sound that contradicts its description', () => {
    const fmtp = 'a=fmtp:97 mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config=1408';
    const aac = ['m=audio 0 RTP/AVP 97', 'a=rtpmap:97 MPEG4-GENERIC/48000/1', fmtp, 'a=control:sound'];
    const [, sound] = choose(VIDEO, aac).tracks;
    const warnings: string[] = [];
    const feed = new Feed(
      (_, sink) => sound!.createDepacketizer(sink, undefined, ({ message }) => warnings.push(message)),
      sound!.media,
    );
    // The configuration says 16 kHz, and the frames come as those of 48 kHz do.
    const frame = Buffer.concat([Buffer.from([0, 16, 0, 160]), Buffer.alloc(20, 1)]);
    for (let index = 0; index < 300; index++) {
      feed.arrival = 5000 + (index * 1024) / 48;
      feed.next(1024).payload(frame, true);
    }
    assert.equal(warnings.length, 1);
    assert.match(warnings[0]!, /16000 Hz.*48000 Hz/);
  });

  describe('gives its video', () => {
    const feed = (options: Parameters<typeof selectTracks>[1]): Feed => {
      const description = parseSdp([...HEAD, ...VIDEO].join('\r\n'));
      const [video] = selectTracks(description, options).tracks;
      const made = new Feed((_, sink) => video!.createDepacketizer(sink), video!.media);
      return made.payload(SPS).payload(PPS);
    };

    it('whole at first, though the marker may stand on each of its slices', () => {
      const held = feed({}).payload(idrSlice(), true);
      assert.deepEqual(
        { units: held.units.length, isHolding: held.depacketizer.isHolding },
        { units: 0, isHolding: true },
      );
      held.next().payload(deltaSlice(), true);
      assert.equal(held.units[0]?.keyframe, true);
    });

    for (const parameterSets of ['keyframe', 'never'] as const)
      it(`with parameter sets as they are asked for: ${parameterSets}`, () => {
        const sets = feed({ parameterSets }).payload(idrSlice(), true).next();
        sets.payload(idrSlice(), true).next().payload(deltaSlice(), true).flush();
        const types = sets.units[1]?.nals.map(({ type }) => type);
        assert.deepEqual(types, parameterSets === 'never' ? [5] : [7, 8, 5]);
      });

    for (const [cutSlices, units] of [
      [undefined, 0],
      [true, 1],
    ] as const)
      it(`${cutSlices === true ? 'with' : 'without'} the slices that a loss cut off, as it is asked`, () => {
        const [first] = fuA(idrSlice(0x55, 2000), 1000);
        const lossy = feed(cutSlices === undefined ? {} : { cutSlices });
        lossy.payload(first!.bytes).gap().next().payload(deltaSlice(), true).flush();
        const cut = lossy.units.filter((unit) => unit.cut !== undefined);
        assert.equal(cut.length, units);
      });
  });
});
