// Settings of this package in Node-RED's settings.js.

import { settingsTable } from '../setting.js';

export const runtimeSettings = settingsTable({
  nvrMemoryMB: {
    kind: 'number',
    default: undefined,
    min: 16,
    max: 1_000_000,
    label: ['-', '-'],
    help: [
      'What all cameras together may keep in memory, in MB. Without it: a quarter of the machine’s memory or less.',
      'Was alle Kameras zusammen im Speicher halten dürfen, in MB.',
    ],
  },
});
