import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KmipRefusal, type KmipClient } from '@holdfast/client';
import { activate, destroy, get, revoke } from '@holdfast/core';
import {
  AsynchronousIndicator,
  BatchErrorContinuationOption,
  CancellationResult,
  Operation,
  ResultStatus,
  RevocationReasonCode,
  Tag,
} from '@holdfast/kmip';
import {
  Peer,
  addClient,
  boolean,
  bytes,
  enumeration,
  holdfastResult,
  startServerProcess,
  tlsOptions,
  uniqueIdentifier as named,
  valueAt,
  type CommandResult,
  type ReceivedItem,
  type ServerProcess,
} from '@holdfast/testkit';
import type { Item } from '@holdfast/ttlv';
import { openDatabase, type Database } from '../support/database';
import { until } from '../support/until';
import { newClient, newKey, outcomeOf, whileTampered } from './site';

/** Dual control of what clients ask for: what waits for officers can be pending, and an approval goes with a success. */

const { Success, OperationFailed, OperationPending } = ResultStatus;
const { Mandatory, Optional } = AsynchronousIndicator;

const folder = mkdtempSync(join(tmpdir(), 'holdfast-pending-approvals-'));
let server: ServerProcess;
let database: Database;
let client: KmipClient;
let peer: Peer;
let older: Peer;

function holdfast(...args: readonly string[]): Promise<CommandResult> {
  return holdfastResult([...args, '--data-dir', server.dataDir], { HOLDFAST_LOG_LEVEL: 'silent' });
}
const second = ['--officer', join(folder, 'second.json')];
const numberIn = (text: string | undefined): string => /approval (\d+)/.exec(text ?? '')?.[1] ?? '';
async function decide(what: 'approve' | 'deny', number: string): Promise<void> {
  expect((await holdfast('approval', what, number)).code).toBe(0);
  if (what === 'approve') expect((await holdfast('approval', what, number, ...second)).code).toBe(0);
}
const approve = (number: string) => decide('approve', number);
async function stateOf(number: string): Promise<string | undefined> {
  const { stdout } = await holdfast('approval', 'list');
  return new RegExp(`^ *${number} +(\\w+)`, 'm').exec(stdout)?.[1];
}
/** What a refused call says. */
async function refusal(call: Promise<unknown>): Promise<string> {
  const error: unknown = await call.then(
    () => new Error('it was not refused'),
    (reason: unknown) => reason,
  );
  if (error instanceof KmipRefusal) return `${error.resultReasonName ?? ''}: ${error.message}`;
  throw error;
}

const deferred = (indicator: number) => ({ header: [enumeration(Tag.AsynchronousIndicator, indicator)] });
async function ask(
  operation: number,
  identifier: string,
  header: readonly Item[],
  by = peer,
): Promise<ReceivedItem> {
  const { items } = await by.batch([{ operation, payload: [named(identifier)] }], { header });
  return items[0] as ReceivedItem;
}
const value = (correlationValue: Buffer | undefined) =>
  bytes(Tag.AsynchronousCorrelationValue, correlationValue ?? Buffer.alloc(0));
async function poll({ correlationValue }: ReceivedItem, by = peer): Promise<ReceivedItem> {
  const { items } = await by.batch([{ operation: Operation.Poll, payload: [value(correlationValue)] }]);
  return items[0] as ReceivedItem;
}
async function answerOf(pending: ReceivedItem, by = peer): Promise<ReceivedItem> {
  let answer = await poll(pending, by);
  await until(async () => {
    if (answer.status === OperationPending) answer = await poll(pending, by);
    return answer.status !== OperationPending;
  }, 'the operation is carried out');
  return answer;
}

beforeAll(async () => {
  server = await startServerProcess();
  database = await openDatabase(server.dataDir);
  expect((await holdfast('officer', 'add', 'second', '--out', join(folder, 'second.json'))).code).toBe(0);
  const identity = await newClient(server, 'guarded');
  client = await identity.connect();
  peer = await Peer.connect(tlsOptions(server, identity), '2.1');
  older = await Peer.connect(tlsOptions(server, identity), '1.4');
  const two = ['--officers', '2', '--domain', 'guarded'];
  expect((await holdfast('approval', 'require', 'destroy', ...two)).code).toBe(0);
  const rule = ['approval', 'require', 'export', ...two];
  const number = numberIn((await holdfast(...rule)).stderr);
  expect((await holdfast('approval', 'approve', number, ...second)).code).toBe(0);
  expect((await holdfast(...rule)).code).toBe(0);
});
afterAll(async () => {
  await Promise.all([client.close(), peer.close(), older.close(), database.close()]);
  await server.stop();
  rmSync(folder, { recursive: true });
});

test.each([
  ['optional in 2.1', () => peer, deferred(Optional).header],
  ['mandatory in 2.1', () => peer, deferred(Mandatory).header],
  ['true in 1.4', () => older, [boolean(Tag.AsynchronousIndicator, true)]],
])(
  'where asynchronous processing is %s, Destroy is pending until officers approve',
  async (_, by, header) => {
    const identifier = await newKey(client);
    const pending = await ask(Operation.Destroy, identifier, header, by());
    expect(pending).toMatchObject({ status: OperationPending, payload: undefined });
    const number = numberIn(pending.message);
    expect(await poll(pending, by())).toMatchObject({ status: OperationPending });
    expect((await holdfast('approval', 'approve', number)).code).toBe(0);
    expect(await poll(pending, by())).toMatchObject({ status: OperationPending });
    expect((await holdfast('approval', 'approve', number, ...second)).code).toBe(0);
    expect(await answerOf(pending, by())).toMatchObject({ status: Success, operation: Operation.Destroy });
    expect(await stateOf(number)).toBe('used');
    expect(await outcomeOf(client.call(destroy, { uniqueIdentifier: identifier }))).not.toBe('done');
  },
);

test('Get of a key in clear is pending, and gives it once', async () => {
  const identifier = await newKey(client);
  const pending = await ask(Operation.Get, identifier, deferred(Optional).header);
  await approve(numberIn(pending.message));
  const answer = await answerOf(pending);
  expect(answer).toMatchObject({ status: Success, operation: Operation.Get });
  expect(await refusal(client.call(get, { uniqueIdentifier: identifier }))).toContain('0 of 2 officers');
});

test('what officers deny ends with Permission Denied, and is refused at once when asked again', async () => {
  const identifier = await newKey(client);
  const pending = await ask(Operation.Destroy, identifier, deferred(Mandatory).header);
  await decide('deny', numberIn(pending.message));
  expect(await answerOf(pending)).toMatchObject({ status: OperationFailed, reason: 'PermissionDenied' });
  const again = await ask(Operation.Destroy, identifier, deferred(Mandatory).header);
  expect(again).toMatchObject({ status: OperationFailed, reason: 'PermissionDenied' });
  expect(again.message).toContain('was denied');
});

test('Cancel ends it, and there is nothing left to approve', async () => {
  const identifier = await newKey(client);
  const pending = await ask(Operation.Destroy, identifier, deferred(Optional).header);
  const answer = await peer.call(Operation.Cancel, [value(pending.correlationValue)]);
  expect(valueAt(answer, Tag.CancellationResult)).toBe(CancellationResult.Canceled);
  const number = numberIn(pending.message);
  expect(await stateOf(number)).toBe('withdrawn');
  expect((await holdfast('approval', 'approve', number)).code).toBe(1);
  expect(await poll(pending)).toMatchObject({ reason: 'OperationCanceledByRequester' });
  expect(numberIn(await refusal(client.call(destroy, { uniqueIdentifier: identifier })))).not.toBe(number);
});

test('Process does not get round the officers', async () => {
  const identifier = await newKey(client);
  const pending = await ask(Operation.Destroy, identifier, deferred(Optional).header);
  const process = () => peer.refused(Operation.Process, [value(pending.correlationValue)]);
  expect(await process()).toBe('PermissionDenied');
  await approve(numberIn(pending.message));
  expect(await answerOf(pending)).toMatchObject({ status: Success });
});

test('where the row of an approval was changed, what waited for it fails', async () => {
  const identifier = await newKey(client);
  const pending = await ask(Operation.Destroy, identifier, deferred(Optional).header);
  const change = `UPDATE approval SET state = 'approved' WHERE number = ${numberIn(pending.message)}`;
  const answer = await whileTampered(database, 'approval', change, () => answerOf(pending));
  expect(answer).toMatchObject({ status: OperationFailed, reason: 'GeneralFailure' });
});

test('an operation that fails does not use its approval up', async () => {
  const uniqueIdentifier = await newKey(client);
  const number = numberIn(await refusal(client.call(destroy, { uniqueIdentifier })));
  await approve(number);
  await client.call(activate, { uniqueIdentifier });
  expect(await refusal(client.call(destroy, { uniqueIdentifier }))).toContain('WrongKeyLifecycleState');
  const pending = await ask(Operation.Destroy, uniqueIdentifier, deferred(Mandatory).header);
  expect(pending).toMatchObject({ reason: 'WrongKeyLifecycleState' });
  expect(await stateOf(number)).toBe('approved');
  const revocationReason = { revocationReasonCode: RevocationReasonCode.CessationOfOperation };
  await client.call(revoke, { uniqueIdentifier, revocationReason });
  expect(await outcomeOf(client.call(destroy, { uniqueIdentifier }))).toBe('done');
  expect(await stateOf(number)).toBe('used');
});

test('a batch that is undone gives its approval back', async () => {
  const identifier = await newKey(client);
  const number = numberIn(await refusal(client.call(destroy, { uniqueIdentifier: identifier })));
  await approve(number);
  const undo = {
    header: [enumeration(Tag.BatchErrorContinuationOption, BatchErrorContinuationOption.Undo)],
  };
  const batch = (next: string) =>
    peer.batch(
      [
        { operation: Operation.Destroy, payload: [named(identifier)], id: Buffer.from('1') },
        { operation: Operation.GetAttributes, payload: [named(next)], id: Buffer.from('2') },
      ],
      undo,
    );
  expect((await batch('nothing')).items.map(({ status }) => status)).toEqual([
    ResultStatus.OperationUndone,
    OperationFailed,
  ]);
  expect(await stateOf(number)).toBe('approved');
  expect((await batch(identifier)).items.map(({ status }) => status)).toEqual([Success, Success]);
  expect(await stateOf(number)).toBe('used');
});

test('of several who ask at once with one approval, one succeeds', async () => {
  const identifier = await newKey(client);
  const pending = await ask(Operation.Get, identifier, deferred(Optional).header);
  const other = await ask(Operation.Get, identifier, deferred(Mandatory).header);
  const number = numberIn(pending.message);
  expect(numberIn(other.message)).toBe(number);
  await approve(number);
  const others = Array.from({ length: 6 }, () =>
    outcomeOf(client.call(get, { uniqueIdentifier: identifier })),
  );
  const answers = [await answerOf(pending), await answerOf(other)];
  const outcomes = [
    ...answers.map(({ status, reason }) => (status === Success ? 'done' : reason)),
    ...(await Promise.all(others)),
  ].sort();
  expect(outcomes).toEqual([...new Array<string>(7).fill('PermissionDenied'), 'done']);
});

test('what a client may not do is refused at once, and nobody is asked', async () => {
  const identifier = await newKey(client);
  const identity = await addClient(server, 'looker', { domain: 'guarded', role: 'reader' });
  const reader = await Peer.connect(tlsOptions(server, identity), '2.1');
  const before = (await holdfast('approval', 'list')).stdout;
  for (const { header } of [deferred(Optional), { header: [] }]) {
    const refused = await ask(Operation.Destroy, identifier, header, reader);
    expect(refused).toMatchObject({ status: OperationFailed, reason: 'PermissionDenied' });
    expect(refused.message).toContain('reader');
  }
  await reader.close();
  expect((await holdfast('approval', 'list')).stdout).toBe(before);
});

test('what waits goes on at once where its rule is waived, and what waits by other rules does not', async () => {
  const [destroyed, shown] = [await newKey(client), await newKey(client)];
  const pending = await ask(Operation.Destroy, destroyed, deferred(Optional).header);
  const other = await ask(Operation.Get, shown, deferred(Optional).header);
  const waive = ['approval', 'waive', 'destroy', '--domain', 'guarded'];
  const asked = numberIn((await holdfast(...waive)).stderr);
  expect((await holdfast('approval', 'approve', asked, ...second)).code).toBe(0);
  expect((await holdfast(...waive)).code).toBe(0);
  expect(await answerOf(pending)).toMatchObject({ status: Success, operation: Operation.Destroy });
  expect(await stateOf(numberIn(pending.message))).toBe('withdrawn');
  expect(await stateOf(numberIn(other.message))).toBe('open');
  expect(await poll(other)).toMatchObject({ status: OperationPending });
});

test('the store is in order after all that', async () => {
  expect((await holdfast('verify')).stdout).toContain('all are as they were');
});
