import { withDefaults } from '../../lib/nvr/default-settings.js';
import type { NvrSettings } from '../../lib/nvr/types.js';

/** Settings for a MOVE NVR on the loopback interface: the config node's defaults, with shorter waits. */
export function settingsFor(port: number, extra: Partial<NvrSettings> = {}): NvrSettings {
  const own = { name: 'NVR', host: '127.0.0.1', rtspPort: port, timeZone: '', requestTimeout: 2 };
  return withDefaults({ ...own, ...extra });
}
