// A minute of UDP that loses packets: who leaves it, who stays, and what is told of it.

import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { Nvr } from '../../lib/nvr/nvr.js';
import type { HubEvent, TransportSetting } from '../../lib/nvr/types.js';
import {
  deltaSlice,
  keyframePackets,
  rtp,
  startScriptedServer,
  type ScriptedServer,
} from '../kit/scripted-server.js';
import { settingsFor } from '../kit/settings.js';

/** Sends 100 packets a second to a port, one in twenty left out. */
function send(socket: dgram.Socket, port: number): NodeJS.Timeout {
  let sequence = 1;
  const out = (packet: Buffer): void => {
    socket.send(packet, port, '127.0.0.1');
  };
  for (const packet of keyframePackets(sequence, 0)) out(packet);
  sequence += 3;
  return setInterval(() => {
    sequence++;
    if (sequence % 20 !== 0) out(rtp(sequence, sequence * 900, true, deltaSlice()));
  }, 10);
}

describe('UDP that loses 5 % of its packets', () => {
  const ended: (() => Promise<void>)[] = [];

  after(async () => {
    for (const end of ended) await end();
  });

  async function watch(
    transport: TransportSetting,
    refusesTcp = false,
  ): Promise<{ server: ScriptedServer; events: HubEvent[]; nvr: Nvr }> {
    const socket = dgram.createSocket('udp4');
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    const timers: NodeJS.Timeout[] = [];
    let port = 0;
    const server = await startScriptedServer(({ method, headers }) => {
      const asked = headers.get('Transport') ?? '';
      if (method === 'SETUP' && asked.includes('TCP') && refusesTcp)
        return { status: 461, reason: 'Unsupported' };
      const client = /client_port=(\d+)/.exec(asked)?.[1];
      if (client !== undefined) port = Number(client);
      if (method === 'PLAY' && port !== 0) timers.push(send(socket, port));
      if (method === 'TEARDOWN') timers.forEach(clearInterval);
      return undefined;
    });
    const nvr = new Nvr(settingsFor(server.port, { transport }));
    const events: HubEvent[] = [];
    nvr.camera(1, 'main').subscribe({ onEvent: (event) => events.push(event) });
    ended.push(async () => {
      timers.forEach(clearInterval);
      await nvr.close();
      await server.close();
      socket.close();
    });
    return { server, events, nvr };
  }

  it('is left for TCP by udp-first, once and for all, and kept by those that chose it or have no other', async () => {
    const first = await watch('udp-first');
    const fixed = await watch('udp');
    const refused = await watch('auto', true);
    await new Promise((resolve) => setTimeout(resolve, 80_000));

    const warnings = ({ events }: { events: HubEvent[] }): string[] =>
      events.filter(({ type }) => type === 'warning').map(({ reason }) => reason ?? '');
    const setups = ({ server }: { server: ScriptedServer }): string[] =>
      server.requests
        .filter(({ method }) => method === 'SETUP')
        .map(({ headers }) => (headers.get('Transport')!.includes('TCP') ? 'tcp' : 'udp'));

    assert.equal(
      warnings(first).filter((reason) => /^[45](\.\d)? % .*over UDP.*going over to TCP/.test(reason)).length,
      1,
    );
    // Nothing comes over TCP here, and so it tries again: over TCP.
    assert.deepEqual([...new Set(setups(first))], ['udp', 'tcp']);
    assert.equal(setups(first).filter((lower) => lower === 'udp').length, 1);
    first.nvr.camera(2, 'main').subscribe({});
    await first.server.waitFor('PLAY');
    assert.equal(setups(first).at(-1), 'tcp');

    for (const [one, why] of [
      [fixed, /stays on UDP.*"udp"/],
      [refused, /refuses TCP \(461\).*stays on UDP/],
    ] as const) {
      const told = warnings(one).filter((reason) => reason.includes('within the last minute'));
      assert.equal(told.length, 1);
      assert.match(told[0]!, why);
      assert.equal(setups(one).at(-1), 'udp');
      assert.equal(one.nvr.camera(1, 'main').statistics.state, 'playing');
    }
  });
});
