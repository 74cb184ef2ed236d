// Reads the samples of a plain file from the tables in its moov (ISO 14496-12 8.6, 8.7).

import { boxes, find, type Box } from './box-reader.js';
import { runs, type ClipSample, type ClipTrack } from './clip-reader.js';

/** The samples of a track in decode order, as far as all tables reach. */
export function readSamples(moov: Buffer, track: ClipTrack): ClipSample[] {
  const stbl = tablesOf(moov, track.id);
  const table = (type: string): Box | undefined => stbl && find(moov, stbl, type);
  const [stts, stsz, stsc] = [table('stts'), table('stsz'), table('stsc')];
  const places = placesOf(moov, table('co64'), table('stco'));
  if (stts === undefined || stsz === undefined || stsc === undefined) return [];
  const ctts = table('ctts');
  const offsets = ctts === undefined ? [] : [...runs(moov, ctts)];
  const keys = keysOf(moov, table('stss'));
  const sizes = sizesOf(moov, stsz);
  const samples: ClipSample[] = [];
  const chunks = chunksOf(moov, stsc, places);
  let time = 0;
  let at = 0;
  let left = 0;
  for (const duration of runs(moov, stts)) {
    const index = samples.length;
    if (left === 0) {
      const chunk = chunks.next();
      if (chunk.done === true) break;
      ({ at, count: left } = chunk.value);
    }
    const bytes = sizes(index);
    if (bytes === undefined) break;
    samples.push({
      ...{ time, duration, bytes, at },
      offset: offsets[index] ?? 0,
      key: keys === undefined || keys.has(index + 1),
    });
    time += duration;
    at += bytes;
    left--;
  }
  return samples;
}

function tablesOf(moov: Buffer, id: number): Box | undefined {
  for (const trak of boxes(moov, 8)) {
    const tkhd = trak.type === 'trak' ? find(moov, trak, 'tkhd') : undefined;
    if (tkhd === undefined) continue;
    if (moov.readUInt32BE(tkhd.body + (moov[tkhd.body] === 1 ? 20 : 12)) === id)
      return find(moov, trak, 'mdia', 'minf', 'stbl');
  }
  return undefined;
}

function sizesOf(moov: Buffer, { body, end }: Box): (index: number) => number | undefined {
  const [same, count] = [moov.readUInt32BE(body + 4), moov.readUInt32BE(body + 8)];
  return (index) => {
    if (index >= count) return undefined;
    if (same > 0) return same;
    const at = body + 12 + 4 * index;
    return at + 4 <= end ? moov.readUInt32BE(at) : undefined;
  };
}

/** Numbers of the sync samples; undefined if all samples are. */
function keysOf(moov: Buffer, stss: Box | undefined): Set<number> | undefined {
  if (stss === undefined) return undefined;
  const keys = new Set<number>();
  for (let at = stss.body + 8; at + 4 <= stss.end; at += 4) keys.add(moov.readUInt32BE(at));
  return keys;
}

function placesOf(moov: Buffer, co64: Box | undefined, stco: Box | undefined): number[] {
  const places: number[] = [];
  const table = co64 ?? stco;
  const width = co64 === undefined ? 4 : 8;
  for (let at = (table?.body ?? 0) + 8; table !== undefined && at + width <= table.end; at += width)
    places.push(width === 8 ? Number(moov.readBigUInt64BE(at)) : moov.readUInt32BE(at));
  return places;
}

/** Position of each chunk, and its number of samples. */
function* chunksOf(
  moov: Buffer,
  { body, end }: Box,
  places: readonly number[],
): Generator<{ at: number; count: number }, undefined> {
  let entry = body + 8;
  let count = 0;
  for (const [index, at] of places.entries()) {
    if (entry + 12 <= end && moov.readUInt32BE(entry) === index + 1) {
      count = moov.readUInt32BE(entry + 4);
      entry += 12;
    }
    if (count === 0) return undefined;
    yield { at, count };
  }
  return undefined;
}
