import {
  matchesQuery,
  type Keyring,
  type LocateFilter,
  type LocateQuery,
  type LocateResult,
} from '@holdfast/core';
import { State, type AttributeKey, type Name, type NameType } from '@holdfast/kmip';
import { TypeId, isUuid, type BinaryWriter } from '../postgres/binary';
import type { Session } from '../postgres/database';
import type { Statement } from '../postgres/statement';
import type { Term } from './hash64';
import { STORAGE_CODES, type Projection } from './projection';
import { OBJECT_SELECTION, readObject, type StoredRow } from './row';
import { termConditionOf, type TermCondition } from './term-conditions';
import { IS_OUTDATED } from './terms';

/** How many objects are read at once: bounds what a large answer holds in memory and how long it blocks. */
const PAGE_ITEMS = 500;

const RANGE_COLUMNS: Partial<Record<AttributeKey, keyof Projection>> = {
  InitialDate: 'initialDate',
  ActivationDate: 'activationDate',
  DeactivationDate: 'deactivationDate',
};
const COLUMN_NAMES = {
  initialDate: 'initial_date',
  activationDate: 'activation_date',
  deactivationDate: 'deactivation_date',
} as const;

/** The conditions of a query as SQL over object_projection. */
class Conditions {
  readonly clauses: string[] = [];
  readonly types: number[] = [];
  readonly #writes: ((writer: BinaryWriter) => void)[] = [];
  /** Whether the clauses say all that the filters do; else more rows are found than match. */
  isExact = true;

  /** Adds a parameter and returns its placeholder. */
  parameter(type: number, write: (writer: BinaryWriter) => void): string {
    this.types.push(type);
    this.#writes.push(write);
    return `$${this.types.length}`;
  }

  int8(value: number): string {
    return this.parameter(TypeId.int8, (writer) => writer.int8Value(value));
  }

  /** That the object has at least one of the terms. */
  anyTerm(terms: readonly Term[]): string {
    const list = this.parameter(TypeId.int8Array, (writer) => {
      writer.arrayValue(TypeId.int8Array, terms.length, (index) => writer.int8Halves(terms[index] as Term));
    });
    return `p.terms && ${list}`;
  }

  write(writer: BinaryWriter): void {
    for (const write of this.#writes) write(writer);
  }
}

export function conditionsOf(query: LocateQuery): Conditions {
  const conditions = new Conditions();
  const domain = conditions.parameter(TypeId.uuid, (writer) => writer.uuidValue(query.domainId));
  conditions.clauses.push(`p.domain_id = ${domain}`);
  addStorage(conditions, query.storage);
  for (const filter of query.filters) addFilter(conditions, filter, query);
  return conditions;
}

function addStorage(conditions: Conditions, storage: LocateQuery['storage']): void {
  const codes = (['online', 'archived', 'destroyed'] as const)
    .filter((status) => storage[status])
    .map((status) => STORAGE_CODES[status]);
  const wanted = conditions.parameter(TypeId.int2Array, (writer) => {
    writer.arrayValue(TypeId.int2Array, codes.length, (index) => writer.int2Value(codes[index] ?? 0));
  });
  conditions.clauses.push(`p.storage = ANY (${wanted})`);
}

/** What a column says decides; terms lead to what may meet the condition, so that nothing else has to be looked at. */
function addFilter(conditions: Conditions, filter: LocateFilter, query: LocateQuery): void {
  if (filter.kind === 'state') {
    addState(conditions, filter.state, query);
    return;
  }
  if (filter.kind === 'equals' && filter.attribute.key === 'State') {
    addState(conditions, filter.attribute.value, query);
    return;
  }
  const terms = termConditionOf(query.domainId, filter);
  const isDecided = addColumn(conditions, filter) || terms?.isExact === true;
  if (!isDecided) conditions.isExact = false;
  if (terms !== undefined) conditions.clauses.push(...termClauses(conditions, terms));
}

function termClauses(
  conditions: Conditions,
  { lists, isKnownToAll, initialDates }: TermCondition,
): readonly string[] {
  return lists.map((terms) => {
    const ways = [conditions.anyTerm(terms)];
    if (!isKnownToAll) ways.push(IS_OUTDATED);
    if (initialDates !== undefined) {
      const [from, to] = [conditions.int8(initialDates.from), conditions.int8(initialDates.to)];
      ways.push(`p.initial_date BETWEEN ${from} AND ${to}`);
    }
    return `(${ways.join(' OR ')})`;
  });
}

/** @returns whether a column tells all that the filter asks for */
function addColumn(conditions: Conditions, filter: LocateFilter): boolean {
  if ('bits' in filter) return filter.key === 'CryptographicUsageMask' && addUsageMask(conditions, filter);
  if (filter.kind === 'range') return addRange(conditions, filter.key, filter.from, filter.to);
  if (filter.kind !== 'equals' || typeof filter.attribute.value !== 'number') return false;
  const { key, value } = filter.attribute;
  return addRange(conditions, key, value, value);
}

function addUsageMask(conditions: Conditions, { kind, bits }: Extract<LocateFilter, { bits: number }>): true {
  const mask = conditions.parameter(TypeId.int4, (writer) => writer.int4Value(bits));
  const wanted = {
    bits: `p.usage_mask & ${mask} = ${mask}`,
    someBits: `p.usage_mask & ${mask} <> 0`,
    noBits: `COALESCE(p.usage_mask, 0) & ${mask} = 0`,
  };
  conditions.clauses.push(wanted[kind]);
  return true;
}

/** @returns whether the date has a column */
function addRange(conditions: Conditions, key: AttributeKey, from: number, to: number): boolean {
  const member = RANGE_COLUMNS[key];
  if (member === undefined) return false;
  const column = `p.${COLUMN_NAMES[member as keyof typeof COLUMN_NAMES]}`;
  if (to !== Number.POSITIVE_INFINITY) {
    conditions.clauses.push(`${column} BETWEEN ${conditions.int8(from)} AND ${conditions.int8(to)}`);
  } else if (from === to) conditions.clauses.push(`${column} IS NULL`);
  else conditions.clauses.push(`(${column} >= ${conditions.int8(from)} OR ${column} IS NULL)`);
  return true;
}

/** The rules of core's `stateAt` in SQL: what is stored, moved on by dates that have passed. */
function addState(conditions: Conditions, state: State, { domainId, nowSeconds }: LocateQuery): void {
  const stored = (value: State): string => {
    const terms = termConditionOf(domainId, { kind: 'equals', attribute: { key: 'State', value } });
    const ways = terms === undefined ? [] : termClauses(conditions, terms);
    return [`p.state = ${value}`, ...ways].join(' AND ');
  };
  const now = conditions.int8(nowSeconds);
  const activated = (): string => `(${stored(State.Active)}
    OR (${stored(State.PreActive)} AND p.activation_date <= ${now}))`;
  switch (state) {
    case State.PreActive:
      conditions.clauses.push(
        `${stored(State.PreActive)} AND (p.activation_date IS NULL OR p.activation_date > ${now})`,
      );
      break;
    case State.Active:
      conditions.clauses.push(
        `${activated()} AND (p.deactivation_date IS NULL OR p.deactivation_date > ${now})`,
      );
      break;
    case State.Deactivated:
      conditions.clauses.push(
        `((${stored(State.Deactivated)}) OR (${activated()} AND p.deactivation_date <= ${now}))`,
      );
      break;
    default:
      conditions.clauses.push(`${stored(state)} AND ${now} IS NOT NULL`);
  }
}

/** What at most one object has. */
export type Sole =
  | { readonly uniqueIdentifier: string; readonly name?: undefined }
  | { readonly name: string; readonly uniqueIdentifier?: undefined };

/** Whether at most one object can match: since that is its identifier, or since it must hold a name that is unique. */
export function soleOf({ filters, storage, namesMayRepeat }: LocateQuery): Sole | undefined {
  let name: string | undefined;
  for (const filter of filters) {
    if (filter.kind !== 'equals' && filter.kind !== 'includes') continue;
    const { key, value } = filter.attribute;
    if (key === 'UniqueIdentifier') return { uniqueIdentifier: value };
    // A condition may name the type of a Name alone.
    if (key === 'Name') name ??= (value as Partial<Name>).nameValue;
  }
  if (name === undefined || storage.destroyed || namesMayRepeat === true) return undefined;
  return { name };
}

/** Whether a name of this type, which is its sole one, is all that the query asks of an on-line object. */
export function asksForName({ filters, storage }: LocateQuery, nameType: NameType | undefined): boolean {
  const [filter, ...others] = filters;
  if (filter?.kind !== 'equals' || others.length > 0 || !storage.online) return false;
  return filter.attribute.key === 'Name' && filter.attribute.value.nameType === nameType;
}

/** The answer where `object` is the only one that may match. */
export function locateAmong(object: StoredRow | undefined, query: LocateQuery): LocateResult {
  const matches = object !== undefined && matchesQuery(object.attributes, query);
  return answerWith(matches ? object : undefined, query);
}

/** The answer where at most one object matches. */
export function answerWith(object: StoredRow | undefined, query: LocateQuery): LocateResult {
  const matching = object === undefined ? [] : [object.uniqueIdentifier];
  const { offsetItems, maximumItems = 1, isCounted } = query;
  return {
    uniqueIdentifiers: matching.slice(offsetItems, offsetItems + maximumItems),
    totalItems: isCounted ? matching.length : undefined,
  };
}

/**
 * Finds objects through the projection. Every object found is checked against its MAC and compared with the filters
 * once more, so whatever the projection says, nothing wrong is answered.
 * @throws HoldfastError IntegrityViolation where an object that is found is not what was written
 */
export async function locateObjects(
  session: Session,
  keyring: Keyring,
  query: LocateQuery,
): Promise<LocateResult> {
  if (!isUuid(query.domainId)) return locateAmong(undefined, query);
  await keyring.ensure(query.domainId);
  const { domainId, offsetItems, isCounted, maximumItems = Number.POSITIVE_INFINITY } = query;
  const conditions = conditionsOf(query);
  const isCountedApart = isCounted && conditions.isExact;
  const uniqueIdentifiers: string[] = [];
  let matched = 0;
  await session.run(
    searchStatement(conditions, query.order),
    (writer) => conditions.write(writer),
    (row) => {
      const isEnough = uniqueIdentifiers.length >= maximumItems;
      if (isEnough && (!isCounted || isCountedApart)) return;
      const { attributes, uniqueIdentifier } = readObject(keyring, row, domainId);
      if (!matchesQuery(attributes, query)) return;
      if (matched++ >= offsetItems && !isEnough) uniqueIdentifiers.push(uniqueIdentifier);
    },
    {
      rowsPerPage: Math.max(
        1,
        Math.min(PAGE_ITEMS, isCounted && !isCountedApart ? PAGE_ITEMS : offsetItems + maximumItems),
      ),
      onPage: () => uniqueIdentifiers.length < maximumItems || (isCounted && !isCountedApart),
    },
  );
  if (isCountedApart) matched = await countMatches(session, conditions);
  return { uniqueIdentifiers, totalItems: isCounted ? matched : undefined };
}

/**
 * The projections that meet the conditions, in their order, each with its object. There is no LIMIT: for the first few
 * rows the planner would rather walk through all objects in order than trust that a filter finds few. The objects are
 * looked up one by one (OFFSET 0 keeps the planner from joining the tables as wholes), as far as rows are asked for.
 */
export function searchStatement(conditions: Conditions, order: LocateQuery['order']): Statement {
  const direction = order === 'newest-first' ? 'DESC' : 'ASC';
  return {
    name: '',
    parameterTypes: conditions.types,
    text: `SELECT ${OBJECT_SELECTION}
      FROM (SELECT p.domain_id, p.internal_id, p.unique_identifier FROM object_projection AS p
        WHERE ${conditions.clauses.join(' AND ')} ORDER BY p.internal_id ${direction} OFFSET 0) AS found
      CROSS JOIN LATERAL (SELECT * FROM object AS x
        WHERE x.domain_id = found.domain_id AND x.unique_identifier = found.unique_identifier OFFSET 0) AS o
      ORDER BY found.internal_id ${direction}`,
  };
}

async function countMatches(session: Session, conditions: Conditions): Promise<number> {
  let count = 0;
  await session.run(
    {
      name: '',
      parameterTypes: conditions.types,
      text: `SELECT count(*) FROM object_projection AS p WHERE ${conditions.clauses.join(' AND ')}`,
    },
    (writer) => conditions.write(writer),
    (row) => {
      count = row.int8();
    },
  );
  return count;
}
