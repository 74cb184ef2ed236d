// A client's session to a server of the test, and what its user is told.

import assert from 'node:assert/strict';
import { ServerMemory } from '../../lib/client/quirks.js';
import { RtspSession, type SessionEnd, type SessionOptions } from '../../lib/client/session.js';
import { tcp } from '../../lib/client/transport/transports.js';
import type { MediaUnit } from '../../lib/codec/unit.js';
import { NvrError } from '../../lib/errors.js';

/** For a server at that port: over TCP, with nothing learnt yet and nobody told. */
export function sessionOptions(port: number, extra: Partial<SessionOptions> = {}): SessionOptions {
  return {
    uri: `rtsp://127.0.0.1:${port}/live`,
    transport: tcp(),
    memory: new ServerMemory(),
    onUnit: () => undefined,
    onEnd: () => undefined,
    ...extra,
  };
}

export class SessionRig {
  readonly units: MediaUnit[] = [];
  readonly warnings: NvrError[] = [];
  readonly memory = new ServerMemory();
  readonly ended: Promise<SessionEnd>;
  readonly firstUnit: Promise<void>;
  session!: RtspSession;
  private onEnd!: (end: SessionEnd) => void;
  private onFirst!: () => void;

  constructor(readonly server: { readonly port: number; close(): Promise<void> }) {
    this.ended = new Promise((resolve) => (this.onEnd = resolve));
    this.firstUnit = new Promise((resolve) => (this.onFirst = resolve));
  }

  options(extra: Partial<SessionOptions> = {}, path = '/live?ch=0000&stype=D'): SessionOptions {
    return sessionOptions(this.server.port, {
      uri: `rtsp://127.0.0.1:${this.server.port}${path}`,
      memory: this.memory,
      requestTimeoutMs: 2000,
      onUnit: (unit) => {
        this.units.push(unit);
        this.onFirst();
      },
      onWarning: (error) => this.warnings.push(error),
      onEnd: this.onEnd,
      ...extra,
    });
  }

  async open(extra: Partial<SessionOptions> = {}, path?: string): Promise<void> {
    this.session = new RtspSession(this.options(extra, path));
    await this.session.open();
  }

  /** What opening it fails with. */
  async fails(extra: Partial<SessionOptions> = {}): Promise<NvrError> {
    const error = await this.open(extra).then(
      () => assert.fail('it opened'),
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof NvrError, String(error));
    return error;
  }

  async close(): Promise<void> {
    await (this.session as RtspSession | undefined)?.close();
    await this.server.close();
  }
}
