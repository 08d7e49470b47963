import type { SecretBytes } from '@holdfast/core';
import { Client, type ClientConfig } from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import { ROOT_CHECK_VALUE, selectDomainKeys, type StoredDomainKey } from '../domain-keys';
import { storeError } from '../postgres/errors';
import { encodeFrame, type Frame } from './frames';
import { BACKED_UP_TABLES } from './tables';

/**
 * All that a restore needs, as frames, of one moment: rows as they lie in the tables (values sealed, rows MACed) and the
 * domain keys, unwrapped. A few rows are held at a time.
 * @param unwrap opens a domain key; the result is destroyed here
 * @throws HoldfastError StoreUnavailable, and what `unwrap` throws
 */
export async function* dumpStore(
  config: string | ClientConfig,
  unwrap: (key: StoredDomainKey) => Promise<SecretBytes>,
): AsyncGenerator<Buffer> {
  const client = new Client(config);
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    for await (const frame of frames(client, unwrap)) {
      const bytes = encodeFrame(frame);
      if (frame.kind === 'domain-key') frame.key.key.fill(0);
      try {
        yield bytes;
      } finally {
        if (frame.kind === 'domain-key') bytes.fill(0);
      }
    }
  } catch (error) {
    throw storeError(error);
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function* frames(
  client: Client,
  unwrap: (key: StoredDomainKey) => Promise<SecretBytes>,
): AsyncGenerator<Frame> {
  yield { kind: 'about', about: await factsOf(client) };
  for (const stored of await domainKeys(client)) {
    const key = await unwrap(stored);
    const { id, domainId, version, status, createdAtSeconds, changedAtSeconds, revision, mac } = stored;
    const row = { id, domainId, version, status, createdAtSeconds, changedAtSeconds, revision, mac };
    const bytes = Buffer.from(key.reveal());
    key.destroy();
    yield { kind: 'domain-key', key: { row, key: bytes } };
  }
  for (const name of BACKED_UP_TABLES) {
    const { rows } = await client.query<{ name: string }>(
      `SELECT column_name AS name FROM information_schema.columns
        WHERE table_schema = current_schema() AND table_name = $1 ORDER BY ordinal_position`,
      [name],
    );
    const columns = rows.map(({ name: column }) => column);
    yield { kind: 'table', table: { name, columns } };
    const stream = client.query(copyTo(`COPY ${name} (${columns.join(', ')}) TO STDOUT (FORMAT binary)`));
    for await (const bytes of stream as AsyncIterable<Buffer>) yield { kind: 'rows', bytes };
  }
  yield { kind: 'end' };
}

async function factsOf(client: Client): Promise<Extract<Frame, { kind: 'about' }>['about']> {
  const { rows } = await client.query<{ schema: number; root: string; objects: string; now: Date }>(
    `SELECT (SELECT max(version) FROM schema_migration) AS schema, (SELECT count(*) FROM object) AS objects,
      (SELECT value FROM setting WHERE name = $1) AS root, now() AS now`,
    [ROOT_CHECK_VALUE],
  );
  const [row] = rows;
  return {
    createdAt: (row?.now ?? new Date()).toISOString(),
    schemaVersion: row?.schema ?? 0,
    rootCheckValue: row?.root ?? '',
    objects: Number(row?.objects ?? 0),
  };
}

function domainKeys(client: Client): Promise<readonly StoredDomainKey[]> {
  const query = async <Row extends object>(text: string, values: readonly unknown[] = []): Promise<Row[]> =>
    (await client.query<Row>(text, [...values])).rows;
  return selectDomainKeys({ query }, 'true');
}
