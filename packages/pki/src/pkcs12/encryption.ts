import { createCipheriv, createDecipheriv, pbkdf2, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { HoldfastError, Turns } from '@holdfast/core';
import {
  TAG,
  children,
  encodeElement,
  encodeInteger,
  encodeOid,
  expectTag,
  malformed,
  readOid,
  type DerElement,
} from '../der';
import { FOR_IV, FOR_KEY, bmpPassword, derive, readIterations, type Allowance } from './derivation';
import { CIPHERS, OID, PSEUDO_RANDOM_FUNCTIONS } from './object-identifiers';

/** Encryption by a password: PBES2 (RFC 8018), and for reading the triple-DES schemes of RFC 7292 appendix C. */

const deriveBits = promisify(pbkdf2);
const SHA_1 = { name: 'sha1', blockLengthBytes: 64 };
/** Iterations of what is written. */
export const ITERATIONS = 20_000;
const SALT_LENGTH_BYTES = 16;

const turns = new Turns();

/** One at a time: the threads that it would take are those of logins, too. */
async function alone<T>(work: () => Promise<T>): Promise<T> {
  const endTurn = await turns.take('');
  return work().finally(endTurn);
}

interface CipherKey {
  readonly name: string;
  readonly key: Buffer;
  readonly iv: Buffer;
}

function sequenceOf(element: DerElement | undefined, what: string): DerElement[] {
  return children(expectTag(element, TAG.sequence, what));
}

async function pbes2Key(
  parameters: DerElement | undefined,
  password: Buffer,
  allowance: Allowance,
): Promise<CipherKey> {
  const [derivation, scheme] = sequenceOf(parameters, 'the parameters of PBES2');
  const [derivationOid, derivationParameters] = sequenceOf(derivation, 'the key derivation');
  if (readOid(derivationOid, 'the key derivation') !== OID.pbkdf2) throw notAvailable();
  const [salt, iterations, ...rest] = sequenceOf(derivationParameters, 'the parameters of PBKDF2');
  const prf = rest.find(({ tag }) => tag === TAG.sequence);
  const [prfOid] = prf === undefined ? [] : children(prf);
  const hash =
    prfOid === undefined ? 'sha1' : PSEUDO_RANDOM_FUNCTIONS.get(readOid(prfOid, 'the function of PBKDF2'));
  const [cipherOid, iv] = sequenceOf(scheme, 'the encryption scheme');
  const cipher = CIPHERS.get(readOid(cipherOid, 'the encryption scheme'));
  if (hash === undefined || cipher === undefined) throw notAvailable();
  const count = readIterations(iterations);
  allowance.spend(count);
  const { contents } = expectTag(salt, TAG.octetString, 'the salt');
  const key = await alone(() => deriveBits(password, contents, count, cipher.keyLengthBytes, hash));
  return { name: cipher.name, key, iv: expectTag(iv, TAG.octetString, 'the initialization vector').contents };
}

async function tripleDesKey(
  parameters: DerElement | undefined,
  password: Buffer,
  keyLengthBytes: 16 | 24,
  allowance: Allowance,
): Promise<CipherKey> {
  const [salt, iterations] = sequenceOf(parameters, 'the parameters of the encryption');
  const { contents } = expectTag(salt, TAG.octetString, 'the salt');
  const count = readIterations(iterations);
  const bmp = bmpPassword(password);
  try {
    const key = await derive(SHA_1, FOR_KEY, bmp, contents, count, keyLengthBytes, allowance);
    const iv = await derive(SHA_1, FOR_IV, bmp, contents, count, 8, allowance);
    return { name: keyLengthBytes === 24 ? 'des-ede3-cbc' : 'des-ede-cbc', key, iv };
  } finally {
    bmp.fill(0);
  }
}

function keyFor(
  algorithm: DerElement | undefined,
  password: Buffer,
  allowance: Allowance,
): Promise<CipherKey> {
  const [oid, parameters] = sequenceOf(algorithm, 'the encryption algorithm');
  switch (readOid(oid, 'the encryption algorithm')) {
    case OID.pbes2:
      return pbes2Key(parameters, password, allowance);
    case OID.threeKeyTripleDes:
      return tripleDesKey(parameters, password, 24, allowance);
    case OID.twoKeyTripleDes:
      return tripleDesKey(parameters, password, 16, allowance);
    default:
      throw notAvailable();
  }
}

/**
 * Opens what was encrypted under an AlgorithmIdentifier.
 * @param password UTF-8
 * @throws HoldfastError InvalidField (an algorithm that is not available, bytes that are not DER), BadPassword
 */
export async function decrypt(
  algorithm: DerElement | undefined,
  ciphertext: Buffer,
  password: Buffer,
  allowance: Allowance,
): Promise<Buffer> {
  const { name, key, iv } = await keyFor(algorithm, password, allowance);
  const parts: Buffer[] = [];
  try {
    const decipher = createDecipheriv(name, key, iv);
    parts.push(decipher.update(ciphertext));
    parts.push(decipher.final());
    return Buffer.concat(parts);
  } catch (cause) {
    throw new HoldfastError('BadPassword', 'the PKCS#12 container does not open with the password', {
      cause,
    });
  } finally {
    for (const secret of [key, ...parts]) secret.fill(0);
  }
}

/** Encrypts under PBES2 with AES-256-CBC. @returns the AlgorithmIdentifier and the ciphertext */
export async function encrypt(
  content: Buffer,
  password: Buffer,
): Promise<{ readonly algorithm: Buffer; readonly ciphertext: Buffer }> {
  const salt = randomBytes(SALT_LENGTH_BYTES);
  const iv = randomBytes(16);
  const key = await deriveBits(password, salt, ITERATIONS, 32, 'sha256');
  const cipher = createCipheriv('aes-256-cbc', key, iv);
  const ciphertext = Buffer.concat([cipher.update(content), cipher.final()]);
  key.fill(0);
  const prf = encodeElement(TAG.sequence, encodeOid(OID.hmacSha256), encodeElement(0x05));
  const derivation = encodeElement(
    TAG.sequence,
    encodeElement(TAG.octetString, salt),
    encodeInteger(BigInt(ITERATIONS)),
    prf,
  );
  const parameters = encodeElement(
    TAG.sequence,
    encodeElement(TAG.sequence, encodeOid(OID.pbkdf2), derivation),
    encodeElement(TAG.sequence, encodeOid(OID.aes256Cbc), encodeElement(TAG.octetString, iv)),
  );
  return { algorithm: encodeElement(TAG.sequence, encodeOid(OID.pbes2), parameters), ciphertext };
}

function notAvailable(): HoldfastError {
  return malformed('it is encrypted by an algorithm that is not available here (RC2, RC4 and DES are not)');
}
