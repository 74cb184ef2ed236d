// Checks the recorder's options.

import path from 'node:path';
import { NvrError } from '../../errors.js';
import { checkTemplate } from './file-name.js';
import type { RecorderOptions } from './types.js';

/** Throws EINPUT that names the wrong setting and the reason. */
export function checkOptions({ fileName, folder, mode, maxLength, preRoll }: RecorderOptions): void {
  checkTemplate(fileName);
  if (!path.isAbsolute(folder))
    throw new NvrError('EINPUT', 'The setting "folder" must be an absolute path.');
  if (mode === 'alarm' && maxLength <= preRoll)
    throw new NvrError('EINPUT', 'The setting "maxLength" must be longer than "preRoll".');
}
