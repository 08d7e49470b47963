import { createServer, type AddressInfo } from 'node:net';
import { X509Certificate, createPrivateKey, generateKeyPairSync } from 'node:crypto';
import type { TLSSocket, TlsOptions } from 'node:tls';
import { getConstraints, query } from '@holdfast/core';
import {
  BlockCipherMode,
  Operation,
  ResultStatus,
  Tag,
  dialectNamed,
  encodeRequest,
  encodeResponse,
} from '@holdfast/kmip';
import { ItemType, encodeTtlv, type Item, type StructureItem } from '@holdfast/ttlv';
import { KmipClient, isEncryptedKey, toldByServer, type KmipClientOptions } from '../src';
import { explainBreak } from '../src/connection-failure';
import { makeAuthority, speaking, startPeer, type Authority, type Identity, type Peer } from './peer';

let authority: Authority;
let stranger: Authority;
let server: Identity;
const peers: Peer[] = [];

beforeAll(async () => {
  [authority, stranger] = await Promise.all([makeAuthority(), makeAuthority('Another CA')]);
  server = await authority.server();
});
afterEach(() => Promise.all(peers.splice(0).map((peer) => peer.stop())));

const emptyPayload = (tag: number, value: readonly Item[] = []): StructureItem => ({
  tag,
  type: ItemType.Structure,
  value,
});

/** Connects and asks for the versions; answers what came of it. */
async function attempt(
  serverOptions: TlsOptions,
  clientOptions: Partial<KmipClientOptions> = {},
  onConnection: (socket: TLSSocket) => void = () => undefined,
): Promise<unknown> {
  const peer = await startPeer({ ...server, ...serverOptions }, onConnection);
  peers.push(peer);
  return await failureOf({ port: peer.port, ...clientOptions });
}

async function failureOf(options: Partial<KmipClientOptions>): Promise<unknown> {
  try {
    const client = await KmipClient.connect({
      host: '127.0.0.1',
      ca: authority.ca,
      ...authority.client,
      timeoutMs: 10_000,
      ...options,
    });
    await client.close();
    return undefined;
  } catch (error) {
    return error;
  }
}

describe('a server that is not the trusted one', () => {
  test('has a certificate of another authority', async () => {
    expect(await attempt({}, { ca: stranger.ca })).toMatchObject({ reason: 'server-certificate' });
  });

  test('is taken for nobody where no authority is given', async () => {
    expect(await attempt({}, { ca: undefined })).toMatchObject({ reason: 'server-certificate' });
  });

  test('has a certificate for another name', async () => {
    expect(await attempt({}, { serverName: 'kms.example.org' })).toMatchObject({
      reason: 'server-certificate',
      message: expect.stringContaining('does not name the host') as string,
    });
  });

  test('has a certificate that has expired', async () => {
    const nowSeconds = Math.floor(Date.now() / 1000) - 20 * 86_400;
    const expired = await authority.server({ nowSeconds, validitySeconds: 10 * 86_400 });
    expect(await attempt(expired)).toMatchObject({
      message: expect.stringContaining('has expired') as string,
    });
  });
});

test('who is trusted need not be a root: the server’s own certificate does', async () => {
  expect(await attempt({}, { ca: server.cert, version: '1.4' })).toBeUndefined();
});

describe('a server that does not take the client', () => {
  test.each(['TLSv1.2', 'TLSv1.3'] as const)('demands a certificate, %s', async (maxVersion) => {
    const demands = { ca: authority.ca, requestCert: true, rejectUnauthorized: true, maxVersion };
    expect(await attempt(demands, { cert: undefined, key: undefined })).toMatchObject({
      reason: 'client-certificate',
    });
  });

  test.each(['TLSv1.2', 'TLSv1.3'] as const)('does not know its authority, %s', async (maxVersion) => {
    const demands = { ca: stranger.ca, requestCert: true, rejectUnauthorized: true, maxVersion };
    expect(await attempt(demands)).toMatchObject({
      reason: 'client-certificate',
      hint: expect.stringContaining('does not accept the client certificate') as string,
    });
  });

  test('closes right after the handshake', async () => {
    expect(await attempt({}, {}, (socket) => void socket.end())).toMatchObject({
      reason: 'client-certificate',
      message: expect.stringContaining('right after the TLS handshake') as string,
    });
  });
});

test('an alert says that nothing was done where it is the first answer, and there alone', () => {
  const outcomeKnown = (answered: boolean) =>
    explainBreak(
      { code: 'ERR_SSL_TLSV1_ALERT_ACCESS_DENIED' },
      { address: 'kms:5696', secure: true, answered, pending: true },
    ).outcomeKnown;
  expect([outcomeKnown(false), outcomeKnown(true)]).toEqual([true, false]);
});

test.each(['SSLV3', 'SSL/TLS'])('alerts are understood by the names of every OpenSSL: %s', (prefix) => {
  const failure = explainBreak(
    { code: `ERR_SSL_${prefix}_ALERT_CERTIFICATE_REVOKED` },
    { address: 'kms:5696', secure: true, answered: false, pending: true },
  );
  expect(failure).toMatchObject({
    reason: 'client-certificate',
    message: 'kms:5696: the server says that the client certificate is revoked',
    outcomeKnown: true,
  });
});

test('an old TLS is not spoken', async () => {
  const old = { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
  expect(await attempt(old)).toMatchObject({ reason: 'tls' });
});

test('nobody answers', async () => {
  const closed = createServer();
  await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve));
  const { port } = closed.address() as AddressInfo;
  await new Promise((resolve) => closed.close(resolve));
  expect(await failureOf({ port })).toMatchObject({
    reason: 'unreachable',
    message: `127.0.0.1:${port}: no server answers at this address`,
  });
});

test.each([
  ['another protocol', 'tls', 'SSH-2.0-OpenSSH_9.2\r\n', 10_000],
  ['silence', 'timeout', '', 300],
])('%s answers', async (_name, reason, greeting, timeoutMs) => {
  const sockets = new Set<{ destroy(): void }>();
  const other = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.write(greeting);
  });
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const { port } = other.address() as AddressInfo;
  expect(await failureOf({ port, timeoutMs })).toMatchObject({ reason });
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => other.close(resolve));
});

test.each([
  ['without a header', '42007b0100000000'],
  ['that is a request', '4200780100000000'],
])(
  'an answer %s to who hands the server’s role over is the server’s fault, and ends the connection',
  async (_name, hex) => {
    let ended = (): void => undefined;
    const end = new Promise<void>((done) => (ended = done));
    const peer = await startPeer(server, (socket) => {
      socket.once('data', () => socket.write(Buffer.from(hex, 'hex'))).once('close', ended);
    });
    peers.push(peer);
    const options = { host: '127.0.0.1', port: peer.port, ca: authority.ca, ...authority.client };
    await expect(toldByServer(options)).rejects.toMatchObject({ reason: 'protocol', outcomeKnown: false });
    await end;
  },
);

test('what a server tells of an attribute that the version does not have is told as it came', async () => {
  const dialect = dialectNamed('2.1');
  const operation = Operation.SetEndpointRole;
  const accepted = {
    operation,
    resultStatus: ResultStatus.Success,
    payload: emptyPayload(Tag.ResponsePayload),
  };
  const foreign: Item = { tag: 0x540001, type: ItemType.Integer, value: 7 };
  const payload = emptyPayload(Tag.RequestPayload, [
    { tag: Tag.UniqueIdentifier, type: ItemType.TextString, value: 'k' },
    { tag: Tag.Attributes, type: ItemType.Structure, value: [foreign] },
  ]);
  const messages = [
    encodeResponse({ dialect, header: { timeStamp: 1 }, items: [accepted] }),
    encodeRequest({ dialect, header: {}, items: [{ operation: Operation.Notify, payload }] }),
  ];
  const peer = await startPeer(server, (socket) => {
    socket.once('data', () => socket.write(Buffer.concat(messages.map(encodeTtlv))));
  });
  peers.push(peer);
  const options = { host: '127.0.0.1', port: peer.port, ca: authority.ca, ...authority.client };
  const first = async (isStrict: boolean) => {
    for await (const told of await toldByServer({ ...options, isStrict })) return told;
    return undefined;
  };
  expect(await first(false)).toMatchObject({
    operation: 'Notify',
    request: { uniqueIdentifier: 'k', attributes: { changed: [{ key: undefined, value: foreign }] } },
  });
  await expect(first(true)).rejects.toMatchObject({ reason: 'protocol' });
});

test('what of defaults and constraints the version does not have is told as it came, and not only in part', async () => {
  const length: Item = { tag: Tag.CryptographicLength, type: ItemType.Integer, value: 256 };
  const foreign: Item = { tag: 0x540001, type: ItemType.Integer, value: 7 };
  const later: Item = { tag: Tag.CryptographicAlgorithm, type: ItemType.Enumeration, value: 0x1000 };
  const mode: Item = { tag: Tag.BlockCipherMode, type: ItemType.Enumeration, value: BlockCipherMode.GCM };
  const partly = emptyPayload(Tag.CryptographicParameters, [mode, foreign]);
  const whole = emptyPayload(Tag.CryptographicParameters, [mode]);
  const attributes = emptyPayload(Tag.Attributes, [length, foreign, later, partly, whole]);
  const told = {
    [Operation.GetConstraints]: [emptyPayload(Tag.Constraints, [emptyPayload(Tag.Constraint, [attributes])])],
    [Operation.Query]: [
      emptyPayload(Tag.DefaultsInformation, [emptyPayload(Tag.ObjectDefaults, [attributes])]),
    ],
  };
  const peer = await startPeer(
    server,
    speaking(({ items: [item] }) => {
      const operation = item?.operation as keyof typeof told;
      const payload = emptyPayload(Tag.ResponsePayload, told[operation]);
      return [{ operation, resultStatus: ResultStatus.Success, payload }];
    }),
  );
  peers.push(peer);
  const options = { host: '127.0.0.1', port: peer.port, ca: authority.ca, ...authority.client };
  const asked = async (isStrict: boolean) => {
    const client = await KmipClient.connect({ ...options, version: '2.1', isStrict });
    const answers = await Promise.allSettled([
      client.call(getConstraints, {}).then(({ constraints }) => constraints.constraints),
      client.call(query, { queryFunctions: [] }).then((answer) => answer.defaultsInformation?.objectDefaults),
    ]);
    await client.close();
    return answers;
  };
  const as = (value: Item) => expect.objectContaining({ key: undefined, value }) as unknown;
  const read = [
    { key: 'CryptographicLength', value: 256 },
    as(foreign),
    as(later),
    as(partly),
    { key: 'CryptographicParameters', value: { blockCipherMode: BlockCipherMode.GCM } },
  ];
  const isRead = { status: 'fulfilled', value: [{ attributes: read }] };
  expect(await asked(false)).toEqual([isRead, isRead]);
  const refused = { status: 'rejected', reason: { reason: 'protocol' } };
  expect(await asked(true)).toMatchObject([refused, refused]);
});

test('who is told by a server waits until the signal says otherwise', async () => {
  const dialect = dialectNamed('2.1');
  const payload = emptyPayload(Tag.ResponsePayload);
  const item = { operation: Operation.SetEndpointRole, resultStatus: ResultStatus.Success, payload };
  const accepted = encodeTtlv(encodeResponse({ dialect, header: { timeStamp: 1 }, items: [item] }));
  let ended = (): void => undefined;
  const end = new Promise<void>((done) => (ended = done));
  const peer = await startPeer(server, (socket) => {
    socket.once('data', () => socket.write(accepted)).once('close', ended);
  });
  peers.push(peer);
  const options = { host: '127.0.0.1', port: peer.port, ca: authority.ca, ...authority.client };
  const controller = new AbortController();
  const told = await toldByServer(options, { signal: controller.signal });
  const enough = new Error('enough');
  const next = expect(told.next()).rejects.toBe(enough);
  controller.abort(enough);
  await next;
  await end;
});

describe('the client’s own credentials', () => {
  const encrypted = (key: string) =>
    createPrivateKey(key).export({
      type: 'pkcs8',
      format: 'pem',
      cipher: 'aes-256-cbc',
      passphrase: 'right',
    });

  test.each<[string, () => Partial<KmipClientOptions>, string]>([
    ['the CA file is none', () => ({ ca: 'nothing' }), 'the CA file holds no certificate in PEM'],
    [
      'the certificate is none',
      () => ({ cert: authority.client.key }),
      'the client certificate holds no certificate in PEM',
    ],
    [
      'the CA file is in DER',
      () => ({ ca: new X509Certificate(authority.ca).raw }),
      'the CA file holds no certificate in PEM',
    ],
    [
      'the certificate is in DER',
      () => ({ cert: new X509Certificate(authority.client.cert).raw }),
      'the client certificate holds no certificate in PEM',
    ],
    ['the key is none', () => ({ key: 'nothing' }), 'the client key holds no private key in PEM'],
    ['the key is missing', () => ({ key: undefined }), 'the client key is missing'],
    [
      'the key is another’s',
      () => ({ key: stranger.client.key }),
      'the private key does not belong to the client certificate',
    ],
    [
      'the key is of another kind',
      () => ({
        key: generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      }),
      'the private key does not belong to the client certificate',
    ],
    [
      'the passphrase is missing',
      () => ({ key: encrypted(authority.client.key) }),
      'the private key is encrypted and no passphrase was given',
    ],
    [
      'the passphrase is wrong',
      () => ({ key: encrypted(authority.client.key), passphrase: 'wrong' }),
      'the private key cannot be decrypted with this passphrase',
    ],
  ])('are looked at before anything is sent: %s', async (_name, options, message) => {
    expect(await failureOf({ port: 1, ...options() })).toMatchObject({ reason: 'credentials', message });
  });

  test('may be encrypted', async () => {
    const key = encrypted(authority.client.key);
    expect(isEncryptedKey(key)).toBe(true);
    expect(isEncryptedKey(authority.client.key)).toBe(false);
    expect(await failureOf({ port: 1, key, passphrase: 'right' })).toMatchObject({ reason: 'unreachable' });
  });
});
