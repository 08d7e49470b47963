import { createHash, randomUUID } from 'node:crypto';
import {
  DEVICE_IDENTIFIERS,
  HoldfastError,
  SYSTEM_DOMAIN_ID,
  type Actor,
  type DeviceIdentifiers,
  type Keyring,
  type NewUser,
  type Role,
  type SecretBytes,
  type User,
  type UserCounter,
  type Users,
} from '@holdfast/core';
import { isStorable } from '../objects/change';
import type { Database, Session } from '../postgres/database';
import { repeatable } from '../postgres/transaction';
import { openColumns, sealColumns } from './sealed-columns';
import { AuthenticatedTable, type DirectoryRow } from './table';
import { DirectoryTransactions, type DirectoryTransaction } from './transaction';

export const users = new AuthenticatedTable('kmip_user', {
  name: 'text',
  domain_id: 'uuid',
  role: 'text',
  client_ids: 'text',
  device: 'text',
  device_digest: 'bytea',
  device_key: 'bytea',
  epoch: 'int4',
  salt: 'bytea',
  sealed: 'bytea',
  last_time_stamp_us: 'int8',
  last_one_time_step: 'int8',
  created_at: 'int8',
});
type Column = typeof users extends AuthenticatedTable<infer Name> ? Name : never;
type UserRow = DirectoryRow<Column>;

const COUNTERS = {
  'time-stamp-us': 'last_time_stamp_us',
  'one-time-step': 'last_one_time_step',
} as const satisfies Record<UserCounter, Column>;

/** The Users port over PostgreSQL. */
export class PostgresUsers implements Users {
  readonly #transactions: DirectoryTransactions;

  constructor(
    private readonly database: Database,
    private readonly keyring: Keyring,
    private readonly nowMs: () => number,
  ) {
    this.#transactions = new DirectoryTransactions(database, keyring, nowMs);
  }

  addUser(user: NewUser, actor: Actor): Promise<User> {
    const id = randomUUID();
    const { name, domainId, role, clientIds, device, verifiers } = user;
    return this.#change(actor, async (transaction) => {
      const sealed = verifiers === undefined ? undefined : sealColumns(this.keyring, id, 1, verifiers);
      const row = await transaction.insert(users, {
        id,
        name,
        domain_id: domainId,
        role,
        client_ids: clientIds.length === 0 ? null : JSON.stringify(clientIds),
        ...deviceColumns(device),
        epoch: 1,
        salt: sealed?.salt ?? null,
        sealed: sealed?.sealed ?? null,
        last_time_stamp_us: null,
        last_one_time_step: null,
        created_at: Math.floor(this.nowMs() / 1000),
      });
      await transaction.record('user.add', row, name, domainId);
      return userOf(row, verifiers);
    });
  }

  listUsers(): Promise<readonly User[]> {
    return this.#read((session) => users.select(session, this.keyring, 'true ORDER BY t.name'));
  }

  changeVerifiers(name: string, verifiers: SecretBytes, actor: Actor): Promise<User> {
    return this.#change(actor, async (transaction) => {
      const row = await this.#named(transaction.session, name);
      const epoch = (row.epoch as number) + 1;
      const { salt, sealed } = sealColumns(this.keyring, row.id, epoch, verifiers);
      const changed = await transaction.update(users, row, { epoch, salt, sealed });
      const { domainId } = userOf(changed, verifiers);
      await transaction.record('user.passwd', changed, name, domainId);
      await transaction.notify({ kind: 'user', id: row.id });
      return userOf(changed, verifiers);
    });
  }

  removeUser(name: string, actor: Actor): Promise<void> {
    return this.#change(actor, async (transaction) => {
      const row = await this.#named(transaction.session, name);
      await transaction.remove(users, row, 'user.remove', name, userOf(row, undefined).domainId);
      await transaction.notify({ kind: 'user', id: row.id });
    });
  }

  async userNamed(name: string): Promise<User | undefined> {
    if (!isStorable(name)) return undefined;
    const [user] = await this.#find('user_named', 't.name = $1 AND t.device IS NULL', [name], (row) => {
      users.requireFound(row, { name, device: null });
    });
    return user;
  }

  devicesLike(identifiers: DeviceIdentifiers): Promise<readonly User[]> {
    const keys = deviceKeys(identifiers);
    return this.#find('devices_like', 't.device_key = ANY ($1::bytea[])', [keys], (row) => {
      users.requireFound(row, { device_key: keys });
    });
  }

  advance(user: User, counter: UserCounter, value: number, actor: Actor): Promise<boolean> {
    const column = COUNTERS[counter];
    return this.#change(actor, async (transaction) => {
      const [row] = await users.find(transaction.session, this.keyring, { id: user.id });
      if (row?.epoch !== user.epoch) return false;
      if (((row[column] ?? -Infinity) as number) >= value) return false;
      const changed = await transaction.update(users, row, { [column]: value });
      await transaction.record('user.authenticate', changed, user.name, user.domainId);
      return true;
    });
  }

  async #named(session: Session, name: string): Promise<UserRow> {
    const [row] = await users.find(session, this.keyring, { name: isStorable(name) ? name : '' });
    if (row === undefined)
      throw new HoldfastError('ItemNotFound', `no user is called ${JSON.stringify(name)}`);
    return row;
  }

  #find(
    name: string,
    condition: string,
    values: readonly unknown[],
    requireFound: (row: UserRow) => void,
  ): Promise<readonly User[]> {
    return this.#read(async (session) => {
      const text = `SELECT ${users.selection('t')} FROM kmip_user AS t WHERE ${condition}`;
      const results = await session.prepared<Parameters<typeof users.read>[1]>(name, text, values);
      const rows = results.map((result) => users.read(this.keyring, result, 't'));
      rows.forEach(requireFound);
      return rows;
    });
  }

  async #read(select: (session: Session) => Promise<readonly UserRow[]>): Promise<readonly User[]> {
    await this.keyring.ensure(SYSTEM_DOMAIN_ID);
    const rows = await repeatable((run) => this.database.hot(run), select);
    return rows.map((row) => userOf(row, openColumns(this.keyring, row, row.epoch as number)));
  }

  async #change<T>(actor: Actor, work: (transaction: DirectoryTransaction) => Promise<T>): Promise<T> {
    await this.keyring.ensure(SYSTEM_DOMAIN_ID);
    return this.#transactions.run(actor, work);
  }
}

export function userOf(row: UserRow, verifiers: SecretBytes | undefined): User {
  return {
    id: row.id,
    name: row.name as string,
    domainId: row.domain_id as string,
    role: row.role as Role,
    clientIds: row.client_ids === null ? [] : (JSON.parse(row.client_ids as string) as readonly string[]),
    device: row.device === null ? undefined : (JSON.parse(row.device as string) as DeviceIdentifiers),
    epoch: row.epoch as number,
    verifiers,
    createdAtSeconds: row.created_at as number,
  };
}

function deviceColumns(
  device: DeviceIdentifiers | undefined,
): Pick<Readonly<Record<Column, string | Buffer | null>>, 'device' | 'device_digest' | 'device_key'> {
  if (device === undefined) return { device: null, device_digest: null, device_key: null };
  const text = JSON.stringify(Object.fromEntries(given(device)));
  return { device: text, device_digest: sha256(text), device_key: deviceKeys(device)[0] ?? null };
}

/** By each of these a device can be looked up: it is kept under the first that it has. */
function deviceKeys(device: DeviceIdentifiers): readonly Buffer[] {
  return given(device).map((entry) => sha256(JSON.stringify(entry)));
}

function given(device: DeviceIdentifiers): readonly (readonly [string, string])[] {
  return DEVICE_IDENTIFIERS.flatMap((name) => {
    const value = device[name];
    return value === undefined ? [] : [[name, value] as const];
  });
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text, 'utf8').digest();
}
