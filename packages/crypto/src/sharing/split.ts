import { randomBytes, timingSafeEqual } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { MAX_JOINED_BYTES, type KeyShare, type SplitScheme } from '@holdfast/core';
import { SplitKeyMethod as Method } from '@holdfast/kmip';
import { HoldfastError, SecretBytes } from '@holdfast/ttlv';
import { elementLengthBytes, unsignedOf } from '../keys/der';
import { badParameters, failure } from '../operations/refusals';
import { gf256, gf65536 } from './binary-fields';
import { secretOfShares, sharesOf, type Joining } from './polynomial';
import { elementOctets, primeField, primeFor, primeLengthBytes, requireField } from './prime-field';

/** The Split Key Methods. KMIP 1.4 section 2.2.5, KMIP 2.1 section 13.1. */

interface Split {
  readonly shares: readonly Buffer[];
  readonly primeFieldSize?: bigint;
}

interface SplitMethod {
  split(secret: Buffer, scheme: SplitScheme): Promise<Split> | Split;
  /** Octets that hold the secret; a field of longer elements may leave zeros before or behind it. */
  join(shares: readonly Octets[], scheme: SplitScheme, lengthBytes: number | undefined): Joining<Buffer>;
}

interface Octets {
  readonly keyPartIdentifier: number;
  readonly vector: Buffer;
}

function xorOf(all: readonly Buffer[], lengthBytes: number): Buffer {
  const result = Buffer.alloc(lengthBytes);
  for (const each of all) for (let i = 0; i < lengthBytes; i++) result[i] = (result[i] ?? 0) ^ (each[i] ?? 0);
  return result;
}

/** All parts are needed: KMIP has the threshold identical to the number of parts. */
const xor: SplitMethod = {
  split(secret, { parts, threshold }) {
    if (threshold !== parts) throw badParameters('the Split Key Method XOR needs all of the parts');
    const others = Array.from({ length: parts - 1 }, () => randomBytes(secret.length));
    return { shares: [...others, xorOf([...others, secret], secret.length)] };
  },
  *join(shares) {
    yield;
    return xorOf(
      shares.map(({ vector }) => vector),
      shares[0]?.vector.length ?? 0,
    );
  },
};

const polynomialGf256: SplitMethod = {
  split: async (secret, { polynomial, threshold, parts }) => ({
    shares: await sharesOf(gf256(polynomial, secret.length), secret, threshold, parts),
  }),
  join: (shares, { polynomial }) => secretOfShares(gf256(polynomial, shares[0]?.vector.length ?? 0), shares),
};

/** A secret of an odd number of bytes is followed by a zero. */
const polynomialGf65536: SplitMethod = {
  async split(secret, { polynomial, threshold, parts }) {
    const even = Buffer.concat([secret, Buffer.alloc(secret.length % 2)]);
    const shares = await sharesOf(gf65536(polynomial, even.length), even, threshold, parts);
    even.fill(0);
    return { shares };
  },
  *join(shares, { polynomial }, lengthBytes) {
    const length = shares[0]?.vector.length ?? 0;
    if (length % 2 !== 0) throw failure('a share is not whole elements of GF(2^16)');
    const padded = yield* secretOfShares(gf65536(polynomial, length), shares);
    const isPadded = (lengthBytes ?? derLengthBytes(padded)) === length - 1 && padded.at(-1) === 0;
    return isPadded ? padded.subarray(0, -1) : padded;
  },
};

/** Undefined where the octets do not begin as DER does. */
function derLengthBytes(octets: Buffer): number | undefined {
  try {
    return elementLengthBytes(octets);
  } catch {
    return undefined;
  }
}

const polynomialPrimeField: SplitMethod = {
  async split(secret, { primeFieldSize, threshold, parts }) {
    const prime = await primeFor(secret.length * 8, primeFieldSize);
    const shares = await sharesOf(primeField(prime), unsignedOf(secret), threshold, parts);
    const lengthBytes = primeLengthBytes(prime);
    return { shares: shares.map((share) => elementOctets(share, lengthBytes)), primeFieldSize: prime };
  },
  *join(shares, { primeFieldSize }, lengthBytes = 0) {
    if (primeFieldSize === undefined) throw failure('the parts do not name their Prime Field Size');
    requireField(primeFieldSize);
    const elements = shares.map(({ keyPartIdentifier, vector }) => ({
      keyPartIdentifier,
      vector: unsignedOf(vector),
    }));
    if (elements.some(({ vector }) => vector >= primeFieldSize)) {
      throw failure('a share is not an element of its prime field');
    }
    const element = yield* secretOfShares(primeField(primeFieldSize), elements);
    const secret = elementOctets(element, lengthBytes);
    if (lengthBytes > 0 && secret.length > lengthBytes) throw disagreement();
    return secret;
  },
};

const METHODS: Readonly<Record<Method, SplitMethod>> = {
  [Method.XOR]: xor,
  [Method.PolynomialSharingGF2_8]: polynomialGf256,
  [Method.PolynomialSharingGF2_16]: polynomialGf65536,
  [Method.PolynomialSharingPrimeField]: polynomialPrimeField,
};

/** The most products of bytes that one split takes: about a second of work. */
const MAX_SPLIT_WORK = 2 ** 24;

function requireModest(work: number, bound: number): void {
  if (work <= bound) return;
  throw new HoldfastError('ServerLimitExceeded', 'the secret is too long for so many parts');
}

export async function splitSecret(secret: SecretBytes, scheme: SplitScheme) {
  requireModest(secret.length * scheme.parts * scheme.threshold, MAX_SPLIT_WORK);
  const { shares, primeFieldSize } = await METHODS[scheme.method].split(secret.reveal(), scheme);
  return { shares: shares.map((share) => new SecretBytes(share)), primeFieldSize };
}

/** See `CryptoPort.joinShares`. Many parts of a long key take long: others are served in between. */
export async function joinShares(...given: Parameters<typeof joining>): Promise<SecretBytes> {
  const steps = joining(...given);
  for (let step = steps.next(); ; step = steps.next()) {
    if (step.done === true) return step.value;
    await setImmediate();
  }
}

/** The same at once, for a secret that is short. */
export function joinFewShares(...given: Parameters<typeof joining>): SecretBytes {
  const steps = joining(...given);
  let step = steps.next();
  while (step.done !== true) step = steps.next();
  return step.value;
}

/** Of more shares than are needed, the last ones have to make the same secret as the first. */
function* joining(
  given: readonly KeyShare[],
  scheme: SplitScheme,
  lengthBytes: number | undefined,
): Joining<SecretBytes> {
  const { method, threshold } = scheme;
  const shares = given.map(({ keyPartIdentifier, share }) => ({ keyPartIdentifier, vector: share.reveal() }));
  const isRepeated = new Set(shares.map(({ keyPartIdentifier }) => keyPartIdentifier)).size < shares.length;
  requireModest(
    shares.reduce((sum, { vector }) => sum + vector.length, 0),
    MAX_JOINED_BYTES,
  );
  const isUneven = shares.some(({ vector }) => vector.length !== shares[0]?.vector.length);
  if (isRepeated || isUneven) throw disagreement();
  if (shares.length < threshold) throw failure('the parts are fewer than the Split Key Threshold');
  const join = (some: readonly Octets[]) => METHODS[method].join(some, scheme, lengthBytes);
  const secret = yield* join(shares.slice(0, threshold));
  const again = shares.length > threshold ? yield* join(shares.slice(-threshold)) : secret;
  const isSame = again.length === secret.length && timingSafeEqual(again, secret);
  if (again !== secret) again.fill(0);
  if (isSame) return new SecretBytes(secret);
  secret.fill(0);
  throw disagreement();
}

function disagreement() {
  return failure('the parts do not belong together');
}
