import { generateKeyPair, type KeyObject, type KeyPairKeyObjectResult } from 'node:crypto';
import { promisify } from 'node:util';
import type { Asker, GeneratedKey, KeyPairSpecification } from '@holdfast/core';
import {
  CryptographicAlgorithm,
  cryptographicAlgorithmEnum,
  KeyFormatType,
  RecommendedCurve,
} from '@holdfast/kmip';
import { HoldfastError, SecretBytes } from '@holdfast/ttlv';
import {
  ALGORITHMS,
  CURVE25519_LENGTH_BITS,
  CURVE448_LENGTH_BITS,
  type AsymmetricFacts,
  type MacFacts,
  type QuantumSafeFacts,
  type SymmetricFacts,
} from '../algorithms';
import { curveFacts, curveOfLength } from '../curves';
import { inLongJobTurn } from '../long-jobs';
import { generateQuantumSafePair } from '../quantum-safe/computations';

const generate = promisify(generateKeyPair);

export interface GeneratedKeyPair {
  readonly privateKey: GeneratedKey;
  readonly publicKey: GeneratedKey;
}

/**
 * A new symmetric or HMAC key in format Raw.
 * @param draw gives random bytes
 * @throws HoldfastError InvalidField where the algorithm or length cannot be
 */
export function generateSymmetricKey(
  algorithm: CryptographicAlgorithm,
  lengthBits: number,
  draw: (lengthBytes: number) => Buffer,
): GeneratedKey {
  const key = draw(symmetricKeyLengthBytes(algorithm, lengthBits));
  const facts = secretKeyFacts(algorithm);
  if (facts.hasParity) setOddParity(key);
  return { keyFormatType: KeyFormatType.Raw, keyMaterial: new SecretBytes(key), algorithm, lengthBits };
}

/** @throws HoldfastError InvalidField as `generateSymmetricKey` */
export function symmetricKeyLengthBytes(algorithm: CryptographicAlgorithm, lengthBits: number): number {
  const [lengthBytes] = secretKeyFacts(algorithm).materialLengthsBytes(lengthBits);
  if (lengthBytes === undefined) throw invalid(`${nameOf(algorithm)} keys do not have ${lengthBits} bits`);
  return lengthBytes;
}

function secretKeyFacts(algorithm: CryptographicAlgorithm): SymmetricFacts | MacFacts {
  const facts = ALGORITHMS.get(algorithm);
  if (facts === undefined || facts.kind === 'asymmetric') {
    throw invalid(`symmetric keys of the algorithm ${nameOf(algorithm)} are not made here`);
  }
  return facts;
}

/** Sets the lowest bit of each byte so that its number of ones is odd (FIPS 46-3). */
function setOddParity(key: Buffer): void {
  for (const [index, byte] of key.entries()) {
    let ones = 0;
    for (let bits = byte >> 1; bits > 0; bits >>= 1) ones += bits & 1;
    key[index] = (byte & 0xfe) | (ones % 2 === 0 ? 1 : 0);
  }
}

interface PairRequest {
  readonly algorithm: CryptographicAlgorithm;
  readonly lengthBits: number;
  readonly curve: RecommendedCurve | undefined;
  readonly qLengthBits: number | undefined;
}

/** A pair generator: it throws before it starts where the request cannot be. */
type Generator = (request: PairRequest) => Promise<KeyPairKeyObjectResult>;

/** node:crypto generates DH pairs too; its types leave them out. */
const generateDh = generate as unknown as (
  type: 'dh',
  options: { readonly group: string },
) => Promise<KeyPairKeyObjectResult>;

/** Groups of RFC 3526: safe primes with generator 2. */
const DH_GROUPS: ReadonlyMap<number, string> = new Map([
  [1536, 'modp5'],
  [2048, 'modp14'],
  [3072, 'modp15'],
  [4096, 'modp16'],
  [6144, 'modp17'],
  [8192, 'modp18'],
]);

/** Lengths of p and, the usual one first, of q (FIPS 186-4 section 4.2). */
const DSA_DIVISORS: ReadonlyMap<number, readonly number[]> = new Map([
  [1024, [160]],
  [2048, [256, 224]],
  [3072, [256]],
]);

const GENERATORS: Readonly<Record<AsymmetricFacts['family'], Generator>> = {
  rsa: ({ lengthBits }) => generate('rsa', { modulusLength: lengthBits, publicExponent: 65537 }),
  dsa: ({ lengthBits, qLengthBits }) => {
    const divisors = DSA_DIVISORS.get(lengthBits) ?? [];
    const divisorLength = qLengthBits ?? divisors[0];
    if (divisorLength === undefined || !divisors.includes(divisorLength)) {
      throw invalid(`DSA keys of ${lengthBits} bits do not have that Qlength`);
    }
    return generate('dsa', { modulusLength: lengthBits, divisorLength });
  },
  dh: ({ lengthBits }) => {
    const group = DH_GROUPS.get(lengthBits);
    if (group === undefined) throw invalid(`DH keys of ${lengthBits} bits are not generated here`);
    return generateDh('dh', { group });
  },
  ec: ({ curve }) => {
    if (curve === RecommendedCurve.CURVE25519) return generate('x25519');
    if (curve === RecommendedCurve.CURVE448) return generate('x448');
    const namedCurve = curve === undefined ? undefined : curveFacts(curve)?.opensslName;
    if (namedCurve === undefined) throw invalid('keys over this curve are not generated here');
    return generate('ec', { namedCurve });
  },
  okp: ({ algorithm }) =>
    algorithm === CryptographicAlgorithm.Ed25519 ? generate('ed25519') : generate('ed448'),
};

/** The two curves that are no Weierstrass curves, and so not in CURVES. */
const OKP_LENGTHS_BITS: ReadonlyMap<RecommendedCurve, number> = new Map([
  [RecommendedCurve.CURVE25519, CURVE25519_LENGTH_BITS],
  [RecommendedCurve.CURVE448, CURVE448_LENGTH_BITS],
]);

/** Generates key pairs on threads of their own; searching for primes waits its turn. */
export function createKeyPairGenerator(): (
  specification: KeyPairSpecification,
  asker?: Asker,
) => Promise<GeneratedKeyPair> {
  return async (specification, asker) => {
    const facts = ALGORITHMS.get(specification.algorithm);
    if (facts?.kind !== 'asymmetric') {
      throw invalid(`key pairs of the algorithm ${nameOf(specification.algorithm)} are not generated here`);
    }
    const request = resolve(facts, specification);
    if (facts.parameterSet !== undefined) return generateQuantumSafePair(facts.parameterSet, asker);
    const run = () => GENERATORS[facts.family](request);
    const isRsa = facts.family === 'rsa';
    const pair = await (isRsa || facts.family === 'dsa' ? inLongJobTurn(run, asker) : run());
    return {
      privateKey: generated(request, isRsa ? KeyFormatType.PKCS_1 : KeyFormatType.PKCS_8, pair.privateKey),
      publicKey: generated(request, isRsa ? KeyFormatType.PKCS_1 : KeyFormatType.X_509, pair.publicKey),
    };
  };
}

const DER_TYPES = {
  [KeyFormatType.PKCS_1]: 'pkcs1',
  [KeyFormatType.PKCS_8]: 'pkcs8',
  [KeyFormatType.X_509]: 'spki',
} as const;

function generated(
  { algorithm, lengthBits }: PairRequest,
  keyFormatType: keyof typeof DER_TYPES,
  key: KeyObject,
): GeneratedKey {
  const der = key.export({ format: 'der', type: DER_TYPES[keyFormatType] });
  return { keyFormatType, keyMaterial: new SecretBytes(der), algorithm, lengthBits };
}

/** Fills in length and curve, each from the other or from the table, and checks that they fit. */
function resolve(
  facts: AsymmetricFacts | QuantumSafeFacts,
  specification: KeyPairSpecification,
): PairRequest {
  const { algorithm, qLengthBits } = specification;
  const stated = specification.curve;
  const name = nameOf(algorithm);
  if (stated !== undefined && !isCurveOf(facts, stated)) throw invalid(`${name} keys do not have that curve`);
  const lengthBits = specification.lengthBits ?? curveLength(stated) ?? facts.defaultLengthBits;
  if (!facts.lengthsBits.includes(lengthBits)) {
    throw invalid(`${name} keys of ${lengthBits} bits are not generated here`);
  }
  const isEc = facts.parameterSet === undefined && facts.family === 'ec';
  const curve = isEc ? (stated ?? curveOfLength(lengthBits)) : stated;
  if (isEc && curve === undefined) {
    throw invalid(`no Recommended Curve goes with ${lengthBits} bits alone`);
  }
  if (curve !== undefined && curveLength(curve) !== lengthBits) {
    throw invalid('the Recommended Curve does not have this Cryptographic Length');
  }
  return { algorithm, lengthBits, curve, qLengthBits };
}

function isCurveOf(facts: AsymmetricFacts | QuantumSafeFacts, curve: RecommendedCurve): boolean {
  if (facts.parameterSet !== undefined) return false;
  const { family, algorithm } = facts;
  // Nothing signs with X25519 and X448: that is what Ed25519 and Ed448 are for.
  if (family === 'ec') return !OKP_LENGTHS_BITS.has(curve) || algorithm !== CryptographicAlgorithm.ECDSA;
  return family === 'okp' && OKP_LENGTHS_BITS.has(curve);
}

function curveLength(curve: RecommendedCurve | undefined): number | undefined {
  return curve === undefined ? undefined : (OKP_LENGTHS_BITS.get(curve) ?? curveFacts(curve)?.lengthBits);
}

function nameOf(algorithm: CryptographicAlgorithm): string {
  return cryptographicAlgorithmEnum.byValue.get(algorithm)?.name ?? String(algorithm);
}

function invalid(message: string): HoldfastError {
  return new HoldfastError('InvalidField', message);
}
