import { diffieHellman } from 'node:crypto';
import type { DerivationRequest } from '@holdfast/core';
import { isQuantumSafe, privateKeyOf, publicKeyOf } from '../operations/key';
import { attempt, badParameters, unsupported } from '../operations/refusals';

/** Kinds of keys that agree on a secret, as node:crypto names them. */
const AGREEING = ['ec', 'x25519', 'x448', 'dh'];

/**
 * The secret that a private key and the other party's public key make: NIST SP 800-56A sections 5.7.1.1 and 5.7.1.2 (the
 * x coordinate, as long as the field; an integer, as long as the prime), RFC 7748 for X25519 and X448.
 * @throws HoldfastError BadCryptographicParameters where the keys are not of one kind, CryptographicFailure where one of
 * them is none that agrees
 */
export function agree(request: DerivationRequest): Buffer {
  const { parameters, peer, algorithm } = request;
  if (peer === undefined) throw badParameters('key agreement takes a private key and a public key');
  if (parameters.hashingAlgorithm !== undefined) {
    throw unsupported('the secret of a key agreement is given as it is: it is not hashed');
  }
  const privateKey = privateKeyOf(request);
  const publicKey = publicKeyOf({ value: peer, algorithm, parameters: {} });
  if (isQuantumSafe(privateKey) || isQuantumSafe(publicKey)) {
    throw badParameters('quantum-safe keys do not agree on a secret: those of ML-KEM encapsulate one');
  }
  const kind = privateKey.keyObject.asymmetricKeyType ?? '';
  const named = parameters.cryptographicAlgorithm;
  if (!AGREEING.includes(kind) || (named !== undefined && !privateKey.algorithms.includes(named))) {
    throw badParameters('the private key is not one that agrees so');
  }
  if (
    publicKey.keyObject.asymmetricKeyType !== kind ||
    publicKey.weierstrass !== privateKey.weierstrass ||
    publicKey.lengthBits !== privateKey.lengthBits
  ) {
    throw badParameters('private and public key are not over the same curve or group');
  }
  return attempt('the keys do not agree on a secret', () =>
    diffieHellman({ privateKey: privateKey.keyObject, publicKey: publicKey.keyObject }),
  );
}
