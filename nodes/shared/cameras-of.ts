// The cameras that a node's `channel` names, each with its own object, and one badge for all of them.

import type { Node, NodeStatus } from 'node-red';
import { CameraBadges } from './camera-badges.js';
import { OwnCameras, type CameraMark } from './own-cameras.js';
import type { NvrServerNode } from './server-node.js';
import { IDLE } from './status.js';

/** What this takes of a node's context. */
interface Context {
  readonly node: Node;
  readonly server: NvrServerNode;
  readonly settings: { readonly channel: string; readonly channelType: string };
}

/** What one camera is made of. `show` sets its badge. */
export interface CameraParts {
  readonly channel: number;
  readonly mark: CameraMark;
  readonly show: (badge: NodeStatus) => void;
}

/**
 * `workingWord`: the badge's word for cameras that work, such as `playing`. Throws EINPUT as `OwnCameras`
 * does.
 */
export function camerasOf<Camera>(
  { node, server, settings }: Context,
  workingWord: string,
  make: (parts: CameraParts) => Camera,
): { own: OwnCameras; cameras: ReadonlyMap<number, Camera> } {
  const own = new OwnCameras(server.settings, settings.channel, settings.channelType);
  const { channels } = own;
  const badges = new CameraBadges(
    (badge) => {
      node.status(badge);
    },
    channels,
    IDLE,
    workingWord,
  );
  const cameras = channels.map((channel) => {
    const show = (badge: NodeStatus): void => {
      badges.set(channel, badge);
    };
    return [channel, make({ channel, mark: own.markOf(channel), show })] as const;
  });
  return { own, cameras: new Map(cameras) };
}
