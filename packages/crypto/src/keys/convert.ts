import { createPublicKey } from 'node:crypto';
import type { GeneratedKey } from '@holdfast/core';
import {
  encodeTransparentKey,
  KeyCompressionType,
  KeyFormatType,
  ObjectType,
  STORAGE_DIALECT,
  Tag,
  type KeyBlock,
  type KeyMaterial,
} from '@holdfast/kmip';
import { encodeTtlv, HoldfastError, SecretBytes } from '@holdfast/ttlv';
import { readQuantumSafeKey, writeQuantumSafeKey } from '../quantum-safe/key-formats';
import { formatsOf, plainMaterial, readAsymmetricKey, symmetricBytes, unsupportedFormat } from './inspect';

/**
 * The same key in another format, attributes and all; points of public keys uncompressed unless asked for otherwise.
 * The two key blocks may share their secret bytes.
 * @throws HoldfastError KeyFormatTypeNotSupported, KeyCompressionTypeNotSupported, InvalidField
 */
export function convertKey(
  objectType: ObjectType,
  keyBlock: KeyBlock,
  to: KeyFormatType,
  compression?: KeyCompressionType,
): KeyBlock {
  if (
    to === keyBlock.keyFormatType &&
    (compression ?? keyBlock.keyCompressionType) === keyBlock.keyCompressionType
  ) {
    return keyBlock;
  }
  const { keyValue } = keyBlock;
  if (keyValue === undefined || 'encoded' in keyValue) throw unsupportedFormat(to);
  const keyMaterial = convertMaterial(objectType, keyBlock, keyValue.keyMaterial, to, compression);
  return {
    ...keyBlock,
    keyFormatType: to,
    keyCompressionType: compression,
    keyValue: { keyMaterial, attributes: keyValue.attributes },
  };
}

function convertMaterial(
  objectType: ObjectType,
  keyBlock: KeyBlock,
  material: KeyMaterial,
  to: KeyFormatType,
  compression: KeyCompressionType | undefined,
): KeyMaterial {
  const from = keyBlock.keyFormatType;
  if (objectType === ObjectType.SymmetricKey) {
    if (compression !== undefined) throw noCompression();
    const key = symmetricBytes(from, material);
    if (to === KeyFormatType.Raw) return key;
    if (to !== KeyFormatType.TransparentSymmetricKey) throw unsupportedFormat(to);
    return encodeTransparentKey(to, { key }, STORAGE_DIALECT);
  }
  const quantumSafeKey = readQuantumSafeKey(objectType, keyBlock, material);
  if (quantumSafeKey !== undefined) {
    if (compression !== undefined) throw noCompression();
    const written = writeQuantumSafeKey(objectType, quantumSafeKey, to);
    if (written === undefined) throw unsupportedFormat(to);
    return written;
  }
  const target = formatsOf(objectType).get(to);
  const key = target === undefined ? undefined : readAsymmetricKey(objectType, from, material);
  if (target === undefined || key === undefined || !target.families.includes(key.family))
    throw unsupportedFormat(to);
  if (compression !== undefined && (objectType !== ObjectType.PublicKey || key.family !== 'ec'))
    throw noCompression();
  return target.write(key, compression ?? KeyCompressionType.ECPublicKeyTypeUncompressed);
}

function noCompression(): HoldfastError {
  return new HoldfastError(
    'KeyCompressionTypeNotSupported',
    'only public keys over elliptic curves are compressed',
  );
}

/**
 * The Key Material as bytes of its own, which the caller destroys: bytes as they are, a structure in TTLV.
 * @throws HoldfastError KeyValueNotPresent where it is wrapped or kept elsewhere
 */
export function keyMaterialBytes(keyBlock: KeyBlock): SecretBytes {
  const material = plainMaterial(keyBlock);
  if (material === undefined) {
    throw new HoldfastError('KeyValueNotPresent', 'the key material is wrapped, or not kept here');
  }
  if (material instanceof SecretBytes) return SecretBytes.copyOf(material.reveal());
  return new SecretBytes(encodeTtlv({ ...material, tag: Tag.KeyMaterial }));
}

/**
 * The public key that goes with a private one, as SubjectPublicKeyInfo.
 * @throws HoldfastError KeyValueNotPresent where the private key is not there in clear, InvalidField
 */
export function publicKeyOf(keyBlock: KeyBlock): GeneratedKey {
  const material = plainMaterial(keyBlock);
  const key =
    material === undefined
      ? undefined
      : readAsymmetricKey(ObjectType.PrivateKey, keyBlock.keyFormatType, material);
  const algorithm = keyBlock.cryptographicAlgorithm ?? key?.algorithms[0];
  if (key?.lengthBits === undefined || algorithm === undefined) {
    throw new HoldfastError('KeyValueNotPresent', 'the private key is not there in clear');
  }
  const spki = createPublicKey(key.keyObject).export({ format: 'der', type: 'spki' });
  const { lengthBits } = key;
  return { keyFormatType: KeyFormatType.X_509, keyMaterial: new SecretBytes(spki), algorithm, lengthBits };
}
