import { HoldfastError, SYSTEM_DOMAIN_ID, type Keyring } from '@holdfast/core';
import type { Session } from '../postgres/database';
import { unlessRetired } from '../postgres/retired-keys';

type ColumnValue = string | number | Buffer | null;
type ColumnKind = 'uuid' | 'text' | 'int4' | 'int8' | 'bytea';

/** Values that columns of a row have to have. */
export type Wanted<Column extends string> = Partial<Readonly<Record<Column | 'id', ColumnValue>>>;

/** A row of a directory table: its values by column. */
export type DirectoryRow<Column extends string> = Readonly<Record<Column | 'id', ColumnValue>> & {
  readonly id: string;
  readonly revision: number;
  /** Version of the key of the MAC, and of the seal where the row has a sealed value. */
  readonly key_version: number;
};

/**
 * A table whose rows are authenticated one by one: the MAC covers the table's name and every column. Each change of a
 * row leaves an audit record with the revision that the row got; a row of another revision than the newest is refused.
 */
export class AuthenticatedTable<Column extends string> {
  readonly #columns: readonly (readonly [string, ColumnKind])[];
  /** The form in which rows are written: 2 where there are columns that those of form 1 do not have. */
  readonly #format: number;

  /**
   * @param addedColumns those that rows written by earlier releases do not have: NULL there, and in no MAC
   * @param isRecorded whether changes of its rows leave records: not those of rows that do no harm when they come back
   */
  constructor(
    readonly name: string,
    columns: Readonly<Record<Column, ColumnKind>>,
    private readonly addedColumns: readonly NoInfer<Column>[] = [],
    readonly isRecorded = true,
  ) {
    this.#format = addedColumns.length === 0 ? 1 : 2;
    this.#columns = [
      ['id', 'uuid'],
      ['revision', 'int4'],
      ...Object.entries<ColumnKind>(columns),
      ['format', 'int4'],
      ['key_version', 'int4'],
    ];
  }

  /** What a SELECT names to get what `read` takes; `alias` stands for the table and before each column's name. */
  selection(alias: string): string {
    const columns = [...this.#columns.map(([name]) => name), 'mac'];
    return `${columns.map((name) => `${alias}.${name} AS ${alias}_${name}`).join(', ')},
      (SELECT a.row_revision FROM audit_record AS a WHERE a.row_id = ${alias}.id
        ORDER BY a.row_revision DESC LIMIT 1) AS ${alias}_newest`;
  }

  /**
   * Checks and takes the row that a SELECT of `selection` brought.
   * @throws HoldfastError IntegrityViolation
   */
  read(keyring: Keyring, result: Readonly<Record<string, ColumnValue>>, alias: string): DirectoryRow<Column> {
    const row: Record<string, ColumnValue> = {};
    for (const [name, kind] of this.#columns)
      row[name] = fromResult(result[`${alias}_${name}`] ?? null, kind);
    const mac = result[`${alias}_mac`];
    const keyVersion = row['key_version'];
    if (
      !this.#isKnownForm(row) ||
      typeof keyVersion !== 'number' ||
      !Buffer.isBuffer(mac) ||
      !keyring.verifyMac(SYSTEM_DOMAIN_ID, keyVersion, 'directory-row', this.#content(row), mac)
    ) {
      throw new HoldfastError(
        'IntegrityViolation',
        `the stored ${this.name} ${String(row['id'])} is not what was written`,
      );
    }
    if (this.isRecorded && result[`${alias}_newest`] !== row['revision']) {
      throw new HoldfastError(
        'IntegrityViolation',
        `the stored ${this.name} ${String(row['id'])} is not the one that was recorded last`,
      );
    }
    return row as DirectoryRow<Column>;
  }

  /**
   * The rows with these values, checked.
   * @param more what follows in the statement; its parameters come after those of the values
   * @throws HoldfastError IntegrityViolation
   */
  async find(
    session: Session,
    keyring: Keyring,
    wanted: Wanted<NoInfer<Column>>,
    more = '',
    values: readonly unknown[] = [],
  ): Promise<readonly DirectoryRow<Column>[]> {
    const condition = Object.keys(wanted).map((name, index) => `t.${name} = $${index + 1}`);
    const all = [...Object.values<unknown>(wanted as Record<string, unknown>), ...values];
    const rows = await this.select(session, keyring, `${condition.join(' AND ')} ${more}`, all);
    for (const row of rows) this.requireFound(row, wanted);
    return rows;
  }

  /**
   * Whether a genuine row is the one that was asked for. That it was found says little: what `=` means, and what a table's name
   * leads to, is the database administrator's to change.
   * @param wanted the values, or several of which a column has to have one
   * @throws HoldfastError IntegrityViolation
   */
  requireFound(
    row: DirectoryRow<Column>,
    wanted: Partial<Readonly<Record<NoInfer<Column> | 'id', ColumnValue | readonly Buffer[]>>>,
  ): void {
    const isWanted = ([name, value]: [string, ColumnValue | readonly Buffer[]]): boolean => {
      const found: ColumnValue = row[name as Column];
      return Array.isArray(value)
        ? (value as readonly Buffer[]).some((each) => isSame(found, each))
        : isSame(found, value as ColumnValue);
    };
    if (Object.entries(wanted as Record<string, ColumnValue | readonly Buffer[]>).every(isWanted)) return;
    throw new HoldfastError(
      'IntegrityViolation',
      `the stored ${this.name} ${row.id} is not what was looked for`,
    );
  }

  /** All rows that a condition holds for, checked; whether it holds is the database's word. The table's alias is "t". */
  async select(
    session: Session,
    keyring: Keyring,
    condition: string,
    values: readonly unknown[] = [],
  ): Promise<readonly DirectoryRow<Column>[]> {
    const results = await session.query<Record<string, ColumnValue>>(
      `SELECT ${this.selection('t')} FROM ${this.name} AS t WHERE ${condition}`,
      values,
    );
    return results.map((result) => this.read(keyring, result, 't'));
  }

  /** Checks every row. @returns identifiers of the rows that are not as they were written, and what is wrong */
  async check(
    session: Session,
    keyring: Keyring,
  ): Promise<{
    readonly rows: number;
    readonly bad: readonly { readonly id: string; readonly error: unknown }[];
  }> {
    const results = await session.query<Record<string, ColumnValue>>(
      `SELECT ${this.selection('t')} FROM ${this.name} AS t`,
    );
    const bad = results.flatMap((result) => {
      try {
        this.read(keyring, result, 't');
        return [];
      } catch (error) {
        return [{ id: String(result['t_id']), error }];
      }
    });
    return { rows: results.length, bad };
  }

  /** Adds a row of revision 1. */
  async insert(
    session: Session,
    keyring: Keyring,
    values: Readonly<Record<Column, ColumnValue>> & { readonly id: string },
  ): Promise<DirectoryRow<Column>> {
    const keyVersion = keyring.currentVersion(SYSTEM_DOMAIN_ID);
    const row = this.#authenticated(keyring, { ...values, revision: 1 }, keyVersion);
    const names = Object.keys(row);
    await session.query(
      `INSERT INTO ${this.name} (${names.join(', ')}) VALUES (${parametersOf(names).join(', ')})`,
      Object.values(row),
    );
    return row as DirectoryRow<Column>;
  }

  /**
   * Writes changed values over a row as it was read.
   * @throws HoldfastError RevisionConflict where somebody else changed it since
   */
  async update(
    session: Session,
    keyring: Keyring,
    before: DirectoryRow<Column>,
    changes: Partial<Readonly<Record<Column, ColumnValue>>>,
  ): Promise<DirectoryRow<Column>> {
    // What stays sealed stays sealed under its key.
    const keepsSeal = 'sealed' in before && !('sealed' in changes);
    const keyVersion = keepsSeal ? before.key_version : keyring.currentVersion(SYSTEM_DOMAIN_ID);
    const values = { ...before, ...changes, revision: before.revision + 1 };
    const row = this.#authenticated(keyring, values, keyVersion);
    const names = Object.keys(row);
    const parameters = parametersOf(names);
    const written = await session.query(
      `UPDATE ${this.name} SET ${names.map((name, index) => `${name} = ${parameters[index] ?? ''}`).join(', ')}
        WHERE id = $${names.length + 1} AND revision = $${names.length + 2} RETURNING 1`,
      [...Object.values(row), before.id, before.revision],
    );
    if (written.length === 0) {
      throw new HoldfastError('RevisionConflict', `the ${this.name} was changed in between`, {
        retryable: true,
      });
    }
    return row as DirectoryRow<Column>;
  }

  /** Takes a row away. Its record is of the revision that it would have got. @throws HoldfastError RevisionConflict */
  async remove(session: Session, row: DirectoryRow<Column>): Promise<void> {
    const removed = await session.query(
      `DELETE FROM ${this.name} WHERE id = $1 AND revision = $2 RETURNING 1`,
      [row.id, row.revision],
    );
    if (removed.length === 0) {
      throw new HoldfastError('RevisionConflict', `the ${this.name} was changed in between`, {
        retryable: true,
      });
    }
  }

  #isKnownForm(row: Readonly<Record<string, ColumnValue>>): boolean {
    if (row['format'] === this.#format) return true;
    return row['format'] === 1 && this.addedColumns.every((name) => row[name] === null);
  }

  #authenticated(
    keyring: Keyring,
    values: Readonly<Record<string, ColumnValue>>,
    keyVersion: number,
  ): Record<string, ColumnValue> {
    const row: Record<string, ColumnValue> = { ...values, format: this.#format, key_version: keyVersion };
    return { ...row, mac: keyring.mac(SYSTEM_DOMAIN_ID, keyVersion, 'directory-row', this.#content(row)) };
  }

  /** The table's name and all columns, each with its length before it (-1: NULL); numbers in decimal. */
  #content(row: Readonly<Record<string, ColumnValue>>): Buffer {
    const parts: Buffer[] = [];
    const left: readonly string[] = row['format'] === 1 ? this.addedColumns : [];
    const columns = this.#columns.filter(([name]) => !left.includes(name));
    for (const value of [this.name, ...columns.map(([name]) => row[name] ?? null)]) {
      const bytes = Buffer.isBuffer(value) ? value : Buffer.from(value === null ? '' : String(value), 'utf8');
      const length = Buffer.alloc(4);
      length.writeInt32BE(value === null ? -1 : bytes.length);
      parts.push(length, bytes);
    }
    return Buffer.concat(parts);
  }
}

/** One parameter for each column: of the MAC, none where the key of the row is retired. */
function parametersOf(names: readonly string[]): readonly string[] {
  const keyVersion = `$${names.indexOf('key_version') + 1}::int4`;
  return names.map((name, index) =>
    name === 'mac'
      ? unlessRetired(`'${SYSTEM_DOMAIN_ID}'`, keyVersion, `$${index + 1}::bytea`)
      : `$${index + 1}`,
  );
}

function isSame(found: ColumnValue, value: ColumnValue): boolean {
  return Buffer.isBuffer(value) ? Buffer.isBuffer(found) && value.equals(found) : value === found;
}

/** pg hands int8 over as text. */
function fromResult(value: ColumnValue, kind: ColumnKind): ColumnValue {
  return kind === 'int8' && typeof value === 'string' ? Number(value) : value;
}
