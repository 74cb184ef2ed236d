import assert from 'node:assert/strict';
import { describe as describeStream } from '../../lib/client/describe.js';
import { ServerMemory } from '../../lib/client/quirks.js';
import type { Pipe, PipeOptions } from '../../lib/client/transport/socket.js';
import type { BearerRequest } from '../../lib/client/transport/transport.js';
import { tcp } from '../../lib/client/transport/transports.js';
import { silentLogger } from '../../lib/log.js';
import { SDP } from '../kit/scripted-server.js';

const credentials = { username: 'admin', password: 'secret99' };
const CHALLENGE = { 'WWW-Authenticate': 'Digest realm="r", nonce="n"' };

interface Asked {
  readonly host: string;
  readonly isTls: boolean;
  readonly method: string;
  readonly path: string;
  readonly hasAccount: boolean;
}

interface Said {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The servers of the whole network; each connection is one line to one of them. */
class Network {
  readonly asked: Asked[] = [];
  readonly lines: { isDestroyed: boolean }[] = [];

  constructor(private readonly says: (asked: Asked) => Said | undefined) {}

  readonly transport = tcp({ connect: (options) => Promise.resolve(this.open(options)) });

  get methods(): string[] {
    return this.asked.map(({ method }) => method);
  }

  private open(options: PipeOptions): Pipe {
    const { host, tls } = options;
    const line = { isDestroyed: false };
    this.lines.push(line);
    return {
      ...{ localAddress: '10.0.0.1', remoteAddress: '10.0.0.2', unsent: 0 },
      pause: () => undefined,
      resume: () => undefined,
      destroy: () => {
        line.isDestroyed = true;
      },
      write: (data) => {
        const request = data.toString('latin1');
        const [, method = '', path = '', cseq = ''] =
          /^(\w+) rtsps?:\/\/[^/]*(\S*) [^]*CSeq: (\d+)/.exec(request) ?? [];
        const hasAccount = request.includes('\r\nAuthorization: ');
        const asked = { host, isTls: tls !== undefined, method, path, hasAccount };
        this.asked.push(asked);
        const { status = 200, headers = {} } = this.says(asked) ?? {};
        const body = method === 'DESCRIBE' && status === 200 ? SDP : '';
        const lines = [`RTSP/1.0 ${status} Said`, `CSeq: ${cseq}`, `Content-Length: ${body.length}`];
        for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
        const bytes = Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body}`);
        queueMicrotask(() => {
          if (!line.isDestroyed) options.onData(bytes, bytes.length);
        });
      },
    };
  }
}

const to = (location: string): Said => ({ status: 302, headers: { Location: location } });

describe('a description that is asked for in several steps', () => {
  let network: Network;
  const ask = (
    says: (asked: Asked) => Said | undefined,
    extra: Partial<Parameters<typeof describeStream>[0]> = {},
  ): ReturnType<typeof describeStream> => {
    network = new Network(says);
    return describeStream({
      ...{ uri: 'rtsp://camera/live', memory: new ServerMemory(), transport: network.transport },
      ...extra,
    });
  };

  it('is asked for with the account again where another host sends the client back', async () => {
    const { connection } = await ask(
      ({ host, method, path, hasAccount }) => {
        if (method !== 'DESCRIBE') return undefined;
        if (host === 'other') return to('rtsp://camera/back');
        if (path.startsWith('/live')) return to('rtsp://other/live');
        return hasAccount ? undefined : { status: 401, headers: CHALLENGE };
      },
      { credentials },
    );
    connection.destroy();
    assert.deepEqual(
      network.asked.filter(({ hasAccount }) => hasAccount).map(({ host, path }) => `${host}${path}`),
      ['camera/back'],
    );
  });

  it('is not asked for in clear once a redirect has led to TLS', async () => {
    await assert.rejects(
      ask(({ isTls, method, path }) => {
        if (method !== 'DESCRIBE') return undefined;
        if (isTls) return to('rtsp://camera/moved');
        return path.startsWith('/live') ? to('rtsps://camera/live') : undefined;
      }),
      { code: 'ETLS' },
    );
    assert.deepEqual(
      network.asked.filter(({ method }) => method === 'DESCRIBE').map(({ isTls }) => isTls),
      [false, true],
    );
  });

  it('leaves no connection open where the server that it is redirected to refuses', async () => {
    await assert.rejects(
      ask(({ host, method }) => {
        if (method !== 'DESCRIBE') return undefined;
        return host === 'other' ? { status: 404 } : to('rtsp://other/live');
      }),
      { code: 'ECHANNEL' },
    );
    assert.deepEqual(
      network.lines.map(({ isDestroyed }) => isDestroyed),
      [true, true],
    );
  });

  it('is not asked for where OPTIONS is forbidden', async () => {
    await assert.rejects(
      ask(({ method }) => (method === 'OPTIONS' ? { status: 403 } : undefined)),
      { code: 'EFORBIDDEN' },
    );
    assert.deepEqual(network.methods, ['OPTIONS']);
  });

  it('is given up while another one’s log-in is awaited', async () => {
    const control = new AbortController();
    let waits: () => void = () => undefined;
    const isWaiting = new Promise<void>((resolve) => (waits = resolve));
    const gate = {
      run: <T>(): Promise<T> => {
        waits();
        return new Promise<T>(() => undefined);
      },
    };
    const given = assert.rejects(
      ask(() => ({ status: 401, headers: CHALLENGE }), { credentials, gate, signal: control.signal }),
      { code: 'EUNREACHABLE' },
    );
    await isWaiting;
    control.abort();
    await given;
    assert.equal(network.lines[0]?.isDestroyed, true);
  });

  for (const [what, tls, host] of [
    ['goes along to TLS on the same host, whose certificate is checked', undefined, 'camera'],
    ['stays behind where that certificate is not checked', { rejectUnauthorized: false }, undefined],
  ] as const)
    it(`is asked for with an account that ${what}`, async () => {
      const describing = ask(
        ({ isTls, method, hasAccount }) => {
          if (method !== 'DESCRIBE') return undefined;
          if (!isTls) return to('rtsps://camera/live');
          return hasAccount ? undefined : { status: 401, headers: CHALLENGE };
        },
        { credentials, tls },
      );
      if (host === undefined) await assert.rejects(describing, { code: 'EAUTH' });
      else (await describing).connection.destroy();
      const told = network.asked.find(({ hasAccount }) => hasAccount);
      assert.deepEqual({ host: told?.host, isTls: told?.isTls }, { host, isTls: host && true });
    });

  it('is asked for in clear where the URI says so, though there are settings for TLS', async () => {
    const { connection, isTls } = await ask(() => undefined, { tls: {} });
    connection.destroy();
    assert.deepEqual(
      { isTls, asked: network.asked.map((one) => one.isTls) },
      { isTls: false, asked: [false, false] },
    );
  });

  it('has the base of where it came from, and not of where it was asked for first', async () => {
    const { connection, baseUri } = await ask(({ host, method }) =>
      method === 'DESCRIBE' && host === 'camera' ? to('rtsp://other/moved') : undefined,
    );
    connection.destroy();
    assert.match(baseUri, /^rtsp:\/\/other[^/]*\/moved/);
  });

  for (const [uri, account] of [
    ['rtsp://camera/live', undefined],
    ['rtsp://:secret99@camera/live', undefined],
    ['rtsp://admin:secret99@camera/live', credentials],
  ] as const)
    it(`gives a bearer of its own requests what it needs to log in at ${uri}`, async () => {
      const gate = { run: <T>(login: () => Promise<T>): Promise<T> => login() };
      let given: BearerRequest | undefined;
      const { transport } = new Network(() => undefined);
      const { connection } = await ask(() => undefined, {
        ...{ uri, gate, logger: silentLogger },
        transport: {
          ...transport,
          bearer: (request) => {
            given = request;
            return transport.bearer(request);
          },
        },
      });
      connection.destroy();
      assert.deepEqual(
        {
          credentials: given?.credentials,
          hasRules: given?.rules !== undefined,
          gate: given?.gate,
          logger: given?.logger,
        },
        { credentials: account, hasRules: account !== undefined, gate, logger: silentLogger },
      );
    });
});
