import { HoldfastError, type Keyring, type Lead } from '@holdfast/core';
import { TypeId } from '../postgres/binary';
import type { Database, Session } from '../postgres/database';
import { takeLead } from '../postgres/lead';
import { repeatable } from '../postgres/transaction';
import { NEVER, projectionOf, termOf } from './projection';
import { OBJECT_SELECTION, readObject, type StoredRow } from './row';

const PAGE_ITEMS = 500;
const FIRST_ID = '00000000-0000-0000-0000-000000000000';

/** An object that is to be rotated, as its projection says: the object itself has to be asked. */
export interface DueRotation {
  readonly domainId: string;
  readonly internalId: string;
  readonly uniqueIdentifier: string;
  /** Seconds since 1970. */
  readonly rotationDate: number;
}

/** Which objects the server is to rotate by itself. */
export interface RotationStore {
  /**
   * Becomes the one process of all that rotates; undefined while another one does.
   * @throws HoldfastError StoreUnavailable
   */
  lead(): Promise<Lead | undefined>;
  /** Objects whose time has come, those first that have waited longest. @param after the last one before them */
  due(
    nowSeconds: number,
    after: Pick<DueRotation, 'rotationDate' | 'internalId'> | undefined,
    maximumItems: number,
  ): Promise<readonly DueRotation[]>;
  /**
   * Makes those objects of a domain be found that a program wrote that rotated nothing.
   * @returns how many there were
   */
  adopt(domainId: string): Promise<number>;
}

/** The RotationStore over PostgreSQL: what is due is found through an index, whatever else there is. */
export class PostgresRotations implements RotationStore {
  constructor(
    private readonly database: Database,
    private readonly keyring: Keyring,
  ) {}

  lead(): Promise<Lead | undefined> {
    return takeLead(this.database.clientConfig(), 'holdfast rotations');
  }

  async due(
    nowSeconds: number,
    after: Pick<DueRotation, 'rotationDate' | 'internalId'> = { rotationDate: 0, internalId: FIRST_ID },
    maximumItems: number,
  ): Promise<readonly DueRotation[]> {
    return this.#run((session) =>
      session.query<DueRotation & object>(
        `SELECT domain_id AS "domainId", internal_id AS "internalId", unique_identifier AS "uniqueIdentifier",
            rotation_date::float8 AS "rotationDate" FROM object_projection
          WHERE rotation_date <= $1 AND (rotation_date, internal_id) > ($2::int8, $3::uuid)
          ORDER BY rotation_date, internal_id LIMIT $4`,
        [nowSeconds, after.rotationDate, after.internalId, maximumItems],
      ),
    );
  }

  async adopt(domainId: string): Promise<number> {
    await this.keyring.ensure(domainId);
    let count = 0;
    for (let after: string | undefined = FIRST_ID; after !== undefined;) {
      const page: readonly (StoredRow | undefined)[] = await this.#unknown(domainId, after);
      const rows = page.filter((row) => row !== undefined);
      await this.#settle(domainId, rows);
      count += rows.length;
      after = page.length < PAGE_ITEMS ? undefined : rows.at(-1)?.internalId;
    }
    return count;
  }

  /** Objects with Rotate Automatic whose projection does not say when; undefined for one that is not what was written. */
  async #unknown(domainId: string, after: string): Promise<readonly (StoredRow | undefined)[]> {
    const term = termOf(domainId, { key: 'RotateAutomatic', value: true });
    const page: (StoredRow | undefined)[] = [];
    await this.#run((session) => {
      page.length = 0;
      return session.run(
        {
          name: '',
          parameterTypes: [TypeId.uuid, TypeId.int8Array, TypeId.uuid],
          text: `SELECT ${OBJECT_SELECTION} FROM object_projection AS p
            JOIN object AS o ON o.domain_id = p.domain_id AND o.unique_identifier = p.unique_identifier
            WHERE p.domain_id = $1 AND p.terms @> $2 AND p.rotation_date IS NULL AND p.internal_id > $3
            ORDER BY p.internal_id LIMIT ${PAGE_ITEMS}`,
        },
        (writer) => {
          writer.uuidValue(domainId);
          writer.arrayValue(TypeId.int8Array, 1, () => writer.int8Halves(term ?? { high: 0, low: 0 }));
          writer.uuidValue(after);
        },
        (row) => page.push(this.#read(row, domainId)),
      );
    });
    return page;
  }

  #read(row: Parameters<typeof readObject>[1], domainId: string): StoredRow | undefined {
    try {
      return readObject(this.keyring, row, domainId);
    } catch (error) {
      // Verification names it; the others do not wait for it.
      if (error instanceof HoldfastError && error.code === 'IntegrityViolation') return undefined;
      throw error;
    }
  }

  async #settle(domainId: string, rows: readonly StoredRow[]): Promise<void> {
    const dates = rows.map(
      (row) => projectionOf(domainId, row.attributes, row.attributeBytes).rotationDate ?? NEVER,
    );
    const ids = rows.map(({ internalId }) => internalId);
    await this.#run((session) =>
      session.query(
        `UPDATE object_projection AS p SET rotation_date = i.rotation_date
          FROM unnest($2::uuid[], $3::int8[]) AS i (internal_id, rotation_date)
          WHERE p.domain_id = $1 AND p.internal_id = i.internal_id AND p.rotation_date IS NULL`,
        [domainId, ids, dates],
      ),
    );
  }

  #run<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return repeatable((run) => this.database.general(run), work);
  }
}
