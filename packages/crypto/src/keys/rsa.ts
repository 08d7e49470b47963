import type { KeyFormatType, TransparentKey } from '@holdfast/kmip';
import { HoldfastError } from '@holdfast/ttlv';
import { bitLength, readSequence, readUnsigned, sequence, unsigned } from './der';
import { greatestCommonDivisor, modularInverse, modularPower, modulo, squareRoot } from './modular';

type TransparentPrivate = TransparentKey<typeof KeyFormatType.TransparentRSAPrivateKey>;
export type RsaPublicKey = TransparentKey<typeof KeyFormatType.TransparentRSAPublicKey>;

/** All members of an RSAPrivateKey of two primes (RFC 8017 appendix A.1.2). */
export interface RsaPrivateKey {
  readonly modulus: bigint;
  readonly publicExponent: bigint;
  readonly privateExponent: bigint;
  readonly p: bigint;
  readonly q: bigint;
  readonly primeExponentP: bigint;
  readonly primeExponentQ: bigint;
  readonly crtCoefficient: bigint;
}

/** OpenSSL computes with no longer modulus. */
const MAX_MODULUS_BITS = 16384;
/** Up to here missing primes are worked out; beyond, that would hold up the event loop for long. */
const MAX_FACTORED_MODULUS_BITS = 4096;
const MAX_FACTORED_PUBLIC_EXPONENT_BITS = 64;
const USUAL_PUBLIC_EXPONENT = 65537n;

/** Reads a PKCS#1 RSAPrivateKey and checks that its members belong together. @throws HoldfastError InvalidField */
export function readRsaPrivateKey(pkcs1: Buffer): RsaPrivateKey {
  const members = readSequence(pkcs1);
  if (members.length !== 9 || readUnsigned(members[0]) !== 0n) {
    throw inconsistent('it is not an RSAPrivateKey of two primes');
  }
  const key = {
    modulus: readUnsigned(members[1]),
    publicExponent: readUnsigned(members[2]),
    privateExponent: readUnsigned(members[3]),
    p: readUnsigned(members[4]),
    q: readUnsigned(members[5]),
    primeExponentP: readUnsigned(members[6]),
    primeExponentQ: readUnsigned(members[7]),
    crtCoefficient: readUnsigned(members[8]),
  };
  checkPrivateKey(key);
  return key;
}

export function writeRsaPrivateKey(key: RsaPrivateKey): Buffer {
  return sequence(
    unsigned(0n),
    unsigned(key.modulus),
    unsigned(key.publicExponent),
    unsigned(key.privateExponent),
    unsigned(key.p),
    unsigned(key.q),
    unsigned(key.primeExponentP),
    unsigned(key.primeExponentQ),
    unsigned(key.crtCoefficient),
  );
}

/** Reads a PKCS#1 RSAPublicKey (RFC 8017 appendix A.1.1). @throws HoldfastError InvalidField */
export function readRsaPublicKey(pkcs1: Buffer): RsaPublicKey {
  const members = readSequence(pkcs1);
  if (members.length !== 2) throw inconsistent('it is not an RSAPublicKey');
  const key = { modulus: readUnsigned(members[0]), publicExponent: readUnsigned(members[1]) };
  checkPublicKey(key);
  return key;
}

export function writeRsaPublicKey(key: RsaPublicKey): Buffer {
  checkPublicKey(key);
  return sequence(unsigned(key.modulus), unsigned(key.publicExponent));
}

/**
 * The whole key of a Transparent RSA Private Key, which may leave out all but the Modulus and one of: Private Exponent, P
 * and Q, Prime Exponents (KMIP 2.1 section 3.7). A public exponent that cannot be told is taken to be 65537.
 * @throws HoldfastError InvalidField where the members do not belong together, or are too few
 */
export function completeRsaPrivateKey(given: TransparentPrivate): RsaPrivateKey {
  if (bitLength(given.modulus) > MAX_MODULUS_BITS) throw inconsistent('its modulus is too long');
  for (const value of Object.values(given)) {
    if (value !== undefined && (value <= 0n || value > given.modulus)) {
      throw inconsistent('one of its numbers is out of range');
    }
  }
  const [p, q] = primesOf(given);
  const order = ((p - 1n) / greatestCommonDivisor(p - 1n, q - 1n)) * (q - 1n);
  const publicExponent =
    given.publicExponent ?? inverse(given.privateExponent, order) ?? USUAL_PUBLIC_EXPONENT;
  const privateExponent = given.privateExponent ?? inverse(publicExponent, order);
  const crtCoefficient = given.crtCoefficient ?? inverse(q, p);
  if (privateExponent === undefined || crtCoefficient === undefined) {
    throw inconsistent('its members do not belong together');
  }
  const key = {
    modulus: given.modulus,
    publicExponent,
    privateExponent,
    p,
    q,
    primeExponentP: given.primeExponentP ?? privateExponent % (p - 1n),
    primeExponentQ: given.primeExponentQ ?? privateExponent % (q - 1n),
    crtCoefficient,
  };
  checkPrivateKey(key);
  return key;
}

function inverse(value: bigint | undefined, modulus: bigint): bigint | undefined {
  return value === undefined ? undefined : modularInverse(value, modulus);
}

function primesOf(given: TransparentPrivate): [p: bigint, q: bigint] {
  const { modulus, p, q } = given;
  if (p !== undefined || q !== undefined) {
    const first = p ?? modulus / (q ?? 1n);
    const second = q ?? modulus / first;
    if (first < 2n || second < 2n || first * second !== modulus)
      throw inconsistent('P and Q do not make its modulus');
    return [first, second];
  }
  const exponent = given.publicExponent ?? USUAL_PUBLIC_EXPONENT;
  if (
    bitLength(modulus) > MAX_FACTORED_MODULUS_BITS ||
    bitLength(exponent) > MAX_FACTORED_PUBLIC_EXPONENT_BITS
  ) {
    throw inconsistent('P and Q are missing');
  }
  const factor =
    given.privateExponent === undefined
      ? factorByPrimeExponent(modulus, exponent, given.primeExponentP)
      : factorByPrivateExponent(modulus, exponent, given.privateExponent);
  if (factor === undefined) throw inconsistent('its members do not belong together, or too few are given');
  // Who gives the prime exponents says which prime is P.
  const isSwapped =
    given.primeExponentP !== undefined && modulo(exponent * given.primeExponentP, factor - 1n) !== 1n;
  return isSwapped ? [modulus / factor, factor] : [factor, modulus / factor];
}

/** For whoever made the key the first one finds a prime; each takes long to try. */
const WITNESSES = [2n, 3n];

/** Since e * dP = 1 modulo p - 1, a^(e * dP) - a is a multiple of p for every a. */
function factorByPrimeExponent(modulus: bigint, exponent: bigint, primeExponent: bigint | undefined) {
  if (primeExponent === undefined) return undefined;
  for (const witness of WITNESSES) {
    const power = modularPower(witness, exponent * primeExponent, modulus);
    const factor = greatestCommonDivisor(modulo(power - witness, modulus), modulus);
    if (factor > 1n && factor < modulus) return factor;
    // Nothing in common at all: these numbers belong to another modulus.
    if (factor === 1n) return undefined;
  }
  return undefined;
}

/** Of what p - 1 and q - 1 have in common, in bits; mostly that is 2. */
const MAX_COMMON_BITS = 64;

/**
 * e * d - 1 = k * (p - 1) * (q - 1) / g, where g divides p - 1 and q - 1. So k / g is close to (e * d - 1) / n, close enough to be a
 * convergent of its continued fraction, as long as p and q are about as long as each other (M. Wiener, "Cryptanalysis of
 * Short RSA Secret Exponents", 1990). No power of anything is computed: others choose these numbers.
 */
function factorByPrivateExponent(modulus: bigint, exponent: bigint, privateExponent: bigint) {
  const multiple = exponent * privateExponent - 1n;
  let [dividend, divisor] = [multiple, modulus];
  let [k, kBefore, g, gBefore] = [1n, 0n, 0n, 1n];
  while (divisor > 0n && bitLength(g) <= MAX_COMMON_BITS) {
    const quotient = dividend / divisor;
    [dividend, divisor] = [divisor, dividend % divisor];
    [k, kBefore, g, gBefore] = [quotient * k + kBefore, k, quotient * g + gBefore, g];
    if (k > 0n && (multiple * g) % k === 0n) {
      const factor = factorByOrder(modulus, (multiple * g) / k);
      if (factor !== undefined) return factor;
    }
  }
  return undefined;
}

/** Where (p - 1) * (q - 1) is the order, p + q follows from it and p * q. */
function factorByOrder(modulus: bigint, order: bigint): bigint | undefined {
  const sum = modulus + 1n - order;
  const factor = (sum + squareRoot(sum * sum - 4n * modulus)) / 2n;
  return factor > 1n && factor < modulus && modulus % factor === 0n ? factor : undefined;
}

function checkPublicKey({ modulus, publicExponent }: RsaPublicKey): void {
  const isInRange = modulus > 0n && bitLength(modulus) <= MAX_MODULUS_BITS && (modulus & 1n) === 1n;
  if (!isInRange || publicExponent < 3n || publicExponent >= modulus || (publicExponent & 1n) === 0n) {
    throw inconsistent('modulus or public exponent cannot be those of an RSA key');
  }
}

function checkPrivateKey(key: RsaPrivateKey): void {
  checkPublicKey(key);
  const { modulus, publicExponent, privateExponent, p, q } = key;
  const isConsistent =
    p > 2n &&
    q > 2n &&
    p * q === modulus &&
    privateExponent < modulus &&
    (publicExponent * privateExponent) % (p - 1n) === 1n &&
    (publicExponent * privateExponent) % (q - 1n) === 1n &&
    privateExponent % (p - 1n) === key.primeExponentP &&
    privateExponent % (q - 1n) === key.primeExponentQ &&
    key.crtCoefficient < p &&
    (key.crtCoefficient * q) % p === 1n;
  if (!isConsistent) throw inconsistent('its members do not belong together');
}

function inconsistent(what: string): HoldfastError {
  return new HoldfastError('InvalidField', `the key material is not an RSA key: ${what}`);
}
