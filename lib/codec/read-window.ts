// What the socket read at hand holds, so that a unit whose payloads lie in it one behind the other is copied
// at once.

/**
 * One per session, filled anew for each read; buffers of other origin (UDP, straddling packets) are simply
 * not in it.
 */
export class ReadWindow {
  /** The read buffer, which the next read overwrites. */
  buffer: Buffer | undefined;
  /** One past the last byte that the read brought. */
  end = 0;
  /** Goes up with every read. */
  read = 0;
  /**
   * Monotonic ms of the read. It begins as undefined so that V8 keeps the number in a box of its own, made
   * once per read: a bare one would be boxed anew for every packet it is passed on with.
   */
  arrival: number | undefined = undefined;

  /** A read begins to be handed on: `length` bytes from the start of `buffer`. */
  open(buffer: Buffer, length: number, arrival: number): void {
    this.buffer = buffer;
    this.end = length;
    this.arrival = arrival;
    this.read += 1;
  }
}
