import {
  CryptographicAlgorithm,
  CryptographicUsageMask,
  KeyFormatType,
  LinkType,
  NameType,
  ObjectType,
  RecommendedCurve,
  State,
  type Attribute,
  type VersionName,
} from '@holdfast/kmip';
import { SecretBytes } from '@holdfast/ttlv';
import { create, createKeyPair, get, importObject, register } from '@holdfast/core';
import { createCrypto } from '@holdfast/crypto';
import { Harness } from './harness';
import {
  AES_256,
  asking,
  createKey,
  custom,
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

const { AES, RSA, EC, HMAC_SHA256 } = CryptographicAlgorithm;
const { Decrypt, DeriveKey, Encrypt, MACGenerate, MACVerify, Sign, Verify } = CryptographicUsageMask;
const algorithm = (value: CryptographicAlgorithm): Attribute => ({ key: 'CryptographicAlgorithm', value });
const usage = (value: number): Attribute => ({ key: 'CryptographicUsageMask', value });

function createIn(version: VersionName, objectType: ObjectType, ...attributes: Attribute[]) {
  return harness.run(create, { objectType, newAttributes: asking(...attributes) }, version);
}

describe('Create', () => {
  test('makes a key of its own for everyone who asks', async () => {
    const { uniqueIdentifier, ...rest } = await createIn('1.0', ObjectType.SymmetricKey, ...AES_256);
    expect(rest).toEqual({ objectType: ObjectType.SymmetricKey });
    expect(harness.produced).toEqual([uniqueIdentifier]);
    const another = await createKey(harness);
    expect(await valueOf(harness, uniqueIdentifier, 'Digest')).not.toEqual(
      await valueOf(harness, another, 'Digest'),
    );
  });

  test('keeps what the client says of the object', async () => {
    const policy: Attribute = { key: 'OperationPolicyName', value: 'default' };
    const key = await createKey(harness, named('kept'), policy, custom('a', '1'), custom('b', '2'));
    expect(await valuesOf(harness, key, 'Name')).toEqual([named('kept').value]);
    expect(await valueOf(harness, key, 'OperationPolicyName')).toBe('default');
    expect(await valuesOf(harness, key, 'VendorAttribute')).toEqual([
      custom('a', '1').value,
      custom('b', '2').value,
    ]);
  });

  test('an Activation Date that has come makes the key Active', async () => {
    const key = await createKey(harness, { key: 'ActivationDate', value: harness.nowSeconds - 3600 });
    expect(await valueOf(harness, key, 'State')).toBe(State.Active);
  });

  test('a name is given once per domain', async () => {
    await createKey(harness, named('unique'));
    expect(await refused(createKey(harness, named('unique')))).toBe('NonUniqueNameAttribute');
    expect(
      await refused(createKey(harness.as('user', '11111111-1111-4111-8111-111111111111'), named('unique'))),
    ).toBeUndefined();
  });

  test('1.x wants algorithm and usage mask; the length may follow from the algorithm', async () => {
    const { SymmetricKey } = ObjectType;
    expect(await refused(createIn('1.4', SymmetricKey, usage(Encrypt)))).toBe('InvalidField');
    expect(await refused(createIn('1.4', SymmetricKey, algorithm(AES)))).toBe('InvalidField');
    const { uniqueIdentifier } = await createIn('1.4', SymmetricKey, algorithm(AES), usage(Encrypt));
    expect(await valueOf(harness, uniqueIdentifier, 'CryptographicLength')).toBe(256);
  });

  test('2.x fills in what is mandatory', async () => {
    const plain = await createIn('2.1', ObjectType.SymmetricKey);
    expect(await valueOf(harness, plain.uniqueIdentifier, 'CryptographicAlgorithm')).toBe(AES);
    expect(await valueOf(harness, plain.uniqueIdentifier, 'CryptographicUsageMask')).toBe(Encrypt | Decrypt);
    const mac = await createIn('2.1', ObjectType.SymmetricKey, algorithm(HMAC_SHA256));
    expect(await valueOf(harness, mac.uniqueIdentifier, 'CryptographicUsageMask')).toBe(
      MACGenerate | MACVerify,
    );
  });

  test('2.x makes Secret Data too', async () => {
    expect(await refused(createIn('1.4', ObjectType.SecretData, usage(DeriveKey)))).toBe('InvalidObjectType');
    const length: Attribute = { key: 'CryptographicLength', value: 512 };
    const { uniqueIdentifier } = await createIn('2.0', ObjectType.SecretData, length);
    const { object } = await harness.run(get, { uniqueIdentifier }, '2.0');
    expect(object).toMatchObject({ keyBlock: { keyValue: { keyMaterial: { length: 64 } } } });
  });

  test.each<[string, Attribute[]]>([
    ['length', [algorithm(AES), { key: 'CryptographicLength', value: 200 }, usage(Encrypt)]],
    ['algorithm', [algorithm(RSA), { key: 'CryptographicLength', value: 2048 }, usage(Encrypt)]],
  ])('refuses a %s that such a key does not have', async (_, attributes) => {
    expect(await refused(createIn('1.4', ObjectType.SymmetricKey, ...attributes))).toBe('InvalidField');
  });

  test('is not for readers', async () => {
    expect(await refused(createKey(harness.as('reader')))).toBe('PermissionDenied');
  });
});

describe('Templates', () => {
  const nameOf = (nameValue: string) => ({ nameValue, nameType: NameType.UninterpretedTextString });
  const fromTemplates = (templates: readonly string[], ...attributes: Attribute[]) =>
    harness.run(create, {
      objectType: ObjectType.SymmetricKey,
      newAttributes: { templateNames: templates.map(nameOf), attributes },
    });

  test('lend their attributes; the request goes over them, a later one over an earlier one', async () => {
    const template = (attributes: readonly Attribute[]) => ({ objectType: ObjectType.Template, attributes });
    await registerObject(harness, template([...AES_256, custom('from', 'first')]), [named('first')]);
    const small = template([{ key: 'CryptographicLength', value: 128 }, custom('from', 'second')]);
    await registerObject(harness, small, [named('second')]);
    const { uniqueIdentifier } = await fromTemplates(['first', 'second'], usage(MACVerify));
    expect(await valueOf(harness, uniqueIdentifier, 'CryptographicLength')).toBe(128);
    expect(await valueOf(harness, uniqueIdentifier, 'CryptographicUsageMask')).toBe(MACVerify);
    expect(await valuesOf(harness, uniqueIdentifier, 'VendorAttribute')).toHaveLength(2);
  });

  test('have to exist', async () => {
    expect(await refused(fromTemplates(['no such Template'], ...AES_256))).toBe('ItemNotFound');
    await createKey(harness, named('a key'));
    expect(await refused(fromTemplates(['a key'], ...AES_256))).toBe('ItemNotFound');
  });
});

describe('Create Key Pair', () => {
  function createPair(
    version: VersionName,
    common: Attribute[],
    mine: Attribute[] = [],
    theirs: Attribute[] = [],
  ) {
    const request = {
      commonAttributes: asking(...common),
      privateKeyAttributes: asking(...mine),
      publicKeyAttributes: asking(...theirs),
    };
    return harness.run(createKeyPair, request, version);
  }
  const rsa: Attribute[] = [algorithm(RSA), { key: 'CryptographicLength', value: 2048 }];

  test('makes two keys that are linked to each other', async () => {
    const pair = await createPair('1.4', rsa, [usage(Sign), named('mine')], [usage(Verify), named('theirs')]);
    const { privateKeyUniqueIdentifier, publicKeyUniqueIdentifier } = pair;
    expect(harness.produced).toEqual([privateKeyUniqueIdentifier, publicKeyUniqueIdentifier]);
    expect(await valueOf(harness, privateKeyUniqueIdentifier, 'Link')).toEqual({
      linkType: LinkType.PublicKeyLink,
      linkedObjectIdentifier: publicKeyUniqueIdentifier,
    });
    expect(await valueOf(harness, publicKeyUniqueIdentifier, 'Link')).toEqual({
      linkType: LinkType.PrivateKeyLink,
      linkedObjectIdentifier: privateKeyUniqueIdentifier,
    });
    expect(await valueOf(harness, privateKeyUniqueIdentifier, 'CryptographicUsageMask')).toBe(Sign);
    expect(await valueOf(harness, publicKeyUniqueIdentifier, 'CryptographicUsageMask')).toBe(Verify);
    expect(await valueOf(harness, publicKeyUniqueIdentifier, 'State')).toBe(State.PreActive);
    for (const uniqueIdentifier of Object.values(pair)) {
      const { object } = await harness.run(get, { uniqueIdentifier });
      expect(object).toMatchObject({
        keyBlock: { keyFormatType: KeyFormatType.PKCS_1, cryptographicLengthBits: 2048 },
      });
    }
  });

  test('a curve says the length', async () => {
    const curve: Attribute = {
      key: 'CryptographicDomainParameters',
      value: { recommendedCurve: RecommendedCurve.P_384 },
    };
    const pair = await createPair('1.4', [algorithm(EC), curve], [usage(Sign)], [usage(Verify)]);
    expect(await valueOf(harness, pair.privateKeyUniqueIdentifier, 'CryptographicLength')).toBe(384);
    expect(await valueOf(harness, pair.publicKeyUniqueIdentifier, 'CryptographicLength')).toBe(384);
  });

  test.each([
    ['P_256', KeyFormatType.TransparentECPrivateKey, KeyFormatType.TransparentECPublicKey],
    ['CURVE25519', KeyFormatType.PKCS_8, KeyFormatType.X_509],
    ['CURVE448', KeyFormatType.PKCS_8, KeyFormatType.X_509],
  ] as const)(
    '2.x makes keys over %s in the default format, if they can be in it',
    async (name, ...formats) => {
      const curve: Attribute = {
        key: 'CryptographicDomainParameters',
        value: { recommendedCurve: RecommendedCurve[name] },
      };
      const ecdh = algorithm(CryptographicAlgorithm.ECDH);
      const pair = await createPair('2.1', [ecdh, curve], [usage(DeriveKey)], [usage(DeriveKey)]);
      for (const [index, uniqueIdentifier] of Object.values(pair).entries()) {
        const { object } = await harness.run(get, { uniqueIdentifier }, '2.1');
        expect(object).toMatchObject({ keyBlock: { keyFormatType: formats[index] } });
      }
    },
  );

  test('1.x wants algorithm and both usage masks, 2.x fills them in', async () => {
    expect(await refused(createPair('1.4', rsa, [usage(Sign)]))).toBe('InvalidMessage');
    expect(await refused(createPair('1.4', [], [usage(Sign)], [usage(Verify)]))).toBe('InvalidMessage');
    const pair = await createPair('2.1', []);
    expect(await valueOf(harness, pair.privateKeyUniqueIdentifier, 'CryptographicUsageMask')).toBe(Sign);
    expect(await valueOf(harness, pair.publicKeyUniqueIdentifier, 'CryptographicAlgorithm')).toBe(RSA);
  });

  test('both keys are of one kind', async () => {
    const different = createPair('1.4', [], [algorithm(RSA), usage(Sign)], [algorithm(EC), usage(Verify)]);
    expect(await refused(different)).toBe('InvalidField');
    const symmetric = createPair('1.4', [algorithm(AES)], [usage(Sign)], [usage(Verify)]);
    expect(await refused(symmetric)).toBe('InvalidField');
  });

  test('where one key cannot be made, neither is', async () => {
    await createKey(harness, named('taken'));
    const pair = createPair('1.4', rsa, [usage(Sign), named('free')], [usage(Verify), named('taken')]);
    expect(await refused(pair)).toBe('NonUniqueNameAttribute');
    expect(await refused(createKey(harness, named('free')))).toBeUndefined();
  });
});

describe('Register', () => {
  test('takes secret data with nothing said of it', async () => {
    const secret = await registerObject(harness, password('secret'));
    expect(harness.produced).toEqual([secret]);
    const { object } = await harness.run(get, { uniqueIdentifier: secret });
    expect(object).toEqual(password('secret'));
  });

  test('an object is of the type that the request names', async () => {
    const request = { objectType: ObjectType.SymmetricKey, newAttributes: asking(), object: password('p') };
    expect(await refused(harness.run(register, request))).toBe('InvalidObjectType');
  });

  test('attributes within the Key Value become those of the object and do not come back within it', async () => {
    const { keyValue } = rawKey('00'.repeat(16)).keyBlock;
    if (keyValue === undefined || 'encoded' in keyValue) throw new Error('not a key in clear');
    const key = rawKey('00'.repeat(16), { keyValue: { ...keyValue, attributes: [named('inner')] } });
    const uniqueIdentifier = await registerObject(harness, key, [usage(Encrypt)]);
    expect(await valueOf(harness, uniqueIdentifier, 'Name')).toEqual(named('inner').value);
    const { object } = await harness.run(get, { uniqueIdentifier });
    expect(object).toMatchObject({ keyBlock: { keyValue: { attributes: [] } } });
  });

  test('2.x fills in a usage mask, 1.x leaves it open', async () => {
    const old = await registerObject(harness, rawKey('00'.repeat(16)));
    expect(await valueOf(harness, old, 'CryptographicUsageMask')).toBeUndefined();
    const recent = await registerObject(harness, rawKey('00'.repeat(16)), [], '2.1');
    expect(await valueOf(harness, recent, 'CryptographicUsageMask')).toBe(Encrypt | Decrypt);
  });

  test.each([
    ['ML-KEM-512', CryptographicAlgorithm.ML_KEM_512, { seed: 64, key: 1632 }],
    ['ML-DSA-44', CryptographicAlgorithm.ML_DSA_44, { seed: 32, key: 2560 }],
  ])('a private key of %s with a seed is the one that follows from it', async (_, kind, lengthsBytes) => {
    const der = async (): Promise<Buffer> => {
      const specification = { algorithm: kind, lengthBits: undefined, curve: undefined };
      const { keyMaterial } = (await createCrypto().generateKeyPair(specification)).privateKey;
      if (!(keyMaterial instanceof SecretBytes)) throw new Error('not PKCS#8');
      return keyMaterial.reveal();
    };
    const [whole, other] = [await der(), await der()];
    const mixed = Buffer.from(whole);
    // SEQUENCE { seed, expanded key } is the end of it; lengths have two bytes.
    const start = whole.length - lengthsBytes.key - 4 - lengthsBytes.seed;
    other.copy(mixed, start, start, start + lengthsBytes.seed);
    const key = (bytes: Buffer) => ({
      objectType: ObjectType.PrivateKey,
      keyBlock: {
        keyFormatType: KeyFormatType.PKCS_8,
        keyValue: { keyMaterial: SecretBytes.copyOf(bytes), attributes: [] },
      },
    });
    expect(await refused(registerObject(harness, key(mixed)))).toBe('InvalidField');
    const imported = { uniqueIdentifier: `mixed-${kind}`, attributes: [], object: key(mixed) };
    expect(await refused(harness.run(importObject, imported, '2.1'))).toBe('InvalidField');
    expect(await refused(registerObject(harness, key(whole)))).toBeUndefined();
  });
});
