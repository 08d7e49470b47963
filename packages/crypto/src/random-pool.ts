import { randomFillSync } from 'node:crypto';

const POOL_LENGTH_BYTES = 4096;

/**
 * Random bytes of the system's CSPRNG, drawn in blocks: a call to it for each nonce costs as much as the encryption.
 * No byte is handed out twice, and none stays behind once it was handed out.
 */
export class RandomPool {
  readonly #pool = Buffer.alloc(POOL_LENGTH_BYTES);
  #offset = POOL_LENGTH_BYTES;

  /** Fills `length` bytes of `target` from `offset` on; at most 4096. */
  fill(target: Buffer, offset: number, length: number): void {
    if (this.#offset + length > POOL_LENGTH_BYTES) {
      randomFillSync(this.#pool);
      this.#offset = 0;
    }
    const end = this.#offset + length;
    this.#pool.copy(target, offset, this.#offset, end);
    this.#pool.fill(0, this.#offset, end);
    this.#offset = end;
  }

  /** Forgets the bytes that were not handed out. */
  destroy(): void {
    this.#pool.fill(0);
    this.#offset = POOL_LENGTH_BYTES;
  }
}
