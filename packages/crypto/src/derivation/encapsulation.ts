import type { DerivationRequest, KeyUseRequest } from '@holdfast/core';
import { privateKeyOf, publicKeyOf, isQuantumSafe, type AnyKey } from '../operations/key';
import { badParameters } from '../operations/refusals';
import { decapsulate, encapsulate } from '../quantum-safe/computations';
import type { QuantumSafeKey } from '../quantum-safe/key-formats';

/** Secrets that one side makes for the holder of a private key. FIPS 203, NIST SP 800-227. */

/** @throws HoldfastError BadCryptographicParameters, CryptographicFailure */
export async function encapsulated(
  request: KeyUseRequest,
): Promise<{ readonly secret: Buffer; readonly ciphertext: Buffer }> {
  return encapsulate(requireKem(publicKeyOf(request), request));
}

/** The secret in the ciphertext that is the request's data. @throws HoldfastError as `encapsulated` */
export async function decapsulated(request: DerivationRequest): Promise<Buffer> {
  const key = requireKem(privateKeyOf(request), request);
  const [ciphertext] = request.data;
  if (ciphertext === undefined) throw badParameters('there is no ciphertext to decapsulate');
  return decapsulate(key, ciphertext);
}

function requireKem(key: AnyKey, { parameters }: KeyUseRequest): QuantumSafeKey {
  const { cryptographicAlgorithm: named, hashingAlgorithm } = parameters;
  if (!isQuantumSafe(key) || key.family !== 'ml-kem') {
    throw badParameters('key agreement takes a private and a public key; one alone has to be of ML-KEM');
  }
  if ((named !== undefined && !key.algorithms.includes(named)) || hashingAlgorithm !== undefined) {
    throw badParameters('the key does not encapsulate under these parameters');
  }
  return key;
}
