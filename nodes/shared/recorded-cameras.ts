// What the record nodes of an NVR have recorded, for nodes that show it.

import type { Catalog } from '../../lib/nvr/recorder/catalog.js';
import type { NvrServerNode } from './server-node.js';

export interface RecordedCamera {
  readonly channel: number;
  readonly catalog: Catalog;
}

const cameras = new WeakMap<NvrServerNode, Set<RecordedCamera>>();

/** A record node is there; answers how to say that it has gone. */
export function offerRecorded(server: NvrServerNode, camera: RecordedCamera): () => void {
  const known = cameras.get(server) ?? new Set();
  cameras.set(server, known.add(camera));
  return () => {
    known.delete(camera);
  };
}

export function recordedOf(server: NvrServerNode, channel: number): RecordedCamera[] {
  return [...(cameras.get(server) ?? [])].filter((camera) => camera.channel === channel);
}
