// The NVR's clock, read from the Date header of its key service. Asked without credentials, so that it is no
// log-in in the NVR's log.

import http from 'node:http';
import https from 'node:https';
import { performance } from 'node:perf_hooks';
import { USER_AGENT } from '../../client/describe.js';
import { authorityOnWire } from '../../rtsp/uri.js';
import type { NvrSettings } from '../types.js';
import { needsKey } from '../uri-template.js';

/** The offset is kept for this long (ms): a clock does not drift noticeably in that time. */
const KEEP_MS = 10 * 60_000;
const TIMEOUT_MS = 1_000;

export class ServerClock {
  private asked: Promise<number | undefined> | undefined;
  private askedAt = 0;

  /** `clock`: monotonic ms. */
  constructor(
    private readonly settings: NvrSettings,
    private readonly clock: () => number = () => performance.now(),
  ) {}

  /**
   * How far the NVR's clock is ahead, in ms, to about a second; undefined if there is no key service, or it
   * sends no date. Never rejects.
   */
  offset(): Promise<number | undefined> {
    if (!needsKey(this.settings)) return Promise.resolve(undefined);
    const now = this.clock();
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
      // The header has whole seconds: on average half a second is cut off.
      finish(Number.isNaN(date) ? undefined : date + 500 - Date.now());
    });
    request.end();
  });
}
