import { X509Certificate, createPrivateKey } from 'node:crypto';
import {
  HoldfastError,
  SecretBytes,
  actorOf,
  type CertificatesPort,
  type Clock,
  type Directory,
  type Principal,
  type Provision,
  type Provisioner,
  type ProvisioningRequest,
} from '@holdfast/core';
import type { CredentialRequest } from './admin-protocol';
import type { Administration } from './administration';
import { PeerCertificate } from './authentication';

/** Clients replace their own certificates as an officer would. */
export class CertificateProvisioner implements Provisioner {
  constructor(
    private readonly administration: Administration,
    private readonly directory: Directory,
    private readonly certificates: CertificatesPort,
    private readonly clock: Clock,
  ) {}

  async prepare(request: ProvisioningRequest, principal: Principal): Promise<Provision> {
    const brought = request.kind === 'certificate' ? pem('CERTIFICATE', request.der) : undefined;
    const wanted: CredentialRequest = {
      ...(request.kind === 'request' ? { csrPem: pem('CERTIFICATE REQUEST', request.der) } : {}),
      ...(brought === undefined ? {} : { certificatePem: brought }),
    };
    const { clientId, clientName, domainId, credentialId } = principal;
    const domain = (await this.directory.listDomains()).find(({ id }) => id === domainId);
    const { credential, files } = await this.administration.makeCredential(
      wanted,
      clientName,
      domain?.name ?? '',
    );
    const [certificate] = this.certificates.parse(brought ?? files.certificatePem ?? '');
    if (certificate === undefined) throw new HoldfastError('InvalidField', 'there is no certificate');
    if (brought !== undefined) await this.#requireNobodyElses(certificate.der, principal);
    return {
      certificateDer: certificate.der,
      privateKey: files.privateKeyPem === undefined ? undefined : pkcs8(files.privateKeyPem),
      replace: async () => {
        const actor = actorOf(principal);
        await this.directory.addCredential(clientId, credential, actor).catch(refuseTaken);
        await this.directory.revokeCredential(credentialId, actor);
      },
    };
  }

  /**
   * Certificates are no secret, and who brings one along proves nothing: whom the names in it identify, now or later, is
   * for its authority and the officers to say.
   * @throws HoldfastError PermissionDenied where its authority is trusted for names, unless they are the client's own
   */
  async #requireNobodyElses(der: Buffer, { clientId }: Principal): Promise<void> {
    const authorities = (await this.directory.listAuthorities()).filter(
      ({ revokedAtSeconds, certificateDer }) =>
        revokedAtSeconds === undefined && this.certificates.isIssuedBy(der, certificateDer),
    );
    if (authorities.length === 0) return;
    const now = this.clock.nowSeconds();
    const shown = new PeerCertificate(
      new X509Certificate(der),
      authorities,
      this.certificates,
      'client',
      now,
    );
    if ((await this.directory.recognise(shown))?.client.id === clientId) return;
    throw new HoldfastError(
      'PermissionDenied',
      'whom certificates of this authority identify is for officers to say, since names in them do',
    );
  }
}

function refuseTaken(error: unknown): never {
  if (!(error instanceof HoldfastError) || error.code !== 'ObjectAlreadyExists') throw error;
  throw new HoldfastError('PermissionDenied', 'the certificate is in use', { cause: error });
}

function pem(label: string, der: Buffer): string {
  return `-----BEGIN ${label}-----\n${der.toString('base64')}\n-----END ${label}-----\n`;
}

function pkcs8(privateKeyPem: string): SecretBytes {
  return new SecretBytes(createPrivateKey(privateKeyPem).export({ format: 'der', type: 'pkcs8' }));
}
