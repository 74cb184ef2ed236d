// Live pictures of a tested camera in the dialog, for ten seconds: streams records like those for a view's
// page.

import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { NvrError } from '../../lib/errors.js';
import type { CameraHub } from '../../lib/nvr/types.js';
import { View } from '../../lib/nvr/view/view.js';

export const MOVING_MS = 10_000;
/** For how long after the test the stream can be requested, once. */
const OFFERED_MS = 10_000;
const MAX_OFFERED = 8;
const MAX_MOVING = 4;

const offered = new Map<string, CameraHub>();
let moving = 0;

/** Returns the id with which the dialog requests the stream. */
export function offerMoving(hub: CameraHub): string {
  const id = randomUUID();
  offered.set(id, hub);
  if (offered.size > MAX_OFFERED) offered.delete(offered.keys().next().value!);
  setTimeout(() => offered.delete(id), OFFERED_MS).unref();
  return id;
}

/**
 * Streams for ten seconds, or until the dialog closes. Throws EINPUT for an unknown id, EBUSY if too many
 * streams are open.
 */
export function streamMoving(id: unknown, response: ServerResponse): void {
  const hub = typeof id === 'string' ? offered.get(id) : undefined;
  if (hub === undefined) throw new NvrError('EINPUT', 'There is no such stream any more: test again.');
  if (moving >= MAX_MOVING) throw new NvrError('EBUSY', `At most ${MAX_MOVING} tested cameras move at once.`);
  offered.delete(id as string);
  const { channel, stream } = hub;
  const view = new View({
    cameras: [{ channel, name: '' }],
    maxViewers: 1,
    hub: () => hub,
    still: () => () => Promise.reject(new NvrError('EUNSUPPORTED', 'The still picture is there already.')),
    onViewers: () => undefined,
  });
  moving++;
  response.on('error', () => undefined);
  response.writeHead(200, { 'Content-Type': 'application/octet-stream', 'Cache-Control': 'no-store' });
  const viewer = view.open(
    {
      write: (bytes, sent) => {
        response.write(bytes, () => {
          sent();
        });
      },
      destroy: () => {
        response.end();
      },
    },
    {},
  );
  view.want(viewer, [{ camera: 0, stream: stream === 'dual' ? 'dual' : 'main', as: 'video' }]);
  const timer = setTimeout(() => {
    view.close();
  }, MOVING_MS);
  response.once('close', () => {
    clearTimeout(timer);
    view.close();
    moving--;
  });
}
