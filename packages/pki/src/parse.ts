import { HoldfastError, type ParsedCertificate, type X509Description } from '@holdfast/core';
import { createHash, X509Certificate } from 'node:crypto';
import {
  children,
  contextTag,
  type DerElement,
  expectTag,
  malformed,
  readBitString,
  readElement,
  readTime,
  TAG,
} from './der';
import {
  EXTENSION,
  type ExtensionMap,
  readBasicConstraints,
  readExtendedKeyUsages,
  readExtensions,
  readKeyUsages,
} from './extensions';
import { readAlternativeNames, readName } from './names';
import { asPemText, decodePem, encodePem } from './pem';
import { readPublicKeyInfo } from './public-key';
import { readSignatureAlgorithm } from './signature';

const MAX_INPUT_BYTES = 256 * 1024;
const MAX_CERTIFICATES = 16;

export function sha256Hex(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Hex of a serial number's content octets, without the zero octet that only keeps it positive. */
function serialToHex(contents: Buffer): string {
  const padded = contents.length > 1 && contents[0] === 0;
  return contents.subarray(padded ? 1 : 0).toString('hex');
}

function readSerialNumber(element: DerElement | undefined): DerElement {
  const serial = expectTag(element, TAG.integer, 'the serial number');
  if (serial.contents.length === 0) throw malformed('the serial number is empty');
  return serial;
}

/** Whether Basic Constraints say CA and Key Usage, where present, allows signing (RFC 5280 sections 4.2.1.3, 4.2.1.9). */
function readIsCa(extensions: ExtensionMap): boolean {
  return (
    readBasicConstraints(extensions).isCa && readKeyUsages(extensions)?.includes('keyCertSign') !== false
  );
}

/** Reads what stands in one DER certificate (RFC 5280 section 4.1); see CertificatesPort. */
export function describeX509(input: Buffer): X509Description {
  if (input.length > MAX_INPUT_BYTES) throw malformed('it is larger than 256 KiB');
  const der = Buffer.from(input);
  const parts = children(expectTag(readElement(der), TAG.sequence, 'the certificate'));
  if (parts.length !== 3) throw malformed('it is not a body, an algorithm and a signature');
  const body = children(expectTag(parts[0], TAG.sequence, 'the body'));
  if (body[0]?.tag === contextTag(0, true)) body.shift();
  const [serialField, , issuer, validityField, subject, spki, ...optional] = body;
  readBitString(parts[2], 'the signature');
  const serial = readSerialNumber(serialField);
  const [notBefore, notAfter] = children(expectTag(validityField, TAG.sequence, 'the validity'));
  const wrapper = optional.find((field) => field.tag === contextTag(3, true));
  const extensions = readExtensions(wrapper === undefined ? undefined : readElement(wrapper.contents));
  return {
    certificateType: 'X.509',
    der,
    subject: readName(subject, 'the subject'),
    issuer: readName(issuer, 'the issuer'),
    subjectAlternativeNames: readAlternativeNames(extensions.get(EXTENSION.subjectAlternativeName)?.value),
    issuerAlternativeNames: readAlternativeNames(extensions.get(EXTENSION.issuerAlternativeName)?.value),
    serialNumber: Buffer.from(serial.contents),
    serialNumberDer: Buffer.from(serial.der),
    serialHex: serialToHex(serial.contents),
    notBeforeSeconds: readTime(notBefore, 'the start of the validity'),
    notAfterSeconds: readTime(notAfter, 'the end of the validity'),
    publicKey: readPublicKeyInfo(spki),
    signature: readSignatureAlgorithm(parts[1]),
    isCa: readIsCa(extensions),
    keyUsages: readKeyUsages(extensions),
    extendedKeyUsages: readExtendedKeyUsages(extensions),
  };
}

/** OpenSSL's view of the same bytes, where signatures are to be checked. */
function openCertificate(der: Buffer): X509Certificate {
  try {
    return new X509Certificate(der);
  } catch (cause) {
    throw malformed('it does not parse', cause);
  }
}

/** Whether the signature verifies; a key or an algorithm that OpenSSL does not know verifies nothing. */
function verifies(certificate: X509Certificate, issuer: X509Certificate): boolean {
  try {
    return certificate.verify(issuer.publicKey);
  } catch {
    return false;
  }
}

function isSelfSigned(der: Buffer): boolean {
  const certificate = openCertificate(der);
  return verifies(certificate, certificate);
}

function parseOne(input: Buffer): ParsedCertificate {
  const description = describeX509(input);
  const { der } = description;
  const isSelfIssued = description.subject.der.equals(description.issuer.der);
  return {
    ...description,
    pem: encodePem('CERTIFICATE', der),
    sha256Hex: sha256Hex(der),
    isSelfIssued,
    isSelfSigned: isSelfIssued && isSelfSigned(der),
  };
}

/** See `CertificatesPort.parse`. */
export function parseCertificates(input: Buffer | string): ParsedCertificate[] {
  if (input.length > MAX_INPUT_BYTES) throw malformed('it is larger than 256 KiB');
  const pem = asPemText(input);
  if (pem === undefined) return [parseOne(typeof input === 'string' ? Buffer.from(input, 'latin1') : input)];
  const blocks = decodePem(pem, ['CERTIFICATE', 'X509 CERTIFICATE']);
  if (blocks.length === 0) throw new HoldfastError('InvalidField', 'the PEM text holds no certificate');
  if (blocks.length > MAX_CERTIFICATES) {
    throw new HoldfastError('InvalidField', `the PEM text holds more than ${MAX_CERTIFICATES} certificates`);
  }
  return blocks.map(parseOne);
}

/** CAs by the buffer that holds them: each connection is checked against the same few, and opening one takes a while. */
const openedAuthorities = new WeakMap<Buffer, X509Certificate>();

function openAuthorityCertificate(der: Buffer): X509Certificate {
  const opened = openedAuthorities.get(der) ?? openCertificate(der);
  openedAuthorities.set(der, opened);
  return opened;
}

/** See `CertificatesPort.isIssuedBy`. */
export function isIssuedBy(certificateDer: Buffer, caDer: Buffer): boolean {
  const certificate = openCertificate(certificateDer);
  const ca = openAuthorityCertificate(caDer);
  return certificate.checkIssued(ca) && verifies(certificate, ca);
}
