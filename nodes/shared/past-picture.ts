// A picture of a past moment, for `nvr-snapshot` and for the still addresses of `nvr-view`.

import { NvrError } from '../../lib/errors.js';
import { takePastSnapshot } from '../../lib/nvr/past-snapshot.js';
import { parseTime } from '../../lib/nvr/playback/nvr-time.js';
import type { Nvr } from '../../lib/nvr/nvr.js';
import type { Snapshot, SnapshotOptions } from '../../lib/nvr/snapshot/snapshot.js';

interface PastPicture {
  readonly channel: number;
  readonly stream: string;
  /** A time in any form that `parseTime` reads. */
  readonly at: unknown;
}

/**
 * `owner`: identifies the requester in the decoder's queue. Rejects as `takePastSnapshot` does, and with
 * EUNSUPPORTED and EINPUT.
 */
export async function takePast(
  owner: object,
  nvr: Nvr,
  { channel, stream, at: given }: PastPicture,
  options: SnapshotOptions,
): Promise<Snapshot> {
  const now = Date.now();
  const at = parseTime(given, 'at', now, nvr.settings.timeZone);
  if (at >= now) throw new NvrError('EINPUT', '"at" lies in the future: nothing is recorded there yet.');
  if (!nvr.canPlayBack)
    throw new NvrError('EUNSUPPORTED', 'A past moment needs recordings, and the NVR’s URI style knows none.');
  const fetch = (from: number, to: number, signal: AbortSignal) =>
    nvr.fetchSpan({ channel, stream, from, to }, signal);
  return takePastSnapshot(owner, fetch, at, options);
}
