import { createHmac } from 'node:crypto';
import type { KeyUseRequest } from '@holdfast/core';
import {
  BlockCipherMode,
  KeyFormatType,
  ObjectType,
  type HashingAlgorithm,
  type ManagedObjectValue,
} from '@holdfast/kmip';
import { SecretBytes } from '@holdfast/ttlv';
import { hashFacts } from '../operations/hashes';
import { hsmKeyOf } from '../operations/hsm-key';
import { hmacHashOf, hsmMacOf, macHere } from '../operations/mac';
import { secretOf } from '../operations/key';
import { badParameters } from '../operations/refusals';

/** A pseudorandom function under one key: HMAC or CMAC of all parts together. */
export type Prf = (...parts: readonly Buffer[]) => Buffer | Promise<Buffer>;

/**
 * The function that key and parameters name: the HMAC that the key is for, whatever the parameters say (KMIP 1.4 section
 * 4.6), else the HMAC of the parameters' hash or algorithm, else CMAC where they name that mode.
 * @throws HoldfastError BadCryptographicParameters where neither names one, UnsupportedCryptographicParameters
 */
export function prfOf(request: KeyUseRequest): Prf {
  const hash = prfHashOf(request);
  const hsmKey = hsmKeyOf(request);
  if (hash !== undefined && hsmKey === undefined) {
    const { opensslName } = hashFacts(hash);
    const key = secretOf(request).reveal();
    return (...parts) =>
      parts.reduce((hmac, part) => hmac.update(part), createHmac(opensslName, key)).digest();
  }
  if (hash === undefined && request.parameters.blockCipherMode !== BlockCipherMode.CMAC) {
    throw badParameters('neither key nor request names a pseudorandom function: a hash, an HMAC, or CMAC');
  }
  if (hsmKey !== undefined) {
    const mechanism = hsmMacOf(hash);
    return (...parts) => hsmKey.compute('sign', mechanism, Buffer.concat(parts));
  }
  const cmac = { ...request, value: asSymmetricKey(request) };
  return (...parts) => {
    const running = macHere(cmac);
    try {
      for (const part of parts) running.update(SecretBytes.copyOf(part));
      return running.final();
    } finally {
      running.destroy();
    }
  };
}

/** The hash of the HMAC that key or parameters name; undefined where they name none. */
export function prfHashOf({ algorithm, parameters }: KeyUseRequest): HashingAlgorithm | undefined {
  return (
    hmacHashOf(algorithm) ?? parameters.hashingAlgorithm ?? hmacHashOf(parameters.cryptographicAlgorithm)
  );
}

/** Secret Data in the part of a symmetric key. */
export function asSymmetricKey(request: KeyUseRequest): ManagedObjectValue {
  if (request.value.objectType === ObjectType.SymmetricKey) return request.value;
  const keyMaterial = secretOf(request);
  const keyBlock = { keyFormatType: KeyFormatType.Raw, keyValue: { keyMaterial, attributes: [] } };
  return { objectType: ObjectType.SymmetricKey, keyBlock };
}
