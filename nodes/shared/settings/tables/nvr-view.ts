// The settings of nvr-view.

import { settingsTable } from '../setting.js';
import { CHANNEL, CHANNEL_SOURCE, NAME, NVR, STREAM } from './common.js';

export const viewSettings = settingsTable({
  name: NAME,
  nvr: NVR,
  channel: {
    ...CHANNEL,
    default: '*',
    list: true,
    label: ['Cameras', 'Kameras'],
    help: [
      'Channel numbers, ranges and names such as `1-4,7`, or `*` for the NVR’s channel table.',
      'Kanalnummern, Bereiche und Namen wie `1-4,7` oder `*` für die Kanaltabelle des NVR.',
    ],
  },
  channelType: CHANNEL_SOURCE,
  stream: {
    ...STREAM,
    default: 'dual',
    label: ['Grid shows', 'Raster zeigt'],
    help: [
      'What the grid shows; one camera alone is shown in its main stream.',
      'Was das Raster zeigt; eine einzelne Kamera läuft im Hauptstream.',
    ],
  },
  path: {
    kind: 'text',
    default: '',
    rule: 'path',
    maxLength: 200,
    label: ['Path', 'Pfad'],
    help: [
      'Where the page is served, below Node-RED’s own root for HTTP nodes. Empty: `/nvr/view/` and the node’s name.',
      'Wo die Seite liegt, unterhalb der Wurzel für HTTP-Nodes. Leer: `/nvr/view/` und der Name des Nodes.',
    ],
    placeholder: ['/nvr/view/<name>', '/nvr/view/<Name>'],
    icon: 'fa-link',
  },
  layout: {
    kind: 'choice',
    default: 'auto',
    options: {
      auto: ['as fits', 'wie es passt'],
      '1': ['1 column', '1 Spalte'],
      '2': ['2 columns', '2 Spalten'],
      '3': ['3 columns', '3 Spalten'],
      '4': ['4 columns', '4 Spalten'],
    },
    label: ['Layout', 'Anordnung'],
    help: ['Columns of the grid.', 'Spalten des Rasters.'],
    icon: 'fa-th',
  },
  sound: {
    kind: 'boolean',
    default: false,
    label: ['offer sound', 'Ton anbieten'],
    help: [
      'A button for the camera’s sound, where it is AAC or Opus and the NVR’s setting for audio is on.',
      'Ein Knopf für den Ton der Kamera, wenn er AAC oder Opus ist und der NVR Audio holt.',
    ],
  },
  maxViewers: {
    kind: 'number',
    default: 32,
    min: 1,
    max: 1000,
    integer: true,
    label: ['Pages', 'Seiten'],
    unit: ['open at once, at most', 'zugleich offen, höchstens'],
    help: [
      'At most this many pages can be open at once; a further one says that there are too many.',
      'So viele Seiten dürfen zugleich offen sein; auf jeder weiteren steht, dass es zu viele sind.',
    ],
    icon: 'fa-users',
  },
  origins: {
    kind: 'text',
    default: '',
    rule: 'origins',
    maxLength: 2000,
    label: ['Other sites', 'Andere Seiten'],
    help: [
      'Origins that may show the cameras in pages of their own, such as `https://home.example`. Empty: none.',
      'Ursprünge, die die Kameras in eigenen Seiten zeigen dürfen, etwa `https://home.example`. Leer: keine.',
    ],
    placeholder: ['none', 'keine'],
    icon: 'fa-globe',
  },
});
