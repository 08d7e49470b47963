import type { EndEntityRequest, IssuedCertificate } from './certificates';

/** With what kind of key a CA signs. */
export const AUTHORITY_KEY_TYPES = ['EC', 'RSA'] as const;
export type AuthorityKeyType = (typeof AUTHORITY_KEY_TYPES)[number];

/**
 * The CA that certifies keys for the clients of this server. It is none of those whose certificates identify a client of
 * the server itself: what it signs opens no door here.
 */
export interface IssuingAuthority {
  /** Signs a certificate. @throws HoldfastError as `CertificatesPort.issueEndEntity` */
  issue(request: EndEntityRequest, keyType: AuthorityKeyType): Promise<IssuedCertificate>;
  /** The CAs at which a certificate chain may end, DER: its own, and those that officers trust. */
  trustAnchors(): Promise<readonly Buffer[]>;
}
