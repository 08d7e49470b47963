import { createHash } from 'node:crypto';
import { HoldfastError } from '@holdfast/core';
import { TAG, expectTag, malformed, type DerElement } from '../der';

/** The key derivation that is PKCS#12's own: RFC 7292 appendix B. */

/** What the bytes are for: appendix B.3. */
export type Purpose = 1 | 2 | 3;
export const FOR_KEY: Purpose = 1;
export const FOR_IV: Purpose = 2;
export const FOR_MAC: Purpose = 3;

export interface Hash {
  readonly name: string;
  readonly blockLengthBytes: number;
}

/** More iterations than any tool writes; whoever sends a container chooses how long the server works on it. */
const MAX_ITERATIONS = 1_000_000;
/** As many hashes are computed without letting others in. */
const ITERATIONS_AT_ONCE = 2000;

/** @throws HoldfastError InvalidField */
export function readIterations(element: DerElement | undefined): number {
  const { contents } = expectTag(element, TAG.integer, 'the number of iterations');
  const iterations = contents.length > 4 ? Infinity : contents.readIntBE(0, contents.length);
  if (iterations >= 1 && iterations <= MAX_ITERATIONS) return iterations;
  throw new HoldfastError('InvalidField', `a PKCS#12 container has at most ${MAX_ITERATIONS} iterations`);
}

/** A password as the derivation takes it: UTF-16, and two zero bytes. */
export function bmpPassword(password: Buffer): Buffer {
  const text = password.toString('utf8');
  const bytes = Buffer.from(`${text}\0`, 'utf16le');
  return bytes.swap16();
}

function repeated(bytes: Buffer, blockLengthBytes: number): Buffer {
  const length = blockLengthBytes * Math.ceil(bytes.length / blockLengthBytes);
  return Buffer.alloc(length, bytes.length === 0 ? 0 : bytes);
}

/** block + addend + 1, modulo 2^(8 * length), in place. */
function add(block: Buffer, addend: Buffer): void {
  let carry = 1;
  for (let at = block.length - 1; at >= 0; at--) {
    carry += (block[at] ?? 0) + (addend[at] ?? 0);
    block[at] = carry & 0xff;
    carry >>= 8;
  }
}

async function iterate(start: Buffer, hash: Hash, iterations: number): Promise<Buffer> {
  let bytes = createHash(hash.name).update(start).digest();
  for (let done = 1; done < iterations; done++) {
    if (done % ITERATIONS_AT_ONCE === 0) await new Promise((resolve) => setImmediate(resolve));
    bytes = createHash(hash.name).update(bytes).digest();
  }
  return bytes;
}

/** @param password as `bmpPassword` gives it */
export async function derive(
  hash: Hash,
  purpose: Purpose,
  password: Buffer,
  salt: Buffer,
  iterations: number,
  lengthBytes: number,
): Promise<Buffer> {
  if (salt.length === 0 || salt.length > 1024) throw malformed('a salt has 1 to 1024 bytes');
  const { blockLengthBytes } = hash;
  const diversifier = Buffer.alloc(blockLengthBytes, purpose);
  const input = Buffer.concat([repeated(salt, blockLengthBytes), repeated(password, blockLengthBytes)]);
  const parts: Buffer[] = [];
  for (let length = 0; length < lengthBytes;) {
    const part = await iterate(Buffer.concat([diversifier, input]), hash, iterations);
    parts.push(part);
    length += part.length;
    const addend = Buffer.alloc(blockLengthBytes, part);
    for (let at = 0; at < input.length; at += blockLengthBytes) {
      add(input.subarray(at, at + blockLengthBytes), addend);
    }
  }
  input.fill(0);
  return Buffer.concat(parts).subarray(0, lengthBytes);
}
