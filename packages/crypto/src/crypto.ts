import { randomBytes, randomUUID } from 'node:crypto';
import type { CryptoPort } from '@holdfast/core';
import { ALGORITHMS } from './algorithms';
import { availableHashes, digestWith } from './digest';
import { unwrapBytes, wrapBytes } from './key-wrap';
import { convertKey, keyMaterialBytes } from './keys/convert';
import { createKeyPairGenerator, generateSymmetricKey } from './keys/generate';
import { inspectKey } from './keys/inspect';

/** The Crypto port over node:crypto, that is over the OpenSSL that Node is linked with. */
export function createCrypto(): CryptoPort {
  const hashes = availableHashes();
  return {
    algorithms: ALGORITHMS,
    hashingAlgorithms: [...hashes.keys()],
    randomBytes: (lengthBytes) => randomBytes(lengthBytes),
    randomUuid: () => randomUUID(),
    generateSymmetricKey,
    generateKeyPair: createKeyPairGenerator(),
    digest: (algorithm, content) => digestWith(hashes, algorithm, content),
    inspectKey,
    convertKey,
    keyMaterialBytes,
    wrapBytes,
    unwrapBytes,
  };
}
