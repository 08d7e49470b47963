import { HoldfastError } from './errors';
import { HEADER_BYTES, readUint32 } from './header';
import type { ItemType } from './item';

/** Finding one's way among encoded items without decoding them. The bytes are our own: only their lengths are checked. */

/** The tag of the item that begins at `offset`. */
export function itemTag(bytes: Buffer, offset: number): number {
  return readUint32(bytes, offset) >>> 8;
}

/** The type of the item that begins at `offset`. */
export function itemType(bytes: Buffer, offset: number): ItemType {
  return bytes[offset + 3] as ItemType;
}

/** Where the value of the item that begins at `offset` stands; of a structure, its first child. */
export function itemValueStart(offset: number): number {
  return offset + HEADER_BYTES;
}

/** The text of the Text String that begins at `offset`. */
export function itemText(bytes: Buffer, offset: number): string {
  const start = itemValueStart(offset);
  return bytes.toString('utf8', start, start + readUint32(bytes, offset + 4));
}

/**
 * Where the item that begins at `offset` ends, padding included.
 * @throws HoldfastError InvalidMessage where that is not within the bytes
 */
export function itemEnd(bytes: Buffer, offset: number): number {
  const start = offset + HEADER_BYTES;
  const length = start <= bytes.length ? readUint32(bytes, offset + 4) : Infinity;
  if (length > bytes.length - start) {
    throw new HoldfastError(
      'InvalidMessage',
      `TTLV at byte ${offset}: the item is longer than what holds it`,
    );
  }
  return Math.min(start + length + (-length & 7), bytes.length);
}
