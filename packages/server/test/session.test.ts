import { PassThrough } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { TLSSocket } from 'node:tls';
import type { Principal } from '@holdfast/core';
import { Tag } from '@holdfast/kmip';
import { encodeTtlv, ItemType } from '@holdfast/ttlv';
import { DEFAULT_LIMITS } from '../src/config';
import { createLogger } from '../src/log';
import { LargeAnswers } from '../src/large-answers';
import { Session } from '../src/session';

const CLIENT: Principal = {
  clientId: 'client',
  clientName: 'client',
  credentialId: 'credential',
  domainId: 'domain',
  role: 'user',
  peer: 'peer',
};
const REQUEST = encodeTtlv({ tag: Tag.RequestMessage, type: ItemType.Structure, value: [] });

/** A connection on which a request has come; of a client, or of a peer that nobody knows. */
function asking(
  respond: () => Buffer,
  done?: () => void,
  principal?: Principal,
  sent = REQUEST,
): { readonly session: Session; readonly socket: TLSSocket } {
  const socket = new TLSSocket(new PassThrough());
  const answer = () => Promise.resolve({ response: respond(), close: false, done });
  const refused = () => Promise.resolve();
  const session = new Session(socket, 'peer', DEFAULT_LIMITS, answer, refused, createLogger('silent'));
  session.principal = principal;
  session.start();
  socket.emit('data', sent);
  return { session, socket };
}

/** Requests that are answered of those that come, before what ends the connection within the same turn. */
async function answered(end: (session: Session, socket: TLSSocket) => void): Promise<number> {
  let count = 0;
  const { session, socket } = asking(() => {
    count++;
    return Buffer.from(REQUEST);
  });
  end(session, socket);
  await turn();
  socket.destroy();
  return count;
}

test('a request that is there is answered when the server begins to stop in the same turn', async () => {
  expect(await answered((session) => session.drain())).toBe(1);
});

test('a request that is there is answered when something else than one follows in the same turn', async () => {
  expect(await answered((_session, socket) => socket.emit('data', Buffer.from('GET / HTTP/1.1')))).toBe(1);
});

test.each<[string, (socket: TLSSocket) => void]>([
  ['once it was sent', () => undefined],
  ['that nobody waits for any more', (socket) => socket.destroy()],
])('an answer is zeroed and done with %s', async (_when, end) => {
  const response = Buffer.alloc(8, 1);
  const done = jest.fn();
  const { socket } = asking(() => response, done);
  socket.on('error', () => undefined);
  const closed = new Promise((resolve) => socket.once('close', resolve));
  end(socket);
  await turn();
  await closed;
  expect(response).toEqual(Buffer.alloc(8));
  expect(done).toHaveBeenCalledTimes(1);
});

test('of answers that are large some are made at a time, two of one domain, and none waits that nobody waits for', async () => {
  const answers = new LargeAnswers();
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const begin = (name: string, domain: string, signal?: AbortSignal): void => {
    const answer = answers.answer(domain, signal);
    answer.grow(1024 * 1024);
    expect(answer.place()).toBeUndefined();
    answer.grow(1);
    void answer.place()?.then(() => {
      begun.push(name);
      ends.set(name, () => answer.done?.());
    });
  };
  const gone = new AbortController();
  for (const name of ['a1', 'a2', 'a3']) begin(name, 'a');
  begin('a4', 'a', gone.signal);
  for (const domain of ['b', 'c', 'd']) for (const number of [1, 2]) begin(domain + String(number), domain);
  begin('e1', 'e');
  await turn();
  expect(begun).toEqual(['a1', 'a2', 'b1', 'b2', 'c1', 'c2', 'd1', 'd2']);
  gone.abort();
  await turn();
  expect(begun.at(-1)).toBe('a4');
  ends.get('a4')?.();
  ends.get('b1')?.();
  await turn();
  expect(begun.at(-1)).toBe('e1');
  ends.get('a1')?.();
  await turn();
  expect(begun.at(-1)).toBe('a3');
});

test('no more is read while the requests that wait are longer together than one may be', () => {
  const bytes = {
    tag: Tag.RequestPayload,
    type: ItemType.ByteString,
    value: Buffer.alloc(600 * 1024),
  } as const;
  const long = encodeTtlv({ tag: Tag.RequestMessage, type: ItemType.Structure, value: [bytes] });
  const { session, socket } = asking(() => Buffer.from(REQUEST), undefined, CLIENT);
  socket.emit('data', Buffer.from(long));
  expect(socket.isPaused()).toBe(false);
  socket.emit('data', Buffer.from(long));
  expect(socket.isPaused()).toBe(true);
  session.destroy();
});

test.each([
  ['a peer that nobody knows', undefined, true],
  ['a client', CLIENT, false],
])('a request of 64 KiB is too long from its header on where it is of %s', (_whose, principal, isOver) => {
  const head = Buffer.from('4200780100010000', 'hex');
  const { session, socket } = asking(() => Buffer.from(REQUEST), undefined, principal, head);
  expect(socket.writableEnded).toBe(isOver);
  session.destroy();
});
