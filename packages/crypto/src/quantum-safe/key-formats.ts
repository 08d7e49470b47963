import type { CryptographicAlgorithm } from '@holdfast/kmip';
import { KeyFormatType as Format, ObjectType, type KeyBlock, type KeyMaterial } from '@holdfast/kmip';
import { HoldfastError, SecretBytes } from '@holdfast/ttlv';
import {
  bitString,
  contentsOf,
  DER,
  element,
  membersOf,
  oid,
  readBitString,
  readElements,
  readOid,
  readSequence,
  readUnsigned,
  sequence,
  unsigned,
  type DerElement,
} from '../keys/der';
import {
  lengthBitsOf,
  parameterSetNamed,
  parameterSetOf,
  type ParameterSet,
  type QuantumSafeFamily,
} from './parameter-sets';

/** A key of ML-KEM, ML-DSA or SLH-DSA; its bytes are views of the key block's. */
export interface QuantumSafeKey {
  readonly family: QuantumSafeFamily;
  readonly parameterSet: ParameterSet;
  readonly algorithms: readonly CryptographicAlgorithm[];
  readonly lengthBits: number;
  readonly curve: undefined;
  /** As FIPS 203, 204 and 205 encode it; undefined of a private key that is its seed alone. */
  readonly encoded: Buffer | undefined;
  readonly seed: Buffer | undefined;
}

/** `[0] IMPLICIT OCTET STRING`: the seed of an ML-KEM or ML-DSA private key that is nothing else. */
const SEED_ALONE = 0x80;

/**
 * Reads a key of this kind from Raw, PKCS#8 or SubjectPublicKeyInfo; undefined where the key block holds another key.
 * @throws HoldfastError InvalidField where it is of this kind, but not of its lengths
 */
export function readQuantumSafeKey(
  objectType: ObjectType,
  { keyFormatType, cryptographicAlgorithm }: KeyBlock,
  material: KeyMaterial,
): QuantumSafeKey | undefined {
  if (!(material instanceof SecretBytes)) return undefined;
  const isPrivate = objectType === ObjectType.PrivateKey;
  if (!isPrivate && objectType !== ObjectType.PublicKey) return undefined;
  if (keyFormatType === Format.Raw) {
    const set = parameterSetOf(cryptographicAlgorithm);
    return set === undefined ? undefined : describe(set, isPrivate, material.reveal(), undefined);
  }
  if (keyFormatType === Format.PKCS_8 && isPrivate) return readPrivateKeyInfo(material.reveal());
  if (keyFormatType === Format.X_509 && !isPrivate) return readPublicKeyInfo(material.reveal());
  return undefined;
}

/**
 * The key in Raw, PKCS#8 or SubjectPublicKeyInfo.
 * @returns undefined where it does not have that format: a private key that is its seed alone is nothing but PKCS#8
 */
export function writeQuantumSafeKey(
  objectType: ObjectType,
  key: Pick<QuantumSafeKey, 'parameterSet' | 'encoded' | 'seed'>,
  to: Format,
): SecretBytes | undefined {
  const { parameterSet, encoded } = key;
  const isPrivate = objectType === ObjectType.PrivateKey;
  const algorithm = sequence(oid(parameterSet.oid));
  if (to === Format.PKCS_8 && isPrivate) {
    const octets = privateOctets(key);
    const der = sequence(unsigned(0n), algorithm, element(DER.octetString, octets));
    octets.fill(0);
    return new SecretBytes(der);
  }
  if (encoded === undefined) return undefined;
  if (to === Format.Raw) return SecretBytes.copyOf(encoded);
  if (to === Format.X_509 && !isPrivate) return new SecretBytes(sequence(algorithm, bitString(encoded)));
  return undefined;
}

/** Seed and key together where both are known, as OpenSSL writes them. */
function privateOctets({
  parameterSet,
  encoded,
  seed,
}: Pick<QuantumSafeKey, 'parameterSet' | 'encoded' | 'seed'>): Buffer {
  if (encoded === undefined) return element(SEED_ALONE, seed ?? Buffer.alloc(0));
  if (parameterSet.seedLengthBytes === undefined) return Buffer.from(encoded);
  const expanded = element(DER.octetString, encoded);
  if (seed === undefined) return expanded;
  const both = sequence(element(DER.octetString, seed), expanded);
  expanded.fill(0);
  return both;
}

function readPrivateKeyInfo(pkcs8: Buffer): QuantumSafeKey | undefined {
  const [version, algorithm, octets] = readSequence(pkcs8);
  const set = setOf(algorithm);
  if (set === undefined) return undefined;
  if (readUnsigned(version) > 1n) throw notAKey();
  const contents = contentsOf(octets, DER.octetString);
  if (set.seedLengthBytes === undefined) return describe(set, true, contents, undefined);
  const [choice, ...rest] = readElements(contents);
  if (choice === undefined || rest.length > 0) throw notAKey();
  if (choice.tag === SEED_ALONE) return describe(set, true, undefined, choice.contents);
  if (choice.tag === DER.octetString) return describe(set, true, choice.contents, undefined);
  const [seed, expanded, ...more] = membersOf(choice);
  if (more.length > 0) throw notAKey();
  return describe(set, true, contentsOf(expanded, DER.octetString), contentsOf(seed, DER.octetString));
}

function readPublicKeyInfo(spki: Buffer): QuantumSafeKey | undefined {
  const [algorithm, key, ...rest] = readSequence(spki);
  const set = setOf(algorithm);
  if (set === undefined) return undefined;
  if (rest.length > 0) throw notAKey();
  return describe(set, false, readBitString(key), undefined);
}

/** Undefined for all that is no AlgorithmIdentifier of these. */
function setOf(algorithm: DerElement | undefined): ParameterSet | undefined {
  if (algorithm?.tag !== DER.sequence) return undefined;
  const [identifier, parameters] = readElements(algorithm.contents);
  const set = identifier?.tag === DER.oid ? parameterSetNamed(readOid(identifier)) : undefined;
  if (set !== undefined && parameters !== undefined) throw notAKey();
  return set;
}

function describe(
  parameterSet: ParameterSet,
  isPrivate: boolean,
  encoded: Buffer | undefined,
  seed: Buffer | undefined,
): QuantumSafeKey {
  const { family, algorithm, seedLengthBytes } = parameterSet;
  const lengthBytes = isPrivate ? parameterSet.privateKeyLengthBytes : parameterSet.publicKeyLengthBytes;
  const isRight =
    (encoded === undefined || encoded.length === lengthBytes) &&
    (seed === undefined || seed.length === seedLengthBytes);
  if (!isRight) throw notAKey();
  const lengthBits = lengthBitsOf(parameterSet);
  return { family, parameterSet, algorithms: [algorithm], lengthBits, curve: undefined, encoded, seed };
}

function notAKey(): HoldfastError {
  return new HoldfastError('InvalidField', 'the key material is not a key in its Key Format Type');
}
