// The settings table of each node type.

import type { SettingsTable } from '../setting.js';
import { recordSettings } from './nvr-record.js';
import { viewSettings } from './nvr-view.js';

export const TABLES: Readonly<Record<string, SettingsTable>> = {
  'nvr-record': recordSettings,
  'nvr-view': viewSettings,
};
