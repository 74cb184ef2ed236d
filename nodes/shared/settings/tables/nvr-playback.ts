// The settings of nvr-playback. A message can override all of them, except how a run is output.

import { settingsTable } from '../setting.js';
import {
  ATTACH,
  CHANNEL,
  CHANNEL_BY_MESSAGE,
  EMIT,
  FILE_NAME,
  FOLDER,
  NAME,
  NVR,
  STREAM,
  TIME_BY_MESSAGE,
} from './common.js';

const OF_UNITS = { output: ['units'] } as const;
const OF_FILES = { output: ['file'] } as const;

export const playbackSettings = settingsTable({
  name: NAME,
  nvr: NVR,
  channel: {
    ...CHANNEL,
    list: true,
    help: [
      'A number from 1, or a name of the NVR’s channel table; for files also a list such as `1-4,7`, or `*`.',
      'Eine Nummer ab 1 oder ein Name aus der Kanaltabelle des NVR; für Dateien auch eine Liste wie `1-4,7` oder `*`.',
    ],
  },
  channelType: CHANNEL_BY_MESSAGE,
  stream: STREAM,
  from: {
    kind: 'time',
    default: '',
    form: 'moment',
    source: 'fromType',
    label: ['From', 'Von'],
    placeholder: ['-5m, 2026-03-29T14:02:00', '-5m, 2026-03-29T14:02:00'],
    help: [
      'Epoch milliseconds, a span from now, or ISO 8601, in the NVR’s time zone where it names none.',
      'Unix-Zeit in ms, eine Spanne ab jetzt oder ISO 8601, ohne Zone in der Zeitzone des NVR.',
    ],
    icon: 'fa-clock-o',
  },
  fromType: TIME_BY_MESSAGE,
  to: {
    kind: 'time',
    default: '',
    form: 'moment',
    source: 'toType',
    label: ['To', 'Bis'],
    placeholder: ['-3m; empty: the end of the recording', '-3m; leer: Ende der Aufzeichnung'],
    help: ['The end, given as `from` is.', 'Das Ende, angegeben wie `from`.'],
  },
  toType: TIME_BY_MESSAGE,
  duration: {
    kind: 'time',
    default: '',
    form: 'span',
    source: 'durationType',
    label: ['or duration', 'oder Dauer'],
    placeholder: ['90s, 2m', '90s, 2m'],
    help: [
      'Instead of the end: seconds, or text such as `20m`.',
      'Anstelle des Endes: Sekunden oder Text wie `20m`.',
    ],
    badge: ['bad duration', 'Dauer ungültig'],
  },
  durationType: TIME_BY_MESSAGE,
  speed: {
    kind: 'number',
    default: 1,
    min: 0,
    max: 64,
    label: ['Speed', 'Tempo'],
    unit: ['times real time; 0: as fast as it comes', '× Echtzeit; 0: so schnell es kommt'],
    help: [
      'Times real speed, where the NVR grants it; 0: as fast as it sends.',
      'Vielfaches der Echtzeit, wo der NVR es gewährt; 0: so schnell, wie er sendet.',
    ],
    when: OF_UNITS,
  },
  group: {
    kind: 'number',
    default: 0,
    min: 0,
    max: 65_535,
    integer: true,
    label: ['Group', 'Gruppe'],
    unit: ['of recordings on the NVR; usually 0', 'von Aufnahmen im NVR; meist 0'],
    help: ['The NVR’s recording group.', 'Die Aufnahmegruppe des NVR.'],
  },
  output: {
    kind: 'choice',
    default: 'units',
    options: {
      units: ['units: frames as messages', 'Einheiten: Bilder als Nachrichten'],
      file: ['MP4 files', 'MP4-Dateien'],
    },
    label: ['Output', 'Ausgabe'],
    help: [
      'Frames as messages, or an MP4 of the time asked for.',
      'Bilder als Nachrichten oder ein MP4 der verlangten Zeit.',
    ],
    icon: 'fa-file-video-o',
  },
  folder: { ...FOLDER, when: OF_FILES },
  fileName: { ...FILE_NAME, when: OF_FILES },
  plain: {
    kind: 'boolean',
    default: true,
    label: [
      'plain MP4, which every player and browser opens',
      'einfaches MP4, das jeder Player und Browser öffnet',
    ],
    help: [
      'The file’s index is moved to its beginning, where all players look for it.',
      'Das Verzeichnis der Datei kommt an den Anfang, wo alle Player es suchen.',
    ],
    badge: ['bad plain MP4', 'MP4 ungültig'],
    when: OF_FILES,
  },
  attach: { ...ATTACH, when: OF_FILES },
  emit: { ...EMIT, default: 'accessUnits', when: OF_UNITS },
  doneWhen: {
    kind: 'choice',
    default: 'ended',
    options: {
      ended: ['the run has ended', 'die Wiedergabe zu Ende ist'],
      playing: ['the run plays', 'die Wiedergabe läuft'],
    },
    label: ['Done when', 'Fertig, wenn'],
    help: ['When Complete nodes receive the message.', 'Wann Complete-Nodes die Nachricht bekommen.'],
    badge: ['bad done when', 'Ende ungültig'],
    when: OF_UNITS,
  },
});
