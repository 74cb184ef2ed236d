// Settings shared by several node types.

import { DEFAULT_FILE_NAME } from '../../../../lib/nvr/recorder/file-name.js';
import type {
  BooleanSetting,
  ChannelSetting,
  ChoiceSetting,
  ConfigSetting,
  TextSetting,
} from '../setting.js';

export const NAME = {
  kind: 'text',
  default: '',
  maxLength: 200,
  label: ['Name', 'Name'],
  help: ['Shown on the canvas.', 'Wird im Flow angezeigt.'],
  icon: 'fa-tag',
} as const satisfies TextSetting;

export const NVR = {
  kind: 'config',
  default: '',
  type: 'nvr-server',
  required: true,
  label: ['NVR', 'NVR'],
  help: ['The NVR or camera that is asked.', 'Der NVR oder die Kamera.'],
  icon: 'fa-server',
} as const satisfies ConfigSetting;

export const CHANNEL = {
  kind: 'channel',
  default: '1',
  source: 'channelType',
  label: ['Channel', 'Kanal'],
  help: [
    'A number from 1, or a name of the NVR’s channel table.',
    'Eine Nummer ab 1 oder ein Name aus der Kanaltabelle des NVR.',
  ],
  icon: 'fa-video-camera',
} as const satisfies ChannelSetting;

/** For nodes that take several cameras. */
export const CHANNELS = {
  ...CHANNEL,
  list: true,
  help: [
    'A channel: a number from 1, or a name of the NVR’s channel table. Or several: numbers, ranges and names such as `1-4,7`, or `*` for the whole table.',
    'Ein Kanal: eine Nummer ab 1 oder ein Name aus der Kanaltabelle des NVR. Oder mehrere: Nummern, Bereiche und Namen wie `1-4,7` oder `*` für die ganze Tabelle.',
  ],
} as const satisfies ChannelSetting;

/** Source of a channel, for nodes that read it at the start. */
export const CHANNEL_SOURCE = {
  kind: 'choice',
  default: 'str',
  options: { str: ['camera', 'Kamera'], env: ['environment variable', 'Umgebungsvariable'] },
  isSource: true,
  label: ['Channel from', 'Kanal aus'],
  help: [
    'Where `channel` comes from: the field (`str`) or an environment variable (`env`).',
    'Woher `channel` kommt: aus dem Feld (`str`) oder einer Umgebungsvariablen (`env`).',
  ],
  section: 'none',
} as const satisfies ChoiceSetting;

const BY_MESSAGE = {
  kind: 'choice',
  default: 'str',
  isSource: true,
  section: 'none',
} as const;

/** Source of a channel, for nodes that answer messages. */
export const CHANNEL_BY_MESSAGE = {
  ...BY_MESSAGE,
  options: {
    str: CHANNEL_SOURCE.options.str,
    msg: ['property of the message', 'Eigenschaft der Nachricht'],
    env: CHANNEL_SOURCE.options.env,
  },
  label: CHANNEL_SOURCE.label,
  help: [
    'Where `channel` comes from: the field (`str`), a property of each message (`msg`), or an environment variable (`env`).',
    'Woher `channel` kommt: aus dem Feld (`str`), aus einer Eigenschaft jeder Nachricht (`msg`) oder aus einer Umgebungsvariablen (`env`).',
  ],
} as const satisfies ChoiceSetting;

/** Source of a time. */
export const TIME_BY_MESSAGE = {
  ...BY_MESSAGE,
  options: { ...CHANNEL_BY_MESSAGE.options, str: ['time', 'Zeit'] },
  label: ['Time from', 'Zeit aus'],
  help: [
    'Where the time comes from: the field (`str`), a property of each message (`msg`), or an environment variable (`env`).',
    'Woher die Zeit kommt: aus dem Feld (`str`), aus einer Eigenschaft jeder Nachricht (`msg`) oder aus einer Umgebungsvariablen (`env`).',
  ],
} as const satisfies ChoiceSetting;

export const STREAM = {
  kind: 'choice',
  default: 'main',
  options: { main: ['main', 'Haupt'], dual: ['dual (smaller)', 'Dual (kleiner)'] },
  label: ['Stream', 'Stream'],
  help: [
    'The camera’s main stream, or its second, smaller one.',
    'Der Hauptstream der Kamera oder ihr zweiter, kleinerer.',
  ],
  icon: 'fa-film',
} as const satisfies ChoiceSetting;

export const ON_LOSS = {
  kind: 'choice',
  default: 'keep',
  options: {
    keep: ['every picture, damaged ones too', 'jedes Bild, auch beschädigte'],
    skip: ['nothing until the next whole keyframe', 'nichts bis zum nächsten ganzen Schlüsselbild'],
  },
  label: ['After a loss', 'Nach Verlust'],
  help: [
    'Whether pictures after a damaged one are used: they may show blocks until the next keyframe.',
    'Ob Bilder nach einem beschädigten verwendet werden: Sie können bis zum nächsten Schlüsselbild Blöcke zeigen.',
  ],
  icon: 'fa-chain-broken',
} as const satisfies ChoiceSetting;

export const EMIT = {
  kind: 'choice',
  default: 'keyframes',
  options: {
    keyframes: ['keyframes', 'Schlüsselbilder'],
    accessUnits: ['every access unit (frame)', 'jede Access Unit (jedes Bild)'],
    nalUnits: ['every NAL unit', 'jede NAL-Einheit'],
  },
  label: ['Send', 'Senden'],
  help: ['What a message holds on output 1.', 'Was eine Nachricht an Ausgang 1 enthält.'],
  icon: 'fa-sign-out',
} as const satisfies ChoiceSetting;

export const FOLDER = {
  kind: 'text',
  default: '',
  rule: 'folder',
  label: ['Folder', 'Ordner'],
  placeholder: ['nvr-clips in Node-RED’s user folder', 'nvr-clips im Benutzerordner von Node-RED'],
  help: [
    'An absolute path on the machine that Node-RED runs on. Empty: `nvr-clips` in Node-RED’s user folder.',
    'Ein absoluter Pfad auf dem Rechner, auf dem Node-RED läuft. Leer: `nvr-clips` im Benutzerordner von Node-RED.',
  ],
  icon: 'fa-folder',
} as const satisfies TextSetting;

export const FILE_NAME = {
  kind: 'text',
  default: DEFAULT_FILE_NAME,
  rule: 'fileName',
  label: ['File name', 'Dateiname'],
  help: [
    'Below the folder; may hold `{nvr}`, `{channel}`, `{stream}`, `{reason}` and parts of the time, such as `{yyyy}` or `{HHmmss}`.',
    'Unterhalb des Ordners; kann `{nvr}`, `{channel}`, `{stream}`, `{reason}` und Teile der Zeit enthalten, etwa `{yyyy}` oder `{HHmmss}`.',
  ],
  icon: 'fa-file-video-o',
} as const satisfies TextSetting;

export const ATTACH = {
  kind: 'boolean',
  default: false,
  label: ['attach the clip for e-mail', 'Clip für E-Mail anhängen'],
  help: [
    '`msg.attachments` as the e-mail node takes it, up to 18 MiB; a warning tells what is too large.',
    '`msg.attachments`, wie der E-Mail-Node sie erwartet, bis 18 MiB; ist ein Clip zu groß, sagt es eine Warnung.',
  ],
  badge: ['bad attachment', 'Anhang ungültig'],
} as const satisfies BooleanSetting;
