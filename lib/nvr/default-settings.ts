// The default settings of an NVR: those of a MOVE NVR.

import type { NvrSettings } from './types.js';

/** Settings of which only the host is required. */
export type NvrConfig = Pick<NvrSettings, 'host'> & Partial<NvrSettings>;

export function withDefaults(config: NvrConfig): NvrSettings {
  return {
    name: config.host,
    rtspPort: 554,
    httpPort: 80,
    tls: false,
    httpTls: false,
    transport: 'auto',
    uriStyle: 'move',
    liveTemplate: '',
    playbackTemplate: '',
    streamCodes: { main: 'M', dual: 'D' },
    firstChannel: 0,
    channels: [],
    timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    requestTimeout: 10,
    silence: 5,
    linger: 5,
    audio: false,
    username: '',
    password: '',
    ...config,
  };
}
