import { create, createKeyPair, reKey, reKeyKeyPair, register } from '@holdfast/core';
import {
  CryptographicAlgorithm,
  CryptographicUsageMask,
  ObjectType,
  SecretDataType,
  SplitKeyMethod,
  cryptographicAlgorithmEnum,
  cryptographicUsageMaskBits,
  keyFormatTypeEnum,
  objectTypeEnum,
  recommendedCurveEnum,
  secretDataTypeEnum,
  splitKeyMethodEnum,
  type Attribute,
  type Dialect,
  type Infer,
  type KeyFormatType,
  type NewAttributes,
  type RecommendedCurve,
} from '@holdfast/kmip';
import { wrongUse } from '../../exit';
import { attributeOf, attributesOf, parseAttribute } from '../attribute-arguments';
import { inputBytes, type InputFlags } from '../input';
import type { AttributeFlags } from '../options';
import { parseDuration } from '../times';
import { describeAsymmetric, managedObject, recognise, type ValueDescription } from '../value-input';
import { parseBigInteger, parseInteger, parseMask, parseMember } from '../values';
import { perform, performIn, type CommonFlags } from './perform';

const { DeriveKey, Encrypt, Decrypt, Sign, Verify, MACGenerate, MACVerify } = CryptographicUsageMask;

export function newAttributes(attributes: readonly Attribute[]): NewAttributes {
  return { templateNames: [], attributes };
}

export function algorithmOf(text: string): CryptographicAlgorithm {
  return parseMember(cryptographicAlgorithmEnum, text, 'Cryptographic Algorithm') as CryptographicAlgorithm;
}

export function lengthOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : parseInteger(text, 'the length in bits');
}

export function objectTypeOf(text: string): ObjectType {
  return parseMember(objectTypeEnum, text, 'Object Type') as ObjectType;
}

function has(attributes: readonly Attribute[], key: Attribute['key']): boolean {
  return attributes.some((attribute) => attribute.key === key);
}

/** The options that say what an attribute says too. */
interface DescribingFlags {
  readonly algorithm?: string | undefined;
  readonly length?: string | undefined;
}

/**
 * The attributes that say what is to be made, unless they are given by name.
 * @throws CommandFailure wrong use, where one is given by an option besides
 */
export function describing(
  given: readonly Attribute[],
  what: {
    algorithm?: CryptographicAlgorithm | undefined;
    lengthBits?: number | undefined;
    usage?: number | undefined;
  },
  flags: DescribingFlags = {},
): readonly Attribute[] {
  for (const [flag, key] of [
    ['algorithm', 'CryptographicAlgorithm'],
    ['length', 'CryptographicLength'],
  ] as const) {
    if (flags[flag] !== undefined && has(given, key))
      throw wrongUse(`--${flag} and the attribute ${key} are both given`, 'Use one of them.');
  }
  const described: Attribute[] = [];
  if (what.algorithm !== undefined) described.push({ key: 'CryptographicAlgorithm', value: what.algorithm });
  if (what.lengthBits !== undefined) described.push({ key: 'CryptographicLength', value: what.lengthBits });
  if (what.usage !== undefined) described.push({ key: 'CryptographicUsageMask', value: what.usage });
  return [...described.filter(({ key }) => !has(given, key)), ...given];
}

function isHmac(algorithm: CryptographicAlgorithm | undefined): boolean {
  return cryptographicAlgorithmEnum.byValue.get(algorithm ?? 0)?.key.startsWith('HMAC') === true;
}

export function symmetricUsage(algorithm: CryptographicAlgorithm | undefined): number {
  return isHmac(algorithm) ? MACGenerate | MACVerify : Encrypt | Decrypt;
}

/** Keys of ML-KEM derive secrets, and do nothing else. */
function pairUsage(algorithm: CryptographicAlgorithm | undefined, usual: number): number {
  const isKem = cryptographicAlgorithmEnum.byValue.get(algorithm ?? 0)?.key.startsWith('ML_KEM') === true;
  return isKem ? DeriveKey : usual;
}

export interface CreateFlags extends CommonFlags, AttributeFlags {
  readonly type?: string;
  readonly algorithm?: string;
  readonly length?: string;
}

const DEFAULT_AES_LENGTH_BITS = 256;

export async function createAction(flags: CreateFlags): Promise<void> {
  const objectType = flags.type === undefined ? ObjectType.SymmetricKey : objectTypeOf(flags.type);
  const given = attributesOf(flags);
  const isKey = objectType === ObjectType.SymmetricKey;
  const algorithm =
    flags.algorithm !== undefined
      ? algorithmOf(flags.algorithm)
      : isKey
        ? CryptographicAlgorithm.AES
        : undefined;
  const usualLength = algorithm === CryptographicAlgorithm.AES ? DEFAULT_AES_LENGTH_BITS : undefined;
  const usage = isKey ? symmetricUsage(algorithm) : CryptographicUsageMask.DeriveKey;
  const lengthBits = lengthOf(flags.length) ?? usualLength;
  const attributes = describing(given, { algorithm, lengthBits, usage }, flags);
  await perform(create, { objectType, newAttributes: newAttributes(attributes) }, flags);
}

export interface CreateKeyPairFlags extends CommonFlags, Omit<AttributeFlags, 'usageMask'> {
  readonly algorithm?: string;
  readonly length?: string;
  readonly curve?: string;
  readonly privateName?: string;
  readonly publicName?: string;
  readonly privateUsageMask?: string;
  readonly publicUsageMask?: string;
  readonly privateAttribute?: readonly string[];
  readonly publicAttribute?: readonly string[];
}

const DEFAULT_RSA_LENGTH_BITS = 3072;

/** Names are unique, so the two keys of a pair cannot share one. */
function halfName(
  own: string | undefined,
  common: readonly string[] | undefined,
  suffix: string,
): readonly Attribute[] {
  const names = own !== undefined ? [own] : (common ?? []).map((name) => `${name}${suffix}`);
  return names.map((name) => attributeOf('Name', name));
}

/** What a version calls the algorithm of a key that nobody named: those of elliptic curves are for ECDSA in KMIP 1.0 and 1.1. */
function algorithmIn<A extends CryptographicAlgorithm | undefined>(dialect: Dialect, algorithm: A) {
  const { EC, ECDSA } = CryptographicAlgorithm;
  const entry = cryptographicAlgorithmEnum.byValue.get(EC);
  return algorithm !== EC || entry === undefined || dialect.knows(entry) ? algorithm : ECDSA;
}

export async function createKeyPairAction(flags: CreateKeyPairFlags): Promise<void> {
  const { name, ...others } = flags;
  const curve =
    flags.curve === undefined
      ? undefined
      : (parseMember(recommendedCurveEnum, flags.curve, 'Recommended Curve') as RecommendedCurve);
  const algorithm =
    flags.algorithm !== undefined
      ? algorithmOf(flags.algorithm)
      : curve === undefined
        ? CryptographicAlgorithm.RSA
        : CryptographicAlgorithm.EC;
  const usualLength = algorithm === CryptographicAlgorithm.RSA ? DEFAULT_RSA_LENGTH_BITS : undefined;
  const lengthBits = lengthOf(flags.length) ?? usualLength;
  const given: readonly Attribute[] = [
    ...attributesOf(others),
    ...(curve === undefined
      ? []
      : [{ key: 'CryptographicDomainParameters', value: { recommendedCurve: curve } } as const]),
  ];
  const half = (
    ownName: string | undefined,
    suffix: string,
    mask: string | undefined,
    usual: number,
    own: readonly string[] = [],
  ) =>
    newAttributes(
      describing([...halfName(ownName, name, suffix), ...own.map(parseAttribute)], {
        usage: usageOf(mask) ?? usual,
      }),
    );
  const privateKeyAttributes = half(
    flags.privateName,
    '-private',
    flags.privateUsageMask,
    pairUsage(algorithm, Sign),
    flags.privateAttribute,
  );
  const publicKeyAttributes = half(
    flags.publicName,
    '-public',
    flags.publicUsageMask,
    pairUsage(algorithm, Verify),
    flags.publicAttribute,
  );
  const requestOf = (called: CryptographicAlgorithm) => ({
    commonAttributes: newAttributes(describing(given, { algorithm: called, lengthBits }, flags)),
    privateKeyAttributes,
    publicKeyAttributes,
  });
  const request = requestOf(algorithm);
  const requestIn = (dialect: Dialect) =>
    flags.algorithm === undefined ? requestOf(algorithmIn(dialect, algorithm)) : request;
  await performIn(createKeyPair, requestIn, flags);
}

function usageOf(text: string | undefined): number | undefined {
  return text === undefined
    ? undefined
    : parseMask(cryptographicUsageMaskBits, text, 'Cryptographic Usage Mask');
}

export interface RegisterFlags extends CommonFlags, AttributeFlags, InputFlags {
  readonly type?: string;
  readonly algorithm?: string;
  readonly length?: string;
  readonly keyFormat?: string;
  readonly secretType?: string;
  readonly pgpVersion?: string;
  readonly parts?: string;
  readonly threshold?: string;
  readonly part?: string;
  readonly method?: string;
  readonly prime?: string;
}

function splitOf({ parts, threshold, part, method, prime }: RegisterFlags): ValueDescription['split'] {
  if (parts === undefined || threshold === undefined || part === undefined) return undefined;
  return {
    splitKeyParts: parseInteger(parts, 'the number of parts'),
    keyPartIdentifier: parseInteger(part, 'the Key Part Identifier'),
    splitKeyThreshold: parseInteger(threshold, 'the Split Key Threshold'),
    splitKeyMethod: splitKeyMethodOf(method),
    primeFieldSize: prime === undefined ? undefined : parseBigInteger(prime, 'the prime'),
  };
}

export function splitKeyMethodOf(text: string | undefined): SplitKeyMethod {
  if (text === undefined) return SplitKeyMethod.PolynomialSharingGF2_8;
  return parseMember(splitKeyMethodEnum, text, 'Split Key Method') as SplitKeyMethod;
}

function describeInput(content: Buffer, flags: RegisterFlags): ValueDescription {
  const objectType = flags.type === undefined ? undefined : objectTypeOf(flags.type);
  const recognised = recognise(content, objectType);
  if (recognised !== undefined && objectType !== undefined && recognised.objectType !== objectType) {
    const found = objectTypeEnum.byValue.get(recognised.objectType)?.name ?? '';
    throw wrongUse(`this is of the type ${found}, not what --type says`);
  }
  const asymmetric = recognised && isHalfOfPair(recognised) ? describeAsymmetric(recognised) : undefined;
  const bytes = recognised?.bytes ?? content;
  const isSymmetric = objectType === ObjectType.SymmetricKey;
  return {
    bytes,
    objectType: recognised?.objectType ?? objectType,
    keyFormatType:
      flags.keyFormat === undefined
        ? recognised?.keyFormatType
        : (parseMember(keyFormatTypeEnum, flags.keyFormat, 'Key Format Type') as KeyFormatType),
    algorithm: flags.algorithm === undefined ? asymmetric?.algorithm : algorithmOf(flags.algorithm),
    lengthBits:
      lengthOf(flags.length) ?? asymmetric?.lengthBits ?? (isSymmetric ? bytes.length * 8 : undefined),
    secretDataType:
      flags.secretType === undefined
        ? undefined
        : (parseMember(secretDataTypeEnum, flags.secretType, 'Secret Data Type') as SecretDataType),
    pgpKeyVersion:
      flags.pgpVersion === undefined ? undefined : parseInteger(flags.pgpVersion, 'the PGP Key Version'),
    split: splitOf(flags),
  };
}

function isHalfOfPair({ objectType }: { readonly objectType: ObjectType }): boolean {
  return objectType === ObjectType.PrivateKey || objectType === ObjectType.PublicKey;
}

/** What keys of a type are for, unless told otherwise; other objects have no uses that anybody would guess. */
function usualUsage(
  objectType: ObjectType,
  algorithm: CryptographicAlgorithm | undefined,
): number | undefined {
  switch (objectType) {
    case ObjectType.SymmetricKey:
      return symmetricUsage(algorithm);
    case ObjectType.PrivateKey:
      return pairUsage(algorithm, Sign);
    case ObjectType.PublicKey:
      return pairUsage(algorithm, Verify);
    case ObjectType.Certificate:
      return Verify;
    default:
      return undefined;
  }
}

/** A Template is its attributes; its Name stands beside it. */
function templateOf(given: readonly Attribute[]): Infer<typeof register.request> {
  const isName = ({ key }: Attribute): boolean => key === 'Name';
  return {
    objectType: ObjectType.Template,
    newAttributes: newAttributes(given.filter(isName)),
    object: { objectType: ObjectType.Template, attributes: given.filter((each) => !isName(each)) },
  };
}

export async function registerAction(flags: RegisterFlags): Promise<void> {
  const given = attributesOf(flags);
  if (flags.type !== undefined && objectTypeOf(flags.type) === ObjectType.Template) {
    await perform(register, templateOf(given), flags);
    return;
  }
  const content = await inputBytes(flags, 'what is to be registered');
  if (content.length === 0) throw wrongUse('what is to be registered is empty');
  const value = describeInput(content, flags);
  const { lengthBits } = value;
  const requestOf = (algorithm: CryptographicAlgorithm | undefined) => {
    const object = managedObject({ ...value, algorithm });
    const { objectType } = object;
    const usage = usualUsage(objectType, algorithm);
    const attributes = describing(given, { algorithm, lengthBits, usage }, flags);
    return { objectType, newAttributes: newAttributes(attributes), object };
  };
  const request = requestOf(value.algorithm);
  const requestIn = (dialect: Dialect) =>
    flags.algorithm === undefined ? requestOf(algorithmIn(dialect, value.algorithm)) : request;
  try {
    await performIn(register, requestIn, flags);
  } finally {
    content.fill(0);
  }
}

export interface ReKeyFlags extends CommonFlags, AttributeFlags {
  readonly offset?: string;
}

export async function reKeyAction(uniqueIdentifier: string, flags: ReKeyFlags): Promise<void> {
  const offsetSeconds = flags.offset === undefined ? undefined : parseDuration(flags.offset);
  await perform(
    reKey,
    { uniqueIdentifier, offsetSeconds, newAttributes: newAttributes(attributesOf(flags)) },
    flags,
  );
}

export interface ReKeyKeyPairFlags extends ReKeyFlags {
  readonly privateAttribute?: readonly string[];
  readonly publicAttribute?: readonly string[];
}

export async function reKeyKeyPairAction(
  privateKeyUniqueIdentifier: string,
  flags: ReKeyKeyPairFlags,
): Promise<void> {
  const { offset, privateAttribute = [], publicAttribute = [] } = flags;
  await perform(
    reKeyKeyPair,
    {
      privateKeyUniqueIdentifier,
      offsetSeconds: offset === undefined ? undefined : parseDuration(offset),
      commonAttributes: newAttributes(attributesOf(flags)),
      privateKeyAttributes: newAttributes(privateAttribute.map(parseAttribute)),
      publicKeyAttributes: newAttributes(publicAttribute.map(parseAttribute)),
    },
    flags,
  );
}
