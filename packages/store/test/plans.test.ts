import { randomUUID } from 'node:crypto';
import { newAesKey } from '@holdfast/testkit';
import { InternalIds } from '../src/objects/internal-id';
import { conditionsOf, searchStatement } from '../src/objects/locate';
import { projectionOf } from '../src/objects/projection';
import {
  appendAuditBatchIf,
  createObjects,
  fetchNamed,
  fetchObjects,
  findChanged,
  findRecorded,
  insertObjects,
  insertProjections,
  updateObjects,
  writeProjectionRows,
} from '../src/objects/statements';
import { Database, HOT_SETTINGS } from '../src/postgres/database';
import type { Statement } from '../src/postgres/statement';
import { SELECT_GONE } from '../src/verify/directory';
import { openFixture, quietLog, type Fixture } from './support/fixture';
import { SELECTIVE, keyWithDigest } from './support/selective';

/** The plan of a hot statement is made once for a connection, and stays when the tables have grown. */
let fixture: Fixture;
beforeAll(async () => {
  fixture = await openFixture();
});
afterAll(() => fixture.close());

const TABLES = ['object', 'object_name', 'object_projection', 'change_record'];

async function planOf({ name, text, parameterTypes }: Statement): Promise<string> {
  const types = await fixture.sql<{ type: string }>(
    'SELECT format_type(t, NULL) AS type FROM unnest($1::oid[]) WITH ORDINALITY AS o (t, n) ORDER BY n',
    [parameterTypes],
  );
  await fixture.sql(`PREPARE plan_${name} (${types.map(({ type }) => type).join(', ')}) AS ${text}`);
  const rows = await fixture.sql<Record<string, string>>(
    `EXPLAIN EXECUTE plan_${name} (${types.map(() => 'NULL').join(', ')})`,
  );
  await fixture.sql(`DEALLOCATE plan_${name}`);
  return rows.map((row) => row['QUERY PLAN']).join('\n');
}

/** Scans of our tables in a plan that do not go through an index by a condition on it. */
function fullScans(plan: string): readonly string[] {
  const lines = plan.split('\n');
  return lines.filter((line, index) => {
    const isScan = TABLES.some((table) => new RegExp(`Scan.* on ${table}( |$)`).test(line));
    return isScan && !/Index Cond|TID Cond/.test(lines[index + 1] ?? '');
  });
}

async function expectIndexScans(): Promise<void> {
  for (const statement of [
    fetchObjects,
    fetchNamed,
    findRecorded,
    findChanged,
    appendAuditBatchIf,
    createObjects,
    insertObjects,
    updateObjects,
  ]) {
    const plan = await planOf(statement);
    expect({ statement: statement.name, fullScans: fullScans(plan) }).toEqual({
      statement: statement.name,
      fullScans: [],
    });
  }
}

test('a plan made on empty tables reaches rows by index, and so does one on large tables', async () => {
  await fixture.sql(HOT_SETTINGS);
  await expectIndexScans();
  await fixture.sql('ANALYZE');
  await expectIndexScans();
  await fixture.sql(`
    INSERT INTO object SELECT gen_random_uuid(), n::text, gen_random_uuid(), gen_random_uuid(), 1, 1, 1, 1,
      decode(repeat('00', 500), 'hex'), NULL, NULL, '' FROM generate_series(1, 20000) AS n;
    INSERT INTO object_name SELECT domain_id, int4send(unique_identifier::int), unique_identifier FROM object;
    INSERT INTO object_projection (domain_id, internal_id, unique_identifier, storage, terms)
      SELECT domain_id, internal_id, unique_identifier, 0, ARRAY[1, 2, 3] FROM object;
    INSERT INTO change_record SELECT domain_id, unique_identifier, 1, internal_id, 1, 0, '', '', '', '', '', '', 1, 1, ''
      FROM object;
    ANALYZE`);
  await expectIndexScans();
});

describe('Locate among 10,000 objects looks at few but those that are found', () => {
  const domainId = randomUUID();
  let database: Database;
  beforeAll(async () => {
    database = new Database({ connection: fixture.connection, log: quietLog, poolSize: 1 });
    const internalIds = new InternalIds(Date.now);
    const objects = Array.from({ length: 10_000 }, (_, n) => keyWithDigest(domainId, `key ${n}`));
    for (const [, attribute] of SELECTIVE) objects.push(newAesKey({ domainId, attributes: [attribute] }));
    await database.general(async (session) => {
      for (let from = 0; from < objects.length; from += 500) {
        const page = objects.slice(from, from + 500);
        const rows = page.map(({ uniqueIdentifier }) => ({
          domainId,
          internalId: internalIds.next(),
          uniqueIdentifier,
        }));
        const projections = page.map(({ attributes }) =>
          projectionOf(domainId, attributes, attributes.toBytes()),
        );
        await session.run(insertProjections, (writer) => writeProjectionRows(writer, rows, projections));
      }
    });
    await fixture.sql('VACUUM ANALYZE object_projection');
  });
  afterAll(() => database.close());

  interface PlanNode {
    readonly 'Relation Name'?: string;
    readonly 'Actual Rows': number;
    readonly 'Actual Loops': number;
    readonly 'Rows Removed by Filter'?: number;
    readonly 'Rows Removed by Index Recheck'?: number;
    readonly Plans?: readonly PlanNode[];
  }

  /** How many rows of the projections are looked at. */
  function lookedAt(node: PlanNode): number {
    const below = (node.Plans ?? []).map(lookedAt).reduce((sum, count) => sum + count, 0);
    if (node['Relation Name'] !== 'object_projection') return below;
    const removed = (node['Rows Removed by Filter'] ?? 0) + (node['Rows Removed by Index Recheck'] ?? 0);
    return below + (node['Actual Rows'] + removed) * node['Actual Loops'];
  }

  test.each(SELECTIVE)('by %s', async (_, __, filter) => {
    const conditions = conditionsOf({
      domainId,
      filters: [filter],
      storage: { online: true, archived: false, destroyed: false },
      order: 'newest-first',
      offsetItems: 0,
      maximumItems: undefined,
      isCounted: false,
      nowSeconds: 1_700_000_000,
    });
    const { text, ...statement } = searchStatement(conditions, 'newest-first');
    let plan = '';
    await database.general((session) =>
      session.run(
        { ...statement, text: `EXPLAIN (ANALYZE, FORMAT JSON) ${text}` },
        (writer) => conditions.write(writer),
        (row) => (plan = row.text()),
      ),
    );
    const [{ Plan: root }] = JSON.parse(plan) as [{ readonly Plan: PlanNode }];
    expect(lookedAt(root)).toBeGreaterThan(0);
    expect(lookedAt(root)).toBeLessThan(20);
  });
});

test('rows of the directory that are gone are looked for in one go, however many there are', async () => {
  await fixture.sql(`INSERT INTO hsm_key SELECT gen_random_uuid(), 1, gen_random_uuid(), '', 'held', 0, 1, 1, ''
    FROM generate_series(1, 20000); ANALYZE hsm_key; SET work_mem = '64kB'`);
  const rows = await fixture.sql<Record<string, string>>(`EXPLAIN ${SELECT_GONE}`);
  expect(rows.map((row) => row['QUERY PLAN']).join('\n')).not.toContain('SubPlan');
});
