import { isUtf8, transcode } from 'node:buffer';
import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { HoldfastError, Turns } from '@holdfast/core';
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
/**
 * Those of one container together: of its MAC, its parts and its key. NSS writes 600,000 for each output of the hash that is needed, and
 * one part for each certificate: 4.2 million for a key with one.
 */
const MAX_ITERATIONS_IN_ALL = 8 * MAX_ITERATIONS;
/** As many hashes are computed without letting others in. */
const ITERATIONS_AT_ONCE = 2000;
/** However many containers are opened at once, they hold others up no longer than one. */
const turns = new Turns();

/** What is left to be computed for one container. */
export class Allowance {
  #iterations = MAX_ITERATIONS_IN_ALL;

  /** @throws HoldfastError InvalidField */
  spend(iterations: number): void {
    this.#iterations -= iterations;
    if (this.#iterations >= 0) return;
    throw new HoldfastError(
      'InvalidField',
      `a PKCS#12 container has at most ${MAX_ITERATIONS_IN_ALL} iterations in all`,
    );
  }
}

/** @throws HoldfastError InvalidField */
export function readIterations(element: DerElement | undefined): number {
  const { contents } = expectTag(element, TAG.integer, 'the number of iterations');
  const isReadable = contents.length > 0 && contents.length <= 4;
  const iterations = isReadable ? contents.readIntBE(0, contents.length) : NaN;
  if (iterations >= 1 && iterations <= MAX_ITERATIONS) return iterations;
  throw new HoldfastError('InvalidField', `a PKCS#12 container has 1 to ${MAX_ITERATIONS} iterations`);
}

/**
 * A password as the derivation takes it: UTF-16, and two zero bytes. Bytes that are no UTF-8 are taken one by one, as
 * OpenSSL does. No string is made of them: it could not be zeroed.
 */
export function bmpPassword(password: Buffer): Buffer {
  const text = transcode(password, isUtf8(password) ? 'utf8' : 'latin1', 'utf16le');
  const bytes = Buffer.alloc(text.length + 2);
  text.copy(bytes);
  text.fill(0);
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

/** Zeroes `start`, which holds the password. */
async function iterate(start: Buffer, hash: Hash, iterations: number): Promise<Buffer> {
  let bytes = createHash(hash.name).update(start).digest();
  start.fill(0);
  for (let done = 1; done < iterations;) {
    const endTurn = await turns.take('');
    try {
      for (const until = Math.min(iterations, done + ITERATIONS_AT_ONCE); done < until; done++) {
        bytes = createHash(hash.name).update(bytes).digest();
      }
      await nextTurn();
    } finally {
      endTurn();
    }
  }
  return bytes;
}

/**
 * @param password as `bmpPassword` gives it
 * @param allowance of the container
 */
export async function derive(
  hash: Hash,
  purpose: Purpose,
  password: Buffer,
  salt: Buffer,
  iterations: number,
  lengthBytes: number,
  allowance: Allowance,
): Promise<Buffer> {
  if (salt.length === 0 || salt.length > 1024) throw malformed('a salt has 1 to 1024 bytes');
  const { blockLengthBytes } = hash;
  const diversifier = Buffer.alloc(blockLengthBytes, purpose);
  const input = Buffer.concat([repeated(salt, blockLengthBytes), repeated(password, blockLengthBytes)]);
  const derived = Buffer.alloc(lengthBytes);
  try {
    for (let length = 0; length < lengthBytes;) {
      allowance.spend(iterations);
      const part = await iterate(Buffer.concat([diversifier, input]), hash, iterations);
      length += part.copy(derived, length);
      const addend = Buffer.alloc(blockLengthBytes, part);
      part.fill(0);
      for (let at = 0; at < input.length; at += blockLengthBytes) {
        add(input.subarray(at, at + blockLengthBytes), addend);
      }
      addend.fill(0);
    }
  } finally {
    input.fill(0);
  }
  return derived;
}
