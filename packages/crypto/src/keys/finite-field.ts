import type { KeyFormatType, TransparentKey } from '@holdfast/kmip';
import { HoldfastError } from '@holdfast/ttlv';
import {
  bitLength,
  bitString,
  DER,
  element,
  membersOf,
  oid,
  readElements,
  readUnsigned,
  sequence,
  unsigned,
  type DerElement,
} from './der';
import { DH_OID, DSA_OID, X942_DH_OID, type KeyInfo } from './key-info';

type DhPrivate = TransparentKey<typeof KeyFormatType.TransparentDHPrivateKey>;

/** Domain parameters of DSA (q is always there) and DH, with the private value x or the public value y. */
export interface FiniteFieldKey extends Omit<DhPrivate, 'x'> {
  /** x of a private key, y of a public one. */
  readonly value: bigint;
}

/** OpenSSL computes with no longer prime. */
const MAX_PRIME_BITS = 10000;
/**
 * OpenSSL raises g to a private value when it reads it, on the event loop: at most as long as that takes with 4096 bits of it over
 * a prime of 4096 bits. Over longer primes they have a few hundred (RFC 7919 section 5.2).
 */
const MAX_WORK = 4096 ** 3;

/** Takes a DSA or DH key apart and checks the ranges of its numbers. @throws HoldfastError InvalidField */
export function readFiniteFieldKey({ identity, isPrivate, parameters, key }: KeyInfo): FiniteFieldKey {
  const [value, ...rest] = readElements(key);
  if (rest.length > 0) throw outOfRange();
  const numbers = { ...readParameters(identity.oid, parameters), value: readUnsigned(value) };
  checkRanges(numbers);
  if (isPrivate) checkWork(numbers);
  return numbers;
}

/** RFC 3279 sections 2.3.2 and 2.3.3 for DSA and X9.42, PKCS #3 section 9 for DH. */
function readParameters(algorithmOid: string, parameters: DerElement | undefined) {
  const members = membersOf(parameters);
  const [first, second, third, fourth] = members;
  const p = readUnsigned(first);
  if (algorithmOid === DSA_OID) return { p, q: readUnsigned(second), g: readUnsigned(third) };
  if (algorithmOid === DH_OID) return { p, g: readUnsigned(second) };
  const j = fourth?.tag === DER.integer ? { j: readUnsigned(fourth) } : {};
  return { p, g: readUnsigned(second), q: readUnsigned(third), ...j };
}

/** The PKCS#8 form of a private key. @throws HoldfastError InvalidField */
export function writeFiniteFieldPrivateKey(family: 'dsa' | 'dh', key: FiniteFieldKey): Buffer {
  checkRanges(key);
  checkWork(key);
  const privateKey = element(DER.octetString, unsigned(key.value));
  return sequence(unsigned(0n), algorithmIdentifier(family, key), privateKey);
}

/** The SubjectPublicKeyInfo of a public key. @throws HoldfastError InvalidField */
export function writeFiniteFieldPublicKey(family: 'dsa' | 'dh', key: FiniteFieldKey): Buffer {
  checkRanges(key);
  return sequence(algorithmIdentifier(family, key), bitString(unsigned(key.value)));
}

function algorithmIdentifier(family: 'dsa' | 'dh', { p, q, g, j }: FiniteFieldKey): Buffer {
  if (q === undefined) return sequence(oid(DH_OID), sequence(unsigned(p), unsigned(g)));
  if (family === 'dsa') return sequence(oid(DSA_OID), sequence(unsigned(p), unsigned(q), unsigned(g)));
  const cofactor = j === undefined ? [] : [unsigned(j)];
  return sequence(oid(X942_DH_OID), sequence(unsigned(p), unsigned(g), unsigned(q), ...cofactor));
}

/** Not a proof of a sound group: it keeps out what cannot be a key and what would take long to compute with. */
function checkRanges({ p, q, g, j, value }: FiniteFieldKey): void {
  if (!isPrimeInRange(p)) throw outOfRange();
  const isGroupInRange = g > 1n && g < p && (q === undefined || (q > 1n && q < p && (p - 1n) % q === 0n));
  const isCofactorRight = j === undefined || (q !== undefined && j * q === p - 1n);
  if (!isGroupInRange || !isCofactorRight || value <= 0n || value >= p) throw outOfRange();
}

function checkWork({ p, value }: FiniteFieldKey): void {
  if (bitLength(value) * bitLength(p) ** 2 <= MAX_WORK) return;
  throw new HoldfastError('InvalidField', 'computing with so long a private value would hold up others');
}

/** Asked before anything is divided: of numbers as long as a message, that would hold up the event loop for half a second. */
export function isPrimeInRange(p: bigint): boolean {
  return p > 3n && (p & 1n) === 1n && bitLength(p) <= MAX_PRIME_BITS;
}

function outOfRange(): HoldfastError {
  return new HoldfastError('InvalidField', 'the key material does not have the numbers of a DSA or DH key');
}
