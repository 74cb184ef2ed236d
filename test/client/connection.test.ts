import assert from 'node:assert/strict';
import sinon from 'sinon';
import { RtspConnection } from '../../lib/client/connection.js';
import type { ConnectionOptions } from '../../lib/client/connection-options.js';
import { loginRules } from '../../lib/client/login.js';
import type { Pipe, PipeOptions } from '../../lib/client/transport/socket.js';
import { Authenticator } from '../../lib/rtsp/auth.js';
import { LoginMemory } from '../../lib/rtsp/login-rules.js';
import type { RtspResponse } from '../../lib/rtsp/message.js';
import { NvrError } from '../../lib/errors.js';
import { LIMITS } from '../../lib/limits.js';
import { silentLogger } from '../../lib/log.js';
import { interleaved } from '../kit/scripted-server.js';

const TIMEOUT_MS = 8000;
const URI = 'rtsp://camera/live';

/** The server's end of one connection. */
class Line {
  readonly sent: string[] = [];
  unsent = 0;
  isDestroyed = false;

  constructor(private readonly options: PipeOptions) {}

  readonly pipe: Pipe = Object.defineProperty(
    {
      ...{ localAddress: '10.0.0.1', remoteAddress: '10.0.0.2', unsent: 0 },
      write: (data: Buffer) => this.sent.push(data.toString('latin1')),
      pause: () => undefined,
      resume: () => undefined,
      destroy: () => (this.isDestroyed = true),
    },
    'unsent',
    { get: () => this.unsent },
  );

  say(...parts: (string | Buffer)[]): void {
    const bytes = Buffer.concat(parts.map((part) => Buffer.from(part)));
    this.options.onData(bytes, bytes.length);
  }

  reply(cseq: number, status = 200, headers = ''): void {
    this.say(replyText(cseq, status, headers));
  }

  close(error?: NvrError): void {
    this.options.onClose(error);
  }
}

const replyText = (cseq: number, status = 200, headers = ''): string =>
  `RTSP/1.0 ${status} Said\r\nCSeq: ${cseq}\r\n${headers}\r\n`;

describe('an RTSP connection', () => {
  let clock: sinon.SinonFakeTimers;
  let lines: Line[];
  let packets: string[];
  let asked: string[];
  let closes: (NvrError | undefined)[];
  let connection: RtspConnection;

  beforeEach(async () => {
    clock = sinon.useFakeTimers({
      toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'clearImmediate', 'performance'],
    });
    [lines, packets, asked, closes] = [[], [], [], []];
    connection = await open();
  });

  afterEach(() => {
    connection.destroy();
    clock.restore();
  });

  function open(extra: Partial<ConnectionOptions> = {}): Promise<RtspConnection> {
    return RtspConnection.open({
      ...{ host: 'camera', port: 554, timeoutMs: TIMEOUT_MS, userAgent: 'test' },
      open: (options) => {
        const line = new Line(options);
        lines.push(line);
        return Promise.resolve(line.pipe);
      },
      isChannelInUse: () => true,
      onPacket: (_channel, buffer, start, end) => packets.push(buffer.toString('latin1', start, end)),
      onServerRequest: ({ method }) => asked.push(method),
      onClose: (error) => closes.push(error),
      ...extra,
    });
  }

  const request = (): Promise<RtspResponse> => connection.request('OPTIONS', URI);
  const settled = async (work: Promise<RtspResponse>): Promise<string> => {
    const outcome = work.then(
      ({ status }) => String(status),
      (error: unknown) => (error as NvrError).code,
    );
    await clock.tickAsync(0);
    return Promise.race([outcome, Promise.resolve('waits')]);
  };

  it('takes a reply that lies in the socket as the time-out comes: the event loop may have stood still', async () => {
    const reply = request();
    // Timers run before sockets are read; what is read then still comes before the request has failed.
    setTimeout(() => {
      lines[0]!.reply(1);
    }, TIMEOUT_MS);
    await clock.tickAsync(TIMEOUT_MS + 1);
    assert.equal((await reply).status, 200);
    assert.equal(clock.countTimers(), 0);
  });

  it('takes a reply’s time from the request to the read that brought it, and leaves no timer', async () => {
    const reply = request();
    await clock.tickAsync(30);
    lines[0]!.reply(1);
    assert.equal((await reply).status, 200);
    assert.equal(connection.rttMs, 30);
    assert.equal(clock.countTimers(), 0);
  });

  it('says after how many seconds a request was given up', async () => {
    const reply = assert.rejects(request(), { code: 'ETIMEDOUT', message: /within 8 s/ });
    await clock.tickAsync(TIMEOUT_MS + 1);
    await reply;
  });

  it('calls a server that spoke RTSP before none that does not, whatever else it sends', async () => {
    const first = request();
    lines[0]!.reply(1);
    await first;
    const second = assert.rejects(request(), { code: 'ETIMEDOUT' });
    await clock.tickAsync(1);
    lines[0]!.say('something else altogether');
    assert.ok(connection.skippedBytes > 0);
    await clock.tickAsync(TIMEOUT_MS + 1);
    await second;
  });

  it('tells the beginning of each read, with its bytes and its time, and its end behind what it brought', async () => {
    connection.destroy();
    lines = [];
    const told: string[] = [];
    connection = await open({
      onPacket: () => told.push('packet'),
      onReadStart: (buffer, length, arrival) =>
        told.push(`${buffer.toString('latin1', 4, length)} at ${arrival}`),
      onRead: () => told.push('end'),
    });
    const begun = performance.now();
    for (const text of ['a', 'b']) {
      lines[0]!.say(interleaved(0, Buffer.from(text)));
      clock.tick(5);
    }
    assert.deepEqual(told, [`a at ${begun}`, 'packet', 'end', `b at ${begun + 5}`, 'packet', 'end']);
  });

  it('traces 8 KiB of a reply’s body, and no more', async () => {
    connection.destroy();
    lines = [];
    const traced: string[] = [];
    const logger = { ...silentLogger, debug: (text: string) => void traced.push(text) };
    connection = await open({ logger });
    const reply = request();
    const body = 'x'.repeat(9000);
    const head = `RTSP/1.0 200 OK\r\nCSeq: 1\r\nServer: one\r\nContent-Length: ${body.length}\r\n\r\n`;
    lines[0]!.say(head, body);
    assert.equal((await reply).body.length, 9000);
    assert.ok(traced.at(-1)!.startsWith(`< ${head}x`), 'with each line of its head');
    assert.equal(/x+$/.exec(traced.at(-1)!)?.[0].length, 8 * 1024);
  });

  it('gives a late reply to no other request, and does so each time', async () => {
    for (let round = 0; round < 2; round++) {
      const late = settled(request());
      await clock.tickAsync(TIMEOUT_MS + 1);
      assert.equal(await late, 'waits');
      const next = request();
      let answer: number | undefined;
      void next.then(({ status }) => (answer = status));
      lines[0]!.reply(round * 2 + 1, 404);
      await clock.tickAsync(0);
      assert.equal(answer, undefined);
      lines[0]!.reply(round * 2 + 2, 201);
      assert.equal((await next).status, 201);
    }
  });

  it('takes no second reply to one request for the next one’s', async () => {
    const first = request();
    lines[0]!.reply(1);
    await first;
    lines[0]!.reply(1, 500);
    const second = request();
    lines[0]!.reply(2);
    assert.equal((await second).status, 200);
  });

  it('has 16 requests waiting at most, and takes another when one of them is answered or given up', async () => {
    const waiting = Array.from({ length: LIMITS.pendingRequests }, () => request().catch(() => undefined));
    await assert.rejects(request(), { code: 'EBUSY' });
    lines[0]!.reply(1);
    await clock.tickAsync(0);
    waiting.push(request().catch(() => undefined));
    await assert.rejects(request(), { code: 'EBUSY' });
    await clock.tickAsync(TIMEOUT_MS + 1);
    await Promise.all(waiting);
    const last = request();
    lines[0]!.reply(LIMITS.pendingRequests + 2);
    assert.equal((await last).status, 200);
  });

  it('ends the requests that wait when the server closes it, with that cause, and tells it once', async () => {
    const failed = new NvrError('EUNREACHABLE', 'The line was cut.');
    const waiting = [request(), request()].map((one) => assert.rejects(one, { message: failed.message }));
    lines[0]!.close(failed);
    await Promise.all(waiting);
    lines[0]!.close();
    connection.destroy();
    assert.deepEqual(closes, [failed]);
    assert.equal(clock.countTimers(), 0);
    await assert.rejects(request(), { code: 'EUNREACHABLE' });
    assert.equal(connection.isOpen, false);
  });

  it('ends the requests that wait when it is destroyed, and does not call that the server’s doing', async () => {
    const waiting = assert.rejects(request(), { message: 'The connection was closed.' });
    connection.destroy();
    connection.destroy();
    await waiting;
    lines[0]!.close();
    assert.deepEqual(closes, []);
    assert.equal(lines[0]!.isDestroyed, true);
    assert.equal(clock.countTimers(), 0);
  });

  for (const [ends, end] of [
    [
      'is destroyed',
      (): void => {
        connection.destroy();
      },
    ],
    [
      'is closed by the server',
      (): void => {
        lines[0]!.close();
      },
    ],
  ] as const)
    it(`hands on nothing more of a read once it ${ends}, and leaves no timer`, async () => {
      void request().catch(() => undefined);
      lines[0]!.say(replyText(1), interleaved(0, Buffer.from('after')));
      end();
      assert.equal(clock.countTimers(), 0);
      await clock.tickAsync(100);
      assert.deepEqual(packets, []);
    });

  it('lets who waits for a reply act before the packets behind it in the same read', async () => {
    const order: string[] = [];
    void request().then(() => order.push(`reply, ${packets.length} packets`));
    const before = interleaved(0, Buffer.from('before'));
    lines[0]!.say(before, replyText(1), interleaved(0, Buffer.from('after')));
    assert.deepEqual(packets, ['before']);
    await clock.tickAsync(10);
    assert.deepEqual(order, ['reply, 1 packets']);
    assert.deepEqual(packets, ['before', 'after']);
  });

  it('does not stop at a reply that nobody waits for', () => {
    lines[0]!.say(replyText(77), interleaved(0, Buffer.from('after')));
    assert.deepEqual(packets, ['after']);
    assert.equal(connection.rttMs, undefined);
  });

  it('answers no request, and sends no report, while more than a packet’s worth is unsent', () => {
    const ask = (): void => {
      lines[0]!.say(`GET_PARAMETER ${URI} RTSP/1.0\r\nCSeq: 5\r\n\r\n`);
    };
    lines[0]!.unsent = LIMITS.packetBytes - 1;
    ask();
    connection.sendPacket(1, Buffer.from('report'));
    assert.equal(lines[0]!.sent.length, 2);
    assert.match(lines[0]!.sent[0]!, /^RTSP\/1\.0 200 OK\r\nCSeq: 5\r\n/);
    assert.equal(lines[0]!.sent[1], '$\x01\x00\x06report');
    lines[0]!.unsent = LIMITS.packetBytes + 1;
    ask();
    connection.sendPacket(1, Buffer.from('report'));
    assert.equal(lines[0]!.sent.length, 2);
    lines[0]!.unsent = 0;
    ask();
    assert.equal(lines[0]!.sent.length, 3);
  });

  it('tells its listener of TEARDOWN and REDIRECT alone, and answers them', () => {
    for (const method of ['OPTIONS', 'ANNOUNCE', 'REDIRECT', 'TEARDOWN', 'RECORD'])
      lines[0]!.say(`${method} ${URI} RTSP/1.0\r\nCSeq: 5\r\nSession: S\r\n\r\n`);
    assert.deepEqual(asked, ['REDIRECT', 'TEARDOWN']);
    assert.deepEqual(
      lines[0]!.sent.map((text) => text.slice(9, 12)),
      ['200', '200', '200', '200', '501'],
    );
    assert.ok(lines[0]!.sent.every((text) => text.includes('Session: S\r\n')));
    assert.deepEqual(
      lines[0]!.sent.map((text) => /^Public: (.*)\r$/m.exec(text)?.[1]?.split(', ').sort()),
      [
        ['ANNOUNCE', 'GET_PARAMETER', 'OPTIONS', 'REDIRECT', 'SET_PARAMETER', 'TEARDOWN'],
        ...Array<undefined>(4),
      ],
    );
  });

  it('answers a request that has no number with 0, and repeats no session that it does not name', () => {
    lines[0]!.say(`GET_PARAMETER ${URI} RTSP/1.0\r\n\r\n`);
    assert.equal(lines[0]!.sent[0], 'RTSP/1.0 200 OK\r\nCSeq: 0\r\n\r\n');
  });

  it('is closed where what was kept of a read cannot be handled, and says why', async () => {
    connection.destroy();
    lines = [];
    connection = await open({
      onPacket: () => {
        throw new Error('no');
      },
    });
    void request().catch(() => undefined);
    lines[0]!.say(replyText(1), interleaved(0, Buffer.from('after')));
    await clock.tickAsync(10);
    assert.deepEqual(
      closes.map((error) => error?.code),
      ['EPROTOCOL'],
    );
    assert.equal(lines[0]!.isDestroyed, true);
  });

  it('is given as long to be opened as each reply is', async () => {
    let given: number | undefined;
    const refuse = (options: PipeOptions): Promise<Pipe> => {
      given = options.connectTimeoutMs;
      return Promise.reject(new NvrError('ETIMEDOUT', 'no answer'));
    };
    await assert.rejects(open({ open: refuse }), { code: 'ETIMEDOUT' });
    assert.equal(given, TIMEOUT_MS);
  });

  it('is not opened where the server closes it before it is handed over', async () => {
    const failed = new NvrError('ENOTRTSP', 'That is no RTSP.');
    for (const error of [failed, undefined]) {
      let line: Line | undefined;
      await assert.rejects(
        open({
          open: (options) => {
            line = new Line(options);
            line.close(error);
            return Promise.resolve(line.pipe);
          },
        }),
        { code: error?.code ?? 'EUNREACHABLE' },
      );
      assert.equal(line?.isDestroyed, true);
    }
    assert.deepEqual(closes, []);
  });

  it('warns once of a password that goes in clear, however many requests follow', async () => {
    const warnings: NvrError[] = [];
    const rules = loginRules('rtsp', new LoginMemory(), undefined);
    lines = [];
    connection = await open({
      authenticator: new Authenticator({ username: 'me', password: 'secret' }, { rules }),
      onWarning: (error) => warnings.push(error),
    });
    const said = (): string[] => warnings.map(({ code, message }) => `${code} ${message.slice(0, 38)}`);
    const basic = 'WWW-Authenticate: Basic realm="camera"\r\n';
    const once = ['EAUTH The server takes the password in clear'];
    const first = request();
    lines[0]!.reply(1, 401, basic);
    await clock.tickAsync(1);
    assert.deepEqual(said(), [], 'not before it has gone');
    lines[0]!.reply(2);
    assert.equal(await settled(first), '200');
    assert.deepEqual(said(), once);
    const second = request();
    lines[0]!.reply(3);
    assert.equal(await settled(second), '200');
    const third = request();
    lines[0]!.reply(4, 401, basic);
    assert.equal(await settled(third), '401');
    assert.deepEqual(said(), once);
  });

  describe('that the server closes on the answer to its challenge', () => {
    const CHALLENGE = 'WWW-Authenticate: Digest realm="camera", nonce="1"\r\n';
    /** Opens the connections after the first; at once by default. */
    let opening: Promise<void>;
    let reply: Promise<RtspResponse>;

    beforeEach(async () => {
      opening = Promise.resolve();
      lines = [];
      const rules = loginRules('rtsp', new LoginMemory(), undefined);
      connection = await open({
        authenticator: new Authenticator({ username: 'me', password: 'secret' }, { rules }),
        open: async (options) => {
          const line = new Line(options);
          lines.push(line);
          if (lines.length > 1) await opening;
          return line.pipe;
        },
      });
      reply = request();
      lines[0]!.reply(1, 401, CHALLENGE);
      await clock.tickAsync(1);
      assert.match(lines[0]!.sent[1]!, /CSeq: 2\r\n[^]*Authorization: Digest/);
    });

    it('goes on over another one, read from its start, and tells the end of that one alone', async () => {
      // A packet of which the rest never comes.
      lines[0]!.say(Buffer.from([0x24, 0, 0xff, 0xff, 1, 2]));
      lines[0]!.close();
      await clock.tickAsync(1);
      lines[1]!.reply(3);
      assert.equal((await reply).status, 200);
      lines[0]!.close();
      assert.deepEqual({ closes, isOpen: connection.isOpen }, { closes: [], isOpen: true });
      lines[1]!.close();
      assert.deepEqual({ closes, isOpen: connection.isOpen }, { closes: [undefined], isOpen: false });
    });

    it('hears the new connection though the old one’s last read brought more than the challenge', async () => {
      lines[0]!.reply(2);
      await reply;
      const second = connection.request('DESCRIBE', URI);
      await clock.tickAsync(1);
      lines[0]!.say(replyText(3, 401, `Connection: close\r\n${CHALLENGE.replace('1', '2')}`), '\r\n');
      await clock.tickAsync(1);
      assert.equal(lines.length, 2);
      lines[1]!.reply(4);
      await clock.tickAsync(1);
      assert.equal((await second).status, 200);
    });

    it('reads nothing of the old connection’s last read as if the new one had brought it', async () => {
      lines[0]!.reply(2);
      await reply;
      const second = connection.request('DESCRIBE', URI);
      await clock.tickAsync(1);
      const challenge = replyText(3, 401, `Connection: close\r\n${CHALLENGE.replace('1', '2')}`);
      // The beginning of a packet, which would swallow what follows it.
      lines[0]!.say(challenge, Buffer.from([0x24, 0, 0xff, 0xff, 1, 2]));
      await clock.tickAsync(1);
      lines[1]!.reply(4);
      assert.equal(await settled(second), '200');
      assert.equal(lines[0]!.isDestroyed, true);
    });

    it('is not opened anew where the answer is not answered in time, and the connection still stands', async () => {
      const given = assert.rejects(reply, { code: 'ETIMEDOUT' });
      await clock.tickAsync(TIMEOUT_MS + 1);
      await given;
      assert.deepEqual({ opened: lines.length, isOpen: connection.isOpen }, { opened: 1, isOpen: true });
    });

    it('is not opened anew where it is destroyed while the answer waits', async () => {
      const given = assert.rejects(reply, { code: 'EUNREACHABLE' });
      connection.destroy();
      await given;
      assert.equal(lines.length, 1);
    });

    it('leaves nothing open that it opens once it is destroyed', async () => {
      let opened!: () => void;
      opening = new Promise((resolve) => (opened = resolve));
      const given = assert.rejects(reply, { code: 'EUNREACHABLE' });
      lines[0]!.close();
      await clock.tickAsync(1);
      assert.equal(lines.length, 2);
      connection.destroy();
      opened();
      await given;
      assert.deepEqual(
        { isDestroyed: lines[1]!.isDestroyed, sent: lines[1]!.sent, isOpen: connection.isOpen },
        { isDestroyed: true, sent: [], isOpen: false },
      );
    });
  });
});
