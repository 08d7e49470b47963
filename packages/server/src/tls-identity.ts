import { createHash, randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import type { TlsOptions } from 'node:tls';
import {
  HoldfastError,
  SecretBytes,
  type CertificatesPort,
  type Clock,
  type Directory,
} from '@holdfast/core';
import { BUILT_IN_AUTHORITY } from './administration';
import type { NodeConfig } from './config';

const TICKET_KEYS_BYTES = 48;
/** A server certificate is replaced when less than this is left of it. */
const RENEW_BEFORE_SECONDS = 60 * 86_400;

interface StoredIdentity {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
  readonly notAfterSeconds: number;
}

/** The names by which clients may reach this node: those configured, the addresses it listens on, its host name. */
export function serverHosts(config: NodeConfig): readonly string[] {
  const bound = [config.listen, ...(config.httpsListen === undefined ? [] : [config.httpsListen])]
    .map(({ host }) => host)
    .filter((host) => host !== '0.0.0.0' && host !== '::');
  const own = isIP(hostname()) === 0 ? [hostname().toLowerCase()] : [];
  return [...new Set([...config.tlsHosts, ...own, 'localhost', '127.0.0.1', '::1', ...bound])].filter(
    (name) => name !== '' && /^[\x21-\x7e]+$/.test(name),
  );
}

/**
 * Key, certificate and ticket keys for the TLS listener. They are sealed in the database, so that a node which starts
 * again, and every worker of it, shows the same certificate and resumes the sessions of the others.
 */
export async function tlsIdentity(
  config: NodeConfig,
  ports: { readonly directory: Directory; readonly certificates: CertificatesPort; readonly clock: Clock },
): Promise<Pick<TlsOptions, 'key' | 'cert' | 'ticketKeys'>> {
  const { directory, clock } = ports;
  const hosts = serverHosts(config);
  const name = `tls-server:${createHash('sha256')
    .update([...hosts, ...config.crlUrls, ...config.caIssuerUrls].join(' '))
    .digest('hex')
    .slice(0, 32)}`;
  const issue = (): Promise<Buffer> => issueIdentity(config, hosts, ports);
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
    key: stored.privateKeyPem,
    cert: stored.certificatePem,
    ticketKeys: Buffer.from(tickets.value.reveal()),
  };
}

function parse(value: SecretBytes): StoredIdentity {
  return JSON.parse(value.reveal().toString('utf8')) as StoredIdentity;
}

async function issueIdentity(
  config: NodeConfig,
  hosts: readonly string[],
  ports: { readonly directory: Directory; readonly certificates: CertificatesPort; readonly clock: Clock },
): Promise<Buffer> {
  const ca = (await ports.directory.listAuthorities()).find(
    (authority) => authority.name === BUILT_IN_AUTHORITY,
  );
  if (ca?.privateKey === undefined)
    throw new HoldfastError('ItemNotFound', 'the built-in authority is missing');
  const issued = await ports.certificates.issueServer(
    { certificateDer: ca.certificateDer, privateKey: ca.privateKey },
    {
      hosts,
      nowSeconds: ports.clock.nowSeconds(),
      ...(config.crlUrls.length > 0 ? { crlUrls: config.crlUrls } : {}),
      ...(config.caIssuerUrls.length > 0 ? { caIssuerUrls: config.caIssuerUrls } : {}),
    },
  );
  const [authority] = ports.certificates.parse(ca.certificateDer);
  const keyPem = ports.certificates.privateKeyPem(issued.privateKey);
  issued.privateKey.destroy();
  const identity: StoredIdentity = {
    certificatePem: issued.pem + (authority?.pem ?? ''),
    privateKeyPem: keyPem.reveal().toString('latin1'),
    notAfterSeconds: issued.notAfterSeconds,
  };
  keyPem.destroy();
  return Buffer.from(JSON.stringify(identity), 'utf8');
}
