import { randomUUID } from 'node:crypto';
import { OrderedUuids, type CryptoPort, type HsmKeys } from '@holdfast/core';
import { ALGORITHMS } from './algorithms';
import { approvedOnly } from './approved/approved-only';
import { deriveBytes, encapsulate } from './derivation/derive';
import { availableHashes, digestWith } from './digest';
import { unwrapBytes, wrapBytes } from './key-wrap';
import { convertKey, keyMaterialBytes, publicKeyOf } from './keys/convert';
import type { HsmRandomness } from './hsm-randomness';
import { createKeyPairGenerator, generateSymmetricKey, symmetricKeyLengthBytes } from './keys/generate';
import { inspectKey, requireOneKey } from './keys/inspect';
import { decrypt, encrypt } from './operations/ciphers';
import { hashing } from './operations/hashes';
import { withHsmKeys } from './operations/hsm-key';
import { mac } from './operations/mac';
import { signing, verification } from './operations/signature';
import { RandomPool } from './random-pool';
import { joinShares, splitSecret } from './sharing/split';
import { createStreams } from './operations/streams';

/**
 * The Crypto port over node:crypto, that is over the OpenSSL that Node is linked with.
 * @param isApprovedOnly whether it refuses what NIST SP 800-131A disallows
 * @param hsmKeys the way to keys inside the HSM, where there is one
 * @param randomness is mixed into the random bytes of symmetric keys and secrets
 */
export function createCrypto(
  isApprovedOnly = false,
  hsmKeys?: HsmKeys,
  randomness?: HsmRandomness,
): CryptoPort {
  const system = createUnrestricted();
  const crypto = randomness === undefined ? system : mixing(system, randomness);
  return withHsmKeys(isApprovedOnly ? approvedOnly(crypto) : crypto, hsmKeys);
}

function mixing(crypto: CryptoPort, randomness: HsmRandomness): CryptoPort {
  const draw = (lengthBytes: number): Buffer => randomness.mixInto(crypto.randomBytes(lengthBytes));
  return {
    ...crypto,
    randomBytes: draw,
    generateSymmetricKey: (algorithm, lengthBits) => generateSymmetricKey(algorithm, lengthBits, draw),
  };
}

function createUnrestricted(): CryptoPort {
  const hashes = availableHashes();
  const pool = new RandomPool();
  const draw = (lengthBytes: number): Buffer => pool.draw(lengthBytes);
  const uuids = new OrderedUuids(Date.now, randomUUID);
  return {
    algorithms: ALGORITHMS,
    hashingAlgorithms: [...hashes.keys()],
    randomBytes: draw,
    orderedUuid: () => uuids.next(),
    generateSymmetricKey: (algorithm, lengthBits) => generateSymmetricKey(algorithm, lengthBits, draw),
    symmetricKeyLengthBytes,
    deriveBytes,
    encapsulate,
    splitSecret,
    joinShares,
    generateKeyPair: createKeyPairGenerator(),
    digest: (algorithm, content) => digestWith(hashes, algorithm, content),
    inspectKey,
    requireOneKey,
    convertKey,
    publicKeyOf,
    keyMaterialBytes,
    wrapBytes,
    unwrapBytes,
    encryption: encrypt,
    decryption: decrypt,
    mac,
    signing,
    verification,
    hashing,
    streams: createStreams(),
  };
}
