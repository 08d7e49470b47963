import { createHash, randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import type { TlsOptions } from 'node:tls';
import {
  SecretBytes,
  type CertificatesPort,
  type Clock,
  type Directory,
  type KeyPairAlgorithm,
} from '@holdfast/core';
import { servingAuthority, type BuiltInAuthority } from './built-in-authorities';
import type { NodeConfig } from './config';

const TICKET_KEYS_BYTES = 48;
/** A server certificate is replaced when less than this is left of it. */
const RENEW_BEFORE_SECONDS = 60 * 86_400;

interface StoredIdentity {
  /** One of each kind of key: what a peer offers decides which it is shown (RFC 8446 section 4.4.2.2). */
  readonly certificates: readonly { readonly certificatePem: string; readonly privateKeyPem: string }[];
  readonly notAfterSeconds: number;
}

const KEY_ALGORITHMS: readonly KeyPairAlgorithm[] = ['EC-P256', 'RSA-2048'];

/**
 * The names by which clients may reach this node: those configured, as they are, the addresses it listens on, and its host
 * name where a certificate can carry it.
 */
export function serverHosts(config: NodeConfig): readonly string[] {
  const bound = [config.listen, ...(config.httpsListen === undefined ? [] : [config.httpsListen])]
    .map(({ host }) => host)
    .filter((host) => host !== '0.0.0.0' && host !== '::');
  const own = isIP(hostname()) === 0 && /^[\x21-\x7e]+$/.test(hostname()) ? [hostname().toLowerCase()] : [];
  return [...new Set([...config.tlsHosts, ...own, 'localhost', '127.0.0.1', '::1', ...bound])];
}

/**
 * Keys, certificates and ticket keys for the TLS listener. They are sealed in the database, so that a node which starts
 * again, and every worker of it, shows the same certificates and resumes the sessions of the others.
 */
export async function tlsIdentity(
  config: NodeConfig,
  ports: { readonly directory: Directory; readonly certificates: CertificatesPort; readonly clock: Clock },
): Promise<Pick<TlsOptions, 'key' | 'cert' | 'ticketKeys'>> {
  const { directory, clock } = ports;
  const hosts = serverHosts(config);
  const authority = await servingAuthority(directory);
  const name = `tls-server-pair:${createHash('sha256')
    .update([authority.id, ...hosts, ...config.crlUrls, ...config.caIssuerUrls].join(' '))
    .digest('hex')
    .slice(0, 32)}`;
  const issue = (): Promise<Buffer> => issueIdentity(authority, config, hosts, ports);
  let stored = parse((await directory.serverSecret(name, issue)).value);
  if (stored.notAfterSeconds - RENEW_BEFORE_SECONDS < clock.nowSeconds()) {
    const renewed = new SecretBytes(await issue());
    stored = parse(renewed);
    await directory.replaceServerSecret(
      { name, value: renewed },
      { kind: 'system', id: 'system', name: 'renewal' },
    );
  }
  const tickets = await directory.serverSecret('tls-ticket-keys', () =>
    Promise.resolve(randomBytes(TICKET_KEYS_BYTES)),
  );
  return {
    key: stored.certificates.map(({ privateKeyPem }) => privateKeyPem),
    cert: stored.certificates.map(({ certificatePem }) => certificatePem),
    ticketKeys: Buffer.from(tickets.value.reveal()),
  };
}

function parse(value: SecretBytes): StoredIdentity {
  return JSON.parse(value.reveal().toString('utf8')) as StoredIdentity;
}

async function issueIdentity(
  authority: BuiltInAuthority,
  { crlUrls, caIssuerUrls }: NodeConfig,
  hosts: readonly string[],
  { certificates, clock }: { readonly certificates: CertificatesPort; readonly clock: Clock },
): Promise<Buffer> {
  const [chain] = certificates.parse(authority.certificateDer);
  const issued = await Promise.all(
    KEY_ALGORITHMS.map((keyAlgorithm) =>
      certificates.issueServer(authority, {
        hosts,
        keyAlgorithm,
        nowSeconds: clock.nowSeconds(),
        crlUrls,
        caIssuerUrls,
      }),
    ),
  );
  const identity: StoredIdentity = {
    certificates: issued.map(({ pem, privateKey }) => {
      const keyPem = certificates.privateKeyPem(privateKey);
      privateKey.destroy();
      const privateKeyPem = keyPem.reveal().toString('latin1');
      keyPem.destroy();
      return { certificatePem: pem + (chain?.pem ?? ''), privateKeyPem };
    }),
    notAfterSeconds: Math.min(...issued.map(({ notAfterSeconds }) => notAfterSeconds)),
  };
  return Buffer.from(JSON.stringify(identity), 'utf8');
}
