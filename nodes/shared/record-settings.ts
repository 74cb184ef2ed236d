// The settings of the record node.

import path from 'node:path';
import { DEFAULT_FILE_NAME } from '../../lib/nvr/recorder/file-name.js';
import type { RecorderOptions } from '../../lib/nvr/recorder/types.js';
import type { SettingsReader } from './settings-reader.js';

type Settings = Omit<RecorderOptions, 'id' | 'nvr' | 'channel' | 'timeZone'>;

/** Of continuous recording, where nothing is set. */
const USUAL_GIB = 10;

/** `ownFolder`: where none is set. Flows of the first release have no `version`, and kept everything. */
export function readRecordSettings(reader: SettingsReader, ownFolder: string, version: number): Settings {
  const mode = reader.choice('mode', ['alarm', 'continuous'], 'alarm');
  return {
    mode,
    onLoss: reader.choice('onLoss', ['keep', 'skip'], 'keep'),
    preRoll: reader.number('preRoll', 10, { min: 0, max: 120 }),
    postRoll: reader.number('postRoll', 10, { min: 0, max: 3600 }),
    maxLength: reader.number('maxLength', 300, { min: 1, max: 86_400 }),
    folder: reader.text('folder', path.resolve(ownFolder)),
    fileName: reader.text('fileName', DEFAULT_FILE_NAME),
    segment: reader.number('segment', 300, { min: 1, max: 86_400 }),
    keepDays: reader.number('keepDays', 0, { min: 0, max: 36_500 }),
    keepGiB: reader.number('keepGiB', mode === 'continuous' && version > 0 ? USUAL_GIB : 0, {
      min: 0,
      max: 1_000_000,
    }),
    plain: reader.boolean('plain', false),
    backfill: reader.boolean('backfill', true),
    fileMode: readMode(reader),
  };
}

/** Permissions as chmod takes them; nobody executes a clip, and its owner must be able to finish it. */
function readMode(reader: SettingsReader): number {
  const text = reader.text('fileMode', '0640');
  const mode = /^0?[0-7]{3}$/.test(text) ? Number.parseInt(text, 8) : 0;
  if ((mode & 0o600) === 0o600 && (mode & 0o111) === 0) return mode;
  return reader.refuse(
    'fileMode',
    'must be permissions such as 0640, which let the owner read and write.',
    0,
  );
}
