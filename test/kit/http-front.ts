// Puts an HTTP tunnel in front of an RTSP server: each GET opens a connection to it, and the bodies of POSTs
// with the same cookie are sent to it.

import net, { type AddressInfo } from 'node:net';

export interface HttpFront {
  readonly port: number;
  /** Requests: method, path, and whether they carried credentials. */
  readonly asked: { method: string; path: string; authorized: boolean }[];
  close(): Promise<void>;
}

/** `basic`: the required account as `user:password`. */
export async function startHttpFront(rtspPort: number, basic?: string): Promise<HttpFront> {
  const sockets = new Set<net.Socket>();
  const tunnels = new Map<string, net.Socket>();
  const asked: HttpFront['asked'] = [];
  const keep = (socket: net.Socket): net.Socket => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    return socket.on('close', () => sockets.delete(socket));
  };
  const server = net.createServer((socket) => {
    keep(socket);
    let head = '';
    const onHead = (chunk: Buffer): void => {
      head += chunk.toString('latin1');
      const end = head.indexOf('\r\n\r\n');
      if (end === -1) return;
      socket.off('data', onHead);
      const [, method = '', path = ''] = /^(\w+) (\S+)/.exec(head) ?? [];
      const [, cookie = ''] = /^x-sessioncookie: (.*)$/im.exec(head.slice(0, end)) ?? [];
      const [, authorization] = /^Authorization: Basic (.*)$/im.exec(head.slice(0, end)) ?? [];
      asked.push({ method, path, authorized: authorization !== undefined });
      if (basic !== undefined && authorization !== Buffer.from(basic).toString('base64')) {
        socket.end('HTTP/1.0 401 Unauthorized\r\nWWW-Authenticate: Basic realm="front"\r\n\r\n');
      } else if (method === 'GET') {
        const rtsp = keep(net.connect(rtspPort, '127.0.0.1'));
        tunnels.set(cookie, rtsp);
        socket.write('HTTP/1.0 200 OK\r\nContent-Type: application/x-rtsp-tunnelled\r\n\r\n');
        rtsp.pipe(socket);
        socket.on('close', () => rtsp.destroy());
      } else {
        let rest = '';
        const onBody = (text: string): void => {
          rest += text;
          const whole = rest.length - (rest.length % 4);
          for (const group of rest.slice(0, whole).match(/.{4}/gs) ?? [])
            tunnels.get(cookie)?.write(Buffer.from(group, 'base64'));
          rest = rest.slice(whole);
        };
        onBody(head.slice(end + 4));
        socket.on('data', (more) => {
          onBody(more.toString('latin1'));
        });
      }
    };
    socket.on('data', onHead);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    asked,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
