import type { KeyObject } from 'node:crypto';
import { CryptographicAlgorithm as Algorithm, RecommendedCurve } from '@holdfast/kmip';
import { HoldfastError } from '@holdfast/ttlv';
import { CURVE25519_LENGTH_BITS, CURVE448_LENGTH_BITS, type KeyFamily } from '../algorithms';
import {
  contentsOf,
  DER,
  membersOf,
  readBitString,
  readOid,
  readSequence,
  readUnsigned,
  type DerElement,
} from './der';

/** What an algorithm identifier says of a key. */
export interface AlgorithmIdentity {
  readonly oid: string;
  readonly family: KeyFamily;
  /** Algorithms that such a key may be called, the one it is called where nothing else was said first. */
  readonly algorithms: readonly Algorithm[];
  /** Of `okp` keys. */
  readonly curve?: RecommendedCurve;
  readonly lengthBits?: number;
}

export const RSA_OID = '1.2.840.113549.1.1.1';
export const EC_OID = '1.2.840.10045.2.1';
export const DSA_OID = '1.2.840.10040.4.1';
/** PKCS #3: p and g. */
export const DH_OID = '1.2.840.113549.1.3.1';
/** X9.42: p, g, q and perhaps j. */
export const X942_DH_OID = '1.2.840.10046.2.1';

const CURVE25519 = { curve: RecommendedCurve.CURVE25519, lengthBits: CURVE25519_LENGTH_BITS };
const CURVE448 = { curve: RecommendedCurve.CURVE448, lengthBits: CURVE448_LENGTH_BITS };
const AGREEMENT = [Algorithm.ECDH, Algorithm.EC];

/** RFC 3279, RFC 4055, RFC 5480 and RFC 8410. */
const IDENTITIES: ReadonlyMap<string, AlgorithmIdentity> = new Map(
  [
    { oid: RSA_OID, family: 'rsa' as const, algorithms: [Algorithm.RSA] },
    { oid: '1.2.840.113549.1.1.10', family: 'rsa' as const, algorithms: [Algorithm.RSA] },
    {
      oid: EC_OID,
      family: 'ec' as const,
      algorithms: [Algorithm.EC, Algorithm.ECDSA, Algorithm.ECDH, Algorithm.ECMQV],
    },
    { oid: DSA_OID, family: 'dsa' as const, algorithms: [Algorithm.DSA] },
    { oid: DH_OID, family: 'dh' as const, algorithms: [Algorithm.DH] },
    { oid: X942_DH_OID, family: 'dh' as const, algorithms: [Algorithm.DH] },
    { oid: '1.3.101.110', family: 'okp' as const, algorithms: AGREEMENT, ...CURVE25519 },
    { oid: '1.3.101.111', family: 'okp' as const, algorithms: AGREEMENT, ...CURVE448 },
    {
      oid: '1.3.101.112',
      family: 'okp' as const,
      algorithms: [Algorithm.Ed25519, Algorithm.EC],
      ...CURVE25519,
    },
    { oid: '1.3.101.113', family: 'okp' as const, algorithms: [Algorithm.Ed448, Algorithm.EC], ...CURVE448 },
  ].map((row) => [row.oid, row]),
);

/** A PrivateKeyInfo or SubjectPublicKeyInfo taken apart; all buffers are views of the input. */
export interface KeyInfo {
  readonly isPrivate: boolean;
  readonly identity: AlgorithmIdentity;
  readonly parameters: DerElement | undefined;
  /** What the algorithm puts in: an RSAPrivateKey, a curve point, ... */
  readonly key: Buffer;
}

/** Reads an unencrypted PKCS#8 key (RFC 5958 section 2). @throws HoldfastError InvalidField */
export function readPrivateKeyInfo(pkcs8: Buffer): KeyInfo {
  const [version, algorithm, key] = readSequence(pkcs8);
  if (readUnsigned(version) > 1n) {
    throw new HoldfastError('InvalidField', 'the key material is not PKCS#8 of a version that is known here');
  }
  return { ...readAlgorithm(algorithm), isPrivate: true, key: contentsOf(key, DER.octetString) };
}

/** Reads a SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7). @throws HoldfastError InvalidField */
export function readPublicKeyInfo(spki: Buffer): KeyInfo {
  const [algorithm, key, ...rest] = readSequence(spki);
  const info = { ...readAlgorithm(algorithm), isPrivate: false, key: readBitString(key) };
  if (rest.length > 0)
    throw new HoldfastError('InvalidField', 'the key material is not a SubjectPublicKeyInfo');
  return info;
}

/** Whether a PKCS#8 key is an EncryptedPrivateKeyInfo (RFC 5958 section 3), which tells nothing of itself. */
export function isEncryptedPrivateKeyInfo(pkcs8: Buffer): boolean {
  const [algorithm, content, ...rest] = readSequence(pkcs8);
  return algorithm?.tag === DER.sequence && content?.tag === DER.octetString && rest.length === 0;
}

/** Runs `use` on the key's PKCS#8 or SubjectPublicKeyInfo; what it returns holds no view of those bytes. */
export function withKeyInfo<T>(key: KeyObject, use: (info: KeyInfo) => T): T {
  const isPrivate = key.type === 'private';
  const der = isPrivate
    ? key.export({ format: 'der', type: 'pkcs8' })
    : key.export({ format: 'der', type: 'spki' });
  try {
    return use(isPrivate ? readPrivateKeyInfo(der) : readPublicKeyInfo(der));
  } finally {
    der.fill(0);
  }
}

function readAlgorithm(element: DerElement | undefined): Pick<KeyInfo, 'identity' | 'parameters'> {
  const [oid, parameters] = membersOf(element);
  const identity = IDENTITIES.get(readOid(oid));
  if (identity === undefined) {
    throw new HoldfastError(
      'InvalidField',
      'the key material is a key of an algorithm that is not known here',
    );
  }
  return { identity, parameters };
}
