import { connect, type TLSSocket } from 'node:tls';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  BatchErrorContinuationOption,
  CryptographicAlgorithm,
  ENCODING_NAMES,
  ENCODINGS,
  Operation,
  ResultStatus,
  Tag,
  dialectNamed,
} from '@holdfast/kmip';
import {
  HttpsWire,
  Peer,
  addClient,
  asFirstOfficer,
  attribute,
  enumeration,
  holdfast,
  integer,
  nameValue,
  readResponse,
  requestMessage,
  startServerProcess,
  structure,
  text,
  tlsOptions,
  uniqueIdentifier,
  valueAt,
  type ServerProcess,
} from '@holdfast/testkit';
import { decodeTtlv, encodeTtlv, type Item } from '@holdfast/ttlv';
import { until } from '../support/until';
import { createKey, createPayload, discoverRequest, errorsOf } from './support';

/** KMIP over HTTPS: KMIP Profiles 2.1 section 5.3. */

const limits = {
  maxRequestBytes: 64 * 1024,
  requestTimeoutMs: 4000,
  idleTimeoutMs: 8000,
  maxQueuedRequests: 8,
  drainTimeoutMs: 300,
};
const HTTPS = ['--https-listen', '127.0.0.1:0'] as const;

let folder: string;
let server: ServerProcess;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-test-'));
  const config = join(folder, 'holdfast.json');
  writeFileSync(config, JSON.stringify({ httpsListen: '127.0.0.1:0', limits }));
  server = await startServerProcess({ arguments: ['--config', config], logLevel: 'info' });
  waiting = wait();
});
afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

/** What waits for a deadline does so while other things are tried. */
let waiting: ReturnType<typeof wait>;
function wait() {
  return {
    head: unfinished('POST /kmip HTTP/1.1\r\nHost: kms\r\n'),
    body: unfinished(`${head(TTLV_TYPE, 'Content-Length: 100')}x`),
    silent: silent(),
  };
}

async function unfinished(sent: string): Promise<string> {
  const http = await RawHttp.open();
  http.socket.write(sent);
  return http.rest();
}

/** @returns whether a silent connection was ended in order while another one was used */
async function silent(): Promise<boolean> {
  const { socket } = await RawHttp.open();
  const wire = new HttpsWire(httpsOptions());
  let ended = false;
  socket.on('end', () => (ended = true));
  while (!socket.destroyed) {
    readResponse(await wire.exchange(discoverRequest()), '1.4');
    await new Promise((resolve) => setTimeout(resolve, limits.idleTimeoutMs / 20));
  }
  await wire.close();
  return ended;
}

function httpsOptions(of: ServerProcess = server, identity?: Parameters<typeof tlsOptions>[1]) {
  return { ...tlsOptions(of, identity), port: of.https?.port };
}

/** A connection on which every byte is the test's. */
class RawHttp {
  #received = '';
  readonly closed: Promise<void>;
  private constructor(readonly socket: TLSSocket) {
    socket.on('data', (chunk: Buffer) => (this.#received += chunk.toString('latin1')));
    socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => socket.on('close', () => resolve()));
  }
  static open(
    of: ServerProcess = server,
    ALPNProtocols?: string[],
    identity?: Parameters<typeof tlsOptions>[1],
  ): Promise<RawHttp> {
    return new Promise((resolve, reject) => {
      const options = { ...httpsOptions(of, identity), ALPNProtocols };
      const socket = connect(options, () => resolve(new RawHttp(socket)));
      socket.once('error', reject);
    });
  }
  get received(): string {
    return this.#received;
  }
  /** Everything that comes until the server ends the connection. */
  async rest(): Promise<string> {
    await this.closed;
    return this.#received;
  }
  async firstLine(): Promise<string> {
    await until(() => this.#received.includes('\r\n\r\n'), 'there is a head');
    return this.#received.slice(0, this.#received.indexOf('\r\n'));
  }
}

function head(...lines: readonly string[]): string {
  return ['POST /kmip HTTP/1.1', 'Host: kms', ...lines, '', ''].join('\r\n');
}

const TTLV_TYPE = 'Content-Type: application/octet-stream';

describe.each(ENCODING_NAMES)('in %s', (encoding) => {
  test.each(['1.0', '1.4'] as const)('KMIP %s keys are made and fetched', async (version) => {
    const peer = Peer.over(new HttpsWire(httpsOptions(), encoding), version);
    const key = await createKey(peer);
    const got = await peer.call(Operation.Get, [uniqueIdentifier(key)]);
    expect(valueAt(got, Tag.UniqueIdentifier)).toBe(key);
    expect(await peer.refused(Operation.Get, [uniqueIdentifier('nothing')])).toBe('ItemNotFound');
    await peer.close();
  });

  test('an answer is what the profile says: 200, its type and length, not to be kept', async () => {
    const { contentType, encode, decode } = ENCODINGS[encoding];
    const wire = new HttpsWire(httpsOptions());
    const body = encode(decodeTtlv(discoverRequest('2.0')), dialectNamed('2.0'));
    const answer = await wire.send({ headers: { 'Content-Type': contentType } }, body);
    expect(answer.status).toBe(200);
    expect(answer.headers).toMatchObject({
      'content-type': contentType,
      'content-length': String(answer.body.length),
      'cache-control': 'no-cache',
    });
    expect(Object.keys(answer.headers).sort()).toEqual([
      'cache-control',
      'connection',
      'content-length',
      'content-type',
      'date',
    ]);
    expect(decode(answer.body).tag).toBe(Tag.ResponseMessage);
    await wire.close();
  });

  test('what is no message is answered by KMIP, and the next request too', async () => {
    const { contentType, decode } = ENCODINGS[encoding];
    const wire = new HttpsWire(httpsOptions(), encoding);
    for (const bad of [
      '',
      '\0',
      'not KMIP',
      '<!DOCTYPE a [<!ENTITY b "c">]><RequestMessage/>',
      '[]',
      '\xff',
    ]) {
      const sent = Buffer.from(bad, 'latin1');
      const { status, body } = await wire.send({ headers: { 'Content-Type': contentType } }, sent);
      expect(status).toBe(200);
      const { items } = readResponse(encodeTtlv(decode(body)), '2.1');
      expect(items).toMatchObject([{ status: ResultStatus.OperationFailed, reason: 'InvalidMessage' }]);
    }
    readResponse(await wire.exchange(discoverRequest()), '1.4');
    await wire.close();
  });
});

test('what XML cannot hold is refused, and what was asked with it is answered', async () => {
  const [json, xml] = (['json', 'xml'] as const).map((encoding) =>
    Peer.over(new HttpsWire(httpsOptions(), encoding), '1.4'),
  ) as [Peer<HttpsWire>, Peer<HttpsWire>];
  const key = uniqueIdentifier(await createKey(json));
  const contact = attribute('Contact Information', text(Tag.AttributeValue, 'a\u0001b'));
  await json.call(Operation.AddAttribute, [key, contact]);
  const asked = [
    { operation: Operation.Create, payload: createPayload(), id: Buffer.of(1) },
    { operation: Operation.GetAttributes, payload: [key], id: Buffer.of(2) },
  ];
  const { items } = await xml.batch(asked);
  expect(items).toMatchObject([
    { operation: Operation.Create, status: ResultStatus.Success, id: Buffer.of(1) },
    {
      operation: Operation.GetAttributes,
      status: ResultStatus.OperationFailed,
      id: Buffer.of(2),
      message: expect.stringContaining('XML') as string,
    },
  ]);
  await Promise.all([json.close(), xml.close()]);
});

test('other names of the types, and another path', async () => {
  const wire = new HttpsWire(httpsOptions(), 'xml', '/');
  readResponse(await wire.exchange(discoverRequest()), '1.4');
  const xml = ENCODINGS.xml.encode(decodeTtlv(discoverRequest()), dialectNamed('1.4'));
  for (const type of ['application/xml', 'Text/XML; charset=UTF-8', 'text/xml;charset="utf-8"']) {
    const { status, headers } = await wire.send({ headers: { 'Content-Type': type } }, xml);
    expect([type, status, headers['content-type']]).toEqual([type, 200, 'text/xml']);
  }
  await wire.close();
});

describe('HTTP that is no KMIP is refused, says nothing more, and ends the connection', () => {
  const long = `X-Long: ${'a'.repeat(20_000)}`;
  const many = Array.from({ length: 70 }, (_, index) => `X-${index}: 1`);
  test.each<[string, string, number]>([
    ['another path', 'POST /admin HTTP/1.1\r\nHost: kms\r\n\r\n', 404],
    ['a path that leads up', 'POST /kmip/../status HTTP/1.1\r\nHost: kms\r\n\r\n', 404],
    ['another method', 'GET /kmip HTTP/1.1\r\nHost: kms\r\n\r\n', 405],
    ['no type', head('Content-Length: 8'), 415],
    ['another type', head('Content-Type: text/html', 'Content-Length: 8'), 415],
    ['another character set', head('Content-Type: text/xml; charset=utf-16', 'Content-Length: 8'), 415],
    ['compressed', head(TTLV_TYPE, 'Content-Encoding: gzip', 'Content-Length: 8'), 415],
    ['no length', head(TTLV_TYPE, 'Transfer-Encoding: chunked'), 411],
    ['too long', head(TTLV_TYPE, `Content-Length: ${limits.maxRequestBytes + 1}`), 413],
    [
      'too long a text',
      head('Content-Type: text/xml', `Content-Length: ${2 * limits.maxRequestBytes + 1}`),
      413,
    ],
    ['4 GiB', head(TTLV_TYPE, 'Content-Length: 4294967296', 'Expect: 100-continue'), 413],
    ['two lengths', head(TTLV_TYPE, 'Content-Length: 8', 'Content-Length: 9'), 400],
    ['a length and chunks', head(TTLV_TYPE, 'Content-Length: 8', 'Transfer-Encoding: chunked'), 400],
    ['too many fields', head(TTLV_TYPE, ...many), 431],
    ['too long a field', head(TTLV_TYPE, long), 431],
    ['no host', 'POST /kmip HTTP/1.1\r\n\r\n', 400],
    ['two hosts', head(TTLV_TYPE, 'host: other', 'Content-Length: 8'), 400],
    ['another one to be connected to', 'CONNECT kms:22 HTTP/1.1\r\nHost: kms\r\n\r\n', 501],
    ['no HTTP', 'KMIP\r\n\r\n', 400],
    ['TTLV', discoverRequest().toString('latin1'), 400],
    ['an expectation', head(TTLV_TYPE, 'Content-Length: 8', 'Expect: more'), 417],
  ])('%s', async (_what, sent, status) => {
    const http = await RawHttp.open();
    http.socket.write(sent, 'latin1');
    expect(await http.firstLine()).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    const answer = await http.rest();
    expect(answer.slice(answer.indexOf('\r\n\r\n') + 4)).toMatch(/^(?:0\r\n\r\n)?$/);
    expect(answer).not.toMatch(/holdfast|node|server:/i);
  });
});

test.each([undefined, ['http/1.0']])(
  'HTTP/1.0, and a target in absolute form (ALPN: %s)',
  async (protocols) => {
    const body = discoverRequest();
    const http = await RawHttp.open(server, protocols);
    http.socket.write(
      `POST https://kms/kmip HTTP/1.0\r\n${TTLV_TYPE}\r\nContent-Length: ${body.length}\r\n\r\n`,
    );
    http.socket.write(body);
    const answer = await http.rest();
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    readResponse(Buffer.from(answer.slice(answer.indexOf('\r\n\r\n') + 4), 'latin1'), '1.4');
  },
);

test('a body is asked for where the client waits for that', async () => {
  const body = discoverRequest();
  const http = await RawHttp.open();
  http.socket.write(head(TTLV_TYPE, `Content-Length: ${body.length}`, 'Expect: 100-continue'));
  expect(await http.firstLine()).toBe('HTTP/1.1 100 Continue');
  http.socket.write(body);
  await until(() => http.received.includes('HTTP/1.1 200 '), 'it is answered');
  http.socket.destroy();
});

test('requests that are sent before earlier ones are answered get their answers in order', async () => {
  const versions = ['1.1', '1.2', '1.3', '2.0', '2.1'] as const;
  const http = await RawHttp.open();
  const request = (body: Buffer) =>
    Buffer.concat([Buffer.from(head(TTLV_TYPE, `Content-Length: ${body.length}`)), body]);
  http.socket.write(Buffer.concat(versions.map((version) => request(discoverRequest(version)))));
  await until(() => http.received.split('HTTP/1.1 200 ').length === versions.length + 1, 'all are answered');
  const answers = http.received.split('HTTP/1.1 200 ').slice(1);
  for (const [index, answer] of answers.entries()) {
    readResponse(
      Buffer.from(answer.slice(answer.indexOf('\r\n\r\n') + 4), 'latin1'),
      versions[index] ?? '1.0',
    );
  }
  http.socket.destroy();
});

describe('deadlines', () => {
  test.each(['head', 'body'] as const)('a %s that does not come to an end', async (what) => {
    expect(await waiting[what]).toBe('');
  });

  test('a silent connection is ended in order, and one that is used is not', async () => {
    expect(await waiting.silent).toBe(true);
  });
});

describe('who may talk', () => {
  test('a client without a known certificate is told so by KMIP, and sent away', async () => {
    const stranger = { ...httpsOptions(), cert: undefined, key: undefined };
    const wire = new HttpsWire(stranger);
    const answer = await wire.send(
      { headers: { 'Content-Type': 'application/octet-stream' } },
      encodeTtlv(requestMessage('1.4', [{ operation: Operation.Create, payload: createPayload() }])),
    );
    expect(answer.headers.connection).toBe('close');
    expect(readResponse(answer.body, '1.4').items).toMatchObject([
      { reason: 'AuthenticationNotSuccessful', payload: undefined },
    ]);
    await wire.close();
  });

  test('what a client without a known certificate sends is not looked through where it is long', async () => {
    const wire = new HttpsWire({ ...httpsOptions(), cert: undefined, key: undefined });
    const head = { headers: { 'Content-Type': 'text/xml' } };
    const { body } = await wire.send(head, Buffer.alloc(100 * 1024, '<'));
    expect(body.toString()).toContain('"AuthenticationNotSuccessful"');
    await wire.close();
  });

  test('a client that is revoked is cut off in mid-connection', async () => {
    const wire = new HttpsWire(httpsOptions(server, await addClient(server, 'leaver')), 'json');
    readResponse(await wire.exchange(discoverRequest()), '1.4');
    await (await asFirstOfficer(server)).call('POST /clients/:name/revoke', {}, { name: 'leaver' });
    // The connection that was open ends without a word; on a new one it is told why.
    await until(async () => {
      const answer = await wire.exchange(discoverRequest()).catch(() => undefined);
      const reason = answer && readResponse(answer, '1.4').items[0]?.reason;
      return reason === 'AuthenticationNotSuccessful';
    }, 'it is cut off');
    await wire.close();
  });

  test('what a revoked client asked for is not done where it was not whole, nor for long', async () => {
    const identity = await addClient(server, 'dawdler');
    const made = (name: string) =>
      encodeTtlv(requestMessage('1.4', [{ operation: Operation.Create, payload: createPayload(name) }]));
    const half = await RawHttp.open(server, undefined, identity);
    const body = made('asked in halves');
    half.socket.write(head(TTLV_TYPE, `Content-Length: ${body.length}`));
    half.socket.write(body.subarray(0, -1));
    const busy = await RawHttp.open(server, undefined, identity);
    const pair = structure(
      Tag.CommonTemplateAttribute,
      attribute('Cryptographic Algorithm', enumeration(Tag.AttributeValue, CryptographicAlgorithm.RSA)),
      attribute('Cryptographic Length', integer(Tag.AttributeValue, 3072)),
      attribute('Cryptographic Usage Mask', integer(Tag.AttributeValue, 3)),
    );
    const pairs = Array.from({ length: 99 }, () => ({ operation: Operation.CreateKeyPair, payload: [pair] }));
    const items = [...pairs, { operation: Operation.Create, payload: createPayload('at the end') }].map(
      (each, index) => ({ ...each, id: Buffer.of(index) }),
    );
    const header = [enumeration(Tag.BatchErrorContinuationOption, BatchErrorContinuationOption.Continue)];
    const batch = encodeTtlv(requestMessage('1.4', items, { header }));
    busy.socket.write(head(TTLV_TYPE, `Content-Length: ${batch.length}`));
    busy.socket.write(batch);
    const idle = await RawHttp.open(server, undefined, identity);
    const peer = Peer.over(new HttpsWire(httpsOptions()), '1.4');
    const found = async (...conditions: Item[]): Promise<number> =>
      ((await peer.call(Operation.Locate, conditions)).value as readonly unknown[]).length;
    const named = (name: string) =>
      structure(Tag.Attribute, text(Tag.AttributeName, 'Name'), nameValue(name));
    const algorithm = attribute(
      'Cryptographic Algorithm',
      enumeration(Tag.AttributeValue, CryptographicAlgorithm.RSA),
    );
    await until(async () => (await found(algorithm)) > 0, 'it is being worked on');

    const officer = await asFirstOfficer(server);
    await officer.call('POST /clients/:name/revoke', {}, { name: 'dawdler' });
    await idle.closed;
    half.socket.write(body.subarray(-1));
    expect(await busy.rest()).toBe('');
    await half.closed;
    const refusals = () => officer.call('POST /audit/search', { actor: 'dawdler', operation: 'Create' });
    await until(async () => (await refusals()).length > 0, 'the last item is refused');
    expect([await found(named('asked in halves')), await found(named('at the end'))]).toEqual([0, 0]);
    await peer.close();
  });
});

test('each of these refusals is in the audit log', async () => {
  const officer = await asFirstOfficer(server);
  const found = await officer.call('POST /audit/search', { outcome: 'failure', limit: 1000 });
  const reasons = new Set(found.map(({ reason }) => reason));
  for (const reason of ['HTTP 400', 'HTTP 417', 'HTTP: CONNECT']) expect(reasons).toContain(reason);
});

test('status tells where it is', async () => {
  const { port } = server.https ?? {};
  expect(port).toBeGreaterThan(0);
  expect(port).not.toBe(server.port);
  expect(await holdfast('status', '--data-dir', server.dataDir)).toContain(`HTTPS        127.0.0.1:${port}`);
});

test('with several processes, and when it stops: what is in hand is answered', async () => {
  const several = await startServerProcess({ arguments: [...HTTPS, '--workers', '2'] });
  const idle = await RawHttp.open(several);
  const busy = new HttpsWire(httpsOptions(several), 'xml');
  const batch = Array.from({ length: 100 }, (_, index) => ({
    operation: Operation.Create,
    payload: createPayload(),
    id: Buffer.from(String(index)),
  }));
  const answer = busy.exchange(encodeTtlv(requestMessage('1.4', batch)));
  const watcher = Peer.over(new HttpsWire(httpsOptions(several), 'json'), '1.4');
  await until(async () => {
    const found = await watcher.call(Operation.Locate, []);
    return (found.value as readonly unknown[]).length > 0;
  }, 'it is being worked on');
  process.kill(several.pid, 'SIGTERM');
  expect(readResponse(await answer, '1.4').items).toHaveLength(100);
  await idle.closed;
  expect(await several.exited).toBe(0);
  expect(errorsOf(several)).toEqual([]);
  await several.stop();
});

test('none of it was an error to the server, and none of it is in its log', () => {
  expect(errorsOf(server)).toEqual([]);
});
