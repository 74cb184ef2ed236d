// The wire format from the server to a page, over one streaming response for all of its cameras: a sequence
// of records.
//
// A record: its body's length (4 bytes), kind (1), flags (1), the camera's index on the page (2), the body.
// Numbers are big-endian.

export const RECORD_HEAD = 8;

/** The kinds of records, with their values on the wire. */
export const RECORD_KINDS = {
  /** JSON: what the page needs to begin. Always the first record. */
  hello: 1,
  /** Length of the MIME type (2), MIME type, initialization segment. */
  init: 2,
  /** Wall time and the player's time (float64, ms both), then a fragment. */
  picture: 3,
  sound: 4,
  /** Wall time (float64, ms), then a JPEG. */
  jpeg: 5,
  /** JSON: the state of the camera's stream. */
  state: 6,
  /** JSON: show this camera. */
  show: 7,
  /** JSON: how many frames this page has missed. */
  skipped: 8,
  /** Empty; lets a page distinguish a quiet server from a dead one. */
  alive: 9,
} as const;

export type RecordKind = keyof typeof RECORD_KINDS;

/** Bits of a record's flags. */
export const FLAGS = {
  keyframe: 1,
  /** Part of the kept GOP: to be decoded at once, since the live frames depend on it. */
  kept: 2,
  /** Parts of the frame, or of a frame that it depends on, were lost. */
  damaged: 4,
  /** Concerns audio, for kinds that video uses, too. */
  sound: 8,
} as const;

/** One record; all pages get the same bytes. */
export interface ViewRecord {
  readonly kind: RecordKind;
  readonly flags: number;
  readonly bytes: Buffer;
  /** In ms of the player's time; of video and audio only. */
  readonly shownAt?: number;
}

function record(kind: RecordKind, camera: number, flags: number, ...body: readonly Uint8Array[]): ViewRecord {
  const size = body.reduce((sum, part) => sum + part.length, 0);
  const head = Buffer.alloc(RECORD_HEAD);
  head.writeUInt32BE(size, 0);
  head.writeUInt8(RECORD_KINDS[kind], 4);
  head.writeUInt8(flags, 5);
  head.writeUInt16BE(camera, 6);
  return { kind, flags, bytes: Buffer.concat([head, ...body], RECORD_HEAD + size) };
}

export function jsonRecord(
  kind: 'hello' | 'state' | 'show' | 'skipped',
  camera: number,
  value: object,
): ViewRecord {
  return record(kind, camera, 0, Buffer.from(JSON.stringify(value)));
}

export function initRecord(camera: number, mime: string, segment: Buffer, isSound: boolean): ViewRecord {
  const type = Buffer.from(mime, 'latin1');
  const length = Buffer.alloc(2);
  length.writeUInt16BE(type.length);
  return record('init', camera, isSound ? FLAGS.sound : 0, length, type, segment);
}

/** `wallTime` is in epoch ms, `shownAt` in ms of the player's time. */
export function mediaRecord(
  kind: 'picture' | 'sound',
  camera: number,
  flags: number,
  wallTime: number,
  shownAt: number,
  fragment: Buffer,
): ViewRecord {
  const times = Buffer.alloc(16);
  times.writeDoubleBE(wallTime, 0);
  times.writeDoubleBE(shownAt, 8);
  return { ...record(kind, camera, flags, times, fragment), shownAt };
}

export function jpegRecord(camera: number, wallTime: number, jpeg: Uint8Array): ViewRecord {
  const time = Buffer.alloc(8);
  time.writeDoubleBE(wallTime);
  return record('jpeg', camera, FLAGS.keyframe, time, jpeg);
}

export const ALIVE: ViewRecord = record('alive', 0, 0);

/** A copy of the record that is marked as part of the kept GOP. */
export function keptRecord(given: ViewRecord): ViewRecord {
  const flags = given.flags | FLAGS.kept;
  const bytes = Buffer.from(given.bytes);
  bytes.writeUInt8(flags, 5);
  return { ...given, flags, bytes };
}
