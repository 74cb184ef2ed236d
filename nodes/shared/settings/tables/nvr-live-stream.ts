// The settings of nvr-live-stream.

import { settingsTable } from '../setting.js';
import { CHANNELS, CHANNEL_SOURCE, EMIT, NAME, NVR, ON_LOSS, STREAM } from './common.js';

export const liveStreamSettings = settingsTable({
  name: NAME,
  nvr: NVR,
  channel: CHANNELS,
  channelType: CHANNEL_SOURCE,
  stream: STREAM,
  emit: EMIT,
  onLoss: {
    ...ON_LOSS,
    options: {
      keep: ['every picture; messages name damage', 'jedes Bild; Schäden werden genannt'],
      skip: ON_LOSS.options.skip,
    },
  },
  inputs: {
    kind: 'number',
    default: 0,
    min: 0,
    max: 1,
    integer: true,
    label: ['Controlled by messages', 'Durch Nachrichten gesteuert'],
    help: [
      '1: it has an input for `start`, `stop`, `restart` and `status`.',
      '1: Es gibt einen Eingang für `start`, `stop`, `restart` und `status`.',
    ],
    section: 'none',
  },
});
