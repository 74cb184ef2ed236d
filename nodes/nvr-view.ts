// Flow node `nvr-view`: shows live cameras in a browser, on a page of Node-RED's own web server. Its output
// reports who is watching.

import type { NodeAPI } from 'node-red';
import { NvrError } from '../lib/errors.js';
import { takeSnapshot } from '../lib/nvr/snapshot/snapshot.js';
import { FanOut } from '../lib/nvr/view/fan-out.js';
import type { StillPicture } from '../lib/nvr/view/still-feed.js';
import { View } from '../lib/nvr/view/view.js';
import { channelList } from './shared/channel-list.js';
import { channelName, channelNumber } from './shared/channel.js';
import { flowNode, type FlowContext, type FlowPart, type Input } from './shared/flow-node.js';
import { topicOf } from './shared/messages.js';
import { viewSettings } from './shared/settings/tables/nvr-view.js';
import { IDLE } from './shared/status.js';
import { takePast } from './shared/past-picture.js';
import type { PictureWish } from './shared/view/pictures.js';
import { Recordings } from './shared/view/recordings.js';
import { recordedOf } from './shared/recorded-cameras.js';
import { serveSite } from './shared/view/sites.js';
import { viewSite } from './shared/view/view-site.js';

const STILL = {
  format: 'jpeg',
  quality: 75,
  maxAge: 1,
  timeout: 10,
  decoder: 'auto',
  ffmpegPath: '',
} as const;

/** The pages of all view nodes take turns, for they share the event loop. */
const fanOut = new FanOut();

export = (RED: NodeAPI): void => {
  flowNode(RED, 'nvr-view', viewSettings, (context) => new ViewNode(context));
};

class ViewNode implements FlowPart {
  private readonly view: View;
  private readonly recordings: Recordings;
  private readonly channels: readonly number[];
  private readonly path: string;
  private readonly unserve: () => void;

  constructor(private readonly context: FlowContext<typeof viewSettings>) {
    const { RED, node, server, nvr, settings } = context;
    this.channels = channelList(server.settings, settings.channel);
    const cameras = this.channels.map((channel) => ({
      channel,
      name: channelName(server.settings, channel),
    }));
    this.path =
      settings.path === '' ? `/nvr/view/${slug(node.name ?? '') || node.id}` : trimmed(settings.path);
    const { stream, layout, sound, maxViewers } = settings;
    const still = (channel: number, wish: PictureWish, signal: AbortSignal): Promise<StillPicture> =>
      this.still(channel, stream, wish, signal);
    this.view = new View({
      cameras,
      maxViewers,
      fanOut,
      hub: (channel, which) => nvr.camera(channel, which),
      still: (channel, which) => (signal) => this.still(channel, which, { width: undefined }, signal),
      onViewers: (count, event) => {
        this.onViewers(count, event);
      },
    });
    const origins = settings.origins.split(/[\s,]+/).filter((origin) => origin !== '');
    const hello = { layout, stream, sound: sound && server.settings.audio, playback: nvr.canPlayBack };
    this.recordings = new Recordings(nvr, cameras, (channel) => recordedOf(server, channel));
    const { recordings } = this;
    const site = viewSite({ view: this.view, cameras, hello, origins, still, recordings });
    this.unserve = serveSite(RED, this.path, site);
  }

  start(): void {
    const { RED, node } = this.context;
    const { httpNodeAuth } = RED.settings as unknown as { httpNodeAuth?: unknown };
    if (httpNodeAuth === undefined || httpNodeAuth === null)
      node.warn(
        `Anybody who can reach Node-RED can see the cameras at ${this.path}: set httpNodeAuth in settings.js to ask for a password.`,
      );
  }

  /** The action `show` switches all open pages to a camera, or back to all cameras without a channel. */
  input({ action, channel, layout }: Input): void {
    if (action !== 'show') throw new NvrError('EINPUT', 'msg.action must be show.');
    const isAll = channel === undefined || channel === null || channel === '' || channel === '*';
    const index = isAll
      ? undefined
      : this.channels.indexOf(channelNumber(this.context.server.settings, channel));
    if (index === -1) throw new NvrError('EINPUT', 'msg.channel names no camera of this page.');
    this.view.show(index, typeof layout === 'string' ? layout : undefined);
  }

  async close(): Promise<void> {
    this.unserve();
    this.view.close();
    await this.recordings.close();
  }

  private async still(
    channel: number,
    stream: string,
    { width, at }: PictureWish,
    signal: AbortSignal,
  ): Promise<StillPicture> {
    const { nvr } = this.context;
    const options = { ...STILL, ...(width !== undefined && { width }), signal };
    const { data, unit } =
      at === undefined
        ? await takeSnapshot(nvr.camera(channel, stream), options)
        : await takePast(this, nvr, { channel, stream, at }, options);
    return { data, time: unit.time };
  }

  private onViewers(viewers: number, change: 'joined' | 'left'): void {
    const { node, server, signal } = this.context;
    if (signal.aborted) return;
    node.status(viewers === 0 ? IDLE : { fill: 'green', shape: 'dot', text: String(viewers) });
    const event = { change, viewers, path: this.path, time: Date.now() };
    node.send([
      {
        topic: topicOf({ name: server.settings.name, channels: [] }, 0, 'event'),
        payload: 'viewer',
        event,
      },
    ]);
  }
}

/** A name as the last part of a path: letters without their marks, digits and hyphens. */
function slug(name: string): string {
  return name
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replaceAll('ß', 'ss')
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
}

function trimmed(path: string): string {
  return path.replace(/\/$/, '');
}
