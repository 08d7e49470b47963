import { HoldfastError } from '@holdfast/core';
import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { children, type DerElement, expectTag, readBitString, readElement, TAG } from './der';
import { asPemText, decodePem } from './pem';
import { readSignatureAlgorithm } from './signature';

const MAX_CSR_BYTES = 64 * 1024;
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

function refuse(what: string, cause?: unknown): HoldfastError {
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

interface CsrParts {
  readonly info: DerElement;
  readonly spki: DerElement;
  readonly signatureAlgorithm: DerElement | undefined;
  readonly signature: Buffer;
}

/** CertificationRequest (RFC 2986 section 4.2). */
function readParts(der: Buffer): CsrParts {
  const [info, signatureAlgorithm, signature] = children(expectTag(readElement(der), TAG.sequence, 'it'));
  const body = expectTag(info, TAG.sequence, 'the body');
  const [, , spki] = children(body);
  return {
    info: body,
    spki: expectTag(spki, TAG.sequence, 'the public key'),
    signatureAlgorithm,
    signature: readBitString(signature, 'the signature'),
  };
}

/** What is wrong with a key for a client certificate; undefined where nothing is. */
function weaknessOf(key: KeyObject): string | undefined {
  const { modulusLength = 0, publicExponent = 0n, namedCurve = '' } = key.asymmetricKeyDetails ?? {};
  switch (key.asymmetricKeyType) {
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

function verifySignature(parts: CsrParts, key: KeyObject): boolean {
  const { algorithm = '', hash = '' } = readSignatureAlgorithm(parts.signatureAlgorithm);
  const digest = DIGESTS[`${algorithm}/${hash}`];
  if (digest === undefined)
    throw refuse('its signature is not made with SHA-256, SHA-384, SHA-512 or Ed25519');
  return verify(digest, parts.info.der, key, parts.signature);
}

/**
 * Checks a PKCS#10 request and gives the SubjectPublicKeyInfo of its key, the only part of it that is used.
 * @throws HoldfastError InvalidCSR; see `CertificatesPort.signClientRequest`
 */
export function readCsrKey(csr: Buffer | string): Buffer {
  const der = readCsrDer(csr);
  try {
    const parts = readParts(der);
    const key = createPublicKey({ key: parts.spki.der, format: 'der', type: 'spki' });
    const weakness = weaknessOf(key);
    if (weakness !== undefined) throw refuse(weakness);
    if (!verifySignature(parts, key)) throw refuse('its signature does not verify');
    return Buffer.from(parts.spki.der);
  } catch (error) {
    if (error instanceof HoldfastError && error.code === 'InvalidCSR') throw error;
    throw refuse('it is not a valid PKCS#10 request', error);
  }
}
