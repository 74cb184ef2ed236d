// This Node-RED among those that may record to one folder: told from them by its machine and its folder for
// users, so that it is the same after each start.

import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { NodeAPI } from 'node-red';
import type { RecorderOwner } from '../../lib/nvr/recorder/types.js';

const LENGTH = 16;

/** `camera`: what is recorded. */
export function ownerOf(RED: NodeAPI, camera: string): RecorderOwner {
  const folder = path.resolve(RED.settings.userDir ?? process.cwd());
  return {
    id: hashOf([os.hostname(), folder, inodeOf(folder)]),
    camera: hashOf([camera]),
    host: hashOf([os.hostname(), textOf('/proc/sys/kernel/random/boot_id'), linkOf('/proc/self/ns/pid')]),
    pid: process.pid,
    isAlive,
  };
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // It is somebody else's.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Containers of one name may each have a folder of one name. */
function inodeOf(folder: string): string {
  return String(fs.statSync(folder, { throwIfNoEntry: false })?.ino ?? 0);
}

/** Containers number their processes anew, and so does a machine after its start; Linux tells which it is. */
function textOf(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function linkOf(file: string): string {
  try {
    return fs.readlinkSync(file);
  } catch {
    return '';
  }
}

function hashOf(parts: readonly string[]): string {
  return createHash('sha256').update(parts.join('\0')).digest('hex').slice(0, LENGTH);
}
