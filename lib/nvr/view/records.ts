// What travels from the server to a page, over one streamed answer for all of its cameras: records of a kind,
// a camera and a body.
//
// A record: its body's length (4 bytes), kind (1), flags (1), the camera's index on the page (2), the body.
// Numbers are big-endian.

export const RECORD_HEAD = 8;

/** The kinds, as they stand on the wire. */
export const RECORD_KINDS = {
  /** JSON: what the page needs to begin. Always the first. */
  hello: 1,
  /** Length of the MIME type (2), MIME type, initialization segment. */
  init: 2,
  /** Wall time and the player's time (float64, ms both), then a fragment. */
  picture: 3,
  sound: 4,
  /** Wall time (float64, ms), then a JPEG. */
  jpeg: 5,
  /** JSON: how the camera's stream is. */
  state: 6,
  /** JSON: turn to a camera. */
  show: 7,
  /** JSON: how many pictures this viewer has missed. */
  skipped: 8,
  /** Nothing; so that a page can tell a quiet server from a dead one. */
  alive: 9,
} as const;

export type RecordKind = keyof typeof RECORD_KINDS;

/** Bits of a record's flags. */
export const FLAGS = {
  keyframe: 1,
  /** Of the kept GOP: to be shown at once, since the live picture builds on it. */
  kept: 2,
  /** Parts of the picture, or of what it builds on, were lost. */
  damaged: 4,
  /** Of the sound, where the kind is the picture's too. */
  sound: 8,
} as const;

/** One record as a page gets it; the same bytes go to every viewer. */
export interface ViewRecord {
  readonly kind: RecordKind;
  readonly flags: number;
  readonly bytes: Buffer;
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

/** `wallTime`: epoch ms; `shownAt`: ms of the player's clock. */
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
  return record(kind, camera, flags, times, fragment);
}

export function jpegRecord(camera: number, wallTime: number, jpeg: Uint8Array): ViewRecord {
  const time = Buffer.alloc(8);
  time.writeDoubleBE(wallTime);
  return record('jpeg', camera, FLAGS.keyframe, time, jpeg);
}

export const ALIVE: ViewRecord = record('alive', 0, 0);

/** The same picture, told to be one of the kept GOP. */
export function keptRecord({ kind, flags, bytes }: ViewRecord): ViewRecord {
  const head = Buffer.from(bytes.subarray(0, RECORD_HEAD));
  head.writeUInt8(flags | FLAGS.kept, 5);
  return { kind, flags: flags | FLAGS.kept, bytes: Buffer.concat([head, bytes.subarray(RECORD_HEAD)]) };
}
