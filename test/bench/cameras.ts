// Reads paced cameras in one process: node cameras.js <floor|library> <port> <count> [Mbit/s]. Reads until
// its parent goes.

import net from 'node:net';
import { tcp } from '../../lib/client/transport/transports.js';
import { ServerMemory } from '../../lib/client/quirks.js';
import { RtspSession } from '../../lib/client/session.js';

const [kind, port = '0', count = '16', megabits = '4'] = process.argv.slice(2);
const uri = `rtsp://127.0.0.1:${port}/camera?mbit=${megabits}`;
let units = 0;

function floor(): void {
  const onread = { buffer: Buffer.allocUnsafeSlow(64 * 1024), callback: (): boolean => true };
  const socket = net.connect({ port: Number(port), host: '127.0.0.1', onread });
  socket.write(`PLAY ${uri} RTSP/1.0\r\nCSeq: 1\r\n\r\n`);
}

async function library(): Promise<void> {
  const session = new RtspSession({
    uri,
    transport: tcp(),
    memory: new ServerMemory(),
    onUnit: (unit) => {
      units++;
      if (unit.kind === 'video' && unit.damaged) throw new Error('a damaged unit');
    },
    onEnd: ({ error }) => {
      throw error;
    },
  });
  await session.open();
}

for (let i = 0; i < Number(count); i++) {
  if (kind === 'floor') floor();
  else void library();
}
process.on('message', () => process.send?.({ units }));
process.on('disconnect', () => process.exit());
