import { checkPrime, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { octetsOf, unsignedOf, bitLength } from '../keys/der';
import { modularInverse, modulo } from '../keys/modular';
import { inLongJobTurn } from '../long-jobs';
import { badParameters, unsupported } from '../operations/refusals';
import type { Field } from './field';

/** GF(p), elements being integers. The arithmetic of big integers takes time that depends on their values. */

/** Exponents of Mersenne primes: 2^e - 1 is one for each of them. */
const MERSENNE_EXPONENTS = [
  127, 521, 607, 1279, 2203, 2281, 3217, 4253, 4423, 9689, 9941, 11_213, 19_937, 21_701, 23_209, 44_497,
  86_243,
];
/** The longest other prime that is tested. */
const MAX_TESTED_BITS = 4096;

const checkPrimeOnThread = promisify(checkPrime) as unknown as (candidate: bigint) => Promise<boolean>;

function isMersenne(value: bigint): boolean {
  return MERSENNE_EXPONENTS.some((exponent) => value === (1n << BigInt(exponent)) - 1n);
}

/**
 * The prime to share a secret of so many bits with: bigger than 2^lengthBits (KMIP 1.4 section 2.2.5).
 * @throws HoldfastError BadCryptographicParameters where the one asked for is too small or no prime,
 * UnsupportedCryptographicParameters where there is none here for so long a secret, or it is too long to be tested
 */
export async function primeFor(lengthBits: number, asked: bigint | undefined): Promise<bigint> {
  if (asked === undefined) {
    const exponent = MERSENNE_EXPONENTS.find((each) => each > lengthBits);
    if (exponent === undefined) throw unsupported('the secret is too long to be shared in a prime field');
    return (1n << BigInt(exponent)) - 1n;
  }
  if (asked <= 1n << BigInt(lengthBits))
    throw badParameters('the Prime Field Size is too small for the secret');
  if (isMersenne(asked)) return asked;
  if (bitLength(asked) > MAX_TESTED_BITS) {
    throw unsupported(`primes of more than ${MAX_TESTED_BITS} bits are not tested`);
  }
  if (await inLongJobTurn(() => checkPrimeOnThread(asked))) return asked;
  throw badParameters('the Prime Field Size is no prime');
}

/**
 * @throws HoldfastError BadCryptographicParameters where a part names what is no field, UnsupportedCryptographicParameters
 * for one that no key is shared in here
 */
export function requireField(prime: bigint): void {
  if (prime <= 1n) throw badParameters('the Prime Field Size is none');
  if (bitLength(prime) > Math.max(...MERSENNE_EXPONENTS))
    throw unsupported('the Prime Field Size is too long');
}

export function primeField(prime: bigint): Field<bigint, bigint> {
  const lengthBytes = primeLengthBytes(prime);
  const excessBits = BigInt(lengthBytes * 8 - bitLength(prime));
  return {
    scalar: BigInt,
    // Scalars are small numbers: they are reduced by the (long) prime only where they come together with a vector.
    difference: (a, b) => a - b,
    product: (a, b) => a * b,
    inverse(a) {
      const inverse = modularInverse(a < 0n ? -a : a, prime);
      if (inverse === undefined) throw badParameters('the Prime Field Size is no prime');
      return a < 0n ? -inverse : inverse;
    },
    sum: (a, b) => (a + b) % prime,
    scaled: (vector, factor) => modulo(vector * factor, prime),
    random() {
      for (;;) {
        const candidate = unsignedOf(randomBytes(lengthBytes)) >> excessBits;
        if (candidate < prime) return candidate;
      }
    },
    // What JavaScript's big integers held is left to the garbage collector.
    erase: () => undefined,
  };
}

export function primeLengthBytes(prime: bigint): number {
  return Math.ceil(bitLength(prime) / 8);
}

/** The octets of an element, with zeros in front up to a length. */
export function elementOctets(element: bigint, lengthBytes: number): Buffer {
  const octets = octetsOf(element);
  return Buffer.concat([Buffer.alloc(Math.max(0, lengthBytes - octets.length)), octets]);
}
