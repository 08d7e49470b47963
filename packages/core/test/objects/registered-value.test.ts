import { generateKeyPairSync } from 'node:crypto';
import {
  CertificateType,
  CryptographicAlgorithm,
  DigitalSignatureAlgorithm,
  EncodingOption,
  KeyFormatType,
  LinkType,
  NameType,
  ObjectType,
  RecommendedCurve,
  SecretDataType,
  State,
  WrappingMethod,
  type Attribute,
  type KeyBlock,
  type ManagedObjectOf,
  type ManagedObjectValue,
} from '@holdfast/kmip';
import { certificates } from '@holdfast/pki';
import { SecretBytes, type ErrorCode } from '@holdfast/ttlv';
import { AttributeSet } from '../../src/objects/attribute-set';
import { describeRegistered, takeEmbeddedAttributes } from '../../src/objects/registered-value';
import { NOW, ruleContext } from '../context';
import { refused } from '../operations/requests';

const context = ruleContext('1.4');
const { AES, RSA, DES3 } = CryptographicAlgorithm;
const algorithm = (value: CryptographicAlgorithm): Attribute => ({ key: 'CryptographicAlgorithm', value });
const length = (value: number): Attribute => ({ key: 'CryptographicLength', value });
const name: Attribute = {
  key: 'Name',
  value: { nameValue: 'n', nameType: NameType.UninterpretedTextString },
};

function key(lengthBytes: number, changes: Partial<KeyBlock> = {}): ManagedObjectValue {
  return {
    objectType: ObjectType.SymmetricKey,
    keyBlock: {
      keyFormatType: KeyFormatType.Raw,
      keyValue: { keyMaterial: new SecretBytes(Buffer.alloc(lengthBytes, 7)), attributes: [] },
      ...changes,
    },
  };
}

async function describeAs(value: ManagedObjectValue, ...requested: Attribute[]) {
  const attributes = new AttributeSet(requested);
  return { value: await describeRegistered(value, attributes, context), attributes };
}

describe('keys', () => {
  test.each<[string, ManagedObjectValue, Attribute[]]>([
    ['in the attributes alone', key(32), [algorithm(AES), length(256)]],
    ['in the key block alone', key(32, { cryptographicAlgorithm: AES, cryptographicLengthBits: 256 }), []],
    ['half in either', key(32, { cryptographicLengthBits: 256 }), [algorithm(AES)]],
    ['the length in the material alone', key(32), [algorithm(AES)]],
  ])('algorithm and length may stand %s', async (_, given, requested) => {
    const { value, attributes } = await describeAs(given, ...requested);
    expect(attributes.get('CryptographicAlgorithm')).toBe(AES);
    expect(attributes.get('CryptographicLength')).toBe(256);
    expect(value).toMatchObject({
      keyBlock: { cryptographicAlgorithm: AES, cryptographicLengthBits: 256 },
    });
  });

  test.each<[string, ManagedObjectValue, Attribute[], ErrorCode]>([
    ['nowhere', key(32), [length(256)], 'InvalidField'],
    [
      'two lengths',
      key(32, { cryptographicLengthBits: 128 }),
      [algorithm(AES), length(256)],
      'InvalidAttributeValue',
    ],
    ['two algorithms', key(32, { cryptographicAlgorithm: DES3 }), [algorithm(AES)], 'InvalidAttributeValue'],
    ['material of another length', key(16), [algorithm(AES), length(256)], 'InvalidField'],
    ['an algorithm of key pairs', key(32), [algorithm(RSA), length(256)], 'InvalidField'],
    [
      'a format of key pairs',
      key(32, { keyFormatType: KeyFormatType.PKCS_8 }),
      [algorithm(AES)],
      'KeyFormatTypeNotSupported',
    ],
  ])('refuses what contradicts itself: %s', async (_, given, requested, code) => {
    expect(await refused(describeAs(given, ...requested))).toBe(code);
  });

  test.each<[string, (cryptographicLengthBits: number) => ManagedObjectValue]>([
    [
      'that are wrapped',
      (cryptographicLengthBits) =>
        key(0, {
          keyValue: { encoded: new SecretBytes(Buffer.alloc(24)) },
          cryptographicAlgorithm: AES,
          cryptographicLengthBits,
          keyWrappingData: { wrappingMethod: WrappingMethod.Encrypt },
        }),
    ],
    [
      'that are Secret Data',
      (cryptographicLengthBits) => ({
        objectType: ObjectType.SecretData,
        secretDataType: SecretDataType.Password,
        keyBlock: {
          keyFormatType: KeyFormatType.Opaque,
          keyValue: { keyMaterial: new SecretBytes(Buffer.from('secret')), attributes: [] },
          cryptographicLengthBits,
        },
      }),
    ],
  ])('%s have a length that is positive, where they have one', async (_, given) => {
    expect(await refused(describeAs(given(48)))).toBeUndefined();
    for (const none of [0, -48]) expect(await refused(describeAs(given(none)))).toBe('InvalidField');
  });

  test('over a curve are over no other one, though it be as long', async () => {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'brainpoolP256r1' });
    const keyMaterial = new SecretBytes(publicKey.export({ format: 'der', type: 'spki' }));
    const keyBlock = { keyFormatType: KeyFormatType.X_509, keyValue: { keyMaterial, attributes: [] } };
    const over = (recommendedCurve: RecommendedCurve) =>
      refused(
        describeAs(
          { objectType: ObjectType.PublicKey, keyBlock },
          { key: 'CryptographicDomainParameters', value: { recommendedCurve } },
        ),
      );
    expect(await over(RecommendedCurve.P_256)).toBe('InvalidAttributeValue');
    expect(await over(RecommendedCurve.BRAINPOOLP256R1)).toBeUndefined();
  });

  test('3DES counts its parity bits or not', async () => {
    expect(
      (await describeAs(key(24), algorithm(DES3), length(168))).attributes.get('CryptographicLength'),
    ).toBe(168);
  });

  test('a key that is kept elsewhere says so', async () => {
    const { attributes } = await describeAs(key(0, { keyValue: undefined }), algorithm(AES), length(128));
    expect(attributes.get('KeyValuePresent')).toBe(false);
    expect((await describeAs(key(16), algorithm(AES))).attributes.has('KeyValuePresent')).toBe(false);
  });

  test('a wrapped key is kept as it is, with a link to the key that wraps it', async () => {
    const wrapped = key(0, {
      keyValue: { encoded: new SecretBytes(Buffer.alloc(24)) },
      cryptographicAlgorithm: AES,
      cryptographicLengthBits: 128,
      keyWrappingData: {
        wrappingMethod: WrappingMethod.Encrypt,
        encryptionKeyInformation: { uniqueIdentifier: 'kek' },
        encodingOption: EncodingOption.NoEncoding,
      },
    });
    const { value, attributes } = await describeAs(wrapped);
    expect(value).toEqual(wrapped);
    expect(attributes.get('Link')).toEqual({
      linkType: LinkType.WrappingKeyLink,
      linkedObjectIdentifier: 'kek',
    });
  });

  test('wrapped bytes may stand as Key Material, as PyKMIP sends them', async () => {
    const wrapped = key(24, {
      cryptographicAlgorithm: AES,
      cryptographicLengthBits: 128,
      keyWrappingData: { wrappingMethod: WrappingMethod.Encrypt },
    });
    expect((await describeAs(wrapped)).value).toEqual(wrapped);
  });

  test('wrapped bytes and wrapping data come together', async () => {
    const bytesAlone = key(0, { keyValue: { encoded: new SecretBytes(Buffer.alloc(24)) } });
    const keyWrappingData = { wrappingMethod: WrappingMethod.Encrypt };
    const dataAlone = key(0, { keyValue: undefined, keyWrappingData });
    for (const value of [bytesAlone, dataAlone]) {
      expect(await refused(describeAs(value, algorithm(AES), length(128)))).toBe('InvalidField');
    }
  });
});

test('attributes within the Key Value are taken out; those of another server are left behind', () => {
  const given = key(16, {
    keyValue: {
      keyMaterial: new SecretBytes(Buffer.alloc(16)),
      attributes: [name, { key: 'State', value: State.Active }, { key: 'InitialDate', value: NOW }],
    },
  });
  const { value, embedded } = takeEmbeddedAttributes(given);
  expect(embedded).toEqual([name]);
  expect(value).toMatchObject({ keyBlock: { keyValue: { attributes: [] } } });
});

test('secret data needs neither algorithm nor usage mask', async () => {
  const value: ManagedObjectValue = {
    objectType: ObjectType.SecretData,
    secretDataType: SecretDataType.Seed,
    keyBlock: {
      keyFormatType: KeyFormatType.Raw,
      keyValue: { keyMaterial: new SecretBytes(Buffer.alloc(96)), attributes: [] },
    },
  };
  const described = await describeAs(value);
  expect(described.value).toEqual(value);
  expect(described.attributes.get('CryptographicLength')).toBe(768);
  expect(described.attributes.has('CryptographicUsageMask')).toBe(false);
});

describe('certificates', () => {
  async function certificate(): Promise<ManagedObjectOf<typeof ObjectType.Certificate>> {
    const { der } = await certificates.createAuthority({
      commonName: 'Test CA',
      organization: 'Example',
      nowSeconds: NOW,
    });
    return {
      objectType: ObjectType.Certificate,
      certificateType: CertificateType.X_509,
      certificateValue: der,
    };
  }

  test('tell their identity in the forms of all versions', async () => {
    const value = await certificate();
    const { attributes } = await describeAs(value, { key: 'CertificateType', value: CertificateType.X_509 });
    expect(attributes.get('CertificateLength')).toBe(value.certificateValue.length);
    expect(attributes.get('CryptographicAlgorithm')).toBe(CryptographicAlgorithm.EC);
    expect(attributes.get('CryptographicLength')).toBe(256);
    expect(attributes.get('DigitalSignatureAlgorithm')).toBe(DigitalSignatureAlgorithm.ECDSAWithSHA256);
    expect(attributes.get('CertificateSubjectCN')).toBe('Test CA');
    expect(attributes.get('CertificateIssuerO')).toBe('Example');
    expect(attributes.has('CertificateSubjectOU')).toBe(false);
    expect(attributes.get('CertificateSubject')?.certificateSubjectDistinguishedName).toContain('CN=Test CA');
    expect(attributes.get('X_509CertificateIdentifier')?.issuerDistinguishedName[0]).toBe(0x30);
  });

  test('are not what they are not', async () => {
    const value = await certificate();
    expect(await refused(describeAs(value, { key: 'CertificateLength', value: 1 }))).toBe(
      'InvalidAttributeValue',
    );
    expect(await refused(describeAs(value, algorithm(RSA)))).toBe('InvalidAttributeValue');
    expect(await refused(describeAs({ ...value, certificateValue: Buffer.from('3000', 'hex') }))).toBe(
      'InvalidField',
    );
  });

  test('of elliptic curves may be called after what they are used for', async () => {
    const value = await certificate();
    const { attributes } = await describeAs(value, algorithm(CryptographicAlgorithm.ECDSA));
    expect(attributes.get('CryptographicAlgorithm')).toBe(CryptographicAlgorithm.ECDSA);
  });
});

describe('Templates', () => {
  const template = (...attributes: Attribute[]): ManagedObjectValue => ({
    objectType: ObjectType.Template,
    attributes,
  });

  test('hold what clients may ask for', async () => {
    expect(await refused(describeAs(template(algorithm(AES), length(256)), name))).toBeUndefined();
    expect(await refused(describeAs(template({ key: 'State', value: State.Active }), name))).toBe(
      'AttributeReadOnly',
    );
  });

  test('have their Name beside them', async () => {
    expect(await refused(describeAs(template(name)))).toBe('InvalidField');
  });
});
