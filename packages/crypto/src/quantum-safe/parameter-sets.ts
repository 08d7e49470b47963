import { CryptographicAlgorithm as Algorithm } from '@holdfast/kmip';

/** ML-KEM (FIPS 203), ML-DSA (FIPS 204) and SLH-DSA (FIPS 205). */
export type QuantumSafeFamily = 'ml-kem' | 'ml-dsa' | 'slh-dsa';

export interface ParameterSet {
  readonly algorithm: Algorithm;
  readonly family: QuantumSafeFamily;
  /** As the standard spells it, in lower case. */
  readonly name: string;
  /** RFC 9935, RFC 9881, RFC 9909. */
  readonly oid: string;
  readonly publicKeyLengthBytes: number;
  /** Of the private key as the standard encodes it. */
  readonly privateKeyLengthBytes: number;
  /** Of the seed that the pair follows from, where private keys may be that. */
  readonly seedLengthBytes: number | undefined;
}

/** NIST's arcs of KEMs and of signature algorithms. */
const KEMS = '2.16.840.1.101.3.4.4';
const SIGNATURES = '2.16.840.1.101.3.4.3';

function mlKem(algorithm: Algorithm, name: string, arc: number, publicKey: number, privateKey: number) {
  return row('ml-kem', algorithm, name, `${KEMS}.${arc}`, publicKey, privateKey, 64);
}

function mlDsa(algorithm: Algorithm, name: string, arc: number, publicKey: number, privateKey: number) {
  return row('ml-dsa', algorithm, name, `${SIGNATURES}.${arc}`, publicKey, privateKey, 32);
}

/** Keys are two and four times as long as the hash. */
function slhDsa(algorithm: Algorithm, name: string, arc: number, hashLengthBytes: number) {
  const publicKey = 2 * hashLengthBytes;
  return row('slh-dsa', algorithm, name, `${SIGNATURES}.${arc}`, publicKey, 2 * publicKey, undefined);
}

function row(
  family: QuantumSafeFamily,
  algorithm: Algorithm,
  name: string,
  oid: string,
  publicKeyLengthBytes: number,
  privateKeyLengthBytes: number,
  seedLengthBytes: number | undefined,
): ParameterSet {
  return { family, algorithm, name, oid, publicKeyLengthBytes, privateKeyLengthBytes, seedLengthBytes };
}

export const PARAMETER_SETS: readonly ParameterSet[] = [
  mlKem(Algorithm.ML_KEM_512, 'ml-kem-512', 1, 800, 1632),
  mlKem(Algorithm.ML_KEM_768, 'ml-kem-768', 2, 1184, 2400),
  mlKem(Algorithm.ML_KEM_1024, 'ml-kem-1024', 3, 1568, 3168),
  mlDsa(Algorithm.ML_DSA_44, 'ml-dsa-44', 17, 1312, 2560),
  mlDsa(Algorithm.ML_DSA_65, 'ml-dsa-65', 18, 1952, 4032),
  mlDsa(Algorithm.ML_DSA_87, 'ml-dsa-87', 19, 2592, 4896),
  slhDsa(Algorithm.SLH_DSA_SHA2_128s, 'slh-dsa-sha2-128s', 20, 16),
  slhDsa(Algorithm.SLH_DSA_SHA2_128f, 'slh-dsa-sha2-128f', 21, 16),
  slhDsa(Algorithm.SLH_DSA_SHA2_192s, 'slh-dsa-sha2-192s', 22, 24),
  slhDsa(Algorithm.SLH_DSA_SHA2_192f, 'slh-dsa-sha2-192f', 23, 24),
  slhDsa(Algorithm.SLH_DSA_SHA2_256s, 'slh-dsa-sha2-256s', 24, 32),
  slhDsa(Algorithm.SLH_DSA_SHA2_256f, 'slh-dsa-sha2-256f', 25, 32),
  slhDsa(Algorithm.SLH_DSA_SHAKE_128s, 'slh-dsa-shake-128s', 26, 16),
  slhDsa(Algorithm.SLH_DSA_SHAKE_128f, 'slh-dsa-shake-128f', 27, 16),
  slhDsa(Algorithm.SLH_DSA_SHAKE_192s, 'slh-dsa-shake-192s', 28, 24),
  slhDsa(Algorithm.SLH_DSA_SHAKE_192f, 'slh-dsa-shake-192f', 29, 24),
  slhDsa(Algorithm.SLH_DSA_SHAKE_256s, 'slh-dsa-shake-256s', 30, 32),
  slhDsa(Algorithm.SLH_DSA_SHAKE_256f, 'slh-dsa-shake-256f', 31, 32),
];

const BY_ALGORITHM: ReadonlyMap<Algorithm, ParameterSet> = new Map(
  PARAMETER_SETS.map((set) => [set.algorithm, set]),
);
const BY_OID: ReadonlyMap<string, ParameterSet> = new Map(PARAMETER_SETS.map((set) => [set.oid, set]));

export function parameterSetOf(algorithm: Algorithm | undefined): ParameterSet | undefined {
  return algorithm === undefined ? undefined : BY_ALGORITHM.get(algorithm);
}

export function parameterSetNamed(oid: string): ParameterSet | undefined {
  return BY_OID.get(oid);
}

/** The Cryptographic Length of both keys of a pair: that of the public one, as it is with other keys of fixed length. */
export function lengthBitsOf({ publicKeyLengthBytes }: ParameterSet): number {
  return publicKeyLengthBytes * 8;
}
