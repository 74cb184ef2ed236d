// The sounds that go beside a picture: how ffmpeg makes each, how GStreamer serves it, and what must come.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { AudioUnit } from '../../lib/codec/unit.js';
import { ffmpeg, ffmpegBytes, packetHashes } from './judge.js';

export interface Sound {
  /** In the names of tests and in the table. */
  codec: string;
  /** Of the mount and the files. */
  name: string;
  extension: string;
  /** The format of the units. */
  unit: { codec: string; sampleRate: number; channels: number };
  encoder: string[];
  /** From the file to the payloader, gst-launch form. */
  chain: string;
  /**
   * How ffmpeg tells what must come: a hash for each unit, or all bytes in a row, of the file or of the same
   * sound made again.
   */
  expected: { packets: string[] } | { bytes: string[] } | { again: string[] };
}

/** Sound ends before the picture, whose end ends the session. */
const SECONDS = 1;

const AAC = {
  extension: 'aac',
  encoder: ['-c:a', 'aac'],
  expected: { packets: ['-bsf:a', 'aac_adtstoasc'] },
};

export const SOUNDS: readonly Sound[] = [
  {
    ...AAC,
    codec: 'AAC',
    name: 'aac',
    unit: { codec: 'aac', sampleRate: 48_000, channels: 2 },
    chain: '! aacparse ! rtpmp4gpay pt=97 name=pay1',
  },
  {
    ...AAC,
    codec: 'AAC LATM',
    name: 'latm',
    unit: { codec: 'aac', sampleRate: 16_000, channels: 1 },
    chain: '! aacparse ! rtpmp4apay pt=97 name=pay1',
  },
  {
    codec: 'PCMU',
    name: 'pcmu',
    extension: 'wav',
    unit: { codec: 'pcmu', sampleRate: 8000, channels: 1 },
    encoder: ['-c:a', 'pcm_mulaw'],
    chain: '! wavparse ! rtppcmupay name=pay1',
    expected: { bytes: ['-c', 'copy', '-f', 'mulaw'] },
  },
  {
    codec: 'G.726',
    name: 'g726',
    extension: 'g726',
    unit: { codec: 'g726', sampleRate: 8000, channels: 1 },
    encoder: ['-c:a', 'g726', '-b:a', '32k', '-f', 'g726'],
    // The file is nothing but code words, in the order of AAL2: the pipeline must be told what they are, and
    // how fast they go.
    chain:
      'blocksize=160 ! identity datarate=4000 ! audio/x-adpcm,layout=g726,channels=1,rate=8000,bitrate=32000 ! rtpg726pay force-aal2=false pt=97 name=pay1',
    // Units have the order of RFC 3551.
    expected: { again: ['-c:a', 'g726le', '-b:a', '32k', '-f', 'g726le'] },
  },
  {
    codec: 'L16',
    name: 'l16',
    extension: 'wav',
    unit: { codec: 'l16', sampleRate: 44_100, channels: 2 },
    encoder: ['-c:a', 'pcm_s16le'],
    chain: '! wavparse ! audioconvert ! rtpL16pay pt=97 name=pay1',
    expected: { bytes: ['-c:a', 'pcm_s16be', '-f', 's16be'] },
  },
  {
    codec: 'Opus',
    name: 'opus',
    extension: 'ogg',
    unit: { codec: 'opus', sampleRate: 48_000, channels: 2 },
    encoder: ['-c:a', 'libopus'],
    chain: '! oggdemux ! opusparse ! rtpopuspay pt=97 name=pay1',
    expected: { packets: [] },
  },
];

export async function makeSound(sound: Sound, file: string): Promise<void> {
  await ffmpeg(...sineOf(sound), ...sound.encoder, '-y', file);
}

function sineOf({ unit }: Sound): string[] {
  const format = ['-ac', String(unit.channels), '-ar', String(unit.sampleRate)];
  return ['-f', 'lavfi', '-i', `sine=f=440:d=${SECONDS}`, ...format];
}

/** Every byte of it, in units that say what they are. */
export async function judgeSound(sound: Sound, units: readonly AudioUnit[], file: string): Promise<void> {
  assert.ok(units.length > 0 && units.every(({ damaged }) => !damaged), `${units.length} audio units`);
  const { codec, sampleRate, channels } = units[0]!.format;
  assert.deepEqual({ codec, sampleRate, channels }, sound.unit);
  const { expected } = sound;
  if ('packets' in expected) {
    const hashes = await packetHashes('-i', file, ...expected.packets);
    // Nothing says that a mux element begins: the first is passed over.
    const wanted = sound.codec === 'AAC LATM' ? hashes.slice(1) : hashes;
    assert.deepEqual(
      units.map(({ data }) => createHash('md5').update(data).digest('hex')),
      wanted,
    );
    return;
  }
  const source =
    'again' in expected ? [...sineOf(sound), ...expected.again] : ['-i', file, ...expected.bytes];
  const wanted = await ffmpegBytes(...source, '-');
  assert.ok(Buffer.concat(units.map(({ data }) => data)).equals(wanted), 'other bytes');
}
