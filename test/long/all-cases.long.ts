// The files of `npm test` that leave cases out there, with all of them.

import { createRequire } from 'node:module';

const require = createRequire(__filename);
for (const file of [
  'demo/demo',
  'e2e/dialogs',
  'e2e/editor',
  'e2e/example-flows',
  'e2e/first-hour',
  'e2e/health',
  'e2e/help',
  'e2e/recordings',
  'e2e/view',
  'fuzz/fuzz',
  'hostile/hostile',
  'interop/matrix',
  'media/h264-intra',
  'media/jpeg/jpeg',
  'media/mp4-writer',
  'nodes/nvr-live-stream',
  'nodes/nvr-playback',
  'nodes/nvr-record',
  'nodes/nvr-record-files',
  'nodes/several-cameras',
  'nvr/playback',
  'nvr/recorder/kill',
  'nvr/recorder/plain-mp4',
  'nvr/recorder/thin',
  'simulator/players',
])
  require(`../${file}.test.ts`);
