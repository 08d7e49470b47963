import { AdjustmentType, Operation, ResultStatus, Tag } from '@holdfast/kmip';
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
import { createKey, errorsOf } from './support';

jest.setTimeout(60_000);

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
}, 60_000);
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

test('nothing of this was an error of the server', () => {
  expect(errorsOf(server)).toEqual([]);
});
