const COUNTER_LIMIT = 0x1000;
/** What stands before the counter. */
const VERSION = 0x7000;
/** Where version 4 and version 7 agree: the variant and 62 random bits. */
const RANDOM_PART = 19;

/**
 * Makes UUIDs of version 7 (RFC 9562 section 5.7): in the order in which this process makes them, and between
 * processes in that of their clocks' milliseconds. What is made together lies together in an index.
 */
export class OrderedUuids {
  #lastMs = 0;
  #counter = 0;
  /** The text of the time, up to the version. */
  #time = '';

  /** @param randomUuid makes UUIDs of version 4 from a cryptographic generator */
  constructor(
    private readonly nowMs: () => number,
    private readonly randomUuid: () => string,
  ) {}

  next(): string {
    const nowMs = this.nowMs();
    if (nowMs > this.#lastMs) this.#begin(nowMs);
    else if (++this.#counter === COUNTER_LIMIT) this.#begin(this.#lastMs + 1);
    return `${this.#time}${(VERSION | this.#counter).toString(16)}-${this.randomUuid().slice(RANDOM_PART)}`;
  }

  #begin(timeMs: number): void {
    const time = timeMs.toString(16).padStart(12, '0');
    this.#time = `${time.slice(0, 8)}-${time.slice(8)}-`;
    this.#lastMs = timeMs;
    this.#counter = 0;
  }
}
