import {
  X509Certificate,
  createCipheriv,
  createDecipheriv,
  createHash,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  privateDecrypt,
  publicEncrypt,
  constants,
  type KeyObject,
} from 'node:crypto';
import { HoldfastError, SecretBytes } from '@holdfast/ttlv';

/** One who can open an envelope: the holder of the private key to a public one. */
export interface Recipient {
  readonly name: string;
  readonly publicKey: KeyObject;
}

/** The content key as it was wrapped for one recipient; bytes in base64. */
export interface WrappedContentKey {
  readonly name: string;
  /** SHA-256 of the recipient's SubjectPublicKeyInfo, in lower-case hex. */
  readonly keySha256: string;
  /**
   * `rsa-oaep-sha256`: RFC 8017 section 7.1. `ecdh-hkdf-sha256`: a key pair of the recipient's curve made for this once,
   * HKDF over the agreed secret with both public keys as salt, AES-256-GCM with a nonce of zeros under that key.
   */
  readonly scheme: 'rsa-oaep-sha256' | 'ecdh-hkdf-sha256';
  /** SubjectPublicKeyInfo of the key pair that was made for this. */
  readonly ephemeral?: string;
  readonly wrapped: string;
}

const KEY_BYTES = 32;
const TAG_BYTES = 16;
const NONCE = Buffer.alloc(12);
const WRAP_LABEL = 'holdfast envelope content key 1';
const MIN_RSA_BITS = 2048;

/**
 * A recipient from a PEM certificate or public key.
 * @throws HoldfastError InvalidField where it is neither, or of a kind that nothing can be sealed to
 */
export function recipientFrom(name: string, pem: string): Recipient {
  const publicKey = publicKeyOf(name, pem);
  const isRsa = publicKey.asymmetricKeyType === 'rsa';
  if (isRsa && (publicKey.asymmetricKeyDetails?.modulusLength ?? 0) < MIN_RSA_BITS) {
    throw new HoldfastError('InvalidField', `${name}: an RSA key has at least ${MIN_RSA_BITS} bits`);
  }
  if (!isRsa && !isForAgreement(publicKey)) {
    throw new HoldfastError('InvalidField', `${name}: a recipient's key is RSA, EC, X25519 or X448`);
  }
  return { name, publicKey };
}

function publicKeyOf(name: string, pem: string): KeyObject {
  // Node.js would take the public half of it, and nobody would notice that the private one is on the wrong machine.
  if (pem.includes('PRIVATE KEY-----')) {
    throw new HoldfastError(
      'InvalidField',
      `${name} holds a private key: name a recipient by certificate or public key, and keep the private key elsewhere`,
    );
  }
  try {
    return pem.includes('BEGIN CERTIFICATE') ? new X509Certificate(pem).publicKey : createPublicKey(pem);
  } catch (cause) {
    throw new HoldfastError('InvalidField', `${name}: neither a certificate nor a public key (PEM)`, {
      cause,
    });
  }
}

function isForAgreement({ asymmetricKeyType }: KeyObject): boolean {
  return asymmetricKeyType === 'ec' || asymmetricKeyType === 'x25519' || asymmetricKeyType === 'x448';
}

function spkiOf(publicKey: KeyObject): Buffer {
  return publicKey.export({ type: 'spki', format: 'der' });
}

export function keySha256(publicKey: KeyObject): string {
  return createHash('sha256').update(spkiOf(publicKey)).digest('hex');
}

const OAEP = { oaepHash: 'sha256', padding: constants.RSA_PKCS1_OAEP_PADDING } as const;

export function wrapContentKey({ name, publicKey }: Recipient, key: SecretBytes): WrappedContentKey {
  const common = { name, keySha256: keySha256(publicKey) };
  if (publicKey.asymmetricKeyType === 'rsa') {
    const wrapped = publicEncrypt({ key: publicKey, ...OAEP }, key.reveal());
    return { ...common, scheme: 'rsa-oaep-sha256', wrapped: wrapped.toString('base64') };
  }
  const pair = ephemeralPair(publicKey);
  const ephemeral = spkiOf(pair.publicKey);
  const wrappingKey = agreedKey(pair.privateKey, publicKey, ephemeral, spkiOf(publicKey));
  const cipher = createCipheriv('aes-256-gcm', wrappingKey, NONCE);
  wrappingKey.fill(0);
  const wrapped = Buffer.concat([cipher.update(key.reveal()), cipher.final(), cipher.getAuthTag()]);
  return {
    ...common,
    scheme: 'ecdh-hkdf-sha256',
    ephemeral: ephemeral.toString('base64'),
    wrapped: wrapped.toString('base64'),
  };
}

function ephemeralPair({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
} {
  if (asymmetricKeyType === 'x25519') return generateKeyPairSync('x25519');
  if (asymmetricKeyType === 'x448') return generateKeyPairSync('x448');
  return generateKeyPairSync('ec', { namedCurve: asymmetricKeyDetails?.namedCurve ?? '' });
}

function agreedKey(
  privateKey: KeyObject,
  publicKey: KeyObject,
  ephemeral: Buffer,
  recipient: Buffer,
): Buffer {
  const secret = diffieHellman({ privateKey, publicKey });
  try {
    const salt = Buffer.concat([ephemeral, recipient]);
    return Buffer.from(hkdfSync('sha256', secret, salt, WRAP_LABEL, KEY_BYTES));
  } finally {
    secret.fill(0);
  }
}

/**
 * The content key, with the private key of one of the recipients.
 * @throws HoldfastError PermissionDenied where the key is none of theirs; IntegrityViolation where what was wrapped for
 * it was altered
 */
export function unwrapContentKey(wrapped: readonly WrappedContentKey[], privateKey: KeyObject): SecretBytes {
  const publicKey = createPublicKey(privateKey);
  const sha256 = keySha256(publicKey);
  const own = wrapped.find((each) => each.keySha256 === sha256);
  if (own === undefined) {
    const names = wrapped.map(({ name }) => name).join(', ');
    throw new HoldfastError('PermissionDenied', `this key is none of the recipients' (${names})`);
  }
  const bytes = Buffer.from(own.wrapped, 'base64');
  try {
    if (own.scheme === 'rsa-oaep-sha256') return checked(privateDecrypt({ key: privateKey, ...OAEP }, bytes));
    const ephemeral = Buffer.from(own.ephemeral ?? '', 'base64');
    const peer = createPublicKey({ key: ephemeral, type: 'spki', format: 'der' });
    const wrappingKey = agreedKey(privateKey, peer, ephemeral, spkiOf(publicKey));
    const decipher = createDecipheriv('aes-256-gcm', wrappingKey, NONCE, { authTagLength: TAG_BYTES });
    wrappingKey.fill(0);
    decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
    const key = decipher.update(bytes.subarray(0, -TAG_BYTES));
    decipher.final();
    return checked(key);
  } catch (cause) {
    throw new HoldfastError('IntegrityViolation', 'the content key was altered', { cause });
  }
}

function checked(key: Buffer): SecretBytes {
  if (key.length !== KEY_BYTES) throw new Error('wrong length');
  return new SecretBytes(key);
}
