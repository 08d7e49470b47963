import { HoldfastError, type Keyring, type Lead } from '@holdfast/core';
import { TypeId } from '../postgres/binary';
import type { Database, Session } from '../postgres/database';
import { takeLead } from '../postgres/lead';
import { inTransaction, repeatable } from '../postgres/transaction';
import { projectionOf } from './projection';
import { OBJECT_SELECTION, readObject, type StoredRow } from './row';
import { insertProjections, writeProjectionRows } from './statements';
import { IS_OUTDATED } from './terms';

const PAGE_ITEMS = 500;
const FIRST_ID = '00000000-0000-0000-0000-000000000000';
/** Imported objects may be older than 1970. */
const BEFORE_ALL = { rotationDate: Number.MIN_SAFE_INTEGER, internalId: FIRST_ID };

/** An object that is to be rotated, as its projection says: the object itself has to be asked. */
export interface DueRotation {
  readonly domainId: string;
  readonly internalId: string;
  readonly uniqueIdentifier: string;
  /** Seconds since 1970. */
  readonly rotationDate: number;
}

/** An object whose projection an older program wrote, and where that is. */
interface Outdated {
  readonly internalId: string;
  readonly place: string;
  readonly writer: string;
  readonly row: StoredRow | undefined;
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
   * Writes anew what an older program wrote of a domain's objects to find them by: it may not say when they are to be rotated.
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
    after: Pick<DueRotation, 'rotationDate' | 'internalId'> = BEFORE_ALL,
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
      const page: readonly Outdated[] = await this.#outdated(domainId, after);
      count += await this.#renew(page.filter(({ row }) => row !== undefined));
      after = page.length < PAGE_ITEMS ? undefined : page.at(-1)?.internalId;
    }
    return count;
  }

  /** Objects with such projections; without row where one is not what was written: verification names it. */
  async #outdated(domainId: string, after: string): Promise<readonly Outdated[]> {
    const page: Outdated[] = [];
    await this.#run((session) => {
      page.length = 0;
      return session.run(
        {
          name: '',
          parameterTypes: [TypeId.uuid, TypeId.uuid],
          text: `SELECT p.internal_id, p.ctid::text, p.xmin::text, ${OBJECT_SELECTION} FROM object_projection AS p
            JOIN object AS o ON o.domain_id = p.domain_id AND o.unique_identifier = p.unique_identifier
            WHERE p.domain_id = $1 AND p.internal_id > $2 AND ${IS_OUTDATED}
            ORDER BY p.internal_id LIMIT ${PAGE_ITEMS}`,
        },
        (writer) => {
          writer.uuidValue(domainId);
          writer.uuidValue(after);
        },
        (row) => {
          const [internalId, place, writer] = [row.uuid(), row.text(), row.text()];
          page.push({ internalId, place, writer, row: this.#read(row, domainId) });
        },
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

  /** A projection that somebody has written since is as it should be. */
  async #renew(page: readonly Outdated[]): Promise<number> {
    return inTransaction(
      (run) => this.database.transactional(run),
      async (session) => {
        const taken = await session.query<{ n: number }>(
          `DELETE FROM object_projection AS p
            USING unnest($1::tid[], $2::xid[]) WITH ORDINALITY AS i (place, writer, n)
            WHERE p.ctid = i.place AND p.xmin = i.writer RETURNING i.n::int4`,
          [page.map(({ place }) => place), page.map(({ writer }) => writer)],
        );
        const rows = taken.flatMap(({ n }) => page[n - 1]?.row ?? []);
        const projections = rows.map(({ domainId, attributes, attributeBytes }) =>
          projectionOf(domainId, attributes, attributeBytes),
        );
        await session.run(insertProjections, (writer) => writeProjectionRows(writer, rows, projections));
        return rows.length;
      },
      // What is outdated still is found again.
      () => Promise.resolve(false),
    );
  }

  #run<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return repeatable((run) => this.database.general(run), work);
  }
}
