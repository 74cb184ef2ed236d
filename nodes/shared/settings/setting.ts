// What is said of a setting, once: from it come the reader in the runtime, the TypeScript type, the dialog's
// field, default and check, the help and the reference.

/** English and German. */
export type Words = readonly [en: string, de: string];

interface Described {
  readonly label: Words;
  /** What it does, in a sentence or two; plain text, `code` in back quotes. */
  readonly help: Words;
  /** The badge where it cannot be used, at most 19 characters; the label and a word unless said otherwise. */
  readonly badge?: Words;
  /** Shown behind the field, such as `s`. */
  readonly unit?: Words;
  /** Shown in an empty field in place of the default. */
  readonly placeholder?: Words;
  /** A Font Awesome 4 name, such as `fa-folder`. */
  readonly icon?: string;
  /** The field is shown only while other settings have one of these values. */
  readonly when?: Readonly<Record<string, readonly string[]>>;
  /**
   * Where the dialog's own template places the field: `main` unless said otherwise; `none`: the template has
   * a field of its own.
   */
  readonly section?: string;
}

/** Further checks of a text; what they ask is in check.ts. */
export type TextRule =
  'address' | 'folder' | 'fileName' | 'path' | 'timeZone' | 'origins' | 'fileMode' | 'keyPattern';

export interface TextSetting extends Described {
  readonly kind: 'text';
  readonly default: string;
  /** Characters; 1024 unless said otherwise. */
  readonly maxLength?: number;
  readonly required?: boolean;
  /** Required while other settings have one of these values. */
  readonly requiredWhen?: Readonly<Record<string, readonly string[]>>;
  readonly rule?: TextRule;
  /** The field is as narrow as a number's. */
  readonly narrow?: boolean;
}

export interface NumberSetting extends Described {
  readonly kind: 'number';
  /** Undefined: none, and the setting's value is undefined where the field is empty. */
  readonly default: number | undefined;
  readonly min: number;
  readonly max: number;
  readonly integer?: boolean;
}

export interface BooleanSetting extends Described {
  readonly kind: 'boolean';
  readonly default: boolean;
}

export interface ChoiceSetting extends Described {
  readonly kind: 'choice';
  readonly default: string;
  /** Values and what the dialog calls them. */
  readonly options: Readonly<Record<string, Words>>;
  /**
   * It says where another setting, whose `source` names it, comes from: `str` the field itself, `msg` each
   * message's property, `env` a variable. The dialog shows both as one typed input.
   */
  readonly isSource?: boolean;
}

/** A camera's number from 1 or its name in the NVR's table; with `list` also several, ranges, and `*`. */
export interface ChannelSetting extends Described {
  readonly kind: 'channel';
  readonly default: string;
  readonly list?: boolean;
  readonly source?: string;
}

/** The id of a config node. */
export interface ConfigSetting extends Described {
  readonly kind: 'config';
  readonly default: '';
  readonly type: 'nvr-server' | 'tls-config';
  readonly required?: boolean;
}

/** A moment or a span as people write it: kept as text, read when it is used. */
export interface TimeSetting extends Described {
  readonly kind: 'time';
  readonly default: '';
  readonly form: 'moment' | 'span';
  readonly source?: string;
}

/** The NVR's table of channels and their names. */
export interface ChannelsSetting extends Described {
  readonly kind: 'channels';
  readonly default: readonly { channel: number; name: string }[];
}

/** The codes that a template's `{stream}` stands for. */
export interface CodesSetting extends Described {
  readonly kind: 'codes';
  readonly default: Readonly<Record<string, string>>;
}

export type Setting =
  | TextSetting
  | NumberSetting
  | BooleanSetting
  | ChoiceSetting
  | ChannelSetting
  | ConfigSetting
  | TimeSetting
  | ChannelsSetting
  | CodesSetting;

export type SettingsTable = Readonly<Record<string, Setting>>;

/** What the runtime reads of one setting. */
export type ValueOf<S extends Setting> = S extends NumberSetting
  ? S['default'] extends number
    ? number
    : number | undefined
  : S extends BooleanSetting
    ? boolean
    : S extends ChoiceSetting
      ? keyof S['options'] & string
      : S extends ChannelsSetting
        ? readonly { channel: number; name: string }[]
        : S extends CodesSetting
          ? Readonly<Record<string, string>>
          : string;

/** What the runtime reads of a node's settings. */
export type SettingsOf<T extends SettingsTable> = { readonly [K in keyof T]: ValueOf<T[K]> };

/** The name of the setting that says where this one comes from; undefined: it is always the field itself. */
export function sourceOf(setting: Setting): string | undefined {
  return setting.kind === 'channel' || setting.kind === 'time' ? setting.source : undefined;
}

/** Keeps the literal types of a table. */
export function settingsTable<const T extends SettingsTable>(table: T): T {
  return table;
}
