import { createServer, type AddressInfo } from 'node:net';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { TLSSocket } from 'node:tls';
import { activate, getAttributes } from '@holdfast/core';
import { ENCODINGS, ResultStatus, Tag, dialectNamed, encodeResponse, type Request } from '@holdfast/kmip';
import {
  ConnectionFailure,
  KmipClient,
  call,
  toldByServer,
  type CallOptions,
  type KmipClientOptions,
} from '../src';
import { freePort } from '../../../test/support/port';
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

/**
 * What comes of `work`, in which a time-out of the client is waited for. Here are its servers, too: where they stood still for half
 * as long, another time-out may have come first, and all of it is done again.
 */
async function timing<T>(timeoutMs: number, work: () => Promise<T>): Promise<T> {
  for (;;) {
    const delay = monitorEventLoopDelay({ resolution: 10 });
    delay.enable();
    const [outcome] = await Promise.allSettled([work()]);
    delay.disable();
    if (delay.max / 1e6 > timeoutMs / 2) continue;
    if (outcome.status === 'rejected') throw outcome.reason;
    return outcome.value;
  }
}

const attributes = { uniqueIdentifier: 'k', attributeReferences: [] };
const named = async (client: KmipClient, options?: CallOptions) =>
  (await client.call(getAttributes, attributes, options)).uniqueIdentifier;
const activated = async (client: KmipClient, options?: CallOptions) =>
  (await client.call(activate, { uniqueIdentifier: 'k' }, options)).uniqueIdentifier;

test('the first that answers is taken, and kept', async () => {
  const [one, two] = [await server('one'), await server('two')];
  const client = await clientOf([await freePort(), one.port, two.port]);
  expect([await named(client), await activated(client), await named(client)]).toEqual(['one', 'one', 'one']);
  expect(two.heard()).toBe(0);
});

test('where none answers, each is told of', async () => {
  const dead = [await freePort(), await freePort()];
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

test('a server that never answers is given up once', () =>
  timing(1000, async () => {
    const silent = await startPeer(identity, () => undefined);
    peers.push(silent);
    const two = await server('two');
    const client = await clientOf([silent.port, two.port], { timeoutMs: 1000 });
    expect(await named(client)).toBe('two');
    expect(await named(client)).toBe('two');
  }));

test('a server that never answers keeps up one change alone, which is not sent again', () =>
  timing(1000, async () => {
    const silent = await mute(() => undefined);
    const two = await server('two');
    const client = await clientOf([silent.port, two.port], { timeoutMs: 1000 });
    const failed = { status: 'rejected', reason: { reason: 'timeout', outcomeKnown: false } };
    expect(await Promise.allSettled([activated(client), activated(client)])).toMatchObject([failed, failed]);
    expect(two.heard()).toBe(0);
    expect([await activated(client), await activated(client)]).toEqual(['two', 'two']);
  }));

test.each(WAYS)('over %s a client that is closed waits for no connection', async (_, options) => {
  const { port, began, close } = await swallowing();
  const one = await mute((socket) => socket.destroy());
  const client = await clientOf([one.port, port], { ...options, timeoutMs: 3_600_000 });
  const call = expect(named(client)).rejects.toMatchObject({ reason: 'closed' });
  await began;
  await client.close();
  await call;
  await close();
});

test('all hang up: the failure is told, and the client may try again', async () => {
  const [one, two] = [await server('one', 0), await server('two', 0)];
  const client = await clientOf([one.port, two.port]);
  await expect(named(client)).rejects.toBeInstanceOf(ConnectionFailure);
  // The connection that was there is not held against its server.
  expect([one.heard(), two.heard()]).toEqual([2, 1]);
  await expect(named(client)).rejects.toBeInstanceOf(ConnectionFailure);
});

/** What takes connections and says nothing on them, not even of TLS. */
async function swallowing() {
  let reached: () => void = () => undefined;
  const began = new Promise<void>((resolve) => (reached = resolve));
  const listener = createServer((socket) => {
    socket.on('error', () => undefined);
    reached();
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const close = () => new Promise((resolve) => listener.close(resolve));
  return { port: (listener.address() as AddressInfo).port, began, close };
}

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

/** An answer over HTTPS. */
function posted(uniqueIdentifier: string): Buffer {
  const dialect = dialectNamed('1.4');
  const payload = activate.response.encode(Tag.ResponsePayload, { uniqueIdentifier }, dialect);
  const item = { operation: getAttributes.code, resultStatus: ResultStatus.Success, payload };
  const { contentType, encode } = ENCODINGS.ttlv;
  const body = encode(encodeResponse({ dialect, header: { timeStamp: 1 }, items: [item] }), dialect);
  const head = `HTTP/1.1 200 OK\r\nContent-Type: ${contentType}\r\nContent-Length: ${body.length}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), body]);
}

describe('a call that its caller gives up', () => {
  const ENOUGH = new Error('enough');
  const GIVEN_UP = { reason: 'aborted', outcomeKnown: false, cause: ENOUGH };

  /** Gives up as soon as the peer has heard of it. */
  function givingUp(): { readonly signal: AbortSignal; readonly now: () => void } {
    const controller = new AbortController();
    return { signal: controller.signal, now: () => controller.abort(ENOUGH) };
  }

  test.each(WAYS)('over %s tells whether it may have changed something', async (_way, options) => {
    const { port, came, heard } = await mute(() => undefined);
    const client = await clientOf([port], options);
    const { signal, now } = givingUp();
    const change = activated(client, { signal });
    await came;
    const question = named(client, { signal });
    const later = activated(client);
    const ends = Promise.allSettled([change, question]);
    now();
    expect(await ends).toEqual([
      { status: 'rejected', reason: expect.objectContaining(GIVEN_UP) as unknown },
      { status: 'rejected', reason: ENOUGH },
    ]);
    const closed = expect(later).rejects.toMatchObject({ reason: 'closed' });
    await client.close();
    await closed;
    expect(heard()).toBe(1);
  });

  test('keeps up none of the others, on the same connection', async () => {
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    let cameFirst: () => void = () => undefined;
    const came = new Promise<void>((resolve) => (cameFirst = resolve));
    let connections = 0;
    let heard = 0;
    const answer = speaking(async ({ items }: Request): Promise<Answer> => {
      const name = `answer ${++heard}`;
      cameFirst();
      await held;
      return items.map(({ operation }) => ({
        operation,
        resultStatus: ResultStatus.Success,
        payload: activate.response.encode(
          Tag.ResponsePayload,
          { uniqueIdentifier: name },
          dialectNamed('1.4'),
        ),
      }));
    });
    const peer = await startPeer(identity, (socket) => {
      connections++;
      answer(socket);
    });
    peers.push(peer);
    const client = await clientOf([peer.port]);
    const { signal, now } = givingUp();
    const given = expect(named(client, { signal })).rejects.toBe(ENOUGH);
    await came;
    const other = named(client);
    now();
    await given;
    release();
    expect([await other, await named(client)]).toEqual(['answer 2', 'answer 3']);
    expect(connections).toBe(1);
  });

  test('over HTTPS is not sent any more where it waited for the answer to another', async () => {
    const posts: string[] = [];
    let connection: TLSSocket | undefined;
    const { port, came } = await mute((socket) => {
      connection = socket;
      socket.on('data', (chunk: Buffer) => {
        posts.push(...(chunk.toString('latin1').match(/^POST /gm) ?? []));
        if (posts.length > 0) socket.write(posted('three'));
      });
    });
    const client = await clientOf([port], { httpsPath: '/kmip' });
    const first = named(client);
    await came;
    const { signal, now } = givingUp();
    const second = activated(client, { signal });
    const third = named(client);
    now();
    await expect(second).rejects.toBe(ENOUGH);
    connection?.write(posted('one'));
    expect([await first, await third, posts.length]).toEqual(['one', 'three', 1]);
  });

  test('is not made at all where that was known before', async () => {
    const one = await server('one');
    const client = await clientOf([one.port]);
    const signal = AbortSignal.abort(ENOUGH);
    await expect(activated(client, { signal })).rejects.toBe(ENOUGH);
    await expect(client.batch([call(activate, {})], { signal })).rejects.toBe(ENOUGH);
    expect([await activated(client), one.heard()]).toEqual(['one', 1]);
  });

  test('leaves a server that hangs to the next call, which asks another', () =>
    timing(500, async () => {
      let isGone: () => void = () => undefined;
      const gone = new Promise<void>((resolve) => (isGone = resolve));
      const silent = await mute((socket) => socket.once('close', isGone));
      const two = await server('two');
      const client = await clientOf([silent.port, two.port], { timeoutMs: 500 });
      const { signal, now } = givingUp();
      const given = named(client, { signal }).catch((error: unknown) => error);
      await Promise.race([silent.came, given]);
      now();
      expect(await given).toBe(ENOUGH);
      await gone;
      expect(await activated(client)).toBe('two');
    }));

  test('waits for no connection', async () => {
    for (const connect of [KmipClient.connect.bind(KmipClient), toldByServer]) {
      const { port, began, close } = await swallowing();
      const options = { host: '127.0.0.1', port, ca: authority.ca, ...authority.client };
      const { signal, now } = givingUp();
      const given = expect(connect({ ...options, timeoutMs: 3_600_000 }, { signal })).rejects.toBe(ENOUGH);
      await began;
      now();
      await given;
      await close();
    }
  });
});

test('a client may wait for ever', async () => {
  const { port } = await server('one');
  expect(await named(await clientOf([port], { timeoutMs: Infinity }))).toBe('one');
});

test('a client that was closed stays so', async () => {
  const { port } = await server('one');
  const client = await clientOf([port]);
  await client.close();
  await expect(named(client)).rejects.toMatchObject({ reason: 'closed' });
});
