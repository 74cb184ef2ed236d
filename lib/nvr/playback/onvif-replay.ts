// ONVIF's replay (Streaming Specification 6, Profile G): the recorded time stands in PLAY's Range and in each
// packet's extension. Reverse replay is left out.

import type { SessionOptions } from '../../client/session-options.js';

const REQUIRE = { Require: 'onvif-replay' };

/** What a session of a recording asks. `at` and `to` are epoch ms; `speed` 0: as fast as the server sends. */
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
    // `Immediate`: what is on its way of another time is not sent to its end.
    playHeaders: { ...REQUIRE, ...rate, Immediate: 'yes' },
  };
}

/** RFC 2326 3.7, in UTC: 20261127T140000.250Z. */
function clockTime(epochMs: number): string {
  return new Date(epochMs).toISOString().replace(/[-:]/g, '');
}
