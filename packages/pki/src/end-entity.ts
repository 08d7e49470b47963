import {
  type CertificateAuthority,
  type EndEntityRequest,
  HoldfastError,
  type IssuedCertificate,
  type KeyUsage,
} from '@holdfast/core';
import { publicKeyIn, weaknessOf } from './csr';
import { encodeElement, encodeOid, readElement, TAG } from './der';
import { encodeKeyUsages, EXTENSION } from './extensions';
import { issue, openAuthority, withinAuthority } from './issue';
import { readPublicKeyInfo } from './public-key';

const EMPTY_NAME = encodeElement(TAG.sequence);

/** What keys of an algorithm can do (RFC 3279 section 2.3, RFC 8410 section 5), the first ones where nobody says. */
const POSSIBLE_USAGES: Readonly<Record<string, readonly KeyUsage[]>> = {
  RSA: ['digitalSignature', 'keyEncipherment', 'nonRepudiation', 'dataEncipherment'],
  EC: ['digitalSignature', 'keyAgreement', 'nonRepudiation'],
  Ed25519: ['digitalSignature', 'nonRepudiation'],
};
const USUAL_COUNT = 2;
const USUAL_USAGES: Readonly<Record<string, readonly KeyUsage[]>> = {
  ...Object.fromEntries(
    Object.entries(POSSIBLE_USAGES).map(([name, usages]) => [name, usages.slice(0, USUAL_COUNT)]),
  ),
  Ed25519: ['digitalSignature'],
};

/** anyExtendedKeyUsage allows everything, OCSPSigning would let its holder speak for the CA (RFC 6960 section 4.2.2.2). */
const NEVER_CERTIFIED = new Set(['2.5.29.37.0', '1.3.6.1.5.5.7.3.9']);

function usagesOf(request: EndEntityRequest, algorithm: string): readonly KeyUsage[] {
  const possible = POSSIBLE_USAGES[algorithm] ?? [];
  const within = (usages: readonly KeyUsage[] | undefined, from: readonly KeyUsage[]) =>
    usages === undefined ? from : from.filter((usage) => usages.includes(usage));
  const allowed = within(request.allowedUsages, possible);
  if (allowed.length === 0) {
    throw new HoldfastError('PermissionDenied', 'the key may not be used in any way that a certificate says');
  }
  const wanted = within(request.requestedUsages ?? USUAL_USAGES[algorithm], allowed);
  return wanted.length > 0 ? wanted : allowed;
}

/** See `CertificatesPort.issueEndEntity`. */
export async function issueEndEntity(
  ca: CertificateAuthority,
  request: EndEntityRequest,
): Promise<IssuedCertificate> {
  const { spkiDer, subjectDer, subjectAlternativeNames, nowSeconds } = request;
  const weakness = weaknessOf(publicKeyIn(spkiDer));
  if (weakness !== undefined) throw new HoldfastError('PermissionDenied', `not certified: ${weakness}`);
  const { algorithm = '' } = readPublicKeyInfo(readElement(spkiDer));
  const hasSubject = !subjectDer.equals(EMPTY_NAME);
  if (!hasSubject && subjectAlternativeNames.length === 0) {
    throw new HoldfastError('InvalidField', 'a certificate needs a subject or an alternative name of it');
  }
  const usages = usagesOf(request, algorithm);
  const authority = await openAuthority(ca);
  const { Extension } = authority.x509;
  const extensions = [];
  const extended = request.extendedKeyUsages.filter((oid) => !NEVER_CERTIFIED.has(oid));
  if (extended.length > 0) {
    const list = encodeElement(TAG.sequence, ...extended.map(encodeOid));
    extensions.push(new Extension(EXTENSION.extendedKeyUsage, false, list));
  }
  if (subjectAlternativeNames.length > 0) {
    const names = encodeElement(TAG.sequence, ...subjectAlternativeNames);
    // RFC 5280 section 4.2.1.6: critical where it is all that names the subject.
    extensions.push(new Extension(EXTENSION.subjectAlternativeName, !hasSubject, names));
  }
  return issue(authority, {
    subject: subjectDer,
    spkiDer,
    validity: withinAuthority(request, authority.validity, nowSeconds),
    keyUsage: new Extension(EXTENSION.keyUsage, true, encodeKeyUsages(usages)),
    extensions,
  });
}
