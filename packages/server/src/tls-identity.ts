import { createHash, randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import type { TlsOptions } from 'node:tls';
import {
  SecretBytes,
  type Actor,
  type CertificatesPort,
  type Clock,
  type Directory,
  type KeyPairAlgorithm,
} from '@holdfast/core';
import { servingAuthority, type BuiltInAuthority } from './built-in-authorities';
import type { NodeConfig } from './config';

/** The name of the ticket keys in the database; whoever is told that they changed takes the new ones. */
export const TICKET_KEYS_SECRET = 'tls-ticket-keys';
const TICKET_KEYS_BYTES = 48;
/** Behind them, since when they are in use: seconds since 1970. */
const DATED_TICKET_KEYS_BYTES = TICKET_KEYS_BYTES + 8;
/** Who gets hold of ticket keys reads what was recorded of TLS 1.2 sessions that were resumed under them: no more than that of a day. */
const REPLACE_TICKET_KEYS_AFTER_SECONDS = 86_400;
/** A server certificate is replaced when less than this is left of it. */
const RENEW_BEFORE_SECONDS = 60 * 86_400;

const RENEWAL: Actor = { kind: 'system', id: 'system', name: 'renewal' };

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
    await directory.replaceServerSecret({ name, value: renewed }, RENEWAL);
  }
  return {
    key: stored.certificates.map(({ privateKeyPem }) => privateKeyPem),
    cert: stored.certificates.map(({ certificatePem }) => certificatePem),
    ticketKeys: await ticketKeys(directory, clock),
  };
}

/** The ticket keys that all nodes share, replaced first where they are old. Sessions under those before begin anew. */
export async function ticketKeys(
  directory: Pick<Directory, 'serverSecret' | 'changeServerSecret'>,
  clock: Clock,
): Promise<Buffer> {
  const make = (): Buffer => {
    const dated = randomBytes(DATED_TICKET_KEYS_BYTES);
    dated.writeBigInt64BE(BigInt(clock.nowSeconds()), TICKET_KEYS_BYTES);
    return dated;
  };
  const isOld = (value: SecretBytes): boolean => {
    const dated = value.reveal();
    // Earlier releases kept them without a date, for good.
    if (dated.length !== DATED_TICKET_KEYS_BYTES) return true;
    const ageSeconds = clock.nowSeconds() - Number(dated.readBigInt64BE(TICKET_KEYS_BYTES));
    return ageSeconds >= REPLACE_TICKET_KEYS_AFTER_SECONDS;
  };
  const obtain = async (): Promise<SecretBytes> =>
    (await directory.serverSecret(TICKET_KEYS_SECRET, () => Promise.resolve(make()))).value;
  if (isOld(await obtain())) {
    // Where another process came first, its keys stay.
    const next = (before: SecretBytes | undefined): SecretBytes =>
      before === undefined || isOld(before) ? new SecretBytes(make()) : before;
    await directory.changeServerSecret(TICKET_KEYS_SECRET, next, RENEWAL);
  }
  return Buffer.from((await obtain()).reveal().subarray(0, TICKET_KEYS_BYTES));
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
