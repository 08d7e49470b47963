import { HoldfastError, ItemType, SecretBytes, type Item, type StructureItem } from '@holdfast/ttlv';
import { attributeList } from './attributes/fields';
import type { Attribute } from './attributes/table';
import { keyWrappingDataStructure } from './key-wrapping';
import {
  bigInteger,
  byteString,
  enumerated,
  integer,
  openEnumeration,
  optional,
  required,
  structure,
  tagName,
  textString,
  withTag,
  wrongType,
  type Codec,
  type Field,
  type Infer,
} from './schema';
import { secretByteString } from './secret-codecs';
import type { Dialect, Window } from './versions/dialect';
import * as enums from './vocabulary/enumerations';
import { Tag } from './vocabulary/tags';

/** Managed objects as messages carry them. KMIP 1.4 sections 2.1.3, 2.1.4 and 2.2, KMIP 2.1 chapters 2 and 3. */

const { ObjectType } = enums;

/** Bytes, or for the transparent key formats the structure that `transparent-keys` reads. */
export type KeyMaterial = SecretBytes | StructureItem;

/**
 * A Key Value in clear, or its wrapped form: what it holds before wrapping is what the Encoding Option says. The bytes of
 * a key wrapped by itself (No Encoding) stand within Key Material, as clients and test cases have them, or instead of it.
 */
export type KeyValue =
  | { readonly keyMaterial: KeyMaterial; readonly attributes: readonly Attribute[] }
  | { readonly encoded: SecretBytes; readonly isWithinKeyMaterial?: boolean };

const keyMaterial: Codec<KeyMaterial> = {
  type: undefined,
  decode(item, dialect) {
    return item.type === ItemType.Structure ? item : secretByteString.decode(item, dialect);
  },
  encode(tag, value, dialect) {
    return value instanceof SecretBytes ? secretByteString.encode(tag, value, dialect) : withTag(value, tag);
  },
};

/** A Key Value in clear: what Encoding Option "TTLV Encoding" wraps. */
export const plainKeyValueStructure = structure({
  keyMaterial: required(Tag.KeyMaterial, keyMaterial),
  attributes: attributeList({ omitsEmpty: true }),
});

const keyValue: Codec<KeyValue> = {
  type: undefined,
  decode(item, dialect) {
    return item.type === ItemType.Structure
      ? plainKeyValueStructure.decode(item, dialect)
      : { encoded: secretByteString.decode(item, dialect) };
  },
  encode(tag, value, dialect) {
    if (!('encoded' in value)) return plainKeyValueStructure.encode(tag, value, dialect);
    if (value.isWithinKeyMaterial !== true) return secretByteString.encode(tag, value.encoded, dialect);
    return plainKeyValueStructure.encode(tag, { keyMaterial: value.encoded, attributes: [] }, dialect);
  },
};

/** At rest alone: no version that is spoken lies in it. */
const NEVER_SPOKEN: Window = { since: '2.0', last: '1.4' };

/** What stands at rest for a key that lives inside an HSM. */
const hsmKeyReference = structure({
  /** CKA_ID of the token's object, lower-case hex. */
  keyId: required(0x540002, textString),
  /** SubjectPublicKeyInfo of the other half of a pair. */
  publicKey: optional(0x540003, byteString),
});

const keyBlockMembers = structure({
  keyFormatType: required(Tag.KeyFormatType, enumerated(enums.keyFormatTypeEnum)),
  keyCompressionType: optional(Tag.KeyCompressionType, enumerated(enums.keyCompressionTypeEnum)),
  /** Absent where the key value is kept elsewhere (Key Value Location). */
  keyValue: optional(Tag.KeyValue, keyValue),
  cryptographicAlgorithm: optional(Tag.CryptographicAlgorithm, enumerated(enums.cryptographicAlgorithmEnum)),
  cryptographicLengthBits: optional(Tag.CryptographicLength, integer),
  keyWrappingData: optional(Tag.KeyWrappingData, keyWrappingDataStructure),
  /** In place of the key value, where the key is inside an HSM. */
  hsmKey: optional(0x540001, hsmKeyReference, NEVER_SPOKEN),
});
export type KeyBlock = Infer<typeof keyBlockMembers>;

/** Key Material that is wrapped bytes is told from a key in clear by the Key Wrapping Data beside it alone. */
function asWrapped(keyBlock: KeyBlock): KeyBlock {
  const { keyValue: value, keyWrappingData } = keyBlock;
  if (keyWrappingData?.encodingOption !== enums.EncodingOption.NoEncoding) return keyBlock;
  if (value === undefined || 'encoded' in value) return keyBlock;
  if (!(value.keyMaterial instanceof SecretBytes) || value.attributes.length > 0) return keyBlock;
  return { ...keyBlock, keyValue: { encoded: value.keyMaterial, isWithinKeyMaterial: true } };
}

export const keyBlockStructure: typeof keyBlockMembers = {
  ...keyBlockMembers,
  decode: (item, dialect) => asWrapped(keyBlockMembers.decode(item, dialect)),
};

const onlyKeyBlock = structure({ keyBlock: required(Tag.KeyBlock, keyBlockStructure) });

const splitKey = structure({
  splitKeyParts: required(Tag.SplitKeyParts, integer),
  keyPartIdentifier: required(Tag.KeyPartIdentifier, integer),
  splitKeyThreshold: required(Tag.SplitKeyThreshold, integer),
  splitKeyMethod: required(Tag.SplitKeyMethod, enumerated(enums.splitKeyMethodEnum)),
  primeFieldSize: optional(Tag.PrimeFieldSize, bigInteger),
  keyBlock: required(Tag.KeyBlock, keyBlockStructure),
});
const secretData = structure({
  secretDataType: required(Tag.SecretDataType, enumerated(enums.secretDataTypeEnum)),
  keyBlock: required(Tag.KeyBlock, keyBlockStructure),
});
const opaqueObject = structure({
  opaqueDataType: required(Tag.OpaqueDataType, openEnumeration),
  opaqueDataValue: required(Tag.OpaqueDataValue, secretByteString),
});
/** KMIP 1.4 section 2.2.1, KMIP 2.1 section 2.1. */
export const certificateStructure = structure({
  certificateType: required(Tag.CertificateType, enumerated(enums.certificateTypeEnum)),
  certificateValue: required(Tag.CertificateValue, byteString),
});
export const certificateRequestStructure = structure({
  certificateRequestType: required(Tag.CertificateRequestType, enumerated(enums.certificateRequestTypeEnum)),
  certificateRequestValue: required(Tag.CertificateRequestValue, byteString),
});
const pgpKey = structure({
  pgpKeyVersion: required(Tag.PGPKeyVersion, integer),
  keyBlock: required(Tag.KeyBlock, keyBlockStructure),
});
const template = structure({ attributes: attributeList() });

const objectCodecs = {
  [ObjectType.Certificate]: { tag: Tag.Certificate, codec: certificateStructure },
  [ObjectType.SymmetricKey]: { tag: Tag.SymmetricKey, codec: onlyKeyBlock },
  [ObjectType.PublicKey]: { tag: Tag.PublicKey, codec: onlyKeyBlock },
  [ObjectType.PrivateKey]: { tag: Tag.PrivateKey, codec: onlyKeyBlock },
  [ObjectType.SplitKey]: { tag: Tag.SplitKey, codec: splitKey },
  [ObjectType.Template]: { tag: Tag.Template, codec: template },
  [ObjectType.SecretData]: { tag: Tag.SecretData, codec: secretData },
  [ObjectType.OpaqueObject]: { tag: Tag.OpaqueObject, codec: opaqueObject },
  [ObjectType.PGPKey]: { tag: Tag.PGPKey, codec: pgpKey },
  [ObjectType.CertificateRequest]: { tag: Tag.CertificateRequest, codec: certificateRequestStructure },
} as const;

/** A managed object's value of one type. */
export type ManagedObjectOf<T extends enums.ObjectType> = { readonly objectType: T } & Infer<
  (typeof objectCodecs)[T]['codec']
>;
/** A managed object's value; `objectType` says which members it has. */
export type ManagedObjectValue = { [T in enums.ObjectType]: ManagedObjectOf<T> }[enums.ObjectType];

interface ObjectRow {
  readonly objectType: enums.ObjectType;
  readonly tag: number;
  readonly codec: Codec<object>;
}

const rows: readonly ObjectRow[] = Object.entries(objectCodecs).map(([objectType, row]) => ({
  objectType: Number(objectType) as enums.ObjectType,
  ...row,
}));
const rowByType = new Map(rows.map((row) => [row.objectType, row]));
const rowByTag = new Map(rows.map((row) => [row.tag, row]));

function isKnown(row: ObjectRow, dialect: Dialect): boolean {
  const entry = enums.objectTypeEnum.byValue.get(row.objectType);
  return entry !== undefined && dialect.knows(entry);
}

function decodeObject(item: Item, dialect: Dialect): ManagedObjectValue {
  const row = rowByTag.get(item.tag);
  if (row === undefined || !isKnown(row, dialect)) {
    throw new HoldfastError(
      'InvalidField',
      `${tagName(item.tag)} is not a managed object of KMIP ${dialect.name}`,
    );
  }
  if (item.type !== ItemType.Structure) throw wrongType(item, ItemType.Structure);
  return Object.assign({ objectType: row.objectType }, row.codec.decode(item, dialect)) as ManagedObjectValue;
}

function encodeObject(value: ManagedObjectValue, dialect: Dialect): Item | undefined {
  const row = rowByType.get(value.objectType);
  if (row === undefined || !isKnown(row, dialect)) return undefined;
  return row.codec.encode(row.tag, value, dialect);
}

const tagsByOrdinal: (readonly number[] | undefined)[] = [];
function objectTagsIn(dialect: Dialect): readonly number[] {
  return (tagsByOrdinal[dialect.ordinal] ??= rows
    .filter((row) => isKnown(row, dialect))
    .map((row) => row.tag));
}

function objectMember<const O extends boolean>(isOptional: O): Field<ManagedObjectValue, O> {
  return {
    isOptional,
    isRepeated: false,
    tag: undefined,
    codec: undefined,
    window: {},
    tagsIn: objectTagsIn,
    decode(items, dialect, structure) {
      const [item, second] = items;
      if (item === undefined && isOptional) return undefined;
      if (item === undefined || second !== undefined) {
        throw new HoldfastError(
          'InvalidMessage',
          `${tagName(structure.tag)} does not hold exactly one managed object`,
        );
      }
      return decodeObject(item, dialect);
    },
    encode(value, dialect, out) {
      const item = encodeObject(value, dialect);
      if (item !== undefined) out.push(item);
    },
  };
}

/** The managed object in a payload (Register, Get, Put): one item under the tag of its type. */
export function managedObjectField(): Field<ManagedObjectValue, false> {
  return objectMember(false);
}

/** A managed object that may be left out: of a destroyed one there may be nothing to carry (Import, Export). */
export function optionalManagedObjectField(): Field<ManagedObjectValue, true> {
  return objectMember(true);
}

/** The bytes of a request in Certify and Re-certify, under the tag of the version. KMIP 1.4 section 4.7, KMIP 2.1 section 6.1.6. */
export function certificateRequestBytes(): Field<Buffer, true> {
  const v1 = optional(Tag.CertificateRequest, byteString, { last: '1.4' });
  const v2 = optional(Tag.CertificateRequestValue, byteString, { since: '2.0' });
  const fieldOf = (dialect: Dialect) => (dialect.knows(v1.window) ? v1 : v2);
  return {
    ...v2,
    window: {},
    tagsIn: (dialect) => fieldOf(dialect).tagsIn(dialect),
    decode: (items, dialect, item) => fieldOf(dialect).decode(items, dialect, item),
    encode: (value, dialect, out) => {
      fieldOf(dialect).encode(value, dialect, out);
    },
  };
}
