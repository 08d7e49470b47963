import { HoldfastError, type ChangeCause, type Keyring, type NewObject } from '@holdfast/core';
import type { Database, Session } from '../postgres/database';
import { repeatable } from '../postgres/transaction';
import { prepareChange } from './change';
import { InternalIds } from './internal-id';
import { ObjectWriter } from './writer';

/** Objects whose rows are gone while their change records are there: to read them is an error, and to make them anew is not. */
export interface LostObjectStore {
  /** Undefined where the row is there, or nothing was ever recorded of such an object. */
  find(domainId: string, uniqueIdentifier: string): Promise<{ readonly wasDestroyed: boolean } | undefined>;
  /**
   * Writes an object in the place of a lost one: as the revision after the last that was recorded, of another generation,
   * so that an older row of it stays refused.
   * @throws HoldfastError ItemNotFound where none is lost; as KeyStore.commit
   */
  recover(object: NewObject, cause: ChangeCause): Promise<void>;
}

interface Recorded {
  readonly revision: number;
  readonly generation: number;
  readonly is_destroyed: boolean;
}

const LOST = `SELECT max(c.revision) AS revision, max(c.generation) AS generation,
    (array_agg(c.operation ORDER BY c.revision DESC) FILTER (WHERE c.operation IN ('Destroy', 'EscrowRecover')))[1]
      IS NOT DISTINCT FROM 'Destroy' AS is_destroyed
  FROM change_record AS c WHERE c.domain_id = $1 AND c.unique_identifier = $2
    AND NOT EXISTS (SELECT FROM object AS o WHERE o.domain_id = $1 AND o.unique_identifier = $2)
  HAVING count(*) > 0`;

export class PostgresLostObjects implements LostObjectStore {
  readonly #internalIds: InternalIds;
  readonly #writer: ObjectWriter;

  constructor(
    private readonly database: Database,
    private readonly keyring: Keyring,
    private readonly nowMs: () => number,
  ) {
    this.#internalIds = new InternalIds(nowMs);
    this.#writer = new ObjectWriter(database, keyring, this.#internalIds, nowMs);
  }

  async find(
    domainId: string,
    uniqueIdentifier: string,
  ): Promise<{ readonly wasDestroyed: boolean } | undefined> {
    const found = await repeatable(
      (run) => this.database.general(run),
      (session) => lostIn(session, domainId, uniqueIdentifier),
    );
    return found && { wasDestroyed: found.is_destroyed };
  }

  async recover(object: NewObject, cause: ChangeCause): Promise<void> {
    const { domainId, uniqueIdentifier } = object;
    await this.keyring.ensure(domainId);
    await this.#writer.transaction(domainId, async (session, written) => {
      const recorded = await lostIn(session, domainId, uniqueIdentifier);
      if (recorded === undefined) throw new HoldfastError('ItemNotFound', 'no such object is lost');
      // What is left of it beside its row.
      for (const table of ['object_name', 'object_projection']) {
        await session.query(`DELETE FROM ${table} WHERE domain_id = $1 AND unique_identifier = $2`, [
          domainId,
          uniqueIdentifier,
        ]);
      }
      const { keyring } = this;
      const context = { keyring, internalIds: this.#internalIds, nowMs: this.nowMs(), recorded };
      const prepared = prepareChange({ kind: 'create', object }, cause, context);
      await this.#writer.write(session, [prepared]);
      written.push(prepared);
    });
  }
}

async function lostIn(
  session: Session,
  domainId: string,
  uniqueIdentifier: string,
): Promise<Recorded | undefined> {
  const [row] = await session.query<Recorded>(LOST, [domainId, uniqueIdentifier]);
  return row;
}
