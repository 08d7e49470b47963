import type { CertificatesPort } from '@holdfast/core';
import { issueCrl } from './crl';
import { readRequest } from './request';
import { issueEndEntity } from './end-entity';
import { createAuthority, issueClient, issueServer, signClientRequest } from './issue';
import { describeX509, isIssuedBy, parseCertificates } from './parse';
import { encodeAlternativeName, encodeName } from './name-writer';
import { identifies, validatePath } from './path';
import { privateKeyPem } from './pem';
import { openPkcs12 } from './pkcs12/read';
import { makePkcs12 } from './pkcs12/write';

export { describeX509 } from './parse';

/** The Certificates port over @peculiar/x509 and node:crypto. */
export const certificates: CertificatesPort = {
  createAuthority,
  issueServer,
  issueClient,
  signClientRequest,
  issueCrl,
  parse: parseCertificates,
  isIssuedBy,
  identifies,
  describe: describeX509,
  openPkcs12,
  makePkcs12,
  privateKeyPem,
  readRequest,
  issueEndEntity,
  encodeName,
  encodeAlternativeName,
  validatePath,
};
