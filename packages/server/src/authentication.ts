import type { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type {
  CertificationAuthority,
  CertificatesPort,
  Clock,
  Directory,
  Principal,
  PresentedCertificate,
} from '@holdfast/core';

/** Why a connection has no principal: for the audit log and for the answer to its first request. */
export interface Unrecognised {
  readonly reason: string;
}

/** Tolerated difference between this machine's clock and the one that issued a certificate. */
const CERTIFICATE_SKEW_SECONDS = 300;

function presented(
  certificate: X509Certificate,
  authorities: readonly CertificationAuthority[],
  certificates: CertificatesPort,
): PresentedCertificate {
  const [parsed] = certificates.parse(certificate.raw);
  return {
    sha256Hex: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
    subject: parsed?.subject.text ?? '',
    alternativeNames: parsed?.subjectAlternativeNames.map(({ type, value }) => `${type}:${value}`) ?? [],
    authorityIds: authorities
      .filter(({ certificateDer }) => certificates.isIssuedBy(certificate.raw, certificateDer))
      .map(({ id }) => id),
  };
}

/**
 * Who is at the other end of a TLS connection: the client to whom the presented certificate belongs. The handshake has
 * proved that the peer holds its key; whether the certificate is known and not revoked is asked of the directory each
 * time, for resumed sessions too.
 */
export async function authenticate(
  socket: TLSSocket,
  peer: string,
  ports: {
    readonly directory: Directory;
    readonly certificates: CertificatesPort;
    readonly clock: Clock;
    readonly authorities: () => readonly CertificationAuthority[];
  },
): Promise<Principal | Unrecognised> {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return { reason: 'no client certificate was presented' };
  const now = ports.clock.nowSeconds();
  if (Date.parse(certificate.validTo) / 1000 + CERTIFICATE_SKEW_SECONDS < now) {
    return { reason: 'the client certificate has expired' };
  }
  if (Date.parse(certificate.validFrom) / 1000 - CERTIFICATE_SKEW_SECONDS > now) {
    return { reason: 'the client certificate is not valid yet' };
  }
  const found = await ports.directory.recognise(
    presented(certificate, ports.authorities(), ports.certificates),
  );
  if (found === undefined) return { reason: 'the client certificate is unknown or revoked' };
  const { client, credential } = found;
  return {
    clientId: client.id,
    clientName: client.name,
    domainId: client.domainId,
    role: client.role,
    credentialId: credential.id,
    peer,
  };
}
