// The settings table of each node type.

import type { SettingsTable } from '../setting.js';
import { healthPingSettings } from './nvr-health-ping.js';
import { liveStreamSettings } from './nvr-live-stream.js';
import { playbackSettings } from './nvr-playback.js';
import { recordSettings } from './nvr-record.js';
import { serverSettings } from './nvr-server.js';
import { snapshotSettings } from './nvr-snapshot.js';
import { viewSettings } from './nvr-view.js';

export const TABLES: Readonly<Record<string, SettingsTable>> = {
  'nvr-server': serverSettings,
  'nvr-live-stream': liveStreamSettings,
  'nvr-playback': playbackSettings,
  'nvr-snapshot': snapshotSettings,
  'nvr-record': recordSettings,
  'nvr-health-ping': healthPingSettings,
  'nvr-view': viewSettings,
};
