// The settings of nvr-health-ping.

import { settingsTable } from '../setting.js';
import { CHANNEL_BY_MESSAGE, CHANNELS, NAME, NVR, STREAM } from './common.js';

export const healthPingSettings = settingsTable({
  name: NAME,
  nvr: NVR,
  channel: {
    ...CHANNELS,
    help: [
      'A channel: a number from 1, or a name of the NVR’s channel table. Or several: numbers, ranges and names such as `1-4,7`. Or `*` for every camera that the NVR has.',
      'Ein Kanal: eine Nummer ab 1 oder ein Name aus der Kanaltabelle des NVR. Oder mehrere: Nummern, Bereiche und Namen wie `1-4,7`. Oder `*` für jede Kamera, die der NVR hat.',
    ],
  },
  channelType: CHANNEL_BY_MESSAGE,
  stream: STREAM,
  depth: {
    kind: 'choice',
    default: 'auth',
    options: {
      reach: ['reach: the port takes a connection', 'reach: der Port nimmt eine Verbindung an'],
      rtsp: ['rtsp: it speaks RTSP', 'rtsp: dort wird RTSP gesprochen'],
      auth: ['auth: the account sees the camera', 'auth: das Konto sieht die Kamera'],
      media: ['media: a keyframe arrives', 'media: ein Schlüsselbild kommt an'],
      session: [
        'session: a request in the running session',
        'session: eine Anfrage in der laufenden Sitzung',
      ],
    },
    label: ['Depth', 'Tiefe'],
    help: ['How far a check goes.', 'Wie weit eine Prüfung geht.'],
    icon: 'fa-stethoscope',
  },
  interval: {
    kind: 'number',
    default: 60,
    min: 0,
    max: 86_400,
    label: ['Every', 'Alle'],
    unit: ['s (0: on a message only)', 's (0: nur auf eine Nachricht)'],
    help: [
      'Seconds from check to check; 0: on a message only.',
      'Sekunden von Prüfung zu Prüfung; 0: nur auf eine Nachricht.',
    ],
    badge: ['bad interval', 'Abstand ungültig'],
    icon: 'fa-clock-o',
    // If the channel comes from messages, there is nothing to check at intervals.
    when: { channelType: ['str', 'env'] },
  },
  failures: {
    kind: 'number',
    default: 2,
    min: 1,
    max: 1000,
    integer: true,
    label: ['Down after', 'Ausfall nach'],
    unit: ['checks in a row', 'Prüfungen in Folge'],
    help: [
      'Failed checks in a row before it counts as down.',
      'Gescheiterte Prüfungen in Folge, bis sie als ausgefallen gilt.',
    ],
    badge: ['bad failures', 'Fehler ungültig'],
  },
  successes: {
    kind: 'number',
    default: 1,
    min: 1,
    max: 1000,
    integer: true,
    label: ['Up after', 'Gut nach'],
    unit: ['checks in a row', 'Prüfungen in Folge'],
    help: [
      'Good checks in a row before it counts as up again.',
      'Gute Prüfungen in Folge, bis sie wieder als gut gilt.',
    ],
    badge: ['bad successes', 'Erfolge ungültig'],
  },
});
