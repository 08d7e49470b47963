import { activate, createKeyPair, deriveKey, get } from '@holdfast/core';
import {
  BlockCipherMode,
  CryptographicAlgorithm,
  CryptographicUsageMask,
  DerivationMethod,
  HashingAlgorithm,
  KeyFormatType,
  LinkType,
  ObjectType,
  RecommendedCurve,
  SecretDataType,
  type Attribute,
  type CryptographicParameters,
  type ManagedObjectValue,
  type VersionName,
} from '@holdfast/kmip';
import { SecretBytes } from '@holdfast/ttlv';
import { Harness } from './harness';
import { asking, custom, named, rawKey, refused, registerObject, valuesOf } from './requests';

let harness: Harness;
beforeAll(async () => {
  harness = await Harness.start();
});
afterAll(() => harness.close());

const { DeriveKey, Encrypt } = CryptographicUsageMask;
const { SymmetricKey, SecretData, PublicKey } = ObjectType;
const SHA_256: CryptographicParameters = { hashingAlgorithm: HashingAlgorithm.SHA_256 };
const KEY = '00112233445566778899aabbccddeeff';
const usage = (value: number): Attribute => ({ key: 'CryptographicUsageMask', value });
const active = (): Attribute => ({ key: 'ActivationDate', value: harness.nowSeconds - 10 });
const bytes = (hex: string) => new SecretBytes(Buffer.from(hex, 'hex'));
const AES_128: readonly Attribute[] = [
  { key: 'CryptographicAlgorithm', value: CryptographicAlgorithm.AES },
  { key: 'CryptographicLength', value: 128 },
  usage(Encrypt),
];

const baseKey = (...attributes: Attribute[]) =>
  registerObject(harness, rawKey(KEY), [
    active(),
    usage(DeriveKey),
    ...attributes.filter(({ key }) => !['ActivationDate', 'CryptographicUsageMask'].includes(key)),
  ]);

function seed(hex: string, ...attributes: Attribute[]): Promise<string> {
  const value: ManagedObjectValue = {
    objectType: SecretData,
    secretDataType: SecretDataType.Seed,
    keyBlock: {
      keyFormatType: KeyFormatType.Raw,
      keyValue: { keyMaterial: bytes(hex), attributes: [] },
    },
  };
  return registerObject(harness, value, [active(), usage(DeriveKey), ...attributes]);
}

interface Wish {
  readonly method?: DerivationMethod;
  readonly objectType?: ObjectType;
  readonly attributes?: readonly Attribute[];
  readonly parameters?: CryptographicParameters;
  readonly data?: readonly string[];
  readonly salt?: Buffer;
  readonly iterationCount?: number;
  readonly version?: VersionName;
}

/** By default the first 128 bits of the HMAC-SHA-256 of 0x0102. */
async function derive(uniqueIdentifiers: readonly string[], wish: Wish = {}): Promise<string> {
  const {
    method = DerivationMethod.HMAC,
    objectType = SymmetricKey,
    attributes = AES_128,
    parameters = SHA_256,
    data = method === DerivationMethod.HMAC ? ['0102'] : [],
    salt,
    iterationCount,
    version,
  } = wish;
  const { uniqueIdentifier } = await harness.run(
    deriveKey,
    {
      objectType,
      uniqueIdentifiers,
      derivationMethod: method,
      derivationParameters: {
        cryptographicParameters: parameters,
        derivationData: data.map(bytes),
        salt,
        iterationCount,
      },
      newAttributes: asking(...attributes),
    },
    version,
  );
  return uniqueIdentifier;
}

async function materialOf(uniqueIdentifier: string): Promise<string> {
  const { object } = await harness.run(get, { uniqueIdentifier });
  const keyValue = 'keyBlock' in object ? object.keyBlock.keyValue : undefined;
  if (keyValue === undefined || 'encoded' in keyValue || !(keyValue.keyMaterial instanceof SecretBytes)) {
    throw new Error('no key in clear');
  }
  return keyValue.keyMaterial.reveal().toString('hex');
}

test('a derived key is linked with what it comes from, at both ends', async () => {
  const base = await baseKey();
  const derived = await derive([base], { attributes: [...AES_128, named('derived-one'), custom('a', 'b')] });
  expect(harness.produced).toEqual([derived]);
  expect(await materialOf(derived)).toBe('1e15c1f1da233629f770fb0a04a5020e');
  expect(await valuesOf(harness, derived, 'Link')).toEqual([
    { linkType: LinkType.DerivationBaseObjectLink, linkedObjectIdentifier: base },
  ]);
  expect(await valuesOf(harness, base, 'Link')).toEqual([
    { linkType: LinkType.DerivedKeyLink, linkedObjectIdentifier: derived },
  ]);
  expect(await refused(derive([base], { attributes: [...AES_128, named('derived-one')] }))).toBe(
    'NonUniqueNameAttribute',
  );
});

test('a Secret Data object stands for the Derivation Data, in any order, but not beside it', async () => {
  const [base, data] = [await baseKey(), await seed('0102')];
  for (const both of [
    [base, data],
    [data, base],
  ]) {
    const derived = await derive(both, { data: [] });
    expect(await materialOf(derived)).toBe('1e15c1f1da233629f770fb0a04a5020e');
    expect(await valuesOf(harness, derived, 'Link')).toHaveLength(2);
  }
  expect(await refused(derive([base, data]))).toBe('InvalidMessage');
});

test('Secret Data is derived too: as long as asked for, for what it is meant', async () => {
  const attributes: Attribute[] = [{ key: 'CryptographicLength', value: 160 }];
  const method = DerivationMethod.PBKDF2;
  const password = await seed(Buffer.from('password').toString('hex'));
  const wish = {
    method,
    objectType: SecretData,
    parameters: {},
    salt: Buffer.from('salt'),
    iterationCount: 2,
  };
  const derived = await derive([password], { ...wish, attributes, version: '2.0' });
  expect(await materialOf(derived)).toBe('ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957');
  expect(await valuesOf(harness, derived, 'CryptographicUsageMask')).toEqual([DeriveKey]);
  expect(await refused(derive([password], { ...wish, attributes }))).toBe('InvalidField');
});

test('a pair of keys of two parties makes one key', async () => {
  const pair = async () => {
    const { privateKeyUniqueIdentifier, publicKeyUniqueIdentifier } = await harness.run(createKeyPair, {
      commonAttributes: asking(
        { key: 'CryptographicAlgorithm', value: CryptographicAlgorithm.EC },
        { key: 'CryptographicDomainParameters', value: { recommendedCurve: RecommendedCurve.P_256 } },
        active(),
      ),
      privateKeyAttributes: asking(usage(DeriveKey)),
      publicKeyAttributes: asking(usage(DeriveKey)),
    });
    return { mine: privateKeyUniqueIdentifier, yours: publicKeyUniqueIdentifier };
  };
  const [one, other] = [await pair(), await pair()];
  const wish = { method: DerivationMethod.AsymmetricKey, parameters: {} };
  const [here, there] = [
    await materialOf(await derive([one.mine, other.yours], wish)),
    await materialOf(await derive([one.yours, other.mine], wish)),
  ];
  expect(here).toHaveLength(32);
  expect(here).toBe(there);
  expect(await refused(derive([one.mine, other.mine], wish))).toBe('InvalidField');
  expect(await refused(derive([one.mine], wish))).toBe('InvalidField');
  expect(await refused(derive([one.mine, await baseKey()], wish))).toBe('InvalidObjectType');
  expect(await refused(derive([one.mine]))).toBe('InvalidObjectType');
});

test('parameters are among those of the key where they say the same, in bytes too', async () => {
  const labelled = (label: string) => ({ ...SHA_256, pSource: Buffer.from(label) });
  const base = await baseKey({ key: 'CryptographicParameters', value: labelled('one') });
  expect(await refused(derive([base], { parameters: labelled('one') }))).toBeUndefined();
  expect(await refused(derive([base], { parameters: labelled('two') }))).toBe('BadCryptographicParameters');
});

describe('nothing is derived', () => {
  test('from a key that may not derive, or not now', async () => {
    const register = (...attributes: Attribute[]) => registerObject(harness, rawKey(KEY), attributes);
    const cases: readonly (readonly [Promise<string>, string])[] = [
      [register(active(), usage(Encrypt)), 'IncompatibleCryptographicUsageMask'],
      [register(usage(DeriveKey)), 'WrongKeyLifecycleState'],
      [
        register(active(), usage(DeriveKey), { key: 'ProtectStopDate', value: harness.nowSeconds - 5 }),
        'WrongKeyLifecycleState',
      ],
      [Promise.resolve('00000000-0000-4000-8000-000000000000'), 'ObjectNotFound'],
    ];
    for (const [base, code] of cases) expect(await refused(derive([await base]))).toBe(code);
    const later = await register(usage(DeriveKey));
    await harness.run(activate, { uniqueIdentifier: later });
    expect(await refused(derive([later]))).toBeUndefined();
  });

  test('from nothing, or from one object twice', async () => {
    const base = await baseKey();
    expect(await refused(derive([]))).toBe('InvalidMessage');
    expect(await refused(derive([base, base]))).toBe('InvalidField');
    expect(await refused(derive([base, await baseKey()]))).toBe('InvalidObjectType');
    expect(await refused(derive([base, await seed('01'), await seed('02')], { data: [] }))).toBe(
      'InvalidField',
    );
  });

  test.each<[string, Wish, string]>([
    [
      'longer than the method gives',
      { attributes: [...AES_128.slice(0, 1), { key: 'CryptographicLength', value: 512 }, usage(Encrypt)] },
      'CryptographicFailure',
    ],
    [
      'as Secret Data longer than the method gives',
      {
        objectType: SecretData,
        attributes: [{ key: 'CryptographicLength', value: 264 }, usage(Encrypt)],
      },
      'CryptographicFailure',
    ],
    ['without a length', { attributes: [AES_128[0] as Attribute, usage(Encrypt)] }, 'InvalidField'],
    ['without an algorithm', { attributes: AES_128.slice(1) }, 'InvalidField'],
    ['without a usage mask', { attributes: AES_128.slice(0, 2) }, 'InvalidField'],
    ['of another type', { objectType: PublicKey }, 'InvalidObjectType'],
    ['without data', { data: [] }, 'InvalidField'],
    ['from data in two pieces', { data: ['01', '02'] }, 'InvalidField'],
    ['with a salt that the method ignores', { salt: Buffer.alloc(8) }, 'InvalidField'],
    ['without a hash', { parameters: {} }, 'BadCryptographicParameters'],
    ['by PBKDF2 without salt', { method: DerivationMethod.PBKDF2, iterationCount: 1 }, 'InvalidField'],
    [
      'by PBKDF2 without iterations',
      { method: DerivationMethod.PBKDF2, salt: Buffer.alloc(8), iterationCount: 0 },
      'InvalidField',
    ],
    ['by a hash of key and data', { method: DerivationMethod.HASH, data: ['01'] }, 'InvalidField'],
    [
      'with an attribute that the server sets',
      { attributes: [...AES_128, { key: 'InitialDate', value: 1 }] },
      'AttributeReadOnly',
    ],
  ])('%s', async (_what, wish, code) => {
    expect(await refused(derive([await baseKey()], wish))).toBe(code);
  });

  test('with parameters other than those of the key', async () => {
    const base = await baseKey({
      key: 'CryptographicParameters',
      value: { hashingAlgorithm: HashingAlgorithm.SHA_512 },
    });
    expect(await refused(derive([base]))).toBe('BadCryptographicParameters');
    const derived = await harness.run(deriveKey, {
      objectType: SymmetricKey,
      uniqueIdentifiers: [base],
      derivationMethod: DerivationMethod.HASH,
      derivationParameters: { derivationData: [] },
      newAttributes: asking(...AES_128),
    });
    expect(await materialOf(derived.uniqueIdentifier)).toHaveLength(32);
  });

  test('by encryption of Secret Data that does not leave, under whatever key', async () => {
    const secret = await seed(KEY, { key: 'Extractable', value: false });
    const wish: Wish = {
      method: DerivationMethod.ENCRYPT,
      parameters: { blockCipherMode: BlockCipherMode.ECB },
      data: [],
    };
    expect(await refused(derive([await baseKey(), secret], wish))).toBe('PermissionDenied');
    expect(await refused(derive([await seed(KEY), secret], wish))).toBe('PermissionDenied');
    expect(await refused(derive([await baseKey(), await seed(KEY)], wish))).toBeUndefined();
    expect(await refused(derive([await baseKey(), secret], { data: [] }))).toBeUndefined();
  });

  test('for a reader, or from the key of another domain', async () => {
    const base = await baseKey();
    const request = {
      objectType: SymmetricKey,
      uniqueIdentifiers: [base],
      derivationMethod: DerivationMethod.HASH,
      derivationParameters: { cryptographicParameters: SHA_256, derivationData: [] },
      newAttributes: asking(...AES_128),
    };
    expect(await refused(harness.as('reader').run(deriveKey, request))).toBe('PermissionDenied');
    const stranger = harness.as('user', '33333333-3333-4333-8333-333333333333');
    expect(await refused(stranger.run(deriveKey, request))).toBe('ObjectNotFound');
  });
});
