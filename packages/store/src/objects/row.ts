import {
  AttributeSet,
  HoldfastError,
  type SecretBytes,
  type Keyring,
  type SealBinding,
  type SealedValue,
  type StoredObject,
} from '@holdfast/core';
import type { ManagedObjectValue } from '@holdfast/kmip';
import { RowReader, TypeId, type BinaryWriter } from '../postgres/binary';
import { ColumnsWriter, type EncodedColumns } from '../postgres/columns';
import { readValue } from './value-codec';

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
/** Its length and itself. */
const INT2_COLUMN_BYTES = 6;

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

/** What a SELECT names, before OBJECT_SELECTION, to get rows that may be kept: where the row is, and who wrote it. */
export const PLACE_SELECTION = 'o.place, o.writer';
/** These columns in an `object AS x`. */
export const PLACE_COLUMNS = 'x.ctid AS place, x.xmin AS writer';
/** A ctid and an xmin, each with its length. */
const CTID_BYTES = 10;
const PLACE_BYTES = CTID_BYTES + 8;

/** An object as it was read, after its row was found to be what was written, and the newest that was. */
export class StoredRow implements StoredObject, ObjectRow {
  readonly uniqueIdentifier: string;
  readonly ownerId: string;
  readonly generation: number;
  readonly revision: number;
  readonly keyVersion: number;
  /** Offsets from the start of the row. */
  readonly #internalIdAt: number;
  readonly #attributesAt: number;
  readonly #sealedAt: number;
  readonly #macAt: number;
  readonly #length: number;
  #isKept = false;
  /** The opened value of a kept object. */
  #opened: SecretBytes | undefined;

  /**
   * @param domainId the domain in which it was looked for
   * @param bytes hold the columns of OBJECT_COLUMNS and the MAC, each with its length, from `start` on; of a row that is to
   * be kept, the columns of PLACE_SELECTION stand before them
   */
  constructor(
    private readonly keyring: Keyring,
    readonly domainId: string,
    private bytes: Buffer,
    private start: number,
  ) {
    const reader = new RowReader(bytes, start);
    reader.skip();
    reader.skip();
    this.uniqueIdentifier = reader.text();
    this.#internalIdAt = reader.offset - start;
    reader.skip();
    this.ownerId = reader.uuid();
    this.generation = reader.int4();
    this.revision = reader.int4();
    this.keyVersion = reader.int4();
    this.#attributesAt = reader.offset - start;
    reader.skip();
    reader.skip();
    this.#sealedAt = reader.offset - start;
    reader.skip();
    this.#macAt = reader.offset - start;
    reader.skip();
    this.#length = reader.offset - start;
  }

  get internalId(): string {
    return this.#reader(this.#internalIdAt).uuid();
  }

  get attributeBytes(): Buffer {
    return this.#reader(this.#attributesAt).bytea();
  }

  get attributes(): AttributeSet {
    return AttributeSet.fromBytes(this.attributeBytes);
  }

  get sealedValue(): SealedValue | undefined {
    const reader = this.#reader(this.#attributesAt);
    reader.skip();
    const salt = reader.byteaOrNull();
    const sealed = reader.byteaOrNull();
    return salt === undefined || sealed === undefined ? undefined : { salt, sealed };
  }

  get hasValue(): boolean {
    return this.sealedValue !== undefined;
  }

  /** What the MAC covers. */
  get columns(): Buffer {
    return this.bytes.subarray(this.start, this.start + this.#macAt);
  }

  get mac(): Buffer {
    return this.#reader(this.#macAt).bytea();
  }

  openValue(): ManagedObjectValue {
    if (this.#opened !== undefined) return readValue(this.#opened.copy());
    const { sealedValue } = this;
    if (sealedValue === undefined) {
      throw new HoldfastError('KeyValueNotPresent', 'the object has no value here');
    }
    const plaintext = this.keyring.open(bindingOf(this), sealedValue);
    if (!this.#isKept) return readValue(plaintext);
    this.#keepOpened(plaintext);
    return readValue(plaintext);
  }

  /** Writes where its version of the row lies, of a row that was kept: the element of an array, as the others. */
  writeCtid(writer: BinaryWriter): void {
    this.#write(writer, -PLACE_BYTES, CTID_BYTES - PLACE_BYTES);
  }

  /** Writes the transaction that made that version. */
  writeXmin(writer: BinaryWriter): void {
    this.#write(writer, CTID_BYTES - PLACE_BYTES, 0);
  }

  writeMac(writer: BinaryWriter): void {
    this.#write(writer, this.#macAt, this.#length);
  }

  /** How long the row is, in bytes. */
  get lengthBytes(): number {
    return this.#length;
  }

  /** What it needs to be kept: for its place, the row, and its opened value. */
  get roomBytes(): number {
    return PLACE_BYTES + this.#length + this.#valueBytes;
  }

  /** The opened value is shorter than the sealed one. */
  get #valueBytes(): number {
    return this.#macAt - this.#sealedAt;
  }

  /**
   * Moves to memory where it may stay: `roomBytes` from `start` on. All that is made of it lies there, since a hundred
   * thousand small objects would be looked at by each collection of garbage. Its value stays open from its first use on,
   * until `release`; it moves along where the row is moved again.
   */
  keepIn(bytes: Buffer, start: number): void {
    this.bytes.copy(bytes, start, this.start - PLACE_BYTES, this.start + this.#length);
    this.bytes = bytes;
    this.start = start + PLACE_BYTES;
    this.#isKept = true;
    const opened = this.#opened;
    if (opened !== undefined) this.#keepOpened(opened);
    opened?.destroy();
  }

  #keepOpened(plaintext: SecretBytes): void {
    const from = this.start + this.#length;
    this.#opened = plaintext.copyInto(this.bytes.subarray(from, from + this.#valueBytes));
  }

  /** Zeroes the opened value. Who goes on using the object has its value opened anew each time. */
  release(): void {
    this.#isKept = false;
    this.#opened?.destroy();
    this.#opened = undefined;
  }

  #write(writer: BinaryWriter, from: number, to: number): void {
    writer.rawRange(this.bytes, this.start + from, this.start + to);
  }

  #reader(at: number): RowReader {
    return new RowReader(this.bytes, this.start + at);
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
  const row = new StoredRow(keyring, domainId, reader.bytes, reader.offset);
  const format = reader.int2();
  reader.offset += row.lengthBytes - INT2_COLUMN_BYTES;
  const newestRevision = reader.int4OrNull();
  // The domain need not be compared: the key of the MAC is that of the domain in which the row was looked for.
  if (format !== FORMAT || !keyring.verifyMac(domainId, row.keyVersion, 'object-row', row.columns, row.mac)) {
    throw new HoldfastError('IntegrityViolation', 'the stored object is not what was written');
  }
  if (newestRevision !== row.revision) {
    throw new HoldfastError('IntegrityViolation', 'the stored object is not the one that was recorded last');
  }
  return row;
}
