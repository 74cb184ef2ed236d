// Flows that an older version saved, as the present one would have saved them. A node without `version` was
// saved by 0.1.0.

/** The version that a dialog saves now. */
export const SETTINGS_VERSION = 1;

type Saved = Readonly<Record<string, unknown>>;

/** What changes from one version of a node type's settings to the next. */
interface Migration {
  readonly type: string;
  /** The version that it makes. */
  readonly to: number;
  readonly change: (saved: Saved) => Saved;
}

const MIGRATIONS: readonly Migration[] = [
  {
    type: 'nvr-server',
    to: 1,
    // An empty time zone was UTC, and one that was set held for the key service too. A dialog that was open
    // since may have said so already.
    change: (saved) => {
      if (saved.keyTime !== undefined) return saved;
      const isSet = typeof saved.timeZone === 'string' && saved.timeZone.trim() !== '';
      return isSet ? { ...saved, keyTime: 'local' } : { ...saved, timeZone: 'UTC', keyTime: 'utc' };
    },
  },
];

/** The saved properties in the present version; those of the present version come back as they are. */
export function migrate(type: string, saved: Saved, migrations: readonly Migration[] = MIGRATIONS): Saved {
  const version = Number(saved.version ?? 0);
  return migrations
    .filter((migration) => migration.type === type && migration.to > version)
    .sort((a, b) => a.to - b.to)
    .reduce((old, { to, change }) => ({ ...change(old), version: to }), saved);
}
