// A key service that answers as a test says.

import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** `answer` is called for each request, and `asked` has them all: a test sets both anew. */
export class KeyServer {
  asked: IncomingMessage[] = [];
  port = 0;
  answer: Answer = (_, response) => response.end('pbkey=aB3xyz');
  private readonly server = http.createServer((request, response) => {
    this.asked.push(request);
    this.answer(request, response);
  });

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    ({ port: this.port } = this.server.address() as AddressInfo);
  }

  close(): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}
