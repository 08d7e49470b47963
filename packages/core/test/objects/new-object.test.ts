import { createHash } from 'node:crypto';
import {
  CryptographicAlgorithm,
  HashingAlgorithm,
  KeyFormatType,
  ObjectType,
  ProtectionStorageMask,
  SecretDataType,
  State,
  Tag,
  WrappingMethod,
  type Attribute,
  type KeyBlock,
  type ManagedObjectValue,
  type VersionName,
} from '@holdfast/kmip';
import { ItemType, SecretBytes } from '@holdfast/ttlv';
import { AttributeSet } from '../../src/objects/attribute-set';
import { generatedKeyBlock, makeObject, requireKeyFormat } from '../../src/objects/new-object';
import { inheritedAttributes } from '../../src/objects/replacement';
import type { ManagedObject } from '../../src/object-access';
import type { Origin } from '../../src/objects/requested-attributes';
import { NOW, ruleContext } from '../context';
import { refusal } from '../refusal';

const bytes = (hex: string) => new SecretBytes(Buffer.from(hex, 'hex'));
const sha256 = (content: Buffer) => createHash('sha256').update(content).digest();
const MATERIAL = '00112233445566778899aabbccddeeff';

function symmetricKey(changes: Partial<KeyBlock> = {}): ManagedObjectValue {
  return {
    objectType: ObjectType.SymmetricKey,
    keyBlock: {
      keyFormatType: KeyFormatType.Raw,
      keyValue: { keyMaterial: bytes(MATERIAL), attributes: [] },
      cryptographicAlgorithm: CryptographicAlgorithm.AES,
      cryptographicLengthBits: 128,
      ...changes,
    },
  };
}

function make(
  value: ManagedObjectValue,
  requested: readonly Attribute[] = [],
  origin: Origin = 'generated',
  version: VersionName = '1.4',
): AttributeSet {
  const context = ruleContext(version);
  return makeObject({ value, requested: new AttributeSet(requested), origin }, context).attributes;
}

test('the server sets what the specification has it set', () => {
  const attributes = make(symmetricKey());
  const identifier = attributes.get('UniqueIdentifier') ?? '';
  expect(identifier).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(attributes.get('ShortUniqueIdentifier')).toEqual(sha256(Buffer.from(identifier)));
  expect(Object.fromEntries([...attributes].map(({ key, value }) => [key, value]))).toMatchObject({
    ObjectType: ObjectType.SymmetricKey,
    State: State.PreActive,
    InitialDate: NOW,
    LastChangeDate: NOW,
    OriginalCreationDate: NOW,
    LeaseTime: 3600,
    Fresh: true,
    Sensitive: false,
    AlwaysSensitive: false,
    Extractable: true,
    NeverExtractable: false,
    KeyFormatType: KeyFormatType.Raw,
    Digest: {
      hashingAlgorithm: HashingAlgorithm.SHA_256,
      digestValue: sha256(Buffer.from(MATERIAL, 'hex')),
      keyFormatType: KeyFormatType.Raw,
    },
  });
  expect(attributes.has('ActivationDate')).toBe(false);
  expect(attributes.has('OperationPolicyName')).toBe(false);
});

test('what was made elsewhere says itself when and how', () => {
  const attributes = make(symmetricKey(), [{ key: 'Fresh', value: false }], 'registered');
  expect(attributes.has('OriginalCreationDate')).toBe(false);
  expect(attributes.has('RandomNumberGenerator')).toBe(false);
  expect(attributes.get('Fresh')).toBe(false);
});

test('Always Sensitive and Never Extractable follow from how the object begins', () => {
  const attributes = make(symmetricKey(), [
    { key: 'Sensitive', value: true },
    { key: 'Extractable', value: false },
  ]);
  expect(attributes.get('AlwaysSensitive')).toBe(true);
  expect(attributes.get('NeverExtractable')).toBe(true);
});

test.each([
  [[], State.PreActive],
  [[{ key: 'ActivationDate', value: NOW + 1 }], State.PreActive],
  [[{ key: 'ActivationDate', value: NOW }], State.Active],
  [[{ key: 'ActivationDate', value: 0 }], State.Active],
  [
    [
      { key: 'ActivationDate', value: NOW - 2 },
      { key: 'DeactivationDate', value: NOW - 1 },
    ],
    State.Deactivated,
  ],
] as const)('dates decide the first state: %j', (dates, state) => {
  expect(make(symmetricKey(), dates).get('State')).toBe(state);
});

test('a Template has no life cycle, lease or digest', () => {
  const attributes = make({ objectType: ObjectType.Template, attributes: [] }, [], 'registered');
  for (const key of ['State', 'LeaseTime', 'Fresh', 'Digest', 'KeyFormatType'] as const) {
    expect(attributes.has(key)).toBe(false);
  }
  expect(attributes.get('InitialDate')).toBe(NOW);
});

test('opaque objects have a life cycle and a digest (Errata 01)', () => {
  const value: ManagedObjectValue = {
    objectType: ObjectType.OpaqueObject,
    opaqueDataType: 0x80000001,
    opaqueDataValue: bytes('0102'),
  };
  const attributes = make(value, [], 'registered');
  expect(attributes.get('State')).toBe(State.PreActive);
  expect(attributes.get('Digest')?.digestValue).toEqual(sha256(Buffer.from('0102', 'hex')));
});

test('there is no digest of what the server cannot read', () => {
  const keyWrappingData = { wrappingMethod: WrappingMethod.Encrypt };
  const wrapped = make(
    symmetricKey({ keyValue: { encoded: bytes('00') }, keyWrappingData }),
    [],
    'registered',
  );
  const elsewhere = make(symmetricKey({ keyValue: undefined }), [], 'registered');
  expect(wrapped.has('Digest')).toBe(false);
  expect(elsewhere.has('Digest')).toBe(false);
});

test('secret data keeps its digest under its own format', () => {
  const value: ManagedObjectValue = {
    objectType: ObjectType.SecretData,
    secretDataType: SecretDataType.Password,
    keyBlock: {
      keyFormatType: KeyFormatType.Opaque,
      keyValue: { keyMaterial: bytes('70617373'), attributes: [] },
    },
  };
  expect(make(value, [], 'registered').get('Digest')?.keyFormatType).toBe(KeyFormatType.Opaque);
});

describe('key pairs', () => {
  const { crypto } = ruleContext('2.1');
  const specification = {
    algorithm: CryptographicAlgorithm.EC,
    lengthBits: 256,
    curve: undefined,
    qLengthBits: undefined,
  };

  test.each(['1.4', '2.1'] as const)('in %s a key has the format of its version', async (version) => {
    const context = ruleContext(version);
    const { privateKey } = await crypto.generateKeyPair(specification);
    const keyBlock = requireKeyFormat(
      ObjectType.PrivateKey,
      generatedKeyBlock(privateKey),
      new AttributeSet(),
      context,
    );
    expect(keyBlock.keyFormatType).toBe(
      version === '2.1' ? KeyFormatType.TransparentECPrivateKey : privateKey.keyFormatType,
    );
  });

  test('2.x has a digest in the default format beside that of the format asked for', async () => {
    const { privateKey } = await crypto.generateKeyPair(specification);
    const keyBlock = requireKeyFormat(
      ObjectType.PrivateKey,
      generatedKeyBlock(privateKey),
      new AttributeSet([{ key: 'KeyFormatType', value: KeyFormatType.PKCS_8 }]),
      ruleContext('2.1'),
    );
    const value = { objectType: ObjectType.PrivateKey, keyBlock };
    const formats = (version: VersionName) =>
      make(value, [], 'generated', version)
        .instances('Digest')
        .map((digest) => digest.value.keyFormatType);
    expect(formats('2.1')).toEqual([KeyFormatType.TransparentECPrivateKey, KeyFormatType.PKCS_8]);
    expect(formats('1.4')).toEqual([KeyFormatType.PKCS_8]);
  });
});

test.each([
  [128, 'GeneralFailure'],
  [256, undefined],
])('what shall be quantum safe is: AES of %s bits', (lengthBits, code) => {
  const requested: Attribute[] = [
    { key: 'QuantumSafe', value: true },
    { key: 'CryptographicAlgorithm', value: CryptographicAlgorithm.AES },
    { key: 'CryptographicLength', value: lengthBits },
  ];
  expect(refusal(() => make(symmetricKey(), requested))).toBe(code);
});

test('what replaces a key does not say that it is inside the HSM where the key was not', () => {
  const attributeValue = { tag: Tag.AttributeValue, type: ItemType.Boolean, value: true } as const;
  const inHsm: Attribute = {
    key: 'VendorAttribute',
    value: { vendorIdentification: 'x', attributeName: 'KeyInHSM', attributeValue },
  };
  const inherited = (storage: ProtectionStorageMask) => {
    const attributes = new AttributeSet([{ key: 'ProtectionStorageMask', value: storage }, inHsm]);
    const old = { attributes, uniqueIdentifier: 'old', state: undefined } as unknown as ManagedObject;
    return inheritedAttributes(old, ObjectType.SymmetricKey).has('VendorAttribute');
  };
  expect(inherited(ProtectionStorageMask.Software)).toBe(false);
  expect(inherited(ProtectionStorageMask.Hardware)).toBe(true);
});
