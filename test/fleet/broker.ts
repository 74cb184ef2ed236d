// A mosquitto that keeps what it holds on disk, so that it can be killed and started again.

import { spawn, type ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { freePort } from '../../lib/simulator/ports.js';

export class FleetBroker {
  private child: ChildProcess | undefined;

  private constructor(
    readonly port: number,
    private readonly folder: string,
  ) {}

  static async start(): Promise<FleetBroker> {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-fleet-broker-'));
    const port = await freePort(0);
    fs.writeFileSync(
      path.join(folder, 'mosquitto.conf'),
      [
        `listener ${port} 127.0.0.1`,
        'allow_anonymous true',
        `user ${os.userInfo().username}`,
        'persistence true',
        `persistence_location ${folder}/`,
        // Written after so many changes, also where it is killed.
        'autosave_on_changes true',
        'autosave_interval 5',
        'max_queued_messages 100000',
      ].join('\n'),
    );
    const broker = new FleetBroker(port, folder);
    await broker.run();
    return broker;
  }

  get pid(): number {
    return this.child!.pid!;
  }

  /** As a crash does. */
  async kill(): Promise<void> {
    await this.end('SIGKILL');
  }

  async run(): Promise<void> {
    const child = spawn('mosquitto', ['-c', path.join(this.folder, 'mosquitto.conf')], {
      env: { ...process.env, PATH: `${process.env.PATH ?? ''}:/usr/sbin` },
      stdio: 'ignore',
    });
    this.child = child;
    const failed = new Promise<never>((_, reject) => {
      child.once('error', reject);
      child.once('exit', (code) => {
        reject(new Error(`mosquitto ended with ${code ?? 'a signal'}`));
      });
    });
    failed.catch(() => undefined);
    await Promise.race([this.listening(), failed]);
  }

  async stop(): Promise<void> {
    await this.end('SIGTERM');
    fs.rmSync(this.folder, { recursive: true, force: true });
  }

  private async end(signal: NodeJS.Signals): Promise<void> {
    const child = this.child!;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await exited;
  }

  private async listening(): Promise<void> {
    for (let tries = 0; tries < 200; tries++) {
      const open = await new Promise<boolean>((resolve) => {
        const socket = net.connect(this.port, '127.0.0.1', () => {
          socket.destroy();
          resolve(true);
        });
        socket.once('error', () => {
          resolve(false);
        });
      });
      if (open) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error('mosquitto does not listen');
  }
}
