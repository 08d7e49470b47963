import { createHash, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import {
  HoldfastError,
  SYSTEM_DOMAIN_ID,
  SecretBytes,
  Turns,
  actorOf,
  type Actor,
  type Keyring,
  type NewTicket,
  type Principal,
  type ShownTicket,
  type TicketChanges,
  type TicketRight,
  type Tickets,
} from '@holdfast/core';
import { uuidText } from '../postgres/binary';
import type { Database, Session } from '../postgres/database';
import { repeatable } from '../postgres/transaction';
import { openColumns, sealColumns } from './sealed-columns';
import { AuthenticatedTable, type DirectoryRow } from './table';
import { clientOf, clients, domainOf, domains } from './tables';
import { DirectoryTransactions, type DirectoryTransaction } from './transaction';
import { userOf, users } from './users';

export const tickets = new AuthenticatedTable('ticket', {
  secret_sha256: 'bytea',
  holder_kind: 'text',
  holder_id: 'uuid',
  holder_name: 'text',
  domain_id: 'uuid',
  client_id: 'uuid',
  is_delegated: 'int4',
  expires_at: 'int8',
  ended_at: 'int8',
  requests_left: 'int8',
  uses_left: 'int8',
  rights_left: 'text',
  salt: 'bytea',
  sealed: 'bytea',
  created_at: 'int8',
});
type Column = typeof tickets extends AuthenticatedTable<infer Name> ? Name : never;
type TicketRow = DirectoryRow<Column>;

const ID_BYTES = 16;
const SECRET_BYTES = 32;
/** What has expired for so long is removed when the next ticket is issued. */
const KEPT_SECONDS = 86_400;
/** Terms never change: they are sealed once. */
const TERMS_GENERATION = 1;

/** What a ticket is for, and what its holder had shown: it ends with that. */
interface Terms {
  readonly rights?: readonly TicketRight[] | undefined;
  /** By which the client of the connection was known. */
  readonly credentialId?: string | undefined;
  /** Of the user's password. */
  readonly epoch?: number | undefined;
}

/** A ticket with the rows that it hangs on; every row is reached by a key. */
const SHOW = `SELECT ${tickets.selection('t')}, ${clients.selection('k')}, ${users.selection('u')}, ${domains.selection('d')}
  FROM ticket AS t LEFT JOIN client AS k ON k.id = t.holder_id LEFT JOIN kmip_user AS u ON u.id = t.holder_id
  LEFT JOIN domain AS d ON d.id = t.domain_id WHERE t.id = $1`;
type Result = Parameters<typeof tickets.read>[1];

/** Changes tickets within transactions that somebody else begins and ends. */
export class PostgresTicketChanges implements TicketChanges {
  /** @param change runs work of an actor's within a transaction */
  constructor(
    private readonly change: <T>(
      actor: Actor,
      work: (transaction: DirectoryTransaction) => Promise<T>,
    ) => Promise<T>,
    private readonly keyring: Keyring,
    private readonly nowMs: () => number,
  ) {}

  issue(ticket: NewTicket, principal: Principal): Promise<Buffer> {
    const id = randomUUID();
    const secret = randomBytes(SECRET_BYTES);
    const { rights } = ticket;
    return this.change(actorOf(principal), async (transaction) => {
      const now = seconds(this.nowMs());
      await transaction.session.query('DELETE FROM ticket WHERE expires_at < $1', [now - KEPT_SECONDS]);
      const terms = { rights, ...(await this.#shownBy(transaction.session, principal)) };
      const row = await transaction.insert(tickets, {
        id,
        secret_sha256: sha256(secret),
        holder_kind: principal.kind ?? 'client',
        holder_id: principal.clientId,
        holder_name: principal.clientName,
        domain_id: principal.domainId,
        client_id: principal.certificateClientId ?? null,
        is_delegated: rights === undefined ? 0 : 1,
        expires_at: now + ticket.leaseSeconds,
        ended_at: null,
        requests_left: ticket.requestCount ?? null,
        uses_left: ticket.usageCount ?? null,
        rights_left:
          rights === undefined ? null : JSON.stringify(rights.map(({ usesLeft }) => usesLeft ?? null)),
        ...this.#sealedTerms(id, terms),
        created_at: now,
      });
      await transaction.record('ticket.issue', row, id, principal.domainId);
      return Buffer.concat([uuidBytes(id), secret]);
    });
  }

  end(ticketValue: Buffer, principal: Principal): Promise<void> {
    return this.change(actorOf(principal), async (transaction) => {
      const row = await locked(transaction.session, this.keyring, ticketIdOf(ticketValue));
      requireInForce(row, ticketValue, this.nowMs());
      if (row.holder_id !== principal.clientId) throw invalid();
      const ended = await transaction.update(tickets, row, { ended_at: seconds(this.nowMs()) });
      await transaction.record('ticket.end', ended, row.id, principal.domainId);
    });
  }

  spend(ticketId: string, rights: readonly number[], principal: Principal): Promise<void> {
    return this.change(actorOf(principal), async (transaction) => {
      const row = await locked(transaction.session, this.keyring, ticketId);
      if (row.ended_at !== null) throw invalid();
      const left = [...leftOf(row)];
      const place = rights.find((right) => (left[right] ?? Infinity) > 0);
      if ((rights.length > 0 && place === undefined) || row.uses_left === 0) throw exceeded();
      const of = place === undefined ? undefined : left[place];
      if (place !== undefined && typeof of === 'number') left[place] = of - 1;
      const changed = await transaction.update(tickets, row, {
        uses_left: row.uses_left === null ? null : (row.uses_left as number) - 1,
        rights_left: row.rights_left === null ? null : JSON.stringify(left),
      });
      await transaction.record('ticket.use', changed, row.id, principal.domainId);
    });
  }

  async #shownBy(session: Session, { kind, clientId, certificateClientId, credentialId }: Principal) {
    const [user] = kind === 'user' ? await users.find(session, this.keyring, { id: clientId }) : [];
    const shown: Terms = {
      credentialId: certificateClientId === undefined ? undefined : credentialId,
      epoch: user?.epoch as number | undefined,
    };
    return shown;
  }

  #sealedTerms(id: string, terms: Terms): Pick<TicketRow, 'salt' | 'sealed'> {
    const secret = new SecretBytes(Buffer.from(JSON.stringify(terms), 'utf8'));
    return sealColumns(this.keyring, id, TERMS_GENERATION, secret);
  }
}

/** The Tickets port over PostgreSQL. A Ticket Value is the row's identifier and a secret. */
export class PostgresTickets implements Tickets {
  readonly #transactions: DirectoryTransactions;
  readonly #changes: PostgresTicketChanges;
  /** Of those who wait for the lock of one ticket, one has a connection. */
  readonly #turns = new Turns();

  constructor(
    private readonly database: Database,
    private readonly keyring: Keyring,
    private readonly nowMs: () => number,
  ) {
    this.#transactions = new DirectoryTransactions(database, keyring, nowMs);
    this.#changes = new PostgresTicketChanges((actor, work) => this.#change(actor, work), keyring, nowMs);
  }

  issue(ticket: NewTicket, principal: Principal): Promise<Buffer> {
    return this.#changes.issue(ticket, principal);
  }

  async end(ticketValue: Buffer, principal: Principal): Promise<void> {
    await this.#inTurn(ticketIdOf(ticketValue), () => this.#changes.end(ticketValue, principal));
  }

  async show(ticketValue: Buffer, peer: string): Promise<ShownTicket> {
    await this.keyring.ensure(SYSTEM_DOMAIN_ID);
    const id = ticketIdOf(ticketValue);
    const [result] = await repeatable(
      (run) => this.database.hot(run),
      (session) => session.prepared<Result>('show_ticket', SHOW, [id]),
    );
    if (result === undefined) throw invalid();
    const row = tickets.read(this.keyring, result, 't');
    tickets.requireFound(row, { id });
    requireInForce(row, ticketValue, this.nowMs());
    const terms = this.#termsOf(row);
    const holder = this.#holderOf(row, result, terms);
    const domain = domains.read(this.keyring, result, 'd');
    domains.requireFound(domain, { id: row.domain_id });
    if (row.requests_left !== null) await this.#spendRequest(row, ticketValue, peer);
    return {
      id,
      holder,
      domain: domainOf(domain),
      clientId: (row.client_id ?? undefined) as string | undefined,
      credentialId: terms.credentialId,
      rights: terms.rights,
      isCounted: row.uses_left !== null || leftOf(row).some((left) => left !== null),
    };
  }

  spend(ticketId: string, rights: readonly number[], principal: Principal): Promise<void> {
    return this.#inTurn(ticketId, () => this.#changes.spend(ticketId, rights, principal));
  }

  #spendRequest(before: TicketRow, ticketValue: Buffer, peer: string): Promise<void> {
    const { holder_kind: kind, holder_id: id, holder_name: name } = before;
    const actor = { kind: kind as 'client' | 'user', id: id as string, name: name as string, peer };
    const spend = async (transaction: DirectoryTransaction): Promise<void> => {
      const row = await locked(transaction.session, this.keyring, before.id);
      requireInForce(row, ticketValue, this.nowMs());
      const left = row.requests_left as number;
      if (left <= 0) throw exceeded();
      const changed = await transaction.update(tickets, row, { requests_left: left - 1 });
      await transaction.record('ticket.request', changed, row.id, row.domain_id as string);
    };
    return this.#inTurn(before.id, () => this.#change(actor, spend));
  }

  async #inTurn<T>(ticketId: string, work: () => Promise<T>): Promise<T> {
    const endTurn = await this.#turns.take(ticketId);
    try {
      return await work();
    } finally {
      endTurn();
    }
  }

  /** @throws HoldfastError InvalidTicket where the holder is gone, revoked or has another password */
  #holderOf(row: TicketRow, result: Result, { epoch }: Terms): ShownTicket['holder'] {
    if (row.holder_kind === 'user') {
      if (result['u_id'] === null) throw invalid();
      const user = users.read(this.keyring, result, 'u');
      users.requireFound(user, { id: row.holder_id });
      if (epoch !== undefined && user.epoch !== epoch) throw invalid();
      return { user: userOf(user, undefined) };
    }
    if (result['k_id'] === null) throw invalid();
    const held = clients.read(this.keyring, result, 'k');
    clients.requireFound(held, { id: row.holder_id });
    const client = clientOf(held);
    if (client.revokedAtSeconds !== undefined) throw invalid();
    return { client };
  }

  #termsOf(row: TicketRow): Terms {
    const sealed = openColumns(this.keyring, row, TERMS_GENERATION);
    const said =
      sealed === undefined
        ? {}
        : (JSON.parse(sealed.reveal().toString('utf8')) as Terms | readonly TicketRight[]);
    // Of delegated tickets from before there were other terms, the rights alone.
    const terms: Terms = 'map' in said ? { rights: said } : said;
    if ((row.is_delegated === 1) === (terms.rights !== undefined)) return terms;
    throw new HoldfastError('IntegrityViolation', 'a ticket has lost its rights');
  }

  async #change<T>(actor: Actor, work: (transaction: DirectoryTransaction) => Promise<T>): Promise<T> {
    await this.keyring.ensure(SYSTEM_DOMAIN_ID);
    return this.#transactions.run(actor, work);
  }
}

/** The row, which nobody else changes before the transaction ends. */
async function locked(session: Session, keyring: Keyring, id: string): Promise<TicketRow> {
  await session.query('SELECT FROM ticket WHERE id = $1 FOR UPDATE', [id]);
  const [row] = await tickets.find(session, keyring, { id });
  return row ?? Promise.reject(invalid());
}

function requireInForce(row: TicketRow, ticketValue: Buffer, nowMs: number): void {
  const shown = sha256(ticketValue.subarray(ID_BYTES));
  const isShown = timingSafeEqual(shown, row.secret_sha256 as Buffer);
  if (!isShown || row.ended_at !== null || (row.expires_at as number) <= seconds(nowMs)) throw invalid();
}

function seconds(milliseconds: number): number {
  return Math.floor(milliseconds / 1000);
}

function leftOf(row: TicketRow): readonly (number | null)[] {
  return row.rights_left === null ? [] : (JSON.parse(row.rights_left as string) as (number | null)[]);
}

function ticketIdOf(ticketValue: Buffer): string {
  if (ticketValue.length !== ID_BYTES + SECRET_BYTES) throw invalid();
  return uuidText(ticketValue.subarray(0, ID_BYTES));
}

function uuidBytes(id: string): Buffer {
  return Buffer.from(id.replaceAll('-', ''), 'hex');
}

function sha256(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest();
}

function invalid(): HoldfastError {
  return new HoldfastError('InvalidTicket', 'the ticket is unknown, expired or at an end');
}

function exceeded(): HoldfastError {
  return new HoldfastError('UsageLimitExceeded', 'the ticket has no more requests or operations left');
}
