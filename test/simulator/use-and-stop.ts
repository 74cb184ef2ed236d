// Run by cli.test.ts in a process of its own: it must end by itself once the simulator is stopped.

import { startSimulator } from '../../lib/simulator/index.js';
import { RawClient } from '../kit/raw-client.js';

async function main(): Promise<void> {
  const simulator = await startSimulator({ replyDelayMs: 5, audio: true });
  const uri = simulator.url(1);
  const clients = await Promise.all([1, 2, 3].map(() => RawClient.connect(simulator.rtspPort)));
  await clients[0]!.play(uri);
  const udp = { Transport: 'RTP/AVP;unicast;client_port=40000-40001' };
  const setup = await clients[1]!.ask('SETUP', `${uri}/track1`, udp);
  await clients[1]!.ask('PLAY', uri, { Session: setup.headers.get('Session')!.split(';')[0]! });
  // In the middle of a delay and of a UDP SETUP.
  clients[2]!.send('SETUP', `${uri}/track1`, udp);
  void fetch(`http://127.0.0.1:${simulator.httpPort}/`).catch(() => undefined);
  await simulator.stop();
  await simulator.stop();
}

void main();
