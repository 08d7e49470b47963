import { createServer, type AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { activate, getAttributes } from '@holdfast/core';
import { ResultStatus, Tag, dialectNamed, type Request } from '@holdfast/kmip';
import { ConnectionFailure, KmipClient, call, type KmipClientOptions } from '../src';
import {
  makeAuthority,
  speaking,
  startPeer,
  type Answer,
  type Authority,
  type Identity,
  type Peer,
} from './peer';

/** Several servers that have the same keys, of which some do not answer. */

let authority: Authority;
let identity: Identity;
const peers: Peer[] = [];
const clients: KmipClient[] = [];

beforeAll(async () => {
  authority = await makeAuthority();
  identity = await authority.server();
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  await Promise.all(peers.splice(0).map((peer) => peer.stop()));
});

/** A server that answers with its own name, as often as it is told; then it hangs up on requests. */
async function server(name: string, answers = Infinity): Promise<{ port: number; heard: () => number }> {
  let heard = 0;
  const answer = ({ items }: Request): Answer =>
    ++heard > answers
      ? 'close'
      : items.map(({ operation, uniqueBatchItemID }) => ({
          operation,
          uniqueBatchItemID,
          resultStatus: ResultStatus.Success,
          payload: activate.response.encode(
            Tag.ResponsePayload,
            { uniqueIdentifier: name },
            dialectNamed('1.4'),
          ),
        }));
  const peer = await startPeer(identity, speaking(answer));
  peers.push(peer);
  return { port: peer.port, heard: () => heard };
}

async function deadPort(): Promise<number> {
  const peer = await startPeer(identity, () => undefined);
  await peer.stop();
  return peer.port;
}

async function clientOf(
  ports: readonly number[],
  options: Partial<KmipClientOptions> = {},
): Promise<KmipClient> {
  const [port, ...others] = ports;
  const client = await KmipClient.connect({
    host: '127.0.0.1',
    port,
    alternatives: others.map((other) => ({ host: '127.0.0.1', port: other })),
    ca: authority.ca,
    ...authority.client,
    version: '1.4',
    timeoutMs: 10_000,
    ...options,
  });
  clients.push(client);
  return client;
}

const WAYS = [
  ['TLS', {}],
  ['HTTPS', { httpsPath: '/kmip' }],
] as const;

const attributes = { uniqueIdentifier: 'k', attributeReferences: [] };
const named = async (client: KmipClient) => (await client.call(getAttributes, attributes)).uniqueIdentifier;
const activated = async (client: KmipClient) =>
  (await client.call(activate, { uniqueIdentifier: 'k' })).uniqueIdentifier;

test('the first that answers is taken, and kept', async () => {
  const [one, two] = [await server('one'), await server('two')];
  const client = await clientOf([await deadPort(), one.port, two.port]);
  expect([await named(client), await activated(client), await named(client)]).toEqual(['one', 'one', 'one']);
  expect(two.heard()).toBe(0);
});

test('where none answers, each is told of', async () => {
  const dead = [await deadPort(), await deadPort()];
  const failure = clientOf(dead);
  await expect(failure).rejects.toMatchObject({ reason: 'unreachable', outcomeKnown: true });
  for (const port of dead) await expect(failure).rejects.toThrow(String(port));
});

test('a question goes on to the next server where the first hangs up', async () => {
  const [one, two] = [await server('one', 1), await server('two')];
  const client = await clientOf([one.port, two.port]);
  expect([await named(client), await named(client), await named(client)]).toEqual(['one', 'two', 'two']);
});

test('a batch of questions does so too', async () => {
  const [one, two] = [await server('one', 0), await server('two')];
  const client = await clientOf([one.port, two.port]);
  expect(await client.batch([call(getAttributes, attributes)])).toMatchObject([
    { status: 'done', response: { uniqueIdentifier: 'two' } },
  ]);
});

test('what may have been done is not done again', async () => {
  const [one, two] = [await server('one', 1), await server('two')];
  const client = await clientOf([one.port, two.port]);
  expect(await activated(client)).toBe('one');
  await expect(activated(client)).rejects.toMatchObject({ outcomeKnown: false });
  expect(two.heard()).toBe(0);
});

test('a server that never answers is given up once', async () => {
  const silent = await startPeer(identity, () => undefined);
  peers.push(silent);
  const two = await server('two');
  const client = await clientOf([silent.port, two.port], { timeoutMs: 2000 });
  expect(await named(client)).toBe('two');
  expect(await named(client)).toBe('two');
});

test('a server that never answers keeps up one change alone, which is not sent again', async () => {
  const silent = await mute(() => undefined);
  const two = await server('two');
  const client = await clientOf([silent.port, two.port], { timeoutMs: 1000 });
  const failed = { status: 'rejected', reason: { reason: 'timeout', outcomeKnown: false } };
  expect(await Promise.allSettled([activated(client), activated(client)])).toMatchObject([failed, failed]);
  expect(two.heard()).toBe(0);
  expect([await activated(client), await activated(client)]).toEqual(['two', 'two']);
});

test.each(WAYS)('over %s a client that is closed waits for no connection', async (_, options) => {
  let reached: () => void = () => undefined;
  const began = new Promise<void>((resolve) => (reached = resolve));
  const swallowing = createServer((socket) => {
    socket.on('error', () => undefined);
    reached();
  });
  await new Promise<void>((resolve) => swallowing.listen(0, '127.0.0.1', resolve));
  const one = await mute((socket) => socket.destroy());
  const client = await clientOf([one.port, (swallowing.address() as AddressInfo).port], {
    ...options,
    timeoutMs: 3_600_000,
  });
  const call = expect(named(client)).rejects.toMatchObject({ reason: 'closed' });
  await began;
  await client.close();
  await call;
  await new Promise((resolve) => swallowing.close(resolve));
});

test('all hang up: the failure is told, and the client may try again', async () => {
  const [one, two] = [await server('one', 0), await server('two', 0)];
  const client = await clientOf([one.port, two.port]);
  await expect(named(client)).rejects.toBeInstanceOf(ConnectionFailure);
  // The connection that was there is not held against its server.
  expect([one.heard(), two.heard()]).toEqual([2, 1]);
  await expect(named(client)).rejects.toBeInstanceOf(ConnectionFailure);
});

/** A server that takes connections and answers nothing; @param then what it does with a connection on which a request came */
async function mute(then: (socket: TLSSocket) => void) {
  let heard = 0;
  let cameFirst: () => void = () => undefined;
  const came = new Promise<void>((resolve) => (cameFirst = resolve));
  const peer = await startPeer(identity, (socket) => {
    socket.once('data', () => {
      heard++;
      cameFirst();
      then(socket);
    });
  });
  peers.push(peer);
  return { port: peer.port, heard: () => heard, came };
}

test.each(WAYS)('over %s every call comes to its end where the server hangs up', async (_way, options) => {
  const { port, heard } = await mute((socket) => socket.destroy());
  const client = await clientOf([port], options);
  const ends = await Promise.allSettled([activated(client), activated(client)]);
  expect(ends).toMatchObject(ends.map(() => ({ status: 'rejected', reason: { outcomeKnown: false } })));
  // Over HTTPS the second had to wait, and went out on a connection of its own.
  expect(heard()).toBe('httpsPath' in options ? 2 : 1);
});

test.each(WAYS)(
  'over %s nobody knows what became of a call at which the client was closed',
  async (_, options) => {
    const { port, came } = await mute(() => undefined);
    const client = await clientOf([port], options);
    const call = expect(activated(client)).rejects.toMatchObject({ reason: 'closed', outcomeKnown: false });
    await came;
    await client.close();
    await call;
  },
);

test.each([
  [404, 'with the target /kmip', true],
  [413, 'longer than the server takes', true],
  [500, 'with the target /kmip', false],
])('the HTTP status %d says what to look for, and what is known', async (status, hint, outcomeKnown) => {
  const { port } = await mute((socket) => socket.end(`HTTP/1.1 ${status} No\r\nContent-Length: 0\r\n\r\n`));
  const client = await clientOf([port], { httpsPath: '/kmip' });
  await expect(activated(client)).rejects.toMatchObject({
    message: `127.0.0.1:${port}: it answers with the HTTP status ${status}`,
    hint: expect.stringContaining(hint) as string,
    outcomeKnown,
  });
});

test('a client that was closed stays so', async () => {
  const { port } = await server('one');
  const client = await clientOf([port]);
  await client.close();
  await expect(named(client)).rejects.toMatchObject({ reason: 'closed' });
});
