import {
  BlockCipherMode,
  CryptographicAlgorithm,
  CryptographicUsageMask,
  EncodingOption,
  HashingAlgorithm,
  KeyFormatType,
  KeyWrapType,
  LinkType,
  ObjectType,
  PaddingMethod,
  WrappingMethod,
  type Attribute,
  type KeyWrappingSpecification,
  type ManagedObjectValue,
  type VersionName,
  type WrappingKeyInformation,
} from '@holdfast/kmip';
import { SecretBytes } from '@holdfast/ttlv';
import { addAttribute, createKeyPair, get, revoke, type CryptoStream } from '@holdfast/core';
import { Harness } from './harness';
import { asking, named, rawKey, refused, registerObject, valueOf, valuesOf } from './requests';

let harness: Harness;
beforeAll(async () => {
  harness = await Harness.start();
});
afterAll(() => harness.close());

const KEK = '000102030405060708090a0b0c0d0e0f';
const DEK = '00112233445566778899aabbccddeeff';
const { WrapKey, UnwrapKey, MACGenerate, MACVerify, Sign, Verify, Encrypt } = CryptographicUsageMask;
const usage = (value: number): Attribute => ({ key: 'CryptographicUsageMask', value });
const NIST = { blockCipherMode: BlockCipherMode.NISTKeyWrap };

/** A symmetric key that is Active. */
function activeKey(mask: number, ...attributes: Attribute[]): Promise<string> {
  const active: Attribute = { key: 'ActivationDate', value: harness.nowSeconds - 1 };
  return registerObject(harness, rawKey(KEK), [usage(mask), active, ...attributes]);
}

async function activePair(privateUse: number, publicUse: number) {
  const active: Attribute = { key: 'ActivationDate', value: harness.nowSeconds - 1 };
  return harness.run(createKeyPair, {
    commonAttributes: asking(
      { key: 'CryptographicAlgorithm', value: CryptographicAlgorithm.RSA },
      { key: 'CryptographicLength', value: 2048 },
      active,
    ),
    privateKeyAttributes: asking(usage(privateUse)),
    publicKeyAttributes: asking(usage(publicUse)),
  });
}

const information = (
  uniqueIdentifier: string,
  cryptographicParameters?: WrappingKeyInformation['cryptographicParameters'],
): WrappingKeyInformation => ({ uniqueIdentifier, cryptographicParameters });

function encrypting(
  encryptionKeyInformation: WrappingKeyInformation,
  changes: Partial<KeyWrappingSpecification> = {},
): KeyWrappingSpecification {
  return { wrappingMethod: WrappingMethod.Encrypt, encryptionKeyInformation, attributeNames: [], ...changes };
}

async function wrapped(
  uniqueIdentifier: string,
  keyWrappingSpecification: KeyWrappingSpecification,
  version: VersionName = '1.4',
): Promise<ManagedObjectValue> {
  return (await harness.run(get, { uniqueIdentifier, keyWrappingSpecification }, version)).object;
}

/** Registers what was wrapped, and gets it back in clear. */
async function reopened(
  object: ManagedObjectValue,
  version: VersionName = '1.4',
): Promise<ManagedObjectValue> {
  const uniqueIdentifier = await registerObject(harness, object, [usage(Encrypt)], version);
  return (await harness.run(get, { uniqueIdentifier, keyWrapType: KeyWrapType.NotWrapped }, version)).object;
}

function bytesOf(object: ManagedObjectValue): Buffer {
  const keyValue = 'keyBlock' in object ? object.keyBlock.keyValue : undefined;
  const bytes = keyValue === undefined || !('encoded' in keyValue) ? undefined : keyValue.encoded;
  if (bytes === undefined) throw new Error('not wrapped');
  return bytes.reveal();
}

const HMAC = { cryptographicAlgorithm: CryptographicAlgorithm.HMAC_SHA256 };

describe.each(['1.4', '2.1'] as const)('what is wrapped in KMIP %s opens again', (version) => {
  const CBC = { blockCipherMode: BlockCipherMode.CBC, paddingMethod: PaddingMethod.PKCS5 };
  test.each([
    ['NIST Key Wrap', NIST],
    ['AES Key Wrap with Padding', { blockCipherMode: BlockCipherMode.AESKeyWrapPadding }],
    ['CBC', CBC],
    ['GCM', { blockCipherMode: BlockCipherMode.GCM }],
  ])('by %s, in either encoding', async (_name, parameters) => {
    const kek = await activeKey(WrapKey | UnwrapKey);
    const key = await registerObject(harness, rawKey(DEK), [named(`${version} ${_name}`)]);
    for (const changes of [{ encodingOption: EncodingOption.NoEncoding }, { attributeNames: ['Name'] }]) {
      const object = await wrapped(key, encrypting(information(kek, parameters), changes), version);
      expect(bytesOf(object).includes(Buffer.from(DEK, 'hex'))).toBe(false);
      expect(await reopened(object, version)).toEqual(rawKey(DEK));
    }
  });

  test('for the holder of a private key', async () => {
    const pair = await activePair(UnwrapKey, WrapKey);
    const key = await registerObject(harness, rawKey(DEK));
    const asked = encrypting(information(pair.publicKeyUniqueIdentifier), {
      encodingOption: EncodingOption.NoEncoding,
    });
    const object = await wrapped(key, asked, version);
    expect(object).toMatchObject({
      keyBlock: {
        keyWrappingData: {
          encryptionKeyInformation: {
            cryptographicParameters: {
              paddingMethod: PaddingMethod.OAEP,
              hashingAlgorithm: HashingAlgorithm.SHA_256,
            },
          },
        },
      },
    });
    expect(await reopened(object, version)).toEqual(rawKey(DEK));
  });

  test.each([
    ['encrypted, then authenticated', WrappingMethod.EncryptThenMACSign],
    ['authenticated, then encrypted', WrappingMethod.MACSignThenEncrypt],
    ['authenticated alone', WrappingMethod.MACSign],
  ])('%s', async (_name, wrappingMethod) => {
    const kek = await activeKey(WrapKey);
    const mac = await activeKey(MACGenerate | MACVerify);
    const key = await registerObject(harness, rawKey(DEK));
    const encryptionKeyInformation =
      wrappingMethod === WrappingMethod.MACSign ? undefined : information(kek, NIST);
    for (const encodingOption of [EncodingOption.NoEncoding, EncodingOption.TTLVEncoding]) {
      const object = await wrapped(
        key,
        {
          wrappingMethod,
          encryptionKeyInformation,
          macSignatureKeyInformation: information(mac, HMAC),
          attributeNames: [],
          encodingOption,
        },
        version,
      );
      expect(await reopened(object, version)).toEqual(rawKey(DEK));
      if (!('keyBlock' in object)) throw new Error('no key');
      const { keyBlock } = object;
      const data = keyBlock.keyWrappingData;
      if (data?.macSignature === undefined) throw new Error('no MAC');
      const macSignature = Buffer.from(data.macSignature);
      macSignature[0] = (macSignature[0] ?? 0) ^ 1;
      const forged = { ...object, keyBlock: { ...keyBlock, keyWrappingData: { ...data, macSignature } } };
      expect(await refused(reopened(forged as ManagedObjectValue, version))).toBe('CryptographicFailure');
    }
  });

  test('signed', async () => {
    const pair = await activePair(Sign, Verify);
    const parameters = { paddingMethod: PaddingMethod.PSS, hashingAlgorithm: HashingAlgorithm.SHA_256 };
    const key = await registerObject(harness, rawKey(DEK));
    const object = await wrapped(
      key,
      {
        wrappingMethod: WrappingMethod.MACSign,
        macSignatureKeyInformation: information(pair.privateKeyUniqueIdentifier, parameters),
        attributeNames: [],
        encodingOption: EncodingOption.NoEncoding,
      },
      version,
    );
    expect(await reopened(object, version)).toEqual(rawKey(DEK));
  });
});

test('what was wrapped in one version opens in the others', async () => {
  const kek = await activeKey(WrapKey);
  const key = await registerObject(harness, rawKey(DEK), [named('wrapped in 1.0')]);
  const asked = encrypting(information(kek), { attributeNames: ['Name'] });
  const uniqueIdentifier = await registerObject(harness, await wrapped(key, asked, '1.0'));
  const { object } = await harness.run(get, { uniqueIdentifier, keyWrapType: KeyWrapType.NotWrapped }, '2.1');
  expect(object).toEqual(rawKey(DEK));
});

test('what was authenticated in one version is found authentic in the others', async () => {
  const mac = await activeKey(MACGenerate | MACVerify);
  const key = await registerObject(harness, rawKey(DEK), [named('authenticated in 1.4')]);
  const specification = {
    wrappingMethod: WrappingMethod.MACSign,
    macSignatureKeyInformation: information(mac, HMAC),
    attributeNames: ['Name'],
  };
  const uniqueIdentifier = await registerObject(harness, await wrapped(key, specification));
  for (const version of ['1.0', '1.4', '2.0', '2.1'] as const) {
    const asked = { uniqueIdentifier, keyWrapType: KeyWrapType.NotWrapped };
    expect((await harness.run(get, asked, version)).object).toEqual(rawKey(DEK));
  }
});

test('a wrapped key links to the key that wraps it', async () => {
  const kek = await activeKey(WrapKey);
  const key = await registerObject(harness, rawKey(DEK));
  const object = await wrapped(key, encrypting(information(kek)));
  const uniqueIdentifier = await registerObject(harness, object);
  const links = await valuesOf(harness, uniqueIdentifier, 'Link');
  expect(links).toEqual([{ linkType: LinkType.WrappingKeyLink, linkedObjectIdentifier: kek }]);
});

test('wrapping spends the Usage Limits of the wrapping key', async () => {
  const limits = { usageLimitsTotal: 1n, usageLimitsUnit: 2 } as const;
  const kek = await activeKey(WrapKey, { key: 'UsageLimits', value: limits });
  const key = await registerObject(harness, rawKey(DEK));
  await wrapped(key, encrypting(information(kek)));
  expect(await valueOf(harness, kek, 'UsageLimits')).toMatchObject({ usageLimitsCount: 0n });
  expect(await refused(wrapped(key, encrypting(information(kek))))).toBe('UsageLimitExceeded');
});

test('a key may wrap itself, and authenticate what it wraps', async () => {
  const limits = { usageLimitsTotal: 10n, usageLimitsUnit: 2 } as const;
  const kek = await activeKey(WrapKey | MACGenerate, { key: 'UsageLimits', value: limits });
  const specification = {
    wrappingMethod: WrappingMethod.EncryptThenMACSign,
    encryptionKeyInformation: information(kek, NIST),
    macSignatureKeyInformation: information(kek, HMAC),
    attributeNames: [],
  };
  await wrapped(kek, specification);
  expect(await valueOf(harness, kek, 'UsageLimits')).toMatchObject({ usageLimitsCount: 8n });
  expect(await valueOf(harness, kek, 'Fresh')).toBe(false);
});

test('what authenticates a key that is wrapped, and verifies it, keeps nothing of the key', async () => {
  const running = new Set<CryptoStream>();
  const noting = <S extends CryptoStream>(stream: S): S => {
    running.add(stream);
    const destroy = () => {
      running.delete(stream);
      stream.destroy();
    };
    return new Proxy(stream, {
      get(target, name) {
        const member: unknown = name === 'destroy' ? destroy : Reflect.get(target, name);
        return typeof member === 'function' ? (member.bind(target) as unknown) : member;
      },
    });
  };
  const watched = harness.withCrypto((crypto) => ({
    ...crypto,
    mac: (request) => noting(crypto.mac(request)),
    signing: (request, digest) => noting(crypto.signing(request, digest)),
    verification: (request, digest) => noting(crypto.verification(request, digest)),
  }));
  const pair = await activePair(Sign, Verify);
  const mac = await activeKey(MACGenerate | MACVerify);
  const uniqueIdentifier = await registerObject(harness, rawKey(DEK));
  const SIGNED = { paddingMethod: PaddingMethod.PSS, hashingAlgorithm: HashingAlgorithm.SHA_256 };
  for (const macSignatureKeyInformation of [
    information(pair.privateKeyUniqueIdentifier, SIGNED),
    information(mac, { blockCipherMode: BlockCipherMode.CMAC }),
  ]) {
    const wrappingMethod = WrappingMethod.MACSign;
    const keyWrappingSpecification = { wrappingMethod, macSignatureKeyInformation, attributeNames: [] };
    const { object } = await watched.run(get, { uniqueIdentifier, keyWrappingSpecification });
    const kept = await registerObject(harness, object, [usage(Encrypt)]);
    const opened = { uniqueIdentifier: kept, keyWrapType: KeyWrapType.NotWrapped };
    expect((await watched.run(get, opened)).object).toEqual(rawKey(DEK));
  }
  expect([...running]).toEqual([]);
});

describe('refused is', () => {
  test.each<[string, Partial<KeyWrappingSpecification>, string]>([
    ['TR-31', { wrappingMethod: WrappingMethod.TR_31 }, 'FeatureNotSupported'],
    ['a MAC without a key for it', { wrappingMethod: WrappingMethod.EncryptThenMACSign }, 'InvalidField'],
    ['encryption without a key for it', { encryptionKeyInformation: undefined }, 'InvalidField'],
    ['a key that the method does not use', { wrappingMethod: WrappingMethod.MACSign }, 'InvalidField'],
    [
      'a structure without encoding',
      { encodingOption: EncodingOption.NoEncoding, attributeNames: ['Name'] },
      'EncodingOptionError',
    ],
  ])('%s', async (_what, changes, code) => {
    const kek = await activeKey(WrapKey);
    const key = await registerObject(harness, rawKey(DEK));
    expect(await refused(wrapped(key, encrypting(information(kek), changes)))).toBe(code);
  });

  test('a transparent key without encoding', async () => {
    const kek = await activeKey(WrapKey);
    const uniqueIdentifier = await registerObject(harness, rawKey(DEK));
    const asked = harness.run(get, {
      uniqueIdentifier,
      keyFormatType: KeyFormatType.TransparentSymmetricKey,
      keyWrappingSpecification: encrypting(information(kek), { encodingOption: EncodingOption.NoEncoding }),
    });
    expect(await refused(asked)).toBe('EncodingOptionError');
  });

  test('a sensitive key that would only be authenticated', async () => {
    const mac = await activeKey(MACGenerate);
    const key = await registerObject(harness, rawKey(DEK), [{ key: 'Sensitive', value: true }]);
    const asked = wrapped(key, {
      wrappingMethod: WrappingMethod.MACSign,
      macSignatureKeyInformation: information(mac, HMAC),
      attributeNames: [],
    });
    expect(await refused(asked)).toBe('Sensitive');
  });

  test('a sensitive key that was registered wrapped, in clear', async () => {
    const kek = await activeKey(WrapKey);
    const object = await wrapped(await registerObject(harness, rawKey(DEK)), encrypting(information(kek)));
    const uniqueIdentifier = await registerObject(harness, object, [{ key: 'Sensitive', value: true }]);
    expect(await refused(harness.run(get, { uniqueIdentifier }))).toBeUndefined();
    const opened = harness.run(get, { uniqueIdentifier, keyWrapType: KeyWrapType.NotWrapped });
    expect(await refused(opened)).toBe('Sensitive');
  });

  test('opening by a key that may not, or is not there', async () => {
    const kek = await activeKey(WrapKey);
    const object = await wrapped(await registerObject(harness, rawKey(DEK)), encrypting(information(kek)));
    if (object.objectType !== ObjectType.SymmetricKey) throw new Error('no key');
    const under = (uniqueIdentifier: string): ManagedObjectValue => {
      const data = object.keyBlock.keyWrappingData;
      if (data === undefined) throw new Error('not wrapped');
      const encryptionKeyInformation = { uniqueIdentifier };
      return {
        ...object,
        keyBlock: { ...object.keyBlock, keyWrappingData: { ...data, encryptionKeyInformation } },
      };
    };
    expect(await refused(reopened(under('nothing')))).toBe('WrappingObjectNotFound');
    expect(await refused(reopened(under(await activeKey(Encrypt))))).toBe(
      'IncompatibleCryptographicUsageMask',
    );
    const otherKey = await registerObject(harness, rawKey(DEK), [
      usage(WrapKey),
      { key: 'ActivationDate', value: harness.nowSeconds - 1 },
    ]);
    expect(await refused(reopened(under(otherKey)))).toBe('CryptographicFailure');
  });

  test('a wrapping key by its state, not one that opens', async () => {
    const kek = await activeKey(WrapKey);
    const key = await registerObject(harness, rawKey(DEK));
    const uniqueIdentifier = await registerObject(harness, await wrapped(key, encrypting(information(kek))));
    await harness.run(revoke, { uniqueIdentifier: kek, revocationReason: { revocationReasonCode: 1 } });
    expect(await refused(wrapped(key, encrypting(information(kek))))).toBe('WrongKeyLifecycleState');
    const opened = await harness.run(get, { uniqueIdentifier, keyWrapType: KeyWrapType.NotWrapped });
    expect(opened.object).toEqual(rawKey(DEK));
  });

  test('bytes that are no Key Value under the TTLV encoding', async () => {
    const kek = await activeKey(WrapKey);
    const key = await registerObject(harness, rawKey(DEK));
    const bare = encrypting(information(kek), { encodingOption: EncodingOption.NoEncoding });
    const object = await wrapped(key, bare);
    if (object.objectType !== ObjectType.SymmetricKey) throw new Error('no key');
    const keyWrappingData = { ...object.keyBlock.keyWrappingData, encodingOption: undefined };
    const encoded = new SecretBytes(Buffer.from(bytesOf(object)));
    const claimed = { ...object, keyBlock: { ...object.keyBlock, keyValue: { encoded }, keyWrappingData } };
    expect(await refused(reopened(claimed as ManagedObjectValue))).toBe('EncodingOptionError');
  });
});

test('the parameters asked for are any of those of the wrapping key', async () => {
  const kek = await activeKey(WrapKey, { key: 'CryptographicParameters', value: NIST });
  await harness.run(addAttribute, {
    uniqueIdentifier: kek,
    newAttribute: { key: 'CryptographicParameters', value: { blockCipherMode: BlockCipherMode.GCM } },
  });
  const key = await registerObject(harness, rawKey(DEK));
  const by = (blockCipherMode: BlockCipherMode) =>
    wrapped(key, encrypting(information(kek, { blockCipherMode })));
  expect(await refused(by(BlockCipherMode.GCM))).toBeUndefined();
  expect(await refused(by(BlockCipherMode.CBC))).toBe('BadCryptographicParameters');
});
