// Registry of what an NVR's record nodes have recorded, for nodes that show it.

import type { Catalog } from '../../lib/nvr/recorder/catalog.js';
import type { NvrServerNode } from './server-node.js';

export interface RecordedCamera {
  readonly channel: number;
  readonly catalog: Catalog;
}

const cameras = new WeakMap<NvrServerNode, Set<RecordedCamera>>();

/** Registers a record node's camera; returns a function that removes it. */
export function offerRecorded(server: NvrServerNode, camera: RecordedCamera): () => void {
  const recorded = cameras.get(server) ?? new Set();
  cameras.set(server, recorded.add(camera));
  return () => {
    recorded.delete(camera);
  };
}

export function recordedOf(server: NvrServerNode, channel: number): RecordedCamera[] {
  return [...(cameras.get(server) ?? [])].filter((camera) => camera.channel === channel);
}
