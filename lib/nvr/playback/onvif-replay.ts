// ONVIF replay (Streaming Specification 6, Profile G): the recorded time is in PLAY's Range and in an RTP
// header extension of each packet. Reverse replay is not supported.

import type { SessionOptions } from '../../client/session-options.js';

const REQUIRE = { Require: 'onvif-replay' };

/**
 * The headers for a recording. `at` and `to` are epoch ms; a `speed` of 0 means as fast as the server can
 * send.
 */
export function onvifReplay(
  at: number,
  to: number | undefined,
  speed: number,
): Pick<SessionOptions, 'range' | 'setupHeaders' | 'playHeaders'> {
  const rate: Record<string, string> =
    speed === 0
      ? { 'Rate-Control': 'no' }
      : { 'Rate-Control': 'yes', ...(speed !== 1 && { Scale: String(speed) }) };
  return {
    range: `clock=${clockTime(at)}-${to === undefined ? '' : clockTime(to)}`,
    setupHeaders: REQUIRE,
    // `Immediate`: after a seek, the server does not first finish what it was sending.
    playHeaders: { ...REQUIRE, ...rate, Immediate: 'yes' },
  };
}

/** A time in UTC as in RFC 2326 3.7: 20261127T140000.250Z. */
function clockTime(epochMs: number): string {
  return new Date(epochMs).toISOString().replace(/[-:]/g, '');
}
