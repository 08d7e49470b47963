import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KmipClient, KmipRefusal } from '@holdfast/client';
import { create, getAttributes, getConstraints, setConstraints, setDefaults } from '@holdfast/core';
import { ObjectType, type Attribute } from '@holdfast/kmip';
import { addClient, startServerProcess, type AddedClient, type ServerProcess } from '@holdfast/testkit';
import { batchedRecords } from '../support/audit';
import { connectFirstClient } from '../support/client';
import { openDatabase } from '../support/database';
import { chainOf, createRotated, endChain } from './rotated';
import { until } from '../support/until';

/** Defaults and constraints of a domain hold for its clients alone, in every process, and after a restart. */

let folder: string;
let server: ServerProcess;
let other: AddedClient;
const start = () => startServerProcess({ dataDir: join(folder, 'data'), arguments: ['--workers', '2'] });

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-policy-'));
  mkdirSync(join(folder, 'data'), { mode: 0o700 });
  server = await start();
  other = await addClient(server, 'elsewhere', { domain: 'other' });
});
afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

const length = (value: number): Attribute => ({ key: 'CryptographicLength', value });

/** What a request that names nothing comes to: the length of the key, or the reason of the refusal. */
async function made(client: KmipClient, ...attributes: readonly Attribute[]): Promise<unknown> {
  try {
    const newAttributes = { templateNames: [], attributes };
    const { uniqueIdentifier } = await client.call(create, {
      objectType: ObjectType.SymmetricKey,
      newAttributes,
    });
    const attributeReferences = [{ key: 'CryptographicLength' }] as const;
    const answer = await client.call(getAttributes, { uniqueIdentifier, attributeReferences });
    return answer.attributes[0]?.value;
  } catch (error) {
    return error instanceof KmipRefusal ? error.resultReasonName : error;
  }
}

test('are kept, and heard of by everybody in the domain', async () => {
  const clients = await Promise.all(Array.from({ length: 8 }, () => connectFirstClient(server)));
  const [first] = clients as [KmipClient];
  const { host, port } = server;
  const stranger = await KmipClient.connect({ host, port, ...other, version: '2.1' });
  expect(await Promise.all(clients.map((client) => made(client)))).toEqual(clients.map(() => 256));
  await first.call(setDefaults, {
    defaultsInformation: {
      objectDefaults: [
        {
          objectType: ObjectType.SymmetricKey,
          attributes: [
            { key: 'CryptographicAlgorithm', value: 3 },
            length(192),
            { key: 'CryptographicUsageMask', value: 12 },
          ],
        },
      ],
    },
  });
  await first.call(setConstraints, { constraints: { constraints: [{ attributes: [length(192)] }] } });
  expect(await made(first)).toBe(192);
  expect(await made(first, { key: 'CryptographicAlgorithm', value: 3 }, length(256))).toBe(
    'ConstraintViolation',
  );
  await until(async () => {
    const lengths = await Promise.all(clients.map((client) => made(client)));
    return lengths.every((each) => each === 192);
  }, 'every process knows the defaults');
  expect(await made(stranger)).toBe(256);
  await Promise.all([...clients, stranger].map((client) => client.close()));

  await server.stop();
  server = await start();
  const again = await connectFirstClient(server);
  expect(await made(again)).toBe(192);
  expect(await again.call(getConstraints, {})).toMatchObject({
    constraints: { constraints: [{ attributes: [length(192)] }] },
  });
  await again.close();
});

test('hold for what the server rotates by itself: it is tried now and then, also after a restart', async () => {
  const allow = (value: number) => ({ constraints: { constraints: [{ attributes: [length(value)] }] } });
  const client = await connectFirstClient(server);
  await client.call(setConstraints, allow(256));
  await createRotated(client, 2);
  await client.call(setConstraints, allow(192));
  const database = await openDatabase(server.dataDir);
  const refusals = async () =>
    (await batchedRecords(database)).filter(
      ({ actor, action, outcome }) => actor.kind === 'system' && action === 'ReKey' && outcome === 'failure',
    );
  await until(async () => (await refusals()).length > 0, 'the rotation is refused');
  const { host, port } = server;
  const stranger = await KmipClient.connect({ host, port, ...other, version: '2.1' });
  const rotated = await chainOf(stranger, await createRotated(stranger, 1), 3);
  await endChain(stranger, rotated[2] ?? '');
  await stranger.close();
  const attempts = await refusals();
  // On a slow machine it was replaced before that: then it is the last of its chain.
  const [{ reason = '', subjects: [refused = ''] } = { subjects: [] }] = attempts;
  expect(reason).toBe('ConstraintViolation');
  expect(attempts.filter(({ subjects }) => subjects[0] !== refused)).toEqual([]);
  // It waits ten seconds, and looks at what is due every second.
  const early = attempts.filter(({ recordedAtUs }, index) => {
    const before = attempts[index - 1]?.recordedAtUs;
    return before !== undefined && recordedAtUs - before < 5_000_000;
  });
  expect(early).toEqual([]);
  await until(
    () => server.log().includes('an object could not be rotated; it is tried again'),
    'the log says so',
  );
  await client.call(setConstraints, allow(256));
  await database.close();
  await client.close();

  await server.kill();
  server = await start();
  const again = await connectFirstClient(server);
  const [, successor = ''] = await chainOf(again, refused, 2);
  await endChain(again, successor);
  await again.close();
});

test('are bounded', async () => {
  const client = await connectFirstClient(server);
  const attributes: Attribute[] = [{ key: 'ContactInformation', value: 'x'.repeat(70_000) }];
  const refusal: unknown = await client
    .call(setConstraints, { constraints: { constraints: [{ attributes }] } })
    .catch((error: unknown) => error);
  expect(refusal).toMatchObject({ resultReasonName: 'InvalidField' });
  await client.close();
});
