import { PassThrough } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { TLSSocket } from 'node:tls';
import { Tag } from '@holdfast/kmip';
import { encodeTtlv, ItemType } from '@holdfast/ttlv';
import { DEFAULT_LIMITS } from '../src/config';
import { createLogger } from '../src/log';
import { Session } from '../src/session';

const REQUEST = encodeTtlv({ tag: Tag.RequestMessage, type: ItemType.Structure, value: [] });

/** A connection on which a request has come. */
function asking(respond: () => Buffer): { readonly session: Session; readonly socket: TLSSocket } {
  const socket = new TLSSocket(new PassThrough());
  const answer = () => Promise.resolve({ response: respond(), close: false });
  const refused = () => Promise.resolve();
  const session = new Session(socket, 'peer', DEFAULT_LIMITS, answer, refused, createLogger('silent'));
  session.start();
  socket.emit('data', REQUEST);
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
])('an answer is zeroed %s', async (_when, end) => {
  const response = Buffer.alloc(8, 1);
  const { socket } = asking(() => response);
  socket.on('error', () => undefined);
  const closed = new Promise((resolve) => socket.once('close', resolve));
  end(socket);
  await turn();
  await closed;
  expect(response).toEqual(Buffer.alloc(8));
});

test('no more is read while the requests that wait are longer together than one may be', () => {
  const bytes = {
    tag: Tag.RequestPayload,
    type: ItemType.ByteString,
    value: Buffer.alloc(600 * 1024),
  } as const;
  const long = encodeTtlv({ tag: Tag.RequestMessage, type: ItemType.Structure, value: [bytes] });
  const { session, socket } = asking(() => Buffer.from(REQUEST));
  socket.emit('data', Buffer.from(long));
  expect(socket.isPaused()).toBe(false);
  socket.emit('data', Buffer.from(long));
  expect(socket.isPaused()).toBe(true);
  session.destroy();
});
