import { CertificateRequestType } from '@holdfast/kmip';
import { HoldfastError } from '@holdfast/ttlv';
import type { OperationContext } from '../operation';
import type { CertificateRequestDescription, CertificateRequestForm } from '../ports/certificates';

const FORMS: ReadonlyMap<CertificateRequestType, CertificateRequestForm> = new Map([
  [CertificateRequestType.PKCS_10, 'PKCS#10'],
  [CertificateRequestType.PEM, 'PEM'],
  [CertificateRequestType.CRMF, 'CRMF'],
]);

/** @throws HoldfastError InvalidCSR; FeatureNotSupported for PGP; InvalidMessage where bytes and type do not come together */
export function readRequest(
  type: CertificateRequestType | undefined,
  content: Buffer | undefined,
  { certificates }: OperationContext,
): CertificateRequestDescription | undefined {
  if (content === undefined) return undefined;
  if (type === undefined) {
    throw new HoldfastError('InvalidMessage', 'Certificate Request Type is missing beside the request');
  }
  const form = FORMS.get(type);
  if (form === undefined)
    throw new HoldfastError('FeatureNotSupported', 'only X.509 certificates are issued');
  return certificates.readRequest(form, content);
}
