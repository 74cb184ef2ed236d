// Message parsing and status codes of the NVR written from the manual.

import net, { type AddressInfo } from 'node:net';

export const HOST = '127.0.0.1';

/** Reason phrases of the status codes that the faults use. */
export const REASONS: Readonly<Record<number, string>> = {
  200: 'OK',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  453: 'Not Enough Bandwidth',
  454: 'Session Not Found',
  461: 'Unsupported Transport',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
};
export interface Request {
  readonly method: string;
  readonly uri: string;
  readonly headers: ReadonlyMap<string, string>;
}

export function readRequest(head: string): Request | undefined {
  const [first = '', ...lines] = head.split('\r\n');
  const [, method, uri] = /^([A-Z_]+) (\S+) RTSP\/1\.0$/.exec(first) ?? [];
  if (method === undefined || uri === undefined) return undefined;
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    if (colon > 0) headers.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
  }
  return { method, uri, headers };
}

/** Resolves with the port. */
export function listen(server: net.Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, HOST, () => {
      resolve((server.address() as AddressInfo).port);
    });
  });
}
