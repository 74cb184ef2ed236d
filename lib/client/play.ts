// PLAY, and TEARDOWN.

import type { RtspResponse } from '../rtsp/message.js';
import type { Described } from './describe.js';
import { errorOfReply } from './status.js';

/** For its reply; then the connection is closed. */
const TEARDOWN_MS = 1_000;

/** Rejects with what a refusal stands for. */
export async function requestPlay(
  { connection, baseUri }: Described,
  range: string,
  headers: Readonly<Record<string, string>>,
): Promise<RtspResponse> {
  const ask = (asked: string): Promise<RtspResponse> =>
    connection.request('PLAY', baseUri, { Range: asked, ...headers });
  let reply = await ask(range);
  const open = /^(.*-)[^-]+$/.exec(range)?.[1];
  // quirk: closed-range-refused; the caller stops on the clock.
  if ((reply.status === 456 || reply.status === 457) && open !== undefined) reply = await ask(open);
  if (reply.status !== 200) throw errorOfReply(reply, 'PLAY');
  return reply;
}

/** Never rejects. `settingUp`: a SETUP whose reply may bring the session that is to be torn down. */
export async function tearDown(
  { connection, baseUri }: Described,
  settingUp: Promise<unknown> | undefined,
  sessionHeader: () => Record<string, string>,
): Promise<void> {
  if (settingUp !== undefined && connection.isOpen) await settlesWithin(settingUp, TEARDOWN_MS);
  const headers = sessionHeader();
  if (headers.Session !== undefined && connection.isOpen) {
    connection.resume();
    await connection.request('TEARDOWN', baseUri, headers, TEARDOWN_MS).catch(() => undefined);
  }
  connection.destroy();
}

/** Waits until it is settled, either way, or for so long. */
async function settlesWithin(work: Promise<unknown>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise((resolve) => (timer = setTimeout(resolve, ms)));
  await Promise.race([work.catch(() => undefined), limit]);
  clearTimeout(timer);
}
