import { connect as connectTcp } from 'node:net';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ConnectionOptions } from 'node:tls';
import { Operation, Tag } from '@holdfast/kmip';
import {
  Peer,
  Wire,
  asFirstOfficer,
  bytes,
  integer,
  readResponse,
  requestMessage,
  startServerProcess,
  structure,
  tlsOptions,
  uniqueIdentifier,
  type ServerProcess,
} from '@holdfast/testkit';
import { encodeTtlv } from '@holdfast/ttlv';
import { fuzz, rssBytes } from '../../packages/testkit/src/fuzz/fuzz';
import { until } from '../support/until';
import { createKey, createPayload, discoverRequest, errorsOf } from './support';

/** Bytes that are no requests, peers that are slow or silent, and connections that begin and end in odd ways. */

const REQUEST_MESSAGE = 0x42007801;
const FUZZED_MESSAGES = 20_000;
const FUZZ_SEED = 20_251_122;
/** What the server may take beyond what it had before, whatever comes. */
const MEMORY_CAP_BYTES = 400 << 20;

const limits = {
  maxRequestBytes: 256 * 1024,
  handshakeTimeoutMs: 4000,
  requestTimeoutMs: 4000,
  idleTimeoutMs: 8000,
  writeTimeoutMs: 4000,
  maxConnections: 50,
};

let folder: string;
let server: ServerProcess;
/** As operators run it: with the limits that are the default. */
let usual: ServerProcess;
let usualBytes: number;
let fuzzed: ReturnType<typeof fuzz>;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-test-'));
  const config = join(folder, 'holdfast.json');
  writeFileSync(config, JSON.stringify({ limits }));
  [server, usual] = await Promise.all([
    startServerProcess({ arguments: ['--config', config], logLevel: 'info' }),
    startServerProcess(),
  ]);
  usualBytes = rssBytes(usual.pid);
});
afterAll(async () => {
  await Promise.all([server.stop(), usual.stop()]);
  rmSync(folder, { recursive: true });
});

const open = (): Promise<Wire> => Wire.open(tlsOptions(server));

function header(length: number, head = REQUEST_MESSAGE): Buffer {
  const start = Buffer.alloc(8);
  start.writeUInt32BE(head, 0);
  start.writeUInt32BE(length >>> 0, 4);
  return start;
}

async function expectServes(): Promise<void> {
  const wire = await open();
  expect(readResponse(await wire.exchange(discoverRequest()), '1.4').items[0]?.status).toBe(0);
  await wire.close();
}

describe('broken framing ends the connection, and nothing else', () => {
  test.each<[string, Buffer]>([
    ['another tag', header(8, 0x42007b01)],
    ['another type', header(8, 0x42007807)],
    ['a length that is no multiple of eight', header(12)],
    ['a length of 4 GiB', header(0xfffffff8)],
    ['a length just above the limit', header(limits.maxRequestBytes)],
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: kms\r\n\r\n')],
    ['zeroes', Buffer.alloc(64)],
  ])('%s', async (_what, sent) => {
    const wire = await open();
    wire.send(sent);
    // At once, not by a deadline: nothing of what was announced is waited for.
    expect((await wire.closed).orderly).toBe(true);
    await expectServes();
  });

  test('what came before it on the same connection is answered first', async () => {
    const wire = await open();
    wire.send(
      Buffer.concat([discoverRequest(), discoverRequest(), Buffer.from('no more KMIP from here on')]),
    );
    readResponse(await wire.next(), '1.4');
    readResponse(await wire.next(), '1.4');
    expect((await wire.closed).orderly).toBe(true);
  });

  test('a length is judged before a byte of the message is kept', async () => {
    const before = rssBytes(server.pid);
    // Fewer than half of all: more from one address, none of them known yet, would be let go.
    const wires = await Promise.all(Array.from({ length: limits.maxConnections / 2 - 5 }, open));
    // Within the limit: waited for. Together they announce less than the server ever keeps.
    for (const wire of wires) wire.send(header(limits.maxRequestBytes - 8));
    await expectServes();
    expect(rssBytes(server.pid) - before).toBeLessThan(64 << 20);
    for (const wire of wires) wire.socket.destroy();
    await Promise.all(wires.map(({ closed }) => closed));
  });
});

test('a well-framed message with a bad payload is answered, and the next one too', async () => {
  const wire = await open();
  const good = requestMessage('1.4', [{ operation: Operation.Create, payload: createPayload() }]);
  const truncated = Buffer.from(encodeTtlv(good));
  truncated.writeUInt32BE(0x7ffffff8, 12);
  for (const bad of [
    truncated,
    Buffer.concat([header(16), Buffer.alloc(16, 0xff)]),
    header(0),
    encodeTtlv(structure(Tag.RequestMessage)),
    encodeTtlv(structure(Tag.RequestMessage, bytes(Tag.BatchItem, Buffer.alloc(3)))),
  ]) {
    const { items } = readResponse(await wire.exchange(bad), '2.1');
    expect(items).toEqual([expect.objectContaining({ status: 1, payload: undefined })]);
    expect(items[0]?.reason).toBeDefined();
    readResponse(await wire.exchange(discoverRequest()), '1.4');
  }
  await wire.close();
});

describe('deadlines', () => {
  /** What waits for a deadline does so beside the others. */
  let waiting: ReturnType<typeof begin>;
  beforeAll(() => {
    waiting = begin();
    // Meanwhile the other server has something to do.
    fuzzed = fuzz({ options: tlsOptions(usual), pid: usual.pid }, FUZZED_MESSAGES, FUZZ_SEED);
  });

  function begin() {
    return {
      silent: new Promise((resolve) => connectTcp(server.port, server.host).once('close', resolve)),
      halfWay: halfWay(),
      trickling: trickled(),
      idle: idle(),
      refused: staysAfter(discoverRequest(), { ...tlsOptions(server), cert: undefined, key: undefined }),
      malformed: staysAfter(Buffer.concat([discoverRequest(), Buffer.alloc(8)])),
      asking: asksNowAndThen(),
    };
  }

  async function halfWay(): Promise<void> {
    const socket = connectTcp(server.port, server.host);
    socket.on('error', () => undefined);
    // The head of a ClientHello that does not go on.
    socket.write(Buffer.from('16030100c8010000c40303', 'hex'));
    await new Promise((resolve) => socket.once('close', resolve));
  }

  /** @returns how much of the request was sent */
  async function trickled(): Promise<{ readonly sent: number; readonly of: number }> {
    const wire = await open();
    const request = discoverRequest();
    let sent = 0;
    const trickle = setInterval(() => wire.send(request.subarray(sent, ++sent)), 100);
    await wire.closed;
    clearInterval(trickle);
    return { sent, of: request.length };
  }

  async function idle(): Promise<{ readonly orderly: boolean }> {
    const wire = await open();
    readResponse(await wire.exchange(discoverRequest()), '1.4');
    return wire.closed;
  }

  /** Takes the one answer that there is, and goes on sending for as long as the connection is there. */
  async function staysAfter(sent: Buffer, options: ConnectionOptions = tlsOptions(server)): Promise<void> {
    const wire = await Wire.open({ ...options, allowHalfOpen: true } as ConnectionOptions);
    wire.send(sent);
    await wire.next();
    const more = setInterval(() => wire.send(Buffer.alloc(8)), 100);
    await wire.closed;
    clearInterval(more);
  }

  async function asksNowAndThen(): Promise<void> {
    const wire = await open();
    const until = Date.now() + limits.idleTimeoutMs * 1.5;
    while (Date.now() < until) {
      readResponse(await wire.exchange(discoverRequest()), '1.4');
      await new Promise((resolve) => setTimeout(resolve, limits.idleTimeoutMs / 10));
    }
    await wire.close();
  }

  test('end a connection that never begins its handshake', () => waiting.silent);
  test('end a handshake that stops half-way', () => waiting.halfWay);

  test('end a request that trickles in, however steadily', async () => {
    const { sent, of } = await waiting.trickling;
    expect(sent).toBeLessThan(of);
  });

  test('end a connection on which nothing is asked, in order', async () => {
    expect((await waiting.idle).orderly).toBe(true);
  });

  test('end a connection that its peer does not end although it was refused, or sent something else than requests', () =>
    Promise.all([waiting.refused, waiting.malformed]));

  test('leave a connection alone that asks now and then', () => waiting.asking);

  test('end a connection whose answers are not read, and meanwhile keep few of them', async () => {
    const peer = await Peer.connect(tlsOptions(server), '1.4');
    const before = rssBytes(server.pid);
    const request = encodeTtlv(
      requestMessage('1.4', [{ operation: Operation.RNGRetrieve, payload: [integer(Tag.DataLength, 4096)] }]),
    );
    peer.wire.socket.pause();
    // More than the kernels of both sides keep; what they do not take waits here.
    for (let count = 0; count < 40; count++) peer.wire.send(Buffer.concat(Array<Buffer>(500).fill(request)));
    await until(async () => {
      await expectServes();
      const { connections } = await (await asFirstOfficer(server)).call('GET /status');
      return connections === 0;
    }, 'no connection is left');
    expect(rssBytes(server.pid) - before).toBeLessThan(MEMORY_CAP_BYTES);
    peer.wire.socket.resume();
    await peer.wire.closed;
  });
});

describe('requests that do not wait for answers', () => {
  test('are answered in their order', async () => {
    const peer = await Peer.connect(tlsOptions(usual), '1.4');
    const keys: string[] = [];
    for (let index = 0; index < 5; index++) keys.push(await createKey(peer));
    const asked = Array.from({ length: 200 }, (_, index) => keys[index % keys.length] ?? '');
    peer.wire.send(
      Buffer.concat(
        asked.map((key) =>
          encodeTtlv(
            requestMessage('1.4', [
              { operation: Operation.Get, payload: [uniqueIdentifier(key)], id: Buffer.from(key) },
            ]),
          ),
        ),
      ),
    );
    for (const key of asked) {
      const { items } = readResponse(await peer.wire.next(), '1.4');
      expect(items[0]?.id?.toString()).toBe(key);
    }
    await peer.close();
  });

  test('may come byte by byte, or many in one piece with the end of the stream after them', async () => {
    const wire = await Wire.open(tlsOptions(usual));
    for (const byte of discoverRequest()) wire.send(Buffer.of(byte));
    readResponse(await wire.next(), '1.4');
    wire.socket.end(Buffer.concat([discoverRequest(), discoverRequest(), discoverRequest()]));
    for (let count = 0; count < 3; count++) readResponse(await wire.next(), '1.4');
    expect((await wire.closed).orderly).toBe(true);
  });
});

test('more connections than are allowed are turned away, and those that are there go on', async () => {
  const results = await Promise.allSettled(Array.from({ length: limits.maxConnections + 20 }, open));
  const wires = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  expect(wires.length).toBeLessThanOrEqual(limits.maxConnections);
  expect(wires.length).toBeGreaterThan(0);
  readResponse(await (wires[0] as Wire).exchange(discoverRequest()), '1.4');
  for (const wire of wires) wire.socket.destroy();
  await until(
    () =>
      expectServes().then(
        () => true,
        () => false,
      ),
    'there is room again',
  );
});

test('to connect and leave is no error, at whatever point', async () => {
  const before = server.log();
  const tcp = connectTcp(server.port, server.host);
  await new Promise<void>((resolve) => tcp.once('connect', resolve));
  tcp.destroy();
  const reset = connectTcp(server.port, server.host);
  await new Promise<void>((resolve) => reset.once('connect', resolve));
  reset.resetAndDestroy();
  await (await open()).close();
  (await open()).socket.destroy();
  const unread = await open();
  unread.send(discoverRequest());
  unread.socket.destroy();
  await expectServes();
  expect(server.log()).toBe(before);
});

test(`${FUZZED_MESSAGES} mutated and random messages: no crash, no hang, no memory above a cap`, async () => {
  const report = await fuzzed;
  expect(report.messages).toBe(FUZZED_MESSAGES);
  expect(report.answers).toBe(FUZZED_MESSAGES);
  expect(report.successes).toBeGreaterThan(0);
  expect(report.largestRssBytes - usualBytes).toBeLessThan(MEMORY_CAP_BYTES);
  expect(errorsOf(usual)).toEqual([]);
});

test('none of it was an error to the server', () => {
  expect(errorsOf(server)).toEqual([]);
});
