import type { AlgorithmFacts } from '@holdfast/core';
import { CryptographicAlgorithm as Algorithm } from '@holdfast/kmip';
import { CURVES } from './curves';
import { lengthBitsOf, PARAMETER_SETS, type ParameterSet } from './quantum-safe/parameter-sets';

/** How the key material of a symmetric algorithm follows from its Cryptographic Length. */
interface SecretKeyFacts extends AlgorithmFacts {
  /**
   * Lengths in bytes that the key material of a key of `lengthBits` may have, the usual one first; none where no key has
   * that length.
   */
  materialLengthsBytes(lengthBits: number): readonly number[];
  /** Key bytes carry odd parity in their lowest bit (FIPS 46-3). */
  readonly hasParity: boolean;
}

export interface SymmetricFacts extends SecretKeyFacts {
  readonly kind: 'symmetric';
  readonly lengthsBits: readonly number[];
}

export interface MacFacts extends SecretKeyFacts {
  readonly kind: 'mac';
}

/** How a pair is generated and which formats it has; `okp` (RFC 8037's octet key pair) is Ed25519, X25519 and the like. */
export type KeyFamily = 'rsa' | 'ec' | 'dsa' | 'dh' | 'okp';

export interface AsymmetricFacts extends AlgorithmFacts {
  readonly kind: 'asymmetric';
  readonly lengthsBits: readonly number[];
  readonly family: KeyFamily;
  readonly parameterSet?: undefined;
}

/** Algorithms of FIPS 203, 204 and 205. */
export interface QuantumSafeFacts extends AlgorithmFacts {
  readonly kind: 'asymmetric';
  readonly lengthsBits: readonly number[];
  readonly parameterSet: ParameterSet;
}

/** The Cryptographic Length of keys over CURVE25519 and CURVE448, whether they sign or agree. */
export const CURVE25519_LENGTH_BITS = 256;
export const CURVE448_LENGTH_BITS = 448;

function symmetric(
  algorithm: Algorithm,
  lengthsBits: readonly number[],
  defaultLengthBits = Math.max(...lengthsBits),
): SymmetricFacts {
  return {
    algorithm,
    kind: 'symmetric',
    lengthsBits,
    defaultLengthBits,
    materialLengthsBytes: (lengthBits) => (lengthsBits.includes(lengthBits) ? [lengthBits / 8] : []),
    hasParity: false,
  };
}

/**
 * KMIP counts the length of 3DES keys with or without parity bits ("typically from 112 to 192 bits", 1.4 section 2.1.3):
 * OASIS clients send 168, PyKMIP 128 and 192. The material always holds the parity bits, and that of a two-key one may
 * repeat the first key.
 */
const TRIPLE_DES_MATERIAL: ReadonlyMap<number, readonly number[]> = new Map([
  [112, [16, 24]],
  [128, [16]],
  [168, [24]],
  [192, [24]],
]);

const tripleDes: SymmetricFacts = {
  algorithm: Algorithm.DES3,
  kind: 'symmetric',
  lengthsBits: [112, 128, 168, 192],
  defaultLengthBits: 168,
  materialLengthsBytes: (lengthBits) => TRIPLE_DES_MATERIAL.get(lengthBits) ?? [],
  hasParity: true,
};

/** From the 112 bits of NIST SP 800-131A section 10 to four times the longest block of a hash. */
const MAC_LENGTH_BITS = { min: 112, max: 4096 } as const;

/** HMAC; by default the length of the hash's output (RFC 2104 section 3). */
function hmac(algorithm: Algorithm, defaultLengthBits: number): MacFacts {
  const { min, max } = MAC_LENGTH_BITS;
  return {
    algorithm,
    kind: 'mac',
    lengthsBits: MAC_LENGTH_BITS,
    defaultLengthBits,
    materialLengthsBytes: (bits) => (bits % 8 === 0 && bits >= min && bits <= max ? [bits / 8] : []),
    hasParity: false,
  };
}

function asymmetric(
  algorithm: Algorithm,
  family: KeyFamily,
  lengthsBits: readonly number[],
  defaultLengthBits: number,
): AsymmetricFacts {
  return { algorithm, kind: 'asymmetric', family, lengthsBits, defaultLengthBits };
}

const CURVE_LENGTHS_BITS = [
  ...new Set([...CURVES.map((row) => row.lengthBits), CURVE25519_LENGTH_BITS, CURVE448_LENGTH_BITS]),
].sort((a, b) => a - b);

/**
 * The symmetric algorithms whose keys are generated here. (Other ones' keys are registered and served like any bytes.)
 */
const SYMMETRIC_ALGORITHMS: readonly (SymmetricFacts | MacFacts)[] = [
  // 512 bits are the two keys of AES-256-XTS; those of AES-128-XTS have 256 together.
  symmetric(Algorithm.AES, [128, 192, 256, 512], 256),
  tripleDes,
  symmetric(Algorithm.Camellia, [128, 192, 256]),
  symmetric(Algorithm.ARIA, [128, 192, 256]),
  symmetric(Algorithm.SM4, [128]),
  symmetric(Algorithm.ChaCha20, [256]),
  symmetric(Algorithm.ChaCha20Poly1305, [256]),
  hmac(Algorithm.HMAC_SHA1, 160),
  hmac(Algorithm.HMAC_SHA224, 224),
  hmac(Algorithm.HMAC_SHA256, 256),
  hmac(Algorithm.HMAC_SHA384, 384),
  hmac(Algorithm.HMAC_SHA512, 512),
  hmac(Algorithm.HMAC_MD5, 128),
  hmac(Algorithm.HMAC_SHA3_224, 224),
  hmac(Algorithm.HMAC_SHA3_256, 256),
  hmac(Algorithm.HMAC_SHA3_384, 384),
  hmac(Algorithm.HMAC_SHA3_512, 512),
];

/**
 * The asymmetric algorithms whose pairs are generated here. RSA of 1024 bits and small curves are not approved any more,
 * but clients in the field and the OASIS cases use them: an approved-only mode would be the place to refuse them.
 */
const ASYMMETRIC_ALGORITHMS: readonly AsymmetricFacts[] = [
  asymmetric(Algorithm.RSA, 'rsa', [1024, 1536, 2048, 3072, 4096, 7680, 8192], 2048),
  asymmetric(Algorithm.DSA, 'dsa', [1024, 2048, 3072], 2048),
  { ...asymmetric(Algorithm.DH, 'dh', [1536, 2048, 3072, 4096, 6144, 8192], 2048), isForSecrets: true },
  asymmetric(Algorithm.EC, 'ec', CURVE_LENGTHS_BITS, 256),
  asymmetric(Algorithm.ECDSA, 'ec', CURVE_LENGTHS_BITS, 256),
  { ...asymmetric(Algorithm.ECDH, 'ec', CURVE_LENGTHS_BITS, 256), isForSecrets: true },
  asymmetric(Algorithm.Ed25519, 'okp', [CURVE25519_LENGTH_BITS], CURVE25519_LENGTH_BITS),
  asymmetric(Algorithm.Ed448, 'okp', [CURVE448_LENGTH_BITS], CURVE448_LENGTH_BITS),
];

const QUANTUM_SAFE_ALGORITHMS: readonly QuantumSafeFacts[] = PARAMETER_SETS.map((parameterSet) => ({
  algorithm: parameterSet.algorithm,
  kind: 'asymmetric',
  lengthsBits: [lengthBitsOf(parameterSet)],
  defaultLengthBits: lengthBitsOf(parameterSet),
  isQuantumSafe: true,
  isForSecrets: parameterSet.family === 'ml-kem',
  parameterSet,
}));

/** The algorithm table. */
export const ALGORITHMS: ReadonlyMap<
  Algorithm,
  SymmetricFacts | MacFacts | AsymmetricFacts | QuantumSafeFacts
> = new Map(
  [...SYMMETRIC_ALGORITHMS, ...ASYMMETRIC_ALGORITHMS, ...QUANTUM_SAFE_ALGORITHMS].map((row) => [
    row.algorithm,
    row,
  ]),
);
