// The one door to mediabunny: it ships CommonJS, but declares its types for `import` alone.

import type * as Mediabunny from 'mediabunny' with { 'resolution-mode': 'import' };

let loaded: typeof Mediabunny | undefined;

/** Loaded when first needed: a flow that records nothing shall not pay for it. */
export function mediabunny(): typeof Mediabunny {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- see above
  loaded ??= require('mediabunny') as typeof Mediabunny;
  return loaded;
}

export type {
  EncodedAudioPacketSource,
  EncodedPacket,
  EncodedVideoPacketSource,
  InputVideoTrack,
  Output,
} from 'mediabunny' with {
  'resolution-mode': 'import',
};
