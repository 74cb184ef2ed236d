// Converts a record node's settings to the options of its recorder, with access to the file system.

import fs from 'node:fs/promises';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import type { VideoUnit } from '../../lib/codec/unit.js';
import { guardedTimers } from '../../lib/guard.js';
import type { RecorderDeps, RecorderOptions } from '../../lib/nvr/recorder/types.js';
import { sharedSnapshotPool } from '../../lib/nvr/snapshot/snapshot-pool.js';
import type { CameraHub } from '../../lib/nvr/types.js';
import { channelName } from './channel.js';
import { ownerOf } from './instance.js';
import type { FlowContext } from './flow-node.js';
import type { SettingsOf } from './settings/setting.js';
import type { recordSettings } from './settings/tables/nvr-record.js';

export type RecordContext = FlowContext<typeof recordSettings>;
type Settings = SettingsOf<typeof recordSettings>;

/** Seconds per time-lapse file: a day. */
const FILM_SEGMENT = 86_400;
/** Default limit for continuous recording. */
const USUAL_GIB = 10;
const THUMBNAIL_QUALITY = 80;

/** Flows of version 0.1.0 have no version, and kept everything. */
export function keepGiB({ keepGiB: given, mode }: Settings, savedVersion: number): number {
  return given ?? (mode === 'continuous' && savedVersion > 0 ? USUAL_GIB : 0);
}

export function recorderOptions(context: RecordContext, { channel }: CameraHub, id: string): RecorderOptions {
  const { RED, server, settings, savedVersion } = context;
  const {
    name: _name,
    nvr: _nvr,
    stream: _stream,
    thumbnail: _thumbnail,
    attach: _attach,
    ...own
  } = settings;
  const ownFolder = path.join(RED.settings.userDir ?? process.cwd(), 'nvr-clips');
  return {
    ...own,
    folder: settings.folder === '' ? path.resolve(ownFolder) : settings.folder,
    ...(settings.mode === 'timelapse' && { segment: FILM_SEGMENT }),
    keepGiB: keepGiB(settings, savedVersion),
    fileMode: Number.parseInt(settings.fileMode, 8),
    id,
    nvr: server.settings.name,
    channel: channelName(server.settings, channel),
    timeZone: server.settings.timeZone,
  };
}

export function recorderDeps(context: RecordContext, hub: CameraHub): RecorderDeps {
  const { RED, node, nvr, server, settings } = context;
  const { stream, thumbnail } = settings;
  const { host, rtspPort } = server.settings;
  return {
    fs,
    now: () => Date.now(),
    monotonic: () => performance.now(),
    owner: ownerOf(RED, `${host}:${rtspPort}/${hub.channel}/${stream}`),
    timers: guardedTimers((error) => {
      node.error(error, {});
    }),
    ...(thumbnail && { thumbnail: (unit: VideoUnit) => jpegOf(unit, hub) }),
    ...(nvr.canPlayBack && {
      fetchSpan: (channel, from, to, signal) => nvr.fetchMissed({ channel, stream, from, to }, signal),
    }),
  };
}

async function jpegOf({ codec, data }: VideoUnit, camera: object): Promise<Buffer> {
  if (codec === 'mjpeg') return data;
  const jpeg = await sharedSnapshotPool().decode({ codec, data, quality: THUMBNAIL_QUALITY }, camera);
  return Buffer.from(jpeg.data.buffer, jpeg.data.byteOffset, jpeg.data.byteLength);
}
