import type { VersionName } from '@holdfast/kmip';
import type { SecretBytes } from '@holdfast/ttlv';
import type { Actor, Role } from '../identity';

/** What an officer may set for a domain. */
export interface DomainSettings {
  /** Whether several objects may have one name. Once it is so it stays so: Locate relies on it. */
  readonly namesMayRepeat?: true | undefined;
  /** Whether keys are generated inside the HSM. */
  readonly keysInHsm?: true | undefined;
  /** Whether its objects cannot be used before a backup or an escrow covers them. */
  readonly requiresEscrow?: true | undefined;
}

/** How requests prove who makes them: a certificate, a credential in the request header (KMIP 2.1 section 9.11). */
export const AUTHENTICATION_POLICIES = [
  /** A known credential decides the identity and must be right; an unknown one is ignored. */
  'certificate',
  'certificate-and-credential',
  /** A connection without certificate has to bring a credential, and every credential has to be known and right. */
  'certificate-or-credential',
] as const;
export type AuthenticationPolicy = (typeof AUTHENTICATION_POLICIES)[number];

/** Where a client listens for what the server tells it (Notify, Put), in TTLV over TLS. */
export interface NotifiedEndpoint {
  readonly host: string;
  readonly port: number;
  /** The version that it is told in. */
  readonly version: VersionName;
}

/** What an officer may set for a client. */
export interface ClientSettings {
  readonly notify?: NotifiedEndpoint | undefined;
  /** Undefined: what the listener demands. */
  readonly authentication?: AuthenticationPolicy | undefined;
  /** Whether its requests may have another number of items than their Batch Count says. */
  readonly toleratesBatchCount?: true | undefined;
  /** Whether what it makes cannot be used before a backup or an escrow covers it. */
  readonly requiresEscrow?: true | undefined;
}

export interface Domain {
  readonly id: string;
  readonly name: string;
  readonly settings: DomainSettings;
  readonly createdAtSeconds: number;
}

export interface Client {
  readonly id: string;
  readonly name: string;
  readonly domainId: string;
  readonly role: Role;
  readonly settings: ClientSettings;
  readonly createdAtSeconds: number;
  readonly revokedAtSeconds: number | undefined;
}

/** How a presented certificate is recognised: by its fingerprint, or by subject or alternative name under one CA. */
export type CredentialRule =
  | { readonly kind: 'fingerprint'; readonly sha256Hex: string }
  /** RFC 4514 subject, as the whole. */
  | { readonly kind: 'subject'; readonly authorityId: string; readonly subject: string }
  /** A subject alternative name, e.g. "dns:array-7.example.org" or "uri:spiffe://…". */
  | { readonly kind: 'alternative-name'; readonly authorityId: string; readonly alternativeName: string };

export interface Credential {
  readonly id: string;
  readonly clientId: string;
  readonly rule: CredentialRule;
  /** Serial number, subject and end of validity where the certificate is known. */
  readonly serialHex: string | undefined;
  readonly subject: string | undefined;
  readonly notAfterSeconds: number | undefined;
  /** The built-in or trusted CA that issued it; undefined for a self-signed certificate. */
  readonly authorityId: string | undefined;
  readonly createdAtSeconds: number;
  readonly revokedAtSeconds: number | undefined;
}

export interface CertificationAuthority {
  readonly id: string;
  readonly name: string;
  readonly certificateDer: Buffer;
  /** PKCS#8, for the CA that issues here; sealed at rest. */
  readonly privateKey: SecretBytes | undefined;
  readonly createdAtSeconds: number;
  readonly revokedAtSeconds: number | undefined;
}

/** Officers administer; auditors read the audit log; backup operators make backups, for the holders that were set for them. */
export type OfficerRole = 'officer' | 'auditor' | 'backup-operator';

export interface Officer {
  readonly id: string;
  readonly name: string;
  readonly role: OfficerRole;
  /** SHA-256 of the officer's token. */
  readonly tokenSha256: Buffer;
  readonly createdAtSeconds: number;
  readonly revokedAtSeconds: number | undefined;
}

/** A server secret or certificate that every node shares, e.g. the TLS server key or the session ticket keys. */
export interface ServerSecret {
  readonly name: string;
  readonly value: SecretBytes;
}

/** What a certificate shows when a client connects; but for the fingerprint it is looked at only where that is unknown. */
export interface PresentedCertificate {
  readonly sha256Hex: string;
  readonly subject: string;
  readonly alternativeNames: readonly string[];
  /** Identifiers of the authorities under which the TLS layer verified the chain; empty for an unknown issuer. */
  readonly authorityIds: readonly string[];
}

export interface RecognisedClient {
  readonly client: Client;
  readonly domain: Domain;
  readonly credential: Credential;
}

/** Something in the directory changed on some node. */
export interface DirectoryChange {
  readonly kind:
    | 'client'
    | 'credential'
    | 'authority'
    | 'domain'
    | 'domain-key'
    | 'hsm-key'
    /** By its check value: it is the current one now. */
    | 'root-key'
    | 'seal'
    | 'secret'
    | 'user'
    /** Once a minute, and after a standstill: whatever nothing was heard of, though it did change. */
    | 'any';
  /** "*": any of that kind. */
  readonly id: string;
}

/**
 * Domains, clients, credentials, authorities, officers and shared server secrets. Every row is MACed and every secret
 * sealed; a row that is not what was written makes its use fail with IntegrityViolation. Every change names its actor
 * and leaves an audit record in the same transaction.
 * Names are unique (clients: over all domains); adding one that exists fails with ObjectAlreadyExists, naming one that
 * does not exist with ItemNotFound.
 */
export interface Directory {
  addDomain(name: string, actor: Actor, settings?: DomainSettings): Promise<Domain>;
  /** @param next makes the new settings of those in force; called again where somebody else changed them in between */
  changeDomain(name: string, next: (before: DomainSettings) => DomainSettings, actor: Actor): Promise<Domain>;
  listDomains(): Promise<readonly Domain[]>;
  domainNamed(name: string): Promise<Domain>;
  /** @throws HoldfastError ItemNotFound */
  domain(id: string): Promise<Domain>;

  addClient(
    client: {
      readonly name: string;
      readonly domainId: string;
      readonly role: Role;
      readonly settings?: ClientSettings;
    },
    credentials: readonly NewCredential[],
    actor: Actor,
  ): Promise<Client>;
  /** @param next as for changeDomain */
  changeClient(name: string, next: (before: ClientSettings) => ClientSettings, actor: Actor): Promise<Client>;
  addCredential(clientId: string, credential: NewCredential, actor: Actor): Promise<Credential>;
  /** The clients in force that listen somewhere. */
  listNotifiedClients(): Promise<readonly Client[]>;
  listClients(): Promise<readonly Client[]>;
  clientNamed(
    name: string,
  ): Promise<{ readonly client: Client; readonly credentials: readonly Credential[] }>;
  /** Revokes the client and all of its credentials. */
  revokeClient(clientId: string, actor: Actor): Promise<void>;
  revokeCredential(credentialId: string, actor: Actor): Promise<void>;
  /**
   * The client that a certificate belongs to; revoked clients and credentials are not recognised, and a certificate that was
   * revoked not by the names in it either. Of several rules the subject's goes first, then those of alternative names in their
   * order. One round trip where the certificate is known by its fingerprint, else two.
   */
  recognise(certificate: PresentedCertificate): Promise<RecognisedClient | undefined>;

  /**
   * Of these credentials those in force, by their identifiers, with their holders: in one statement. What is not as it was
   * written is not among them.
   */
  inForce(credentialIds: readonly string[]): Promise<ReadonlyMap<string, RecognisedClient>>;

  /** The client, where neither it nor its credential (where one is named) is revoked, nor the authority whose names that goes by. */
  standing(clientId: string, credentialId?: string): Promise<Client | undefined>;

  addAuthority(
    authority: Pick<CertificationAuthority, 'name' | 'certificateDer' | 'privateKey'>,
    actor: Actor,
  ): Promise<CertificationAuthority>;
  listAuthorities(): Promise<readonly CertificationAuthority[]>;
  revokeAuthority(name: string, actor: Actor): Promise<void>;

  addOfficer(
    officer: Pick<Officer, 'name' | 'tokenSha256'> & Partial<Pick<Officer, 'role'>>,
    actor: Actor,
  ): Promise<Officer>;
  /** Those of a role; default: officers. */
  listOfficers(role?: OfficerRole): Promise<readonly Officer[]>;
  /** The officer, or who has another role, with this token; no other's row is looked at. */
  officerWithToken(tokenSha256: Buffer): Promise<Officer | undefined>;
  /**
   * The officer's votes for what was approved and not done yet do not count any more.
   * @param remaining how many of the role have to be left
   * @throws HoldfastError ItemNotFound where nobody of that role has the name; PermissionDenied where too few would be left
   */
  revokeOfficer(name: string, actor: Actor, role?: OfficerRole, remaining?: number): Promise<void>;
  /** Whether that can be done as things are. @throws HoldfastError as `revokeOfficer` */
  requireRevocable(name: string, role: OfficerRole, remaining: number): Promise<void>;

  /** Whether there is one of the kind, or ever was: one that is gone although its record is not was taken away. */
  everHad(kind: 'domain' | 'authority' | 'client' | 'officer'): Promise<boolean>;

  /** The secret of that name; made by `create` and stored where there is none yet (once, whoever comes first). */
  serverSecret(name: string, create: () => Promise<Buffer>): Promise<ServerSecret>;
  /** The secret of that name, where there is one. */
  findServerSecret(name: string): Promise<ServerSecret | undefined>;
  replaceServerSecret(secret: ServerSecret, actor: Actor): Promise<void>;
  /**
   * Replaces a secret by what `next` makes of it, alone among all nodes.
   * @param next called again where somebody else replaced it in between; undefined where there is none
   */
  changeServerSecret(
    name: string,
    next: (before: SecretBytes | undefined) => SecretBytes,
    actor: Actor,
  ): Promise<void>;

  /**
   * Calls back on every change on any node, soon after its commit, and once a minute for those that it was not told of.
   * @param onChange its promise is what `caughtUp` waits for: it rejects where it cannot look at what may have changed
   * @returns a function that ends it
   */
  watch(onChange: (change: DirectoryChange) => unknown): Promise<() => Promise<void>>;

  /**
   * After this process stood still (it was stopped, or its machine suspended) whoever watches is called back for what it was
   * not told of: until that is done nothing is to be served on what was known before.
   * @returns to be waited for then; rejects where what has changed cannot be known now. Undefined otherwise
   */
  caughtUp(): Promise<void> | undefined;
}

export type NewCredential = Pick<
  Credential,
  'rule' | 'serialHex' | 'subject' | 'notAfterSeconds' | 'authorityId'
>;
