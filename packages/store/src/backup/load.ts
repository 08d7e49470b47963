import { once } from 'node:events';
import { finished } from 'node:stream/promises';
import { SecretBytes } from '@holdfast/core';
import { HoldfastError } from '@holdfast/ttlv';
import type { Client, ClientConfig } from 'pg';
import { from as copyFrom, type CopyStreamQuery } from 'pg-copy-streams';
import { ROOT_SPLIT } from '../custody';
import { migrate } from '../migrate';
import { MIGRATIONS } from '../migrations';
import { ROOT_CHECK_VALUE, type StoredDomainKey } from '../domain-keys';
import { withClient } from '../postgres/single-client';
import {
  decodeFrames,
  type BackupFacts,
  type DomainKeyFrame,
  type OldDomainKeyFrame,
  type TableFacts,
} from './frames';
import { BACKED_UP_TABLES } from './tables';

/** The root of trust that a restored store belongs to. */
export interface RestoringRoot {
  keyCheckValue(): Promise<string>;
  /** The public facts of its splitting, where custodians hold the root key (see CustodyStore). */
  readonly split?: string | undefined;
  /** Wraps a domain key, or what is left of a retired one, for its row; the key stays the caller's. */
  wrap(row: Pick<StoredDomainKey, 'domainId' | 'version' | 'status'>, key: SecretBytes): Promise<Buffer>;
}

/**
 * Whether nothing is stored in the database yet.
 * @throws HoldfastError StoreUnavailable
 */
export async function isEmptyStore(config: string | ClientConfig): Promise<boolean> {
  return withClient(config, async (client) => {
    for (const table of ['schema_migration', 'domain_key', ...BACKED_UP_TABLES]) {
      const { rows } = await client.query<{ found: boolean }>('SELECT to_regclass($1) IS NOT NULL AS found', [
        table,
      ]);
      if (rows[0]?.found !== true || table === 'schema_migration') continue;
      if ((await client.query(`SELECT FROM ${table} LIMIT 1`)).rows.length > 0) return false;
    }
    return true;
  });
}

/**
 * Loads the frames of a backup into an empty database, in one transaction, and brings its schema up to date.
 * @param content the frames; they must have been verified before: what they yield is written as it comes
 * @returns what the backup says of itself
 * @throws HoldfastError Configuration where the backup is newer than this program, IntegrityViolation, StoreUnavailable
 */
export async function loadStore(
  config: string | ClientConfig,
  content: AsyncIterable<Buffer>,
  root: RestoringRoot,
): Promise<BackupFacts> {
  const frames = decodeFrames(content);
  const first = await frames.next();
  if (first.done === true || first.value.kind !== 'about') throw damaged();
  const { about } = first.value;
  const steps = MIGRATIONS.filter(({ version }) => version <= about.schemaVersion);
  if (steps.at(-1)?.version !== about.schemaVersion) {
    throw new HoldfastError(
      'Configuration',
      `the backup has schema version ${about.schemaVersion}, which is newer than this program`,
    );
  }
  await migrate(config, steps);
  await withClient(config, async (client) => {
    await client.query('BEGIN');
    const insertSetting = 'INSERT INTO setting (name, value) VALUES ($1, $2)';
    await client.query(insertSetting, [ROOT_CHECK_VALUE, await root.keyCheckValue()]);
    if (root.split !== undefined) await client.query(insertSetting, [ROOT_SPLIT, root.split]);
    await loadFrames(client, frames, root);
    await client.query('COMMIT');
  });
  await migrate(config);
  return about;
}

async function loadFrames(
  client: Client,
  frames: ReturnType<typeof decodeFrames>,
  root: RestoringRoot,
): Promise<void> {
  let table: FilledTable | undefined;
  for await (const frame of frames) {
    switch (frame.kind) {
      case 'domain-key':
      case 'old-domain-key':
        // The connection takes no other statement while a table is filled.
        if (table !== undefined) throw damaged();
        await (frame.kind === 'domain-key'
          ? insertDomainKey(client, frame.key, root)
          : insertOldDomainKey(client, frame.key, root));
        break;
      case 'table':
        await table?.end();
        table = new FilledTable(client.query(copyFrom(copyStatement(frame.table))));
        break;
      case 'rows':
        if (table === undefined) throw damaged();
        await table.add(frame.bytes);
        break;
      case 'end':
        await table?.end();
        break;
      case 'about':
        throw damaged();
    }
  }
}

/** A table that rows are copied into. What PostgreSQL refuses is told of at the next call, whenever it refused it. */
class FilledTable {
  #failure: Error | undefined;

  constructor(private readonly rows: CopyStreamQuery) {
    rows.on('error', (error) => (this.#failure ??= error));
  }

  async add(bytes: Buffer): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    if (!this.rows.write(bytes)) await once(this.rows, 'drain');
  }

  async end(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    this.rows.end();
    await finished(this.rows);
  }
}

/** Names are those of this program's tables: nothing else of the file gets into SQL. */
function copyStatement({ name, columns }: TableFacts): string {
  const table = BACKED_UP_TABLES.find((known) => known === name);
  if (table === undefined) throw damaged();
  return `COPY ${table} (${columns.join(', ')}) FROM STDIN (FORMAT binary)`;
}

async function insertDomainKey(
  client: Client,
  { row, key }: DomainKeyFrame,
  root: RestoringRoot,
): Promise<void> {
  const secret = new SecretBytes(key);
  const { domainId, version, status, createdAtSeconds, changedAtSeconds, id, revision, mac } = row;
  try {
    await client.query(
      `INSERT INTO domain_key (domain_id, version, status, created_at, changed_at, id, revision, mac)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
      [domainId, version, status, createdAtSeconds, changedAtSeconds, id, revision, mac],
    );
    await client.query(
      'INSERT INTO domain_key_wrapping (domain_id, version, root, wrapped) VALUES ($1, $2, $3, $4)',
      [domainId, version, await root.keyCheckValue(), await root.wrap(row, secret)],
    );
  } finally {
    secret.destroy();
  }
}

/** Into the table as it was in the schema of such backups: the steps after it bring it up to date. */
async function insertOldDomainKey(
  client: Client,
  { domainId, version, current, createdAtSeconds, key }: OldDomainKeyFrame,
  root: RestoringRoot,
): Promise<void> {
  const secret = new SecretBytes(key);
  const status = current ? 'current' : 'superseded';
  try {
    await client.query(
      'INSERT INTO domain_key (domain_id, version, wrapped, status, created_at) VALUES ($1, $2, $3, $4, $5)',
      [domainId, version, await root.wrap({ domainId, version, status }, secret), status, createdAtSeconds],
    );
  } finally {
    secret.destroy();
  }
}

function damaged(): HoldfastError {
  return new HoldfastError('IntegrityViolation', 'the backup does not hold what a backup holds');
}
