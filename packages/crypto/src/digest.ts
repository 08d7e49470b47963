import { getHashes } from 'node:crypto';
import { HashingAlgorithm, hashingAlgorithmEnum } from '@holdfast/kmip';
import { HoldfastError, digestOf } from '@holdfast/ttlv';

/** OpenSSL's names of the hashes. MD2 and Tiger have none: it never had them, or has dropped them. */
const HASH_NAMES: ReadonlyMap<HashingAlgorithm, string> = new Map([
  [HashingAlgorithm.MD4, 'md4'],
  [HashingAlgorithm.MD5, 'md5'],
  [HashingAlgorithm.SHA_1, 'sha1'],
  [HashingAlgorithm.SHA_224, 'sha224'],
  [HashingAlgorithm.SHA_256, 'sha256'],
  [HashingAlgorithm.SHA_384, 'sha384'],
  [HashingAlgorithm.SHA_512, 'sha512'],
  [HashingAlgorithm.RIPEMD_160, 'ripemd160'],
  [HashingAlgorithm.Whirlpool, 'whirlpool'],
  [HashingAlgorithm.SHA_512_224, 'sha512-224'],
  [HashingAlgorithm.SHA_512_256, 'sha512-256'],
  [HashingAlgorithm.SHA3_224, 'sha3-224'],
  [HashingAlgorithm.SHA3_256, 'sha3-256'],
  [HashingAlgorithm.SHA3_384, 'sha3-384'],
  [HashingAlgorithm.SHA3_512, 'sha3-512'],
]);

/** What this runtime has: MD4 and Whirlpool need OpenSSL's legacy provider, FIPS providers lack MD5. */
export function availableHashes(): ReadonlyMap<HashingAlgorithm, string> {
  const available = new Set(getHashes());
  return new Map([...HASH_NAMES].filter(([, name]) => available.has(name)));
}

/** @throws HoldfastError FeatureNotSupported where the runtime does not have the hash */
export function digestWith(
  hashes: ReadonlyMap<HashingAlgorithm, string>,
  algorithm: HashingAlgorithm,
  content: Buffer,
): Buffer {
  const name = hashes.get(algorithm);
  if (name === undefined) throw unavailableHash(algorithm);
  return digestOf(name, content);
}

export function unavailableHash(algorithm: HashingAlgorithm): HoldfastError {
  const printed = hashingAlgorithmEnum.byValue.get(algorithm)?.name ?? `number ${algorithm}`;
  return new HoldfastError('FeatureNotSupported', `the hashing algorithm ${printed} is not available here`);
}
