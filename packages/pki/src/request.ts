import type { CertificateRequestDescription, CertificateRequestForm } from '@holdfast/core';
import { readCrmf } from './crmf';
import { readCsr, refuse } from './csr';
import { asPemText } from './pem';

/** See `CertificatesPort.readRequest`. */
export function readRequest(form: CertificateRequestForm, content: Buffer): CertificateRequestDescription {
  if (form === 'CRMF') return readCrmf(content);
  const isPem = asPemText(content) !== undefined;
  if (isPem !== (form === 'PEM')) throw refuse(`it is not of the type ${form}`);
  return readCsr(content);
}
