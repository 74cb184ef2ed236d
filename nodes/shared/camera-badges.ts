// The badge of a node with cameras: that of its only camera, or how many of several work.

import type { NodeStatus } from 'node-red';

/**
 * Colours of a camera's badge: grey means switched off, green and blue mean working, any other means a
 * problem.
 */
const isOff = ({ fill }: NodeStatus): boolean => fill === 'grey';
const works = ({ fill }: NodeStatus): boolean => fill === 'green' || fill === 'blue';

export class CameraBadges {
  private readonly badges = new Map<number, NodeStatus>();
  private shown: string | undefined;

  /** `workingWord`: the word for cameras that work, such as `playing`. */
  constructor(
    private readonly show: (badge: NodeStatus) => void,
    channels: readonly number[],
    first: NodeStatus,
    private readonly workingWord: string,
  ) {
    for (const channel of channels) this.badges.set(channel, first);
  }

  set(channel: number, badge: NodeStatus): void {
    this.badges.set(channel, badge);
    if (this.badges.size === 1) {
      this.show(badge);
      return;
    }
    // If 64 cameras lose one NVR, send the editor one change, as long as the badge looks the same.
    const all = this.ofAll();
    const key = `${all.fill} ${all.text}`;
    if (key === this.shown) return;
    this.shown = key;
    this.show(all);
  }

  private ofAll(): NodeStatus {
    const badges = [...this.badges.values()];
    const [first] = badges as [NodeStatus];
    if (!works(first) && badges.every(({ text }) => text === first.text)) return first;
    const busy = badges.filter(({ fill }) => fill === 'blue');
    const count = (some: readonly NodeStatus[]): string => `${some.length}/${badges.length}`;
    const working = badges.filter(works);
    const text = `${count(working)} ${this.workingWord}`;
    const trouble = badges.filter((badge) => !works(badge) && !isOff(badge));
    if (trouble.length > 0) {
      const isLasting = working.length === 0 && trouble.every(({ fill }) => fill === 'red');
      return { fill: isLasting ? 'red' : 'yellow', shape: 'ring', text };
    }
    if (busy.length > 0) return { fill: 'blue', shape: 'dot', text: `${count(busy)} ${busy[0]!.text}` };
    return { fill: 'green', shape: 'dot', text };
  }
}
