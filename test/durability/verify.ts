import type { KmipClient } from '@holdfast/client';
import { SecretBytes, get, getAttributes, locate } from '@holdfast/core';
import { NameType, ObjectType, State, type Attribute, type ToldAttribute } from '@holdfast/kmip';
import { batchedRecords } from '../support/audit';
import type { Database } from '../support/database';
import { KEY_LENGTH_BITS, type AcknowledgedKey, type KeyStream } from './key-stream';

/** What is wrong, in words, so that a failing test says all of it at once. */
export type Faults = string[];

/** Checks pass through in groups, so that neither side queues more than it takes. */
const AT_ONCE = 64;

async function eachOf<T>(items: readonly T[], check: (item: T) => Promise<void>): Promise<void> {
  for (let from = 0; from < items.length; from += AT_ONCE) {
    await Promise.all(items.slice(from, from + AT_ONCE).map(check));
  }
}

function locateBy(client: KmipClient, ...attributes: Attribute[]): Promise<readonly string[]> {
  return client.call(locate, { attributes }).then(({ uniqueIdentifiers }) => uniqueIdentifiers);
}

function named(nameValue: string): Attribute {
  return { key: 'Name', value: { nameValue, nameType: NameType.UninterpretedTextString } };
}

/** Whether the key opens: it comes back whole, in its type and length. */
export async function opens(client: KmipClient, key: AcknowledgedKey): Promise<boolean> {
  const { object } = await client.call(get, { uniqueIdentifier: key.uniqueIdentifier });
  if (object.objectType !== key.objectType || !('keyBlock' in object)) return false;
  const { keyValue, cryptographicLengthBits } = object.keyBlock;
  if (cryptographicLengthBits !== KEY_LENGTH_BITS || keyValue === undefined || 'encoded' in keyValue) {
    return false;
  }
  if (key.objectType !== ObjectType.SymmetricKey) return true;
  const { keyMaterial } = keyValue;
  return keyMaterial instanceof SecretBytes && keyMaterial.length === KEY_LENGTH_BITS / 8;
}

/** The key opens, its attributes can be read and say what was asked for, and its name leads to it and nothing else. */
async function checkKey(
  client: KmipClient,
  key: AcknowledgedKey,
  group: string,
  faults: Faults,
): Promise<void> {
  const { name, uniqueIdentifier } = key;
  try {
    if (!(await opens(client, key))) faults.push(`${name}: comes back as something else`);
    const { attributes } = await client.call(getAttributes, { uniqueIdentifier, attributeReferences: [] });
    const has = (test: (attribute: ToldAttribute) => boolean): void => {
      if (!attributes.some(test)) faults.push(`${name}: an attribute is missing or wrong`);
    };
    has(({ key, value }) => key === 'Name' && value.nameValue === name);
    has(({ key, value }) => key === 'ObjectGroup' && value === group);
    has(({ key, value }) => key === 'State' && value === State.PreActive);
    has(({ key }) => key === 'Digest');
    if (key.otherHalf !== undefined) {
      const [other, ...rest] = await locateBy(client, named(key.otherHalf));
      if (other === undefined || rest.length > 0) faults.push(`${name}: its other half is not there`);
      has(({ key, value }) => key === 'Link' && value.linkedObjectIdentifier === other);
    }
    const located = await locateBy(client, named(name));
    if (located.join() !== uniqueIdentifier)
      faults.push(`${name}: its name leads to ${located.join() || 'nothing'}`);
  } catch (error) {
    faults.push(`${name}: ${String(error)}`);
  }
}

/**
 * Looks for every key that a stream was promised, and for whatever became of what it asked for without an answer: that
 * must be there altogether or not at all.
 * @returns the keys that are there
 */
export async function verifyStream(
  client: KmipClient,
  { acknowledged, unanswered, group }: KeyStream,
  faults: Faults,
): Promise<readonly AcknowledgedKey[]> {
  const made: AcknowledgedKey[] = [];
  await eachOf(unanswered, async (key) => {
    const [uniqueIdentifier] = await locateBy(client, named(key.name));
    if (uniqueIdentifier !== undefined) made.push({ ...key, uniqueIdentifier });
  });
  const there = [...acknowledged, ...made];
  await eachOf(there, (key) => checkKey(client, key, group, faults));
  const inGroup = await locateBy(client, { key: 'ObjectGroup', value: group });
  const expected = there.map(({ uniqueIdentifier }) => uniqueIdentifier);
  if ([...inGroup].sort().join() !== expected.sort().join()) {
    faults.push(`${group}: its Object Group has ${inGroup.length} objects, ${expected.length} are known`);
  }
  return there;
}

/** Rows that one part of a change wrote and another did not. */
const HALF_MADE: Readonly<Record<string, string>> = {
  'an object without its value': 'SELECT FROM object WHERE sealed IS NULL OR salt IS NULL',
  'an object without projection': `SELECT FROM object AS o LEFT JOIN object_projection AS p
    USING (domain_id, internal_id, unique_identifier) WHERE p.internal_id IS NULL`,
  'a projection without object': `SELECT FROM object_projection AS p LEFT JOIN object AS o
    USING (domain_id, internal_id, unique_identifier) WHERE o.internal_id IS NULL`,
  'an object without exactly one name': `SELECT FROM object AS o WHERE 1 <>
    (SELECT count(*) FROM object_name AS n
      WHERE n.domain_id = o.domain_id AND n.unique_identifier = o.unique_identifier)`,
  'a name without object': `SELECT FROM object_name AS n LEFT JOIN object AS o
    USING (domain_id, unique_identifier) WHERE o.internal_id IS NULL`,
  'an object whose changes are not all recorded': `SELECT FROM object AS o WHERE o.revision <>
    (SELECT count(*) FROM change_record AS c
      WHERE c.domain_id = o.domain_id AND c.unique_identifier = o.unique_identifier
        AND c.internal_id = o.internal_id AND c.revision <= o.revision)`,
  'a change record without object': `SELECT FROM change_record AS c LEFT JOIN object AS o
    USING (domain_id, unique_identifier, internal_id) WHERE o.internal_id IS NULL OR c.revision > o.revision`,
};

/**
 * Looks into the records, before anybody reads what the stream made: each change and each read that was answered has left its
 * record, and there is none of a read that nobody asked for.
 */
export async function verifyRecords(
  database: Database,
  { acknowledged, reads, group }: KeyStream,
  faults: Faults,
): Promise<void> {
  const changes = await database.sql<{ id: string; operation: string }>(
    'SELECT unique_identifier AS id, operation FROM change_record',
  );
  const made = new Set(changes.flatMap(({ id, operation }) => (operation.startsWith('Create') ? [id] : [])));
  const unrecorded = acknowledged.filter(({ uniqueIdentifier }) => !made.has(uniqueIdentifier));
  if (unrecorded.length > 0) faults.push(`${group}: ${unrecorded.length} acknowledged keys have no record`);
  const recorded = new Map<string, number>();
  const count = (id: string): unknown => recorded.set(id, (recorded.get(id) ?? 0) + 1);
  for (const { id, operation } of changes) if (operation === 'Get') count(id);
  for (const { action, outcome, subjects } of await batchedRecords(database)) {
    if (action === 'Get' && outcome === 'success') subjects.forEach(count);
  }
  for (const { uniqueIdentifier: id } of acknowledged) {
    const { asked, answered } = reads.get(id) ?? { asked: 0, answered: 0 };
    const records = recorded.get(id) ?? 0;
    if (records < answered || records > asked) {
      faults.push(`${group}: ${id} was read ${answered} to ${asked} times, and has ${records} records of it`);
    }
  }
}

/** Looks for what is half made, and for objects that nobody asked for. */
export async function verifyRows(database: Database, knownObjects: number, faults: Faults): Promise<void> {
  for (const [what, query] of Object.entries(HALF_MADE)) {
    const rows = await database.sql(query);
    if (rows.length > 0) faults.push(`${rows.length} times ${what}`);
  }
  const [row] = await database.sql<{ count: string }>('SELECT count(*) FROM object');
  if (Number(row?.count) !== knownObjects) {
    faults.push(`there are ${row?.count ?? 'no'} objects, ${knownObjects} are known`);
  }
}
