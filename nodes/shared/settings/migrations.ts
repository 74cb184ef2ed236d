// Converts settings saved by older versions. A node without `version` was saved by 0.1.0.

/** The version that dialogs save. */
export const SETTINGS_VERSION = 1;

type Saved = Readonly<Record<string, unknown>>;

/** A change of a node type's settings between two versions. */
interface Migration {
  readonly type: string;
  /** The resulting version. */
  readonly to: number;
  readonly change: (saved: Saved) => Saved;
}

const MIGRATIONS: readonly Migration[] = [
  {
    type: 'nvr-server',
    to: 1,
    // In 0.1.0 an empty time zone meant UTC, and a set one also applied to the key service. A newer dialog
    // may have saved `keyTime` already.
    change: (saved) => {
      if (saved.keyTime !== undefined) return saved;
      const isSet = typeof saved.timeZone === 'string' && saved.timeZone.trim() !== '';
      return isSet ? { ...saved, keyTime: 'local' } : { ...saved, timeZone: 'UTC', keyTime: 'utc' };
    },
  },
];

/** The saved properties in the current version; the same object if they already are. */
export function migrate(type: string, saved: Saved, migrations: readonly Migration[] = MIGRATIONS): Saved {
  const version = Number(saved.version ?? 0);
  return migrations
    .filter((migration) => migration.type === type && migration.to > version)
    .sort((a, b) => a.to - b.to)
    .reduce((old, { to, change }) => ({ ...change(old), version: to }), saved);
}
