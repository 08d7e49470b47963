import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KmipClient } from '@holdfast/client';
import { activate, addAttribute, deleteAttribute, destroy, setAttribute } from '@holdfast/core';
import { KeyFormatType, ObjectType, Operation, PutFunction, State, type VersionName } from '@holdfast/kmip';
import {
  ToldClient,
  addClient,
  asFirstOfficer,
  startServerProcess,
  type AddedClient,
  type ServerProcess,
} from '@holdfast/testkit';
import { newKey } from '../custody/site';
import { batchedRecords } from '../support/audit';
import { connectFirstClient } from '../support/client';
import { openDatabase } from '../support/database';
import { freePort } from '../support/port';
import { notified, told } from '../support/told';
import { until } from '../support/until';
import { chainOf, createRotated, endChain } from './rotated';

/** The server connects to clients that listen, and tells them what changes in their domain. */

let server: ServerProcess;
let client: KmipClient;
const dataDir = mkdtempSync(join(tmpdir(), 'holdfast-test-'));
beforeAll(async () => {
  server = await startServerProcess({ dataDir });
  client = await connectFirstClient(server);
});
afterAll(async () => {
  await client.close();
  await server.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

let count = 0;
/** A further client of the domain, told of changes at the port. */
function listening(port: number): Promise<AddedClient> {
  return addClient(server, `listener-${++count}`, {
    settings: { notify: { host: '127.0.0.1', port, version: '2.1' } },
  });
}

/** One that listens already. */
async function listener(
  version: VersionName = '2.1',
): Promise<{ readonly added: AddedClient; readonly listens: ToldClient }> {
  const identity = await addClient(server, `listener-${++count}`);
  const listens = await ToldClient.listen(identity);
  const officer = await asFirstOfficer(server);
  const notify = { host: '127.0.0.1', port: listens.port, version } as const;
  await officer.call('POST /clients/:name/settings', { notify }, { name: identity.client.name });
  return { added: identity, listens };
}

async function forget({ client: { name } }: AddedClient): Promise<void> {
  const officer = await asFirstOfficer(server);
  await officer.call('POST /clients/:name/settings', { notify: null }, { name });
}

test('new keys are put, which is recorded as its own doing, and changes notified, in their order', async () => {
  const { added, listens } = await listener();
  const id = await newKey(client);
  expect(await told(listens)).toMatchObject({
    operation: Operation.Put,
    uniqueIdentifier: id,
    putFunction: PutFunction.New,
    object: { objectType: ObjectType.SymmetricKey, keyBlock: { keyFormatType: KeyFormatType.Raw } },
  });
  await client.call(activate, { uniqueIdentifier: id });
  await client.call(setAttribute, { uniqueIdentifier: id, newAttribute: { key: 'Comment', value: 'here' } });
  expect(await notified(listens)).toMatchObject({ id, changed: { State: State.Active } });
  expect(await notified(listens)).toMatchObject({ id, changed: { Comment: 'here' }, deleted: [] });
  const database = await openDatabase(server.dataDir);
  const puts = (await batchedRecords(database)).filter(({ action }) => action === 'Put');
  expect(puts).toMatchObject([
    {
      actor: { name: added.client.name, peer: `127.0.0.1:${listens.port}` },
      subjects: [id],
      outcome: 'success',
    },
  ]);
  await database.close();
  await forget(added);
  await listens.ended();
  await listens.close();
});

test.each<[VersionName, readonly object[]]>([
  ['1.4', [{ key: 'ObjectGroup', index: 0 }]],
  ['2.1', []],
])('%s is told which of several instances is gone, or which are left', async (version, deleted) => {
  const { added, listens } = await listener(version);
  const id = await newKey(client);
  await told(listens);
  for (const value of ['one', 'two']) {
    await client.call(addAttribute, { uniqueIdentifier: id, newAttribute: { key: 'ObjectGroup', value } });
    expect(await notified(listens)).toMatchObject({ id, changed: { ObjectGroup: value } });
  }
  const currentAttribute = { key: 'ObjectGroup', value: 'one' } as const;
  await client.call(deleteAttribute, { uniqueIdentifier: id, currentAttribute });
  expect(await notified(listens)).toMatchObject({ id, changed: { ObjectGroup: 'two' }, deleted });
  await forget(added);
  await listens.ended();
  await listens.close();
});

test('what the server rotates by itself is told as if a client had done it', async () => {
  const port = await freePort();
  const added = await listening(port);
  const old = await createRotated(client, 1);
  await endChain(client, (await chainOf(client, old, 2))[1] ?? '');
  const listens = await ToldClient.listen(added, port);
  const all = [await told(listens), await told(listens), await told(listens)];
  await forget(added);
  await listens.close();
  expect(all).toMatchObject([
    { operation: Operation.Put, putFunction: PutFunction.New, uniqueIdentifier: old },
    { operation: Operation.Notify, uniqueIdentifier: old },
    { operation: Operation.Put, putFunction: PutFunction.Replace, replacedUniqueIdentifier: old },
  ]);
});

test('what changes while nobody listens is told once somebody does, also by a server that was started again', async () => {
  const port = await freePort();
  const added = await listening(port);
  const first = await newKey(client);
  await client.call(activate, { uniqueIdentifier: first });
  const second = await newKey(client, { key: 'Sensitive', value: true });
  await client.close();
  await server.kill();
  server = await startServerProcess({ dataDir });
  client = await connectFirstClient(server);
  const listens = await ToldClient.listen(added, port);
  expect(await told(listens)).toMatchObject({ operation: Operation.Put, uniqueIdentifier: first });
  expect(await notified(listens)).toMatchObject({ id: first, changed: { State: State.Active } });
  // It does not leave in clear.
  expect(await notified(listens)).toMatchObject({ id: second, changed: { Sensitive: true } });
  await forget(added);
  await listens.close();
});

test('who is not the client is told nothing, and the client is once it is there', async () => {
  const stranger = await ToldClient.listen(await addClient(server, 'stranger'), await freePort());
  const { port } = stranger;
  const added = await listening(port);
  const id = await newKey(client);
  const wire = await stranger.connected();
  await wire.closed;
  await expect(wire.next()).rejects.toThrow();
  await stranger.close();
  const listens = await ToldClient.listen(added, port);
  expect(await told(listens)).toMatchObject({ uniqueIdentifier: id });
  await forget(added);
  await listens.close();
});

test('what has been destroyed meanwhile, or needs officers to leave, is not put', async () => {
  const officer = await asFirstOfficer(server);
  const port = await freePort();
  const added = await listening(port);
  const gone = await newKey(client);
  await client.call(destroy, { uniqueIdentifier: gone });
  await officer.call('POST /approval-rules', { action: 'export', officers: 1 });
  const guarded = await newKey(client);
  const listens = await ToldClient.listen(added, port);
  expect(await notified(listens)).toMatchObject({ id: gone, changed: { State: State.PreActive } });
  expect(await notified(listens)).toMatchObject({ id: gone, changed: { State: State.Destroyed } });
  expect(await notified(listens)).toMatchObject({ id: guarded });
  await officer.call('POST /approval-rules', { action: 'export', officers: 0 });
  const free2 = await newKey(client);
  expect(await told(listens)).toMatchObject({ operation: Operation.Put, uniqueIdentifier: free2 });
  await forget(added);
  await listens.close();
});

test('nothing is kept for a client that was revoked', async () => {
  const added = await listening(1);
  const officer = await asFirstOfficer(server);
  await newKey(client);
  const database = await openDatabase(server.dataDir);
  const waiting = async (): Promise<number> => (await database.sql('SELECT FROM announcement')).length;
  expect(await waiting()).toBeGreaterThan(0);
  await officer.call('POST /clients/:name/revoke', {}, { name: added.client.name });
  await until(async () => (await waiting()) === 0, 'nothing waits for it');
  await database.close();
});
