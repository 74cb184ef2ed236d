// The settings table of each node type.

import type { SettingsTable } from '../setting.js';
import { viewSettings } from './nvr-view.js';

export const TABLES: Readonly<Record<string, SettingsTable>> = {
  'nvr-view': viewSettings,
};
