import { AUDIT_BATCH_NAMES, AUDIT_BATCH_VALUES, appendAuditBatch } from '../records/audit-batch';
import { CHANGE_RECORD_COLUMNS } from '../records/change-record';
import { TypeId, type BinaryWriter } from '../postgres/binary';
import { arrayTypes, writeColumnArrays } from '../postgres/columns';
import { unlessRetired } from '../postgres/retired-keys';
import type { Statement } from '../postgres/statement';
import type { PreparedChange } from './change';
import type { Projection } from './projection';
import {
  OBJECT_COLUMNS,
  OBJECT_SELECTION,
  PLACE_COLUMNS,
  PLACE_SELECTION,
  type ObjectRow,
  type StoredRow,
} from './row';
import { TERM_BYTES } from './terms';

/**
 * The statements of the hot paths. Each serves a batch: its parameters are arrays with one element for each item, and
 * its rows name the items by their numbers, from 1.
 */

const OBJECT_TYPES = OBJECT_COLUMNS.map(([, type]) => type);
const RECORD_TYPES = CHANGE_RECORD_COLUMNS.map(([, type]) => type);
const OBJECT_NAMES = OBJECT_COLUMNS.map(([name]) => name);
const RECORD_NAMES = CHANGE_RECORD_COLUMNS.map(([name]) => name);
/** Columns of the change record that the object's row has as well, with the same value: they are sent once. */
const SHARED_NAMES: ReadonlySet<string> = new Set([
  'domain_id',
  'unique_identifier',
  'revision',
  'internal_id',
  'generation',
]);
const recordInput = (name: string): string => (SHARED_NAMES.has(name) ? name : `record_${name}`);
/** Where the columns that are the record's own stand in it. */
const OWN_RECORD_COLUMNS = RECORD_NAMES.flatMap((name, index) => (SHARED_NAMES.has(name) ? [] : [index]));

const TYPE_NAMES: Readonly<Record<number, string>> = {
  [TypeId.bytea]: 'bytea',
  [TypeId.int2]: 'int2',
  [TypeId.int4]: 'int4',
  [TypeId.int8]: 'int8',
  [TypeId.text]: 'text',
  [TypeId.uuid]: 'uuid',
};

/** Objects by domain and identifier. */
export const fetchObjects: Statement = {
  name: 'fetch_objects',
  parameterTypes: [TypeId.uuidArray, TypeId.textArray],
  text: `SELECT q.n::int4, ${PLACE_SELECTION}, ${OBJECT_SELECTION}
    FROM unnest($1::uuid[], $2::text[]) WITH ORDINALITY AS q (domain_id, unique_identifier, n)
    CROSS JOIN LATERAL (SELECT x.*, ${PLACE_COLUMNS} FROM object AS x
      WHERE x.domain_id = q.domain_id AND x.unique_identifier = q.unique_identifier OFFSET 0) AS o`,
};

/** Which of these identifiers were once given to an object that is not there: not one that was made a moment ago. */
export const findRecorded: Statement = {
  name: 'find_recorded',
  parameterTypes: [TypeId.uuidArray, TypeId.textArray],
  text: `SELECT q.n::int4
    FROM unnest($1::uuid[], $2::text[]) WITH ORDINALITY AS q (domain_id, unique_identifier, n)
    WHERE EXISTS (SELECT FROM change_record AS c
      WHERE c.domain_id = q.domain_id AND c.unique_identifier = q.unique_identifier OFFSET 0)
    AND NOT EXISTS (SELECT FROM object AS x
      WHERE x.domain_id = q.domain_id AND x.unique_identifier = q.unique_identifier OFFSET 0)`,
};

/** Objects by domain and name digest. */
export const fetchNamed: Statement = {
  name: 'fetch_named',
  parameterTypes: [TypeId.uuidArray, TypeId.byteaArray],
  text: `SELECT q.n::int4, ${PLACE_SELECTION}, ${OBJECT_SELECTION}
    FROM unnest($1::uuid[], $2::bytea[]) WITH ORDINALITY AS q (domain_id, name_digest, n)
    CROSS JOIN LATERAL (SELECT y.unique_identifier FROM object_name AS y
      WHERE y.domain_id = q.domain_id AND y.name_digest = q.name_digest OFFSET 0) AS m
    CROSS JOIN LATERAL (SELECT x.*, ${PLACE_COLUMNS} FROM object AS x
      WHERE x.domain_id = q.domain_id AND x.unique_identifier = m.unique_identifier OFFSET 0) AS o`,
};

/** An object that was read before. */
export interface KeptVersion {
  readonly row: StoredRow;
}

const VERSION_TYPES = [TypeId.tidArray, TypeId.xidArray, TypeId.byteaArray];

/**
 * The numbers of those whose row is another by now. A row that is still where it was (ctid), as the same transaction
 * wrote it (xmin), with the same MAC, is the very one that was checked: PostgreSQL changes no row in its place.
 * @param first the number of the first of three parameters
 */
function changedVersions(first: number): string {
  const [ctids, xmins, macs] = [0, 1, 2].map((index) => `$${first + index}`);
  return `SELECT q.n FROM unnest(${ctids}::tid[], ${xmins}::xid[], ${macs}::bytea[])
        WITH ORDINALITY AS q (place, writer, mac, n)
      LEFT JOIN LATERAL (SELECT x.mac, ${PLACE_COLUMNS} FROM object AS x WHERE x.ctid = q.place OFFSET 0) AS now ON true
      WHERE now.mac IS DISTINCT FROM q.mac OR now.writer IS DISTINCT FROM q.writer`;
}

/** Which of these objects are no longer what they were when they were read. */
export const findChanged: Statement = {
  name: 'find_changed',
  parameterTypes: VERSION_TYPES,
  text: `SELECT n::int4 FROM (${changedVersions(1)}) AS changed`,
};

/**
 * Adds a row of audit records where all of these objects still are what they were. Its rows name those of which this is not
 * so; 0 where it was added. A row of records that is there already stays as it is, so that the statement may be run again.
 */
export const appendAuditBatchIf: Statement = {
  name: 'append_audit_batch_if',
  parameterTypes: [...appendAuditBatch.parameterTypes, ...VERSION_TYPES],
  text: `WITH changed AS (${changedVersions(appendAuditBatch.parameterTypes.length + 1)}),
    added AS (INSERT INTO audit_batch (${AUDIT_BATCH_NAMES})
      SELECT ${AUDIT_BATCH_VALUES} WHERE NOT EXISTS (SELECT FROM changed) ON CONFLICT (id) DO NOTHING RETURNING 0)
    SELECT n::int4 FROM changed UNION ALL SELECT 0 FROM added`,
};

/** What the parameters are that say which versions; for `appendAuditBatchIf` after those of the row of records. */
export function writeVersions(writer: BinaryWriter, kept: readonly KeptVersion[]): void {
  const { length } = kept;
  writer.arrayValue(TypeId.tidArray, length, (index) => kept[index]?.row.writeCtid(writer));
  writer.arrayValue(TypeId.xidArray, length, (index) => kept[index]?.row.writeXmin(writer));
  writer.arrayValue(TypeId.byteaArray, length, (index) => kept[index]?.row.writeMac(writer));
}

const PROJECTION_INPUTS = [
  ['storage', TypeId.int2],
  ['state', TypeId.int2],
  ['usage_mask', TypeId.int4],
  ['initial_date', TypeId.int8],
  ['activation_date', TypeId.int8],
  ['deactivation_date', TypeId.int8],
  ['rotation_date', TypeId.int8],
  ['terms_from', TypeId.int4],
  ['terms_to', TypeId.int4],
] as const;
const PROJECTION_NAMES = PROJECTION_INPUTS.slice(0, -2).map(([name]) => name);

const CHANGE_INPUTS: readonly (readonly [string, number])[] = [
  ...OBJECT_COLUMNS,
  ['mac', TypeId.bytea],
  ...OWN_RECORD_COLUMNS.map(
    (index) => [recordInput(RECORD_NAMES[index] ?? ''), RECORD_TYPES[index] ?? 0] as const,
  ),
  ['record_mac', TypeId.bytea],
  ...PROJECTION_INPUTS,
];
const TERMS_PARAMETER = CHANGE_INPUTS.length + 1;
const NEXT_PARAMETER = CHANGE_INPUTS.length + 2;

/** The items as rows. (With so many arrays `unnest` costs more than to look into each: it makes a table of each.) */
function input(extra: readonly (readonly [string, number])[]): string {
  const columns = [...CHANGE_INPUTS, ...extra].map(([name, type], index) => {
    const number = index < CHANGE_INPUTS.length ? index + 1 : index + 2;
    return `($${number}::${TYPE_NAMES[type] ?? ''}[])[n] AS ${name}`;
  });
  return `(SELECT ${columns.join(', ')}, n FROM generate_series(1, cardinality($1::int2[])) AS n)`;
}

const OBJECT_MAC = unlessRetired('i.domain_id', 'i.key_version', 'i.mac');
const TERMS = `($${TERMS_PARAMETER}::int8[])[i.terms_from:i.terms_to]`;
const INSERT_RECORDS = `INSERT INTO change_record (${RECORD_NAMES.join(', ')}, mac)
  SELECT ${RECORD_NAMES.map((name) => `i.${recordInput(name)}`).join(', ')}, i.record_mac`;
const INSERT_PROJECTIONS = `INSERT INTO object_projection
    (domain_id, internal_id, unique_identifier, ${PROJECTION_NAMES.join(', ')}, terms)
  SELECT i.domain_id, i.internal_id, i.unique_identifier,
    ${PROJECTION_NAMES.map((name) => `i.${name}`).join(', ')}, ${TERMS}`;

const INSERT_NAMES = `INSERT INTO object_name (domain_id, name_digest, unique_identifier)
  SELECT domain_id, name_digest, unique_identifier FROM input WHERE name_digest IS NOT NULL
  ORDER BY domain_id, name_digest`;
const INSERT_OBJECTS = `INSERT INTO object (${OBJECT_NAMES.join(', ')}, mac)
  SELECT ${OBJECT_NAMES.map((name) => `i.${name}`).join(', ')}, ${OBJECT_MAC}`;
const CREATE_INPUT = input([['name_digest', TypeId.bytea]]);
const CREATE_TYPES = [
  ...arrayTypes(CHANGE_INPUTS.map(([, type]) => type)),
  TypeId.int8Array,
  TypeId.byteaArray,
];

/**
 * New objects with at most one name each, all or none: a name that is taken, or an identifier that exists, fails the
 * statement. Mostly there is none, and the statement costs a sixth less than the one that looks for them.
 */
export const insertObjects: Statement = {
  name: 'insert_objects',
  parameterTypes: CREATE_TYPES,
  text: `WITH input AS NOT MATERIALIZED ${CREATE_INPUT},
    names AS (${INSERT_NAMES}),
    objects AS (${INSERT_OBJECTS} FROM input AS i),
    records AS (${INSERT_RECORDS} FROM input AS i)
    ${INSERT_PROJECTIONS} FROM input AS i`,
};

/**
 * New objects with at most one name each. Answers the numbers of those that were stored; the others' names are taken.
 * An identifier that exists fails the statement as a whole.
 */
export const createObjects: Statement = {
  name: 'create_objects',
  parameterTypes: CREATE_TYPES,
  text: `WITH input AS ${CREATE_INPUT},
    named AS (
      ${INSERT_NAMES}
      ON CONFLICT DO NOTHING
      RETURNING domain_id, unique_identifier),
    accepted AS MATERIALIZED (
      SELECT * FROM input AS i WHERE i.name_digest IS NULL
        OR (i.domain_id, i.unique_identifier) IN (SELECT domain_id, unique_identifier FROM named)),
    objects AS (${INSERT_OBJECTS} FROM accepted AS i),
    records AS (${INSERT_RECORDS} FROM accepted AS i),
    projections AS (${INSERT_PROJECTIONS} FROM accepted AS i)
    SELECT n::int4 FROM accepted`,
};

const UPDATE_INPUTS = [
  ['previous_revision', TypeId.int4],
  ['keeps_value', TypeId.int2],
] as const;

/**
 * Changed objects, of which none gets a name that it did not have. Answers the numbers of those that were stored; the
 * others had been changed by somebody else since they were read: their rows no longer have the revision.
 *
 * Rows are found in sub-selects that no planner turns round (OFFSET 0) and changed at the place where they were found,
 * so that no plan, however small the tables were when it was made, begins with a scan of the table. A row that somebody has
 * changed since is at that place no more: as it should be for objects. Projections change without their objects (see
 * PostgresRotations.adopt): that of a changed object is written over whatever there is of it.
 */
export const updateObjects: Statement = {
  name: 'update_objects',
  parameterTypes: [
    ...arrayTypes(CHANGE_INPUTS.map(([, type]) => type)),
    TypeId.int8Array,
    ...arrayTypes(UPDATE_INPUTS.map(([, type]) => type)),
    TypeId.int8Array,
    TypeId.byteaArray,
  ],
  text: `WITH input AS ${input(UPDATE_INPUTS)},
    changed AS (
      UPDATE object AS o SET
        generation = i.generation, revision = i.revision, format = i.format, key_version = i.key_version,
        attributes = i.attributes, mac = ${OBJECT_MAC},
        salt = CASE WHEN i.keeps_value = 1 THEN o.salt ELSE i.salt END,
        sealed = CASE WHEN i.keeps_value = 1 THEN o.sealed ELSE i.sealed END
      FROM input AS i
      CROSS JOIN LATERAL (SELECT x.ctid FROM object AS x
        WHERE x.domain_id = i.domain_id AND x.unique_identifier = i.unique_identifier OFFSET 0) AS place
      WHERE o.ctid = place.ctid AND o.revision = i.previous_revision
      RETURNING i.n),
    freed AS (
      DELETE FROM object_name AS o
      USING unnest($${NEXT_PARAMETER + UPDATE_INPUTS.length}::int8[],
        $${NEXT_PARAMETER + UPDATE_INPUTS.length + 1}::bytea[]) AS f (n, name_digest)
      JOIN input AS i ON i.n = f.n
      CROSS JOIN LATERAL (SELECT x.ctid FROM object_name AS x
        WHERE x.domain_id = i.domain_id AND x.name_digest = f.name_digest
          AND x.unique_identifier = i.unique_identifier OFFSET 0) AS place
      WHERE o.ctid = place.ctid AND f.n IN (SELECT n FROM changed)),
    records AS (${INSERT_RECORDS} FROM input AS i WHERE i.n IN (SELECT n FROM changed)),
    projections AS (
      ${INSERT_PROJECTIONS} FROM input AS i WHERE i.storage IS NOT NULL AND i.n IN (SELECT n FROM changed)
      ON CONFLICT (domain_id, internal_id) DO UPDATE SET
        ${PROJECTION_NAMES.map((name) => `${name} = excluded.${name}`).join(', ')}, terms = excluded.terms)
    SELECT n::int4 FROM changed`,
};

/** Projections of objects that have none. */
export const insertProjections: Statement = {
  name: 'insert_projections',
  parameterTypes: [
    TypeId.uuidArray,
    TypeId.uuidArray,
    TypeId.textArray,
    ...arrayTypes(PROJECTION_INPUTS.map(([, type]) => type)),
    TypeId.int8Array,
  ],
  text: `INSERT INTO object_projection
      (domain_id, internal_id, unique_identifier, ${PROJECTION_NAMES.join(', ')}, terms)
    SELECT i.domain_id, i.internal_id, i.unique_identifier, ${PROJECTION_NAMES.map((name) => `i.${name}`).join(', ')},
      ($${PROJECTION_INPUTS.length + 4}::int8[])[i.terms_from:i.terms_to]
    FROM unnest($1::uuid[], $2::uuid[], $3::text[],
      ${PROJECTION_INPUTS.map(([, type], index) => `$${index + 4}::${TYPE_NAMES[type] ?? ''}[]`).join(', ')})
      AS i (domain_id, internal_id, unique_identifier, ${PROJECTION_INPUTS.map(([name]) => name).join(', ')})`,
};

/** Writes the parameters of insertProjections. */
export function writeProjectionRows(
  writer: BinaryWriter,
  rows: readonly Pick<ObjectRow, 'domainId' | 'internalId' | 'uniqueIdentifier'>[],
  projections: readonly Projection[],
): void {
  writer.arrayValue(TypeId.uuidArray, rows.length, (index) => writer.uuidValue(rows[index]?.domainId));
  writer.arrayValue(TypeId.uuidArray, rows.length, (index) => writer.uuidValue(rows[index]?.internalId));
  writer.arrayValue(TypeId.textArray, rows.length, (index) =>
    writer.textValue(rows[index]?.uniqueIdentifier),
  );
  writeProjections(writer, projections);
}

/** Writes the parameters of insertObjects and of createObjects. */
export function writeCreates(writer: BinaryWriter, changes: readonly PreparedChange[]): void {
  writeChanges(writer, changes);
  writer.arrayValue(TypeId.byteaArray, changes.length, (index) => {
    writer.bytesValue(changes[index]?.addedNames[0]);
  });
}

/** Writes the parameters of updateObjects. */
export function writeUpdates(writer: BinaryWriter, changes: readonly PreparedChange[]): void {
  writeChanges(writer, changes);
  writer.arrayValue(TypeId.int4Array, changes.length, (index) => {
    writer.int4Value((changes[index] as PreparedChange).row.revision - 1);
  });
  writer.arrayValue(TypeId.int2Array, changes.length, (index) => {
    writer.int2Value(changes[index]?.keepsValue === true ? 1 : 0);
  });
  const freed = changes.flatMap(({ removedNames }, index) =>
    removedNames.map((digest) => ({ number: index + 1, digest })),
  );
  writer.arrayValue(TypeId.int8Array, freed.length, (index) => writer.int8Value(freed[index]?.number));
  writer.arrayValue(TypeId.byteaArray, freed.length, (index) => writer.bytesValue(freed[index]?.digest));
}

function writeChanges(writer: BinaryWriter, changes: readonly PreparedChange[]): void {
  writeColumnArrays(
    writer,
    OBJECT_TYPES,
    changes.map(({ object }) => object.columns),
  );
  writeMacs(writer, changes, 'object');
  writeColumnArrays(
    writer,
    RECORD_TYPES,
    changes.map(({ record }) => record.columns),
    OWN_RECORD_COLUMNS,
  );
  writeMacs(writer, changes, 'record');
  writeProjections(
    writer,
    changes.map(({ projection }) => projection),
  );
}

function writeMacs(
  writer: BinaryWriter,
  changes: readonly PreparedChange[],
  which: 'object' | 'record',
): void {
  writer.arrayValue(TypeId.byteaArray, changes.length, (index) => {
    writer.bytesValue(changes[index]?.[which].mac);
  });
}

/** One element for each projection, all NULL where there is none; then all terms, in the order of their objects. */
function writeProjections(writer: BinaryWriter, projections: readonly (Projection | undefined)[]): void {
  const count = projections.length;
  const int2 = (value: number | undefined): void =>
    value === undefined ? writer.null() : writer.int2Value(value);
  const int4 = (value: number | undefined): void =>
    value === undefined ? writer.null() : writer.int4Value(value);
  writer.arrayValue(TypeId.int2Array, count, (index) => int2(projections[index]?.storage));
  writer.arrayValue(TypeId.int2Array, count, (index) => int2(projections[index]?.state));
  writer.arrayValue(TypeId.int4Array, count, (index) => int4(projections[index]?.usageMask));
  writer.arrayValue(TypeId.int8Array, count, (index) => writer.int8Value(projections[index]?.initialDate));
  writer.arrayValue(TypeId.int8Array, count, (index) => writer.int8Value(projections[index]?.activationDate));
  writer.arrayValue(TypeId.int8Array, count, (index) =>
    writer.int8Value(projections[index]?.deactivationDate),
  );
  writer.arrayValue(TypeId.int8Array, count, (index) => writer.int8Value(projections[index]?.rotationDate));
  let from = 1;
  writer.arrayValue(TypeId.int4Array, count, (index) => {
    writer.int4Value(from);
    from += termCount(projections[index]);
  });
  let to = 0;
  writer.arrayValue(TypeId.int4Array, count, (index) => {
    to += termCount(projections[index]);
    writer.int4Value(to);
  });
  writer.array(TypeId.int8Array, to, () => {
    for (const projection of projections) if (projection !== undefined) writer.raw(projection.terms);
  });
}

function termCount(projection: Projection | undefined): number {
  return projection === undefined ? 0 : projection.terms.length / TERM_BYTES;
}
