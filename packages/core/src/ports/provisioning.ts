import type { SecretBytes } from '@holdfast/ttlv';
import type { Principal } from '../identity';

/** What a client wants to be known by: the key of a PKCS#10 request, a certificate that it has, or a new key. DER. */
export type ProvisioningRequest =
  | { readonly kind: 'request'; readonly der: Buffer }
  | { readonly kind: 'certificate'; readonly der: Buffer }
  | { readonly kind: 'nothing' };

/** A certificate that is ready to take the place of another. */
export interface Provision {
  readonly certificateDer: Buffer;
  /** PKCS#8 DER, where the server made the key. */
  readonly privateKey: SecretBytes | undefined;
  /** Makes the client known by it, and the credential that the request came with invalid. */
  replace(): Promise<void>;
}

/** Replaces the certificates by which clients prove their identity on connections. KMIP 2.1 section 6.1.48. */
export interface Provisioner {
  /** @throws HoldfastError InvalidCSR, InvalidField (no certificate, or one that has expired), PermissionDenied */
  prepare(request: ProvisioningRequest, principal: Principal): Promise<Provision>;
}
