import { HoldfastError } from './errors';
import { HEADER_BYTES, tagHex } from './header';
import { ItemType } from './item';

const NOTHING = Buffer.alloc(0);
const FIRST_CAPACITY_BYTES = 1024;

export interface FrameReaderOptions {
  /** Tags that a message may have: Request Message (0x420078) on a server, Response Message (0x42007B) on a client. */
  readonly tags: readonly number[];
  /** Longest message in bytes, with its header. */
  readonly maxFrameBytes: number;
}

/**
 * Cuts a byte stream into TTLV messages. A header is judged as soon as its 8 bytes are there, before anything after it
 * is kept; memory grows with the bytes that came, at most twice as fast, and never with the length that a peer declares.
 */
export class FrameReader {
  readonly #tags: ReadonlySet<number>;
  readonly #maxFrameBytes: number;
  /** The begun message: its first `#filled` bytes are in, the rest is spare room. */
  #partial = NOTHING;
  #filled = 0;
  #fault: HoldfastError | undefined;

  constructor(options: FrameReaderOptions) {
    this.#tags = new Set(options.tags);
    this.#maxFrameBytes = options.maxFrameBytes;
  }

  /** Bytes of a message that has begun and is not complete; 0 between messages. */
  get pendingBytes(): number {
    return this.#filled;
  }

  /** Why the stream cannot be read on, once that is so: the connection is to be closed. */
  get fault(): HoldfastError | undefined {
    return this.#fault;
  }

  /**
   * Takes the next bytes of the stream and returns the messages that they complete, in order. A message that lies
   * within `chunk` is returned as a view on it.
   * Throws HoldfastError('InvalidMessage') at a header that is no message of the allowed tags, or too long. Where
   * complete messages stand before it in the same chunk these are returned, `fault` is set, and the next push throws.
   */
  push(chunk: Buffer): Buffer[] {
    if (this.#fault !== undefined) throw this.#fault;
    const frames: Buffer[] = [];
    try {
      this.#cut(chunk, frames);
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error;
      this.#fault = error;
      this.#drop();
      if (frames.length === 0) throw error;
    }
    return frames;
  }

  #cut(chunk: Buffer, frames: Buffer[]): void {
    let offset = this.#filled > 0 ? this.#complete(chunk, frames) : 0;
    while (chunk.length - offset >= HEADER_BYTES) {
      const length = this.#frameLength(chunk, offset);
      if (chunk.length - offset < length) break;
      frames.push(chunk.subarray(offset, offset + length));
      offset += length;
    }
    if (offset < chunk.length) this.#keep(chunk, offset, chunk.length);
  }

  /** Feeds the begun message from the start of `chunk`; returns how many bytes that took. */
  #complete(chunk: Buffer, frames: Buffer[]): number {
    let offset = 0;
    if (this.#filled < HEADER_BYTES) {
      offset = Math.min(HEADER_BYTES - this.#filled, chunk.length);
      this.#keep(chunk, 0, offset);
      if (this.#filled < HEADER_BYTES) return offset;
    }
    const length = this.#frameLength(this.#partial, 0);
    const end = Math.min(offset + length - this.#filled, chunk.length);
    this.#keep(chunk, offset, end);
    if (this.#filled === length) {
      frames.push(this.#partial.subarray(0, length));
      this.#drop();
    }
    return end;
  }

  /** Appends to the begun message, doubling its room when it is full, so that byte after byte stays linear. */
  #keep(chunk: Buffer, start: number, end: number): void {
    const needed = this.#filled + end - start;
    if (needed > this.#partial.length) {
      const capacity = Math.max(
        needed,
        Math.min(2 * this.#partial.length, this.#maxFrameBytes),
        FIRST_CAPACITY_BYTES,
      );
      const grown = Buffer.allocUnsafe(capacity);
      this.#partial.copy(grown, 0, 0, this.#filled);
      this.#partial.fill(0);
      this.#partial = grown;
    }
    chunk.copy(this.#partial, this.#filled, start, end);
    this.#filled = needed;
  }

  #drop(): void {
    this.#partial = NOTHING;
    this.#filled = 0;
  }

  /** The length in bytes of the message whose header stands at `offset`. */
  #frameLength(bytes: Buffer, offset: number): number {
    const head = bytes.readUInt32BE(offset);
    if (!this.#tags.has(head >>> 8)) throw fault(`a message cannot begin with the tag ${tagHex(head >>> 8)}`);
    if ((head & 0xff) !== ItemType.Structure) throw fault('a message is a Structure, and this item is not');
    const length = bytes.readUInt32BE(offset + 4);
    if (length % 8 !== 0) throw fault(`the length ${length} is not a multiple of 8`);
    if (HEADER_BYTES + length > this.#maxFrameBytes) {
      throw fault(
        `a message of ${HEADER_BYTES + length} bytes is longer than the ${this.#maxFrameBytes} allowed`,
      );
    }
    return HEADER_BYTES + length;
  }
}

function fault(what: string): HoldfastError {
  return new HoldfastError('InvalidMessage', `Framing: ${what}`);
}
