// The system's timers as the library takes them; a fake clock that is installed moves them.

export const systemTimers = {
  set: (run: () => void, ms: number): NodeJS.Timeout => setTimeout(run, ms),
  clear: (timer: unknown): void => {
    clearTimeout(timer as NodeJS.Timeout | undefined);
  },
};
