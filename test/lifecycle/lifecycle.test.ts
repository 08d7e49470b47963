import { Operation, ResultStatus, RevocationReasonCode, State, Tag } from '@holdfast/kmip';
import {
  Peer,
  enumeration,
  integer,
  startServerProcess,
  structure,
  text,
  textAt,
  tlsOptions,
  uniqueIdentifier,
  valueAt,
  type RequestItem,
  type ServerProcess,
} from '@holdfast/testkit';
import type { Item } from '@holdfast/ttlv';
import { registrations } from './objects';
import { REQUESTS } from './requests';
import {
  OUTCOMES,
  ROWS,
  STATES,
  STATE_LETTERS,
  TYPES,
  VERSIONS,
  type Row,
  type StateName,
  type TypeName,
} from './table';

jest.setTimeout(300_000);

/** Every operation on every type of object in every state, against a table that was written from the specifications. */

let server: ServerProcess;
let objects: Readonly<Record<TypeName, readonly Item[]>>;
const peers: Partial<Record<(typeof VERSIONS)[number], Peer>> = {};

beforeAll(async () => {
  server = await startServerProcess({ logLevel: 'fatal' });
  objects = await registrations();
  for (const version of VERSIONS) peers[version] = await Peer.connect(tlsOptions(server), version);
}, 120_000);
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
const vendorAttribute = (name: string, value: Item): RequestItem =>
  step(
    Operation.AddAttribute,
    structure(
      Tag.NewAttribute,
      structure(Tag.Attribute, text(Tag.VendorIdentification, 'x'), text(Tag.AttributeName, name), value),
    ),
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

async function objectIn(type: TypeName, state: StateName): Promise<string> {
  const { items } =
    (await peers['2.1']?.batch([
      step(Operation.Register, ...objects[type]),
      vendorAttribute('mark', text(Tag.AttributeValue, 'old')),
      vendorAttribute('count', integer(Tag.AttributeValue, 1)),
      ...WAYS[state](),
    ])) ?? {};
  const failed = items?.find(({ status }) => status !== ResultStatus.Success);
  if (items === undefined || failed !== undefined) {
    throw new Error(`${type} does not become ${state}: ${failed?.reason ?? ''} ${failed?.message ?? ''}`);
  }
  return textAt(items[0]?.payload, Tag.UniqueIdentifier);
}

/** What may come of it. Which of two faults is told is the server's to choose: the specifications order no checks. */
function expected(row: Row, type: number, state: number, version: number): readonly string[] {
  const letters = [row.types[type] ?? '', row.states[state] ?? ''].filter((letter) => letter !== '+');
  if (letters.length === 0) return ['done'];
  return letters.map((letter) => OUTCOMES[letter]?.[version] ?? `an unknown letter: ${letter}`);
}

/** The state that the diagram has after an operation that was done. */
function stateAfter({ becomes }: Row, state: number): string {
  return STATES[becomes === undefined ? state : STATE_LETTERS.indexOf(becomes.charAt(state))] ?? '';
}

async function stateOf(identifier: string): Promise<string> {
  const asked = enumeration(Tag.AttributeReference, Tag.State);
  const payload = [uniqueIdentifier(identifier), asked];
  const answer = await peers['2.1']?.call(Operation.GetAttributes, payload);
  const code = valueAt(answer, Tag.Attributes, Tag.State);
  return Object.entries(State).find(([, value]) => value === code)?.[0] ?? '';
}

test('every row has a letter for each type and state, and a request', () => {
  const wrong = ROWS.filter(
    ({ operation, types, states }) =>
      types.length !== TYPES.length || states.length !== STATES.length || REQUESTS[operation] === undefined,
  );
  expect(wrong).toEqual([]);
  expect(Object.keys(REQUESTS).sort()).toEqual(ROWS.map(({ operation }) => operation).sort());
});

describe.each(TYPES.map((type, index) => [type, index] as const))('%s', (type, typeIndex) => {
  test.each(STATES.map((state, index) => [state, index] as const))('%s', async (state, stateIndex) => {
    const shared = await objectIn(type, state);
    const found: string[] = [];
    const wanted: string[] = [];
    for (const [versionIndex, version] of VERSIONS.entries()) {
      for (const row of ROWS) {
        if (row.isNewer === true && version === VERSIONS[0]) continue;
        const identifier = row.changes === true ? await objectIn(type, state) : shared;
        const request = REQUESTS[row.operation]?.(identifier, version, type);
        const item = request === undefined ? undefined : (await peers[version]?.batch([request]))?.items[0];
        const outcome = item?.status === ResultStatus.Success ? 'done' : (item?.reason ?? 'nothing');
        if (outcome === 'done' && row.operation !== 'Archive') {
          found.push(`${version} ${row.operation}: ${await stateOf(identifier)}`);
          wanted.push(`${version} ${row.operation}: ${stateAfter(row, stateIndex)}`);
        }
        const right = expected(row, typeIndex, stateIndex, versionIndex);
        found.push(`${version} ${row.operation}: ${outcome}`);
        wanted.push(`${version} ${row.operation}: ${right.includes(outcome) ? outcome : right.join(' or ')}`);
      }
    }
    expect(found).toEqual(wanted);
  });
});
