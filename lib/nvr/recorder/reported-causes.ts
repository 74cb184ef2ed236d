// Decides whether a problem is reported as new: each cause only once until the next success.

import type { NvrError } from '../../errors.js';
import { codeOf } from './disk.js';

export class ReportedCauses {
  private readonly causes = new Set<string>();

  /** Remembers the cause. Returns whether it was not reported since the last success. */
  remember(error: NvrError): boolean {
    const cause = `${error.code} ${codeOf(error.cause)}`;
    const isNew = !this.causes.has(cause);
    this.causes.add(cause);
    return isNew;
  }

  /** A success: every cause is new again. */
  clear(): void {
    this.causes.clear();
  }
}
