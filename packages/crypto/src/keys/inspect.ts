import type { Awaitable, KeyFacts } from '@holdfast/core';
import {
  cryptographicAlgorithmEnum,
  decodeTransparentKey,
  KeyFormatType,
  keyFormatTypeEnum,
  ObjectType,
  STORAGE_DIALECT,
  type CryptographicAlgorithm,
  type KeyBlock,
  type KeyCompressionType,
  type KeyMaterial,
} from '@holdfast/kmip';
import { HoldfastError, SecretBytes } from '@holdfast/ttlv';
import { ALGORITHMS } from '../algorithms';
import { PRIVATE_KEY_FORMATS, PUBLIC_KEY_FORMATS } from './asymmetric-formats';
import type { AsymmetricKey } from './asymmetric-key';
import { isOfForm } from './ec';
import { isEncryptedPrivateKeyInfo, withKeyInfo } from './key-info';
import { requireKeyOfSeed } from '../quantum-safe/computations';
import { readQuantumSafeKey, type QuantumSafeKey } from '../quantum-safe/key-formats';

/** The material of a Key Block in clear, or undefined where it is wrapped or kept elsewhere. */
export function plainMaterial(keyBlock: KeyBlock): KeyMaterial | undefined {
  const { keyValue } = keyBlock;
  return keyValue === undefined || 'encoded' in keyValue ? undefined : keyValue.keyMaterial;
}

/**
 * What key material says of itself; what it cannot say (the algorithm of raw bytes, anything of wrapped or opaque ones)
 * is what the Key Block says.
 * @throws HoldfastError InvalidField where the material is not of its format, or not what the Key Block says;
 * KeyFormatTypeNotSupported for a format that keys of this object type do not have
 */
export function inspectKey(objectType: ObjectType, keyBlock: KeyBlock): KeyFacts {
  const declared: KeyFacts = {
    algorithm: keyBlock.cryptographicAlgorithm,
    lengthBits: keyBlock.cryptographicLengthBits,
    curve: undefined,
  };
  const material = plainMaterial(keyBlock);
  if (material === undefined) return declared;
  const quantumSafeKey = readQuantumSafeKey(objectType, keyBlock, material);
  if (quantumSafeKey !== undefined) return agree(declared, quantumSafeKey);
  if (isUninterpreted(objectType, keyBlock.keyFormatType)) {
    if (!(material instanceof SecretBytes)) throw invalid('a structure where its Key Format Type has bytes');
    if (material.length === 0) throw invalid('empty');
    return declared;
  }
  if (objectType === ObjectType.SymmetricKey) {
    return {
      ...declared,
      lengthBits: inspectSymmetric(declared, symmetricBytes(keyBlock.keyFormatType, material)),
    };
  }
  const key = readAsymmetricKey(objectType, keyBlock.keyFormatType, material);
  if (key === undefined) return declared;
  requirePointForm(keyBlock.keyCompressionType, key);
  return agree(declared, key);
}

/** @throws HoldfastError InvalidField where a private key with its seed is not the one that follows from it */
export function requireOneKey(objectType: ObjectType, keyBlock: KeyBlock): Awaitable<void> {
  const material = plainMaterial(keyBlock);
  const key = material === undefined ? undefined : readQuantumSafeKey(objectType, keyBlock, material);
  if (key !== undefined) return requireKeyOfSeed(key);
}

/** Formats and objects whose bytes mean nothing here: Opaque, and all that is no key by itself. */
function isUninterpreted(objectType: ObjectType, format: KeyFormatType): boolean {
  if (format === KeyFormatType.Opaque) return true;
  return format === KeyFormatType.Raw && objectType !== ObjectType.SymmetricKey;
}

/** The bytes of a symmetric key. @throws HoldfastError InvalidField, KeyFormatTypeNotSupported */
export function symmetricBytes(format: KeyFormatType, material: KeyMaterial): SecretBytes {
  if (format === KeyFormatType.Raw) {
    if (material instanceof SecretBytes) return material;
    throw invalid('a structure where its Key Format Type has bytes');
  }
  if (format !== KeyFormatType.TransparentSymmetricKey) throw unsupportedFormat(format);
  if (material instanceof SecretBytes) throw invalid('bytes where its Key Format Type has a structure');
  return decodeTransparentKey(format, material, STORAGE_DIALECT).key;
}

/** The length in bits of a symmetric key whose bytes fit what was declared of it. */
function inspectSymmetric({ algorithm, lengthBits }: KeyFacts, key: SecretBytes): number {
  if (key.length === 0) throw invalid('empty');
  const facts = algorithm === undefined ? undefined : ALGORITHMS.get(algorithm);
  if (facts?.kind === 'asymmetric')
    throw invalid(`no symmetric key, as ${nameOf(facts.algorithm)} would have it`);
  if (facts?.kind !== 'symmetric') {
    // An HMAC key may have any length, and of algorithms that are not in the table only that much is known.
    const isShorter =
      facts === undefined && lengthBits !== undefined && lengthBits > 0 && lengthBits < key.length * 8;
    if (lengthBits !== undefined && lengthBits !== key.length * 8 && !isShorter) throw wrongLength();
    return lengthBits ?? key.length * 8;
  }
  if (lengthBits !== undefined) {
    if (!facts.materialLengthsBytes(lengthBits).includes(key.length)) throw wrongLength();
    return lengthBits;
  }
  const usual = facts.lengthsBits.find((each) => facts.materialLengthsBytes(each)[0] === key.length);
  if (usual === undefined) throw wrongLength();
  return usual;
}

/**
 * Reads a private or public key; undefined where it is an encrypted PKCS#8 one.
 * @throws HoldfastError InvalidField, KeyFormatTypeNotSupported
 */
export function readAsymmetricKey(
  objectType: ObjectType,
  keyFormatType: KeyFormatType,
  material: KeyMaterial,
): AsymmetricKey | undefined {
  const format = formatsOf(objectType).get(keyFormatType);
  if (format === undefined) throw unsupportedFormat(keyFormatType);
  if (keyFormatType === KeyFormatType.PKCS_8 && material instanceof SecretBytes) {
    if (isEncryptedPrivateKeyInfo(material.reveal())) return undefined;
  }
  return format.read(material);
}

export function formatsOf(objectType: ObjectType): typeof PRIVATE_KEY_FORMATS {
  if (objectType === ObjectType.PrivateKey) return PRIVATE_KEY_FORMATS;
  if (objectType === ObjectType.PublicKey) return PUBLIC_KEY_FORMATS;
  return new Map();
}

function agree(declared: KeyFacts, key: AsymmetricKey | QuantumSafeKey): KeyFacts {
  const algorithm = declared.algorithm ?? key.algorithms[0];
  if (algorithm === undefined || !key.algorithms.includes(algorithm)) {
    throw invalid(`no key of the Cryptographic Algorithm ${nameOf(algorithm)}`);
  }
  const lengthBits = declared.lengthBits ?? key.lengthBits;
  // Lengths are often given in whole bytes (528 for P-521), those of octet key pairs in several ways (255, 256).
  const isSameLength =
    lengthBits === undefined ||
    key.lengthBits === undefined ||
    wholeBytes(lengthBits) === wholeBytes(key.lengthBits);
  if (!isSameLength && key.family !== 'okp') throw wrongLength();
  return { algorithm, lengthBits, curve: key.curve };
}

/** Only public keys over curves have points. */
function requirePointForm(
  stated: KeyCompressionType | undefined,
  { family, keyObject, weierstrass }: AsymmetricKey,
): void {
  if (stated === undefined || family !== 'ec' || keyObject.type !== 'public') return;
  if (withKeyInfo(keyObject, ({ key: point }) => isOfForm(weierstrass, point, stated))) return;
  throw invalid('of another form than its Key Compression Type');
}

function wholeBytes(lengthBits: number): number {
  return Math.ceil(lengthBits / 8);
}

function nameOf(algorithm: CryptographicAlgorithm | undefined): string {
  return cryptographicAlgorithmEnum.byValue.get(algorithm ?? 0)?.name ?? 'unknown';
}

export function unsupportedFormat(format: KeyFormatType): HoldfastError {
  const name = keyFormatTypeEnum.byValue.get(format)?.name ?? String(format);
  return new HoldfastError(
    'KeyFormatTypeNotSupported',
    `this object does not have the Key Format Type ${name}`,
  );
}

function wrongLength(): HoldfastError {
  return invalid('of another length than its Cryptographic Length');
}

function invalid(what: string): HoldfastError {
  return new HoldfastError('InvalidField', `the key material is ${what}`);
}
