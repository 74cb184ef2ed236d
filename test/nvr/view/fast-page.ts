// A page of the live view that takes everything at once, and what is in its records.

import { LiveFeed } from '../../../lib/nvr/view/live-feed.js';
import { RECORD_HEAD, RECORD_KINDS } from '../../../lib/nvr/view/records.js';
import { Viewer } from '../../../lib/nvr/view/viewer.js';
import { FakeHub } from '../../kit/fake-hub.js';

export interface Rec {
  readonly kind: string;
  readonly flags: number;
  readonly body: Buffer;
  readonly bytes: Buffer;
}

/** A page that takes everything at once. */
export class FastPage {
  readonly records: Rec[] = [];
  readonly viewer = new Viewer(
    'id',
    {
      write: (bytes, sent) => {
        const kind = Object.entries(RECORD_KINDS).find(([, value]) => value === bytes[4])?.[0] ?? '?';
        this.records.push({ kind, flags: bytes[5]!, body: bytes.subarray(RECORD_HEAD), bytes });
        sent();
      },
      destroy: () => undefined,
    },
    () => 0,
  );

  get kinds(): string[] {
    return this.records.map(({ kind }) => kind);
  }

  state(index: number): Record<string, unknown> {
    const states = this.records.filter(({ kind }) => kind === 'state');
    return JSON.parse(states.at(index)!.body.toString()) as Record<string, unknown>;
  }
}

/** Decode time of a fragment, in ms. */
export const decodedAt = ({ body }: { body: Buffer }): number =>
  Number(body.readBigUInt64BE(body.indexOf('tfdt') + 8)) / 90;
export const sequenceOf = ({ body }: { body: Buffer }): number => body.readUInt32BE(body.indexOf('mfhd') + 8);
export const shownAt = ({ body }: { body: Buffer }): number => body.readDoubleBE(8);

export function feedOf(hub: FakeHub, ...pages: FastPage[]): LiveFeed {
  const feed = new LiveFeed(hub, 0);
  for (const page of pages) feed.add(page.viewer);
  return feed;
}
