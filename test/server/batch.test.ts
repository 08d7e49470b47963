import { createHash } from 'node:crypto';
import {
  AsynchronousIndicator,
  BatchErrorContinuationOption,
  CryptographicAlgorithm,
  CryptographicUsageMask,
  Data,
  DerivationMethod,
  HashingAlgorithm,
  KeyFormatType,
  ObjectType,
  Operation,
  QueryFunction,
  ResultStatus,
  RevocationReasonCode,
  SecretDataType,
  SplitKeyMethod,
  Tag,
  UniqueIdentifier,
  type VersionName,
} from '@holdfast/kmip';
import {
  Peer,
  attributeValues,
  boolean,
  dateTime,
  bytes,
  enumeration,
  integer,
  nameValue,
  readResponse,
  requestMessage,
  startServerProcess,
  structure,
  text,
  textAt,
  textsOf,
  tlsOptions,
  uniqueIdentifier,
  valueAt,
  type Received,
  type RequestItem,
  type ServerProcess,
} from '@holdfast/testkit';
import { ItemType, decodeTtlv, encodeTtlv, type Item } from '@holdfast/ttlv';
import { until } from '../support/until';
import { createKey, createPayload, errorsOf } from './support';

/** Batches as the standard has them: KMIP 1.4 chapters 4 and 6, KMIP 2.1 section 9. */

const { Success, OperationFailed, OperationUndone } = ResultStatus;
const { Stop, Continue, Undo } = BatchErrorContinuationOption;

let server: ServerProcess;
let peer: Peer;
let newer: Peer;
let count = 0;

beforeAll(async () => {
  server = await startServerProcess();
  peer = await Peer.connect(tlsOptions(server), '1.4');
  newer = await Peer.connect(tlsOptions(server), '2.1');
});
afterAll(async () => {
  await Promise.all([peer.close(), newer.close()]);
  await server.stop();
});

const freshName = (): string => `batch-${++count}`;

function item(operation: number, ...payload: readonly Item[]): RequestItem {
  return { operation, payload, id: Buffer.from(String(++count)) };
}
const create = (name?: string): RequestItem => item(Operation.Create, ...createPayload(name));
const missing = (): RequestItem => item(Operation.Get, uniqueIdentifier('no such object'));
const option = (value: number) => ({ header: [enumeration(Tag.BatchErrorContinuationOption, value)] });
const revocation = structure(
  Tag.RevocationReason,
  enumeration(Tag.RevocationReasonCode, RevocationReasonCode.CessationOfOperation),
);

const statuses = ({ items }: Received): readonly number[] => items.map(({ status }) => status);

async function located(name: string): Promise<readonly string[]> {
  const condition = structure(Tag.Attribute, text(Tag.AttributeName, 'Name'), nameValue(name));
  return textsOf(await peer.call(Operation.Locate, [condition]), Tag.UniqueIdentifier);
}

/** The payload of Create in 2.x. */
function createNewer(name?: string): RequestItem {
  return item(
    Operation.Create,
    enumeration(Tag.ObjectType, ObjectType.SymmetricKey),
    structure(
      Tag.Attributes,
      enumeration(Tag.CryptographicAlgorithm, 3),
      integer(Tag.CryptographicLength, 256),
      integer(Tag.CryptographicUsageMask, 12),
      ...(name === undefined ? [] : [nameValue(name, Tag.Name)]),
    ),
  );
}

test('what a batch computes holds up nobody else until all of it is done', async () => {
  const large = (tag: number): Item => ({ tag, type: ItemType.BigInteger, value: 2n ** 4095n - 1n });
  const material = structure(Tag.KeyMaterial, large(Tag.Modulus), large(Tag.PrimeExponentP), {
    tag: Tag.PublicExponent,
    type: ItemType.BigInteger,
    value: 65537n,
  });
  // A modulus that no primes are found for, though they are looked for.
  const key = structure(
    Tag.PrivateKey,
    structure(
      Tag.KeyBlock,
      enumeration(Tag.KeyFormatType, KeyFormatType.TransparentRSAPrivateKey),
      structure(Tag.KeyValue, material),
      enumeration(Tag.CryptographicAlgorithm, CryptographicAlgorithm.RSA),
      integer(Tag.CryptographicLength, 4095),
    ),
  );
  const attributes = structure(Tag.Attributes, integer(Tag.CryptographicUsageMask, 1));
  const registration = (): RequestItem =>
    item(Operation.Register, enumeration(Tag.ObjectType, ObjectType.PrivateKey), attributes, key);
  /** How many others are answered until the batch is. */
  const meanwhile = async (): Promise<number> => {
    let isDone = false as boolean;
    const long = newer
      .batch(Array.from({ length: 200 }, registration), option(Continue))
      .finally(() => (isDone = true));
    let answered = -1;
    for (; !isDone; answered++) await peer.call(Operation.Query, []);
    expect(new Set((await long).items.map(({ message }) => message))).toEqual(
      new Set([expect.stringContaining('RSA')]),
    );
    return answered;
  };
  // The first may come before all of the batch has; who asks too late, since this process stood still, asks once more.
  await until(async () => (await meanwhile()) > 2, 'others are answered meanwhile');
});

describe('the ID Placeholder', () => {
  test.each<[VersionName, () => RequestItem]>([
    ['1.0', create],
    ['1.4', create],
    ['2.1', createNewer],
  ])('carries a key through its life in %s', async (version, make) => {
    const each = await Peer.connect(tlsOptions(server), version);
    const { items } = await each.batch([
      make(),
      item(Operation.Activate),
      item(Operation.Get),
      item(Operation.Revoke, revocation),
      item(Operation.Destroy),
    ]);
    await each.close();
    expect(items.map(({ status }) => status)).toEqual([0, 0, 0, 0, 0]);
    expect(new Set(items.map(({ payload }) => textAt(payload, Tag.UniqueIdentifier))).size).toBe(1);
  });

  test('is the first of the parts of a key', async () => {
    const { items } = await peer.batch([
      create(),
      item(
        Operation.CreateSplitKey,
        enumeration(Tag.ObjectType, ObjectType.SplitKey),
        uniqueIdentifier(await createKey(peer, freshName())),
        integer(Tag.SplitKeyParts, 3),
        integer(Tag.SplitKeyThreshold, 2),
        enumeration(Tag.SplitKeyMethod, SplitKeyMethod.PolynomialSharingGF2_8),
        structure(Tag.TemplateAttribute),
      ),
      item(Operation.Get),
    ]);
    const parts = textsOf(items[1]?.payload, Tag.UniqueIdentifier);
    expect(parts).toHaveLength(3);
    expect(textAt(items[2]?.payload, Tag.UniqueIdentifier)).toBe(parts[0]);
    const splitKey = valueAt(items[2]?.payload, Tag.SplitKey, Tag.KeyPartIdentifier);
    expect(splitKey).toBe(1);
  });

  test('is what Locate found, where that is one object', async () => {
    const name = freshName();
    const identifier = await createKey(peer, name);
    const condition = structure(Tag.Attribute, text(Tag.AttributeName, 'Name'), nameValue(name));
    const found = await peer.batch([item(Operation.Locate, condition), item(Operation.Get)]);
    expect(textAt(found.items[1]?.payload, Tag.UniqueIdentifier)).toBe(identifier);
  });

  test('is empty after a Locate that found none or several, whatever was before', async () => {
    const algorithm = structure(
      Tag.Attribute,
      text(Tag.AttributeName, 'Cryptographic Algorithm'),
      enumeration(Tag.AttributeValue, 3),
    );
    const none = structure(Tag.Attribute, text(Tag.AttributeName, 'Name'), nameValue('nobody is called so'));
    for (const condition of [none, algorithm]) {
      const { items } = await peer.batch([
        create(),
        create(),
        item(Operation.Locate, condition),
        item(Operation.Get),
      ]);
      expect(items.map(({ status }) => status)).toEqual([0, 0, 0, 1]);
      expect(items[3]?.reason).toBe('ItemNotFound');
    }
  });

  test('is the private key of a pair', async () => {
    const pair = item(
      Operation.CreateKeyPair,
      structure(
        Tag.CommonTemplateAttribute,
        structure(
          Tag.Attribute,
          text(Tag.AttributeName, 'Cryptographic Algorithm'),
          enumeration(Tag.AttributeValue, 6),
        ),
        structure(
          Tag.Attribute,
          text(Tag.AttributeName, 'Cryptographic Length'),
          integer(Tag.AttributeValue, 256),
        ),
      ),
      structure(
        Tag.PrivateKeyTemplateAttribute,
        structure(
          Tag.Attribute,
          text(Tag.AttributeName, 'Cryptographic Usage Mask'),
          integer(Tag.AttributeValue, 1),
        ),
      ),
      structure(
        Tag.PublicKeyTemplateAttribute,
        structure(
          Tag.Attribute,
          text(Tag.AttributeName, 'Cryptographic Usage Mask'),
          integer(Tag.AttributeValue, 2),
        ),
      ),
    );
    const { items } = await peer.batch([pair, item(Operation.Get)]);
    expect(items.map(({ status, message }) => [status, message])).toEqual([
      [0, undefined],
      [0, undefined],
    ]);
    expect(textAt(items[1]?.payload, Tag.UniqueIdentifier)).toBe(
      textAt(items[0]?.payload, Tag.PrivateKeyUniqueIdentifier),
    );
  });

  test('is what was recovered', async () => {
    const [identifier, other] = [await createKey(peer), await createKey(peer)];
    await peer.call(Operation.Archive, [uniqueIdentifier(identifier)]);
    const { items } = await peer.batch([
      item(Operation.Get, uniqueIdentifier(other)),
      item(Operation.Recover, uniqueIdentifier(identifier)),
      item(Operation.Get),
    ]);
    expect(textAt(items[2]?.payload, Tag.UniqueIdentifier)).toBe(identifier);
  });

  describe('after each operation, in 2.x', () => {
    const { Encrypt, DeriveKey, Sign, Verify } = CryptographicUsageMask;
    const ofKey = (usage: number, ...further: readonly Item[]) =>
      structure(
        Tag.Attributes,
        enumeration(Tag.CryptographicAlgorithm, CryptographicAlgorithm.AES),
        integer(Tag.CryptographicLength, 256),
        integer(Tag.CryptographicUsageMask, usage),
        ...further,
      );
    const symmetric = enumeration(Tag.ObjectType, ObjectType.SymmetricKey);
    const pairOf = () => [
      structure(
        Tag.CommonAttributes,
        enumeration(Tag.CryptographicAlgorithm, CryptographicAlgorithm.EC),
        integer(Tag.CryptographicLength, 256),
      ),
      structure(Tag.PrivateKeyAttributes, integer(Tag.CryptographicUsageMask, Sign)),
      structure(Tag.PublicKeyAttributes, integer(Tag.CryptographicUsageMask, Verify)),
    ];
    const hidden = structure(
      Tag.SecretData,
      enumeration(Tag.SecretDataType, SecretDataType.Password),
      structure(
        Tag.KeyBlock,
        enumeration(Tag.KeyFormatType, KeyFormatType.Opaque),
        structure(Tag.KeyValue, bytes(Tag.KeyMaterial, Buffer.from('secret'))),
      ),
    );
    const secretData = enumeration(Tag.ObjectType, ObjectType.SecretData);
    const of = (identifier: string) => uniqueIdentifier(identifier);
    const named = `of the table ${Date.now()}`;
    const made = { key: '', other: '', private: '', public: '', certificate: '', parts: [] as string[] };
    beforeAll(async () => {
      const active = dateTime(Tag.ActivationDate, 0);
      const usage = ofKey(Encrypt | DeriveKey, active, nameValue(named, Tag.Name));
      made.key = textAt(await newer.call(Operation.Create, [symmetric, usage]), Tag.UniqueIdentifier);
      made.other = textAt(
        await newer.call(Operation.Create, [symmetric, ofKey(Encrypt)]),
        Tag.UniqueIdentifier,
      );
      const pair = await newer.call(Operation.CreateKeyPair, pairOf());
      made.private = textAt(pair, Tag.PrivateKeyUniqueIdentifier);
      made.public = textAt(pair, Tag.PublicKeyUniqueIdentifier);
      const certified = await newer.call(Operation.Certify, [of(made.public)]);
      made.certificate = textAt(certified, Tag.UniqueIdentifier);
      made.parts = [...textsOf(await newer.call(Operation.CreateSplitKey, split()), Tag.UniqueIdentifier)];
    });
    const split = () => [
      enumeration(Tag.ObjectType, ObjectType.SplitKey),
      of(made.key),
      integer(Tag.SplitKeyParts, 2),
      integer(Tag.SplitKeyThreshold, 2),
      enumeration(Tag.SplitKeyMethod, SplitKeyMethod.XOR),
      structure(Tag.Attributes),
    ];
    const derivation = () => [
      symmetric,
      of(made.key),
      enumeration(Tag.DerivationMethod, DerivationMethod.HASH),
      structure(
        Tag.DerivationParameters,
        structure(Tag.CryptographicParameters, enumeration(Tag.HashingAlgorithm, HashingAlgorithm.SHA_256)),
      ),
      ofKey(Encrypt),
    ];

    test.each<[string, number, () => readonly Item[]]>([
      ['Create', Operation.Create, () => [symmetric, ofKey(Encrypt)]],
      ['Create Key Pair', Operation.CreateKeyPair, pairOf],
      ['Register', Operation.Register, () => [secretData, structure(Tag.Attributes), hidden]],
      ['Import', Operation.Import, () => [of(freshName()), secretData, structure(Tag.Attributes), hidden]],
      ['Derive Key', Operation.DeriveKey, derivation],
      ['Create Split Key', Operation.CreateSplitKey, split],
      ['Join Split Key', Operation.JoinSplitKey, () => [symmetric, ...made.parts.map(of)]],
      ['Export', Operation.Export, () => [of(made.key)]],
      [
        'Locate',
        Operation.Locate,
        () => [structure(Tag.Attributes, structure(Tag.Name, text(Tag.NameValue, named)))],
      ],
      ['Recover', Operation.Recover, () => [of(made.key)]],
      ['Re-key', Operation.ReKey, () => [of(made.other)]],
      ['Certify', Operation.Certify, () => [of(made.public)]],
      ['Re-certify', Operation.ReCertify, () => [of(made.certificate)]],
      ['Re-key Key Pair', Operation.ReKeyKeyPair, () => [text(Tag.PrivateKeyUniqueIdentifier, made.private)]],
    ])('is what %s answers', async (_name, operation, payload) => {
      const { items } = await newer.batch([
        createNewer(),
        item(operation, ...payload()),
        item(Operation.Get),
      ]);
      expect(items.map(({ status, message }) => [status, message])).toEqual(Array(3).fill([0, undefined]));
      const answer = items[1]?.payload;
      const [first] = [Tag.PrivateKeyUniqueIdentifier, Tag.UniqueIdentifier].flatMap((tag) =>
        textsOf(answer, tag),
      );
      expect(textAt(items[2]?.payload, Tag.UniqueIdentifier)).toBe(first);
    });

    test.each<[string, number, () => readonly Item[]]>([
      ['Get', Operation.Get, () => [of(made.key)]],
      ['Get Attributes', Operation.GetAttributes, () => [of(made.key)]],
      ['Get Attribute List', Operation.GetAttributeList, () => [of(made.key)]],
      ['Check', Operation.Check, () => [of(made.key)]],
      ['Obtain Lease', Operation.ObtainLease, () => [of(made.key)]],
      [
        'Set Attribute',
        Operation.SetAttribute,
        () => [of(made.key), structure(Tag.NewAttribute, text(Tag.Comment, 'set'))],
      ],
      ['Archive', Operation.Archive, () => [of(made.parts[1] ?? '')]],
      ['Revoke', Operation.Revoke, () => [of(made.key), revocation]],
      ['Validate', Operation.Validate, () => [of(made.certificate)]],
      ['Query', Operation.Query, () => [enumeration(Tag.QueryFunction, QueryFunction.QueryOperations)]],
      ['RNG Retrieve', Operation.RNGRetrieve, () => [integer(Tag.DataLength, 8)]],
      ['Ping', Operation.Ping, () => []],
    ])('is what it was before %s', async (_name, operation, payload) => {
      const { items } = await newer.batch([
        createNewer(),
        item(operation, ...payload()),
        item(Operation.Get),
      ]);
      expect(items.map(({ status, message }) => [status, message])).toEqual(Array(3).fill([0, undefined]));
      expect(textAt(items[2]?.payload, Tag.UniqueIdentifier)).toBe(
        textAt(items[0]?.payload, Tag.UniqueIdentifier),
      );
    });

    test('is empty after a Check that was denied, and as it was after any other refusal', async () => {
      for (const [refused, status] of [
        [item(Operation.Check, of(made.key), integer(Tag.CryptographicUsageMask, Sign)), 1],
        [item(Operation.Activate, of('no such object')), 0],
      ] as const) {
        const { items } = await newer.batch([createNewer(), refused, item(Operation.Get)], option(Continue));
        expect(items.map((each) => each.status)).toEqual([0, 1, status]);
      }
    });
  });

  test('does not outlive its batch', async () => {
    await createKey(peer);
    expect(await peer.refused(Operation.Get, [])).toBe('ItemNotFound');
  });
});

describe('an item that fails', () => {
  test('ends the batch, by default and with Stop; what was done stays', async () => {
    for (const options of [{}, option(Stop)]) {
      const [before, after] = [freshName(), freshName()];
      const answer = await peer.batch([create(before), missing(), create(after)], options);
      expect(statuses(answer)).toEqual([Success, OperationFailed]);
      expect(answer.items[1]?.reason).toBe('ItemNotFound');
      expect([(await located(before)).length, (await located(after)).length]).toEqual([1, 0]);
    }
  });

  test('leaves the others alone with Continue', async () => {
    const [before, after] = [freshName(), freshName()];
    const answer = await peer.batch([missing(), create(before), missing(), create(after)], option(Continue));
    expect(statuses(answer)).toEqual([OperationFailed, Success, OperationFailed, Success]);
    expect([(await located(before)).length, (await located(after)).length]).toEqual([1, 1]);
  });

  test('may be one that cannot even be read', async () => {
    const operationless = structure(
      Tag.BatchItem,
      bytes(Tag.UniqueBatchItemID, Buffer.from('bad')),
      structure(Tag.RequestPayload),
    );
    const good = requestMessage('1.4', [create(), missing()], {
      header: [enumeration(Tag.BatchErrorContinuationOption, Continue)],
      batchCount: 3,
    });
    const message = { ...good, value: [...good.value, operationless] };
    const { items } = readResponse(await peer.wire.exchange(encodeTtlv(message)), '1.4');
    expect(items.map(({ status, reason }) => [status, reason])).toEqual([
      [Success, undefined],
      [OperationFailed, 'ItemNotFound'],
      [OperationFailed, 'InvalidMessage'],
    ]);
    expect(items[2]?.id).toEqual(Buffer.from('bad'));
  });
});

describe('Undo', () => {
  test('does all where all succeed', async () => {
    const names = [freshName(), freshName()];
    const answer = await peer.batch([...names.map(create), item(Operation.Activate)], option(Undo));
    expect(statuses(answer)).toEqual([Success, Success, Success]);
    for (const name of names) expect(await located(name)).toHaveLength(1);
  });

  test('leaves nothing where one fails: no object, no name, no change', async () => {
    const kept = freshName();
    const identifier = await createKey(peer, kept);
    const before = await peer.call(Operation.GetAttributes, [uniqueIdentifier(identifier)]);
    const names = [freshName(), freshName(), freshName()] as const;
    const answer = await peer.batch(
      [
        create(names[0]),
        create(names[1]),
        item(
          Operation.ModifyAttribute,
          uniqueIdentifier(identifier),
          structure(Tag.Attribute, text(Tag.AttributeName, 'Name'), nameValue(names[2])),
        ),
        item(Operation.Activate, uniqueIdentifier(identifier)),
        item(Operation.ReKey, uniqueIdentifier(identifier)),
        missing(),
        create(freshName()),
      ],
      option(Undo),
    );
    expect(statuses(answer)).toEqual([
      ...[OperationUndone, OperationUndone, OperationUndone, OperationUndone, OperationUndone],
      OperationFailed,
    ]);
    for (const { status, payload } of answer.items) {
      if (status === OperationUndone) expect(payload).toBeUndefined();
    }
    for (const name of names) expect(await located(name)).toEqual([]);
    expect(await located(kept)).toEqual([identifier]);
    expect(await peer.call(Operation.GetAttributes, [uniqueIdentifier(identifier)])).toEqual(before);
    // The names are free again.
    for (const name of names) await createKey(peer, name);
  });

  test('brings back a key that was destroyed before the failure', async () => {
    const identifier = await createKey(peer);
    const bytesOf = async () =>
      valueAt(
        await peer.call(Operation.Get, [uniqueIdentifier(identifier)]),
        ...[Tag.SymmetricKey, Tag.KeyBlock, Tag.KeyValue, Tag.KeyMaterial],
      );
    const before = await bytesOf();
    const answer = await peer.batch(
      [item(Operation.Destroy, uniqueIdentifier(identifier)), missing()],
      option(Undo),
    );
    expect(statuses(answer)).toEqual([OperationUndone, OperationFailed]);
    expect(await bytesOf()).toEqual(before);
  });

  test('of two items with the same name does neither', async () => {
    const name = freshName();
    const answer = await peer.batch([create(name), create(name)], option(Undo));
    expect(statuses(answer)).toEqual([OperationUndone, OperationFailed]);
    expect(await located(name)).toEqual([]);
  });

  const correlation = bytes(Tag.AsynchronousCorrelationValue, Buffer.alloc(16));
  const lengthOf = (value: number) => structure(Tag.Attributes, integer(Tag.CryptographicLength, value));
  test.each([
    [
      'Set Constraints',
      Operation.SetConstraints,
      structure(Tag.Constraints, structure(Tag.Constraint, lengthOf(1))),
    ],
    [
      'Set Defaults',
      Operation.SetDefaults,
      structure(
        Tag.DefaultsInformation,
        structure(Tag.ObjectDefaults, enumeration(Tag.ObjectType, ObjectType.SymmetricKey), lengthOf(192)),
      ),
    ],
    ['Cancel', Operation.Cancel, correlation],
    ['Process', Operation.Process, correlation],
  ])('takes no %s, which cannot be undone', async (_name, operation, payload) => {
    const about = enumeration(Tag.QueryFunction, QueryFunction.QueryDefaultsInformation);
    const policy = async () =>
      (await newer.batch([item(Operation.GetConstraints), item(Operation.Query, about)])).items.map(
        ({ payload: told }) => told,
      );
    const before = await policy();
    const { items } = await newer.batch([item(operation, payload), missing()], option(Undo));
    expect(items.map(({ status, reason }) => [status, reason])).toEqual([
      [OperationFailed, 'FeatureNotSupported'],
    ]);
    expect(await policy()).toEqual(before);
  });

  test('sees within the batch what the batch did', async () => {
    const answer = await peer.batch(
      [create(), item(Operation.Activate), item(Operation.GetAttributes, text(Tag.AttributeName, 'State'))],
      option(Undo),
    );
    expect(statuses(answer)).toEqual([Success, Success, Success]);
    expect(attributeValues(answer.items[2]?.payload)).toEqual({ State: 2 });
  });
});

test('Batch Order is kept where it is asked for, and where it is not', async () => {
  for (const header of [[], [boolean(Tag.BatchOrderOption, true)], [boolean(Tag.BatchOrderOption, false)]]) {
    const sent = [create(), item(Operation.Activate), item(Operation.Get)];
    const { items } = await peer.batch(sent, { header });
    expect(items.map(({ operation }) => operation)).toEqual(sent.map(({ operation }) => operation));
  }
});

test('a Time Stamp is nothing to go by: arrays boot with clocks that are wrong', async () => {
  for (const seconds of [0, 1, 253_402_300_799]) {
    const header = [dateTime(Tag.TimeStamp, seconds)];
    expect((await peer.batch([create()], { header })).items[0]?.status).toBe(Success);
  }
});

test('Unique Batch Item IDs come back as they went in, whatever they are', async () => {
  const ids = [Buffer.alloc(0), Buffer.from('same'), Buffer.from('same'), Buffer.alloc(1000, 0xff)];
  const { items } = await peer.batch(
    ids.map((id, index) => ({ ...(index === 1 ? missing() : create()), id })),
    option(Continue),
  );
  expect(items.map(({ id }) => id)).toEqual(ids);
});

describe('Maximum Response Size', () => {
  const limit = (size: number) => ({ header: [integer(Tag.MaximumResponseSize, size)] });

  test('makes an operation fail whose answer would be larger, before it did anything', async () => {
    const name = freshName();
    expect(await peer.refused(Operation.Create, createPayload(name), limit(300))).toBe('ResponseTooLarge');
    expect(await located(name)).toEqual([]);
    const identifier = await createKey(peer);
    const about = [uniqueIdentifier(identifier)];
    expect(await peer.refused(Operation.GetAttributes, about, limit(600))).toBe('ResponseTooLarge');
    expect(textAt(await peer.call(Operation.Get, about, limit(1024)), Tag.UniqueIdentifier)).toBe(identifier);
  });

  test('makes fail before they did anything also what is done at once', async () => {
    const constraints = async () =>
      (await newer.batch([item(Operation.GetConstraints)])).items.map(({ payload }) => payload);
    const before = await constraints();
    const wanted = structure(
      Tag.Constraints,
      structure(
        Tag.Constraint,
        structure(Tag.Attributes, enumeration(Tag.CryptographicAlgorithm, CryptographicAlgorithm.DES)),
      ),
    );
    for (const size of [0, 300, 384, 391]) {
      expect(await newer.refused(Operation.SetConstraints, [wanted], limit(size))).toBe('ResponseTooLarge');
    }
    expect(await constraints()).toEqual(before);
    const pending = enumeration(Tag.AsynchronousIndicator, AsynchronousIndicator.Mandatory);
    const outstanding = async () =>
      (await newer.batch([item(Operation.QueryAsynchronousRequests)])).items.map(({ payload }) => payload);
    const waiting = await outstanding();
    const { items } = await newer.batch([item(Operation.SetConstraints, wanted)], {
      header: [...limit(300).header, pending],
    });
    expect(items).toEqual([expect.objectContaining({ reason: 'ResponseTooLarge' })]);
    expect(await outstanding()).toEqual(waiting);
    const cancel = [bytes(Tag.AsynchronousCorrelationValue, Buffer.alloc(16))];
    await newer.call(Operation.Cancel, cancel, limit(256 + 128 + 48));
  });

  test('holds for the answer as a whole', async () => {
    const about = uniqueIdentifier(await createKey(peer));
    const items = Array.from({ length: 20 }, () => item(Operation.GetAttributes, about));
    for (const size of [8000, 9000, 15_000]) {
      const header = [
        integer(Tag.MaximumResponseSize, size),
        enumeration(Tag.BatchErrorContinuationOption, Continue),
      ];
      const answer = await peer.wire.exchange(encodeTtlv(requestMessage('1.4', items, { header })));
      expect(answer.length).toBeLessThanOrEqual(size);
      const reasons = readResponse(answer, '1.4').items.map(({ reason }) => reason);
      expect(reasons).toHaveLength(items.length);
      expect(new Set(reasons)).toEqual(new Set([undefined, 'ResponseTooLarge']));
    }
  });

  test('counts what is repeated of the request, too', async () => {
    const name = freshName();
    const long = 'what is repeated'.repeat(100);
    const { header } = limit(1024);
    for (const [asked, repeated] of [
      [{ ...create(name), id: Buffer.from(long) }, []],
      [create(name), [text(Tag.ClientCorrelationValue, long)]],
    ] as const) {
      const { items } = await peer.batch([asked], { header: [...header, ...repeated] });
      expect(items).toEqual([expect.objectContaining({ reason: 'ResponseTooLarge' })]);
    }
    expect(await located(name)).toEqual([]);
  });

  test('counts what a refusal says of the request', async () => {
    const named = [uniqueIdentifier(await createKey(peer)), text(Tag.AttributeName, `x-${'y'.repeat(5000)}`)];
    const asked = requestMessage('1.4', [item(Operation.DeleteAttribute, ...named)], limit(1024));
    const answer = await peer.wire.exchange(encodeTtlv(asked));
    expect(readResponse(answer, '1.4').items).toMatchObject([{ reason: 'ItemNotFound' }]);
    expect(answer.length).toBeLessThanOrEqual(1024);
  });

  test('that has no room for all refusals refuses the message, and nothing was done', async () => {
    const name = freshName();
    const { items } = await peer.batch([create(name), create(), create()], {
      header: [
        integer(Tag.MaximumResponseSize, 700),
        enumeration(Tag.BatchErrorContinuationOption, Continue),
      ],
    });
    expect(items).toEqual([expect.objectContaining({ status: OperationFailed, reason: 'ResponseTooLarge' })]);
    expect(await located(name)).toEqual([]);
  });

  test('is no size at all if it is negative or nothing', async () => {
    for (const size of [0, -1]) {
      expect(await peer.refused(Operation.Create, createPayload(), limit(size))).toBe('ResponseTooLarge');
    }
  });
});

test('a message with a critical extension is refused as a whole, extensions that are not critical are passed over', async () => {
  const extension = (isCritical: boolean) =>
    structure(
      Tag.MessageExtension,
      text(Tag.VendorIdentification, 'ACME'),
      boolean(Tag.CriticalityIndicator, isCritical),
      structure(Tag.VendorExtension, integer(0x540001, 7)),
    );
  const name = freshName();
  const withExtension = (isCritical: boolean) =>
    peer.batch([create(name), { ...create(), extra: [extension(isCritical)] }], option(Continue));
  expect((await withExtension(true)).items).toEqual([
    expect.objectContaining({ operation: undefined, status: OperationFailed, reason: 'FeatureNotSupported' }),
  ]);
  expect(await located(name)).toEqual([]);
  expect(statuses(await withExtension(false))).toEqual([Success, Success]);
});

describe('a message that is wrong as a whole', () => {
  async function answerTo(message: Item, version: VersionName): Promise<Received> {
    const answer = readResponse(await peer.wire.exchange(encodeTtlv(message)), version);
    // The connection goes on.
    await createKey(peer);
    return answer;
  }

  test.each([0, 1, 3, -1])('has a Batch Count of %p with two items', async (batchCount) => {
    const name = freshName();
    const { items } = await answerTo(requestMessage('1.4', [create(name), create()], { batchCount }), '1.4');
    expect(items).toEqual([
      expect.objectContaining({ status: OperationFailed, reason: 'InvalidMessage', operation: undefined }),
    ]);
    expect(items[0]?.message).toContain('Batch Count');
    expect(await located(name)).toEqual([]);
  });

  test('is in a version that nobody speaks', async () => {
    const message = requestMessage('3.0' as VersionName, [create()]);
    const { items } = await answerTo(message, '2.1');
    expect(items[0]?.reason).toBe('UnsupportedProtocolVersion');
    const older = await answerTo(requestMessage('1.9' as VersionName, [create()]), '1.4');
    expect(older.items[0]?.reason).toBe('InvalidMessage');
  });

  test('has more items than a batch may have', async () => {
    const { items } = await answerTo(
      requestMessage(
        '1.4',
        Array.from({ length: 1001 }, () => item(Operation.DiscoverVersions)),
      ),
      '1.4',
    );
    expect(items).toHaveLength(1);
    expect(items[0]?.reason).toBe('InvalidMessage');
  });

  test('is a response', async () => {
    const answer = decodeTtlv(await peer.wire.exchange(encodeTtlv(requestMessage('1.4', [create()]))));
    const odd = { ...answer, tag: Tag.RequestMessage } as Item;
    const { items } = await answerTo(odd, '1.4');
    expect(items[0]?.status).toBe(OperationFailed);
  });
});

describe('data that refer to earlier items, in 2.x', () => {
  const sha256 = structure(
    Tag.CryptographicParameters,
    enumeration(Tag.HashingAlgorithm, HashingAlgorithm.SHA_256),
  );
  const hash = (data: Item) => item(Operation.Hash, sha256, data);
  const random = (...before: readonly Item[]) => ({
    ...item(Operation.RNGRetrieve, integer(Tag.DataLength, 32)),
    before,
  });
  const from = (reference: number) => enumeration(Tag.Data, reference);
  const nth = (number: number) => integer(Tag.Data, number);
  const digestOf = (data: Item['value'] | undefined) =>
    createHash('sha256')
      .update(data as Buffer)
      .digest();
  const dataOf = ({ items }: Received) => items.map(({ payload }) => valueAt(payload, Tag.Data));

  test('name the operation that put them out, the last one of it', async () => {
    const [, last, digest] = dataOf(await newer.batch([random(), random(), hash(from(Data.RNGRetrieve))]));
    expect(digest).toEqual(digestOf(last));
  });

  test('count those of the response, from both ends', async () => {
    const first = hash(bytes(Tag.Data, Buffer.from('a')));
    const found = dataOf(await newer.batch([first, random(), createNewer(), hash(nth(0)), hash(nth(-1))]));
    expect(found[3]).toEqual(digestOf(found[0]));
    expect(found[4]).toEqual(digestOf(found[3]));
  });

  test('may be data that are not returned', async () => {
    const ephemeral = boolean(Tag.Ephemeral, true);
    const data = dataOf(await newer.batch([random(ephemeral), hash(nth(0)), hash(nth(0))]));
    expect(data[0]).toBeUndefined();
    expect(data[1]).toHaveLength(32);
    expect(data[2]).toEqual(data[1]);
  });

  test('mean nothing where there is nothing, and in 1.x', async () => {
    const asked = [from(Data.Encrypt), nth(0), nth(-1), from(77)].map(hash);
    const { items } = await newer.batch(asked, option(Continue));
    const missing = 'ItemNotFound';
    expect(items.map(({ reason }) => reason)).toEqual([missing, missing, missing, 'InvalidField']);
    expect(await peer.refused(Operation.Hash, [sha256, nth(0)])).toBe('InvalidMessage');
  });
});

describe('identifiers that refer to earlier items, in 2.x', () => {
  const from = (reference: number) => enumeration(Tag.UniqueIdentifier, reference);
  const nth = (number: number) => integer(Tag.UniqueIdentifier, number);

  test('name the operation that produced an object', async () => {
    const { items } = await newer.batch([
      createNewer(),
      item(Operation.Activate, from(UniqueIdentifier.Create)),
      item(Operation.Get, from(UniqueIdentifier.IDPlaceholder)),
      item(Operation.ReKey, from(UniqueIdentifier.Create)),
      item(Operation.Get, from(UniqueIdentifier.ReKey)),
      item(Operation.Get, from(UniqueIdentifier.Create)),
    ]);
    expect(items.map(({ status, message }) => [status, message])).toEqual(Array(6).fill([0, undefined]));
    const [made, , , renewed, last, first] = items.map(({ payload }) =>
      textAt(payload, Tag.UniqueIdentifier),
    );
    expect([last, first]).toEqual([renewed, made]);
  });

  test('count the identifiers of the response, from both ends', async () => {
    const { items } = await newer.batch([
      createNewer(),
      createNewer(),
      createNewer(),
      item(Operation.Get, nth(0)),
      item(Operation.Get, nth(2)),
      item(Operation.Get, nth(-1)),
    ]);
    expect(items.map(({ status, message }) => [status, message])).toEqual(Array(6).fill([0, undefined]));
    const ids = items.map(({ payload }) => textAt(payload, Tag.UniqueIdentifier));
    expect(ids.slice(3)).toEqual([ids[0], ids[2], ids[2]]);
  });

  test('mean each of the objects that Locate found', async () => {
    const group = `group-${freshName()}`;
    const grouped = () => {
      const made = createNewer();
      const [type, attributes] = made.payload;
      const more = {
        ...attributes,
        value: [...(attributes?.value as readonly Item[]), text(Tag.ObjectGroup, group)],
      };
      return { ...made, payload: [type as Item, more as Item] };
    };
    const made = await newer.batch([grouped(), grouped(), grouped()]);
    const ids = made.items.map(({ payload }) => textAt(payload, Tag.UniqueIdentifier));
    const { items } = await newer.batch([
      item(Operation.Locate, structure(Tag.Attributes, text(Tag.ObjectGroup, group))),
      item(Operation.Activate, from(UniqueIdentifier.Locate)),
    ]);
    expect(items.map(({ status, message }) => [status, message])).toEqual(Array(4).fill([0, undefined]));
    const activated = items.slice(1).map(({ payload }) => textAt(payload, Tag.UniqueIdentifier));
    expect(activated.sort()).toEqual([...ids].sort());
    expect(new Set(items.slice(1).map(({ id }) => id?.toString()))).toHaveProperty('size', 1);

    // The ID Placeholder is empty then, by its name too.
    const none = await newer.batch([
      item(Operation.Locate, structure(Tag.Attributes, text(Tag.ObjectGroup, group))),
      item(Operation.Revoke, from(UniqueIdentifier.IDPlaceholder), revocation),
    ]);
    expect(none.items.map(({ status, reason }) => [status, reason])).toEqual([
      [0, undefined],
      [1, 'ItemNotFound'],
    ]);

    // One that fails does not keep the others from being told of.
    const last = activated.at(-1) as string;
    await newer.call(Operation.Revoke, [uniqueIdentifier(last), revocation]);
    await newer.call(Operation.Destroy, [uniqueIdentifier(last)]);
    const again = await newer.batch([
      item(
        Operation.Locate,
        integer(Tag.StorageStatusMask, 7),
        structure(Tag.Attributes, text(Tag.ObjectGroup, group)),
      ),
      item(Operation.Get, from(UniqueIdentifier.Locate)),
    ]);
    const found = textsOf(again.items[0]?.payload, Tag.UniqueIdentifier);
    expect(found).toHaveLength(3);
    const before = found.indexOf(last);
    expect(again.items.map(({ status }) => status)).toEqual([0, ...Array<number>(before).fill(0), 1]);
  });

  test('mean nothing where there is nothing', async () => {
    const { items } = await newer.batch(
      [
        item(Operation.Get, from(UniqueIdentifier.IDPlaceholder)),
        item(Operation.Get, from(UniqueIdentifier.Register)),
        item(Operation.Get, nth(0)),
        item(Operation.Get, nth(-1)),
        createNewer(),
        item(Operation.Get, nth(5)),
      ],
      option(Continue),
    );
    expect(items.map(({ status }) => status)).toEqual([1, 1, 1, 1, 0, 1]);
    for (const { status, reason } of items) if (status !== 0) expect(reason).toBe('ItemNotFound');
  });
});

test('none of it was an error to the server', () => {
  expect(errorsOf(server)).toEqual([]);
});
