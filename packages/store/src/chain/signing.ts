import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign,
  verify,
  type KeyObject,
} from 'node:crypto';
import type { Keyring, SecretBytes } from '@holdfast/core';
import { ServerSecrets } from '../directory/server-secrets';
import type { Session } from '../postgres/database';
import type { Checkpoint, CheckpointSigner } from './checkpoint';

/** Name of the server secret: an Ed25519 private key, PKCS #8. Sealed like all of them, so the root of trust guards it. */
export const AUDIT_SIGNING_KEY = 'audit-signing-key';

/** A new signing key, PKCS #8 in DER. */
export function newSigningKey(): Buffer {
  return generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'der' });
}

/** Identifies a public key: SHA-256 of its SubjectPublicKeyInfo, lower-case hex. */
export function keyIdOf(publicKey: KeyObject): string {
  return createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex');
}

/** Name of the server secret: an X25519 private key, PKCS #8, to which archives of the log are sealed. */
export const AUDIT_ARCHIVE_KEY = 'audit-archive-key';

/** A new key for archives, PKCS #8 in DER. */
export function newArchiveKey(): Buffer {
  return generateKeyPairSync('x25519').privateKey.export({ type: 'pkcs8', format: 'der' });
}

export function privateKeyFrom(pkcs8: SecretBytes): KeyObject {
  return createPrivateKey({ key: pkcs8.reveal(), type: 'pkcs8', format: 'der' });
}

/** Signs with the key of the log. */
export function signerOf(pkcs8: SecretBytes): CheckpointSigner & { readonly publicKeyPem: string } {
  const privateKey = privateKeyFrom(pkcs8);
  const publicKey = createPublicKey(privateKey);
  return {
    keyId: keyIdOf(publicKey),
    publicKeyPem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    sign: (statement) => sign(null, Buffer.from(statement), privateKey),
  };
}

/** Tells whether something was signed with the key. */
export function verifierOf(publicKey: KeyObject): (signed: Checkpoint) => boolean {
  return ({ statement, signature }) => verify(null, Buffer.from(statement), publicKey, signature);
}

/** The public key of the log, where there is one already. @throws HoldfastError IntegrityViolation */
export async function signingKeyIn(session: Session, keyring: Keyring): Promise<KeyObject | undefined> {
  const pkcs8 = await ServerSecrets.read(session, keyring, AUDIT_SIGNING_KEY);
  return pkcs8 === undefined ? undefined : createPublicKey(privateKeyFrom(pkcs8));
}
