import {
  CryptographicAlgorithm,
  DerivationMethod,
  HashingAlgorithm,
  ObjectType,
  Operation,
  RecommendedCurve,
  Tag,
  dialectNamed,
  type OperationName,
} from '@holdfast/kmip';
import {
  attribute,
  bytes,
  enumeration,
  integer,
  nameValue,
  structure,
  text,
  uniqueIdentifier,
  type RequestItem,
} from '@holdfast/testkit';
import { ItemType, type Item } from '@holdfast/ttlv';
import type { TypeName } from '../lifecycle/table';

/** What requests are made of. */

export type Version = '1.4' | '2.0' | '2.1';
export const VERSIONS: readonly Version[] = ['1.4', '2.0', '2.1'];
export interface Site {
  /** An Active AES key that may do nothing, one that may do everything, and one that is archived. */
  readonly useless: string;
  readonly key: string;
  readonly archived: string;
  /** An Active key whose value is kept elsewhere. */
  readonly valueless: string;
  /** A Pre-Active key. */
  readonly fresh: string;
  /** Active objects of every type. */
  readonly of: Readonly<Record<TypeName, string>>;
  /** A pair, Active. */
  readonly privateKey: string;
  readonly publicKey: string;
  /** Active too, and may neither sign nor verify. */
  readonly uselessPair: { readonly privateKey: string; readonly publicKey: string };
  /** Active keys that may not leave: in clear, and at all. */
  readonly sensitive: string;
  readonly kept: string;
  /** A key that was destroyed. */
  readonly destroyed: string;
  /** An Active key that may be used no more, and a private one. */
  readonly spent: string;
  readonly spentPrivate: string;
  /** An Active key that has Cryptographic Parameters. */
  readonly tied: string;
  /** A key that has a name. */
  readonly named: string;
  /** What was issued for the public key. */
  readonly certificate: string;
  /** Of a Login each. */
  readonly tickets: Partial<Record<Version, Item>>;
  /** The parts of a key. */
  readonly parts: readonly string[];
  /** A Template, which has no life cycle. */
  readonly template: string;
  /** A key that has as many Object Groups as it may. */
  readonly full: string;
  /** A key, and the private key of a pair, that have a Deactivation Date and no Activation Date. */
  readonly dated: string;
  readonly datedPrivate: string;
  /** A private key of a pair, Active, whose value is kept elsewhere, and a public one. */
  readonly valuelessPrivate: string;
  readonly valuelessPublic: string;
  /** A key that has Application Specific Information. */
  readonly applied: string;
  /** Parts over a field that is none, and over one that is too long. */
  readonly fieldless: readonly string[];
  readonly huge: readonly string[];
  /** The key material of `key`, wrapped with `key`. */
  readonly wrapped: Buffer;
  /** A PKCS#12 container, and an Active password that is not its own. */
  readonly container: Buffer;
  readonly wrongPassword: string;
  /** Correlation values of operations that were left to be carried out later. */
  readonly pending: Partial<Record<Version, Buffer>>;
  /** Name of another object. */
  readonly takenName: string;
}
/** A request with one mistake, and the Result Reason that 1.4, 2.0 and 2.1 list for it; '' where it cannot be made. */
export interface Mistake {
  readonly operation: OperationName;
  readonly what: string;
  readonly reasons: readonly [string, string, string];
  make(site: Site, version: Version): RequestItem;
}

export const isOlder = (version: Version): boolean => dialectNamed(version).rules.attributeForm === 'indexed';

export type Member = readonly [name: string, value: Item];
export const algorithm: Member = [
  'Cryptographic Algorithm',
  enumeration(Tag.CryptographicAlgorithm, CryptographicAlgorithm.AES),
];
export const length = (bits: number): Member => [
  'Cryptographic Length',
  integer(Tag.CryptographicLength, bits),
];
export const mask: Member = ['Cryptographic Usage Mask', integer(Tag.CryptographicUsageMask, 12)];
export const name = (value: string): Member => ['Name', nameValue(value, Tag.Name)];
export const contact: Member = ['Contact Information', text(Tag.ContactInformation, 'x')];
export const group: Member = ['Object Group', text(Tag.ObjectGroup, 'x')];
/** Whose Application Data is left to a server that has none for the namespace. */
export const foreignNamespace: Member = [
  'Application Specific Information',
  structure(Tag.ApplicationSpecificInformation, text(Tag.ApplicationNamespace, 'x')),
];
export const state: Member = ['State', enumeration(Tag.State, 2)];

export function attributes(version: Version, members: readonly Member[]): Item {
  return isOlder(version)
    ? structure(Tag.TemplateAttribute, ...members.map(([title, value]) => attribute(title, value)))
    : structure(Tag.Attributes, ...members.map(([, value]) => value));
}
/** One attribute, as Add, Modify and Set Attribute take it. */
export const one = (version: Version, [title, value]: Member): Item =>
  isOlder(version) ? attribute(title, value) : structure(Tag.NewAttribute, value);
export const named = (version: Version, title: string, tag: number): Item =>
  isOlder(version) ? text(Tag.AttributeName, title) : enumeration(Tag.AttributeReference, tag);

export const createRequest = (version: Version, ...members: readonly Member[]): RequestItem => ({
  operation: Operation.Create,
  payload: [
    enumeration(Tag.ObjectType, ObjectType.SymmetricKey),
    attributes(version, members.length === 0 ? [algorithm, length(256), mask] : members),
  ],
});

export function createPairRequest(version: Version): RequestItem {
  const common = attributes(version, [
    ['Cryptographic Algorithm', enumeration(Tag.CryptographicAlgorithm, CryptographicAlgorithm.EC)],
    [
      'Cryptographic Domain Parameters',
      structure(Tag.CryptographicDomainParameters, enumeration(Tag.RecommendedCurve, RecommendedCurve.P_256)),
    ],
    mask,
  ]);
  const tag = isOlder(version) ? Tag.CommonTemplateAttribute : Tag.CommonAttributes;
  return { operation: Operation.CreateKeyPair, payload: [{ ...common, tag }] };
}

export const membersOf = (item: Item | undefined): readonly Item[] =>
  item?.type === ItemType.Structure ? item.value : [];

export const about = (code: number, identifier: string, ...further: readonly Item[]): RequestItem => ({
  operation: code,
  payload: [uniqueIdentifier(identifier), ...further],
});
export const data = bytes(Tag.Data, Buffer.alloc(16, 1));
export const parameters = (...members: readonly Item[]): Item =>
  structure(Tag.CryptographicParameters, ...members);
export const stale = bytes(Tag.CorrelationValue, Buffer.alloc(16, 9));
export const ECB = parameters(enumeration(Tag.BlockCipherMode, 2), enumeration(Tag.PaddingMethod, 1));
export const CBC = parameters(enumeration(Tag.BlockCipherMode, 1), enumeration(Tag.PaddingMethod, 1));
export const HMAC = parameters(enumeration(Tag.CryptographicAlgorithm, CryptographicAlgorithm.HMAC_SHA256));
export const derive = (version: Version, identifier: string, further: readonly Item[] = []): RequestItem => ({
  operation: Operation.DeriveKey,
  payload: [
    enumeration(Tag.ObjectType, ObjectType.SymmetricKey),
    uniqueIdentifier(identifier),
    enumeration(Tag.DerivationMethod, DerivationMethod.PBKDF2),
    structure(
      Tag.DerivationParameters,
      parameters(enumeration(Tag.HashingAlgorithm, HashingAlgorithm.SHA_256)),
      bytes(Tag.Salt, Buffer.from('a salt of some bytes')),
      integer(Tag.IterationCount, 1000),
    ),
    attributes(version, [algorithm, length(256), mask]),
    ...further,
  ],
});
