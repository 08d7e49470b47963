import { certificates } from '@holdfast/pki';

interface KeyAndCertificate {
  readonly key: string;
  readonly cert: string;
}

/** Certificates of the kind that the server makes by itself (P-256), for the responder to compare it with. */
export async function benchCertificates(): Promise<{
  readonly server: KeyAndCertificate;
  readonly client: KeyAndCertificate;
  readonly ca: string;
}> {
  const nowSeconds = Math.floor(Date.now() / 1000);
  const authority = await certificates.createAuthority({ commonName: 'Bench CA', nowSeconds });
  const ca = { certificateDer: authority.der, privateKey: authority.privateKey };
  const server = await certificates.issueServer(ca, { hosts: ['localhost', '127.0.0.1'], nowSeconds });
  const client = await certificates.issueClient(ca, { name: 'bench', nowSeconds });
  const pair = (issued: typeof server): KeyAndCertificate => ({
    key: certificates.privateKeyPem(issued.privateKey).reveal().toString('latin1'),
    cert: issued.pem,
  });
  return { server: pair(server), client: pair(client), ca: authority.pem };
}
