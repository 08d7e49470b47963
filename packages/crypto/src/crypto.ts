import { randomBytes, randomUUID } from 'node:crypto';
import type { CryptoPort } from '@holdfast/core';
import { ALGORITHMS } from './algorithms';
import { approvedOnly } from './approved/approved-only';
import { deriveBytes } from './derivation/derive';
import { availableHashes, digestWith } from './digest';
import { unwrapBytes, wrapBytes } from './key-wrap';
import { convertKey, keyMaterialBytes, publicKeyOf } from './keys/convert';
import { createKeyPairGenerator, generateSymmetricKey, symmetricKeyLengthBytes } from './keys/generate';
import { inspectKey } from './keys/inspect';
import { hashing } from './operations/hashes';
import { isAsymmetric } from './operations/key';
import { mac } from './operations/mac';
import { decryptRsa, encryptRsa } from './operations/rsa';
import { signing, verification } from './operations/signature';
import { joinShares, splitSecret } from './sharing/split';
import { createStreams } from './operations/streams';
import { decryptSymmetric } from './operations/symmetric-decryption';
import { encryptSymmetric } from './operations/symmetric-encryption';

/**
 * The Crypto port over node:crypto, that is over the OpenSSL that Node is linked with.
 * @param isApprovedOnly whether it refuses what NIST SP 800-131A disallows
 */
export function createCrypto(isApprovedOnly = false): CryptoPort {
  const crypto = createUnrestricted();
  return isApprovedOnly ? approvedOnly(crypto) : crypto;
}

function createUnrestricted(): CryptoPort {
  const hashes = availableHashes();
  return {
    algorithms: ALGORITHMS,
    hashingAlgorithms: [...hashes.keys()],
    randomBytes: (lengthBytes) => randomBytes(lengthBytes),
    randomUuid: () => randomUUID(),
    generateSymmetricKey,
    symmetricKeyLengthBytes,
    deriveBytes,
    splitSecret,
    joinShares,
    generateKeyPair: createKeyPairGenerator(),
    digest: (algorithm, content) => digestWith(hashes, algorithm, content),
    inspectKey,
    convertKey,
    publicKeyOf,
    keyMaterialBytes,
    wrapBytes,
    unwrapBytes,
    encryption: (request) => (isAsymmetric(request) ? encryptRsa(request) : encryptSymmetric(request)),
    decryption: (request) => (isAsymmetric(request) ? decryptRsa(request) : decryptSymmetric(request)),
    mac,
    signing,
    verification,
    hashing,
    streams: createStreams(),
  };
}
