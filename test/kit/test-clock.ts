// A clock that stands still until the test moves it, and the timers on it.

interface Timer {
  readonly at: number;
  readonly run: () => void;
}

/** `set` and `clear` are the timers that the library takes, `read` is its clock. */
export class TestClock {
  private readonly timers = new Set<Timer>();
  /** How many timers there were, those that wait among them. */
  timersSet = 0;

  constructor(public now = 0) {}

  readonly read = (): number => this.now;

  readonly set = (run: () => void, ms: number): unknown => {
    const timer = { run, at: this.now + ms };
    this.timers.add(timer);
    this.timersSet++;
    return timer;
  };

  readonly clear = (timer: unknown): void => void this.timers.delete(timer as Timer);

  /** How many timers wait. */
  get waiting(): number {
    return this.timers.size;
  }

  /** Moves to a time, and runs what is due on the way, each at its own. */
  to(time: number): void {
    while (this.runNext(time));
    this.now = Math.max(this.now, time);
  }

  pass(ms: number): void {
    this.to(this.now + ms);
  }

  /** The same with a turn of the event loop before and behind each timer, for what promises set. */
  async passInTurns(ms: number): Promise<void> {
    const end = this.now + ms;
    do await new Promise(setImmediate);
    while (this.runNext(end));
    this.now = Math.max(this.now, end);
    await new Promise(setImmediate);
  }

  private runNext(end: number): boolean {
    const [due] = [...this.timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
    if (due === undefined) return false;
    this.timers.delete(due);
    this.now = Math.max(this.now, due.at);
    due.run();
    return true;
  }
}
