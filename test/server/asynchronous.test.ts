import {
  AsynchronousIndicator,
  BatchErrorContinuationOption,
  CancellationResult,
  ObjectType,
  Operation,
  ProcessingStage,
  ResultStatus,
  SecretDataType,
  KeyFormatType,
  Tag,
  type VersionName,
} from '@holdfast/kmip';
import {
  Peer,
  addClient,
  asFirstOfficer,
  boolean,
  bytes,
  children,
  enumeration,
  integer,
  nameValue,
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
import { openDatabase } from '../support/database';
import { createPayload, errorsOf } from './support';
import { until } from '../support/until';

/** Operations that are carried out later: KMIP 1.4 sections 4.27, 4.28, 6.7 and 6.8, KMIP 2.1 sections 6.1.38 to 6.1.41. */

const { Success, OperationFailed, OperationPending } = ResultStatus;
const { Mandatory, Optional } = AsynchronousIndicator;
const { Stop, Continue, Undo } = BatchErrorContinuationOption;

let server: ServerProcess;
let peer: Peer;
let older: Peer;
let count = 0;

beforeAll(async () => {
  server = await startServerProcess();
  peer = await Peer.connect(tlsOptions(server), '2.1');
  older = await Peer.connect(tlsOptions(server), '1.4');
});
afterAll(async () => {
  await Promise.all([peer.close(), older.close()]);
  await server.stop();
});

function item(operation: number, ...payload: readonly Item[]): RequestItem {
  return { operation, payload, id: Buffer.from(String(++count)) };
}
const pair = (lengthBits: number): RequestItem =>
  item(
    Operation.CreateKeyPair,
    structure(
      Tag.CommonAttributes,
      enumeration(Tag.CryptographicAlgorithm, 4),
      integer(Tag.CryptographicLength, lengthBits),
    ),
  );
/** A key of a group, by which all that were made are counted. */
const create = (group = 'none', ...attributes: readonly Item[]): RequestItem =>
  item(
    Operation.Create,
    enumeration(Tag.ObjectType, ObjectType.SymmetricKey),
    structure(
      Tag.Attributes,
      enumeration(Tag.CryptographicAlgorithm, 3),
      integer(Tag.CryptographicLength, 256),
      integer(Tag.CryptographicUsageMask, 12),
      text(Tag.ObjectGroup, group),
      ...attributes,
    ),
  );
const mode = (value: number, option?: number) => ({
  header: [
    enumeration(Tag.AsynchronousIndicator, value),
    ...(option === undefined ? [] : [enumeration(Tag.BatchErrorContinuationOption, option)]),
  ],
});
const value = (correlationValue: Buffer | undefined) =>
  bytes(Tag.AsynchronousCorrelationValue, correlationValue ?? Buffer.alloc(0));

async function submit(items: readonly RequestItem[], option?: number, by = peer): Promise<readonly Buffer[]> {
  const { items: answers } = await by.batch(items, mode(Mandatory, option));
  return answers.map(({ status, correlationValue, payload, reason, message }) => {
    expect({ status, payload, reason, message }).toEqual({ status: OperationPending });
    return correlationValue ?? Buffer.alloc(0);
  });
}

async function poll(correlationValue: Buffer | undefined, by = peer): Promise<ReceivedItem> {
  const { items } = await by.batch([{ operation: Operation.Poll, payload: [value(correlationValue)] }]);
  return items[0] as ReceivedItem;
}

/** The answer, once there is one. */
async function answerOf(correlationValue: Buffer | undefined, by = peer): Promise<ReceivedItem> {
  let answer = await poll(correlationValue, by);
  await until(async () => {
    if (answer.status === OperationPending) answer = await poll(correlationValue, by);
    return answer.status !== OperationPending;
  }, 'the operation completes');
  return answer;
}

/** What an item changes that waits in its midst until it is let go. */
async function held(count: number) {
  const keys: string[] = [];
  for (let index = 0; index < count; index++) {
    const { items } = await peer.batch([create()]);
    keys.push(textAt(items[0]?.payload, Tag.UniqueIdentifier));
  }
  const database = await openDatabase(server.dataDir);
  await database.sql('BEGIN');
  await database.sql('SELECT FROM object WHERE unique_identifier = ANY($1) FOR UPDATE', [keys]);
  return {
    items: keys.map((key) => item(Operation.Activate, uniqueIdentifier(key))),
    letGo: async () => {
      await database.sql('COMMIT');
      await database.close();
    },
  };
}

const DONE_AT_ONCE = 2;

/** While the server has more to do than it does at once. */
async function whileOccupied<T>(work: () => Promise<T>): Promise<T> {
  const { items, letGo } = await held(DONE_AT_ONCE + 1);
  const busy: Buffer[] = [];
  for (const each of items) busy.push(...(await submit([each])));
  const asked = structure(Tag.AsynchronousCorrelationValues, ...busy.map(value));
  try {
    // Domains take turns: until then another's would be next.
    await until(async () => {
      const stages = (await outstanding(asked)).map((each) => valueAt(each, Tag.ProcessingStage));
      return stages.filter((stage) => stage === ProcessingStage.InProcess).length === DONE_AT_ONCE;
    }, 'it does as much as it does at once');
    return await work();
  } finally {
    await letGo();
    for (const each of busy) await answerOf(each);
  }
}

async function outstandingOf(by: Peer, ...asked: readonly Item[]): Promise<readonly Item[]> {
  return children(await by.call(Operation.QueryAsynchronousRequests, asked), Tag.AsynchronousRequest);
}
const outstanding = (...asked: readonly Item[]) => outstandingOf(peer, ...asked);

async function cancel(correlationValue: Buffer | undefined, by = peer): Promise<number> {
  const answer = await by.call(Operation.Cancel, [value(correlationValue)]);
  expect(valueAt(answer, Tag.AsynchronousCorrelationValue)).toEqual(correlationValue);
  return valueAt(answer, Tag.CancellationResult) as number;
}

const inGroup = async (group: string, by = peer): Promise<readonly string[]> =>
  textsOf(
    await by.call(Operation.Locate, [structure(Tag.Attributes, text(Tag.ObjectGroup, group))]),
    Tag.UniqueIdentifier,
  );

describe('an operation that the client wants to be carried out later', () => {
  test('is answered by Poll as it would have been at once', async () => {
    const [correlationValue] = await submit([create('one')]);
    const answer = await answerOf(correlationValue);
    expect(answer).toMatchObject({
      status: Success,
      operation: Operation.Create,
      correlationValue: undefined,
    });
    const identifier = textAt(answer.payload, Tag.UniqueIdentifier);
    expect(valueAt(answer.payload, Tag.ObjectType)).toBe(ObjectType.SymmetricKey);
    expect(await inGroup('one')).toEqual([identifier]);
    // An answer that was lost on its way can be fetched again.
    expect(await poll(correlationValue)).toMatchObject({ status: Success, payload: answer.payload });
  });

  test('that fails says so to Poll', async () => {
    const [correlationValue] = await submit([item(Operation.Get, uniqueIdentifier('nothing'))]);
    expect(await answerOf(correlationValue)).toMatchObject({
      status: OperationFailed,
      operation: Operation.Get,
      reason: 'ObjectNotFound',
      payload: undefined,
    });
  });

  test.each<[VersionName, string]>([
    ['1.4', 'ItemNotFound'],
    ['2.0', 'ObjectNotFound'],
  ])('is told of in the words of %s where Poll speaks that', async (version, reason) => {
    const other = await Peer.connect(tlsOptions(server), version);
    const [failing, succeeding] = await submit(
      [item(Operation.Get, uniqueIdentifier('nothing')), create()],
      Continue,
    );
    expect(await answerOf(failing, other)).toMatchObject({ status: OperationFailed, reason });
    expect((await answerOf(succeeding, other)).payload).toBeDefined();
    await other.close();
  });

  test.each([
    ['Poll', Operation.Poll],
    ['Cancel', Operation.Cancel],
    ['Process', Operation.Process],
  ])('is never %s', async (_name, operation) => {
    const unknown = value(Buffer.alloc(16, 7));
    const { items } = await peer.batch([{ operation, payload: [unknown] }], mode(Mandatory));
    expect(items[0]?.status).not.toBe(OperationPending);
  });

  test.each([
    ['a batch that is to be undone', [create(), create()], Undo],
    [
      'a part of data',
      [
        item(
          Operation.Hash,
          structure(Tag.CryptographicParameters, enumeration(Tag.HashingAlgorithm, 6)),
          bytes(Tag.Data, Buffer.from('part')),
          boolean(Tag.InitIndicator, true),
        ),
      ],
      Stop,
    ],
  ])('cannot be %s', async (_name, items, option) => {
    const { items: answers } = await peer.batch(items, mode(Mandatory, option));
    expect(answers[0]).toMatchObject({ status: OperationFailed, reason: 'FeatureNotSupported' });
  });
});

describe('a client that leaves it to the server', () => {
  test('has to poll for what is slow, and for nothing else', async () => {
    const { items } = await peer.batch([create(), pair(2048)], mode(Optional));
    expect(items.map(({ status }) => status)).toEqual([Success, OperationPending]);
    const answer = await answerOf(items[1]?.correlationValue);
    expect(answer).toMatchObject({ status: Success, operation: Operation.CreateKeyPair });
    const privateKey = textAt(answer.payload, Tag.PrivateKeyUniqueIdentifier);
    await peer.call(Operation.Get, [uniqueIdentifier(privateKey)]);
  });

  test('does not where something in the batch waits for it', async () => {
    const { items } = await peer.batch([pair(2048), item(Operation.Get)], mode(Optional));
    expect(items.map(({ status }) => status)).toEqual([Success, Success]);
  });

  test('says so with a flag in 1.x', async () => {
    const flag = { header: [boolean(Tag.AsynchronousIndicator, true)] };
    const attributes = (tag: number, mask: number) =>
      structure(
        tag,
        structure(
          Tag.Attribute,
          text(Tag.AttributeName, 'Cryptographic Usage Mask'),
          integer(Tag.AttributeValue, mask),
        ),
      );
    const algorithm = structure(
      Tag.CommonTemplateAttribute,
      structure(
        Tag.Attribute,
        text(Tag.AttributeName, 'Cryptographic Algorithm'),
        enumeration(Tag.AttributeValue, 4),
      ),
      structure(
        Tag.Attribute,
        text(Tag.AttributeName, 'Cryptographic Length'),
        integer(Tag.AttributeValue, 2048),
      ),
    );
    const request = item(
      Operation.CreateKeyPair,
      algorithm,
      attributes(Tag.PrivateKeyTemplateAttribute, 1),
      attributes(Tag.PublicKeyTemplateAttribute, 2),
    );
    const [made] = (await older.batch([request], flag)).items;
    expect(made).toMatchObject({ status: OperationPending, operation: Operation.CreateKeyPair });
    expect(await answerOf(made?.correlationValue, older)).toMatchObject({ status: Success });
    const [quick] = (await older.batch([item(Operation.Create, ...createPayload())], flag)).items;
    expect(quick?.status).toBe(Success);
  });
});

describe('the items of a batch', () => {
  test('are carried out in their order', async () => {
    const name = nameValue('ordered', Tag.Name);
    const [first, second] = await submit([create('order', name), create('order', name)]);
    expect(await answerOf(second)).toMatchObject({
      status: OperationFailed,
      reason: 'NonUniqueNameAttribute',
    });
    expect(await poll(first)).toMatchObject({ status: Success });
  });

  test('are not carried out after a failure, unless the batch is to go on', async () => {
    const items = () => [item(Operation.Get, uniqueIdentifier('nothing')), create('after failure')];
    const [, stopped] = await submit(items(), Stop);
    expect(await answerOf(stopped)).toMatchObject({ status: OperationFailed, reason: 'GeneralFailure' });
    expect(await inGroup('after failure')).toEqual([]);
    const [, continued] = await submit(items(), Continue);
    expect(await answerOf(continued)).toMatchObject({ status: Success });
  });

  test('find no ID Placeholder that a pending one would leave', async () => {
    const [, dependent] = await submit([create(), item(Operation.Activate)]);
    expect(await answerOf(dependent)).toMatchObject({ status: OperationFailed, reason: 'ItemNotFound' });
  });
});

describe('Cancel', () => {
  test('takes back what nothing was done of', async () => {
    await whileOccupied(async () => {
      const [waiting] = await submit([create('canceled')]);
      expect(await cancel(waiting)).toBe(CancellationResult.Canceled);
      expect(await poll(waiting)).toMatchObject({
        status: OperationFailed,
        operation: Operation.Create,
        reason: 'OperationCanceledByRequester',
      });
      expect(await outstanding(structure(Tag.AsynchronousCorrelationValues, value(waiting)))).toEqual([]);
      expect(await cancel(waiting)).toBe(CancellationResult.Canceled);
    });
    expect(await inGroup('canceled')).toEqual([]);
  });

  test('cannot take back what is under way', async () => {
    await until(async () => {
      const { items, letGo } = await held(1);
      const [running] = await submit(items);
      const asked = structure(Tag.AsynchronousCorrelationValues, value(running));
      await until(async () => {
        const [request] = await outstanding(asked);
        return valueAt(request, Tag.ProcessingStage) !== ProcessingStage.Submitted;
      }, 'it is begun');
      const result = await cancel(running);
      await letGo();
      if (result !== CancellationResult.Canceled) await answerOf(running);
      return result === CancellationResult.UnableToCancel;
    }, 'one is met while it runs');
  });

  test('tells what became of it otherwise', async () => {
    const [done, failed] = await submit(
      [create(), item(Operation.Get, uniqueIdentifier('nothing'))],
      Continue,
    );
    await answerOf(done);
    await answerOf(failed);
    expect(await cancel(done)).toBe(CancellationResult.Completed);
    expect(await cancel(failed)).toBe(CancellationResult.Failed);
    expect(await cancel(Buffer.alloc(16, 1))).toBe(CancellationResult.Unavailable);
    expect(await cancel(Buffer.alloc(16, 1), older)).toBe(CancellationResult.Unavailable);
  });
});

describe('Query Asynchronous Requests', () => {
  test('lists what was not polled, by value and by operation', async () => {
    const own = await Peer.connect(tlsOptions(server, await addClient(server, 'lister')), '2.1');
    const outstanding = (...asked: readonly Item[]) => outstandingOf(own, ...asked);
    const [first, second] = await submit(
      [create(), item(Operation.Query, enumeration(Tag.QueryFunction, 1))],
      Continue,
      own,
    );
    const values = (requests: readonly Item[]) =>
      requests.map((request) => valueAt(request, Tag.AsynchronousCorrelationValue));
    expect(values(await outstanding())).toEqual([first, second]);
    const byValue = structure(Tag.AsynchronousCorrelationValues, value(first));
    expect(values(await outstanding(byValue))).toEqual([first]);
    const byOperation = structure(Tag.Operations, enumeration(Tag.Operation, Operation.Query));
    expect(values(await outstanding(byOperation))).toEqual([second]);
    await until(async () => {
      const [request] = await outstanding(byOperation);
      return valueAt(request, Tag.ProcessingStage) === ProcessingStage.Completed;
    }, 'both are completed');
    const [request] = await outstanding(byOperation);
    const submitted = Number(valueAt(request, Tag.SubmissionDate)) / 1e6;
    expect(Math.abs(submitted - Date.now() / 1000)).toBeLessThan(60);
    await answerOf(first, own);
    await answerOf(second, own);
    expect(await outstanding()).toEqual([]);
    await own.close();
  });
});

describe('Process', () => {
  test('carries it out, and before it what precedes it in its batch; once', async () => {
    await whileOccupied(async () => {
      const [first, second] = await submit([create('processed'), create('processed')]);
      await peer.call(Operation.Process, [value(second)]);
      expect(await poll(second)).toMatchObject({ status: Success });
      expect(await poll(first)).toMatchObject({ status: Success });
      expect(await inGroup('processed')).toHaveLength(2);
      expect(await peer.refused(Operation.Process, [value(second)])).toBe('DuplicateProcessRequest');
    });
  });
});

describe('a correlation value that is not of this client', () => {
  const operations: readonly (readonly [string, number])[] = [
    ['Poll', Operation.Poll],
    ['Process', Operation.Process],
  ];

  test.each(operations)('is unknown to %s', async (_name, operation) => {
    const [correlationValue] = await submit([create()]);
    const other = await Peer.connect(tlsOptions(server, await addClient(server, `other-${++count}`)), '2.1');
    expect(await other.refused(operation, [value(correlationValue)])).toBe(
      'InvalidAsynchronousCorrelationValue',
    );
    expect(await cancel(correlationValue, other)).toBe(CancellationResult.Unavailable);
    expect(await other.call(Operation.QueryAsynchronousRequests, [])).toMatchObject({ value: [] });
    await other.close();
    await answerOf(correlationValue);
  });

  test('or of nobody, is refused', async () => {
    const unknown = value(Buffer.alloc(16, 1));
    expect(await peer.refused(Operation.Poll, [unknown])).toBe('InvalidAsynchronousCorrelationValue');
    expect(await peer.refused(Operation.Process, [unknown])).toBe('InvalidAsynchronousCorrelationValue');
    expect(await older.refused(Operation.Poll, [unknown])).toBe('ItemNotFound');
    const short = value(Buffer.from('x'));
    expect(await peer.refused(Operation.Cancel, [short])).toBe('InvalidAsynchronousCorrelationValue');
  });
});

test('a client has a bounded number of them', async () => {
  const identity = await addClient(server, 'busy');
  const busy = await Peer.connect(tlsOptions(server, identity), '2.1');
  const queries = Array.from({ length: 257 }, () => item(Operation.Query, enumeration(Tag.QueryFunction, 1)));
  const { items } = await busy.batch(queries, mode(Mandatory, Continue));
  expect(items.filter(({ status }) => status === OperationPending)).toHaveLength(256);
  expect(items[256]).toMatchObject({ status: OperationFailed, reason: 'ServerLimitExceeded' });
  await answerOf(items[0]?.correlationValue, busy);
  await submit([create()], undefined, busy);
  await busy.close();
});

test('Ephemeral keeps the data back, later as at once', async () => {
  const before = [boolean(Tag.Ephemeral, true)];
  const random = (): RequestItem => ({ ...item(Operation.RNGRetrieve, integer(Tag.DataLength, 16)), before });
  const { items } = await peer.batch([random(), item(Operation.RNGRetrieve, integer(Tag.DataLength, 16))]);
  expect(items.map(({ payload }) => children(payload, Tag.Data).length)).toEqual([0, 1]);
  const [correlationValue] = await submit([random()]);
  const answer = await answerOf(correlationValue);
  expect(answer).toMatchObject({ status: Success, operation: Operation.RNGRetrieve });
  expect(children(answer.payload, Tag.Data)).toEqual([]);
});

test('requests and results lie sealed', async () => {
  const secret = Buffer.from('a password that nobody may find in a database');
  const register = item(
    Operation.Register,
    enumeration(Tag.ObjectType, ObjectType.SecretData),
    structure(Tag.Attributes),
    structure(
      Tag.SecretData,
      enumeration(Tag.SecretDataType, SecretDataType.Password),
      structure(
        Tag.KeyBlock,
        enumeration(Tag.KeyFormatType, KeyFormatType.Opaque),
        structure(Tag.KeyValue, bytes(Tag.KeyMaterial, secret)),
      ),
    ),
  );
  const database = await openDatabase(server.dataDir);
  const found = () =>
    database.sql('SELECT 1 FROM asynchronous_request WHERE position($1::bytea IN content_sealed) > 0', [
      secret,
    ]);
  const registered = await whileOccupied(async () => {
    const [waiting] = await submit([register]);
    expect(await found()).toEqual([]);
    return waiting;
  });
  const identifier = textAt((await answerOf(registered)).payload, Tag.UniqueIdentifier);
  const [fetched] = await submit([item(Operation.Get, uniqueIdentifier(identifier))]);
  const { payload } = await answerOf(fetched);
  expect(valueAt(payload, Tag.SecretData, Tag.KeyBlock, Tag.KeyValue, Tag.KeyMaterial)).toEqual(secret);
  expect(await found()).toEqual([]);
  await database.close();
});

test('what a revoked client left is not carried out', async () => {
  const identity = await addClient(server, 'leaver', { domain: 'leaving' });
  const leaver = await Peer.connect(tlsOptions(server, identity), '2.1');
  const left = await whileOccupied(async () => {
    const [waiting] = await submit([create('left behind')], undefined, leaver);
    const officer = await asFirstOfficer(server);
    await officer.call('POST /clients/:name/revoke', {}, { name: 'leaver' });
    return waiting;
  });
  const database = await openDatabase(server.dataDir);
  const id = left?.toString('hex');
  await until(async () => {
    const [row] = await database.sql<{ outcome: string | null }>(
      `SELECT outcome FROM asynchronous_request WHERE id = '${id ?? ''}'`,
    );
    return row?.outcome === 'PermissionDenied';
  }, 'it is refused');
  await database.close();
  const colleague = await Peer.connect(
    tlsOptions(server, await addClient(server, 'stayer', { domain: 'leaving' })),
    '2.1',
  );
  expect(await inGroup('left behind', colleague)).toEqual([]);
  await colleague.close();
});

test('nothing of this was an error of the server', () => {
  expect(errorsOf(server)).toEqual([]);
});
