// PLAY, and TEARDOWN.

import type { RtspResponse } from '../rtsp/message.js';
import type { Described } from './describe.js';
import { errorOfReply } from './status.js';

/** Time limit for the reply to TEARDOWN, in ms; then the connection is closed. */
const TEARDOWN_MS = 1_000;

/** Rejects with the error that the refused PLAY stands for. */
export async function requestPlay(
  { connection, baseUri }: Described,
  range: string,
  headers: Readonly<Record<string, string>>,
): Promise<RtspResponse> {
  const ask = (asked: string): Promise<RtspResponse> =>
    connection.request('PLAY', baseUri, { Range: asked, ...headers });
  let reply = await ask(range);
  const open = /^(.*-)[^-]+$/.exec(range)?.[1];
  // quirk: closed-range-refused; ask again without the end: the caller stops at it by the clock.
  if ((reply.status === 456 || reply.status === 457) && open !== undefined) reply = await ask(open);
  if (reply.status !== 200) throw errorOfReply(reply, 'PLAY');
  return reply;
}

/**
 * Sends TEARDOWN and closes the connection; never rejects. `settingUp` is a SETUP in flight, whose reply may
 * bring the session that has to be torn down.
 */
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

/** Waits until `work` is settled, for at most `ms`. */
async function settlesWithin(work: Promise<unknown>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise((resolve) => (timer = setTimeout(resolve, ms)));
  await Promise.race([work.catch(() => undefined), limit]);
  clearTimeout(timer);
}
