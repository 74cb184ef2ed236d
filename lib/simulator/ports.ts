// Finds a port for the demo: the usual one, or the next that is free.

import net from 'node:net';

const HOST = '127.0.0.1';
const TRIES = 50;

/** `port`, or the next free one above it; 0 means any. Rejects with a readable message if there is none. */
export async function freePort(port: number): Promise<number> {
  if (port === 0) return listened(0);
  for (let tried = port; tried < port + TRIES && tried <= 65_535; tried++) {
    // Some systems allow listening on one address although a server listens on all of them, so check by
    // connecting.
    if (await answers(tried)) continue;
    const free = await listened(tried).catch(() => undefined);
    if (free !== undefined) return free;
  }
  throw new Error(`The ports from ${port} to ${port + TRIES - 1} are all taken.`);
}

function listened(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once('error', reject);
    server.listen(port, HOST, () => {
      const address = server.address();
      server.close(() => {
        resolve(typeof address === 'object' && address !== null ? address.port : port);
      });
    });
  });
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, HOST);
    const finish = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => {
      finish(true);
    });
    socket.once('error', () => {
      finish(false);
    });
  });
}
