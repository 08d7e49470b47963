import {
  type CertificateAuthority,
  type CertificateRevocationList,
  type CrlRequest,
  HoldfastError,
  type RevokedCertificate,
} from '@holdfast/core';
import type { X509CrlEntryParams } from '@peculiar/x509';
import { encodeInteger } from './der';
import { openAuthority } from './issue';
import type { X509Library } from './library';
import { encodePem } from './pem';

const CRL_NUMBER = '2.5.29.20';

function toEntry(
  { X509CrlReason }: X509Library,
  { serialHex, revokedAtSeconds, reason }: RevokedCertificate,
): X509CrlEntryParams {
  if (!/^([0-9a-f]{2})+$/i.test(serialHex))
    throw new HoldfastError('InvalidField', 'a serial number is not hex');
  const revocationDate = new Date(revokedAtSeconds * 1000);
  // The Invalidity Date is there because the library writes an empty list of extensions, which is not valid, without it.
  const entry = { serialNumber: serialHex, revocationDate, invalidity: revocationDate };
  // RFC 5280 section 5.3.1: unspecified is said by leaving the reason out.
  return reason === undefined || reason === 'unspecified'
    ? entry
    : { ...entry, reason: X509CrlReason[reason] };
}

/** See `CertificatesPort.issueCrl`. */
export async function issueCrl(
  ca: CertificateAuthority,
  request: CrlRequest,
): Promise<CertificateRevocationList> {
  if (request.nextUpdateSeconds <= request.thisUpdateSeconds) {
    throw new HoldfastError('InvalidField', 'the next update of a CRL must be later than this one');
  }
  const { x509, certificate, signer, keyIdentifier } = await openAuthority(ca);
  const crl = await x509.X509CrlGenerator.create({
    issuer: certificate.subjectName,
    thisUpdate: new Date(request.thisUpdateSeconds * 1000),
    nextUpdate: new Date(request.nextUpdateSeconds * 1000),
    entries: request.revoked.map((revoked) => toEntry(x509, revoked)),
    extensions: [keyIdentifier, new x509.Extension(CRL_NUMBER, false, encodeInteger(request.crlNumber))],
    signingKey: signer.key,
    signingAlgorithm: signer.algorithm,
  });
  const der = Buffer.from(crl.rawData);
  return { der, pem: encodePem('X509 CRL', der) };
}
