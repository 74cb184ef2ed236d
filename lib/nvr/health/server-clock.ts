// The NVR's clock, read from the Date header of its key service: asked without an account, so that no log-in
// is booked.

import http from 'node:http';
import https from 'node:https';
import { performance } from 'node:perf_hooks';
import { USER_AGENT } from '../../client/describe.js';
import { authorityOnWire } from '../../rtsp/uri.js';
import type { NvrSettings } from '../types.js';
import { needsKey } from '../uri-template.js';

/** A clock does not run away in this time. */
const KEEP_MS = 10 * 60_000;
const TIMEOUT_MS = 1_000;

export class ServerClock {
  private asked: Promise<number | undefined> | undefined;
  private askedAt = 0;

  constructor(private readonly settings: NvrSettings) {}

  /**
   * Milliseconds that the NVR's clock is ahead, to a second or so; undefined where it has no key service or
   * that tells no time. Never rejects.
   */
  offset(): Promise<number | undefined> {
    if (!needsKey(this.settings)) return Promise.resolve(undefined);
    const now = performance.now();
    if (this.asked === undefined || now - this.askedAt > KEEP_MS) {
      this.askedAt = now;
      this.asked = readDate(this.settings);
    }
    return this.asked;
  }
}

function readDate(settings: NvrSettings): Promise<number | undefined> {
  return new Promise((resolve) => {
    const options: http.RequestOptions = {
      host: settings.host,
      port: settings.httpPort,
      method: 'HEAD',
      path: '/',
      agent: false,
      headers: {
        Host: authorityOnWire(settings.host, settings.httpPort, settings.httpTls ? 443 : 80),
        'User-Agent': USER_AGENT,
      },
    };
    const request = settings.httpTls
      ? https.request({ ...options, ...settings.tlsSettings })
      : http.request(options);
    const finish = (offset: number | undefined): void => {
      clearTimeout(timer);
      request.destroy();
      resolve(offset);
    };
    const timer = setTimeout(() => {
      finish(undefined);
    }, TIMEOUT_MS);
    request.on('error', () => {
      finish(undefined);
    });
    request.on('response', (response) => {
      const date = Date.parse(response.headers.date ?? '');
      // The header counts whole seconds: half of one is what it leaves out on average.
      finish(Number.isNaN(date) ? undefined : date + 500 - Date.now());
    });
    request.end();
  });
}
