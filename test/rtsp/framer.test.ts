import assert from 'node:assert/strict';
import fc from 'fast-check';
import { NvrError, type NvrErrorCode } from '../../lib/errors.js';
import { LIMITS } from '../../lib/limits.js';
import { Framer, type FramerOptions } from '../../lib/rtsp/framer.js';
import { serializeRequest, serializeResponse } from '../../lib/rtsp/message.js';
import { plain, request, response } from './arbitraries.js';

type Event = [kind: string, what: unknown];

/** A framer, what it said, and a read buffer that is used again for every read. */
class FramerInput {
  readonly events: Event[] = [];
  readonly framer: Framer;
  private readonly read = Buffer.alloc(LIMITS.packetBytes * 2 + 64, 0x0a);

  constructor(options?: FramerOptions) {
    this.framer = new Framer(
      {
        onPacket: (channel, buffer, start, end) =>
          this.events.push([`packet ${channel}`, buffer.toString('hex', start, end)]),
        onResponse: (message) => this.events.push(['response', plain(message)]),
        onRequest: (message) => this.events.push(['request', plain(message)]),
      },
      options,
    );
  }

  /** Feeds one read; afterwards the buffer is overwritten, as the next read would. */
  feed(bytes: Buffer | string): this {
    const chunk = Buffer.from(bytes);
    chunk.copy(this.read, 7);
    try {
      assert.equal(this.framer.feed(this.read, 7, 7 + chunk.length), 7 + chunk.length);
    } finally {
      this.read.fill(0x0a);
    }
    return this;
  }

  /** The same in calls that hand on so much each: what is left is brought again, elsewhere. */
  feedInParts(bytes: Buffer, atMost: number): this {
    for (let rest = bytes; rest.length > 0;) {
      const before = this.events.length;
      const chunk = Buffer.from(rest);
      const at = this.framer.feed(chunk, 0, chunk.length, atMost);
      assert.ok(this.events.length - before <= atMost && at > 0);
      chunk.fill(0x0a);
      rest = rest.subarray(at);
    }
    return this;
  }

  get kinds(): string[] {
    return this.events.map(([kind]) => kind);
  }
}

function frame(channel: number, payload: Buffer | string): Buffer {
  const bytes = Buffer.from(payload);
  return Buffer.concat([Buffer.from([0x24, channel, bytes.length >> 8, bytes.length & 0xff]), bytes]);
}

const OK = 'RTSP/1.0 200 OK\r\nCSeq: 2\r\nSession: 12345678\r\n\r\n';
const WITH_BODY = 'RTSP/1.0 200 OK\r\nCSeq: 3\r\nContent-Length: 5\r\n\r\nv=0\r\n';

function throws(code: NvrErrorCode, run: () => unknown): void {
  assert.throws(run, (error) => error instanceof NvrError && error.code === code);
}

/** Every way to cut `bytes` in two, then byte by byte, gives the same events. */
function sameAtEverySplit(bytes: Buffer, expected: Event[], options?: FramerOptions): void {
  for (let cut = 0; cut <= bytes.length; cut++) {
    const input = new FramerInput(options).feed(bytes.subarray(0, cut)).feed(bytes.subarray(cut));
    assert.deepEqual(input.events, expected, `cut at ${cut}`);
  }
  const input = new FramerInput(options);
  for (const byte of bytes) input.feed(Buffer.of(byte));
  assert.deepEqual(input.events, expected, 'byte by byte');
  for (const atMost of [1, 2, 3])
    assert.deepEqual(
      new FramerInput(options).feedInParts(bytes, atMost).events,
      expected,
      `${atMost} at a time`,
    );
}

describe('Framer', () => {
  it('tells packets, responses and requests apart in one read', () => {
    const options = 'OPTIONS rtsp://h/ RTSP/1.0\r\nCSeq: 1\r\n\r\n';
    const input = new FramerInput().feed(
      Buffer.concat([frame(0, 'abc'), Buffer.from(OK), frame(1, ''), Buffer.from(options)]),
    );
    assert.deepEqual(input.kinds, ['packet 0', 'response', 'packet 1', 'request']);
    assert.equal(input.framer.skippedBytes, 0);
    assert.equal(input.framer.isRtsp, true);
  });

  it('gives packets in place, without a copy, when a read holds them whole', () => {
    const bytes = Buffer.concat([frame(0, 'abc'), frame(1, 'de')]);
    const seen: Buffer[] = [];
    const framer = new Framer({
      onPacket: (_channel, buffer) => seen.push(buffer),
      onResponse: () => undefined,
      onRequest: () => undefined,
    });
    framer.feed(bytes);
    assert.ok(seen.length === 2 && seen.every((buffer) => buffer === bytes));
  });

  it('gives the same at every split point: packets, a reply with a body, a reply without, packets again', () => {
    const bytes = Buffer.concat([
      frame(0, 'first'),
      Buffer.from(WITH_BODY),
      frame(2, '$$RTSP/1.0 200 OK\r\n\r\n'),
      Buffer.from(OK),
      frame(1, ''),
      frame(0, 'last'),
    ]);
    const whole = new FramerInput().feed(bytes);
    assert.deepEqual(whole.kinds, ['packet 0', 'response', 'packet 2', 'response', 'packet 1', 'packet 0']);
    sameAtEverySplit(bytes, whole.events);
  });

  it('gives the same at random split points, whatever the messages and packets are', () => {
    const unit = fc.oneof(
      request.map((message) => ({
        event: ['request', plain(message)] as Event,
        bytes: serializeRequest(message),
      })),
      response.map((message) => ({
        event: ['response', plain(message)] as Event,
        bytes: serializeResponse(message),
      })),
      fc.tuple(fc.nat(3), fc.uint8Array({ maxLength: 3000 })).map(([channel, payload]) => ({
        event: [`packet ${channel}`, Buffer.from(payload).toString('hex')] as Event,
        bytes: frame(channel, Buffer.from(payload)),
      })),
    );
    fc.assert(
      fc.property(
        fc.array(unit, { maxLength: 8 }),
        fc.array(fc.nat(4000), { maxLength: 12 }),
        (units, sizes) => {
          const bytes = Buffer.concat(units.map((one) => one.bytes));
          const input = new FramerInput();
          let at = 0;
          for (const size of sizes) input.feed(bytes.subarray(at, (at += size)));
          input.feed(bytes.subarray(at));
          assert.deepEqual(
            input.events,
            units.map((one) => one.event),
          );
        },
      ),
    );
  });

  it('quirk junk-between-frames: finds the frames among junk at every split point, and counts the junk', () => {
    const options = { isChannelInUse: (channel: number) => channel < 2 };
    // A `$` on a channel nobody set up, one of an impossible length, an R that begins nothing.
    const junk = Buffer.from('\r\nxyz$\x70\x00\x01R$\x09\xff\xff..\r\n', 'latin1');
    const bytes = Buffer.concat([
      frame(0, 'one'),
      junk,
      frame(1, 'two'),
      junk,
      Buffer.from(OK),
      junk,
      frame(0, '3'),
    ]);
    const whole = new FramerInput(options).feed(bytes);
    assert.deepEqual(whole.kinds, ['packet 0', 'packet 1', 'response', 'packet 0']);
    assert.equal(whole.framer.skippedBytes, 3 * junk.length);
    sameAtEverySplit(bytes, whole.events, options);
  });

  it('quirk junk-between-frames: whatever small junk stands between frames, the frames come through', () => {
    // Nothing in it begins a frame or a line.
    const junk = fc
      .uint8Array({ maxLength: 50 })
      .map((bytes) =>
        Buffer.from(bytes).map((byte) => (byte === 0x24 || (byte >= 0x41 && byte <= 0x5a) ? 0x2e : byte)),
      );
    fc.assert(
      fc.property(
        fc.array(fc.tuple(junk, fc.uint8Array({ minLength: 1, maxLength: 200 })), { maxLength: 6 }),
        fc.nat(300),
        (parts, cut) => {
          const bytes = Buffer.concat([
            frame(0, 'first'),
            ...parts.flatMap(([noise, payload]) => [Buffer.from(noise), frame(0, Buffer.from(payload))]),
          ]);
          const input = new FramerInput({ isChannelInUse: (channel) => channel === 0 });
          input.feed(bytes.subarray(0, cut)).feed(bytes.subarray(cut));
          assert.deepEqual(
            input.events.slice(1).map(([, what]) => what),
            parts.map(([, payload]) => Buffer.from(payload).toString('hex')),
          );
          assert.equal(
            input.framer.skippedBytes,
            parts.reduce((sum, [noise]) => sum + noise.length, 0),
          );
        },
      ),
    );
  });

  it('quirk junk-between-frames: junk made of beginnings is told from frames the same at every split point', () => {
    const options = { isChannelInUse: (channel: number) => channel < 2 };
    // Pieces of frames, replies and requests, on lines of their own and inside others.
    const piece = fc.constantFrom(
      ...['$', '$\0', '$\x01\0\x02', '\0', 'R', 'RTSP/1', 'RTSP/1.0 ', 'OPTIONS ', 'PLAY rtsp://h RTSP/1.0'],
      ...['\r', '\n', '\r\n', '\r\n\r\n', ' ', 'x', 'A'],
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 14 }), (pieces) => {
        const bytes = Buffer.concat([
          frame(0, 'one'),
          Buffer.from(pieces.join(''), 'latin1'),
          frame(1, 'two'),
          Buffer.from(`x${OK}`),
          frame(0, 'three'),
        ]);
        const whole = new FramerInput(options).feed(bytes);
        sameAtEverySplit(bytes, whole.events, options);
        const parts = new FramerInput(options);
        for (const byte of bytes) parts.feed(Buffer.of(byte));
        assert.equal(parts.framer.skippedBytes, whole.framer.skippedBytes);
      }),
      { numRuns: 50 },
    );
  });

  it('quirk junk-between-frames: takes no request from the middle of a line of junk, wherever the read was cut', () => {
    const bytes = Buffer.concat([
      frame(0, 'x'),
      Buffer.from('.OPTIONS rtsp://h RTSP/1.0\r\n\r\n'),
      frame(0, 'y'),
    ]);
    sameAtEverySplit(bytes, [
      ['packet 0', '78'],
      ['packet 0', '79'],
    ]);
  });

  it('quirk junk-between-frames: gives up past 64 KiB of junk', () => {
    const input = new FramerInput({ isChannelInUse: (channel) => channel === 0 }).feed(frame(0, 'x'));
    const junk = Buffer.alloc(1000, 0x2e);
    throws('EPROTOCOL', () => {
      for (let i = 0; i < 70; i++) input.feed(junk);
    });
    assert.ok(input.framer.skippedBytes <= LIMITS.junkBytes + 1000);
  });

  it('quirk junk-between-frames: small junk between many frames never adds up to the end', () => {
    const input = new FramerInput({ isChannelInUse: (channel) => channel === 0 });
    const piece = Buffer.concat([frame(0, 'x'), Buffer.alloc(2000, 0x2e)]);
    for (let i = 0; i < 70; i++) input.feed(piece);
    assert.equal(input.events.length, 70);
    assert.equal(input.framer.skippedBytes, 140_000);
  });

  it('quirk rtp-before-play-reply: takes data on channels that were never set up', () => {
    const input = new FramerInput({ isChannelInUse: () => false }).feed(frame(6, 'old session'));
    assert.deepEqual(input.kinds, ['packet 6']);
  });

  it('takes packets of 0 and of 65535 bytes', () => {
    const input = new FramerInput();
    const large = frame(0, Buffer.alloc(65_535, 7));
    input.feed(frame(1, '')).feed(large).feed(large.subarray(0, 40_000)).feed(large.subarray(40_000));
    assert.deepEqual(
      input.events.map(([, hex]) => String(hex).length / 2),
      [0, 65_535, 65_535],
    );
  });

  it('hands on at once what stands whole behind a body that came in two reads', () => {
    const bytes = Buffer.concat([Buffer.from(WITH_BODY), frame(0, 'behind it'), frame(0, 'and again')]);
    const input = new FramerInput().feed(bytes.subarray(0, 10)).feed(bytes.subarray(10));
    assert.deepEqual(input.kinds, ['response', 'packet 0', 'packet 0']);
  });

  it('quirk odd-headers: passes over a continuation line of white space alone, and joins any other', () => {
    const input = new FramerInput().feed(
      'RTSP/1.0 200 OK\r\nPublic: OPTIONS,\r\n  PLAY\r\n \t \r\nCSeq: 1\r\n\r\n',
    );
    const [, message] = input.events[0] as [string, { headers: [string, string][] }];
    assert.deepEqual(message.headers, [
      ['Public', 'OPTIONS, PLAY'],
      ['CSeq', '1'],
    ]);
  });

  it('quirk odd-headers: reads names with spaces before the colon, OPTIONS: for Public:, values with colons, and drops lines that are no header', () => {
    const input = new FramerInput().feed(
      'RTSP/1.0 200\r\nOPTIONS : PLAY\r\nDate: 12:00:00\r\nnonsense\r\n: nameless\r\n\r\n',
    );
    const [, message] = input.events[0] as [string, { reason: string; headers: unknown }];
    assert.equal(message.reason, '');
    assert.deepEqual(message.headers, [
      ['OPTIONS', 'PLAY'],
      ['Date', '12:00:00'],
    ]);
  });

  it('keeps a field as its bytes, whatever character set they are of', () => {
    for (const bytes of [
      Buffer.from('Süd à'),
      Buffer.from('Süd', 'latin1'),
      Buffer.from('b4f3c3c5a0', 'hex'),
    ]) {
      const head = [Buffer.from('RTSP/1.0 200 OK\r\nX: '), bytes, Buffer.from(' \r\nY: 1\r\n\r\n')];
      const input = new FramerInput().feed(Buffer.concat(head));
      const [[, message] = []] = input.events;
      const [[, value] = []] = (message as { headers: [string, string][] }).headers;
      assert.equal(value, bytes.toString('latin1'));
    }
  });

  it('reads lines that were ended twice (\\r\\r\\n), however the reads cut them', () => {
    const text = 'RTSP/1.0 200 OK\r\r\nCSeq: 7\r\r\nContent-Length: 2\r\r\n\r\r\nab';
    for (let cut = 0; cut <= text.length; cut++) {
      const input = new FramerInput().feed(text.slice(0, cut)).feed(text.slice(cut)).feed(frame(0, 'x'));
      assert.deepEqual(input.kinds, ['response', 'packet 0'], `cut at ${cut}`);
      assert.deepEqual((input.events[0]![1] as { headers: unknown; body: string }).headers, [['CSeq', '7']]);
    }
    const bytes = new FramerInput();
    for (const byte of text) bytes.feed(byte);
    assert.deepEqual(bytes.kinds, ['response']);
  });

  it('reads messages whose lines end with a bare LF', () => {
    const input = new FramerInput().feed('RTSP/1.0 404 Not Found\nCSeq: 7\n\n').feed(frame(0, 'x'));
    assert.deepEqual(input.kinds, ['response', 'packet 0']);
  });

  it('quirk odd-headers: refuses a header of more than 16 KiB, with or without an end, in one read or in many', () => {
    const long = `RTSP/1.0 200 OK\r\nX: ${'a'.repeat(LIMITS.headerBytes)}`;
    throws('EPROTOCOL', () => new FramerInput().feed(`${long}\r\n\r\n`));
    throws('EPROTOCOL', () => new FramerInput().feed(long));
    throws('EPROTOCOL', () => {
      const input = new FramerInput();
      for (let at = 0; at < long.length; at += 100) input.feed(long.slice(at, at + 100));
    });
  });

  it('quirk odd-headers: refuses more than 128 header lines', () => {
    const lines = (count: number): string => `RTSP/1.0 200 OK\r\n${'X: y\r\n'.repeat(count)}\r\n`;
    assert.equal(new FramerInput().feed(lines(LIMITS.headerLines)).events.length, 1);
    throws('EPROTOCOL', () => new FramerInput().feed(lines(LIMITS.headerLines + 1)));
  });

  it('quirk odd-headers: refuses a body of more than 128 KiB before it comes, and takes one of just that', () => {
    const head = (length: number): string => `RTSP/1.0 200 OK\r\nContent-Length: ${length}\r\n\r\n`;
    throws('EPROTOCOL', () => new FramerInput().feed(head(LIMITS.bodyBytes + 1)));
    const input = new FramerInput().feed(head(LIMITS.bodyBytes));
    input.feed(Buffer.alloc(100_000, 1)).feed(Buffer.alloc(LIMITS.bodyBytes - 100_000, 1));
    assert.deepEqual(input.kinds, ['response']);
  });

  for (const length of ['-5', 'abc', '', '0']) {
    it(`takes a Content-Length of '${length}' for no body`, () => {
      const input = new FramerInput().feed(`RTSP/1.0 200 OK\r\nContent-Length: ${length}\r\n\r\n${OK}`);
      assert.deepEqual(input.kinds, ['response', 'response']);
    });
  }

  it('drops a reply whose start line cannot be read, and goes on behind it', () => {
    const input = new FramerInput().feed(`RTSP/1.0 two hundred\r\nCSeq: 1\r\n\r\n${OK}`);
    assert.deepEqual(input.kinds, ['response']);
  });

  it('takes a line of capitals that is no request for junk', () => {
    const input = new FramerInput().feed(OK);
    input.feed('HELLO THERE you\r\nABCDEFGHIJKLMNOPQRSTUVWXYZ\r\n').feed(OK);
    assert.deepEqual(input.kinds, ['response', 'response']);
    assert.ok(input.framer.skippedBytes > 40);
  });

  describe('where something else answers', () => {
    for (const [who, greeting] of [
      ['an HTTP server', 'HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\n\r\n'],
      ['an SSH server', 'SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n'],
      ['an SMTP server', '220 mail.example.org ESMTP\r\n'],
      ['an IMAP server', '* OK IMAP4rev1 ready\r\n'],
      ['a POP3 server', '+OK POP3 ready\r\n'],
      ['a web page', '<!DOCTYPE html><html>'],
      ['a JSON service', '{"error": "no"}'],
      ['a banner', 'Welcome to the telnet console\r\n'],
      ['random bytes', Buffer.alloc(300, 0x80)],
    ] as const) {
      it(`tells ${who} at once`, () => {
        const input = new FramerInput();
        assert.throws(
          () => input.feed(greeting),
          (error) => error instanceof NvrError && error.code === 'ENOTRTSP' && error.message.includes('port'),
        );
        assert.deepEqual(input.events, []);
      });
    }

    for (const greeting of [
      'HTTP/1.1 400 Bad Request\r\n',
      'SSH-2.0-OpenSSH_9.2p1\r\n',
      'Welcome, Router OPTIONS\r\n',
      '\r\n\xff\xfd\x18\r\nlogin:\r\n',
    ]) {
      it(`tells ${JSON.stringify(greeting.slice(0, 16))} wherever the reads are cut`, () => {
        const bytes = Buffer.from(greeting, 'latin1');
        for (let cut = 0; cut <= bytes.length; cut++) {
          const input = new FramerInput();
          throws('ENOTRTSP', () => input.feed(bytes.subarray(0, cut)).feed(bytes.subarray(cut)));
        }
        const input = new FramerInput();
        throws('ENOTRTSP', () => {
          for (const byte of bytes) input.feed(Buffer.of(byte));
        });
      });
    }

    it('gives up after 256 bytes of it in small pieces', () => {
      const input = new FramerInput();
      throws('ENOTRTSP', () => {
        for (let i = 0; i < 256; i++) input.feed(Buffer.of(0x80));
      });
      assert.equal(input.framer.isRtsp, false);
    });

    it('gives up after 64 KiB of empty lines', () => {
      const input = new FramerInput();
      throws('ENOTRTSP', () => {
        for (let i = 0; i < 70; i++) input.feed('\r\n'.repeat(500));
      });
    });

    it('forgives a few odd bytes before the first reply', () => {
      assert.deepEqual(new FramerInput().feed(`\r\n\0\0${OK}`).kinds, ['response']);
    });
  });

  describe('the time it takes', () => {
    /** Feeds byte by byte, and says how long it took in milliseconds of this process. */
    function byteByByte(bytes: Buffer): { ms: number; packets: number } {
      let packets = 0;
      const framer = new Framer(
        { onPacket: () => packets++, onResponse: () => undefined, onRequest: () => undefined },
        { isChannelInUse: (channel) => channel < 2 },
      );
      const started = process.cpuUsage();
      for (let at = 0; at < bytes.length; at++) framer.feed(bytes, at, at + 1);
      return { ms: process.cpuUsage(started).user / 1000, packets };
    }

    it('is not quadratic: 1 MiB of the largest frames byte by byte', () => {
      const { ms, packets } = byteByByte(
        Buffer.concat(new Array<Buffer>(16).fill(frame(0, Buffer.alloc(65_535)))),
      );
      assert.equal(packets, 16);
      assert.ok(ms < 5000, `${ms} ms`);
    });

    it('is not quadratic: 1 MiB of small frames, replies and junk byte by byte', () => {
      const round = Buffer.concat([
        frame(0, Buffer.alloc(1400)),
        Buffer.from(WITH_BODY),
        Buffer.from('.$\x70\0\x01RTSP OPTIONS\r\n\rAB \rAB '.repeat(40), 'latin1'),
        frame(1, Buffer.alloc(60)),
      ]);
      const rounds = Math.ceil((1024 * 1024) / round.length);
      const { ms, packets } = byteByByte(Buffer.concat(new Array<Buffer>(rounds).fill(round)));
      assert.equal(packets, 2 * rounds);
      assert.ok(ms < 5000, `${ms} ms`);
    });

    it('is not quadratic: a header of 16 KiB byte by byte, as a request line or as a reply', () => {
      for (const start of ['OPTIONS rtsp://h/', 'RTSP/1.0 200 OK\r\nX: ']) {
        const bytes = Buffer.from(start + 'a'.repeat(LIMITS.headerBytes - start.length - 100));
        assert.ok(byteByByte(bytes).ms < 2000, start);
      }
    });

    it('is not quadratic: 64 KiB of lines that might each begin a request', () => {
      const bytes = Buffer.concat([frame(0, 'x'), Buffer.from('\rAB '.repeat(16_000))]);
      assert.ok(byteByByte(bytes).ms < 5000);
    });
  });
});
