import { createKeyPair, createSplitKey, exportObject, get, importObject, joinSplitKey } from '@holdfast/core';
import {
  CryptographicAlgorithm,
  CryptographicUsageMask,
  KeyFormatType,
  LinkType,
  ObjectType,
  SecretDataType,
  SplitKeyMethod,
  type Attribute,
  type ManagedObjectOf,
  type VersionName,
  isKnownAttribute,
} from '@holdfast/kmip';
import { SecretBytes, encodeTtlv } from '@holdfast/ttlv';
import { Harness } from './harness';
import {
  asking,
  createKey,
  named,
  password,
  rawKey,
  refused,
  registerObject,
  valueOf,
  valuesOf,
} from './requests';

let harness: Harness;
beforeAll(async () => {
  harness = await Harness.start();
});
afterAll(() => harness.close());

const { SymmetricKey, PrivateKey, SecretData, SplitKey } = ObjectType;
const METHODS = [
  SplitKeyMethod.XOR,
  SplitKeyMethod.PolynomialSharingGF2_8,
  SplitKeyMethod.PolynomialSharingGF2_16,
  SplitKeyMethod.PolynomialSharingPrimeField,
] as const;
const KEY = '00112233445566778899aabbccddeeff';

interface Wish {
  readonly method?: SplitKeyMethod;
  readonly parts?: number;
  readonly threshold?: number;
  readonly attributes?: readonly Attribute[];
  readonly objectType?: ObjectType;
  readonly primeFieldSize?: bigint;
}

/** By default three parts of which two are needed. */
async function split(
  uniqueIdentifier: string | undefined,
  wish: Wish = {},
  version: VersionName = '1.4',
): Promise<readonly [string, string, string]> {
  const { method = SplitKeyMethod.PolynomialSharingGF2_8, parts = 3, attributes = [], primeFieldSize } = wish;
  const request = {
    objectType: wish.objectType ?? SplitKey,
    uniqueIdentifier,
    splitKeyParts: parts,
    splitKeyThreshold: wish.threshold ?? (method === SplitKeyMethod.XOR ? parts : 2),
    splitKeyMethod: method,
    primeFieldSize,
    newAttributes: asking(...attributes),
  };
  const { uniqueIdentifiers } = await harness.run(createSplitKey, request, version);
  return uniqueIdentifiers as unknown as readonly [string, string, string];
}

async function join(
  uniqueIdentifiers: readonly string[],
  objectType: ObjectType = SymmetricKey,
  attributes: readonly Attribute[] = [],
  version: VersionName = '1.4',
): Promise<string> {
  const newAttributes = asking(...attributes);
  const request = { objectType, uniqueIdentifiers, newAttributes };
  return (await harness.run(joinSplitKey, request, version)).uniqueIdentifier;
}

/** The key material in a format, as hex. */
async function materialOf(uniqueIdentifier: string, keyFormatType?: KeyFormatType): Promise<string> {
  const { object } = await harness.run(get, { uniqueIdentifier, keyFormatType });
  const keyValue = 'keyBlock' in object ? object.keyBlock.keyValue : undefined;
  if (keyValue === undefined || 'encoded' in keyValue) throw new Error('no key in clear');
  const { keyMaterial } = keyValue;
  return (keyMaterial instanceof SecretBytes ? keyMaterial.reveal() : encodeTtlv(keyMaterial)).toString(
    'hex',
  );
}

async function partOf(uniqueIdentifier: string): Promise<ManagedObjectOf<typeof SplitKey>> {
  const { object } = await harness.run(get, { uniqueIdentifier });
  if (object.objectType !== SplitKey) throw new Error('not a part');
  return object;
}

describe.each(METHODS)('method %d', (method) => {
  test('a key that is here comes back with what it had', async () => {
    const base = await registerObject(harness, rawKey(KEY), [
      { key: 'CryptographicUsageMask', value: CryptographicUsageMask.Decrypt },
    ]);
    const [one, two, three] = await split(base, { method });
    const some = method === SplitKeyMethod.XOR ? [two, one, three] : [three, one];
    const joined = await join(some);
    expect(await materialOf(joined)).toBe(KEY);
    expect(await valueOf(harness, joined, 'CryptographicAlgorithm')).toBe(CryptographicAlgorithm.AES);
    expect(await valueOf(harness, joined, 'CryptographicLength')).toBe(128);
    expect(await valueOf(harness, joined, 'CryptographicUsageMask')).toBe(CryptographicUsageMask.Decrypt);
    expect(await refused(join([one]))).toBe('CryptographicFailure');
  });

  test('a key that nobody had whole is the same whichever parts make it', async () => {
    const parts = await split(undefined, {
      method,
      attributes: [
        { key: 'CryptographicAlgorithm', value: CryptographicAlgorithm.AES },
        { key: 'CryptographicLength', value: 256 },
        { key: 'CryptographicUsageMask', value: CryptographicUsageMask.Encrypt },
      ],
    });
    const [one, two, three] = parts;
    const isXor = method === SplitKeyMethod.XOR;
    const first = await materialOf(await join(isXor ? parts : [one, two]));
    expect(first).toHaveLength(64);
    expect(await materialOf(await join(isXor ? [three, two, one] : [two, three]))).toBe(first);
  });

  test.each([
    ['two keys of 3DES, the first of them twice', CryptographicAlgorithm.DES3, 112, `${KEY}0011223344556677`],
    ['HMAC, shorter than any that is made here', CryptographicAlgorithm.HMAC_SHA256, 64, '0123456789abcd00'],
    ['DES, without its parity bits', CryptographicAlgorithm.DES, 56, '0123456789abcd00'],
  ])('a key whose length is not that of its bytes: %s', async (_name, algorithm, lengthBits, hex) => {
    const object = rawKey(hex, {
      cryptographicAlgorithm: algorithm,
      cryptographicLengthBits: lengthBits,
    });
    const parts = await split(await registerObject(harness, object), { method });
    expect(await materialOf(await join(parts))).toBe(hex);
  });

  test('Secret Data whose length is not that of its bytes', async () => {
    const base = await registerObject(harness, password('long'), [
      { key: 'CryptographicLength', value: 24 },
      { key: 'CryptographicUsageMask', value: CryptographicUsageMask.Verify },
    ]);
    const joined = await join(await split(base, { method }), SecretData);
    expect(await materialOf(joined)).toBe(Buffer.from('long').toString('hex'));
  });

  test('a password of an odd length', async () => {
    const base = await registerObject(harness, password('\0pass\0'));
    const parts = await split(base, { method });
    const joined = await join(parts, SecretData);
    expect(await materialOf(joined)).toBe(Buffer.from('\0pass\0').toString('hex'));
  });

  test('a private key', async () => {
    const { privateKeyUniqueIdentifier: base } = await harness.run(createKeyPair, {
      commonAttributes: asking({ key: 'CryptographicAlgorithm', value: CryptographicAlgorithm.EC }),
      privateKeyAttributes: asking({ key: 'CryptographicUsageMask', value: CryptographicUsageMask.Sign }),
      publicKeyAttributes: asking({ key: 'CryptographicUsageMask', value: CryptographicUsageMask.Verify }),
    });
    const joined = await join(await split(base, { method }), PrivateKey);
    const { PKCS_8 } = KeyFormatType;
    expect(await materialOf(joined, PKCS_8)).toBe(await materialOf(base, PKCS_8));
  });
});

test('the parts are objects in a row, each of which says what it is part of', async () => {
  const base = await createKey(harness);
  const parts = await split(base);
  expect(harness.produced).toEqual(parts);
  const links = await Promise.all([base, ...parts].map((each) => valuesOf(harness, each, 'Link')));
  const to = (linkType: LinkType, linkedObjectIdentifier: string) => ({ linkType, linkedObjectIdentifier });
  const [one, two, three] = parts;
  expect(links).toEqual([
    parts.map((part) => to(LinkType.ChildLink, part)),
    [to(LinkType.NextLink, two), to(LinkType.ParentLink, base)],
    [to(LinkType.PreviousLink, one), to(LinkType.NextLink, three), to(LinkType.ParentLink, base)],
    [to(LinkType.PreviousLink, two), to(LinkType.ParentLink, base)],
  ]);
  expect(await partOf(two)).toMatchObject({
    splitKeyParts: 3,
    keyPartIdentifier: 2,
    splitKeyThreshold: 2,
    splitKeyMethod: SplitKeyMethod.PolynomialSharingGF2_8,
    keyBlock: {
      keyFormatType: KeyFormatType.Raw,
      cryptographicAlgorithm: CryptographicAlgorithm.AES,
      cryptographicLengthBits: 256,
    },
  });
});

test('parts that were split in one version are joined in another, and in the polynomial of their own', async () => {
  const base = await registerObject(harness, rawKey(KEY));
  for (const [made, joined, polynomial] of [
    ['1.4', '2.1', 283],
    ['2.0', '1.2', 285],
  ] as const) {
    const parts = await split(base, {}, made);
    expect(await materialOf(await join(parts, SymmetricKey, [], joined))).toBe(KEY);
    const [attribute] = await valuesOf(harness, parts[0], 'VendorAttribute');
    expect(attribute).toMatchObject({ vendorIdentification: 'y', attributeValue: { value: polynomial } });
  }
});

test('parts that were taken out and registered again are joined', async () => {
  const [one, two] = await split(await registerObject(harness, rawKey(KEY)));
  const again = await Promise.all(
    [one, two].map(async (part) => registerObject(harness, await partOf(part))),
  );
  expect(await materialOf(await join(again))).toBe(KEY);
});

test('parts that are exported and imported in another version keep their polynomial, once', async () => {
  const moved: string[] = [];
  for (const part of (await split(await registerObject(harness, rawKey(KEY)))).slice(1)) {
    const { attributes, object } = await harness.run(exportObject, { uniqueIdentifier: part });
    const kept = attributes.filter(isKnownAttribute).filter(({ key }) => key === 'VendorAttribute');
    const request = { uniqueIdentifier: `moved-${part}`, attributes: kept, object };
    const { uniqueIdentifier } = await harness.run(importObject, request, '2.1');
    expect(await valuesOf(harness, uniqueIdentifier, 'VendorAttribute')).toEqual(
      kept.map(({ value }) => value),
    );
    moved.push(uniqueIdentifier);
  }
  expect(await materialOf(await join(moved))).toBe(KEY);
});

test('a part is as sensitive as the key, and so is what is joined of it', async () => {
  const base = await createKey(
    harness,
    { key: 'Sensitive', value: true },
    { key: 'Extractable', value: false },
  );
  const parts = await split(base, { attributes: [{ key: 'Extractable', value: true }] });
  expect(await refused(harness.run(get, { uniqueIdentifier: parts[0] }))).toBe('NotExtractable');
  const joined = await join(parts, SymmetricKey, [{ key: 'Sensitive', value: false }]);
  expect(await valueOf(harness, joined, 'Sensitive')).toBe(true);
  expect(await valueOf(harness, joined, 'Extractable')).toBe(false);
});

describe('what does not leave is not learnt by joining it with parts that are known', () => {
  const notExtractable: Attribute = { key: 'Extractable', value: false };

  test('not in a prime field, where the sum fits its key or not as the part has it', async () => {
    const method = SplitKeyMethod.PolynomialSharingPrimeField;
    const base = await createKey(harness, notExtractable);
    expect(await refused(split(base, { method }))).toBe('BadCryptographicParameters');
    const [one, two] = await split(await createKey(harness), { method });
    const kept = await registerObject(harness, await partOf(one), [notExtractable]);
    expect(await refused(join([kept, two]))).toBe('BadCryptographicParameters');
    expect(await refused(join([one, two]))).toBeUndefined();
  });

  test('not by asking for another length than that of the key', async () => {
    const base = await registerObject(harness, rawKey('00'.repeat(16)), [notExtractable]);
    const parts = await split(base, { method: SplitKeyMethod.PolynomialSharingGF2_16 });
    const shorter: Attribute = { key: 'CryptographicLength', value: 120 };
    expect(await refused(join(parts, SecretData, [shorter]))).toBe('InvalidField');
    expect(await refused(join(parts))).toBeUndefined();
  });
});

describe('it is refused', () => {
  test.each<[string, Wish, string]>([
    ['a threshold above the parts', { threshold: 4 }, 'InvalidField'],
    ['a threshold of nothing', { threshold: 0 }, 'InvalidField'],
    ['XOR of some parts', { method: SplitKeyMethod.XOR, threshold: 2 }, 'InvalidField'],
    ['more parts than there can be', { parts: 256 }, 'ServerLimitExceeded'],
    ['a prime without a prime field', { primeFieldSize: 2n ** 521n - 1n }, 'InvalidField'],
    [
      'a prime that is too small',
      { method: SplitKeyMethod.PolynomialSharingPrimeField, primeFieldSize: 257n },
      'BadCryptographicParameters',
    ],
    ['another type than Split Key', { objectType: SymmetricKey }, 'InvalidObjectType'],
    ['one name for all parts', { attributes: [named('part')] }, 'NonUniqueNameAttribute'],
  ])('%s', async (_what, wish, code) => {
    expect(await refused(split(await createKey(harness), wish))).toBe(code);
  });

  test('to split what is not there, or no key, or to make one of nothing said', async () => {
    expect(await refused(split('00000000-0000-4000-8000-000000000000'))).toBe('ObjectNotFound');
    const [part] = await split(await createKey(harness));
    expect(await refused(split(part))).toBe('InvalidObjectType');
    expect(await refused(split(undefined))).toBe('InvalidField');
  });

  test('to join what does not belong together', async () => {
    const [one, two] = await split(await createKey(harness));
    const [other] = await split(await createKey(harness), { threshold: 3 });
    expect(await refused(join([one, other]))).toBe('CryptographicFailure');
    expect(await refused(join([one, one]))).toBe('CryptographicFailure');
    expect(await refused(join([]))).toBe('InvalidMessage');
    expect(await refused(join([one, two], ObjectType.PublicKey))).toBe('InvalidObjectType');
    expect(await refused(join([one, two], PrivateKey))).toBe('CryptographicFailure');
    expect(await refused(join([one, await createKey(harness)]))).toBe('InvalidObjectType');
    expect(await refused(join(['00000000-0000-4000-8000-000000000000']))).toBe('ObjectNotFound');
    const wrongLength: Attribute = { key: 'CryptographicLength', value: 128 };
    expect(await refused(join([one, two], SymmetricKey, [wrongLength]))).toBe('InvalidField');
    const request = {
      objectType: SymmetricKey,
      uniqueIdentifiers: [one, two],
      secretDataType: SecretDataType.Password,
      newAttributes: asking(),
    };
    expect(await refused(harness.run(joinSplitKey, request))).toBe('InvalidField');
  });

  test('to join long parts without end: a request that names many would take all memory', async () => {
    const long = async (keyPartIdentifier: number) =>
      registerObject(harness, {
        objectType: SplitKey,
        splitKeyParts: 17,
        splitKeyThreshold: 17,
        splitKeyMethod: SplitKeyMethod.XOR,
        keyPartIdentifier,
        keyBlock: {
          keyFormatType: KeyFormatType.Raw,
          keyValue: { keyMaterial: new SecretBytes(Buffer.alloc(6_000_000)), attributes: [] },
        },
      });
    const [one, two, three] = [await long(1), await long(2), await long(3)];
    expect(await refused(join([one, ...Array<string>(20_000).fill(one)]))).toBe('CryptographicFailure');
    expect(await refused(join([one, two, three, 'not looked for any more']))).toBe('ServerLimitExceeded');
  });

  test.each([
    { keyPartIdentifier: 0 },
    { keyPartIdentifier: 4 },
    { splitKeyThreshold: 4 },
    { splitKeyMethod: SplitKeyMethod.XOR },
    { primeFieldSize: 257n },
  ])('to register a part that cannot be: %p', async (changes) => {
    const part = await partOf((await split(await createKey(harness)))[0]);
    expect(await refused(registerObject(harness, { ...part, ...changes }))).toBe('InvalidField');
  });
});
