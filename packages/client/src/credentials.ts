import { X509Certificate, createPrivateKey, type KeyObject } from 'node:crypto';
import { createSecureContext, type SecureContext } from 'node:tls';
import { ConnectionFailure } from './connection-failure';

/** What the client proves itself with, and whom it trusts: PEM texts. */
export interface TlsCredentials {
  /** The client's certificate, with intermediate ones after it. */
  readonly cert?: string | Buffer | undefined;
  readonly key?: string | Buffer | undefined;
  /** For an encrypted private key. */
  readonly passphrase?: string | undefined;
  /** The certification authorities that may have issued the server's certificate, roots or not; the system's where left out. */
  readonly ca?: string | Buffer | undefined;
}

const ENCRYPTED = /-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m;

/** Whether a private key in PEM needs a passphrase. */
export function isEncryptedKey(pem: string | Buffer): boolean {
  return ENCRYPTED.test(pem.toString());
}

function unusable(message: string, hint?: string, cause?: unknown): ConnectionFailure {
  return new ConnectionFailure('credentials', message, {
    ...(hint === undefined ? {} : { hint }),
    ...(cause === undefined ? {} : { cause }),
  });
}

/** Node.js reads DER too where it reads one certificate, and passes it over without a word where it makes a context. */
function requireCertificate(pem: string | Buffer, what: string): void {
  try {
    if (!pem.includes('-----BEGIN ')) throw new Error('no PEM');
    new X509Certificate(pem);
  } catch (cause) {
    throw unusable(
      `${what} holds no certificate in PEM`,
      'It begins with -----BEGIN CERTIFICATE-----.',
      cause,
    );
  }
}

/** The private key opened, so that what is wrong with it is known before a connection fails for it. */
function openKey(key: string | Buffer, passphrase: string | undefined): KeyObject {
  try {
    return createPrivateKey({ key, ...(passphrase === undefined ? {} : { passphrase }) });
  } catch (cause) {
    if (!isEncryptedKey(key)) {
      const hint = 'It begins with -----BEGIN PRIVATE KEY-----.';
      throw unusable('the client key holds no private key in PEM', hint, cause);
    }
    throw passphrase === undefined
      ? unusable('the private key is encrypted and no passphrase was given', undefined, cause)
      : unusable('the private key cannot be decrypted with this passphrase', undefined, cause);
  }
}

function requirePair(cert: string | Buffer, key: string | Buffer, passphrase: string | undefined): void {
  if (new X509Certificate(cert).checkPrivateKey(openKey(key, passphrase))) return;
  throw unusable(
    'the private key does not belong to the client certificate',
    'Give the key that the certificate was issued for.',
  );
}

/**
 * Makes a TLS context of the credentials and says which of them is wrong, if one is.
 * @throws ConnectionFailure credentials
 */
export function secureContextOf({ cert, key, passphrase, ca }: TlsCredentials): SecureContext {
  if (ca !== undefined) requireCertificate(ca, 'the CA file');
  if (cert !== undefined) requireCertificate(cert, 'the client certificate');
  if ((cert === undefined) !== (key === undefined)) {
    throw unusable(
      `the client ${cert === undefined ? 'certificate' : 'key'} is missing`,
      'They go together.',
    );
  }
  if (cert !== undefined && key !== undefined) requirePair(cert, key, passphrase);
  try {
    return createSecureContext({
      minVersion: 'TLSv1.2',
      // An authority that is trusted need not be a root: who issued its certificate does not matter.
      ...(ca === undefined ? {} : { ca, allowPartialTrustChain: true }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      ...(passphrase === undefined ? {} : { passphrase }),
    });
  } catch (cause) {
    throw unusable('the certificates and the key cannot be used together', undefined, cause);
  }
}
