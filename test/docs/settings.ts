// docs/settings.md: every setting of every node, from the settings tables.

import { referenceOf } from '../build/settings-pages.js';
import { TABLES } from '../../nodes/shared/settings/tables/index.js';

export function settingsPage(): string {
  const tables = Object.entries(TABLES).map(([type, table]) => referenceOf(type, table));
  return [
    '# Settings',
    '',
    'Every setting of every node, by its name in a flow file. Made from the tables that the dialogs and the runtime read (`npm run docs`).',
    '',
    '- Numbers may be text, as the editor saves them. Empty means the default. `${VAR}` as a whole value is Node-RED’s: an environment variable.',
    '- What cannot be used gives a red badge that names the setting, and an error with code `EINPUT` to Catch.',
    '- `version` is 1. A node without it was saved by 0.1.0, and is read as it was meant then.',
    '- The account of an NVR is kept by Node-RED with its credentials. `nvrMemoryMB` in `settings.js` bounds what all cameras together keep in memory.',
    '',
    ...tables,
  ].join('\n');
}
