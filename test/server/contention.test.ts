import type { KmipClient } from '@holdfast/client';
import { certify, createKeyPair, destroy } from '@holdfast/core';
import {
  AdjustmentType,
  CryptographicAlgorithm,
  CryptographicUsageMask,
  LinkType,
  NameType,
  Operation,
  ResultStatus,
  RevocationReasonCode,
  State,
  Tag,
  type Attribute,
} from '@holdfast/kmip';
import {
  Peer,
  enumeration,
  integer,
  startServerProcess,
  structure,
  text,
  tlsOptions,
  uniqueIdentifier,
  valueAt,
  type ServerProcess,
} from '@holdfast/testkit';
import type { Item } from '@holdfast/ttlv';
import { connectFirstClient } from '../support/client';
import { openDatabase } from '../support/database';
import { chainOf, createRotated, endChain, linked, rotatedEvery, valueOf } from './rotated';
import { createKey, errorsOf } from './support';

/** Many connections that change one object at once: no update is lost, and what can be done once is done once. */

const CONNECTIONS = 24;
let server: ServerProcess;
let peers: readonly Peer[];
let maker: Peer;

beforeAll(async () => {
  server = await startServerProcess({ arguments: ['--workers', '2'] });
  maker = await Peer.connect(tlsOptions(server), '1.4');
  peers = await Promise.all(
    Array.from({ length: CONNECTIONS }, () => Peer.connect(tlsOptions(server), '2.1')),
  );
});
afterAll(async () => {
  await Promise.all([maker, ...peers].map((peer) => peer.close()));
  await server.stop();
});

/** Every connection asks for it at once. @returns how many were done */
async function all(operation: number, payload: readonly Item[]): Promise<number> {
  const answers = await Promise.all(peers.map((peer) => peer.batch([{ operation, payload }])));
  return answers.filter(({ items }) => items[0]?.status === ResultStatus.Success).length;
}

test('every change of an attribute counts', async () => {
  const key = uniqueIdentifier(await createKey(maker));
  const counter = (value: Item) =>
    structure(Tag.Attribute, text(Tag.VendorIdentification, 'x'), text(Tag.AttributeName, 'count'), value);
  const [first] = peers;
  const added = structure(Tag.NewAttribute, counter(integer(Tag.AttributeValue, 0)));
  await first?.call(Operation.AddAttribute, [key, added]);
  const reference = structure(
    Tag.AttributeReference,
    text(Tag.VendorIdentification, 'x'),
    text(Tag.AttributeName, 'count'),
  );
  const increment = [key, reference, enumeration(Tag.AdjustmentType, AdjustmentType.Increment)];
  const done =
    (await all(Operation.AdjustAttribute, increment)) + (await all(Operation.AdjustAttribute, increment));
  const answer = await first?.call(Operation.GetAttributes, [key, reference]);
  expect(valueAt(answer, Tag.Attributes, Tag.Attribute, Tag.AttributeValue)).toBe(done);
  expect(done).toBe(2 * CONNECTIONS);
});

test('a key is replaced once', async () => {
  expect(await all(Operation.ReKey, [uniqueIdentifier(await createKey(maker))])).toBe(1);
});

test('a key is destroyed once', async () => {
  expect(await all(Operation.Destroy, [uniqueIdentifier(await createKey(maker))])).toBe(1);
});

describe('what the server rotates by itself', () => {
  let client: KmipClient;
  beforeAll(async () => {
    client = await connectFirstClient(server);
  });
  afterAll(() => client.close());

  test('is replaced once each time its interval has passed, whichever process does it', async () => {
    const name = { nameValue: 'rotated', nameType: NameType.UninterpretedTextString };
    const first = await createRotated(client, 1, { key: 'Name', value: name });
    const others = await Promise.all(Array.from({ length: 8 }, () => createRotated(client, 1)));
    const chain = await chainOf(client, first, 3);
    for (const [generation, key] of chain.slice(0, -1).entries()) {
      const next = chain[generation + 1] ?? '';
      expect(await valueOf(client, next, 'RotateGeneration')).toBe(generation + 1);
      expect(await linked(client, next, LinkType.ReplacedObjectLink)).toBe(key);
      expect(await valueOf(client, key, 'RotateLatest')).toBe(false);
      expect(await valueOf(client, key, 'Name')).toBeUndefined();
      expect(await valueOf(client, key, 'State')).toBe(State.Active);
      const made = (await valueOf(client, key, 'InitialDate')) ?? 0;
      const replaced = (await valueOf(client, next, 'InitialDate')) ?? 0;
      expect(await valueOf(client, key, 'RotateDate')).toBe(replaced);
      expect(replaced - made).toBeGreaterThanOrEqual(1);
      expect(await valueOf(client, next, 'ActivationDate')).toBe(
        await valueOf(client, key, 'ActivationDate'),
      );
      expect(await valueOf(client, next, 'Digest')).not.toEqual(await valueOf(client, key, 'Digest'));
    }
    const last = await endChain(client, first);
    expect(await valueOf(client, last, 'RotateLatest')).toBe(true);
    expect(await valueOf(client, last, 'Name')).toEqual(name);
    for (const other of others) {
      await endChain(client, (await chainOf(client, other, 2))[0] ?? '');
    }

    const database = await openDatabase(server.dataDir);
    const records = await database.sql(
      `SELECT operation, actor_kind, actor_name, count(*)::int AS times FROM change_record
        WHERE unique_identifier = $1 AND revision > 1 GROUP BY 1, 2, 3`,
      [first],
    );
    expect(records).toEqual([{ operation: 'ReKey', actor_kind: 'system', actor_name: 'rotation', times: 1 }]);
    const due = await database.sql(
      'SELECT FROM object_projection WHERE rotation_date <= extract(epoch FROM now())',
    );
    expect(due).toEqual([]);
    await database.close();
  });

  test('has its dates moved by the Rotate Offset', async () => {
    const now = Math.floor(Date.now() / 1000);
    const first = await createRotated(
      client,
      1,
      { key: 'RotateOffset', value: 500 },
      { key: 'DeactivationDate', value: now },
    );
    const [, next = ''] = await chainOf(client, first, 2);
    const activationDate = ((await valueOf(client, next, 'InitialDate')) ?? 0) + 500;
    expect(await valueOf(client, next, 'State')).toBe(State.PreActive);
    expect(await valueOf(client, next, 'ActivationDate')).toBe(activationDate);
    const activeSeconds =
      ((await valueOf(client, first, 'DeactivationDate')) ?? 0) -
      ((await valueOf(client, first, 'ActivationDate')) ?? 0);
    expect(await valueOf(client, next, 'DeactivationDate')).toBe(activationDate + activeSeconds);
    const [, , third = ''] = await chainOf(client, first, 3);
    await client.call(destroy, { uniqueIdentifier: third });
  });

  test('is a pair, or a certificate', async () => {
    const forUse = (value: number) => ({
      templateNames: [],
      attributes: [{ key: 'CryptographicUsageMask', value } as const],
    });
    const pair = (...attributes: readonly Attribute[]) =>
      client.call(createKeyPair, {
        commonAttributes: {
          templateNames: [],
          attributes: [
            { key: 'CryptographicAlgorithm', value: CryptographicAlgorithm.ECDSA },
            { key: 'CryptographicLength', value: 256 },
            { key: 'ActivationDate', value: 1 },
            ...attributes,
          ],
        },
        privateKeyAttributes: forUse(CryptographicUsageMask.Sign),
        publicKeyAttributes: forUse(CryptographicUsageMask.Verify),
      });
    const rotated = await pair(...rotatedEvery(1));
    const [, privateKey = ''] = await chainOf(client, rotated.privateKeyUniqueIdentifier, 2);
    const [, publicKey = ''] = await chainOf(client, rotated.publicKeyUniqueIdentifier, 2);
    expect(await linked(client, privateKey, LinkType.PublicKeyLink)).toBe(publicKey);
    expect(await linked(client, publicKey, LinkType.PrivateKeyLink)).toBe(privateKey);
    await endChain(client, privateKey);
    await endChain(client, publicKey);

    const { publicKeyUniqueIdentifier: certified } = await pair();
    const { uniqueIdentifier } = await client.call(certify, {
      uniqueIdentifier: certified,
      newAttributes: { templateNames: [], attributes: rotatedEvery(1) },
    });
    const [, renewed = ''] = await chainOf(client, uniqueIdentifier, 2);
    expect(await valueOf(client, renewed, 'Digest')).not.toEqual(
      await valueOf(client, uniqueIdentifier, 'Digest'),
    );
    expect(await linked(client, renewed, LinkType.PublicKeyLink)).toBe(certified);
    await endChain(client, renewed, RevocationReasonCode.KeyCompromise);
  });
});

test('nothing of this was an error of the server', () => {
  expect(errorsOf(server)).toEqual([]);
});
