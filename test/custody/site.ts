import { randomUUID } from 'node:crypto';
import { KmipClient, KmipRefusal } from '@holdfast/client';
import { create } from '@holdfast/core';
import {
  CryptographicAlgorithm,
  CryptographicUsageMask,
  NameType,
  ObjectType,
  type Attribute,
} from '@holdfast/kmip';
import { addClient, type Identity, type ServerProcess } from '@holdfast/testkit';
import type { Database } from '../support/database';

/** Connections, keys and SQL for the tests that play a database administrator. */

export async function connectAs(server: ServerProcess, identity: Identity): Promise<KmipClient> {
  const { host, port } = server;
  const { cert, key, ca } = identity;
  return KmipClient.connect({ host, port, cert, key, ca, version: '2.1' });
}

/** A client in a domain of its own, or in the one named. */
export async function newClient(server: ServerProcess, name: string, domain = name) {
  const identity = await addClient(server, name, { domain });
  return { ...identity, connect: () => connectAs(server, identity) };
}

export function named(nameValue: string): Attribute {
  return { key: 'Name', value: { nameValue, nameType: NameType.UninterpretedTextString } };
}

/** @returns its identifier */
export async function newKey(client: KmipClient, ...attributes: readonly Attribute[]): Promise<string> {
  const { uniqueIdentifier } = await client.call(create, {
    objectType: ObjectType.SymmetricKey,
    newAttributes: {
      templateNames: [],
      attributes: [
        { key: 'CryptographicAlgorithm', value: CryptographicAlgorithm.AES },
        { key: 'CryptographicLength', value: 256 },
        {
          key: 'CryptographicUsageMask',
          value: CryptographicUsageMask.Encrypt | CryptographicUsageMask.Decrypt,
        },
        ...attributes,
      ],
    },
  });
  return uniqueIdentifier;
}

/** What became of a call: `done`, or the Result Reason. Anything else is no answer, and thrown. */
export async function outcomeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return 'done';
  } catch (error) {
    if (error instanceof KmipRefusal) return error.resultReasonName ?? 'refused';
    throw error;
  }
}

/** Who may change any row may switch off as well what keeps rows in order. */
export async function dropConstraints(database: Database): Promise<void> {
  const constraints = await database.sql<{ name: string; table: string }>(
    `SELECT conname AS name, conrelid::regclass::text AS table FROM pg_constraint
      WHERE contype = 'f' OR conname = 'change_record_pkey'`,
  );
  for (const { name, table } of constraints) {
    await database.sql(`ALTER TABLE ${table} DROP CONSTRAINT ${name}`);
  }
}

interface Column {
  readonly name: string;
  readonly type: string;
  readonly isNullable: boolean;
}

export async function columnsOf(database: Database, table: string): Promise<readonly Column[]> {
  const rows = await database.sql<{ name: string; type: string; nullable: string }>(
    `SELECT column_name AS name, data_type AS type, is_nullable AS nullable
      FROM information_schema.columns WHERE table_schema = 'public' AND table_name = $1 ORDER BY ordinal_position`,
    [table],
  );
  return rows.map(({ name, type, nullable }) => ({ name, type, isNullable: nullable === 'YES' }));
}

/** SQL expressions for other values of a column: one that is near, one that is empty, and NULL where that may be. */
export function otherValues({ name, type, isNullable }: Column): readonly string[] {
  const values: Readonly<Record<string, readonly string[]>> = {
    uuid: [`'${randomUUID()}'::uuid`],
    text: [`coalesce(${name}, '') || 'x'`, `''`],
    bytea: [
      `CASE WHEN length(${name}) > 0 THEN set_byte(${name}, length(${name}) / 2,
        get_byte(${name}, length(${name}) / 2) # 1) ELSE '\\x00'::bytea END`,
      `''::bytea`,
    ],
    ARRAY: [`${name} || 1::bigint`, `'{}'`],
  };
  const others = values[type] ?? [`coalesce(${name}, 0) + 1`, `coalesce(${name}, 0) - 1`];
  return isNullable ? [...others, 'NULL'] : others;
}

/** Changes a table as its administrator could, runs `work`, and puts the table back as it was; what was added stays. */
export async function whileTampered<T>(
  database: Database,
  table: string,
  change: string,
  work: () => Promise<T>,
): Promise<T> {
  try {
    // What the server adds in between would be neither saved nor added.
    await database.sql(
      `BEGIN; LOCK TABLE ${table} IN EXCLUSIVE MODE; CREATE TEMP TABLE saved AS TABLE ${table};
        ${change}; CREATE TEMP TABLE changed AS TABLE ${table}; COMMIT`,
    );
  } catch (error) {
    await database.sql('ROLLBACK');
    throw error;
  }
  try {
    return await work();
  } finally {
    await database.sql(
      `BEGIN; LOCK TABLE ${table} IN EXCLUSIVE MODE;
        CREATE TEMP TABLE added AS TABLE ${table} EXCEPT TABLE changed;
        DELETE FROM ${table}; INSERT INTO ${table} SELECT * FROM saved; INSERT INTO ${table} SELECT * FROM added;
        COMMIT; DROP TABLE saved, changed, added`,
    );
  }
}
