import { randomBytes, randomFillSync } from 'node:crypto';

const POOL_LENGTH_BYTES = 4096;
/** What is longer is drawn by itself. */
const MAX_DRAWN_LENGTH_BYTES = 256;

/**
 * Random bytes of the system's CSPRNG, drawn in blocks: a call to it for each nonce or key costs as much as the encryption.
 * No byte is handed out twice, and none stays behind once it was handed out.
 */
export class RandomPool {
  readonly #pool = Buffer.alloc(POOL_LENGTH_BYTES);
  #offset = POOL_LENGTH_BYTES;

  /** Random bytes in a buffer of the caller's. */
  draw(lengthBytes: number): Buffer {
    if (lengthBytes > MAX_DRAWN_LENGTH_BYTES) return randomBytes(lengthBytes);
    const drawn = Buffer.allocUnsafe(lengthBytes);
    this.fill(drawn, 0, lengthBytes);
    return drawn;
  }

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
