// The pages of the manual that are made from the code, by file name below docs/.

import { camerasPage } from './cameras.js';

export const PAGES: Readonly<Record<string, () => string>> = { 'cameras.md': camerasPage };
