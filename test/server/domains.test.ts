import { ObjectType, Operation, RevocationReasonCode, Tag } from '@holdfast/kmip';
import {
  Peer,
  addClient,
  attribute,
  child,
  children,
  enumeration,
  integer,
  nameValue,
  requestMessage,
  startServerProcess,
  structure,
  text,
  textsOf,
  tlsOptions,
  uniqueIdentifier,
  type ServerProcess,
} from '@holdfast/testkit';
import { decodeTtlv, encodeTtlv, type Item } from '@holdfast/ttlv';
import { createKey, errorsOf } from './support';

/** Domains are vaults: a client neither sees, finds, names nor collides with what is in another one. */

let server: ServerProcess;
let payroll: Peer;
let colleague: Peer;
let storage: Peer;

beforeAll(async () => {
  server = await startServerProcess();
  const join = async (name: string, domain: string) =>
    Peer.connect(tlsOptions(server, await addClient(server, name, { domain })), '1.4');
  payroll = await join('payroll-1', 'payroll');
  colleague = await join('payroll-2', 'payroll');
  storage = await join('storage-1', 'storage');
});
afterAll(async () => {
  await Promise.all([payroll, colleague, storage].map((peer) => peer.close()));
  await server.stop();
});

const locate = async (peer: Peer, ...conditions: readonly Item[]) =>
  textsOf(await peer.call(Operation.Locate, conditions), Tag.UniqueIdentifier);
const named = (name: string) => attribute('Name', nameValue(name));

const reason = structure(
  Tag.RevocationReason,
  enumeration(Tag.RevocationReasonCode, RevocationReasonCode.KeyCompromise),
);

/** Every operation that names an object, with what it needs besides. */
const ABOUT_ONE: readonly (readonly [name: string, operation: number, further: readonly Item[]])[] = [
  ['Get', Operation.Get, []],
  ['Get Attributes', Operation.GetAttributes, []],
  ['Get Attributes of one', Operation.GetAttributes, [text(Tag.AttributeName, 'State')]],
  ['Get Attribute List', Operation.GetAttributeList, []],
  ['Add Attribute', Operation.AddAttribute, [attribute('x-mark', text(Tag.AttributeValue, 'mine'))]],
  ['Modify Attribute', Operation.ModifyAttribute, [named('taken over')]],
  ['Delete Attribute', Operation.DeleteAttribute, [text(Tag.AttributeName, 'Name')]],
  ['Activate', Operation.Activate, []],
  ['Revoke', Operation.Revoke, [reason]],
  ['Check', Operation.Check, []],
  ['Re-key', Operation.ReKey, []],
  ['Destroy', Operation.Destroy, []],
];

/** A response without what tells the time. */
function timeless(item: Item): Item {
  const value =
    item.tag === Tag.ResponseHeader ? children(item, Tag.BatchCount) : (item.value as readonly Item[]);
  return Array.isArray(item.value) ? ({ ...item, value: value.map(timeless) } as Item) : item;
}

async function answer(peer: Peer, operation: number, payload: readonly Item[]): Promise<string> {
  const request = requestMessage('1.4', [{ operation, payload }]);
  const response = await peer.wire.exchange(encodeTtlv(request));
  return encodeTtlv(timeless(decodeTtlv(response))).toString('hex');
}

test('clients of one domain share what is in it', async () => {
  const key = await createKey(payroll, 'shared');
  expect(await locate(colleague, named('shared'))).toEqual([key]);
  await colleague.call(Operation.Get, [uniqueIdentifier(key)]);
  await colleague.call(Operation.Activate, [uniqueIdentifier(key)]);
});

test('nothing of another domain is found, by whatever condition', async () => {
  const key = await createKey(payroll, 'secret salary');
  const own = await createKey(storage, 'own');
  for (const conditions of [
    [],
    [named('secret salary')],
    [attribute('Unique Identifier', text(Tag.AttributeValue, key))],
    [attribute('Object Type', enumeration(Tag.AttributeValue, ObjectType.SymmetricKey))],
    [integer(Tag.StorageStatusMask, 3)],
  ]) {
    const found = await locate(storage, ...conditions);
    expect(found).not.toContain(key);
    if (conditions.length === 0) expect(found).toContain(own);
  }
});

test('names of one domain are free in the other', async () => {
  const here = await createKey(payroll, 'master');
  const there = await createKey(storage, 'master');
  expect(there).not.toBe(here);
  expect(await locate(payroll, named('master'))).toEqual([here]);
  expect(await locate(storage, named('master'))).toEqual([there]);
  await expect(createKey(colleague, 'master')).rejects.toThrow(/name/);
});

test.each(ABOUT_ONE)(
  '%s of another domain is answered, byte for byte, like one of nothing',
  async (_name, operation, further) => {
    const key = await createKey(payroll);
    // As long as the other, so that nothing can be learnt from lengths.
    const nothing = 'f'.repeat(key.length);
    const ofAnother = await answer(storage, operation, [uniqueIdentifier(key), ...further]);
    const ofNothing = await answer(storage, operation, [uniqueIdentifier(nothing), ...further]);
    expect(ofAnother).toBe(ofNothing);
    // And nothing happened to it.
    await payroll.call(Operation.Get, [uniqueIdentifier(key)]);
    expect(
      textsOf(await payroll.call(Operation.GetAttributeList, [uniqueIdentifier(key)]), Tag.AttributeName),
    ).not.toContain('x-mark');
  },
);

test('a key of another domain wraps nothing, and is linked to by nothing', async () => {
  const wrapping = await createKey(payroll);
  await payroll.call(Operation.Activate, [uniqueIdentifier(wrapping)]);
  const own = await createKey(storage);
  const wrapped = (identifier: string) => [
    uniqueIdentifier(own),
    structure(
      Tag.KeyWrappingSpecification,
      enumeration(Tag.WrappingMethod, 1),
      structure(Tag.EncryptionKeyInformation, uniqueIdentifier(identifier)),
    ),
  ];
  expect(await answer(storage, Operation.Get, wrapped(wrapping))).toBe(
    await answer(storage, Operation.Get, wrapped('f'.repeat(wrapping.length))),
  );
});

test('what is left of a destroyed key is the same in the domain that it is moved to, by KMIP 1.4', async () => {
  const key = uniqueIdentifier(await createKey(payroll));
  await payroll.call(Operation.Destroy, [key]);
  const here = await payroll.call(Operation.Export, [key]);
  expect(child(here, Tag.SymmetricKey, Tag.KeyBlock, Tag.KeyFormatType)).toBeDefined();
  const moved = children(here, Tag.Attribute).concat(children(here, Tag.SymmetricKey));
  await storage.call(Operation.Import, [key, ...moved]);
  expect(await storage.call(Operation.Export, [key])).toEqual(here);
});

test('none of it was an error to the server', () => {
  expect(errorsOf(server)).toEqual([]);
});
