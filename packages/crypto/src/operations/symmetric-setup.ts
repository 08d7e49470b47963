import {
  createCipheriv,
  createDecipheriv,
  type CipherGCM,
  type CipherGCMOptions,
  type CipherGCMTypes,
  type DecipherGCM,
} from 'node:crypto';
import type { CipherRequest } from '@holdfast/core';
import { CryptographicAlgorithm, type CryptographicParameters } from '@holdfast/kmip';
import { HoldfastError } from '@holdfast/ttlv';
import { cipherKey } from '../cipher-key';
import { cipherFacts, type CipherFacts } from './cipher-modes';
import { cipherAlgorithmOf, symmetricKeyOf } from './key';
import { blockPadding, type BlockPadding } from './padding';
import { attempt, badParameters, failure } from './refusals';

/** What encrypting and decrypting under symmetric keys have in common. */

export const EMPTY = Buffer.alloc(0);
const DEFAULT_TAG_LENGTH_BYTES = 16;
const REFUSED_KEY = 'the key is none that this cipher takes';

/** A cipher and its key; the IV comes with the data. */
export interface Prepared {
  readonly facts: CipherFacts;
  readonly key: Buffer;
  /** Of block modes, where there is any. */
  readonly padding: BlockPadding | undefined;
  readonly tagLengthBytes: number;
}

/** Begins with a copy of the key, which whatever has begun zeroes in the end; where nothing begins, it is zeroed here. */
export function withPrepared<T>(request: CipherRequest, begin: (prepared: Prepared) => T): T {
  const secret = symmetricKeyOf(request);
  const { parameters } = request;
  const algorithm = cipherAlgorithmOf(request);
  const facts = cipherFacts(algorithm, parameters.blockCipherMode, secret.length);
  const padding = facts.kind === 'block' ? blockPadding(parameters.paddingMethod) : undefined;
  const tagLengthBytes = tagLength(facts, parameters);
  const key =
    algorithm === CryptographicAlgorithm.DES3 ? threeKeys(secret.reveal()) : Buffer.from(secret.reveal());
  try {
    return begin({ facts, key, padding, tagLengthBytes });
  } catch (error) {
    key.fill(0);
    throw error;
  }
}

/** Two-key 3DES is K1, K2, K1 (NIST SP 800-67 section 3.1). */
export function threeKeys(material: Buffer): Buffer {
  return Buffer.concat(material.length === 16 ? [material, material.subarray(0, 8)] : [material]);
}

export function isWhole({ kind }: CipherFacts): boolean {
  return kind === 'aead-whole' || kind === 'whole';
}

export function tagLength({ tagLengths }: CipherFacts, { tagLengthBytes }: CryptographicParameters): number {
  if (tagLengths.length === 0) return 0;
  const length = tagLengthBytes ?? DEFAULT_TAG_LENGTH_BYTES;
  if (!tagLengths.includes(length)) throw badParameters('the mode has no tags of this Tag Length');
  return length;
}

/** How long an IV is that stands in front of the ciphertext. */
export function randomIvLength(
  { ivLengths }: CipherFacts,
  { ivLengthBits }: CryptographicParameters,
): number {
  const length = ivLengthBits === undefined ? ivLengths.usual : ivLengthBits / 8;
  if (!Number.isInteger(length) || length < ivLengths.min || length > ivLengths.max) {
    throw badParameters('the mode has no IV of this IV Length');
  }
  return length;
}

/**
 * What is shorter comes twice before long: two messages are then under one key stream, and with GCM who has seen that can
 * forge. NIST SP 800-38D section 8.2.2; SP 800-38C section 5.3 demands nonces of CCM that differ, and no length.
 */
const LEAST_RANDOM_BYTES = 12;

/** How long an IV is that is made here. @throws HoldfastError BadCryptographicParameters */
export function newIvLength(facts: CipherFacts, parameters: CryptographicParameters): number {
  const length = randomIvLength(facts, parameters);
  if (length >= Math.min(LEAST_RANDOM_BYTES, facts.ivLengths.max)) return length;
  throw badParameters(`a random IV of this mode has at least ${LEAST_RANDOM_BYTES * 8} bits`);
}

/**
 * The IV as OpenSSL takes it. A nonce of CTR that is shorter than a block is followed by the Initial Counter Value
 * (RFC 3686 section 4); one of ChaCha20 is preceded by a counter of 0.
 */
export function opensslIv(
  { opensslName, ivLengths, blockLengthBytes }: CipherFacts,
  iv: Buffer,
  parameters: CryptographicParameters,
): Buffer {
  if (opensslName === 'chacha20' && [8, 12].includes(iv.length)) {
    const counter = Buffer.alloc(16 - iv.length);
    counter.writeUInt32LE((parameters.initialCounterValue ?? 0) >>> 0);
    return Buffer.concat([counter, iv]);
  }
  const { initialCounterValue } = parameters;
  if (
    opensslName.endsWith('-ctr') &&
    initialCounterValue !== undefined &&
    iv.length <= blockLengthBytes - 4
  ) {
    const counter = Buffer.alloc(blockLengthBytes - iv.length);
    counter.writeUInt32BE(initialCounterValue >>> 0, counter.length - 4);
    return Buffer.concat([iv, counter]);
  }
  const isFitting = iv.length >= ivLengths.min && iv.length <= ivLengths.max && opensslName !== 'chacha20';
  if (!isFitting && !(opensslName === 'chacha20' && iv.length === 16)) {
    throw badParameters('IV/Counter/Nonce does not have a length that the mode takes');
  }
  return iv;
}

export function requireNoAdditionalData(
  { tagLengths }: CipherFacts,
  additionalData: Buffer | undefined,
): void {
  if (tagLengths.length === 0 && additionalData !== undefined) {
    throw badParameters('only authenticated encryption has additional data');
  }
}

export function missingIv(): HoldfastError {
  return new HoldfastError('MissingInitializationVector', 'IV/Counter/Nonce is missing');
}

/** Node's types know the names of AEAD ciphers alone; what is called on the others is what every cipher has. */
function gcmArguments({ facts, key, tagLengthBytes }: Prepared, iv: Buffer) {
  const options: CipherGCMOptions = facts.tagLengths.length > 0 ? { authTagLength: tagLengthBytes } : {};
  return [facts.opensslName as CipherGCMTypes, cipherKey(key), iv, options] as const;
}

/** @throws HoldfastError CryptographicFailure where OpenSSL refuses the key: that of XTS has equal halves, for instance */
export function newCipher(prepared: Prepared, iv: Buffer): CipherGCM {
  return attempt(REFUSED_KEY, () => {
    const cipher = createCipheriv(...gcmArguments(prepared, iv));
    cipher.setAutoPadding(false);
    return cipher;
  });
}

/** @throws HoldfastError as `newCipher` */
export function newDecipher(prepared: Prepared, iv: Buffer): DecipherGCM {
  return attempt(REFUSED_KEY, () => {
    const decipher = createDecipheriv(...gcmArguments(prepared, iv));
    decipher.setAutoPadding(false);
    return decipher;
  });
}

const NO_BYTES = Buffer.alloc(1).subarray(0, 0);

/**
 * Data as OpenSSL has to be given it. An empty buffer may be a null pointer, by which OpenSSL understands that no data is given: CCM
 * then makes no tag, and takes any.
 */
export function present(data: Buffer): Buffer {
  return data.length === 0 ? NO_BYTES : data;
}

/** XTS has one block at least; the length of CCM has to fit the octets that its nonce leaves (NIST SP 800-38C A.1). */
export function requireLength({ kind, blockLengthBytes }: CipherFacts, data: Buffer, iv: Buffer): void {
  if (kind === 'whole' && data.length < blockLengthBytes) throw failure('the data is shorter than a block');
  if (kind === 'aead-whole' && data.length >= 2 ** (8 * (15 - iv.length))) {
    throw failure('the data is too long for a nonce of this length');
  }
}
