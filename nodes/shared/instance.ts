// Identifies this Node-RED among those that may record to the same folder, by its machine and its user
// folder, so that the identity is the same after each start.

import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { NodeAPI } from 'node-red';
import type { RecorderOwner } from '../../lib/nvr/recorder/types.js';

const LENGTH = 16;

/** `camera`: text that identifies the recorded stream. */
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
    // The process exists, but belongs to another user.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Distinguishes containers with the same host name and the same folder path. */
function inodeOf(folder: string): string {
  return String(fs.statSync(folder, { throwIfNoEntry: false })?.ino ?? 0);
}

/**
 * Process ids start anew in each container and after each boot. Linux names both in files, so that a pid is
 * compared only within the same one.
 */
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
