import { type CertificateRequestDescription, HoldfastError } from '@holdfast/core';
import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import {
  children,
  contextTag,
  type DerElement,
  expectTag,
  readBitString,
  readElement,
  readOid,
  TAG,
} from './der';
import { EXTENSION, readExtendedKeyUsages, readExtensions, readKeyUsages } from './extensions';
import { readAlternativeNames, readName } from './names';
import { asPemText, decodePem } from './pem';
import { readPublicKeyInfo } from './public-key';
import { readSignatureAlgorithm } from './signature';

export const MAX_CSR_BYTES = 64 * 1024;
const MIN_RSA_BITS = 2048;
const MAX_RSA_BITS = 8192;
const MIN_RSA_EXPONENT = 65_537n;
const CURVES = ['prime256v1', 'secp384r1', 'secp521r1'];

/** Signatures under which a request proves that its sender has the key; node:crypto's digest name. */
const DIGESTS: Readonly<Record<string, string | null>> = {
  'RSA/SHA-256': 'sha256',
  'RSA/SHA-384': 'sha384',
  'RSA/SHA-512': 'sha512',
  'ECDSA/SHA-256': 'sha256',
  'ECDSA/SHA-384': 'sha384',
  'ECDSA/SHA-512': 'sha512',
  'Ed25519/': null,
};

export function refuse(what: string, cause?: unknown): HoldfastError {
  return new HoldfastError('InvalidCSR', `certificate request refused: ${what}`, { cause });
}

function readCsrDer(csr: Buffer | string): Buffer {
  if (csr.length > MAX_CSR_BYTES) throw refuse('it is larger than 64 KiB');
  const pem = asPemText(csr);
  if (pem === undefined) return typeof csr === 'string' ? Buffer.from(csr, 'latin1') : csr;
  const blocks = decodePem(pem, ['CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST']);
  const [der] = blocks;
  if (der === undefined || blocks.length > 1) throw refuse('the PEM text must hold exactly one request');
  return der;
}

/** A request taken apart: what its signature covers, and what it says. */
export interface RequestParts {
  readonly signed: Buffer;
  readonly subject: DerElement | undefined;
  readonly spki: DerElement;
  readonly extensions: DerElement | undefined;
  readonly signatureAlgorithm: DerElement | undefined;
  readonly signature: Buffer;
}

const EXTENSION_REQUEST = '1.2.840.113549.1.9.14';

/** The value of the extensionRequest attribute (RFC 2985 section 5.4.2). */
function requestedExtensions(attributes: DerElement | undefined): DerElement | undefined {
  if (attributes?.tag !== contextTag(0, true)) return undefined;
  for (const attribute of children(attributes)) {
    const [type, values] = children(expectTag(attribute, TAG.sequence, 'an attribute'));
    if (readOid(type, 'the type of an attribute') !== EXTENSION_REQUEST) continue;
    return children(expectTag(values, TAG.set, 'the requested extensions'))[0];
  }
  return undefined;
}

/** CertificationRequest (RFC 2986 section 4.2). */
function readParts(der: Buffer): RequestParts {
  const [info, signatureAlgorithm, signature] = children(expectTag(readElement(der), TAG.sequence, 'it'));
  const body = expectTag(info, TAG.sequence, 'the body');
  const [, subject, spki, attributes] = children(body);
  return {
    signed: body.der,
    subject,
    spki: expectTag(spki, TAG.sequence, 'the public key'),
    extensions: requestedExtensions(attributes),
    signatureAlgorithm,
    signature: readBitString(signature, 'the signature'),
  };
}

/** The key of a SubjectPublicKeyInfo; undefined where it is of a kind that this OpenSSL does not have. */
export function publicKeyIn(spkiDer: Buffer): KeyObject | undefined {
  try {
    return createPublicKey({ key: spkiDer, format: 'der', type: 'spki' });
  } catch {
    return undefined;
  }
}

/** What is wrong with a key that is to be certified; undefined where nothing is. */
export function weaknessOf(key: KeyObject | undefined): string | undefined {
  const { modulusLength = 0, publicExponent = 0n, namedCurve = '' } = key?.asymmetricKeyDetails ?? {};
  switch (key?.asymmetricKeyType) {
    case 'rsa':
      if (modulusLength < MIN_RSA_BITS || modulusLength > MAX_RSA_BITS) {
        return `its RSA key has ${modulusLength} bits; 2048 to 8192 are allowed`;
      }
      return publicExponent < MIN_RSA_EXPONENT
        ? 'the public exponent of its RSA key is below 65537'
        : undefined;
    case 'ec':
      return CURVES.includes(namedCurve)
        ? undefined
        : 'the curve of its key is none of P-256, P-384 and P-521';
    case 'ed25519':
      return undefined;
    default:
      return 'its key is none of RSA, EC and Ed25519';
  }
}

function verifySignature(parts: RequestParts, key: KeyObject): boolean {
  const { algorithm = '', hash = '' } = readSignatureAlgorithm(parts.signatureAlgorithm);
  const digest = DIGESTS[`${algorithm}/${hash}`];
  if (digest === undefined)
    throw refuse('its signature is not made with SHA-256, SHA-384, SHA-512 or Ed25519');
  return verify(digest, parts.signed, key, parts.signature);
}

/**
 * Checks key and signature of a request and reads what it asks for.
 * @param read takes it apart
 * @throws HoldfastError InvalidCSR
 */
export function describeRequest(form: string, read: () => RequestParts): CertificateRequestDescription {
  try {
    const parts = read();
    const key = createPublicKey({ key: parts.spki.der, format: 'der', type: 'spki' });
    const weakness = weaknessOf(key);
    if (weakness !== undefined) throw refuse(weakness);
    if (!verifySignature(parts, key)) throw refuse('its signature does not verify');
    const extensions = readExtensions(parts.extensions);
    return {
      subject: readName(parts.subject, 'the subject'),
      publicKey: readPublicKeyInfo(readElement(parts.spki.der)),
      subjectAlternativeNames: readAlternativeNames(extensions.get(EXTENSION.subjectAlternativeName)?.value),
      keyUsages: readKeyUsages(extensions),
      extendedKeyUsages: readExtendedKeyUsages(extensions),
    };
  } catch (error) {
    if (error instanceof HoldfastError && error.code === 'InvalidCSR') throw error;
    throw refuse(`it is not a valid ${form} request`, error);
  }
}

/** Reads a PKCS#10 request, PEM or DER. @throws HoldfastError InvalidCSR */
export function readCsr(csr: Buffer | string): CertificateRequestDescription {
  const der = readCsrDer(csr);
  return describeRequest('PKCS#10', () => readParts(der));
}
