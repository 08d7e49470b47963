import { HoldfastError } from '@holdfast/ttlv';

/** The most that one stream keeps back, in bytes: as much as a message may hold. */
export const MAX_HELD_BYTES = 16 * 1024 * 1024;
/** The most that all streams of the process keep back together. */
const MAX_HELD_BYTES_IN_ALL = 16 * MAX_HELD_BYTES;
let heldBytesInAll = 0;

/** Bytes that can only be worked on, or given out, when the last of them is there. */
export class HeldBytes {
  #parts: Buffer[] = [];
  #length = 0;

  /**
   * Keeps a copy: the caller's bytes belong to a message that is about to go.
   * @throws HoldfastError InvalidField, ServerLimitExceeded
   */
  add(part: Buffer): void {
    if (part.length === 0) return;
    if (this.#length + part.length > MAX_HELD_BYTES) {
      throw new HoldfastError(
        'InvalidField',
        `such data has to be whole at the end, and is at most ${MAX_HELD_BYTES} bytes long`,
      );
    }
    if (heldBytesInAll + part.length > MAX_HELD_BYTES_IN_ALL) {
      throw new HoldfastError('ServerLimitExceeded', 'too much data is held for operations by parts');
    }
    this.#length += part.length;
    heldBytesInAll += part.length;
    this.#parts.push(Buffer.from(part));
  }

  /** All of them, in a buffer that the caller owns; the parts are zeroed. */
  take(): Buffer {
    const [only] = this.#parts;
    const isOne = this.#parts.length === 1 && only !== undefined;
    const all = isOne ? only : Buffer.concat(this.#parts);
    if (isOne) this.#parts = [];
    this.destroy();
    return all;
  }

  /** What `work` makes of all of them, which are zeroed once that is there. */
  use<T>(work: (all: Buffer) => Promise<T>): Promise<T>;
  use<T>(work: (all: Buffer) => T): T;
  use<T>(work: (all: Buffer) => T | Promise<T>): T | Promise<T> {
    const all = this.take();
    let result: T | Promise<T> | undefined;
    try {
      result = work(all);
    } finally {
      if (!(result instanceof Promise)) all.fill(0);
    }
    return result instanceof Promise ? result.finally(() => all.fill(0)) : result;
  }

  destroy(): void {
    for (const part of this.#parts) part.fill(0);
    this.#parts = [];
    heldBytesInAll -= this.#length;
    this.#length = 0;
  }
}
