// Reads paced cameras, or one fast stream over UDP, in a process of its own: node latency.js <cameras|udp>
// <port> <count or packets> <mbit or rate>. Answers each message of its parent with what it has seen since
// the last.

import { tcp, udp } from '../../lib/client/transport/transports.js';
import { ServerMemory } from '../../lib/client/quirks.js';
import { RtspSession, type SessionOptions } from '../../lib/client/session.js';
import { openPipe } from '../../lib/client/transport/socket.js';

export interface Seen {
  units: number;
  packets: number;
  lost: number;
  /**
   * Milliseconds from the socket read of a unit's last packet to the subscriber's call: half of the units, 99
   * of 100, all.
   */
  p50: number;
  p99: number;
  worst: number;
}

const [kind, port = '0', count = '16', rate = '4'] = process.argv.slice(2);
const sessions: RtspSession[] = [];
let waits: number[] = [];

function sessionOf(path: string, transport: 'tcp' | 'udp'): RtspSession {
  let readAt = 0;
  const options: SessionOptions = {
    uri: `rtsp://127.0.0.1:${port}${path}`,
    transport: (transport === 'tcp' ? tcp : udp)({
      connect: (pipe) =>
        openPipe({
          ...pipe,
          onData: (buffer, length) => {
            readAt = performance.now();
            pipe.onData(buffer, length);
          },
        }),
    }),
    memory: new ServerMemory(),
    onUnit: (unit) => {
      waits.push(performance.now() - readAt);
      if (transport === 'tcp' && unit.kind === 'video' && unit.damaged) throw new Error('a damaged unit');
    },
    onEnd: () => process.send?.(seen()),
  };
  return new RtspSession(options);
}

function seen(): Seen {
  const sorted = waits.sort((a, b) => a - b);
  waits = [];
  const at = (part: number): number => sorted[Math.floor((sorted.length - 1) * part)] ?? Number.NaN;
  const sum = (field: 'packets' | 'lost'): number =>
    sessions.reduce((all, { statistics }) => all + statistics[field], 0);
  return {
    units: sorted.length,
    packets: sum('packets'),
    lost: sum('lost'),
    p50: at(0.5),
    p99: at(0.99),
    worst: at(1),
  };
}

async function main(): Promise<void> {
  if (kind === 'udp') {
    sessions.push(sessionOf(`/udp?rate=${rate}&packets=${count}`, 'udp'));
  } else {
    for (let i = 0; i < Number(count); i++) sessions.push(sessionOf(`/camera?mbit=${rate}`, 'tcp'));
  }
  for (const session of sessions) await session.open();
  process.send?.('playing');
}

process.on('message', () => process.send?.(seen()));
process.on('disconnect', () => process.exit());
void main();
