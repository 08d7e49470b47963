import {
  CryptographicAlgorithm,
  CryptographicUsageMask,
  NameType,
  ObjectType,
  RecommendedCurve,
  cryptographicAlgorithmEnum,
  objectTypeEnum,
  type Attribute,
} from '@holdfast/kmip';
import { ItemType } from '@holdfast/ttlv';
import { Tag } from '@holdfast/kmip';
import { AttributeSet } from '../objects/attribute-set';
import { fillUsageMask } from '../objects/requested-key';
import type { OperationContext } from '../operation';
import { locateFilters } from '../operations/locate';
import type { LocateFilter } from '../ports/key-store';
import { byte, byteString, count, ulong, type ParameterReader } from './codec';

/** Attributes of PKCS#11 (PKCS#11 v3.0 chapter 4) as those of KMIP. */

export const CKA = {
  CLASS: 0x0n,
  TOKEN: 0x1n,
  PRIVATE: 0x2n,
  LABEL: 0x3n,
  VALUE: 0x11n,
  KEY_TYPE: 0x100n,
  ID: 0x102n,
  SENSITIVE: 0x103n,
  MODULUS: 0x120n,
  MODULUS_BITS: 0x121n,
  PUBLIC_EXPONENT: 0x122n,
  VALUE_LEN: 0x161n,
  EXTRACTABLE: 0x162n,
  EC_PARAMS: 0x180n,
  EC_POINT: 0x181n,
  ALLOWED_MECHANISMS: 0x4000_0600n,
} as const;

type Kind = 'ulong' | 'boolean' | 'bytes';
export type Pkcs11Value = bigint | boolean | Buffer;
export type Pkcs11Template = ReadonlyMap<bigint, Pkcs11Value>;

const USAGES: ReadonlyMap<bigint, CryptographicUsageMask> = new Map([
  [0x104n, CryptographicUsageMask.Encrypt],
  [0x105n, CryptographicUsageMask.Decrypt],
  [0x106n, CryptographicUsageMask.WrapKey],
  [0x107n, CryptographicUsageMask.UnwrapKey],
  [0x108n, CryptographicUsageMask.Sign | CryptographicUsageMask.MACGenerate],
  [0x10an, CryptographicUsageMask.Verify | CryptographicUsageMask.MACVerify],
  [0x10cn, CryptographicUsageMask.DeriveKey],
] as [bigint, CryptographicUsageMask][]);

const KINDS: ReadonlyMap<bigint, Kind> = new Map<bigint, Kind>([
  ...[CKA.CLASS, CKA.KEY_TYPE, CKA.MODULUS_BITS, CKA.VALUE_LEN].map((type) => [type, 'ulong'] as const),
  ...[CKA.TOKEN, CKA.PRIVATE, CKA.SENSITIVE, CKA.EXTRACTABLE, ...USAGES.keys()].map(
    (type) => [type, 'boolean'] as const,
  ),
  ...[CKA.LABEL, CKA.ID, CKA.VALUE, CKA.PUBLIC_EXPONENT, CKA.EC_PARAMS].map(
    (type) => [type, 'bytes'] as const,
  ),
]);

const CKO_DATA = 0n;
/** CK_OBJECT_CLASS; what has none of its own is CKO_DATA. */
const CLASSES: ReadonlyMap<ObjectType, bigint> = new Map<ObjectType, bigint>([
  [ObjectType.OpaqueObject, CKO_DATA],
  [ObjectType.Certificate, 1n],
  [ObjectType.PublicKey, 2n],
  [ObjectType.PrivateKey, 3n],
  [ObjectType.SymmetricKey, 4n],
]);
/** CK_KEY_TYPE. */
export const CKK = { RSA: 0x0n, EC: 0x3n, GENERIC_SECRET: 0x10n } as const;
const KEY_TYPES: ReadonlyMap<CryptographicAlgorithm, bigint> = new Map<CryptographicAlgorithm, bigint>([
  [CryptographicAlgorithm.RSA, CKK.RSA],
  [CryptographicAlgorithm.DSA, 0x1n],
  [CryptographicAlgorithm.DH, 0x2n],
  [CryptographicAlgorithm.EC, CKK.EC],
  [CryptographicAlgorithm.ECDSA, CKK.EC],
  [CryptographicAlgorithm.ECDH, CKK.EC],
  [CryptographicAlgorithm.DES3, 0x15n],
  [CryptographicAlgorithm.AES, 0x1fn],
  [CryptographicAlgorithm.Camellia, 0x25n],
]);

const classOf = (objectType: ObjectType): bigint => CLASSES.get(objectType) ?? CKO_DATA;
const keyTypeOf = (algorithm: CryptographicAlgorithm): bigint =>
  KEY_TYPES.get(algorithm) ?? CKK.GENERIC_SECRET;

/** Curves that have a name in CKA_EC_PARAMS: their object identifiers in DER. */
const CURVES: ReadonlyMap<RecommendedCurve, string> = new Map<RecommendedCurve, string>([
  [RecommendedCurve.P_224, '06052b81040021'],
  [RecommendedCurve.P_256, '06082a8648ce3d030107'],
  [RecommendedCurve.P_384, '06052b81040022'],
  [RecommendedCurve.P_521, '06052b81040023'],
  [RecommendedCurve.SECP256K1, '06052b8104000a'],
  [RecommendedCurve.BRAINPOOLP256R1, '06092b2403030208010107'],
  [RecommendedCurve.BRAINPOOLP384R1, '06092b240303020801010b'],
  [RecommendedCurve.BRAINPOOLP512R1, '06092b240303020801010d'],
]);
/** 65537, the only public exponent of key pairs that are made here. */
const PUBLIC_EXPONENT = '010001';

const keyOf = <K>(table: ReadonlyMap<K, bigint>, wanted: Pkcs11Value): K | undefined =>
  [...table].find(([, value]) => value === wanted)?.[0];

const ID = { vendorIdentification: 'PKCS11', attributeName: 'CKA_ID' } as const;
/** The vendor attribute that keeps CKA_ID. */
const idAttribute = (value: Buffer): Attribute => ({
  key: 'VendorAttribute',
  value: {
    ...ID,
    attributeValue: { tag: Tag.AttributeValue, type: ItemType.ByteString, value },
  },
});

/**
 * Reads a template: count, then type, whether a value and whether a length is there, and the value.
 * @returns undefined where it has an attribute that there is not here
 * @throws HoldfastError PKCS_11CodecError
 */
export function readTemplate(input: ParameterReader): Pkcs11Template | undefined {
  const template = new Map<bigint, Pkcs11Value>();
  for (let left = input.count(); left > 0; left--) {
    const type = input.ulong();
    const [hasValue] = [input.byte() !== 0, input.byte()];
    const kind = KINDS.get(type);
    if (kind === undefined || !hasValue) return undefined;
    template.set(
      type,
      kind === 'ulong' ? input.ulong() : kind === 'boolean' ? input.byte() !== 0 : input.byteString(),
    );
  }
  return template;
}

/** An attribute that C_GetAttributeValue asks for: its value, or how long it is. */
export interface AskedAttribute {
  readonly type: bigint;
  readonly isValueWanted: boolean;
}

export function readAsked(input: ParameterReader): readonly AskedAttribute[] {
  return Array.from({ length: input.count() }, () => {
    const type = input.ulong();
    input.byte();
    const isValueWanted = input.byte() !== 0;
    if (type === CKA.ALLOWED_MECHANISMS && isValueWanted) input.count();
    return { type, isValueWanted };
  });
}

/** One attribute of the answer; without a value where the object has none, or does not show it. */
export function writeAttribute(
  { type, isValueWanted }: AskedAttribute,
  value: Pkcs11Value | undefined,
): Buffer {
  if (value === undefined) return Buffer.concat([ulong(type), byte(0), byte(0)]);
  const flags = Buffer.concat([ulong(type), byte(isValueWanted ? 1 : 0), byte(1)]);
  if (Buffer.isBuffer(value)) {
    return Buffer.concat([flags, isValueWanted ? byteString(value) : count(value.length)]);
  }
  if (!isValueWanted) return flags;
  return Buffer.concat([flags, typeof value === 'boolean' ? byte(value ? 1 : 0) : ulong(value)]);
}

/** What KMIP's attributes say for one of PKCS#11's; undefined where the object has none. */
export function valueOf(type: bigint, attributes: AttributeSet): Pkcs11Value | undefined {
  const usage = USAGES.get(type);
  if (usage !== undefined) return ((attributes.get('CryptographicUsageMask') ?? 0) & usage) !== 0;
  const objectType = attributes.get('ObjectType');
  const algorithm = attributes.get('CryptographicAlgorithm');
  const lengthBits = attributes.get('CryptographicLength');
  switch (type) {
    case CKA.CLASS:
      return objectType === undefined ? CKO_DATA : classOf(objectType);
    case CKA.TOKEN:
    case CKA.PRIVATE:
      return true;
    case CKA.LABEL:
      return Buffer.from(attributes.get('Name')?.nameValue ?? '');
    case CKA.KEY_TYPE:
      return algorithm === undefined ? undefined : keyTypeOf(algorithm);
    case CKA.ID: {
      const [kept] = attributes.vendorInstances(ID.vendorIdentification, ID.attributeName);
      const value = kept?.key === 'VendorAttribute' ? kept.value.attributeValue.value : undefined;
      return Buffer.isBuffer(value) ? value : Buffer.alloc(0);
    }
    case CKA.SENSITIVE:
      return attributes.get('Sensitive') === true;
    case CKA.EXTRACTABLE:
      return attributes.get('Extractable') !== false;
    case CKA.VALUE_LEN:
      return objectType === ObjectType.SymmetricKey && lengthBits !== undefined
        ? BigInt(Math.ceil(lengthBits / 8))
        : undefined;
    case CKA.MODULUS_BITS:
      return algorithm === CryptographicAlgorithm.RSA && lengthBits !== undefined
        ? BigInt(lengthBits)
        : undefined;
    case CKA.EC_PARAMS: {
      const { recommendedCurve } = attributes.get('CryptographicDomainParameters') ?? {};
      const der = recommendedCurve === undefined ? undefined : CURVES.get(recommendedCurve);
      return der === undefined ? undefined : Buffer.from(der, 'hex');
    }
    default:
      return undefined;
  }
}

/** Whether no object can be as the template says: there are no session objects. */
const isOfNone = (template: Pkcs11Template): boolean => template.get(CKA.TOKEN) === false;

/**
 * What a template says of a new object.
 * @returns undefined where no object is so
 */
export function attributesOf(template: Pkcs11Template): readonly Attribute[] | undefined {
  if (isOfNone(template)) return undefined;
  const attributes: Attribute[] = [];
  let mask = 0;
  for (const [type, value] of template) {
    const usage = USAGES.get(type);
    if (usage !== undefined) {
      if (value === true) mask |= usage;
      continue;
    }
    const said = attributeOf(type, value);
    if (said === undefined) return undefined;
    attributes.push(...said);
  }
  return mask === 0 ? attributes : [...attributes, { key: 'CryptographicUsageMask', value: mask }];
}

/**
 * What a template says of a new object, with the uses that it has: where the template allows none, the usual ones but for those
 * that it forbids.
 * @param attributes what `attributesOf` made of it, with the algorithm
 */
export function withUses(
  attributes: readonly Attribute[],
  template: Pkcs11Template,
  objectType: ObjectType,
  context: OperationContext,
): readonly Attribute[] {
  const forbidden = [...template].reduce(
    (bits, [type, value]) => (value === false ? bits | (USAGES.get(type) ?? 0) : bits),
    0,
  );
  if (forbidden === 0 || attributes.some(({ key }) => key === 'CryptographicUsageMask')) return attributes;
  const usual = new AttributeSet(attributes);
  fillUsageMask(objectType, usual, context);
  const value = (usual.get('CryptographicUsageMask') ?? 0) & ~forbidden;
  return [...attributes, { key: 'CryptographicUsageMask', value }];
}

/**
 * What a template demands of objects that are there: `valueOf` tells the same of them.
 * @returns undefined where no object is so
 */
export function conditionsOf(template: Pkcs11Template): readonly LocateFilter[] | undefined {
  // All objects are private: `valueOf`.
  if (isOfNone(template) || template.get(CKA.PRIVATE) === false) return undefined;
  const filters: LocateFilter[] = [];
  for (const [type, value] of template) {
    const usage = USAGES.get(type);
    if (usage !== undefined) {
      filters.push({
        kind: value === true ? 'someBits' : 'noBits',
        key: 'CryptographicUsageMask',
        bits: usage,
      });
      continue;
    }
    if (SPREAD.includes(type)) {
      filters.push({ kind: 'anyOf', attributes: meantBy(type, value) });
      continue;
    }
    const said = attributeOf(type, value);
    if (said === undefined) return undefined;
    const absent = said.length === 0 ? absentOf(type) : undefined;
    if (absent !== undefined) filters.push({ kind: 'lacks', attribute: absent });
    const bearer = BEARERS.get(type);
    filters.push(...locateFilters(bearer === undefined ? said : [...said, bearer]));
  }
  return filters;
}

/** What has to be lacking where an attribute is empty. */
function absentOf(type: bigint): Attribute | undefined {
  if (type === CKA.LABEL) return { key: 'Name', value: {} } as Attribute;
  if (type !== CKA.ID) return undefined;
  const { vendorIdentification, attributeName } = ID;
  return { key: 'VendorAttribute', value: { vendorIdentification, attributeName } } as Attribute;
}

/** What an object has to be so that `valueOf` tells of its length. */
const BEARERS: ReadonlyMap<bigint, Attribute> = new Map<bigint, Attribute>([
  [CKA.VALUE_LEN, { key: 'ObjectType', value: ObjectType.SymmetricKey }],
  [CKA.MODULUS_BITS, { key: 'CryptographicAlgorithm', value: CryptographicAlgorithm.RSA }],
]);

/** Attributes of which one value stands for several of KMIP's. */
const SPREAD: readonly bigint[] = [CKA.CLASS, CKA.KEY_TYPE];

/** All of KMIP's attributes of which `valueOf` tells this value. */
function meantBy(type: bigint, wanted: Pkcs11Value): readonly Attribute[] {
  if (type === CKA.CLASS) {
    const types = [...objectTypeEnum.byValue.keys()] as ObjectType[];
    return types.filter((each) => classOf(each) === wanted).map((value) => ({ key: 'ObjectType', value }));
  }
  const algorithms = [...cryptographicAlgorithmEnum.byValue.keys()] as CryptographicAlgorithm[];
  return algorithms
    .filter((each) => keyTypeOf(each) === wanted)
    .map((value) => ({ key: 'CryptographicAlgorithm', value }));
}

/** The most that an Integer of KMIP says. */
const MAX_LENGTH_BITS = 2n ** 31n - 1n;

function lengthOf(bits: bigint): readonly Attribute[] | undefined {
  return bits > MAX_LENGTH_BITS ? undefined : [{ key: 'CryptographicLength', value: Number(bits) }];
}

function attributeOf(type: bigint, value: Pkcs11Value): readonly Attribute[] | undefined {
  switch (type) {
    case CKA.CLASS: {
      const objectType = keyOf(CLASSES, value);
      return objectType === undefined ? undefined : [{ key: 'ObjectType', value: objectType }];
    }
    case CKA.KEY_TYPE: {
      const algorithm =
        value === CKK.GENERIC_SECRET ? CryptographicAlgorithm.HMAC_SHA256 : keyOf(KEY_TYPES, value);
      return algorithm === undefined ? undefined : [{ key: 'CryptographicAlgorithm', value: algorithm }];
    }
    case CKA.LABEL:
      if (!Buffer.isBuffer(value) || value.length === 0) return [];
      return [
        {
          key: 'Name',
          value: { nameValue: value.toString(), nameType: NameType.UninterpretedTextString },
        },
      ];
    case CKA.ID:
      return Buffer.isBuffer(value) && value.length > 0 ? [idAttribute(value)] : [];
    case CKA.SENSITIVE:
      return [{ key: 'Sensitive', value: value === true }];
    case CKA.EXTRACTABLE:
      return [{ key: 'Extractable', value: value === true }];
    case CKA.VALUE_LEN:
      return typeof value === 'bigint' ? lengthOf(value * 8n) : undefined;
    case CKA.MODULUS_BITS:
      return typeof value === 'bigint' ? lengthOf(value) : undefined;
    case CKA.EC_PARAMS: {
      const wanted = Buffer.isBuffer(value) ? value.toString('hex') : '';
      const curve = [...CURVES].find(([, der]) => der === wanted)?.[0];
      return curve === undefined
        ? undefined
        : [{ key: 'CryptographicDomainParameters', value: { recommendedCurve: curve } }];
    }
    case CKA.PUBLIC_EXPONENT:
      return Buffer.isBuffer(value) && value.toString('hex').replace(/^(00)+/, '') === PUBLIC_EXPONENT
        ? []
        : undefined;
    case CKA.VALUE:
      return undefined;
    default:
      return [];
  }
}
