const COUNTER_LIMIT = 0x1000;
/** Where version 4 and version 7 agree: the variant and 62 random bits. */
const RANDOM_PART = 19;

/**
 * Makes UUIDs of version 7 (RFC 9562 section 5.7): in the order in which this process makes them, and between
 * processes in that of their clocks' milliseconds. What is made together lies together in an index.
 */
export class OrderedUuids {
  #lastMs = 0;
  #counter = 0;

  /** @param randomUuid makes UUIDs of version 4 from a cryptographic generator */
  constructor(
    private readonly nowMs: () => number,
    private readonly randomUuid: () => string,
  ) {}

  next(): string {
    const nowMs = this.nowMs();
    if (nowMs > this.#lastMs) {
      this.#lastMs = nowMs;
      this.#counter = 0;
    } else if (++this.#counter === COUNTER_LIMIT) {
      this.#lastMs++;
      this.#counter = 0;
    }
    const time = this.#lastMs.toString(16).padStart(12, '0');
    const counter = this.#counter.toString(16).padStart(3, '0');
    return `${time.slice(0, 8)}-${time.slice(8)}-7${counter}-${this.randomUuid().slice(RANDOM_PART)}`;
  }
}
