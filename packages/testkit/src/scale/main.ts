import { copyFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { Client, type ClientConfig } from 'pg';
import { seed } from '../bench/seed';
import { startTestPostgres, urlOf } from '../postgres';
import { holdfastResult } from '../server-process';
import { backUpAndRestore } from './backup';
import { contentsOf } from './contents';
import { Node } from './node';
import { rotateDomainKey, rotateUnderLoad } from './rotation';
import { say, seconds } from './say';
import { createAndGet, sealAndOpen } from './sealing';

/**
 * npm run scale: what has to hold with many objects. Rotation of the domain key and the root key while clients of two nodes
 * read and write and nodes are killed; backup and restore; how many keys are sealed and opened a second. Ends with 1 where anything is not as it has to be.
 */

const OBJECTS = Number(process.env['SCALE_OBJECTS'] ?? 100_000);
const PARTS = process.env['SCALE_ONLY']?.split(',') ?? ['sealing', 'rotation', 'backup'];

async function allIdentifiers(database: ClientConfig): Promise<readonly string[]> {
  const client = new Client(database);
  await client.connect();
  try {
    const { rows } = await client.query<{ id: string }>(
      'SELECT unique_identifier AS id FROM object ORDER BY id',
    );
    return rows.map(({ id }) => id);
  } finally {
    await client.end();
  }
}

async function expectAllOpen(
  node: Node,
  database: ClientConfig,
  known: ReadonlyMap<string, number>,
): Promise<void> {
  const startedAt = performance.now();
  const { size } = await contentsOf(node.connection(node), await allIdentifiers(database), known);
  say(
    `all ${size} objects are given out, ${known.size} of them compared with what was registered: ${seconds(performance.now() - startedAt)}`,
  );
  const verifiedAt = performance.now();
  const { code, stdout } = await holdfastResult(['verify', '--data-dir', node.dataDir]);
  if (code !== 0) throw new Error(`the store is not as it has to be: ${stdout}`);
  say(`holdfast verify finds nothing wrong: ${seconds(performance.now() - verifiedAt)}`);
}

async function rotation(
  first: Node,
  second: Node,
  database: ClientConfig,
  identifiers: readonly string[],
): Promise<void> {
  const site = { first, second, database, identifiers };
  copyFileSync(join(first.dataDir, 'root.key'), join(second.dataDir, 'root.key'));
  await second.start();
  try {
    await rotateUnderLoad(site);
  } finally {
    await second.stop();
  }
  say('and once more, without clients and kills:');
  await rotateDomainKey(site, 0);
}

async function main(): Promise<void> {
  const postgres = await startTestPostgres();
  const database = await postgres.createDatabase();
  const url = database.connectionString ?? urlOf(database);
  const options = { root: 'software', arguments: ['--database-url', url] } as const;
  const [first, second] = [new Node('first', options), new Node('second', options)];
  try {
    say(`Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}; ${OBJECTS} objects`);
    await first.start();
    const startedAt = performance.now();
    const identifiers = await seed(first.connection(first), OBJECTS);
    const known = new Map(identifiers.map((identifier, number) => [identifier, number]));
    say(`registered in ${seconds(performance.now() - startedAt)}`);
    if (PARTS.includes('sealing')) {
      await sealAndOpen();
      await createAndGet(first, identifiers);
    }
    if (PARTS.includes('rotation')) {
      await rotation(first, second, database, identifiers);
      await expectAllOpen(first, database, known);
    }
    if (PARTS.includes('backup')) {
      await backUpAndRestore({ node: first, identifiers: await allIdentifiers(database), known });
    }
  } finally {
    await first.stop();
    await postgres.stop();
    for (const node of [first, second]) node.remove();
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exitCode = 1;
});
