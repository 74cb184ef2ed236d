// The key that exports are signed with: created on first use, readable by its owner only. Its private half
// never leaves this file.

import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import type fsPromises from 'node:fs/promises';
import { promisify } from 'node:util';
import { NvrError } from '../../errors.js';
import { codeOf, writeError } from '../recorder/disk.js';

type KeyFs = Pick<typeof fsPromises, 'open' | 'rename' | 'unlink'>;

export interface SigningKey {
  /** The 32 bytes of the public key, in base64. */
  readonly publicKey: string;
  /** Ed25519 (RFC 8032), in base64. */
  sign(text: string): Promise<string>;
}

const signed = promisify(sign);
const MODE = 0o600;
/** A PEM of this kind has 119 bytes. */
const MAX_BYTES = 4096;

const keys = new Map<string, Promise<SigningKey>>();

/**
 * `file` is the key's absolute path. Rejects with EDISK if it can be neither read nor created, and with
 * EINPUT if it is not an Ed25519 key.
 */
export function signingKey(fs: KeyFs, file: string): Promise<SigningKey> {
  const existing = keys.get(file);
  if (existing !== undefined) return existing;
  const loaded = load(fs, file).catch((cause: unknown) => {
    // The user may correct it before the next attempt.
    keys.delete(file);
    throw writeError(cause, file);
  });
  keys.set(file, loaded);
  return loaded;
}

/** The public key, if there is a key; does not create one. Rejects as `signingKey` does. */
export async function publicKeyOf(fs: KeyFs, file: string): Promise<string | undefined> {
  if (!keys.has(file) && (await read(fs, file)) === undefined) return undefined;
  return (await signingKey(fs, file)).publicKey;
}

async function load(fs: KeyFs, file: string): Promise<SigningKey> {
  const pem = (await read(fs, file)) ?? (await make(fs, file));
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch {
    throw noKey(file);
  }
  if (key.asymmetricKeyType !== 'ed25519') throw noKey(file);
  const { x = '' } = createPublicKey(key).export({ format: 'jwk' });
  return {
    publicKey: Buffer.from(x, 'base64url').toString('base64'),
    // The asynchronous form signs in a thread: a manifest may be large.
    sign: async (text) => (await signed(null, Buffer.from(text), key)).toString('base64'),
  };
}

/** Undefined if there is no key yet. */
async function read(fs: KeyFs, file: string): Promise<string | undefined> {
  let handle;
  try {
    handle = await fs.open(file, 'r');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const { size, mode } = await handle.stat();
    if (size > MAX_BYTES) throw noKey(file);
    if ((mode & 0o077) !== 0) await handle.chmod(MODE).catch(() => undefined);
    return await handle.readFile('utf8');
  } finally {
    await handle.close();
  }
}

/** Writes a new file and renames it, so that a crash cannot leave half a key. */
async function make(fs: KeyFs, file: string): Promise<string> {
  const { privateKey } = generateKeyPairSync('ed25519', {
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  const anew = `${file}.new`;
  await fs.unlink(anew).catch(() => undefined);
  const handle = await fs.open(anew, 'wx', MODE);
  try {
    await handle.writeFile(privateKey);
    await handle.sync().catch(() => undefined);
  } finally {
    await handle.close();
  }
  await fs.rename(anew, file);
  return privateKey;
}

function noKey(file: string): NvrError {
  return new NvrError(
    'EINPUT',
    `${file} holds no Ed25519 key; move it away, and a new one is made. Exports signed with the old key can still be verified: each holds its public key.`,
  );
}
