// For what no event tells: looking again and again, for a bounded time, so that no test looks on while the
// next one runs.

export interface Looking {
  /** Less than the test's own time-out. */
  readonly withinMs?: number;
  readonly everyMs?: number;
  /** What is known of the case, for the error. */
  readonly log?: () => string;
}

/** For tests with 60 s or more, of a real Node-RED or a browser. */
export const SLOWLY = { withinMs: 50_000, everyMs: 50 };

/** Answers the first value that is neither false nor undefined. */
export async function until<T>(
  look: () => T | Promise<T>,
  { withinMs = 18_000, everyMs = 10, log = () => '' }: Looking = {},
): Promise<Exclude<T, false | undefined>> {
  const begun = performance.now();
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found as Exclude<T, false | undefined>;
    if (performance.now() - begun > withinMs) throw new Error(`It did not come in ${withinMs} ms. ${log()}`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
