// A slow line in front of a web server: its responses arrive at a limited rate, or not at all.

import net, { type AddressInfo } from 'node:net';

export interface SlowLine {
  readonly port: number;
  /** Changes the rate; 0 stops the transfer. */
  setRate(bytesPerSecond: number): void;
  close(): Promise<void>;
}

const TICK_MS = 20;

export async function startSlowLine(to: number, bytesPerSecond: number): Promise<SlowLine> {
  let rate = bytesPerSecond;
  const sockets = new Set<net.Socket>();
  const server = net.createServer((client) => {
    const there = net.connect(to, '127.0.0.1');
    client.pipe(there);
    // Data not read here stays in the server's socket.
    const timer = setInterval(() => {
      for (let left = (rate * TICK_MS) / 1000; left >= 1;) {
        const chunk = there.read(Math.min(Math.floor(left), there.readableLength)) as Buffer | null;
        if (chunk === null || chunk.length === 0) break;
        client.write(chunk);
        left -= chunk.length;
      }
    }, TICK_MS);
    for (const socket of [client, there]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        clearInterval(timer);
        sockets.delete(socket);
        client.destroy();
        there.destroy();
      });
    }
    // Without a reader, the stream reads no further than its buffer.
    there.on('readable', () => undefined);
  });
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    setRate: (next) => {
      rate = next;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        for (const socket of sockets) socket.destroy();
      }),
  };
}
