import { createHmac } from 'node:crypto';
import type { KeyUseRequest } from '@holdfast/core';
import { BlockCipherMode, KeyFormatType, ObjectType, type ManagedObjectValue } from '@holdfast/kmip';
import { SecretBytes } from '@holdfast/ttlv';
import { hashFacts } from '../operations/hashes';
import { hmacHashOf, mac } from '../operations/mac';
import { secretOf } from '../operations/key';
import { badParameters } from '../operations/refusals';

/** A pseudorandom function under one key: HMAC or CMAC of all parts together. */
export type Prf = (...parts: readonly Buffer[]) => Buffer;

/**
 * The function that key and parameters name: the HMAC that the key is for, whatever the parameters say (KMIP 1.4 section
 * 4.6), else the HMAC of the parameters' hash or algorithm, else CMAC where they name that mode.
 * @throws HoldfastError BadCryptographicParameters where neither names one, UnsupportedCryptographicParameters
 */
export function prfOf(request: KeyUseRequest): Prf {
  const { algorithm, parameters } = request;
  const hash =
    hmacHashOf(algorithm) ?? parameters.hashingAlgorithm ?? hmacHashOf(parameters.cryptographicAlgorithm);
  if (hash !== undefined) {
    const { opensslName } = hashFacts(hash);
    const key = secretOf(request).reveal();
    return (...parts) =>
      parts.reduce((hmac, part) => hmac.update(part), createHmac(opensslName, key)).digest();
  }
  if (parameters.blockCipherMode !== BlockCipherMode.CMAC) {
    throw badParameters('neither key nor request names a pseudorandom function: a hash, an HMAC, or CMAC');
  }
  const cmac = { ...request, value: asSymmetricKey(request) };
  return (...parts) => {
    const running = mac(cmac);
    try {
      for (const part of parts) running.update(SecretBytes.copyOf(part));
      return running.final();
    } finally {
      running.destroy();
    }
  };
}

/** Secret Data in the part of a symmetric key. */
export function asSymmetricKey(request: KeyUseRequest): ManagedObjectValue {
  if (request.value.objectType === ObjectType.SymmetricKey) return request.value;
  const keyMaterial = secretOf(request);
  const keyBlock = { keyFormatType: KeyFormatType.Raw, keyValue: { keyMaterial, attributes: [] } };
  return { objectType: ObjectType.SymmetricKey, keyBlock };
}
