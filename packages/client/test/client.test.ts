import { spawnSync } from 'node:child_process';
import {
  activate,
  create,
  discoverVersions,
  get,
  getAttributes,
  locate,
  query,
  setAttribute,
  type OperationDefinition,
} from '@holdfast/core';
import {
  CredentialType,
  CryptographicAlgorithm,
  KeyFormatType,
  NameType,
  ObjectType,
  Operation,
  ResultReason,
  ResultStatus,
  Tag,
  UniqueIdentifier,
  dialectNamed,
  type Dialect,
  type MessageExtension,
  type Request,
  type ResponseBatchItem,
  type VersionName,
} from '@holdfast/kmip';
import { ItemType, SecretBytes, type Item } from '@holdfast/ttlv';
import { ConnectionFailure, KmipClient, KmipRefusal, call, type KmipClientOptions } from '../src';
import {
  makeAuthority,
  speaking,
  startPeer,
  type Answer,
  type Authority,
  type Identity,
  type Peer,
} from './peer';

let authority: Authority;
let serverIdentity: Identity;
const peers: Peer[] = [];
const clients: KmipClient[] = [];

beforeAll(async () => {
  authority = await makeAuthority();
  serverIdentity = await authority.server();
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  await Promise.all(peers.splice(0).map((peer) => peer.stop()));
});

async function connected(
  answer: (request: Request) => Answer | Promise<Answer>,
  options: Partial<KmipClientOptions> = {},
): Promise<KmipClient> {
  const peer = await startPeer(
    { ...serverIdentity, ca: authority.ca, requestCert: true, rejectUnauthorized: true },
    speaking(answer),
  );
  peers.push(peer);
  const client = await KmipClient.connect({
    host: '127.0.0.1',
    port: peer.port,
    ca: authority.ca,
    ...authority.client,
    version: '1.4',
    timeoutMs: 10_000,
    ...options,
  });
  clients.push(client);
  return client;
}

function success<Response>(
  operation: OperationDefinition<unknown, Response>,
  response: Response,
  dialect: Dialect = dialectNamed('1.4'),
): ResponseBatchItem {
  return {
    operation: operation.code,
    resultStatus: ResultStatus.Success,
    payload: operation.response.encode(Tag.ResponsePayload, response, dialect),
  };
}

function failure(
  operation: number | undefined,
  resultReason: number,
  resultMessage?: string,
): ResponseBatchItem {
  return { operation, resultStatus: ResultStatus.OperationFailed, resultReason, resultMessage };
}

function idOf(request: Request, index: number): Buffer | undefined {
  return request.items[index]?.uniqueBatchItemID;
}

const CRITICAL: MessageExtension = {
  vendorIdentification: 'acme',
  criticalityIndicator: true,
  vendorExtension: { tag: Tag.VendorExtension, type: ItemType.Structure, value: [] },
};

describe('one call', () => {
  test('is answered in the types of its operation', async () => {
    const client = await connected(() => [
      success(get, {
        objectType: ObjectType.SymmetricKey,
        uniqueIdentifier: 'k1',
        object: {
          objectType: ObjectType.SymmetricKey,
          keyBlock: {
            keyFormatType: KeyFormatType.Raw,
            keyValue: { keyMaterial: new SecretBytes(Buffer.alloc(32, 7)), attributes: [] },
            cryptographicAlgorithm: CryptographicAlgorithm.AES,
            cryptographicLengthBits: 256,
          },
        },
      }),
    ]);
    const { object } = await client.call(get, { uniqueIdentifier: 'k1' });
    if (object.objectType !== ObjectType.SymmetricKey) throw new Error('no symmetric key');
    expect(object.keyBlock.cryptographicLengthBits).toBe(256);
    expect(client.tls).toMatchObject({
      protocol: 'TLSv1.3',
      subject: expect.stringContaining('CN=localhost') as string,
    });
  });

  test('that the server refuses throws what the server said', async () => {
    const client = await connected(() => [
      failure(Operation.Get, ResultReason.ItemNotFound, 'no such\u001b object'),
    ]);
    const refusal = await client.call(get, { uniqueIdentifier: 'x' }).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(KmipRefusal);
    expect(refusal).toMatchObject({
      operation: 'Get',
      resultStatus: ResultStatus.OperationFailed,
      resultReason: ResultReason.ItemNotFound,
      resultReasonName: 'ItemNotFound',
      resultMessage: 'no such\u001b object',
    });
  });

  test('names a reason that the standard does not list by its number', async () => {
    const client = await connected(() => [failure(Operation.Get, 0x80000001)]);
    await expect(client.call(get, { uniqueIdentifier: 'x' })).rejects.toMatchObject({
      resultReasonName: '0x80000001',
      message: 'Get was refused (0x80000001)',
    });
  });

  test.each<[string, ResponseBatchItem[]]>([
    ['another operation', [success(activate, { uniqueIdentifier: 'k1' })]],
    [
      'two items',
      [success(activate, { uniqueIdentifier: 'k1' }), success(activate, { uniqueIdentifier: 'k1' })],
    ],
    ['no payload', [{ operation: Operation.Get, resultStatus: ResultStatus.Success }]],
  ])('fails where the answer is one to %s', async (_name, items) => {
    const client = await connected(() => items);
    await expect(client.call(get, { uniqueIdentifier: 'k1' })).rejects.toMatchObject({
      reason: 'protocol',
      outcomeKnown: false,
    });
  });

  test('to a server with operations and objects of its own, or of later versions, tells of them by their numbers', async () => {
    const item = (tag: number, value: number): Item => ({ tag, type: ItemType.Enumeration, value });
    const profile = { tag: Tag.ProfileInformation, type: ItemType.Structure, value: [] };
    const value = [
      item(Tag.Operation, Operation.Get),
      item(Tag.Operation, 0x80000001),
      item(Tag.Operation, Operation.Ping),
      item(Tag.ObjectType, 0x80000002),
      { ...profile, value: [item(Tag.ProfileName, 0x80000003)] },
    ];
    const payload = { tag: Tag.ResponsePayload, type: ItemType.Structure, value };
    const client = await connected(() => [
      { operation: Operation.Query, resultStatus: ResultStatus.Success, payload },
    ]);
    expect(await client.call(query, { queryFunctions: [] })).toMatchObject({
      operations: [Operation.Get, 0x80000001, Operation.Ping],
      objectTypes: [0x80000002],
      profileInformation: [{ profileName: 0x80000003 }],
    });
  });

  test('fails where the answer has a critical extension', async () => {
    const answer = success(activate, { uniqueIdentifier: 'k1' });
    const client = await connected(() => [{ ...answer, messageExtensions: [CRITICAL] }]);
    await expect(client.call(activate, { uniqueIdentifier: 'k1' })).rejects.toMatchObject({
      reason: 'protocol',
      outcomeKnown: false,
    });
  });

  test('may be answered at length', async () => {
    const uniqueIdentifiers = Array.from({ length: 200_000 }, (_, index) => `key-${index}`);
    const client = await connected(() => [success(locate, { uniqueIdentifiers })]);
    const answer = await client.call(locate, { attributes: [] });
    expect(answer.uniqueIdentifiers).toHaveLength(200_000);
  });

  test('carries the credentials', async () => {
    const seen: unknown[] = [];
    const credentials = [
      {
        credentialType: CredentialType.UsernameAndPassword,
        credentialValue: { username: 'array', password: new SecretBytes(Buffer.from('secret')) },
      },
    ];
    const client = await connected(
      ({ header }) => {
        seen.push(header.credentials);
        return [success(activate, { uniqueIdentifier: 'k' })];
      },
      { credentials },
    );
    await client.call(activate, {});
    expect(seen).toEqual([credentials]);
  });

  test('sends nothing of which the version could say only a part', async () => {
    const asked: number[] = [];
    const client = await connected(
      (request) => {
        asked.push(request.items.length);
        return 'close';
      },
      { version: '1.0' },
    );
    await expect(
      client.call(create, {
        objectType: ObjectType.SymmetricKey,
        newAttributes: {
          templateNames: [],
          attributes: [
            { key: 'Comment', value: 'mine' },
            { key: 'ObjectGroup', value: 'tapes' },
          ],
        },
      }),
    ).rejects.toMatchObject({
      code: 'InvalidField',
      message: 'KMIP 1.0 cannot express newAttributes / attributes / Comment',
    });
    await expect(
      client.call(setAttribute, { newAttribute: { key: 'Comment', value: 'mine' } }),
    ).rejects.toMatchObject({ code: 'OperationNotSupported' });
    await expect(client.call(locate, { attributes: [], offsetItems: 3 })).rejects.toMatchObject({
      message: 'KMIP 1.0 cannot express offsetItems',
    });
    expect(asked).toEqual([]);
  });

  test('may be made while others are unanswered', async () => {
    const client = await connected((request) => {
      const [item] = request.items;
      if (item === undefined || 'fault' in item) throw item?.fault ?? new Error('no item');
      const { uniqueIdentifier } = activate.request.decode(item.payload, request.dialect);
      return [success(activate, { uniqueIdentifier: uniqueIdentifier as string })];
    });
    const identifiers = Array.from({ length: 50 }, (_, index) => `key-${index}`);
    const answers = await Promise.all(
      identifiers.map((uniqueIdentifier) => client.call(activate, { uniqueIdentifier })),
    );
    expect(answers.map(({ uniqueIdentifier }) => uniqueIdentifier)).toEqual(identifiers);
  });
});

describe('a batch', () => {
  const calls = () =>
    [
      call(create, {
        objectType: ObjectType.SymmetricKey,
        newAttributes: { templateNames: [], attributes: [] },
      }),
      call(activate, {}),
      call(getAttributes, { uniqueIdentifier: 'k2', attributeReferences: [] }),
    ] as const;

  test('tells each operation’s outcome, whatever the order of the answers', async () => {
    const client = await connected((request) => {
      expect(request.header.batchOrderOption).toBe(true);
      return [
        {
          ...success(getAttributes, {
            uniqueIdentifier: 'k2',
            attributes: [
              { key: 'Name', value: { nameValue: 'n', nameType: NameType.UninterpretedTextString } },
            ],
          }),
          uniqueBatchItemID: idOf(request, 2),
        },
        {
          ...failure(Operation.Activate, ResultReason.PermissionDenied),
          uniqueBatchItemID: idOf(request, 1),
        },
        {
          ...success(create, { objectType: ObjectType.SymmetricKey, uniqueIdentifier: 'k1' }),
          uniqueBatchItemID: idOf(request, 0),
        },
      ];
    });
    const [made, activated, attributes] = await client.batch(calls());
    expect(made).toMatchObject({ status: 'done', response: { uniqueIdentifier: 'k1' } });
    expect(activated).toMatchObject({ status: 'refused', refusal: { resultReasonName: 'PermissionDenied' } });
    if (attributes.status !== 'done') throw new Error(attributes.status);
    expect(attributes.response.attributes[0]).toMatchObject({ key: 'Name', value: { nameValue: 'n' } });
  });

  test('tells what was undone and what was not reached', async () => {
    const client = await connected((request) => [
      {
        operation: Operation.Create,
        resultStatus: ResultStatus.OperationUndone,
        uniqueBatchItemID: idOf(request, 0),
      },
      { ...failure(Operation.Activate, ResultReason.GeneralFailure), uniqueBatchItemID: idOf(request, 1) },
    ]);
    const outcomes = await client.batch(calls());
    expect(outcomes.map(({ status }) => status)).toEqual(['undone', 'refused', 'not-run']);
  });

  test.each<[string, (ids: readonly (Buffer | undefined)[]) => readonly (Buffer | undefined)[]]>([
    ['that were not sent', () => [Buffer.from('a'), Buffer.from('b'), Buffer.from('c')]],
    ['of which one comes twice', ([id0, id1]) => [id0, id1, id1]],
    ['that one lacks', ([id0, id1]) => [id0, id1, undefined]],
    ['of which one is too many', (ids) => [...ids, Buffer.from('d')]],
    ['of which one is missing, though none has failed', ([id0, id1]) => [id0, id1]],
    ['of which all are missing', () => []],
    ['that all lack, with one item too many', () => [undefined, undefined, undefined, undefined]],
  ])('whose answers have IDs %s is of unknown outcome', async (_name, idsOf) => {
    const activated = success(activate, { uniqueIdentifier: 'k1' });
    const client = await connected((request) =>
      idsOf(request.items.map(({ uniqueBatchItemID }) => uniqueBatchItemID)).map((uniqueBatchItemID) => ({
        ...activated,
        uniqueBatchItemID,
      })),
    );
    await expect(
      client.batch([call(activate, {}), call(activate, {}), call(activate, {})]),
    ).rejects.toMatchObject({ reason: 'protocol', outcomeKnown: false });
  });

  test('that is refused as a whole throws', async () => {
    const client = await connected(() => [failure(undefined, ResultReason.InvalidMessage, 'too long')]);
    await expect(client.batch(calls())).rejects.toMatchObject({ resultReasonName: 'InvalidMessage' });
  });
});

const text = (tag: number, value: string): Item => ({ tag, type: ItemType.TextString, value });
const numbered = (tag: number, value: number): Item => ({ tag, type: ItemType.Enumeration, value });
const struct = (tag: number, ...value: Item[]): Item => ({ tag, type: ItemType.Structure, value });
const indexed = (name: string, value: Item): Item =>
  struct(Tag.Attribute, text(Tag.AttributeName, name), { ...value, tag: Tag.AttributeValue });
const VENDOR_TAG = 0x540010;
/** The largest Date-Time, which some servers have for "never". */
const never: Item = { tag: Tag.DeactivationDate, type: ItemType.DateTime, value: 2n ** 63n - 1n };

/** Attributes that the version does not have, or not so, and what they are read as. */
const FOREIGN: Partial<Record<VersionName, readonly (readonly [Item, object])[]>> = {
  '1.4': [
    [indexed('State', numbered(0, 0x80000001)), { key: 'State', value: 0x80000001 }],
    [
      indexed('Object Flavour', text(0, 'salty')),
      { key: undefined, name: 'Object Flavour', value: text(Tag.AttributeValue, 'salty') },
    ],
    [
      indexed('Cryptographic Length', text(0, '256')),
      { key: undefined, name: 'Cryptographic Length', value: text(Tag.AttributeValue, '256') },
    ],
    [struct(Tag.Attribute), { key: undefined, name: 'Attribute', value: struct(Tag.Attribute) }],
    [
      indexed('Rotate Interval', numbered(0, 1)),
      { key: undefined, name: 'Rotate Interval', value: numbered(Tag.AttributeValue, 1) },
    ],
  ],
  '2.1': [
    [numbered(Tag.State, 0x80000001), { key: 'State', value: 0x80000001 }],
    [
      { tag: Tag.CryptographicUsageMask, type: ItemType.Integer, value: 0x4000000c },
      { key: 'CryptographicUsageMask', value: 0x4000000c },
    ],
    [
      struct(
        Tag.Name,
        text(Tag.NameValue, 'n'),
        numbered(Tag.NameType, 1),
        text(Tag.ServerName, 'more of it'),
      ),
      { key: 'Name', value: { nameValue: 'n', nameType: NameType.UninterpretedTextString } },
    ],
    [text(VENDOR_TAG, 'theirs'), { key: undefined, name: 'tag 0x540010', value: text(VENDOR_TAG, 'theirs') }],
    [
      text(Tag.ServerName, 'none'),
      { key: undefined, name: 'Server Name', value: text(Tag.ServerName, 'none') },
    ],
    [text(Tag.State, 'Active'), { key: undefined, name: 'State', value: text(Tag.State, 'Active') }],
    [never, { key: undefined, name: 'Deactivation Date', value: never }],
    [
      indexed('x-odd', text(0, 'one')),
      { key: undefined, name: 'x-odd', value: text(Tag.AttributeValue, 'one') },
    ],
  ],
};

describe.each(Object.entries(FOREIGN))('what %s does not have', (version, rows) => {
  const dialect = dialectNamed(version as VersionName);
  const items = rows.map(([item]) => item);
  const told = (code: number, ...value: Item[]): ResponseBatchItem => ({
    operation: code,
    resultStatus: ResultStatus.Success,
    payload: struct(Tag.ResponsePayload, ...value),
  });
  const attributesAnswer = told(
    getAttributes.code,
    text(Tag.UniqueIdentifier, 'k1'),
    ...(dialect.rules.attributeForm === 'indexed' ? items : [struct(Tag.Attributes, ...items)]),
  );
  const asked = { uniqueIdentifier: 'k1', attributeReferences: [] };
  const VERSION = { version: version as VersionName };

  test('is told among the attributes', async () => {
    const client = await connected(() => [attributesAnswer], VERSION);
    const { attributes } = await client.call(getAttributes, asked);
    expect(attributes).toEqual(rows.map(([, read]) => ({ index: undefined, ...read })));
  });

  test.each(rows)('is refused by a client that is strict (%#)', async (item) => {
    const value = dialect.rules.attributeForm === 'indexed' ? [item] : [struct(Tag.Attributes, item)];
    const answer = told(getAttributes.code, text(Tag.UniqueIdentifier, 'k1'), ...value);
    const client = await connected(() => [answer], { ...VERSION, isStrict: true });
    await expect(client.call(getAttributes, asked)).rejects.toMatchObject({ reason: 'protocol' });
  });

  const keyAnswer = (identifier: Item[], material: Item): ResponseBatchItem =>
    told(
      get.code,
      numbered(Tag.ObjectType, ObjectType.SymmetricKey),
      ...identifier,
      text(Tag.ServerName, 'out of place'),
      struct(
        Tag.SymmetricKey,
        struct(
          Tag.KeyBlock,
          numbered(Tag.KeyFormatType, KeyFormatType.Raw),
          struct(Tag.KeyValue, material, ...(dialect.rules.attributeForm === 'indexed' ? items : [])),
          numbered(Tag.CryptographicAlgorithm, 0x80000005),
        ),
      ),
    );
  const material: Item = { tag: Tag.KeyMaterial, type: ItemType.ByteString, value: Buffer.alloc(16, 7) };

  test('is no reason not to give a key', async () => {
    const client = await connected(() => [keyAnswer([text(Tag.UniqueIdentifier, 'k1')], material)], VERSION);
    expect((await client.call(get, { uniqueIdentifier: 'k1' })).object).toMatchObject({
      keyBlock: {
        keyFormatType: KeyFormatType.Raw,
        keyValue: {
          keyMaterial: SecretBytes.copyOf(Buffer.alloc(16, 7)),
          attributes: expect.any(Array) as unknown,
        },
        cryptographicAlgorithm: 0x80000005,
      },
    });
  });

  test.each<[string, ResponseBatchItem]>([
    ['the key material', keyAnswer([text(Tag.UniqueIdentifier, 'k1')], { ...never, tag: Tag.KeyMaterial })],
    ['the identifier', keyAnswer([], material)],
  ])('is no excuse for %s', async (_name, answer) => {
    const client = await connected(() => [answer], VERSION);
    await expect(client.call(get, { uniqueIdentifier: 'k1' })).rejects.toMatchObject({ reason: 'protocol' });
  });
});

test('an attribute of its own that a server sets on a new key hides nothing of the key', async () => {
  const payload = struct(
    Tag.ResponsePayload,
    numbered(Tag.ObjectType, ObjectType.SymmetricKey),
    text(Tag.UniqueIdentifier, 'k1'),
    struct(Tag.TemplateAttribute, indexed('Object Flavour', text(0, 'salty')), text(VENDOR_TAG, 'theirs')),
  );
  const client = await connected(() => [
    { operation: create.code, resultStatus: ResultStatus.Success, payload },
  ]);
  const newAttributes = { templateNames: [], attributes: [] };
  await expect(
    client.call(create, { objectType: ObjectType.SymmetricKey, newAttributes }),
  ).resolves.toMatchObject({ uniqueIdentifier: 'k1' });
});

describe('the version', () => {
  const versions = (names: readonly VersionName[], dialect: Dialect): ResponseBatchItem =>
    success(discoverVersions, { protocolVersions: names.map(dialectNamed) }, dialect);

  test('is the highest that both sides speak', async () => {
    const client = await connected(({ dialect }) => [versions(['1.2', '1.4', '1.3'], dialect)], {
      version: 'auto',
    });
    expect(client.dialect.name).toBe('1.4');
  });

  test('is 1.0 where the server knows no Discover Versions', async () => {
    const client = await connected(
      () => [failure(Operation.DiscoverVersions, ResultReason.OperationNotSupported)],
      {
        version: 'auto',
      },
    );
    expect(client.dialect.name).toBe('1.0');
  });

  test.each([
    ['answers', { operation: Operation.Query, resultStatus: ResultStatus.Success }],
    ['does not answer this peer', failure(Operation.Query, ResultReason.PermissionDenied)],
  ])('is 1.0 where the server reads no other, and %s', async (_name, answer) => {
    const client = await connected(
      ({ dialect }) => [
        dialect.name === '1.0' ? answer : failure(undefined, ResultReason.InvalidMessage, 'version'),
      ],
      { version: 'auto' },
    );
    expect(client.dialect.name).toBe('1.0');
  });

  test('is found with a server that speaks 2.x alone', async () => {
    const client = await connected(
      ({ dialect }) =>
        dialect.protocolVersionMajor === 1
          ? [failure(undefined, ResultReason.InvalidMessage, 'version')]
          : [versions(['2.1', '2.0'], dialect)],
      { version: 'auto' },
    );
    expect(client.dialect.name).toBe('2.1');
  });

  test('is the highest that the server reads where this peer may not ask for versions', async () => {
    const client = await connected(
      ({ dialect }) => [
        dialect.name === '2.1'
          ? failure(undefined, ResultReason.InvalidMessage, 'version')
          : failure(Operation.DiscoverVersions, ResultReason.NotAuthorised),
      ],
      { version: 'auto' },
    );
    expect(client.dialect.name).toBe('2.0');
  });

  test.each([
    ['says who the client is not', ResultReason.AuthenticationNotSuccessful],
    ['refuses and hangs up', ResultReason.GeneralFailure],
  ])('is not looked for any more once the server %s', async (_name, reason) => {
    let asked = 0;
    await expect(
      connected(() => (asked++ === 0 ? [failure(undefined, reason)] : 'close'), { version: 'auto' }),
    ).rejects.toMatchObject({ name: 'KmipRefusal', resultReason: reason });
  });

  test('is not guessed where the server takes none', async () => {
    await expect(
      connected(() => [failure(undefined, ResultReason.InvalidMessage, 'version')], { version: 'auto' }),
    ).rejects.toMatchObject({ resultReasonName: 'InvalidMessage', resultMessage: 'version' });
  });
});

describe('a broken connection', () => {
  test('leaves unknown what became of a request', async () => {
    let requests = 0;
    const client = await connected(() =>
      ++requests === 1 ? [success(activate, { uniqueIdentifier: 'a' })] : 'close',
    );
    await client.call(activate, { uniqueIdentifier: 'a' });
    const outcome = await client.call(activate, { uniqueIdentifier: 'b' }).catch((error: unknown) => error);
    expect(outcome).toBeInstanceOf(ConnectionFailure);
    expect(outcome).toMatchObject({ reason: 'closed', outcomeKnown: false });
    // The next call is on a connection of its own.
    const next = client.call(activate, { uniqueIdentifier: 'c' });
    await expect(next).rejects.toBeInstanceOf(ConnectionFailure);
    await expect(next).rejects.not.toBe(outcome);
  });

  test.each([
    ['no TTLV', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')],
    ['a request', Buffer.from('4200780100000000', 'hex')],
    ['a longer answer than is taken', Buffer.from('42007b0100ffffff', 'hex')],
    ['an answer without a header', Buffer.from('42007b0100000000', 'hex')],
  ])('or a server that sends %s is told as such', async (_name, bytes) => {
    const client = await connected(() => bytes, { maxResponseBytes: 4096 });
    await expect(client.call(activate, {})).rejects.toMatchObject({ reason: 'protocol' });
  });

  test('or silence ends by a deadline', async () => {
    const client = await connected(() => new Promise<Answer>(() => undefined), { timeoutMs: 1500 });
    await expect(client.call(activate, {})).rejects.toMatchObject({ reason: 'timeout', outcomeKnown: false });
  });

  test('that is closed here fails what is unanswered', async () => {
    const client = await connected(() => new Promise<Answer>(() => undefined));
    const unanswered = client.call(activate, {}).catch((error: unknown) => error);
    await client.close();
    expect(await unanswered).toMatchObject({ reason: 'closed' });
    await client.close();
  });
});

test('programs in ESM import by name what the library is used with', () => {
  const program =
    "import { KmipClient, KmipRefusal } from '@holdfast/client'; import { create, operations } from '@holdfast/core';" +
    "import { ObjectType, dialectNamed } from '@holdfast/kmip'; import { SecretBytes } from '@holdfast/ttlv';" +
    'console.log(KmipClient.name, KmipRefusal.name, create.name, operations.length > 9, ObjectType.SymmetricKey, dialectNamed.name, SecretBytes.name)';
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    cwd: __dirname,
    encoding: 'utf8',
  });
  expect([stdout, stderr]).toEqual(['KmipClient KmipRefusal Create true 2 dialectNamed SecretBytes\n', '']);
});

test('an ID Placeholder can be said in every version', async () => {
  const client = await connected(() => [success(activate, { uniqueIdentifier: 'k' })]);
  await expect(client.call(activate, {})).resolves.toEqual({ uniqueIdentifier: 'k' });
  await expect(
    client.call(activate, { uniqueIdentifier: { from: UniqueIdentifier.IDPlaceholder } }),
  ).resolves.toEqual({ uniqueIdentifier: 'k' });
});
