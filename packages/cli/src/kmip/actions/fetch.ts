import { get, getAttributes, locate, rngRetrieve } from '@holdfast/core';
import { ConnectionFailure, KmipRefusal, call, type KmipClient } from '@holdfast/client';
import {
  BatchErrorContinuationOption,
  EncodingOption,
  ObjectGroupMember,
  StorageStatusMask,
  cryptographicAlgorithmEnum,
  objectGroupMemberEnum,
  objectTypeEnum,
  stateEnum,
  storageStatusMaskBits,
  type Attribute,
  type AttributeReference,
  type Dialect,
  type EntryTable,
  type ToldAttribute,
} from '@holdfast/kmip';
import { wrongUse } from '../../exit';
import { keyDestination, type KeyOutputFlags } from '../../key-output';
import { printable, table } from '../../table';
import { attributeOf, attributesOf } from '../attribute-arguments';
import { withClient } from '../connect';
import { describeObject, formatWithBytes, objectBytes } from '../object-value';
import type { AttributeFlags } from '../options';
import { plainListing, print, type PlainRecord } from '../output';
import { memberName, plainAttribute, plainStructure, type Plain } from '../plain';
import { normalised, parseInteger, parseMember } from '../values';
import { attributesTable } from './attributes';
import { deliver } from './deliver';
import type { CommonFlags } from './perform';
import { wrappingIn } from '../wrapping-flags';
import { presentationOf, type PresentationFlags } from './transfer';

function present(members: Readonly<Record<string, Plain | undefined>>): PlainRecord {
  return Object.fromEntries(
    Object.entries(members).filter((entry): entry is [string, Plain] => entry[1] !== undefined),
  );
}

export interface GetFlags extends CommonFlags, KeyOutputFlags, PresentationFlags {}

/** Attributes of an object; undefined where the server does not tell them, which is no failure of what found the object. */
async function attributesOfObject(
  client: KmipClient,
  uniqueIdentifier: string,
  attributeReferences: readonly AttributeReference[] = [],
): Promise<readonly ToldAttribute[] | undefined> {
  try {
    return (await client.call(getAttributes, { uniqueIdentifier, attributeReferences })).attributes;
  } catch (error) {
    if (error instanceof KmipRefusal) return undefined;
    throw error;
  }
}

const HOW_TO_GET_BYTES =
  'The value itself is shown with --format hex|base64|pem|raw, or saved with --out FILE.\n';

const WRAPPED_AS_STRUCTURE =
  'KMIP 1.0 wraps the Key Value as a structure (TTLV), never the bytes of the key alone: another --kmip-version does.\n';

export async function getAction(uniqueIdentifier: string, flags: GetFlags): Promise<void> {
  const destination = await keyDestination(flags);
  const asked = presentationOf(uniqueIdentifier, flags);
  await withClient(flags, async (client) => {
    const { keyWrappingSpecification: wrapping } = asked;
    const wrappingHere = wrapping && wrappingIn(wrapping, client.dialect);
    if (wrapping?.encodingOption === EncodingOption.NoEncoding && wrappingHere?.encodingOption === undefined)
      process.stderr.write(WRAPPED_AS_STRUCTURE);
    const request = { ...asked, keyWrappingSpecification: wrappingHere };
    let response = await client.call(get, request);
    const better = request.keyFormatType === undefined ? formatWithBytes(response.object) : undefined;
    if (destination !== undefined && better !== undefined) {
      response = await client.call(get, { ...request, keyFormatType: better });
    }
    const facts = present({
      uniqueIdentifier: response.uniqueIdentifier,
      ...describeObject(response.object),
    });
    if (destination !== undefined) {
      await deliver(objectBytes(response.object, client.dialect), destination, facts, flags);
      return;
    }
    const attributes = ((await attributesOfObject(client, response.uniqueIdentifier)) ?? []).map(
      plainAttribute,
    );
    print({ ...facts, attributes }, flags, (all) => `${plainListing(facts)}\n${attributesTable(all)}`);
    if (flags.json !== true) process.stderr.write(HOW_TO_GET_BYTES);
  });
}

export interface RngRetrieveFlags extends CommonFlags, KeyOutputFlags {}

export async function rngRetrieveAction(length: string, flags: RngRetrieveFlags): Promise<void> {
  const dataLengthBytes = parseInteger(length, 'the number of bytes');
  if (dataLengthBytes < 1) throw wrongUse('the number of bytes is at least 1');
  const destination = await keyDestination(flags);
  if (destination === undefined) {
    throw wrongUse(
      'where the random bytes shall go is not said',
      'Use --format hex|base64|raw or --out FILE.',
    );
  }
  await withClient(flags, async (client) => {
    const { data } = await client.call(rngRetrieve, { dataLengthBytes });
    await deliver({ bytes: data, pemLabel: undefined }, destination, { dataLengthBytes }, flags);
  });
}

export interface LocateFlags extends CommonFlags, AttributeFlags {
  readonly type?: string;
  readonly state?: string;
  readonly algorithm?: string;
  readonly length?: string;
  readonly max?: string;
  readonly offset?: string;
  readonly storage?: string;
  readonly groupMember?: string;
  readonly ids?: boolean;
}

function filters(flags: LocateFlags): readonly Attribute[] {
  const own = [
    ['ObjectType', flags.type],
    ['State', flags.state],
    ['CryptographicAlgorithm', flags.algorithm],
    ['CryptographicLength', flags.length],
  ] as const;
  return [
    ...own.flatMap(([key, text]) => (text === undefined ? [] : [attributeOf(key, text)])),
    ...attributesOf(flags),
  ];
}

const SHOWN = ['Name', 'ObjectType', 'CryptographicAlgorithm', 'CryptographicLength', 'State'] as const;
const SHOWN_REFERENCES: readonly AttributeReference[] = SHOWN.map((key) => ({ key }));
/** Identifiers whose attributes are asked for in one message. */
const DETAILS_PER_MESSAGE = 50;

function printedName(table: EntryTable, value: number): string {
  return table.byValue.get(value)?.name ?? memberName(table, value);
}

function cell(attributes: readonly ToldAttribute[], key: (typeof SHOWN)[number]): string {
  const texts = attributes.flatMap((attribute) => {
    if (attribute.key !== key) return [];
    switch (attribute.key) {
      case 'Name':
        return [attribute.value.nameValue];
      case 'ObjectType':
        return [printedName(objectTypeEnum, attribute.value)];
      case 'CryptographicAlgorithm':
        return [printedName(cryptographicAlgorithmEnum, attribute.value)];
      case 'State':
        return [printedName(stateEnum, attribute.value)];
      default:
        return [String(attribute.value)];
    }
  });
  return texts.join(', ');
}

type Details = readonly ToldAttribute[] | undefined;

/** The attributes of some objects in one message, or one by one with a server that does not take batches, or wrongly. */
async function detailsOf(client: KmipClient, identifiers: readonly string[]): Promise<readonly Details[]> {
  const requests = identifiers.map((uniqueIdentifier) => ({
    uniqueIdentifier,
    attributeReferences: SHOWN_REFERENCES,
  }));
  try {
    const outcomes = await client.batch(
      requests.map((request) => call(getAttributes, request)),
      { continuation: BatchErrorContinuationOption.Continue },
    );
    return outcomes.map((outcome) => (outcome.status === 'done' ? outcome.response.attributes : undefined));
  } catch (error) {
    const isMisread = error instanceof ConnectionFailure && error.reason === 'protocol';
    if (!isMisread && !(error instanceof KmipRefusal)) throw error;
    return Promise.all(
      identifiers.map((identifier) => attributesOfObject(client, identifier, SHOWN_REFERENCES)),
    );
  }
}

function everyStorage(dialect: Dialect): number {
  const entries = [...storageStatusMaskBits.byValue.values()].filter((entry) => dialect.knows(entry));
  return entries.reduce((mask, { value }) => mask | value, 0);
}

/** One row for each object, with the attributes that people look for; `?` where the server does not tell them. */
async function detailRows(
  client: KmipClient,
  identifiers: readonly string[],
): Promise<readonly (readonly string[])[]> {
  const rows: string[][] = [];
  for (let start = 0; start < identifiers.length; start += DETAILS_PER_MESSAGE) {
    const some = identifiers.slice(start, start + DETAILS_PER_MESSAGE);
    const details = await detailsOf(client, some);
    some.forEach((uniqueIdentifier, index) => {
      const attributes = details[index];
      rows.push([
        uniqueIdentifier,
        ...SHOWN.map((key) => (attributes === undefined ? '?' : cell(attributes, key))),
      ]);
    });
  }
  return rows;
}

const LOCATE_HEADINGS = ['UNIQUE IDENTIFIER', 'NAME', 'TYPE', 'ALGORITHM', 'LENGTH', 'STATE'];

export async function locateAction(flags: LocateFlags): Promise<void> {
  const optionalInteger = (text: string | undefined, what: string) =>
    text === undefined ? undefined : parseInteger(text, what);
  const storage = flags.storage === undefined ? undefined : { mask: parseStorage(flags.storage) };
  const request = {
    maximumItems: optionalInteger(flags.max, '--max'),
    offsetItems: optionalInteger(flags.offset, '--offset'),
    objectGroupMember:
      flags.groupMember === undefined
        ? undefined
        : (parseMember(objectGroupMemberEnum, flags.groupMember, 'Object Group Member') as ObjectGroupMember),
    attributes: filters(flags),
  };
  await withClient(flags, async (client) => {
    const storageStatusMask = storage && (storage.mask ?? everyStorage(client.dialect));
    const response = await client.call(locate, { ...request, storageStatusMask });
    const { uniqueIdentifiers } = response;
    if (flags.json === true) print(plainStructure(locate.response.fields, response), flags, plainListing);
    else if (flags.ids === true)
      process.stdout.write(uniqueIdentifiers.map((id) => `${printable(id)}\n`).join(''));
    else if (uniqueIdentifiers.length === 0) process.stderr.write('Nothing was found.\n');
    else process.stdout.write(table(LOCATE_HEADINGS, await detailRows(client, uniqueIdentifiers)));
  });
}

const { OnLineStorage, ArchivalStorage, DestroyedStorage } = StorageStatusMask;
const STORAGE: ReadonlyMap<string, number> = new Map([
  ['online', OnLineStorage],
  ['archival', ArchivalStorage],
  ['destroyed', DestroyedStorage],
]);

/**
 * The Storage Status Mask of kinds of storage, also by the names that the standard has for them; undefined for all that a
 * version has.
 * @throws CommandFailure wrong use
 */
function parseStorage(text: string): number | undefined {
  const kinds = text.split(/[|,\s]+/).map((kind) => normalised(kind).replace(/storage$/, ''));
  if (!kinds.every((kind) => kind === 'all' || STORAGE.has(kind))) {
    throw wrongUse(
      `${JSON.stringify(text)} is no kind of storage`,
      'One of on-line, archival, destroyed and all, or several with commas between them.',
    );
  }
  if (kinds.includes('all')) return undefined;
  return kinds.reduce((mask, kind) => mask | (STORAGE.get(kind) ?? 0), 0);
}
