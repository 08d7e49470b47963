import { createHash } from 'node:crypto';
import { HoldfastError } from '@holdfast/ttlv';
import { Client, type ClientConfig } from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import { storeError } from '../postgres/errors';
import { withClient } from '../postgres/single-client';
import { decodeFrames, type BackupFacts, type TableFacts } from './frames';

/** What a table holds, whatever the order of its rows. */
export interface TableContents extends TableFacts {
  readonly rows: number;
  /** Sum modulo 2^256 of the SHA-256 of each row in PostgreSQL's binary COPY format, in hex. */
  readonly sha256Sum: string;
}

const SIGNATURE_BYTES = 11;
const HEADER_BYTES = SIGNATURE_BYTES + 4 + 4;
const SUM_BITS = 256;
const END_OF_ROWS = -1;
const NULL_FIELD = -1;

/** Reads PostgreSQL's binary COPY format row by row, however its bytes are cut. */
class RowDigests {
  rows = 0;
  #sum = 0n;
  #pending: Buffer = Buffer.alloc(0);
  #isPastHeader = false;

  add(part: Buffer): void {
    const bytes = Buffer.concat([this.#pending, part]);
    let offset = this.#isPastHeader ? 0 : headerEnd(bytes);
    if (offset === undefined) {
      this.#pending = bytes;
      return;
    }
    this.#isPastHeader = true;
    for (let end = rowEnd(bytes, offset); end !== undefined; end = rowEnd(bytes, offset)) {
      this.rows++;
      const digest = createHash('sha256').update(bytes.subarray(offset, end)).digest('hex');
      this.#sum = BigInt.asUintN(SUM_BITS, this.#sum + BigInt(`0x${digest}`));
      offset = end;
    }
    this.#pending = bytes.subarray(offset);
  }

  get sha256Sum(): string {
    return this.#sum.toString(16).padStart(SUM_BITS / 4, '0');
  }
}

function headerEnd(bytes: Buffer): number | undefined {
  if (bytes.length < HEADER_BYTES) return undefined;
  const end = HEADER_BYTES + bytes.readUInt32BE(SIGNATURE_BYTES + 4);
  return bytes.length < end ? undefined : end;
}

/** Where the row that begins at `start` ends; undefined where it is not whole, or the rows have come to their end. */
function rowEnd(bytes: Buffer, start: number): number | undefined {
  if (bytes.length < start + 2) return undefined;
  const fields = bytes.readInt16BE(start);
  if (fields === END_OF_ROWS) return undefined;
  let end = start + 2;
  for (let field = 0; field < fields; field++) {
    if (bytes.length < end + 4) return undefined;
    const length = bytes.readInt32BE(end);
    end += 4 + (length === NULL_FIELD ? 0 : length);
  }
  return bytes.length < end ? undefined : end;
}

/**
 * Reads the frames of a backup to their end.
 * @returns what the backup says of itself, and what its tables hold
 * @throws HoldfastError IntegrityViolation, and what `content` throws
 */
export async function contentsOfBackup(
  content: AsyncIterable<Buffer>,
): Promise<{ readonly facts: BackupFacts; readonly tables: readonly TableContents[] }> {
  let facts: BackupFacts | undefined;
  const tables: { readonly table: TableFacts; readonly digests: RowDigests }[] = [];
  for await (const frame of decodeFrames(content)) {
    if (frame.kind === 'about') facts = frame.about;
    else if (frame.kind === 'domain-key' || frame.kind === 'old-domain-key') frame.key.key.fill(0);
    else if (frame.kind === 'table') tables.push({ table: frame.table, digests: new RowDigests() });
    else if (frame.kind === 'rows') tables.at(-1)?.digests.add(frame.bytes);
  }
  if (facts === undefined) {
    throw new HoldfastError('IntegrityViolation', 'the backup does not hold what a backup holds');
  }
  return { facts, tables: tables.map(({ table, digests }) => contentsOf(table, digests)) };
}

function contentsOf(table: TableFacts, { rows, sha256Sum }: RowDigests): TableContents {
  return { ...table, rows, sha256Sum };
}

/**
 * What these columns of a database's tables hold.
 * @param tables as they came from `contentsOfBackup`
 * @throws HoldfastError StoreUnavailable
 */
export async function contentsOfDatabase(
  config: string | ClientConfig,
  tables: readonly TableFacts[],
): Promise<readonly TableContents[]> {
  return withClient(config, async (client) => {
    const contents: TableContents[] = [];
    for (const table of tables) {
      const digests = new RowDigests();
      const statement = `COPY ${table.name} (${table.columns.join(', ')}) TO STDOUT (FORMAT binary)`;
      for await (const bytes of client.query(copyTo(statement)) as AsyncIterable<Buffer>) digests.add(bytes);
      contents.push(contentsOf(table, digests));
    }
    return contents;
  });
}

/** How many objects are in which state; of one without state (Opaque Objects, Certificates) `state` is undefined. */
export interface StateCount {
  readonly state: number | undefined;
  readonly objects: number;
}

/** @throws HoldfastError StoreUnavailable */
export async function statesOf(config: string | ClientConfig): Promise<readonly StateCount[]> {
  return withClient(config, async (client) => {
    const { rows } = await client.query<{ state: number | null; objects: number }>(
      'SELECT state::int4 AS state, count(*)::int4 AS objects FROM object_projection GROUP BY state ORDER BY state',
    );
    return rows.map(({ state, objects }) => ({ state: state ?? undefined, objects }));
  });
}

/**
 * One line for each object: hex of domain and unique identifier, revision, SHA-256 of its row (attributes, sealed value,
 * MAC), with tabs between them; in the order of the first. Nothing in it is secret.
 * @throws HoldfastError StoreUnavailable
 */
export async function* objectDigestLines(config: string | ClientConfig): AsyncGenerator<Buffer> {
  const client = new Client(config);
  client.on('error', () => undefined);
  try {
    await client.connect();
    const stream = client.query(
      copyTo(`COPY (SELECT
          (replace(domain_id::text, '-', '') || encode(convert_to(unique_identifier, 'UTF8'), 'hex')) COLLATE "C" AS id,
          revision, encode(sha256(convert_to(o::text, 'UTF8')), 'hex')
        FROM object AS o ORDER BY id) TO STDOUT`),
    );
    for await (const bytes of stream as AsyncIterable<Buffer>) yield bytes;
  } catch (error) {
    throw storeError(error);
  } finally {
    await client.end().catch(() => undefined);
  }
}
