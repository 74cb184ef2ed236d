// The description of a setting. From it are derived the reader in the runtime, the TypeScript type, the
// dialog's field, default and check, the help and the reference.

/** English and German. */
export type Words = readonly [en: string, de: string];

interface Described {
  readonly label: Words;
  /** What the setting does, in a sentence or two of plain text, with `code` in back quotes. */
  readonly help: Words;
  /** Badge for an invalid value, at most 19 characters. By default derived from the label. */
  readonly badge?: Words;
  /** Unit behind the field, such as `s`. */
  readonly unit?: Words;
  /** Placeholder of an empty field; by default the setting's default. */
  readonly placeholder?: Words;
  /** Font Awesome 4 name, such as `fa-folder`. */
  readonly icon?: string;
  /** The field is shown only while other settings have one of these values. */
  readonly when?: Readonly<Record<string, readonly string[]>>;
  /**
   * Where the dialog's template places the field. Default `main`; with `none` the template has its own field.
   */
  readonly section?: string;
}

/** Additional checks of a text, implemented in check.ts. */
export type TextRule =
  | 'address'
  | 'template'
  | 'folder'
  | 'fileName'
  | 'path'
  | 'timeZone'
  | 'origins'
  | 'fileMode'
  | 'keyPattern';

export interface TextSetting extends Described {
  readonly kind: 'text';
  readonly default: string;
  /** In characters; default 1024. */
  readonly maxLength?: number;
  readonly required?: boolean;
  /** Required while other settings have one of these values. */
  readonly requiredWhen?: Readonly<Record<string, readonly string[]>>;
  readonly rule?: TextRule;
  /** Make the field as narrow as a number's. */
  readonly narrow?: boolean;
}

export interface NumberSetting extends Described {
  readonly kind: 'number';
  /** Undefined: no default, so the value is undefined if the field is empty. */
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
  /** The values and their names in the dialog. */
  readonly options: Readonly<Record<string, Words>>;
  /**
   * This setting says where another one (whose `source` is its name) comes from: `str`, the field itself;
   * `msg`, a property of each message; `env`, a variable. The dialog shows both as one typed input.
   */
  readonly isSource?: boolean;
}

/** A camera's number from 1, or its name in the NVR's table. With `list` also several, ranges, and `*`. */
export interface ChannelSetting extends Described {
  readonly kind: 'channel';
  readonly default: string;
  readonly list?: boolean;
  readonly source?: string;
}

/** Id of a config node. */
export interface ConfigSetting extends Described {
  readonly kind: 'config';
  readonly default: '';
  readonly type: 'nvr-server' | 'tls-config';
  readonly required?: boolean;
}

/** A time or duration as people write it; stored as text and parsed on use. */
export interface TimeSetting extends Described {
  readonly kind: 'time';
  readonly default: '';
  readonly form: 'moment' | 'span';
  readonly source?: string;
}

/** The NVR's table of channels with names. */
export interface ChannelsSetting extends Described {
  readonly kind: 'channels';
  readonly default: readonly { channel: number; name: string }[];
}

/** The codes that replace `{stream}` in a template. */
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

/** Type of one setting's value in the runtime. */
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

/** Type of a node's settings in the runtime. */
export type SettingsOf<T extends SettingsTable> = { readonly [K in keyof T]: ValueOf<T[K]> };

/** Name of the setting that says where this one comes from; undefined if it always comes from the field. */
export function sourceOf(setting: Setting): string | undefined {
  return setting.kind === 'channel' || setting.kind === 'time' ? setting.source : undefined;
}

/** Identity function that keeps the literal types of a table. */
export function settingsTable<const T extends SettingsTable>(table: T): T {
  return table;
}
