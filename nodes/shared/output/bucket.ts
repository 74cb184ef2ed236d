// So much a second, and no more than so much at once. Pure; time comes in, in monotonic ms.

export class Bucket {
  private level: number;
  private at = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly perSecond: number,
    private readonly burst: number,
  ) {
    this.level = burst;
  }

  /**
   * Whether `amount` is within the rate. What is not counts all the same: as long as more is offered than the
   * rate, it is exceeded.
   */
  offer(amount: number, now: number): boolean {
    this.fill(now);
    const fits = amount <= this.level;
    this.level = Math.max(0, this.level - amount);
    return fits;
  }

  /** As `offer`; what is not within the rate does not count. */
  take(amount: number, now: number): boolean {
    this.fill(now);
    if (amount > this.level) return false;
    this.level -= amount;
    return true;
  }

  private fill(now: number): void {
    const filled = (Math.max(0, now - this.at) * this.perSecond) / 1000;
    this.level = Math.min(this.burst, this.level + filled);
    this.at = now;
  }
}
