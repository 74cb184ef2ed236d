// The settings of nvr-record.

import { settingsTable } from '../setting.js';
import { CHANNEL, FILE_NAME, FOLDER, NAME, NVR, ON_LOSS, STREAM } from './common.js';

const OF_ALARMS = { mode: ['alarm'] } as const;

export const recordSettings = settingsTable({
  name: NAME,
  nvr: NVR,
  channel: CHANNEL,
  stream: STREAM,
  mode: {
    kind: 'choice',
    default: 'alarm',
    options: {
      alarm: ['a clip of each alarm', 'ein Clip je Alarm'],
      continuous: ['always, in segments', 'immer, in Segmenten'],
      timelapse: ['a time-lapse, a file a day', 'Zeitraffer, eine Datei je Tag'],
    },
    label: ['Record', 'Aufnahme'],
    help: [
      'A clip of each alarm, which begins before it; everything, in files of equal length; or a film of a day in minutes, of some of the keyframes.',
      'Je Alarm ein Clip, der davor beginnt; alles, in Dateien gleicher Länge; oder ein Film eines Tages in Minuten, aus einem Teil der Schlüsselbilder.',
    ],
    badge: ['bad mode', 'Art ungültig'],
    icon: 'fa-circle',
  },
  preRoll: {
    kind: 'number',
    default: 10,
    min: 0,
    max: 120,
    label: ['Before', 'Vorlauf'],
    unit: ['s before the alarm, 0 to 120', 's vor dem Alarm, 0 bis 120'],
    help: [
      'Seconds before the alarm; the clip begins at the keyframe before them.',
      'Sekunden vor dem Alarm; der Clip beginnt am Schlüsselbild davor.',
    ],
    when: OF_ALARMS,
  },
  postRoll: {
    kind: 'number',
    default: 10,
    min: 0,
    max: 3600,
    label: ['After', 'Nachlauf'],
    unit: ['s after the last alarm', 's nach dem letzten Alarm'],
    help: ['Seconds after the last alarm.', 'Sekunden nach dem letzten Alarm.'],
    when: OF_ALARMS,
  },
  maxLength: {
    kind: 'number',
    default: 300,
    min: 1,
    max: 86_400,
    label: ['Max. length', 'Höchstlänge'],
    unit: ['s of a clip at most', 's je Clip höchstens'],
    help: [
      'Seconds of a clip at most, those before the alarm included.',
      'Sekunden eines Clips höchstens, die vor dem Alarm eingeschlossen.',
    ],
    badge: ['bad max. length', 'Länge ungültig'],
    when: OF_ALARMS,
  },
  segment: {
    kind: 'number',
    default: 300,
    min: 1,
    max: 86_400,
    label: ['Segment', 'Segment'],
    unit: ['s of a file, cut at the next keyframe', 's je Datei, Schnitt am nächsten Schlüsselbild'],
    help: [
      'Seconds of a file; it is cut at the next keyframe.',
      'Sekunden je Datei; geschnitten wird am nächsten Schlüsselbild.',
    ],
    when: { mode: ['continuous'] },
  },
  every: {
    kind: 'number',
    default: 25,
    min: 1,
    max: 100_000,
    integer: true,
    label: ['One picture for', 'Ein Bild je'],
    unit: ['keyframes', 'Schlüsselbilder'],
    help: [
      'Keyframes for one picture of the film, which has 25 a second: with a keyframe a second, 58 make a minute of a day.',
      'Schlüsselbilder für ein Bild des Films, der 25 je Sekunde hat: bei einem Schlüsselbild je Sekunde machen 58 aus einem Tag eine Minute.',
    ],
    badge: ['bad keyframes', 'Bilder ungültig'],
    when: { mode: ['timelapse'] },
  },
  onLoss: ON_LOSS,
  folder: FOLDER,
  fileName: FILE_NAME,
  keepDays: {
    kind: 'number',
    default: 0,
    min: 0,
    max: 36_500,
    label: ['Keep for', 'Behalten für'],
    unit: ['days; 0: no limit', 'Tage; 0: ohne Grenze'],
    help: [
      'Older files are deleted; 0: none. Only files that this node has recorded.',
      'Ältere Dateien werden gelöscht; 0: keine. Nur solche, die dieser Node aufgenommen hat.',
    ],
    badge: ['bad days', 'Tage ungültig'],
  },
  keepGiB: {
    kind: 'number',
    default: undefined,
    min: 0,
    max: 1_000_000,
    label: ['Keep up to', 'Behalten bis'],
    unit: ['GiB; 0: no limit', 'GiB; 0: ohne Grenze'],
    help: [
      'The oldest files beyond it are deleted; 0: none. Empty: 10 GiB of continuous recording, no limit for alarms.',
      'Die ältesten darüber hinaus werden gelöscht; 0: keine. Leer: 10 GiB bei Daueraufnahme, ohne Grenze bei Alarmen.',
    ],
    badge: ['bad GiB', 'GiB ungültig'],
  },
  fileMode: {
    kind: 'text',
    default: '0640',
    rule: 'fileMode',
    label: ['Permissions', 'Rechte'],
    unit: ['of the files, as chmod takes them', 'der Dateien, wie bei chmod'],
    help: [
      'Of the files, as chmod takes them; who may read them may enter their folders.',
      'Der Dateien, wie bei chmod; wer sie lesen darf, darf auch in ihre Ordner.',
    ],
    narrow: true,
    icon: 'fa-lock',
  },
  backfill: {
    kind: 'boolean',
    default: true,
    label: [
      'fetch what was missed from the NVR’s own recording',
      'Fehlendes aus der Aufzeichnung des NVR nachholen',
    ],
    help: [
      'Where a clip failed, or more than 2 s of it are missing.',
      'Wenn ein Clip misslang oder mehr als 2 s davon fehlen.',
    ],
    badge: ['bad fetching', 'Nachholen ungültig'],
    when: OF_ALARMS,
  },
  plain: {
    kind: 'boolean',
    default: false,
    label: ['plain MP4, for players that cannot read fragments', 'einfaches MP4, für Player ohne Fragmente'],
    help: [
      'Each file is copied into one without fragments when it is finished, its index in front.',
      'Jede Datei wird am Ende in eine ohne Fragmente kopiert, mit dem Verzeichnis am Anfang.',
    ],
    badge: ['bad plain MP4', 'MP4 ungültig'],
  },
  thumbnail: {
    kind: 'boolean',
    default: false,
    label: ['a JPEG beside each clip', 'ein JPEG neben jedem Clip'],
    help: ['A picture of the alarm, by the clip’s name.', 'Ein Bild des Alarms, mit dem Namen des Clips.'],
    badge: ['bad picture', 'Bild ungültig'],
  },
});
