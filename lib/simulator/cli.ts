#!/usr/bin/env node
// The command `nvr-simulator`.

import { parseArgs } from 'node:util';
import { startSimulator } from './index.js';

const HELP = `Usage: nvr-simulator [options]

An NVR on 127.0.0.1 that plays small clips: live channels, recordings of the last hours, and the playback key service.

  --rtsp-port N   RTSP port (default 8554)
  --http-port N   port of the key service (default 8080)
  --channels N    number of cameras (default 4)
  --user NAME     user name (default: no log-in)
  --password PW   its password
  --help          this text
`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      'rtsp-port': { type: 'string', default: '8554' },
      'http-port': { type: 'string', default: '8080' },
      channels: { type: 'string', default: '4' },
      user: { type: 'string', default: '' },
      password: { type: 'string', default: '' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const simulator = await startSimulator({
    rtspPort: whole(values['rtsp-port'], '--rtsp-port', 0, 65_535),
    httpPort: whole(values['http-port'], '--http-port', 0, 65_535),
    channels: whole(values.channels, '--channels', 1, 9999),
    username: values.user,
    password: values.password,
  });
  process.stdout.write(
    `${simulator.url(1)}   channels 1 to ${simulator.settings.channels}\nKey service on http://127.0.0.1:${simulator.httpPort}\n`,
  );
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void simulator.stop());
}

function whole(text: string, option: string, min: number, max: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < min || value > max)
    throw new Error(`${option} must be a whole number from ${min} to ${max}.`);
  return value;
}

main().catch((error: unknown) => {
  process.stderr.write(`nvr-simulator: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
