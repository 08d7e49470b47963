import type { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type {
  CertificationAuthority,
  CertificatesPort,
  Clock,
  Directory,
  ParsedCertificate,
  Principal,
  PresentedCertificate,
  RecognisedClient,
  TlsUse,
} from '@holdfast/core';

/** Why a connection has no principal: for the audit log and for the answer to its first request. */
export interface Unrecognised {
  readonly reason: string;
  /** Whether no certificate was shown at all. */
  readonly isWithoutCertificate?: true;
}

/** Tolerated difference between this machine's clock and the one that issued a certificate. */
const CERTIFICATE_SKEW_SECONDS = 300;

/** SHA-256 of a certificate, as `holdfast client show` prints it: 64 hexadecimal digits. */
export function fingerprintOf(certificate: X509Certificate): string {
  return certificate.fingerprint256.replaceAll(':', '').toLowerCase();
}

/** A certificate as the directory looks at it. It is taken apart when somebody looks at more than its fingerprint. */
export class PeerCertificate implements PresentedCertificate {
  readonly sha256Hex: string;
  #parsed: ParsedCertificate | undefined;

  constructor(
    private readonly certificate: X509Certificate,
    private readonly authorities: readonly CertificationAuthority[],
    private readonly certificates: CertificatesPort,
    private readonly use: TlsUse,
    private readonly nowSeconds: number,
  ) {
    this.sha256Hex = fingerprintOf(certificate);
  }

  get subject(): string {
    return this.#parse()?.subject.text ?? '';
  }

  get alternativeNames(): readonly string[] {
    return this.#parse()?.subjectAlternativeNames.map(({ type, value }) => `${type}:${value}`) ?? [];
  }

  get authorityIds(): readonly string[] {
    const { certificate, use, nowSeconds } = this;
    return this.authorities
      .filter(({ certificateDer: ca }) => this.certificates.identifies(certificate.raw, ca, use, nowSeconds))
      .map(({ id }) => id);
  }

  #parse(): ParsedCertificate | undefined {
    this.#parsed ??= this.certificates.parse(this.certificate.raw)[0];
    return this.#parsed;
  }
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
    /** What the peer is in TLS. */
    readonly use: TlsUse;
  },
): Promise<Principal | Unrecognised> {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined)
    return { reason: 'no client certificate was presented', isWithoutCertificate: true };
  const now = ports.clock.nowSeconds();
  const fault = validityFault(certificate, now);
  if (fault !== undefined) return { reason: fault };
  const found = await ports.directory.recognise(
    new PeerCertificate(certificate, ports.authorities(), ports.certificates, ports.use, now),
  );
  if (found === undefined) return { reason: 'the client certificate is unknown or revoked' };
  return principalOf(found, peer);
}

/** Why a certificate is not valid now, where it is not. */
export function validityFault(certificate: X509Certificate, nowSeconds: number): string | undefined {
  if (Date.parse(certificate.validTo) / 1000 + CERTIFICATE_SKEW_SECONDS < nowSeconds) {
    return 'the client certificate has expired';
  }
  if (Date.parse(certificate.validFrom) / 1000 - CERTIFICATE_SKEW_SECONDS > nowSeconds) {
    return 'the client certificate is not valid yet';
  }
  return undefined;
}

/** The principal that a client is on a connection. */
export function principalOf({ client, credential, domain }: RecognisedClient, peer: string): Principal {
  return {
    clientId: client.id,
    clientName: client.name,
    domainId: client.domainId,
    role: client.role,
    credentialId: credential.id,
    peer,
    certificateClientId: client.id,
    settings: client.settings,
    namesMayRepeat: domain.settings.namesMayRepeat,
  };
}
