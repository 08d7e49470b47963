import { randomUUID } from 'node:crypto';
import {
  HoldfastError,
  SYSTEM_DOMAIN_ID,
  isInHsm,
  type Actor,
  type ChangeCause,
  type Keyring,
  type ObjectChange,
} from '@holdfast/core';
import type { ManagedObjectValue } from '@holdfast/kmip';
import { AuthenticatedTable, type DirectoryRow } from './directory/table';
import { DirectoryTransaction, DirectoryTransactions, SYSTEM_ACTOR } from './directory/transaction';
import type { Database, Session } from './postgres/database';
import { repeatable } from './postgres/transaction';
import { uuidText } from './postgres/binary';
import { requireHsmStays } from './root-keys';

/** `making`: asked of the HSM, its object is not written yet. `held`: an object's. `destroying`: no object's any more. */
type Stage = 'making' | 'held' | 'destroying';

export const hsmKeyTable = new AuthenticatedTable('hsm_key', {
  domain_id: 'uuid',
  unique_identifier: 'text',
  stage: 'text',
  expires_at: 'int8',
});
type HsmKeyRow = typeof hsmKeyTable extends AuthenticatedTable<infer Column> ? DirectoryRow<Column> : never;

/** What is recorded of a key that was destroyed inside the HSM. */
const REMOVAL = 'hsm-key.remove';

/** Which keys there are, or may be, inside the HSM. */
export interface HsmKeyStore {
  /**
   * Records that a key is about to be made. Unless its object is written within that time, it is to be destroyed.
   * @returns its CKA_ID in lower-case hex
   * @throws HoldfastError RootOfTrustUnavailable while the HSM is being left for another root of trust
   */
  begin(domainId: string, withinSeconds: number, actor: Actor): Promise<string>;
  /** CKA_IDs of the keys that are to be destroyed; what was not made use of in time is none that an object can get. */
  toBeDestroyed(): Promise<readonly string[]>;
  /** Records that a key is no more. */
  destroyed(keyId: string): Promise<void>;
  /** Which of these keys were destroyed by this database; unchecked: a verification looks at the records. */
  destroyedAmong(keyIds: readonly string[]): Promise<readonly string[]>;
  /** All that are recorded; unchecked: a verification of the store looks at the rows. */
  list(): Promise<readonly RecordedHsmKey[]>;
}

/** A key inside the HSM, as it is recorded. */
export interface RecordedHsmKey {
  /** CKA_ID in lower-case hex. */
  readonly keyId: string;
  readonly domainId: string;
  readonly uniqueIdentifier: string | undefined;
  /** Whether it is an object's: otherwise it is being made, or destroyed. */
  readonly isHeld: boolean;
}

/** The keys inside the HSM over PostgreSQL. */
export class PostgresHsmKeys implements HsmKeyStore {
  readonly #transactions: DirectoryTransactions;

  constructor(
    private readonly database: Database,
    private readonly keyring: Keyring,
    private readonly nowMs: () => number,
  ) {
    this.#transactions = new DirectoryTransactions(database, keyring, nowMs);
  }

  async begin(domainId: string, withinSeconds: number, actor: Actor): Promise<string> {
    await this.keyring.ensure(SYSTEM_DOMAIN_ID);
    const id = randomUUID();
    await this.#transactions.run(actor, async (transaction) => {
      await requireHsmStays(transaction.session);
      const row = await transaction.insert(hsmKeyTable, {
        id,
        domain_id: domainId,
        unique_identifier: null,
        stage: 'making' satisfies Stage,
        expires_at: this.#nowSeconds() + withinSeconds,
      });
      await transaction.record('hsm-key.make', row, id, domainId);
    });
    return id.replaceAll('-', '');
  }

  async toBeDestroyed(): Promise<readonly string[]> {
    await this.keyring.ensure(SYSTEM_DOMAIN_ID);
    const rows = await repeatable(
      (run) => this.database.general(run),
      (session) =>
        session.query<{ id: string }>(
          `SELECT id FROM hsm_key WHERE stage = 'destroying' OR (stage = 'making' AND expires_at < $1)`,
          [this.#nowSeconds()],
        ),
    );
    const due: string[] = [];
    for (const { id } of rows) {
      try {
        if (await this.#giveUp(id)) due.push(id.replaceAll('-', ''));
      } catch (error) {
        // What is not as it was written is found by a verification; the others do not wait for it.
        if (!(error instanceof HoldfastError) || error.code !== 'IntegrityViolation') throw error;
      }
    }
    return due;
  }

  async destroyed(keyId: string): Promise<void> {
    await this.#transactions.run(SYSTEM_ACTOR, async (transaction) => {
      const row = await rowOf(transaction.session, this.keyring, keyId);
      if (row === undefined) return;
      await transaction.remove(hsmKeyTable, row, REMOVAL, row.id, String(row.domain_id));
    });
  }

  async list(): Promise<readonly RecordedHsmKey[]> {
    const rows = await repeatable(
      (run) => this.database.general(run),
      (session) =>
        session.query<{ id: string; domain_id: string; unique_identifier: string | null; stage: Stage }>(
          'SELECT id, domain_id, unique_identifier, stage FROM hsm_key ORDER BY domain_id, unique_identifier',
        ),
    );
    return rows.map(({ id, domain_id: domainId, unique_identifier: uniqueIdentifier, stage }) => ({
      keyId: id.replaceAll('-', ''),
      domainId,
      uniqueIdentifier: uniqueIdentifier ?? undefined,
      isHeld: stage === 'held',
    }));
  }

  async destroyedAmong(keyIds: readonly string[]): Promise<readonly string[]> {
    const uuids = keyIds.filter((keyId) => /^[0-9a-f]{32}$/.test(keyId));
    const rows = await repeatable(
      (run) => this.database.general(run),
      (session) =>
        session.query<{ row_id: string }>(
          `SELECT row_id FROM audit_record WHERE action = '${REMOVAL}' AND row_id = ANY($1::uuid[])`,
          [uuids],
        ),
    );
    return rows.map(({ row_id: id }) => id.replaceAll('-', ''));
  }

  /** From now on no commit can make it an object's. @returns whether it is to be destroyed */
  #giveUp(id: string): Promise<boolean> {
    return this.#transactions.run(SYSTEM_ACTOR, async (transaction) => {
      const row = await rowOf(transaction.session, this.keyring, id);
      if (row?.stage !== 'making') return row?.stage === 'destroying';
      const changed = await transaction.update(hsmKeyTable, row, { stage: 'destroying' satisfies Stage });
      await transaction.record('hsm-key.give-up', changed, id, String(row.domain_id));
      return true;
    });
  }

  #nowSeconds(): number {
    return Math.floor(this.nowMs() / 1000);
  }
}

function keyIdIn(value: ManagedObjectValue | undefined): string | undefined {
  return value !== undefined && 'keyBlock' in value ? value.keyBlock.hsmKey?.keyId : undefined;
}

/** Whether a change gives an object a key inside the HSM, or takes it away. */
export function concernsHsmKeys(change: ObjectChange): boolean {
  if (change.kind === 'create') return keyIdIn(change.object.value) !== undefined;
  return change.value !== 'keep' && change.object.hasValue && isInHsm(change.object.attributes);
}

/**
 * Settles, with the changes that they belong to, whose keys inside the HSM are.
 * @throws HoldfastError RootOfTrustUnavailable where a key took so long that it was given up
 */
export async function settleHsmKeys(
  session: Session,
  keyring: Keyring,
  changes: readonly ObjectChange[],
  { actor }: ChangeCause,
  nowMs: () => number,
): Promise<void> {
  const concerned = changes.filter(concernsHsmKeys);
  if (concerned.length === 0) return;
  await keyring.ensure(SYSTEM_DOMAIN_ID);
  const transaction = new DirectoryTransaction(session, keyring, actor, nowMs);
  for (const change of concerned) {
    const isNew = change.kind === 'create';
    const { domainId, uniqueIdentifier } = change.object;
    const keyId = keyIdIn(isNew ? change.object.value : change.object.openValue());
    const row = keyId === undefined ? undefined : await rowOf(session, keyring, keyId);
    if (row === undefined || row.stage !== (isNew ? 'making' : 'held')) {
      throw new HoldfastError(
        'RootOfTrustUnavailable',
        'the key inside the HSM is not there for this object',
      );
    }
    const stage: Stage = isNew ? 'held' : 'destroying';
    const written = await transaction.update(hsmKeyTable, row, {
      stage,
      unique_identifier: uniqueIdentifier,
    });
    await transaction.record(isNew ? 'hsm-key.hold' : 'hsm-key.destroy', written, row.id, domainId);
    if (!isNew) await transaction.notify({ kind: 'hsm-key', id: row.id });
  }
}

async function rowOf(session: Session, keyring: Keyring, keyId: string): Promise<HsmKeyRow | undefined> {
  const id = uuidText(Buffer.from(keyId.replaceAll('-', ''), 'hex'));
  const [row] = await hsmKeyTable.find(session, keyring, { id });
  return row;
}
