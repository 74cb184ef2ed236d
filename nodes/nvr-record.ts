// Flow node `nvr-record`: records a clip for each alarm, including the time before it, or records
// continuously in segments; for one or several cameras. Clips on output 1, events of the recorder and the
// stream on output 2.

import type { NodeAPI } from 'node-red';
import { camerasOf } from './shared/cameras-of.js';
import { flowNode, type FlowPart, type Input, type Send } from './shared/flow-node.js';
import type { OwnCameras } from './shared/own-cameras.js';
import { RecordCamera } from './shared/record-camera.js';
import { keepGiB, type RecordContext } from './shared/record-options.js';
import { recordSettings } from './shared/settings/tables/nvr-record.js';

/** Actions that may address all cameras of a node at once; all others need a single camera. */
const OF_ALL: ReadonlySet<unknown> = new Set(['stop', 'arm', 'disarm', 'status']);

export = (RED: NodeAPI): void => {
  flowNode(RED, 'nvr-record', recordSettings, (context) => new RecordNode(context));
};

class RecordNode implements FlowPart {
  private readonly own: OwnCameras;
  private readonly cameras: ReadonlyMap<number, RecordCamera>;

  constructor(private readonly context: RecordContext) {
    const exporting = new Set<Promise<unknown>>();
    const { own, cameras } = camerasOf(context, 'armed', (parts) => {
      const { id } = context.node;
      const ownId = parts.mark.channel === undefined ? id : `${id}-${parts.channel}`;
      return new RecordCamera(context, { ...parts, id: ownId, exporting });
    });
    this.own = own;
    this.cameras = cameras;
  }

  start(): void {
    const { settings, savedVersion } = this.context;
    const { keepDays, keepFolderGiB, keepFreeGiB } = settings;
    const isLimited = Math.max(keepDays, keepGiB(settings, savedVersion), keepFolderGiB, keepFreeGiB) > 0;
    const fillsDisk = settings.mode === 'continuous' && savedVersion === 0 && !isLimited;
    for (const camera of this.cameras.values()) {
      if (fillsDisk) camera.warnOfNoLimit();
      camera.arm();
    }
    // The cameras share a folder, so one of them cleans up.
    void [...this.cameras.values()][0]!.cleanUp();
  }

  /**
   * Resolves at once, or with the clip that the message started. If there are several cameras, an alarm must
   * name one.
   */
  async input(message: Input, send: Send): Promise<void> {
    const { action, channel } = message;
    const isForAll = OF_ALL.has(action) || (action === 'start' && this.context.settings.mode !== 'alarm');
    const channels = isForAll ? this.own.named(channel) : [this.own.one(channel)];
    const cameras = channels.map((one) => this.cameras.get(one)!);
    if (cameras.length === 1) {
      await cameras[0]!.input(message, send);
      return;
    }
    const { RED } = this.context;
    await Promise.all(cameras.map((camera) => camera.input(RED.util.cloneMessage(message), send)));
  }

  /** Finishes the current recordings within the time that Node-RED allows. */
  async close(isLast: boolean): Promise<void> {
    await Promise.all([...this.cameras.values()].map((camera) => camera.close(isLast)));
  }
}
