// What a session is doing: `new` -> `opening` -> `playing` -> `ended`.

import type { Playing } from './playing.js';
import type { SessionEnd } from './session-options.js';
import type { Granted } from './setup.js';

/** Why a session ended before PLAY was answered. */
export type EarlyEnd = Pick<SessionEnd, 'reason' | 'error'>;

export interface Opening {
  readonly name: 'opening';
  /** A SETUP in flight, whose reply may bring the session that has to be torn down. */
  settingUp?: Promise<Granted>;
  end?: EarlyEnd | undefined;
}

export type State =
  | { readonly name: 'new' }
  | Opening
  | { readonly name: 'playing'; readonly playing: Playing }
  | { readonly name: 'ended' };
