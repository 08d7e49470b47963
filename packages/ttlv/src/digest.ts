import { hash } from 'node:crypto';

/**
 * A digest in a buffer of the caller's. It is asked for as text and copied: a buffer that `hash` makes is memory of its
 * own, which costs as much as the hash of a short content and burdens the collector of garbage.
 * @param algorithm OpenSSL's name
 */
export function digestOf(algorithm: string, content: Buffer | string): Buffer {
  return Buffer.from(hash(algorithm, content, 'binary'), 'binary');
}
