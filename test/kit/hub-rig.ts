// A camera hub without a network: sessions that the test ends, and a clock that the test moves.

import sinon from 'sinon';
import type { SessionOptions } from '../../lib/client/session-options.js';
import type { VideoUnit } from '../../lib/codec/unit.js';
import { NvrError, type NvrErrorCode } from '../../lib/errors.js';
import { UNCOUNTED, type UnitMemory } from '../../lib/media/unit-memory.js';
import { Account } from '../../lib/nvr/account.js';
import { Hub } from '../../lib/nvr/camera/hub.js';
import type { HubEvent, HubSubscriber, HubSubscription, NvrSettings } from '../../lib/nvr/types.js';
import { FakeSession } from './fake-session.js';
import { settingsFor } from './settings.js';

export const FORMAT = { codec: 'h264', width: 64, height: 64 };

export const picture = (arrival: number, keyframe: boolean): VideoUnit =>
  ({
    ...{ kind: 'video', codec: 'h264', keyframe, damaged: false, arrival, time: arrival, format: FORMAT },
    ...{ data: Buffer.alloc(10), nals: [Buffer.alloc(10)], rtpTime: arrival * 90, timeSource: 'arrival' },
  }) as unknown as VideoUnit;

interface User extends HubSubscription {
  readonly events: HubEvent[];
  readonly units: number[];
  readonly words: () => string[];
}

/** Has faked the clock since it was made: call `end` after each test. */
export class HubRig {
  readonly clock = sinon.useFakeTimers({ now: 1_700_000_000_000 });
  readonly account = new Account(() => performance.now());
  readonly sessions: FakeSession[] = [];
  /** What the next attempts fail with; undefined: they open. */
  refusal: NvrErrorCode | undefined;
  /** The lower transport, until the account has learnt one. */
  lower = 'tcp';
  /** What a session does before PLAY is granted. */
  early: ((options: SessionOptions) => void) | undefined;
  /** The warnings of too many cameras, one for each time that a hub asks. */
  crowded: NvrError[] = [];
  /** Whether the memory for units has room. */
  hasRoom = true;
  private readonly memory: UnitMemory = { ...UNCOUNTED, hold: () => this.hasRoom };

  end(): void {
    this.clock.restore();
  }

  hub(settings: Partial<NvrSettings> = {}): Hub {
    const { account, memory } = this;
    return new Hub({
      ...{ account, memory, session: {}, uri: 'rtsp://127.0.0.1/', channel: 1, stream: 'main' },
      settings: settingsFor(554, { linger: 10, ...settings }),
      crowdedWarningOnce: () => this.crowded.shift(),
      open: (_uri, options) => {
        if (this.refusal !== undefined) return Promise.reject(new NvrError(this.refusal, 'Refused.'));
        const session = new FakeSession(options as SessionOptions, account.memory.transport ?? this.lower);
        this.sessions.push(session);
        this.early?.(options as SessionOptions);
        return Promise.resolve(session.asSession);
      },
    });
  }

  join(hub: Hub, options: Partial<HubSubscriber> = {}): User {
    const events: HubEvent[] = [];
    const units: number[] = [];
    const subscription = hub.subscribe({
      onEvent: (event) => events.push(event),
      onUnit: ({ arrival }) => units.push(arrival),
      ...options,
    });
    return { ...subscription, events, units, words: () => events.map(({ type }) => type) };
  }

  turn(): Promise<number> {
    return this.clock.tickAsync(0);
  }

  /** The newest one. */
  session(): FakeSession {
    return this.sessions.at(-1)!;
  }
}
