import { mkdtempSync, rmSync } from 'node:fs';
import {
  AsynchronousIndicator,
  BatchErrorContinuationOption,
  ObjectType,
  Operation,
  ResultStatus,
  Tag,
} from '@holdfast/kmip';
import {
  Peer,
  boolean,
  bytes,
  enumeration,
  integer,
  startServerProcess,
  structure,
  text,
  textAt,
  textsOf,
  tlsOptions,
  type ReceivedItem,
  type RequestItem,
} from '@holdfast/testkit';
import { ON_DISK } from '../support/disk';
import { until } from '../support/until';

/** Kills a server, again and again, that has operations to carry out: each takes effect once, and has one answer. */

const ROUNDS = 4;
const KEYS_PER_ROUND = 24;

const create = (id: number, group: string): RequestItem => ({
  operation: Operation.Create,
  id: Buffer.from([id]),
  payload: [
    enumeration(Tag.ObjectType, ObjectType.SymmetricKey),
    structure(
      Tag.Attributes,
      enumeration(Tag.CryptographicAlgorithm, 3),
      integer(Tag.CryptographicLength, 256),
      integer(Tag.CryptographicUsageMask, 12),
      text(Tag.ObjectGroup, group),
    ),
  ],
});
const pair: RequestItem = {
  operation: Operation.CreateKeyPair,
  payload: [
    structure(
      Tag.CommonAttributes,
      enumeration(Tag.CryptographicAlgorithm, 4),
      integer(Tag.CryptographicLength, 3072),
      text(Tag.ObjectGroup, 'pairs'),
    ),
  ],
};
const independent = {
  header: [
    enumeration(Tag.AsynchronousIndicator, AsynchronousIndicator.Mandatory),
    enumeration(Tag.BatchErrorContinuationOption, BatchErrorContinuationOption.Continue),
    boolean(Tag.BatchOrderOption, false),
  ],
};

async function submit(peer: Peer, items: readonly RequestItem[]): Promise<readonly Buffer[]> {
  const { items: answers } = await peer.batch(items, independent);
  return answers.map(({ correlationValue }) => {
    if (correlationValue === undefined) throw new Error('it is not pending');
    return correlationValue;
  });
}

async function answerOf(peer: Peer, correlationValue: Buffer): Promise<ReceivedItem> {
  let answer: ReceivedItem | undefined;
  await until(async () => {
    const payload = [bytes(Tag.AsynchronousCorrelationValue, correlationValue)];
    [answer] = (await peer.batch([{ operation: Operation.Poll, payload }])).items;
    return answer?.status !== ResultStatus.OperationPending;
  }, 'it is completed');
  return answer as ReceivedItem;
}

const inGroup = async (peer: Peer, group: string): Promise<readonly string[]> =>
  textsOf(
    await peer.call(Operation.Locate, [structure(Tag.Attributes, text(Tag.ObjectGroup, group))]),
    Tag.UniqueIdentifier,
  );

test('what is pending when a server is killed is carried out by the next one, once', async () => {
  const dataDir = mkdtempSync(ON_DISK);
  const pending: Buffer[] = [];
  const pairs: Buffer[] = [];
  try {
    for (let round = 0; round < ROUNDS; round++) {
      const server = await startServerProcess({ dataDir });
      const peer = await Peer.connect(tlsOptions(server), '2.1');
      pairs.push(...(await submit(peer, [pair])));
      const items = Array.from({ length: KEYS_PER_ROUND }, (_, index) => create(index, 'keys'));
      pending.push(...(await submit(peer, items)));
      // Some are carried out by now, one is being carried out, others wait.
      await until(async () => (await inGroup(peer, 'keys')).length > round * KEYS_PER_ROUND, 'some are made');
      await server.kill();
      await peer.wire.closed;
    }
    const server = await startServerProcess({ dataDir });
    const peer = await Peer.connect(tlsOptions(server), '2.1');
    const made = new Set<string>();
    for (const each of pending) {
      const { status, payload } = await answerOf(peer, each);
      expect(status).toBe(ResultStatus.Success);
      made.add(textAt(payload, Tag.UniqueIdentifier));
    }
    expect(made.size).toBe(pending.length);
    expect(new Set(await inGroup(peer, 'keys'))).toEqual(made);
    for (const each of pairs)
      expect(await answerOf(peer, each)).toMatchObject({ status: ResultStatus.Success });
    expect(await inGroup(peer, 'pairs')).toHaveLength(2 * pairs.length);
    await peer.close();
    await server.stop();
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
});
