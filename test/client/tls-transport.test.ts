import assert from 'node:assert/strict';
import { openSession } from '../../lib/client/open-session.js';
import { ServerMemory } from '../../lib/client/quirks.js';
import { openPipe, type PipeOptions } from '../../lib/client/transport/socket.js';
import { multicast, tcp, udp } from '../../lib/client/transport/transports.js';
import { NvrError } from '../../lib/errors.js';
import { startScriptedServer, type Script } from '../kit/scripted-server.js';

// What is encrypted is not the point here.
const inClear = { connect: (options: PipeOptions) => openPipe({ ...options, tls: undefined }) };
const TRANSPORTS = {
  auto: [tcp(inClear), udp(inClear)],
  'udp-first': [udp(inClear), tcp(inClear)],
  udp: udp(inClear),
  multicast: multicast(inClear),
};

/**
 * What a server that refuses TCP with 461 was asked to SETUP over what only looks like TLS, and how it ended.
 */
async function asked(
  preference: keyof typeof TRANSPORTS,
  script?: Script,
): Promise<{ setups: string[]; error: NvrError }> {
  const server = await startScriptedServer(
    script ??
      (({ method }) => (method === 'SETUP' ? { status: 461, reason: 'Unsupported Transport' } : undefined)),
  );
  try {
    const memory = new ServerMemory();
    memory.learn('transport', 'udp');
    const error: unknown = await openSession(`rtsps://127.0.0.1:${server.port}/live`, {
      transport: TRANSPORTS[preference],
      memory,
    }).then(
      (session) => session.close(),
      (thrown: unknown) => thrown,
    );
    assert.ok(error instanceof NvrError, 'it plays');
    const setups = server.requests.filter(({ method }) => method === 'SETUP');
    return { setups: setups.map(({ headers }) => headers.get('Transport') ?? ''), error };
  } finally {
    await server.close();
  }
}

describe('RTSP over TLS', () => {
  for (const preference of ['auto', 'udp-first'] as const)
    it(`asks for interleaved media alone, whatever was learnt, and says why it ends with 461: ${preference}`, async () => {
      const { setups, error } = await asked(preference);
      assert.deepEqual(setups, ['RTP/AVP/TCP;unicast;interleaved=0-1']);
      assert.equal(error.code, 'EUNSUPPORTED');
      assert.match(error.message, /461.*only TCP is tried/);
    });

  for (const preference of ['udp', 'multicast'] as const)
    it(`refuses media that anybody on the way could see, before any SETUP: ${preference}`, async () => {
      const { setups, error } = await asked(preference);
      assert.deepEqual(setups, []);
      assert.equal(error.code, 'EUNSUPPORTED');
      assert.match(error.message, /choose the transport TCP/);
    });
});
