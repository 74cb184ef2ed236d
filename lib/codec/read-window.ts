// Describes the current socket read, so that a unit whose payloads lie next to each other in it can be copied
// at once.

/**
 * One per session, updated for each read. Buffers from elsewhere (UDP, packets that span reads) do not match
 * it.
 */
export class ReadWindow {
  /** The read buffer; the next read overwrites it. */
  buffer: Buffer | undefined;
  /** One past the last byte of the read. */
  end = 0;
  /** Incremented with each read. */
  read = 0;
  /**
   * Monotonic ms of the read. Initially undefined so that V8 stores the number boxed, allocated once per
   * read; an unboxed field would be boxed again for every packet it is passed on with.
   */
  arrival: number | undefined = undefined;

  /** A new read: `length` bytes from the start of `buffer`. */
  open(buffer: Buffer, length: number, arrival: number): void {
    this.buffer = buffer;
    this.end = length;
    this.arrival = arrival;
    this.read += 1;
  }
}
