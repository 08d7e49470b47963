import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { element, oid, sequence, DER } from '../keys/der';
import { badParameters, failure } from './refusals';

/** The encodings of RFC 8017. What decodes takes a time that depends on lengths alone, never on what was decrypted. */

/** A hash by OpenSSL's name, with what the encodings need of it. */
export interface HashFacts {
  readonly opensslName: string;
  readonly lengthBytes: number;
  /** Undefined where no DigestInfo is defined. */
  readonly oid: string | undefined;
}

/** RFC 8017 appendix B.2.1. */
function mgf1(seed: Buffer, lengthBytes: number, { opensslName }: HashFacts): Buffer {
  const blocks: Buffer[] = [];
  for (let counter = 0, length = 0; length < lengthBytes; counter++) {
    const octets = Buffer.alloc(4);
    octets.writeUInt32BE(counter);
    const block = createHash(opensslName).update(seed).update(octets).digest();
    blocks.push(block);
    length += block.length;
  }
  return Buffer.concat(blocks).subarray(0, lengthBytes);
}

function xorInto(target: Buffer, mask: Buffer): void {
  for (let i = 0; i < target.length; i++) target[i] = (target[i] ?? 0) ^ (mask[i] ?? 0);
}

/** RFC 8017 section 9.2: a DigestInfo, or bytes that are signed as they are. */
export function encodePkcs1Signature(content: Buffer, modulusLengthBytes: number): Buffer {
  const paddingLength = modulusLengthBytes - content.length - 3;
  if (paddingLength < 8) throw badParameters('the key is too short for such a signature');
  return Buffer.concat([Buffer.from([0, 1]), Buffer.alloc(paddingLength, 0xff), Buffer.from([0]), content]);
}

export function digestInfo(digest: Buffer, hash: HashFacts): Buffer {
  if (hash.oid === undefined) throw badParameters('there is no DigestInfo for this Hashing Algorithm');
  const algorithm = sequence(oid(hash.oid), element(DER.null));
  return sequence(algorithm, element(DER.octetString, digest));
}

export interface PssParameters {
  readonly hash: HashFacts;
  readonly maskHash: HashFacts;
}

const PSS_TRAILER = 0xbc;

/** RFC 8017 section 9.1.1; `modulusBits` is the length of the modulus. */
export function encodePss(
  digest: Buffer,
  { hash, maskHash }: PssParameters,
  saltLengthBytes: number,
  modulusBits: number,
): Buffer {
  const emBits = modulusBits - 1;
  const length = Math.ceil(emBits / 8);
  const maskedLength = length - hash.lengthBytes - 1;
  if (saltLengthBytes < 0 || maskedLength < saltLengthBytes + 1) {
    throw badParameters('the key is too short for this hash and Salt Length');
  }
  const salt = randomBytes(saltLengthBytes);
  const h = hashOfPss(digest, salt, hash);
  const masked = Buffer.concat([Buffer.alloc(maskedLength - saltLengthBytes - 1), Buffer.from([1]), salt]);
  xorInto(masked, mgf1(h, maskedLength, maskHash));
  masked[0] = (masked[0] ?? 0) & (0xff >> (8 * length - emBits));
  return Buffer.concat([
    Buffer.alloc(Math.ceil(modulusBits / 8) - length),
    masked,
    h,
    Buffer.from([PSS_TRAILER]),
  ]);
}

function hashOfPss(digest: Buffer, salt: Buffer, { opensslName }: HashFacts): Buffer {
  return createHash(opensslName).update(Buffer.alloc(8)).update(digest).update(salt).digest();
}

/** RFC 8017 section 9.1.2. A salt of any length is taken where none is named. All of it is public. */
export function verifiesPss(
  encoded: Buffer,
  digest: Buffer,
  { hash, maskHash }: PssParameters,
  saltLengthBytes: number | undefined,
  modulusBits: number,
): boolean {
  const emBits = modulusBits - 1;
  const length = Math.ceil(emBits / 8);
  const em = encoded.subarray(encoded.length - length);
  const maskedLength = length - hash.lengthBytes - 1;
  if (maskedLength < 1 || em.at(-1) !== PSS_TRAILER || (encoded.length > length && encoded[0] !== 0))
    return false;
  const unused = 8 * length - emBits;
  if (((em[0] ?? 0) & ~(0xff >> unused) & 0xff) !== 0) return false;
  const h = em.subarray(maskedLength, -1);
  const block = Buffer.from(em.subarray(0, maskedLength));
  xorInto(block, mgf1(h, maskedLength, maskHash));
  block[0] = (block[0] ?? 0) & (0xff >> unused);
  const start = block.findIndex((octet) => octet !== 0);
  if (start === -1 || block[start] !== 1) return false;
  const salt = block.subarray(start + 1);
  if (saltLengthBytes !== undefined && salt.length !== saltLengthBytes) return false;
  return hashOfPss(digest, salt, hash).equals(h);
}

export interface OaepParameters {
  readonly hash: HashFacts;
  readonly maskHash: HashFacts;
  readonly label: Buffer;
}

/** RFC 8017 section 7.1.1 step 2. */
export function encodeOaep(
  message: Buffer,
  { hash, maskHash, label }: OaepParameters,
  modulusLengthBytes: number,
): Buffer {
  const blockLength = modulusLengthBytes - hash.lengthBytes - 1;
  const zeros = blockLength - hash.lengthBytes - 1 - message.length;
  if (zeros < 0) throw failure('the data is too long for the key');
  const labelHash = createHash(hash.opensslName).update(label).digest();
  const block = Buffer.concat([labelHash, Buffer.alloc(zeros), Buffer.from([1]), message]);
  const seed = randomBytes(hash.lengthBytes);
  xorInto(block, mgf1(seed, blockLength, maskHash));
  xorInto(seed, mgf1(block, seed.length, maskHash));
  return Buffer.concat([Buffer.from([0]), seed, block]);
}

/** 1 where the octet is 0, else 0; without a branch. */
function isZero(octet: number): number {
  return ((octet - 1) >> 31) & 1;
}

/**
 * The octets from a secret `start` on: everything moves to the left by the bits of `start`, one power of two after the
 * other, so that no branch and no index depends on it.
 */
function tail(encoded: Buffer, start: number, isGood: number): Buffer {
  const found = Buffer.alloc(encoded.length);
  encoded.copy(found);
  for (let step = 1; step < found.length; step <<= 1) {
    const mask = -(Number((start & step) !== 0) & 1);
    for (let i = 0; i < found.length; i++) {
      const moved = i + step < found.length ? (found[i + step] ?? 0) : 0;
      found[i] = (moved & mask) | ((found[i] ?? 0) & ~mask);
    }
  }
  // Success and length become known here, and only here: they are what the caller is told.
  if (isGood === 0) {
    found.fill(0);
    throw failure('the data does not decrypt under this key and these parameters');
  }
  const message = Buffer.from(found.subarray(0, encoded.length - start));
  found.fill(0);
  return message;
}

/** RFC 8017 section 7.1.2 step 3. @throws HoldfastError CryptographicFailure, the same whatever was wrong */
export function decodeOaep(encoded: Buffer, { hash, maskHash, label }: OaepParameters): Buffer {
  const blockLength = encoded.length - hash.lengthBytes - 1;
  if (blockLength < hash.lengthBytes + 1) throw badParameters('the key is too short for this hash');
  const seed = Buffer.from(encoded.subarray(1, 1 + hash.lengthBytes));
  const block = Buffer.from(encoded.subarray(1 + hash.lengthBytes));
  xorInto(seed, mgf1(block, seed.length, maskHash));
  xorInto(block, mgf1(seed, blockLength, maskHash));
  const labelHash = createHash(hash.opensslName).update(label).digest();
  let good = isZero(encoded[0] ?? 0);
  good &= Number(timingSafeEqual(labelHash, block.subarray(0, hash.lengthBytes)));
  const { start, isFound } = separator(block.subarray(hash.lengthBytes), 1);
  seed.fill(0);
  const message = block.subarray(hash.lengthBytes);
  try {
    return tail(message, start, good & isFound);
  } finally {
    block.fill(0);
  }
}

/**
 * Where the message begins: after the first octet `wanted`, before which only zeros may stand (OAEP), or, for `wanted` 0,
 * after the first zero (PKCS #1 v1.5).
 */
function separator(octets: Buffer, wanted: 0 | 1): { start: number; isFound: number } {
  let isFound = 0;
  let isBad = 0;
  let start = 0;
  for (let i = 0; i < octets.length; i++) {
    const octet = octets[i] ?? 0;
    const isWanted = isZero(octet ^ wanted) & ~isFound & 1;
    const isOther = wanted === 1 ? 1 - isZero(octet) : 0;
    isBad |= isOther & ~isWanted & ~isFound & 1;
    start |= -isWanted & (i + 1);
    isFound |= isWanted;
  }
  return { start, isFound: isFound & ~isBad & 1 };
}

/** RFC 8017 section 7.2.1. */
export function encodePkcs1(message: Buffer, modulusLengthBytes: number): Buffer {
  const paddingLength = modulusLengthBytes - message.length - 3;
  if (paddingLength < 8) throw failure('the data is too long for the key');
  const padding = randomBytes(paddingLength);
  // Zeros would end the padding: 255 equally likely octets are drawn by leaving them out.
  for (let i = 0; i < padding.length; i++) while (padding[i] === 0) padding[i] = randomBytes(1)[0] ?? 0;
  return Buffer.concat([Buffer.from([0, 2]), padding, Buffer.from([0]), message]);
}

/** RFC 8017 section 7.2.2 step 3. @throws HoldfastError CryptographicFailure, the same whatever was wrong */
export function decodePkcs1(encoded: Buffer): Buffer {
  const rest = encoded.subarray(2);
  const { start, isFound } = separator(rest, 0);
  // At least eight octets of padding and the zero.
  const isLongEnough = ((8 - start) >>> 31) & 1;
  const good = isZero(encoded[0] ?? 0) & isZero((encoded[1] ?? 0) ^ 2) & isFound & isLongEnough;
  return tail(rest, start, good);
}
