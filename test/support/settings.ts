import { withDefaults } from '../../lib/nvr/default-settings.js';
import type { NvrSettings } from '../../lib/nvr/types.js';

/**
 * A MOVE NVR on the loopback interface, with the defaults of the config node but for what a test would wait
 * for.
 */
export function settingsFor(port: number, extra: Partial<NvrSettings> = {}): NvrSettings {
  const own = { name: 'NVR', host: '127.0.0.1', rtspPort: port, timeZone: '', requestTimeout: 2 };
  return withDefaults({ ...own, ...extra });
}
