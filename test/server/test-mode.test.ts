import { KmipClient, KmipRefusal } from '@holdfast/client';
import { create, get, interop, locate, query, type OperationDefinition } from '@holdfast/core';
import { InteropFunction, NameType, ObjectType, Operation, QueryFunction } from '@holdfast/kmip';
import {
  addClient,
  holdfast,
  startServerProcess,
  type AddedClient,
  type ServerProcess,
} from '@holdfast/testkit';
import { connectFirstClient } from '../support/client';

/** Interop is there in test mode alone; its Reset empties the domain of the one who asks. */

const { Begin, End, Reset } = InteropFunction;

let tested: ServerProcess;
let productive: ServerProcess;
beforeAll(async () => {
  [tested, productive] = await Promise.all([
    startServerProcess({ arguments: ['--test-mode'] }),
    startServerProcess(),
  ]);
});
afterAll(() => Promise.all([tested.stop(), productive.stop()]));

function as(server: ServerProcess, { cert, key, ca }: AddedClient): Promise<KmipClient> {
  return KmipClient.connect({ host: server.host, port: server.port, cert, key, ca, version: '2.1' });
}

const interopOf = (interopFunction: InteropFunction) => ({ interopFunction, interopIdentifier: 'TC-1' });

async function createNamed(client: KmipClient, nameValue: string): Promise<string> {
  const name = { key: 'Name', value: { nameValue, nameType: NameType.UninterpretedTextString } } as const;
  const newAttributes = {
    templateNames: [],
    attributes: [
      { key: 'CryptographicAlgorithm', value: 3 },
      { key: 'CryptographicLength', value: 128 },
      { key: 'CryptographicUsageMask', value: 12 },
      name,
    ],
  } as const;
  const request = { objectType: ObjectType.SymmetricKey, newAttributes } as const;
  return (await client.call(create, request)).uniqueIdentifier;
}

async function everything(client: KmipClient): Promise<readonly string[]> {
  const { uniqueIdentifiers } = await client.call(locate, { storageStatusMask: 7, attributes: [] });
  return uniqueIdentifiers;
}

async function reasonOf<Request>(
  client: KmipClient,
  operation: OperationDefinition<Request>,
  request: Request,
): Promise<string | undefined> {
  const refusal: unknown = await client.call(operation, request).catch((error: unknown) => error);
  return refusal instanceof KmipRefusal ? refusal.resultReasonName : undefined;
}

async function listsInterop(server: ServerProcess): Promise<boolean> {
  const client = await connectFirstClient(server);
  const { operations } = await client.call(query, { queryFunctions: [QueryFunction.QueryOperations] });
  await client.close();
  return operations.includes(Operation.Interop);
}

test('a server that is not in test mode has no Interop', async () => {
  const client = await connectFirstClient(productive);
  const kept = await createNamed(client, 'kept');
  for (const each of [Begin, End, Reset]) {
    expect(await reasonOf(client, interop, interopOf(each))).toBe('OperationNotSupported');
  }
  expect(await everything(client)).toEqual([kept]);
  await client.close();
  expect(await listsInterop(productive)).toBe(false);
  expect(productive.log()).not.toContain('TEST MODE');
  expect(await holdfast('status', '--data-dir', productive.dataDir)).not.toContain('TEST MODE');
});

test('log and status say that test mode is on', async () => {
  expect(await listsInterop(tested)).toBe(true);
  expect(tested.log()).toContain('TEST MODE');
  expect(await holdfast('status', '--data-dir', tested.dataDir)).toContain('TEST MODE');
  expect(JSON.parse(await holdfast('status', '--data-dir', tested.dataDir, '--json'))).toMatchObject({
    testMode: true,
  });
});

test('Begin and End leave everything as it is; Reset empties the domain, and no other', async () => {
  const one = await as(tested, await addClient(tested, 'one', { domain: 'one' }));
  const other = await as(tested, await addClient(tested, 'other', { domain: 'other' }));
  const mine = await createNamed(one, 'same');
  const theirs = await createNamed(other, 'same');
  for (const each of [Begin, End]) expect(await one.call(interop, interopOf(each))).toEqual({});
  expect(await everything(one)).toEqual([mine]);
  await one.call(interop, interopOf(Reset));
  expect(await everything(one)).toEqual([]);
  expect(await reasonOf(one, get, { uniqueIdentifier: mine })).toBe('ObjectNotFound');
  expect(await everything(other)).toEqual([theirs]);
  // Its name is free again.
  expect(await everything(one)).not.toEqual([await createNamed(one, 'same')]);
  await Promise.all([one.close(), other.close()]);
});

test('a reader empties nothing', async () => {
  const writer = await as(tested, await addClient(tested, 'writer', { domain: 'shared' }));
  const reader = await as(tested, await addClient(tested, 'reader', { domain: 'shared', role: 'reader' }));
  const kept = await createNamed(writer, 'kept');
  expect(await reasonOf(reader, interop, interopOf(Reset))).toBe('PermissionDenied');
  expect(await everything(reader)).toEqual([kept]);
  await Promise.all([writer.close(), reader.close()]);
});
