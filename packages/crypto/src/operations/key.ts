import { X509Certificate } from 'node:crypto';
import type { KeyUseRequest } from '@holdfast/core';
import { CertificateType, CryptographicAlgorithm, ObjectType, type KeyBlock } from '@holdfast/kmip';
import { HoldfastError, SecretBytes } from '@holdfast/ttlv';
import { readPublicKey, type AsymmetricKey } from '../keys/asymmetric-key';
import { plainMaterial, readAsymmetricKey, symmetricBytes } from '../keys/inspect';
import { readQuantumSafeKey, type QuantumSafeKey } from '../quantum-safe/key-formats';
import { hsmKeyOf } from './hsm-key';
import { attempt } from './refusals';

/** Getting at the key of a managed object that is to be used. */

/** One half of a pair: of those that OpenSSL knows in any Node, or one of FIPS 203, 204 and 205. */
export type AnyKey = AsymmetricKey | QuantumSafeKey;

export function isQuantumSafe(key: AnyKey): key is QuantumSafeKey {
  return 'parameterSet' in key;
}

/** @throws HoldfastError KeyValueNotPresent, InvalidObjectType */
export function symmetricKeyOf({ value }: KeyUseRequest): SecretBytes {
  if (value.objectType !== ObjectType.SymmetricKey) throw wrongType('a symmetric key');
  const { keyBlock } = value;
  return inUsableFormat(() => symmetricBytes(keyBlock.keyFormatType, materialIn(keyBlock)));
}

/** The bytes of a symmetric key or of Secret Data. @throws HoldfastError KeyValueNotPresent, InvalidObjectType, InvalidField */
export function secretOf(request: KeyUseRequest): SecretBytes {
  const { value } = request;
  if (value.objectType !== ObjectType.SecretData) return symmetricKeyOf(request);
  const material = materialIn(value.keyBlock);
  if (material instanceof SecretBytes) return material;
  throw new HoldfastError('InvalidField', 'the Secret Data is a structure, not bytes');
}

/** A public key, or the one in an X.509 certificate. @throws HoldfastError KeyValueNotPresent, InvalidObjectType */
export function publicKeyOf({ value }: KeyUseRequest): AnyKey {
  if (value.objectType === ObjectType.Certificate) {
    if (value.certificateType !== CertificateType.X_509) throw wrongType('an X.509 certificate');
    return attempt('the public key in the certificate cannot be used here', () => {
      const { publicKey } = new X509Certificate(value.certificateValue);
      return readPublicKey(publicKey.export({ format: 'der', type: 'spki' }), 'spki');
    });
  }
  if (value.objectType !== ObjectType.PublicKey) throw wrongType('a public key');
  return asymmetricKey(ObjectType.PublicKey, value.keyBlock);
}

/** @throws HoldfastError KeyValueNotPresent, InvalidObjectType */
export function privateKeyOf(request: KeyUseRequest): AnyKey {
  const { value } = request;
  if (value.objectType !== ObjectType.PrivateKey) throw wrongType('a private key');
  const hsmKey = hsmKeyOf(request);
  if (hsmKey?.publicKey !== undefined) {
    const key = readPublicKey(hsmKey.publicKey, 'spki');
    const mechanism = key.family === 'rsa' ? 'RSA_X_509' : 'ECDSA';
    return { ...key, compute: (use, bytes) => hsmKey.compute(use, mechanism, bytes) };
  }
  return asymmetricKey(ObjectType.PrivateKey, value.keyBlock);
}

/** Length in bytes of a symmetric key or of Secret Data, also of a key inside an HSM. @throws as `secretOf` */
export function secretLengthOf(request: KeyUseRequest): number {
  return hsmKeyOf(request)?.lengthBytes ?? secretOf(request).length;
}

/** Whether the object's key is one half of a pair. */
export function isAsymmetric({ value }: KeyUseRequest): boolean {
  return (
    value.objectType === ObjectType.PublicKey ||
    value.objectType === ObjectType.PrivateKey ||
    value.objectType === ObjectType.Certificate
  );
}

/** The algorithms that one and the same key may be used by. */
const SAME_KEYS: readonly (readonly CryptographicAlgorithm[])[] = [
  [CryptographicAlgorithm.ChaCha20, CryptographicAlgorithm.ChaCha20Poly1305],
];

/**
 * The algorithm that the parameters name, else the object's.
 * @throws HoldfastError BadCryptographicParameters where the key is one of another algorithm
 */
export function cipherAlgorithmOf({ algorithm, parameters }: KeyUseRequest): CryptographicAlgorithm {
  const named = parameters.cryptographicAlgorithm ?? algorithm;
  if (named === undefined) {
    throw new HoldfastError('BadCryptographicParameters', 'neither key nor request names an algorithm');
  }
  const isItsOwn =
    algorithm === undefined ||
    named === algorithm ||
    SAME_KEYS.some((group) => group.includes(named) && group.includes(algorithm));
  if (isItsOwn) return named;
  throw new HoldfastError('BadCryptographicParameters', 'the key is one of another Cryptographic Algorithm');
}

function asymmetricKey(objectType: ObjectType, keyBlock: KeyBlock): AnyKey {
  const material = materialIn(keyBlock);
  const key = inUsableFormat(
    () =>
      readQuantumSafeKey(objectType, keyBlock, material) ??
      readAsymmetricKey(objectType, keyBlock.keyFormatType, material),
  );
  if (key === undefined) throw notPresent();
  return key;
}

function materialIn(keyBlock: KeyBlock) {
  const material = plainMaterial(keyBlock);
  if (material === undefined || keyBlock.keyWrappingData !== undefined) throw notPresent();
  return material;
}

/** Of a format that means nothing here (Opaque) the server has bytes, but no key: nobody has asked for another format. */
function inUsableFormat<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    const isOfFormat = error instanceof HoldfastError && error.code === 'KeyFormatTypeNotSupported';
    throw isOfFormat ? notPresent(error) : error;
  }
}

function notPresent(cause?: unknown): HoldfastError {
  const message = 'the server does not hold the key in clear, in a format that it can use';
  return new HoldfastError('KeyValueNotPresent', message, { cause });
}

function wrongType(wanted: string): HoldfastError {
  return new HoldfastError('InvalidObjectType', `the object is not ${wanted}`);
}
