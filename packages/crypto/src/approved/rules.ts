import {
  CryptographicAlgorithm as Algorithm,
  DerivationMethod,
  HashingAlgorithm as Hash,
  RecommendedCurve as Curve,
} from '@holdfast/kmip';
import { PARAMETER_SETS } from '../quantum-safe/parameter-sets';

/**
 * What NIST SP 800-131A revision 2 still allows, as of 2024, together with FIPS 186-5 for signatures. "Apply" protects
 * data from now on; "process" opens or checks what was protected before (legacy use). What is in no row is not approved.
 */

export interface Approval {
  readonly apply: boolean;
  readonly process: boolean;
}

const APPROVED: Approval = { apply: true, process: true };
const LEGACY: Approval = { apply: false, process: true };

/** Section 2. */
export const CIPHERS: ReadonlyMap<Algorithm, Approval> = new Map([
  [Algorithm.AES, APPROVED],
  [Algorithm.DES3, LEGACY],
]);

/** Section 9: in signatures SHA-1 can only be verified, elsewhere it is acceptable. */
export const HASHES: ReadonlyMap<Hash, { readonly inSignatures: Approval }> = new Map(
  [
    [Hash.SHA_1, LEGACY] as const,
    ...[
      Hash.SHA_224,
      Hash.SHA_256,
      Hash.SHA_384,
      Hash.SHA_512,
      Hash.SHA_512_224,
      Hash.SHA_512_256,
      Hash.SHA3_224,
      Hash.SHA3_256,
      Hash.SHA3_384,
      Hash.SHA3_512,
    ].map((hash) => [hash, APPROVED] as const),
  ].map(([hash, inSignatures]) => [hash, { inSignatures }]),
);

/** Sections 3 and 6: the fewest bits of RSA and DSA moduli. DSA makes no signatures any more (FIPS 186-5). */
export const MIN_MODULUS_BITS = {
  rsa: { apply: 2048, process: 1024 },
  dsa: { apply: Infinity, process: 1024 },
} as const;

/** Section 3, with the curves of NIST SP 800-186 section 3.2.1. */
export const CURVES: ReadonlyMap<Curve, Approval> = new Map([
  [Curve.P_192, LEGACY],
  [Curve.P_224, APPROVED],
  [Curve.P_256, APPROVED],
  [Curve.P_384, APPROVED],
  [Curve.P_521, APPROVED],
]);

/** Algorithms of key pairs that are generated, with the fewest bits (those of EC go by their curve). */
export const MIN_PAIR_LENGTH_BITS: ReadonlyMap<Algorithm, number> = new Map([
  [Algorithm.RSA, 2048],
  [Algorithm.DH, 2048],
  [Algorithm.EC, 224],
  [Algorithm.ECDSA, 224],
  [Algorithm.ECDH, 224],
  [Algorithm.Ed25519, 0],
  [Algorithm.Ed448, 0],
  // FIPS 203, 204 and 205.
  ...PARAMETER_SETS.map(({ algorithm }) => [algorithm, 0] as const),
]);

/** Sections 8 and 10: the fewest bits of keys of HMAC and of key derivation. */
export const MIN_SECRET_LENGTH_BITS = 112;

/** Section 8, NIST SP 800-132 and SP 800-56C: a hash, a MAC, a cipher or a bare shared secret is no derivation. */
export const DERIVATION_METHODS: ReadonlySet<DerivationMethod> = new Set([
  DerivationMethod.NIST800_108_C,
  DerivationMethod.NIST800_108_F,
  DerivationMethod.NIST800_108_DPI,
  DerivationMethod.HKDF,
  DerivationMethod.PBKDF2,
]);

/** NIST SP 800-132 section 5. */
export const PBKDF2 = { minSaltLengthBytes: 16, minIterationCount: 1000 } as const;
