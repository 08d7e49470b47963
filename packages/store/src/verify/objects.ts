import type { Keyring } from '@holdfast/core';
import type { State } from '@holdfast/kmip';
import { HoldfastError } from '@holdfast/ttlv';
import { selectArchives, stateBehind } from '../chain/archive';
import { GENESIS } from '../chain/checkpoint';
import { BinaryWriter, RowReader } from '../postgres/binary';
import type { Session } from '../postgres/database';
import type { Statement } from '../postgres/statement';
import { nameDigest, namesOf, projectionOf, sameProjection, type Projection } from '../objects/projection';
import { OBJECT_SELECTION, bindingOf, readObject, type StoredRow } from '../objects/row';
import { TERM_BYTES, formerTermsOf, isFormer } from '../objects/terms';
import { PAGE_ROWS, type Walk } from './finding';

/** One object and what stands beside it: how many change records that are not archived, and from which revision on; its projection, its names. */
interface PageRow {
  readonly domainId: string;
  readonly uniqueIdentifier: string;
  readonly recordCount: number;
  readonly firstRecorded: number | undefined;
  readonly projection: Projection | undefined;
  readonly nameDigests: readonly string[];
  readonly row: RowReader;
}

/** No object is stored there. */
const NOWHERE = -1;

/**
 * No index leads from an object to its names: those of all objects are put in order once.
 * @param horizon records of transactions before this number are archived
 */
const walkFrom = (horizon: number): string => `DECLARE object_walk NO SCROLL CURSOR FOR SELECT
    o.domain_id, o.unique_identifier, r.count, r.first,
    (SELECT json_build_array(p.storage, p.state, p.usage_mask, p.initial_date, p.activation_date, p.deactivation_date,
        p.rotation_date, p.terms::text[], p.unique_identifier)::text FROM object_projection AS p
      WHERE p.domain_id = o.domain_id AND p.internal_id = o.internal_id),
    n.digests,
    ${OBJECT_SELECTION}
  FROM object AS o LEFT JOIN (SELECT domain_id, unique_identifier, string_agg(encode(name_digest, 'hex'), ' ') AS digests
      FROM object_name GROUP BY domain_id, unique_identifier) AS n USING (domain_id, unique_identifier)
  CROSS JOIN LATERAL (SELECT count(*)::int4 AS count, min(c.revision) AS first FROM change_record AS c
    WHERE c.domain_id = o.domain_id AND c.unique_identifier = o.unique_identifier
      AND c.transaction_number >= (${horizon})) AS r
  ORDER BY o.domain_id, o.unique_identifier`;
const NEXT_PAGE: Statement = { name: '', parameterTypes: [], text: `FETCH ${PAGE_ROWS} FROM object_walk` };

/**
 * Walks all objects: row MACs, revisions against the change records, sealed values, projections, names and links.
 * @param repeating domains whose names need not be unique and are not listed
 */
export async function verifyObjects(
  session: Session,
  keyring: Keyring,
  repeating: ReadonlySet<string>,
  walk: Walk,
): Promise<void> {
  const horizon = await horizonOf(session);
  const isArchived = horizon > GENESIS.horizon;
  await session.query(walkFrom(horizon));
  for (let page = await readPage(session); page.length > 0; page = await readPage(session)) {
    const links: Link[] = [];
    for (const each of page) {
      links.push(...(await verifyObject(keyring, each, repeating, isArchived, walk)));
    }
    await verifyLinks(session, links, walk);
    walk.advance(page.length);
  }
}

/** Where the records begin; a statement that cannot be read is told of with the chain. */
async function horizonOf(session: Session): Promise<number> {
  try {
    return stateBehind((await selectArchives(session)).at(-1)).horizon;
  } catch (error) {
    if (error instanceof HoldfastError && error.code === 'IntegrityViolation') return GENESIS.horizon;
    throw error;
  }
}

async function readPage(session: Session): Promise<readonly PageRow[]> {
  const rows: PageRow[] = [];
  await session.run(
    NEXT_PAGE,
    () => undefined,
    (row) => {
      const domainId = row.uuid();
      const uniqueIdentifier = row.text();
      const recordCount = row.int4();
      const firstRecorded = row.int4OrNull();
      const projection = projectionFrom(row.byteaOrNull()?.toString('utf8'), uniqueIdentifier);
      const nameDigests = (row.byteaOrNull()?.toString('utf8') ?? '')
        .split(' ')
        .filter((text) => text !== '');
      rows.push({
        domainId,
        uniqueIdentifier,
        recordCount,
        firstRecorded,
        projection,
        nameDigests,
        row: new RowReader(row.bytes, row.offset),
      });
    },
  );
  return rows;
}

type ProjectionColumns = readonly [
  storage: number,
  state: State | null,
  usageMask: number | null,
  initialDate: number | null,
  activationDate: number | null,
  deactivationDate: number | null,
  rotationDate: number | null,
  terms: readonly string[],
  uniqueIdentifier: string,
];

/** One that names another object is none of this one. */
function projectionFrom(json: string | undefined, uniqueIdentifier: string): Projection | undefined {
  if (json === undefined) return undefined;
  const [
    storage,
    state,
    usageMask,
    initialDate,
    activationDate,
    deactivationDate,
    rotationDate,
    terms,
    named,
  ] = JSON.parse(json) as ProjectionColumns;
  return {
    storage: named === uniqueIdentifier ? storage : NOWHERE,
    state: state ?? undefined,
    usageMask: usageMask ?? undefined,
    initialDate: initialDate ?? undefined,
    activationDate: activationDate ?? undefined,
    deactivationDate: deactivationDate ?? undefined,
    rotationDate: rotationDate ?? undefined,
    terms: termBytes(terms),
  };
}

function termBytes(terms: readonly string[]): Buffer {
  const writer = new BinaryWriter(terms.length * TERM_BYTES);
  for (const text of terms) {
    const bits = BigInt.asUintN(64, BigInt(text));
    writer.int8Halves({ high: Number(BigInt.asIntN(32, bits >> 32n)), low: Number(bits & 0xffffffffn) });
  }
  return writer.finish();
}

interface Link {
  readonly domainId: string;
  readonly from: string;
  readonly to: string;
}

async function verifyObject(
  keyring: Keyring,
  each: PageRow,
  repeating: ReadonlySet<string>,
  isArchived: boolean,
  walk: Walk,
): Promise<readonly Link[]> {
  const { domainId, uniqueIdentifier } = each;
  const fault = (problem: string, table = 'object'): void => {
    walk.find({ table, row: uniqueIdentifier, domainId, problem, severity: 'fault' });
  };
  let stored: StoredRow;
  try {
    await keyring.ensure(domainId);
    stored = readObject(keyring, each.row, domainId);
  } catch (error) {
    fault(problemOf(error));
    return [];
  }
  if (stored.uniqueIdentifier !== uniqueIdentifier)
    fault('the row lies under another identifier than its own');
  const { recordCount, firstRecorded = 1 } = each;
  const isWhole = recordCount === stored.revision - firstRecorded + 1;
  if (isArchived ? recordCount > 0 && !isWhole : recordCount !== stored.revision) {
    fault(`there are ${recordCount} change records for ${stored.revision} revisions`, 'change_record');
  }
  try {
    if (stored.sealedValue !== undefined) keyring.open(bindingOf(stored), stored.sealedValue).destroy();
  } catch (error) {
    fault(`the sealed value does not open: ${problemOf(error)}`);
  }
  const projection = projectionOf(domainId, stored.attributes, stored.attributeBytes);
  const terms = isFormer(each.projection?.terms)
    ? formerTermsOf(domainId, stored.attributeBytes)
    : projection.terms;
  if (each.projection === undefined)
    fault('the object has no projection: Locate does not find it', 'object_projection');
  else if (!sameProjection({ ...projection, terms }, each.projection)) {
    fault('the projection is not that of the attributes', 'object_projection');
  }
  if (!repeating.has(domainId)) {
    const names = namesOf(stored.attributes)
      .map((name) => nameDigest(name).toString('hex'))
      .sort();
    if (names.join() !== [...each.nameDigests].sort().join()) {
      fault('the names that are listed are not those of the attributes', 'object_name');
    }
  }
  return stored.attributes
    .instances('Link')
    .flatMap(({ value: { linkedObjectIdentifier: to } }) =>
      typeof to === 'string' ? [{ domainId, from: uniqueIdentifier, to }] : [],
    );
}

async function verifyLinks(session: Session, links: readonly Link[], walk: Walk): Promise<void> {
  if (links.length === 0) return;
  const missing = await session.query<{ index: number }>(
    `SELECT l.index::int4 AS index FROM unnest($1::uuid[], $2::text[]) WITH ORDINALITY AS l (domain_id, target, index)
      WHERE NOT EXISTS (SELECT FROM object AS o WHERE o.domain_id = l.domain_id AND o.unique_identifier = l.target)`,
    [links.map(({ domainId }) => domainId), links.map(({ to }) => to)],
  );
  for (const { index } of missing) {
    const link = links[index - 1] as Link;
    walk.find({
      table: 'object',
      row: link.from,
      domainId: link.domainId,
      problem: `a Link leads to ${JSON.stringify(link.to)}, which is no object of the domain`,
      severity: 'notice',
    });
  }
}

/** What an error says of a row. */
export function problemOf(error: unknown): string {
  return error instanceof HoldfastError ? error.message : 'the row cannot be read';
}
