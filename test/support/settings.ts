import type { NvrSettings } from '../../lib/nvr/types.js';

/** A MOVE NVR on the loopback interface, with the defaults of the config node. */
export function settingsFor(port: number, extra: Partial<NvrSettings> = {}): NvrSettings {
  return {
    name: 'NVR',
    host: '127.0.0.1',
    rtspPort: port,
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
    timeZone: '',
    requestTimeout: 2,
    silence: 5,
    linger: 5,
    audio: false,
    username: '',
    password: '',
    ...extra,
  };
}
