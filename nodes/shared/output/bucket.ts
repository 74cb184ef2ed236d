// Token bucket: limits a rate, with bursts of up to a given amount. Pure: the time is an argument, in
// monotonic ms.

export class Bucket {
  /** Full at the first use, which is any time after `at`. */
  private level = 0;
  private at = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly perSecond: number,
    private readonly burst: number,
  ) {}

  /**
   * Whether `amount` is within the rate. It is deducted either way, so the rate stays exceeded as long as
   * more is offered.
   */
  offer(amount: number, now: number): boolean {
    this.fill(now);
    const fits = amount <= this.level;
    this.level = Math.max(0, this.level - amount);
    return fits;
  }

  /** Like `offer`, but deducts nothing if the rate is exceeded. */
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
