import {
  AttributeSet,
  HoldfastError,
  type Keyring,
  type SealBinding,
  type SealedValue,
  type StoredObject,
} from '@holdfast/core';
import type { ManagedObjectValue } from '@holdfast/kmip';
import { TypeId, type RowReader } from '../postgres/binary';
import { ColumnsWriter, type EncodedColumns } from '../postgres/columns';
import { openValue } from './value-codec';

/**
 * The canonical row of an object. Its MAC is computed over the columns in this order and in PostgreSQL's binary form,
 * each with its length before it: exactly the bytes that a binary DataRow holds.
 */
export const OBJECT_COLUMNS = [
  ['format', TypeId.int2],
  ['domain_id', TypeId.uuid],
  ['unique_identifier', TypeId.text],
  ['internal_id', TypeId.uuid],
  ['owner_id', TypeId.uuid],
  ['generation', TypeId.int4],
  ['revision', TypeId.int4],
  ['key_version', TypeId.int4],
  ['attributes', TypeId.bytea],
  ['salt', TypeId.bytea],
  ['sealed', TypeId.bytea],
] as const;

/** The form of rows that is written here; the first column of each. */
const FORMAT = 1;

/** What a SELECT names to get rows that `readObject` takes, from `object AS o`: columns, MAC, newest recorded revision. */
export const OBJECT_SELECTION = `${OBJECT_COLUMNS.map(([name]) => `o.${name}`).join(', ')}, o.mac,
  (SELECT c.revision FROM change_record c
    WHERE c.domain_id = o.domain_id AND c.unique_identifier = o.unique_identifier
    ORDER BY c.revision DESC LIMIT 1)`;

export interface ObjectRow {
  readonly domainId: string;
  readonly uniqueIdentifier: string;
  readonly internalId: string;
  readonly ownerId: string;
  readonly generation: number;
  readonly revision: number;
  readonly keyVersion: number;
  /** Canonical bytes of the attributes. */
  readonly attributeBytes: Buffer;
  readonly sealedValue: SealedValue | undefined;
}

export interface AuthenticatedColumns {
  readonly columns: EncodedColumns;
  readonly mac: Buffer;
}

/** Encodes a row and computes its MAC. */
export function encodeObject(keyring: Keyring, row: ObjectRow): AuthenticatedColumns {
  const writer = new ColumnsWriter(384 + row.attributeBytes.length + (row.sealedValue?.sealed.length ?? 0));
  writer.next().int2Value(FORMAT);
  writer.next().uuidValue(row.domainId);
  writer.next().textValue(row.uniqueIdentifier);
  writer.next().uuidValue(row.internalId);
  writer.next().uuidValue(row.ownerId);
  writer.next().int4Value(row.generation);
  writer.next().int4Value(row.revision);
  writer.next().int4Value(row.keyVersion);
  writer.next().bytesValue(row.attributeBytes);
  writer.next().bytesValue(row.sealedValue?.salt);
  writer.next().bytesValue(row.sealedValue?.sealed);
  const columns = writer.columns();
  return { columns, mac: keyring.mac(row.domainId, row.keyVersion, 'object-row', columns.bytes) };
}

/** An object as it was read, after its row was found to be what was written, and the newest that was. */
export class StoredRow implements StoredObject, ObjectRow {
  #attributes: AttributeSet | undefined;

  constructor(
    private readonly keyring: Keyring,
    readonly domainId: string,
    readonly uniqueIdentifier: string,
    readonly internalId: string,
    readonly ownerId: string,
    readonly generation: number,
    readonly revision: number,
    readonly keyVersion: number,
    readonly attributeBytes: Buffer,
    readonly sealedValue: SealedValue | undefined,
  ) {}

  get attributes(): AttributeSet {
    return (this.#attributes ??= AttributeSet.fromBytes(this.attributeBytes));
  }

  get hasValue(): boolean {
    return this.sealedValue !== undefined;
  }

  openValue(): ManagedObjectValue {
    if (this.sealedValue === undefined) {
      throw new HoldfastError('KeyValueNotPresent', 'the object has no value here');
    }
    return openValue(this.keyring, bindingOf(this), this.sealedValue);
  }
}

/** What the sealed value of a row is bound to. */
export function bindingOf(row: Omit<ObjectRow, 'attributeBytes' | 'sealedValue'>): SealBinding {
  const { domainId, internalId, generation, keyVersion } = row;
  return { domainId, internalId, generation, keyVersion };
}

/**
 * Reads and checks one row of OBJECT_SELECTION. `domainId` is the domain in which it was looked for.
 * @throws HoldfastError IntegrityViolation where the row is not what was written or not the newest that was recorded;
 * RootOfTrustUnavailable where the domain's keys are not loaded
 */
export function readObject(keyring: Keyring, reader: RowReader, domainId: string): StoredRow {
  const start = reader.offset;
  const format = reader.int2();
  // The domain need not be compared: the key of the MAC is that of the domain in which the row was looked for.
  reader.skip();
  const uniqueIdentifier = reader.text();
  const internalId = reader.uuid();
  const ownerId = reader.uuid();
  const generation = reader.int4();
  const revision = reader.int4();
  const keyVersion = reader.int4();
  const attributeBytes = reader.bytea();
  const salt = reader.byteaOrNull();
  const sealed = reader.byteaOrNull();
  const content = reader.bytes.subarray(start, reader.offset);
  const mac = reader.bytea();
  const newestRevision = reader.int4OrNull();
  if (format !== FORMAT || !keyring.verifyMac(domainId, keyVersion, 'object-row', content, mac)) {
    throw new HoldfastError('IntegrityViolation', 'the stored object is not what was written');
  }
  if (newestRevision !== revision) {
    throw new HoldfastError('IntegrityViolation', 'the stored object is not the one that was recorded last');
  }
  return new StoredRow(
    keyring,
    domainId,
    uniqueIdentifier,
    internalId,
    ownerId,
    generation,
    revision,
    keyVersion,
    attributeBytes,
    salt === undefined || sealed === undefined ? undefined : { salt, sealed },
  );
}
