// Which troubles are news: a cause is told once, until something has gone well again.

import type { NvrError } from '../../errors.js';
import { codeOf } from './disk.js';

export class News {
  private readonly told = new Set<string>();

  /** Whether this cause has not been told since the last success. */
  isNews(error: NvrError): boolean {
    const cause = `${error.code} ${codeOf(error.cause)}`;
    const isNew = !this.told.has(cause);
    this.told.add(cause);
    return isNew;
  }

  success(): void {
    this.told.clear();
  }
}
