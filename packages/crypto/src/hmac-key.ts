import { createHash, hash } from 'node:crypto';
import { digestOf } from '@holdfast/ttlv';

const BLOCK_LENGTH_BYTES = 64;
const DIGEST_LENGTH_BYTES = 32;
const NOTHING = Buffer.alloc(0);
const INNER_PAD = 0x36;
const OUTER_PAD = 0x5c;
/** Longest content that is copied behind the key rather than hashed in parts: rows are mostly shorter. */
const MAX_COPIED_LENGTH_BYTES = 2048;

/**
 * A key of HMAC-SHA-256 (RFC 2104) that is used often: each of the two hashes is one call on bytes that stand ready behind
 * the padded key. Objects of createHmac cost half as much again, and burden every garbage collection.
 */
export class HmacKey {
  readonly #inner = Buffer.alloc(BLOCK_LENGTH_BYTES + MAX_COPIED_LENGTH_BYTES);
  readonly #outer = Buffer.alloc(BLOCK_LENGTH_BYTES + DIGEST_LENGTH_BYTES);

  /** @param key at most 64 bytes; copied */
  constructor(key: Buffer) {
    for (let index = 0; index < BLOCK_LENGTH_BYTES; index++) {
      const byte = key[index] ?? 0;
      this.#inner[index] = byte ^ INNER_PAD;
      this.#outer[index] = byte ^ OUTER_PAD;
    }
  }

  /** The MAC of the content. The buffer is the caller's. */
  digest(content: Buffer): Buffer {
    return digestOf('sha256', this.#outerContent(content, NOTHING));
  }

  /** The MAC of both, as a key, which the caller zeroes: other than that of `digest`, it never was a text, which nobody can zero. */
  derive(content: Buffer, rest: Buffer): Buffer {
    return hash('sha256', this.#outerContent(content, rest), 'buffer');
  }

  /** Zeroes the key. */
  destroy(): void {
    this.#inner.fill(0);
    this.#outer.fill(0);
  }

  #outerContent(content: Buffer, rest: Buffer): Buffer {
    this.#outer.write(this.#innerDigest(content, rest), BLOCK_LENGTH_BYTES, 'binary');
    return this.#outer;
  }

  #innerDigest(content: Buffer, rest: Buffer): string {
    const inner = this.#inner;
    const length = BLOCK_LENGTH_BYTES + content.length + rest.length;
    if (length <= inner.length) {
      inner.set(content, BLOCK_LENGTH_BYTES);
      inner.set(rest, BLOCK_LENGTH_BYTES + content.length);
      return hash('sha256', inner.subarray(0, length), 'binary');
    }
    const running = createHash('sha256').update(inner.subarray(0, BLOCK_LENGTH_BYTES));
    return running.update(content).update(rest).digest('binary');
  }
}
