// Servers that each end a connection in a way of their own, on real sockets: one for every code that a check
// can end in.

import net, { type AddressInfo } from 'node:net';
import type { NvrErrorCode } from '../../lib/errors.js';
import type { Depth, Health } from '../../lib/nvr/health/health.js';
import type { NvrSettings } from '../../lib/nvr/types.js';
import { startSimulator, type Simulator, type SimulatorOptions } from '../../lib/simulator/index.js';
import { startScriptedServer } from '../kit/scripted-server.js';

export const ACCOUNT = { username: 'admin', password: 'geheim-123' };

/** Starts servers, and stops them in the end. */
export class CauseServers {
  readonly endings: (() => unknown)[] = [];

  async end(): Promise<void> {
    for (const end of this.endings.splice(0).reverse()) await end();
  }

  async simulate(options: SimulatorOptions = {}): Promise<Simulator> {
    const simulator = await startSimulator({ ...ACCOUNT, ...options });
    this.endings.push(() => simulator.stop());
    return simulator;
  }

  /** A server that does with a connection what it is told; its port. */
  async listen(onSocket: (socket: net.Socket) => void): Promise<number> {
    const sockets = new Set<net.Socket>();
    const server = net.createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
      onSocket(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    this.endings.push(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    return (server.address() as AddressInfo).port;
  }
}

/** What the NVR's settings must be to meet that server; the rest as usual. */
export type Settings = Partial<
  Pick<NvrSettings, 'host' | 'rtspPort' | 'httpPort' | 'tls' | 'requestTimeout' | 'password'>
>;

export interface Cause {
  code: NvrErrorCode;
  /** `auth` where absent. */
  depth?: Depth;
  /** Where the check ends. */
  stage: Depth;
  /** `down` where absent. */
  state?: Health['state'];
  start: (servers: CauseServers) => Settings | Promise<Settings>;
}

const of = ({ rtspPort, httpPort }: Simulator, more: Settings = {}): Settings => ({
  rtspPort,
  httpPort,
  ...more,
});

/** Answers whatever comes with these bytes, and hangs up. */
const saying =
  (bytes: string) =>
  async (servers: CauseServers): Promise<number> =>
    servers.listen((socket) => socket.on('data', () => socket.end(bytes)));

export const CAUSES: Readonly<Record<string, Cause>> = {
  'a host name that nobody knows': {
    code: 'EDNS',
    stage: 'reach',
    start: () => ({ host: 'nvr.invalid', rtspPort: 554 }),
  },
  'a closed port': {
    code: 'ECONNREFUSED',
    stage: 'reach',
    start: async () => {
      const server = net.createServer();
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const { port } = server.address() as AddressInfo;
      await new Promise((resolve) => server.close(resolve));
      return { rtspPort: port };
    },
  },
  'a connection that is cut': {
    code: 'EUNREACHABLE',
    stage: 'rtsp',
    start: async (servers) => ({
      rtspPort: await servers.listen((socket) => socket.on('data', () => socket.resetAndDestroy())),
    }),
  },
  'a server that says nothing': {
    code: 'ETIMEDOUT',
    stage: 'rtsp',
    start: async (servers) => ({ rtspPort: await servers.listen(() => undefined), requestTimeout: 0.3 }),
  },
  'a port without TLS': {
    code: 'ETLS',
    stage: 'reach',
    start: async (servers) => ({
      rtspPort: await saying('RTSP/1.0 400 Bad Request\r\n\r\n')(servers),
      tls: true,
    }),
  },
  'a web server': {
    code: 'ENOTRTSP',
    stage: 'rtsp',
    start: async (servers) => ({ rtspPort: await saying('HTTP/1.1 400 Bad Request\r\n\r\n')(servers) }),
  },
  'a description that is none': {
    code: 'EPROTOCOL',
    stage: 'auth',
    start: async (servers) => {
      const server = await startScriptedServer(({ method }) =>
        method === 'DESCRIBE'
          ? { headers: { 'Content-Type': 'application/sdp' }, body: '<html>' }
          : undefined,
      );
      servers.endings.push(() => server.close());
      return { rtspPort: server.port };
    },
  },
  'a wrong password': {
    code: 'EAUTH',
    stage: 'auth',
    start: async (servers) => of(await servers.simulate(), { password: 'wrong' }),
  },
  'an account without the privilege': {
    code: 'EFORBIDDEN',
    stage: 'auth',
    start: async (servers) => of(await servers.simulate({ withoutPrivilege: true })),
  },
  'a channel that is none': {
    code: 'ECHANNEL',
    stage: 'auth',
    start: async (servers) => of(await servers.simulate({ channels: 0 })),
  },
  'a full NVR': {
    code: 'ESESSIONS',
    depth: 'media',
    stage: 'media',
    start: async (servers) => of(await servers.simulate({ maxSessions: 0 })),
  },
  'a transport that nobody speaks': {
    code: 'EUNSUPPORTED',
    depth: 'media',
    stage: 'media',
    start: async (servers) => of(await servers.simulate({ refuse: ['tcp', 'udp'] })),
  },
  'a stream without keyframes': {
    code: 'ENOKEYFRAME',
    depth: 'media',
    stage: 'media',
    start: async (servers) => {
      const simulator = await servers.simulate();
      simulator.withholdKeyframes(1);
      return of(simulator, { requestTimeout: 1 });
    },
  },
  'a clock of sender reports that is off': {
    code: 'ECLOCK',
    depth: 'media',
    stage: 'media',
    state: 'degraded',
    start: async (servers) => of(await servers.simulate({ clockSkewMs: -60_000 }), { httpPort: 1 }),
  },
  'a clock of the key service that is off': {
    code: 'ECLOCK',
    stage: 'auth',
    state: 'degraded',
    start: async (servers) => of(await servers.simulate({ clockSkewMs: 60_000 })),
  },
};
