import {
  BatchErrorContinuationOption,
  LinkType,
  Operation,
  ResultStatus,
  RevocationReasonCode,
  State,
  Tag,
} from '@holdfast/kmip';
import {
  Peer,
  attribute,
  enumeration,
  integer,
  startServerProcess,
  structure,
  text,
  textAt,
  textsOf,
  tlsOptions,
  uniqueIdentifier,
  valueAt,
  type ReceivedItem,
  type RequestItem,
  type ServerProcess,
} from '@holdfast/testkit';
import type { Item } from '@holdfast/ttlv';
import { otherPart, registrations } from './objects';
import { REQUESTS, type Ask } from './requests';
import {
  OUTCOMES,
  ROWS,
  STATES,
  STATE_LETTERS,
  TYPES,
  VERSIONS,
  type Row,
  ofGoneTemplate,
  STATES_OF,
  VERSIONS_OF,
  type StateName,
  type TypeName,
  type Version,
} from './table';

jest.setTimeout(300_000);

/** Every operation on every type of object in every state, against a table that was written from the specifications. */

let server: ServerProcess;
let objects: Readonly<Record<TypeName, readonly Item[]>>;
const peers: Partial<Record<Version, Peer>> = {};

beforeAll(async () => {
  server = await startServerProcess({ logLevel: 'fatal' });
  objects = await registrations();
  for (const version of VERSIONS) peers[version] = await Peer.connect(tlsOptions(server), version);
  await peers['2.1']?.call(Operation.Import, otherPart);
});
afterAll(async () => {
  for (const peer of Object.values(peers)) await peer.close();
  await server.stop();
});

let count = 0;
const step = (operation: number, ...payload: readonly Item[]): RequestItem => ({
  operation,
  payload,
  id: Buffer.from([++count & 0xff]),
});

/** Asks for several things that do not depend on each other. */
async function each(version: Version, requests: readonly RequestItem[]): Promise<readonly ReceivedItem[]> {
  const goOn = enumeration(Tag.BatchErrorContinuationOption, BatchErrorContinuationOption.Continue);
  const named = requests.map((request) => ({ ...request, id: Buffer.from([++count & 0xff]) }));
  const { items = [] } = (await peers[version]?.batch(named, { header: [goOn] })) ?? {};
  expect(items).toHaveLength(requests.length);
  return items;
}

/** What requests of the table change and delete: a custom attribute and a number, in the version's form. */
const marks = (version: Version): readonly Item[] =>
  version === '1.4'
    ? [attribute('x-mark', text(Tag.AttributeValue, 'old'))]
    : [
        vendorAttribute('mark', text(Tag.AttributeValue, 'old')),
        vendorAttribute('count', integer(Tag.AttributeValue, 1)),
      ];
const vendorAttribute = (name: string, value: Item): Item =>
  structure(Tag.Attribute, text(Tag.VendorIdentification, 'x'), text(Tag.AttributeName, name), value);
const pairedWith = (publicKey: string): Item =>
  structure(
    Tag.Link,
    enumeration(Tag.LinkType, LinkType.PublicKeyLink),
    text(Tag.LinkedObjectIdentifier, publicKey),
  );

/** A registration with further attributes. */
const withAttributes = (registration: readonly Item[], added: readonly Item[]): readonly Item[] =>
  registration.map((item) =>
    item.tag === Tag.Attributes || item.tag === Tag.TemplateAttribute
      ? structure(item.tag, ...(item.value as readonly Item[]), ...added)
      : item,
  );
const activate = (): RequestItem => step(Operation.Activate);
const destroy = (): RequestItem => step(Operation.Destroy);
const revoke = (code: number): RequestItem =>
  step(Operation.Revoke, structure(Tag.RevocationReason, enumeration(Tag.RevocationReasonCode, code)));
const compromise = (): RequestItem => revoke(RevocationReasonCode.KeyCompromise);

/** How an object comes into each state: figure 1. */
const WAYS: Readonly<Record<StateName, () => readonly RequestItem[]>> = {
  PreActive: () => [],
  Active: () => [activate()],
  Deactivated: () => [activate(), revoke(RevocationReasonCode.CessationOfOperation)],
  Compromised: () => [compromise()],
  Destroyed: () => [destroy()],
  DestroyedCompromised: () => [compromise(), destroy()],
};

/** @returns the identifiers of so many objects of the type, in the state; private keys have public ones beside them */
async function objectsIn(type: TypeName, state: StateName, howMany: number): Promise<readonly string[]> {
  const version = type === 'Template' ? '1.4' : '2.1';
  const pair = type === 'PrivateKey' ? await objectsIn('PublicKey', 'PreActive', howMany) : [];
  const requests = Array.from({ length: howMany }, (_, index) => [
    step(
      Operation.Register,
      ...withAttributes(objects[type], [...marks(version), ...pair.slice(index, index + 1).map(pairedWith)]),
    ),
    ...WAYS[state](),
  ]).flat();
  const items = (await peers[version]?.batch(requests))?.items ?? [];
  const failed = items.find(({ status }) => status !== ResultStatus.Success);
  if (failed !== undefined) {
    throw new Error(`${type} does not become ${state}: ${failed.reason ?? ''} ${failed.message ?? ''}`);
  }
  return items
    .filter(({ operation }) => operation === Operation.Register)
    .map(({ payload }) => textAt(payload, Tag.UniqueIdentifier));
}

/** What may come of it. Which of two faults is told is the server's to choose: the specifications order no checks. */
function expected(row: Row, type: number, state: number, version: number): readonly string[] {
  const isGone = TYPES[type] === 'Template' && STATES[state] === 'Destroyed';
  const stateLetter = isGone ? ofGoneTemplate(row.operation) : row.states[state];
  // What is gone has no type any more.
  const typeLetter = stateLetter === 'i' ? '' : row.types[type];
  const letters = [typeLetter ?? '', stateLetter ?? ''].filter((letter) => letter !== '+' && letter !== '');
  if (letters.length === 0) return ['done'];
  return letters.map((letter) => OUTCOMES[letter]?.[version] ?? `an unknown letter: ${letter}`);
}

/** The state that the diagram has after an operation that was done. */
function stateAfter({ becomes }: Row, state: number): string {
  return STATES[becomes === undefined ? state : STATE_LETTERS.indexOf(becomes.charAt(state))] ?? '';
}

async function statesOf(identifiers: readonly string[]): Promise<readonly string[]> {
  const asked = enumeration(Tag.AttributeReference, Tag.State);
  const answers = await each(
    '2.1',
    identifiers.map((identifier) => step(Operation.GetAttributes, uniqueIdentifier(identifier), asked)),
  );
  return answers.map(({ payload }) => {
    const code = valueAt(payload, Tag.Attributes, Tag.State);
    return Object.entries(State).find(([, value]) => value === code)?.[0] ?? '';
  });
}

function outcomeOf({ status, reason, operation, payload }: ReceivedItem, identifier: string): string {
  if (status !== ResultStatus.Success) return reason ?? 'nothing';
  if (operation !== Operation.Locate) return 'done';
  return textsOf(payload, Tag.UniqueIdentifier).includes(identifier) ? 'done' : 'not found';
}

/** The state cannot be asked of what is archived, nor of a Template, which has none. */
const isStateTold = ({ operation }: Row, type: TypeName): boolean =>
  operation !== 'Archive' && type !== 'Template';

/** Asks one version for everything. @returns what came of it, and what was to come, a line each */
async function attempt(
  type: TypeName,
  state: StateName,
  version: Version,
): Promise<readonly (readonly string[])[]> {
  const rows = ROWS.filter(({ isNewer }) => isNewer !== true || version !== '1.4');
  const [shared = '', ...own] = await objectsIn(type, state, 1 + rows.filter(isChanging).length);
  const asked = rows.map((row) => ({ row, identifier: row.changes === true ? (own.shift() ?? '') : shared }));
  const items = await each(
    version,
    asked.map(({ row, identifier }) => requestFor(row.operation)(identifier, version, type, objects[type])),
  );
  const states = await statesOf(asked.map(({ identifier }) => identifier));
  const [typeIndex, stateIndex, versionIndex] = [
    TYPES.indexOf(type),
    STATES.indexOf(state),
    VERSIONS.indexOf(version),
  ];
  const found: string[] = [];
  const wanted: string[] = [];
  for (const [index, { row, identifier }] of asked.entries()) {
    const item = items[index];
    const outcome = item === undefined ? 'nothing' : outcomeOf(item, identifier);
    const right = expected(row, typeIndex, stateIndex, versionIndex);
    const isTold = outcome === 'done' && isStateTold(row, type);
    found.push(`${row.operation}: ${outcome}${isTold ? `, ${states[index] ?? ''}` : ''}`);
    wanted.push(
      `${row.operation}: ${right.includes(outcome) ? outcome : right.join(' or ')}${isTold ? `, ${stateAfter(row, stateIndex)}` : ''}`,
    );
  }
  return [found, wanted];
}

const isChanging = ({ changes }: Row): boolean => changes === true;

function requestFor(operation: string): Ask {
  const request = REQUESTS[operation];
  if (request === undefined) throw new Error(`there is no request for ${operation}`);
  return request;
}

test('every row has a letter for each type and state, and a request', () => {
  const wrong = ROWS.filter(
    ({ operation, types, states }) =>
      types.length !== TYPES.length || states.length !== STATES.length || REQUESTS[operation] === undefined,
  );
  expect(wrong).toEqual([]);
  expect(Object.keys(REQUESTS).sort()).toEqual(ROWS.map(({ operation }) => operation).sort());
});

describe.each(TYPES)('%s', (type) => {
  describe.each(STATES_OF[type] ?? STATES)('%s', (state) => {
    test.each(VERSIONS_OF[type] ?? VERSIONS)('%s', async (version) => {
      const [found, wanted] = await attempt(type, state, version);
      expect(found).toEqual(wanted);
    });
  });
});
