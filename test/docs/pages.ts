// The pages of the manual that are made from the code, by file name below docs/.

import { camerasPage } from './cameras.js';
import { settingsPage } from './settings.js';

export const PAGES: Readonly<Record<string, () => string>> = {
  'cameras.md': camerasPage,
  'settings.md': settingsPage,
};
