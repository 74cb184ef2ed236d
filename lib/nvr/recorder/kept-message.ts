// Copies the part of an alarm's message that goes into the journal, so that its clip can be reported with it
// after a restart: plain data without secrets, of limited size.

import { types } from 'node:util';
import type { KeptMessage } from './types.js';

/** The most bytes, as JSON. */
const MAX_BYTES = 16 * 1024;
const MAX_DEPTH = 20;
/** Names of properties that may hold a secret, wherever in the name the word stands. */
const SECRET = /passw|passphrase|pwd|token|authori[sz]ation|credential|cookie|secret|key/i;
/** The connections of the core `http in` node, and properties that belong to Node-RED. */
const OWN = /^(?:req$|res$|_)/;

interface Budget {
  bytes: number;
}

/** Stands for a value that cannot be kept. */
const NOTHING = Symbol('nothing');

/**
 * Copies the properties that are JSON, each completely or not at all; if not all fit, the small ones. Runs no
 * getter, and never throws.
 */
export function keepMessage(message: object): KeptMessage {
  const found: { name: string; value: unknown; bytes: number }[] = [];
  for (const name of namesOf(message)) {
    const value = copy(valueOf(message, name), { bytes: MAX_BYTES }, [message]);
    if (value !== NOTHING)
      found.push({ name, value, bytes: Buffer.byteLength(JSON.stringify({ [name]: value })) });
  }
  const fits = new Set<string>();
  let rest = MAX_BYTES;
  for (const { name, bytes } of [...found].sort((a, b) => a.bytes - b.bytes)) {
    if (bytes > rest) break;
    rest -= bytes;
    fits.add(name);
  }
  return Object.fromEntries(
    found.filter(({ name }) => fits.has(name)).map(({ name, value }) => [name, value]),
  );
}

/** `budget` limits the work as well as the size; `above` are the objects that contain the value. */
function copy(value: unknown, budget: Budget, above: readonly object[]): unknown {
  if ((budget.bytes -= 2) < 0) return NOTHING;
  switch (typeof value) {
    case 'string':
      budget.bytes -= value.length;
      return budget.bytes < 0 ? NOTHING : value;
    case 'number':
      return Number.isFinite(value) ? value : NOTHING;
    case 'boolean':
      return value;
    case 'object':
      if (value === null) return value;
      // Reading a proxy runs code of its own, which may throw.
      if (types.isProxy(value)) return NOTHING;
      if (types.isDate(value)) return Number.isNaN(value.getTime()) ? NOTHING : value.toISOString();
      if (above.length > MAX_DEPTH || above.includes(value)) return NOTHING;
      return Array.isArray(value) ? copyList(value, budget, above) : copyObject(value, budget, above);
    default:
      return NOTHING;
  }
}

function copyList(list: readonly unknown[], budget: Budget, above: readonly object[]): unknown {
  const copied: unknown[] = [];
  for (const item of list) {
    const value = copy(item, budget, [...above, list]);
    if (budget.bytes < 0) return NOTHING;
    // `JSON.stringify` also writes null for such an item.
    copied.push(value === NOTHING ? null : value);
  }
  return copied;
}

function copyObject(from: object, budget: Budget, above: readonly object[]): unknown {
  const prototype: unknown = Object.getPrototypeOf(from);
  // Instances of classes, such as Buffers, are not plain data.
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) return NOTHING;
  const copied: [string, unknown][] = [];
  for (const name of namesOf(from)) {
    if ((budget.bytes -= name.length + 4) < 0) return NOTHING;
    const value = copy(valueOf(from, name), budget, [...above, from]);
    if (budget.bytes < 0) return NOTHING;
    if (value !== NOTHING) copied.push([name, value]);
  }
  return Object.fromEntries(copied);
}

function namesOf(object: object): string[] {
  return Object.keys(object).filter((name) => !SECRET.test(name) && !OWN.test(name));
}

/** Getters are not run: they may throw, or return something else each time. */
function valueOf(object: object, name: string): unknown {
  return Object.getOwnPropertyDescriptor(object, name)?.value as unknown;
}
