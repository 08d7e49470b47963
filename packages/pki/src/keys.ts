import { HoldfastError, type KeyPairAlgorithm, SecretBytes } from '@holdfast/core';
import { createPrivateKey, createPublicKey, type KeyObject, webcrypto } from 'node:crypto';

/** WebCrypto parameters of a key pair and of the signatures made with it. */
interface KeyRow {
  readonly generate: webcrypto.RsaHashedKeyGenParams | webcrypto.EcKeyGenParams;
  readonly hash: 'SHA-256' | 'SHA-384';
}

function rsa(modulusLength: number): KeyRow {
  const publicExponent = new Uint8Array([1, 0, 1]);
  return {
    generate: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', modulusLength, publicExponent },
    hash: 'SHA-256',
  };
}

const KEY_ROWS: Readonly<Record<KeyPairAlgorithm, KeyRow>> = {
  'EC-P256': { generate: { name: 'ECDSA', namedCurve: 'P-256' }, hash: 'SHA-256' },
  'EC-P384': { generate: { name: 'ECDSA', namedCurve: 'P-384' }, hash: 'SHA-384' },
  'RSA-2048': rsa(2048),
  'RSA-3072': rsa(3072),
  'RSA-4096': rsa(4096),
};

export interface GeneratedKeyPair {
  readonly privateKey: SecretBytes;
  readonly spkiDer: Buffer;
}

/** Makes a key pair off the event loop. */
export async function generateKeyPair(algorithm: KeyPairAlgorithm): Promise<GeneratedKeyPair> {
  const { subtle } = webcrypto;
  const pair = await subtle.generateKey(KEY_ROWS[algorithm].generate, true, ['sign', 'verify']);
  const spki = await subtle.exportKey('spki', pair.publicKey);
  const pkcs8 = await subtle.exportKey('pkcs8', pair.privateKey);
  return { privateKey: new SecretBytes(Buffer.from(pkcs8)), spkiDer: Buffer.from(spki) };
}

/** A CA's key, ready to sign, with the algorithm that signatures of it name. */
export interface SigningKey {
  readonly key: webcrypto.CryptoKey;
  readonly algorithm: { readonly name: string; readonly hash: string };
  readonly spkiDer: Buffer;
}

const CURVES: Readonly<Record<string, KeyPairAlgorithm>> = { prime256v1: 'EC-P256', secp384r1: 'EC-P384' };

function signingRow(key: KeyObject): KeyRow | undefined {
  if (key.asymmetricKeyType === 'rsa') return rsa(key.asymmetricKeyDetails?.modulusLength ?? 0);
  const curve = CURVES[key.asymmetricKeyDetails?.namedCurve ?? ''];
  return curve === undefined ? undefined : KEY_ROWS[curve];
}

/** Takes a CA's PKCS#8 key into use: RSA, P-256 or P-384. */
export async function importSigningKey(privateKey: SecretBytes): Promise<SigningKey> {
  const pkcs8 = privateKey.reveal();
  const publicKey = createPublicKey(createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }));
  const row = signingRow(publicKey);
  if (row === undefined) {
    throw new HoldfastError('InvalidField', "the CA's key is none of RSA, P-256 and P-384");
  }
  const key = await webcrypto.subtle.importKey('pkcs8', pkcs8, row.generate, false, ['sign']);
  const spkiDer = publicKey.export({ format: 'der', type: 'spki' });
  return { key, algorithm: { name: row.generate.name, hash: row.hash }, spkiDer };
}
