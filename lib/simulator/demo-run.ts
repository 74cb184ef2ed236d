// Runs a demo interactively: prints where to look, and runs until Ctrl-C.

import { startDemo, type Demo, type DemoOptions } from './demo.js';

/** Resolves with the exit code. `use` replaces waiting for Ctrl-C. Rejects with a readable message. */
export async function runDemo(options: DemoOptions, use?: (demo: Demo) => Promise<number>): Promise<number> {
  const stopped = interrupted();
  let demo: Demo | undefined;
  try {
    demo = await startDemo(options);
    await Promise.race([
      demo.started,
      stopped.then(() => Promise.reject(new Error('Ended before Node-RED had started.'))),
    ]);
    if (use !== undefined) return await Promise.race([use(demo), stopped.then(() => 1)]);
    process.stdout.write(greeting(demo));
    const code = await Promise.race([stopped, demo.exited.then(() => 1)]);
    process.stdout.write('Ending …\n');
    return code;
  } finally {
    await demo?.stop();
  }
}

function greeting({ page, url, ports, account }: Demo): string {
  return `
  Open this page   ${page}

  Editor           ${url}
  NVR              rtsp://127.0.0.1:${ports.rtsp}/live?ch=0000&stype=M   channels 1 to 4
  Account          ${account.username} / ${account.password}
  Ctrl-C ends it all.
`;
}

function interrupted(): Promise<number> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => {
        resolve(0);
      });
    }
  });
}
