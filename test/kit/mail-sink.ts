// A mail server that accepts messages one at a time and keeps them.

import net, { type AddressInfo } from 'node:net';

export interface MailSink {
  readonly port: number;
  /** The messages with headers, as received. */
  readonly mails: string[];
  stop(): Promise<void>;
}

/** SMTP (RFC 5321) for clients that do not log in. */
export function startMailSink(): Promise<MailSink> {
  const mails: string[] = [];
  const server = net.createServer((socket) => {
    let waiting = '';
    let isData = false;
    socket.on('error', () => socket.destroy());
    socket.write('220 sink\r\n');
    socket.setEncoding('latin1').on('data', (text: string) => {
      waiting += text;
      for (;;) {
        const end = waiting.indexOf(isData ? '\r\n.\r\n' : '\r\n');
        if (end < 0) return;
        const line = waiting.slice(0, end);
        waiting = waiting.slice(end + (isData ? 5 : 2));
        if (isData) mails.push(line);
        isData = !isData && /^DATA/i.test(line);
        socket.write(isData ? '354 go on\r\n' : /^QUIT/i.test(line) ? '221 bye\r\n' : '250 ok\r\n');
      }
    });
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      resolve({
        port,
        mails,
        stop: () =>
          new Promise((stopped) =>
            server.close(() => {
              stopped();
            }),
          ),
      });
    });
  });
}
