import { timingSafeEqual } from 'node:crypto';
import { HoldfastError } from './errors';

const REDACTED = '[redacted]';

/**
 * The one type in which secret bytes travel. Whatever prints, serialises or inspects it gets "[redacted]"; the bytes
 * come out through `reveal` alone, which can be searched for.
 */
export class SecretBytes {
  #bytes: Buffer | undefined;

  /** Takes the buffer over: the caller must neither keep nor change it. */
  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** A secret with its own copy of the bytes. */
  static copyOf(bytes: Uint8Array): SecretBytes {
    return new SecretBytes(Buffer.from(bytes));
  }

  /** Length in bytes. */
  get length(): number {
    return this.reveal().length;
  }

  /**
   * The bytes themselves. The caller uses them at once and neither keeps, logs nor changes them.
   * @throws HoldfastError InternalServerError after destroy
   */
  reveal(): Buffer {
    if (this.#bytes === undefined) throw new HoldfastError('InternalServerError', 'the secret was destroyed');
    return this.#bytes;
  }

  /** The same secret in bytes of its own. */
  copy(): SecretBytes {
    return SecretBytes.copyOf(this.reveal());
  }

  /** The same secret in memory of the caller's, which is at least as long and belongs to it from now on. */
  copyInto(target: Buffer): SecretBytes {
    const bytes = this.reveal();
    bytes.copy(target);
    return new SecretBytes(target.subarray(0, bytes.length));
  }

  /** Compares in constant time (the lengths are not secret). */
  equals(other: SecretBytes): boolean {
    const mine = this.reveal();
    const theirs = other.reveal();
    return mine.length === theirs.length && timingSafeEqual(mine, theirs);
  }

  /** Zeroes the bytes; the secret cannot be used afterwards. */
  destroy(): void {
    this.#bytes?.fill(0);
    this.#bytes = undefined;
  }

  toString(): string {
    return REDACTED;
  }

  toJSON(): string {
    return REDACTED;
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return REDACTED;
  }
}
