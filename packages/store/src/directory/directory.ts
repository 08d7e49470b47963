import { randomUUID } from 'node:crypto';
import {
  HoldfastError,
  SYSTEM_DOMAIN_ID,
  type Actor,
  type CertificationAuthority,
  type Client,
  type ClientSettings,
  type Credential,
  type CredentialRule,
  type Directory,
  type DirectoryChange,
  type Domain,
  type DomainSettings,
  type Keyring,
  type NewCredential,
  type Officer,
  type OfficerRole,
  type PresentedCertificate,
  type RecognisedClient,
  type Role,
  type SecretBytes,
  type ServerSecret,
} from '@holdfast/core';
import { isUuid } from '../postgres/binary';
import type { Database, StoreLog } from '../postgres/database';
import { repeatable } from '../postgres/transaction';
import { Authorities } from './authorities';
import { requireName } from './names';
import { Officers } from './officers';
import { HOLDERS_BY_CREDENTIAL, RECOGNISE, namingRules } from './recognition';
import { DirectoryRows, notFound } from './rows';
import { ServerSecrets } from './server-secrets';
import { Standstill } from './standstill';
import {
  clientOf,
  clients,
  credentialOf,
  credentials,
  domainOf,
  domains,
  ruleColumns,
  settingsColumn,
} from './tables';
import { DirectoryTransactions, type DirectoryTransaction } from './transaction';
import { DirectoryWatch } from './watch';

type HolderResult = Readonly<Record<string, string | number | Buffer | null>>;

/** The Directory port over PostgreSQL. */
export class PostgresDirectory implements Directory {
  readonly #rows: DirectoryRows;
  readonly #authorities: Authorities;
  readonly #officers: Officers;
  readonly #secrets: ServerSecrets;
  readonly #watches = new Set<DirectoryWatch>();
  readonly #standstill = new Standstill(async () => {
    await Promise.all([...this.#watches].map((watch) => watch.lookAgain()));
  });

  constructor(
    private readonly database: Database,
    private readonly keyring: Keyring,
    private readonly log: StoreLog,
    private readonly nowMs: () => number,
  ) {
    const transactions = new DirectoryTransactions(database, keyring, nowMs);
    this.#rows = new DirectoryRows(database, keyring, transactions);
    this.#authorities = new Authorities(this.#rows, keyring, () => this.#nowSeconds());
    this.#officers = new Officers(this.#rows, keyring, () => this.#nowSeconds());
    this.#secrets = new ServerSecrets(database, keyring, transactions, nowMs);
  }

  addDomain(name: string, actor: Actor, settings?: DomainSettings): Promise<Domain> {
    const id = randomUUID();
    requireName(name);
    return this.#rows.change(actor, async (transaction) => {
      const row = await transaction.insert(domains, {
        id,
        name,
        created_at: this.#nowSeconds(),
        settings: settingsColumn(settings),
        policy: null,
      });
      await transaction.record('domain.add', row, name);
      await transaction.notify({ kind: 'domain', id });
      return domainOf(row);
    });
  }

  changeDomain(
    name: string,
    next: (before: DomainSettings) => DomainSettings,
    actor: Actor,
  ): Promise<Domain> {
    return this.#rows.change(actor, async (transaction) => {
      const row = await this.#rows.named(transaction.session, domains, name);
      const settings = settingsColumn(next(domainOf(row).settings));
      const changed = await transaction.update(domains, row, { settings });
      await transaction.record('domain.set', changed, name);
      await transaction.notify({ kind: 'domain', id: row.id });
      return domainOf(changed);
    });
  }

  listDomains(): Promise<readonly Domain[]> {
    return this.#rows.list(domains, 'true ORDER BY t.name', domainOf);
  }

  domainNamed(name: string): Promise<Domain> {
    return this.#rows.read(async (session) => domainOf(await this.#rows.named(session, domains, name)));
  }

  domain(id: string): Promise<Domain> {
    return this.#rows.read(async (session) => domainOf(await this.#rows.row(session, domains, id)));
  }

  addClient(
    client: {
      readonly name: string;
      readonly domainId: string;
      readonly role: Role;
      readonly settings?: ClientSettings;
    },
    newCredentials: readonly NewCredential[],
    actor: Actor,
  ): Promise<Client> {
    const id = randomUUID();
    requireName(client.name);
    return this.#rows.change(actor, async (transaction) => {
      const row = await transaction.insert(clients, {
        id,
        name: client.name,
        domain_id: client.domainId,
        role: client.role,
        created_at: this.#nowSeconds(),
        revoked_at: null,
        settings: settingsColumn(client.settings),
      });
      await transaction.record('client.add', row, client.name, client.domainId);
      for (const credential of newCredentials)
        await this.#addCredential(transaction, id, credential, client.name);
      await transaction.notify({ kind: 'client', id });
      return clientOf(row);
    });
  }

  changeClient(
    name: string,
    next: (before: ClientSettings) => ClientSettings,
    actor: Actor,
  ): Promise<Client> {
    return this.#rows.change(actor, async (transaction) => {
      const row = await this.#rows.named(transaction.session, clients, name);
      const settings = settingsColumn(next(clientOf(row).settings));
      const changed = await transaction.update(clients, row, { settings });
      await transaction.record('client.set', changed, name, clientOf(changed).domainId);
      await transaction.notify({ kind: 'client', id: row.id });
      return clientOf(changed);
    });
  }

  addCredential(clientId: string, credential: NewCredential, actor: Actor): Promise<Credential> {
    return this.#rows.change(actor, async (transaction) => {
      const client = clientOf(await this.#rows.row(transaction.session, clients, clientId));
      if (client.revokedAtSeconds !== undefined) return notFound('the client is revoked');
      const added = await this.#addCredential(transaction, clientId, credential, client.name);
      await transaction.notify({ kind: 'credential', id: added.id });
      return added;
    });
  }

  listClients(): Promise<readonly Client[]> {
    return this.#rows.list(clients, 'true ORDER BY t.name', clientOf);
  }

  listNotifiedClients(): Promise<readonly Client[]> {
    const listening = `t.settings LIKE '%"notify"%' AND t.revoked_at IS NULL ORDER BY t.name`;
    return this.#rows.list(clients, listening, clientOf);
  }

  clientNamed(
    name: string,
  ): Promise<{ readonly client: Client; readonly credentials: readonly Credential[] }> {
    return this.#rows.read(async (session) => {
      const row = await this.#rows.named(session, clients, name);
      const held = { client_id: row.id };
      const rows = await credentials.find(session, this.keyring, held, 'ORDER BY t.created_at, t.id');
      return { client: clientOf(row), credentials: rows.map(credentialOf) };
    });
  }

  revokeClient(clientId: string, actor: Actor): Promise<void> {
    return this.#rows.change(actor, async (transaction) => {
      const { session } = transaction;
      const row = await this.#rows.row(session, clients, clientId);
      const held = await credentials.find(session, this.keyring, { client_id: clientId });
      const revocation = { revoked_at: this.#nowSeconds() };
      for (const credential of held) {
        if (credential.revoked_at !== null) continue;
        const revoked = await transaction.update(credentials, credential, revocation);
        await transaction.record('credential.revoke', revoked, credential.id);
      }
      if (row.revoked_at === null) {
        const revoked = await transaction.update(clients, row, revocation);
        await transaction.record('client.revoke', revoked, clientOf(row).name, clientOf(row).domainId);
      }
      await transaction.notify({ kind: 'client', id: clientId });
    });
  }

  revokeCredential(credentialId: string, actor: Actor): Promise<void> {
    return this.#rows.change(actor, async (transaction) => {
      const row = await this.#rows.row(transaction.session, credentials, credentialId);
      if (row.revoked_at === null) {
        const revoked = await transaction.update(credentials, row, { revoked_at: this.#nowSeconds() });
        await transaction.record('credential.revoke', revoked, credentialId);
      }
      // Connections may be known by other credentials, which the revoked certificate is not let in by any more.
      await transaction.notify({ kind: 'client', id: credentialOf(row).clientId });
    });
  }

  async recognise(certificate: PresentedCertificate): Promise<RecognisedClient | undefined> {
    await this.keyring.ensure(SYSTEM_DOMAIN_ID);
    // The exact certificate says more than a rule that many certificates may meet, and is cheaper to look for.
    const { sha256Hex } = certificate;
    const exact = await this.#holdersOf([{ kind: 'fingerprint', sha256Hex }]);
    // One that was revoked stays so, whomever the names in it lead to.
    if (exact.length > 0) return exact.find(isInForce);
    return (await this.#holdersOf(namingRules(certificate))).find(isInForce);
  }

  /** The clients that rules lead to, revoked ones too. */
  async #holdersOf(rules: readonly CredentialRule[]): Promise<readonly RecognisedClient[]> {
    if (rules.length === 0) return [];
    const digests = rules.map((rule) => ruleColumns(rule).rule_digest);
    const results = await repeatable(
      (run) => this.database.hot(run),
      (session) => session.prepared<HolderResult>('recognise', RECOGNISE, [digests]),
    );
    const holders = results.map((result) => this.#holderIn(result, { rule_digest: digests }));
    // In the order of the rules, whatever the database's is.
    const place = ({ credential }: RecognisedClient): number =>
      digests.findIndex((digest) => digest.equals(ruleColumns(credential.rule).rule_digest));
    return holders.sort((one, other) => place(one) - place(other));
  }

  inForce(credentialIds: readonly string[]): Promise<ReadonlyMap<string, RecognisedClient>> {
    return this.#rows.read(async (session) => {
      const results = await session.query<HolderResult>(HOLDERS_BY_CREDENTIAL, [credentialIds]);
      const holders = results.flatMap((result) => this.#genuineHolderIn(result) ?? []);
      return new Map(holders.filter(isInForce).map((holder) => [holder.credential.id, holder]));
    });
  }

  #genuineHolderIn(result: HolderResult): RecognisedClient | undefined {
    try {
      return this.#holderIn(result, {});
    } catch (error) {
      if (error instanceof HoldfastError && error.code === 'IntegrityViolation') return undefined;
      throw error;
    }
  }

  /** @throws HoldfastError IntegrityViolation */
  #holderIn(result: HolderResult, wanted: Parameters<typeof credentials.requireFound>[1]): RecognisedClient {
    const credential = credentials.read(this.keyring, result, 'c');
    const client = clients.read(this.keyring, result, 'k');
    const domain = domains.read(this.keyring, result, 'd');
    credentials.requireFound(credential, wanted);
    clients.requireFound(client, { id: credential.client_id });
    domains.requireFound(domain, { id: client.domain_id });
    return {
      client: clientOf(client),
      domain: domainOf(domain),
      credential: credentialOf(credential),
    };
  }

  standing(clientId: string, credentialId?: string): Promise<Client | undefined> {
    return this.#rows.read(async (session) => {
      const [clientRow] = await clients.find(session, this.keyring, { id: clientId });
      if (clientRow === undefined || clientRow.revoked_at !== null) return undefined;
      if (credentialId === undefined) return clientOf(clientRow);
      if (!isUuid(credentialId)) return undefined;
      const wanted = { id: credentialId, client_id: clientId };
      const [credentialRow] = await credentials.find(session, this.keyring, wanted);
      if (credentialRow?.revoked_at !== null) return undefined;
      const isBelieved = await this.#authorities.vouchFor(session, credentialOf(credentialRow).rule);
      return isBelieved ? clientOf(clientRow) : undefined;
    });
  }

  addAuthority(...args: Parameters<Directory['addAuthority']>): Promise<CertificationAuthority> {
    return this.#authorities.add(...args);
  }

  listAuthorities(): Promise<readonly CertificationAuthority[]> {
    return this.#authorities.list();
  }

  revokeAuthority(name: string, actor: Actor): Promise<void> {
    return this.#authorities.revoke(name, actor);
  }

  addOfficer(...args: Parameters<Directory['addOfficer']>): Promise<Officer> {
    return this.#officers.add(...args);
  }

  listOfficers(role?: OfficerRole): Promise<readonly Officer[]> {
    return this.#officers.list(role);
  }

  officerWithToken(tokenSha256: Buffer): Promise<Officer | undefined> {
    return this.#officers.withToken(tokenSha256);
  }

  revokeOfficer(name: string, actor: Actor, role?: OfficerRole, remaining?: number): Promise<void> {
    return this.#officers.revoke(name, actor, role, remaining);
  }

  requireRevocable(...args: Parameters<Directory['requireRevocable']>): Promise<void> {
    return this.#officers.requireRevocable(...args);
  }

  everHad(kind: 'domain' | 'authority' | 'client' | 'officer'): Promise<boolean> {
    return this.#rows.read(async (session) => {
      const [row] = await session.query<{ had: boolean }>(
        `SELECT EXISTS (SELECT FROM ${kind}) OR EXISTS (SELECT FROM audit_record WHERE action LIKE $1 AND row_id IS NOT NULL) AS had`,
        [`${kind}.%`],
      );
      return row?.had === true;
    });
  }

  serverSecret(name: string, create: () => Promise<Buffer>): Promise<ServerSecret> {
    return this.#secrets.obtain(name, create);
  }

  findServerSecret(name: string): Promise<ServerSecret | undefined> {
    return this.#secrets.find(name);
  }

  replaceServerSecret(secret: ServerSecret, actor: Actor): Promise<void> {
    return this.#secrets.replace(secret, actor);
  }

  changeServerSecret(
    name: string,
    next: (before: SecretBytes | undefined) => SecretBytes,
    actor: Actor,
  ): Promise<void> {
    return this.#secrets.change(name, next, actor);
  }

  async watch(onChange: (change: DirectoryChange) => unknown): Promise<() => Promise<void>> {
    const watch = new DirectoryWatch(this.database, this.log, onChange);
    await watch.start();
    this.#watches.add(watch);
    this.#standstill.start();
    return async () => {
      this.#watches.delete(watch);
      if (this.#watches.size === 0) this.#standstill.end();
      await watch.end();
    };
  }

  caughtUp(): Promise<void> | undefined {
    return this.#standstill.over();
  }

  #nowSeconds(): number {
    return Math.floor(this.nowMs() / 1000);
  }

  async #addCredential(
    transaction: DirectoryTransaction,
    clientId: string,
    credential: NewCredential,
    clientName: string,
  ): Promise<Credential> {
    const row = await transaction.insert(credentials, {
      id: randomUUID(),
      client_id: clientId,
      ...ruleColumns(credential.rule),
      serial_hex: credential.serialHex ?? null,
      subject: credential.subject ?? null,
      not_after: credential.notAfterSeconds ?? null,
      authority_id: credential.authorityId ?? null,
      created_at: this.#nowSeconds(),
      revoked_at: null,
    });
    await transaction.record('credential.add', row, clientName);
    return credentialOf(row);
  }
}

function isInForce({ client, credential }: RecognisedClient): boolean {
  return client.revokedAtSeconds === undefined && credential.revokedAtSeconds === undefined;
}
