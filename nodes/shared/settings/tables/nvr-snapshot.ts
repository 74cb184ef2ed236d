// The settings of nvr-snapshot.

import { settingsTable } from '../setting.js';
import { CHANNEL, CHANNEL_BY_MESSAGE, NAME, NVR, STREAM, TIME_BY_MESSAGE } from './common.js';

const OF_JPEGS = { format: ['jpeg'] } as const;

export const snapshotSettings = settingsTable({
  name: NAME,
  nvr: NVR,
  channel: CHANNEL,
  channelType: CHANNEL_BY_MESSAGE,
  stream: STREAM,
  format: {
    kind: 'choice',
    default: 'jpeg',
    options: {
      jpeg: ['JPEG picture', 'JPEG-Bild'],
      keyframe: ['keyframe as sent by the camera', 'Schlüsselbild, wie die Kamera es sendet'],
    },
    label: ['Format', 'Format'],
    help: ['What `payload` holds.', 'Was `payload` enthält.'],
    icon: 'fa-picture-o',
  },
  quality: {
    kind: 'number',
    default: 80,
    min: 1,
    max: 100,
    integer: true,
    label: ['Quality', 'Qualität'],
    unit: ['1 to 100', '1 bis 100'],
    help: ['Quality of the JPEG.', 'Qualität des JPEG.'],
    when: OF_JPEGS,
  },
  width: {
    kind: 'number',
    default: undefined,
    min: 16,
    max: 8192,
    integer: true,
    label: ['Width', 'Breite'],
    unit: ['pixels; empty: as the camera sends it', 'Pixel; leer: wie die Kamera es sendet'],
    help: [
      'A wider picture is made smaller and keeps its shape; none is made larger.',
      'Ein breiteres Bild wird verkleinert und behält seine Form; vergrößert wird nie.',
    ],
    when: OF_JPEGS,
  },
  squarePixels: {
    kind: 'boolean',
    default: false,
    label: ['make pixels square', 'Pixel quadratisch machen'],
    help: [
      'For cameras whose pixels are not square, such as those of 704 x 576: the picture gets the width that it is meant to be shown in.',
      'Für Kameras, deren Pixel nicht quadratisch sind, etwa mit 704 x 576: Das Bild bekommt die Breite, in der es gezeigt werden soll.',
    ],
    badge: ['bad pixel shape', 'Pixelform ungültig'],
    when: OF_JPEGS,
  },
  at: {
    kind: 'time',
    default: '',
    form: 'moment',
    source: 'atType',
    label: ['Moment', 'Zeitpunkt'],
    placeholder: ['now, or -5m, 2026-03-29T14:02:00', 'jetzt, oder -5m, 2026-03-29T14:02:00'],
    help: [
      'A past moment, from the NVR’s own recording. Empty: now.',
      'Ein vergangener Zeitpunkt, aus der Aufzeichnung des NVR. Leer: jetzt.',
    ],
    icon: 'fa-clock-o',
  },
  atType: TIME_BY_MESSAGE,
  maxAge: {
    kind: 'number',
    default: 2,
    min: 0,
    max: 3600,
    label: ['Max. age', 'Höchstalter'],
    unit: ['s that a kept keyframe may be old', 's, die ein Schlüsselbild alt sein darf'],
    help: [
      'Seconds that the kept keyframe of a running stream may be old; 0 waits for the next one.',
      'Sekunden, die das aufgehobene Schlüsselbild eines laufenden Streams alt sein darf; 0 wartet auf das nächste.',
    ],
    badge: ['bad max. age', 'Alter ungültig'],
  },
  timeout: {
    kind: 'number',
    default: 10,
    min: 0.1,
    max: 600,
    label: ['Timeout', 'Zeitlimit'],
    unit: ['s to wait for a keyframe', 's Warten auf ein Schlüsselbild'],
    help: ['Seconds to wait for a keyframe.', 'Sekunden, die auf ein Schlüsselbild gewartet wird.'],
  },
  decoder: {
    kind: 'choice',
    default: 'auto',
    options: {
      auto: ['automatic: built-in, else ffmpeg', 'automatisch: eingebaut, sonst ffmpeg'],
      builtin: ['built-in only', 'nur eingebaut'],
      ffmpeg: ['ffmpeg only', 'nur ffmpeg'],
    },
    label: ['Decoder', 'Decoder'],
    help: ['What makes the JPEG of H.264 and H.265.', 'Was aus H.264 und H.265 das JPEG macht.'],
    when: OF_JPEGS,
  },
  ffmpegPath: {
    kind: 'text',
    default: '',
    label: ['ffmpeg', 'ffmpeg'],
    placeholder: ['ffmpeg on PATH', 'ffmpeg im PATH'],
    help: ['The path of ffmpeg. Empty: that on PATH.', 'Der Pfad von ffmpeg. Leer: das im PATH.'],
    when: { format: ['jpeg'], decoder: ['auto', 'ffmpeg'] },
  },
});
