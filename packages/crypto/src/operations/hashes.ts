import { createHash } from 'node:crypto';
import type { Summary } from '@holdfast/core';
import { HashingAlgorithm as Hash } from '@holdfast/kmip';
import type { SecretBytes } from '@holdfast/ttlv';
import { availableHashes, unavailableHash } from '../digest';
import { badParameters } from './refusals';
import type { HashFacts } from './rsa-encoding';

/** The OIDs of DigestInfo: RFC 8017 appendix B.1, NIST's for SHA-3. */
const OIDS: ReadonlyMap<Hash, string> = new Map([
  [Hash.MD5, '1.2.840.113549.2.5'],
  [Hash.SHA_1, '1.3.14.3.2.26'],
  [Hash.SHA_224, '2.16.840.1.101.3.4.2.4'],
  [Hash.SHA_256, '2.16.840.1.101.3.4.2.1'],
  [Hash.SHA_384, '2.16.840.1.101.3.4.2.2'],
  [Hash.SHA_512, '2.16.840.1.101.3.4.2.3'],
  [Hash.SHA_512_224, '2.16.840.1.101.3.4.2.5'],
  [Hash.SHA_512_256, '2.16.840.1.101.3.4.2.6'],
  [Hash.SHA3_224, '2.16.840.1.101.3.4.2.7'],
  [Hash.SHA3_256, '2.16.840.1.101.3.4.2.8'],
  [Hash.SHA3_384, '2.16.840.1.101.3.4.2.9'],
  [Hash.SHA3_512, '2.16.840.1.101.3.4.2.10'],
  [Hash.RIPEMD_160, '1.3.36.3.2.1'],
]);

const facts: ReadonlyMap<Hash, HashFacts> = new Map(
  [...availableHashes()].map(([hash, opensslName]) => [
    hash,
    { opensslName, lengthBytes: createHash(opensslName).digest().length, oid: OIDS.get(hash) },
  ]),
);

/** @throws HoldfastError FeatureNotSupported where the runtime does not have it */
export function hashFacts(hash: Hash): HashFacts {
  const found = facts.get(hash);
  if (found === undefined) throw unavailableHash(hash);
  return found;
}

/** @throws HoldfastError BadCryptographicParameters where none is named, FeatureNotSupported */
export function requiredHash(hash: Hash | undefined): HashFacts {
  if (hash === undefined) throw badParameters('neither key nor request names a Hashing Algorithm');
  return hashFacts(hash);
}

export function hashing(hash: Hash): Summary {
  const { opensslName } = hashFacts(hash);
  const running = createHash(opensslName);
  return {
    update: (part: SecretBytes) => void running.update(part.reveal()),
    final: () => running.digest(),
    destroy: () => undefined,
  };
}
