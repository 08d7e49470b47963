import { inspect } from 'node:util';
import { encodeTtlv, ItemType, SecretBytes, type Item, type StructureItem } from '@holdfast/ttlv';
import {
  decodeTransparentKey,
  dialectNamed,
  DIALECTS,
  encodeTransparentKey,
  EncodingOption,
  isTransparentKeyFormat,
  KeyFormatType,
  managedObjectField,
  ObjectType,
  objectTypeEnum,
  RecommendedCurve,
  SplitKeyMethod,
  structure,
  STORAGE_DIALECT,
  Tag,
  transparentKeyStructures,
  WrappingMethod,
  type KeyBlock,
  type ManagedObjectValue,
  type TransparentKeyFormat,
} from '@holdfast/kmip';
import fc from 'fast-check';
import { valuesOf } from './arbitraries';
import { refusal } from './refusal';

const v10 = dialectNamed('1.0');
const v14 = dialectNamed('1.4');
const v21 = dialectNamed('2.1');
const schema = structure({ object: managedObjectField() });

const raw: KeyBlock = {
  keyFormatType: KeyFormatType.Raw,
  keyValue: { keyMaterial: new SecretBytes(Buffer.from('0123456789abcdef')), attributes: [] },
  cryptographicAlgorithm: 3,
  cryptographicLengthBits: 128,
};

const objects: readonly ManagedObjectValue[] = [
  { objectType: ObjectType.SymmetricKey, keyBlock: raw },
  { objectType: ObjectType.PublicKey, keyBlock: raw },
  { objectType: ObjectType.PrivateKey, keyBlock: raw },
  {
    objectType: ObjectType.SplitKey,
    splitKeyParts: 3,
    keyPartIdentifier: 1,
    splitKeyThreshold: 2,
    splitKeyMethod: SplitKeyMethod.PolynomialSharingPrimeField,
    primeFieldSize: 2n ** 127n - 1n,
    keyBlock: raw,
  },
  { objectType: ObjectType.SecretData, secretDataType: 1, keyBlock: { keyFormatType: KeyFormatType.Opaque } },
  {
    objectType: ObjectType.OpaqueObject,
    opaqueDataType: 0x80000001,
    opaqueDataValue: new SecretBytes(Buffer.from('opaque')),
  },
  { objectType: ObjectType.Certificate, certificateType: 1, certificateValue: Buffer.from('der') },
  {
    objectType: ObjectType.CertificateRequest,
    certificateRequestType: 2,
    certificateRequestValue: Buffer.from('der'),
  },
  { objectType: ObjectType.PGPKey, pgpKeyVersion: 4, keyBlock: raw },
  { objectType: ObjectType.Template, attributes: [{ key: 'CryptographicLength', value: 256 }] },
];

describe('managed objects', () => {
  const pairs = objects.flatMap((object) =>
    DIALECTS.map((dialect) => {
      const entry = objectTypeEnum.byValue.get(object.objectType);
      return [entry?.name, dialect.name, object, dialect, dialect.knows(entry ?? {})] as const;
    }),
  );

  test.each(pairs.filter(([, , , , known]) => known))(
    '%s comes back from %s',
    (_type, _version, object, dialect) => {
      const item = schema.encode(Tag.RequestPayload, { object }, dialect) as Item;
      const decoded = schema.decode(item, dialect);
      expect(decoded.object).toEqual(object);
      expect(encodeTtlv(schema.encode(Tag.RequestPayload, decoded, dialect) as Item)).toEqual(
        encodeTtlv(item),
      );
    },
  );

  test.each(pairs.filter(([, , , , known]) => !known))(
    '%s is not in %s',
    (_type, _version, object, dialect) => {
      expect(schema.encode(Tag.RequestPayload, { object }, dialect)).toBeUndefined();
      const item = schema.encode(Tag.RequestPayload, { object }, STORAGE_DIALECT) as Item;
      expect(refusal(() => schema.decode(item, dialect))).toBe('InvalidField');
    },
  );

  test('a payload holds exactly one', () => {
    const item = schema.encode(
      Tag.RequestPayload,
      { object: objects[0] as ManagedObjectValue },
      v14,
    ) as StructureItem;
    expect(refusal(() => schema.decode({ ...item, value: [] }, v14))).toBe('InvalidMessage');
    const twice = { ...item, value: [...item.value, ...item.value] };
    expect(refusal(() => schema.decode(twice, v14))).toBe('InvalidMessage');
  });

  test('key material is never shown', () => {
    const item = schema.encode(Tag.RequestPayload, { object: objects[0] as ManagedObjectValue }, v14) as Item;
    const decoded = schema.decode(item, v14);
    expect(inspect(decoded, { depth: null })).not.toContain('30 31 32');
    expect(JSON.stringify(decoded)).toContain('[redacted]');
  });

  test('the bytes of the message become the secret: destroying one clears the other', () => {
    const material: Item = {
      tag: Tag.KeyMaterial,
      type: ItemType.ByteString,
      value: Buffer.from('secret!!'),
    };
    const keyValue: Item = { tag: Tag.KeyValue, type: ItemType.Structure, value: [material] };
    const format: Item = { tag: Tag.KeyFormatType, type: ItemType.Enumeration, value: 1 };
    const block: Item = { tag: Tag.KeyBlock, type: ItemType.Structure, value: [format, keyValue] };
    const key: Item = { tag: Tag.SymmetricKey, type: ItemType.Structure, value: [block] };
    const { object } = schema.decode(
      { tag: Tag.RequestPayload, type: ItemType.Structure, value: [key] },
      v14,
    );
    if (object.objectType !== ObjectType.SymmetricKey) throw new Error('another object');
    const { keyValue: value } = object.keyBlock;
    if (value === undefined || !('keyMaterial' in value)) throw new Error('another key value');
    (value.keyMaterial as SecretBytes).destroy();
    expect(material.value).toEqual(Buffer.alloc(8));
  });
});

describe('key values', () => {
  const wrapped: KeyBlock = {
    keyFormatType: KeyFormatType.Raw,
    keyValue: { encoded: new SecretBytes(Buffer.from('wrapped bytes')) },
    cryptographicAlgorithm: 3,
    cryptographicLengthBits: 128,
    keyWrappingData: {
      wrappingMethod: WrappingMethod.Encrypt,
      encryptionKeyInformation: { uniqueIdentifier: 'kek', cryptographicParameters: { blockCipherMode: 13 } },
      encodingOption: EncodingOption.NoEncoding,
    },
  };

  test('are byte strings while wrapped', () => {
    const object: ManagedObjectValue = { objectType: ObjectType.SymmetricKey, keyBlock: wrapped };
    const item = schema.encode(Tag.RequestPayload, { object }, v14) as Item;
    expect(schema.decode(item, v14).object).toEqual(object);
    const oldest = schema.encode(Tag.RequestPayload, { object }, v10) as Item;
    expect(JSON.stringify(schema.decode(oldest, v10))).not.toContain('encodingOption');
  });

  test('a key wrapped by itself may stand within Key Material, and is written as it was read', () => {
    const keyBlock: KeyBlock = {
      ...wrapped,
      keyValue: { encoded: new SecretBytes(Buffer.from('wrapped bytes')), isWithinKeyMaterial: true },
    };
    const object: ManagedObjectValue = { objectType: ObjectType.SymmetricKey, keyBlock };
    const item = schema.encode(Tag.RequestPayload, { object }, v14) as Item;
    expect(item).toMatchObject({
      value: [
        {
          value: [
            {
              value: expect.arrayContaining([
                expect.objectContaining({ tag: Tag.KeyValue, type: ItemType.Structure }),
              ]) as unknown,
            },
          ],
        },
      ],
    });
    expect(schema.decode(item, v14).object).toEqual(object);
  });

  test('carry their attributes in the form of the version', () => {
    const keyBlock: KeyBlock = {
      ...raw,
      keyValue: {
        ...raw.keyValue,
        attributes: [{ key: 'CryptographicLength', value: 128 }],
      } as KeyBlock['keyValue'],
    };
    const object: ManagedObjectValue = { objectType: ObjectType.SymmetricKey, keyBlock };
    for (const [dialect, tag] of [
      [v14, Tag.Attribute],
      [v21, Tag.Attributes],
    ] as const) {
      const item = schema.encode(Tag.RequestPayload, { object }, dialect) as Item;
      expect(schema.decode(item, dialect).object).toEqual(object);
      expect(
        JSON.stringify(item.value, (_key, value: unknown) =>
          typeof value === 'bigint' ? `${value}` : value,
        ),
      ).toContain(`"tag":${tag}`);
    }
  });

  test('of a format that the version does not list are left out with their object', () => {
    const keyBlock: KeyBlock = { ...raw, keyFormatType: KeyFormatType.TransparentECPrivateKey };
    const object: ManagedObjectValue = { objectType: ObjectType.PrivateKey, keyBlock };
    expect(schema.encode(Tag.RequestPayload, { object }, v10)).toBeUndefined();
    expect(schema.encode(Tag.RequestPayload, { object }, v14)).toBeDefined();
  });
});

describe('transparent keys', () => {
  const formats = Object.keys(transparentKeyStructures).map(
    (format) => Number(format) as TransparentKeyFormat,
  );

  test.each(formats)('format %d comes back', (format) => {
    fc.assert(
      fc.property(valuesOf(transparentKeyStructures[format], v14), (value) => {
        const material = encodeTransparentKey(format, value as never, v14);
        expect(material.tag).toBe(Tag.KeyMaterial);
        const decoded = decodeTransparentKey(format, material, v14);
        expect(decoded).toEqual(value);
        expect(encodeTtlv(encodeTransparentKey(format, decoded as never, v14))).toEqual(encodeTtlv(material));
      }),
      { numRuns: 10 },
    );
  });

  test('are told from the formats that are bytes', () => {
    expect(isTransparentKeyFormat(KeyFormatType.Raw)).toBe(false);
    expect(isTransparentKeyFormat(KeyFormatType.TransparentRSAPublicKey)).toBe(true);
  });

  test('with a curve that the version does not list cannot be given', () => {
    const key = { recommendedCurve: RecommendedCurve.CURVE25519, d: 1n };
    expect(refusal(() => encodeTransparentKey(KeyFormatType.TransparentECPrivateKey, key, v14))).toBe(
      'KeyFormatTypeNotSupported',
    );
  });

  test('pass through a key block as structures', () => {
    const key = new SecretBytes(Buffer.from('0123456789abcdef'));
    const keyMaterial = encodeTransparentKey(KeyFormatType.TransparentSymmetricKey, { key }, v14);
    const object: ManagedObjectValue = {
      objectType: ObjectType.SymmetricKey,
      keyBlock: {
        keyFormatType: KeyFormatType.TransparentSymmetricKey,
        keyValue: { keyMaterial, attributes: [] },
      },
    };
    const decoded = schema.decode(schema.encode(Tag.RequestPayload, { object }, v21) as Item, v21);
    expect(decoded.object).toEqual(object);
  });
});

test('what stands for a key inside an HSM is kept at rest, and neither said nor heard in any version', () => {
  const hsmKey = { keyId: 'a0b1', publicKey: Buffer.from('02', 'hex') };
  const { keyFormatType, cryptographicAlgorithm, cryptographicLengthBits } = raw;
  const block = { keyFormatType, cryptographicAlgorithm, cryptographicLengthBits };
  const object: ManagedObjectValue = { objectType: ObjectType.PrivateKey, keyBlock: { ...block, hsmKey } };
  const atRest = schema.encode(Tag.RequestPayload, { object }, STORAGE_DIALECT) as Item;
  expect(schema.decode(atRest, STORAGE_DIALECT)).toEqual({ object });
  const bare = { object: { ...object, keyBlock: block } };
  for (const dialect of DIALECTS) {
    expect(schema.decode(atRest, dialect)).toEqual(bare);
    const spoken = schema.encode(Tag.RequestPayload, { object }, dialect) as Item;
    expect(schema.decode(spoken, STORAGE_DIALECT)).toEqual(bare);
  }
});
