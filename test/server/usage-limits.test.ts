import { KmipClient, KmipRefusal } from '@holdfast/client';
import { activate, create, encrypt, getAttributes, getUsageAllocation } from '@holdfast/core';
import { BlockCipherMode, ObjectType, UsageLimitsUnit } from '@holdfast/kmip';
import { startServerProcess, type ServerProcess } from '@holdfast/testkit';
import { SecretBytes } from '@holdfast/ttlv';
import { connectFirstClient } from '../support/client';

/** Clients at once, in several processes, spend exactly what the Usage Limits of one key hold. */

const WORKERS = 3;
const CLIENTS = 60;
const REQUESTS_EACH = 5;

let server: ServerProcess;
let clients: readonly KmipClient[];
beforeAll(async () => {
  server = await startServerProcess({ arguments: ['--workers', String(WORKERS)] });
  clients = await Promise.all(Array.from({ length: CLIENTS }, () => connectFirstClient(server)));
});
afterAll(async () => {
  await Promise.all(clients.map((client) => client.close()));
  await server.stop();
});

async function limitedKey(client: KmipClient, usageLimitsTotal: bigint): Promise<string> {
  const usageLimits = { usageLimitsTotal, usageLimitsUnit: UsageLimitsUnit.Object };
  const { uniqueIdentifier } = await client.call(create, {
    objectType: ObjectType.SymmetricKey,
    newAttributes: { templateNames: [], attributes: [{ key: 'UsageLimits', value: usageLimits }] },
  });
  await client.call(activate, { uniqueIdentifier });
  return uniqueIdentifier;
}

async function countOf(client: KmipClient, uniqueIdentifier: string): Promise<unknown> {
  const { attributes } = await client.call(getAttributes, {
    uniqueIdentifier,
    attributeReferences: [{ key: 'UsageLimits' }],
  });
  return attributes;
}

/** How often a request succeeded; every other one has to have been refused since the limits are used up. */
async function successes(spend: (client: KmipClient) => Promise<unknown>): Promise<number> {
  const outcomes = await Promise.all(
    clients.flatMap((client) =>
      Array.from({ length: REQUESTS_EACH }, () =>
        spend(client).then(
          () => 'done',
          (error: unknown) => (error instanceof KmipRefusal ? error.resultReasonName : error),
        ),
      ),
    ),
  );
  const refused = outcomes.filter((outcome) => outcome !== 'done');
  expect(new Set(refused)).toEqual(new Set(['UsageLimitExceeded']));
  return outcomes.length - refused.length;
}

test.each<[string, (client: KmipClient, key: string) => Promise<unknown>, number]>([
  [
    'allocations of two',
    (client, uniqueIdentifier) => client.call(getUsageAllocation, { uniqueIdentifier, usageLimitsCount: 2n }),
    2,
  ],
  [
    'encryptions',
    (client, uniqueIdentifier) =>
      client.call(encrypt, {
        uniqueIdentifier,
        cryptographicParameters: { blockCipherMode: BlockCipherMode.GCM, randomIV: true },
        data: new SecretBytes(Buffer.alloc(32)),
      }),
    1,
  ],
])('%s', async (_what, spend, units) => {
  const [first] = clients as [KmipClient];
  const most = 200;
  const key = await limitedKey(first, BigInt(most * units));
  expect(await successes((client) => spend(client, key))).toBe(most);
  expect(await countOf(first, key)).toMatchObject([{ value: { usageLimitsCount: 0n } }]);
});
