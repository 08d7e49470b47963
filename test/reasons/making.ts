import { Operation, ProtectionStorageMask, Tag, type OperationName } from '@holdfast/kmip';
import {
  attribute,
  nameValue,
  bytes,
  enumeration,
  integer,
  structure,
  text,
  uniqueIdentifier,
} from '@holdfast/testkit';
import type { RequestItem } from '@holdfast/testkit';
import type { Item } from '@holdfast/ttlv';
import {
  attributes,
  contact,
  foreignNamespace,
  isOlder,
  length,
  mask,
  name,
  algorithm,
  state,
  type Member,
  type Mistake,
  type Site,
  type Version,
} from './pieces';
import { GENERAL, LISTED } from './facts';

/** What every operation that makes an object has to refuse in the attributes of the new one. */

const { CommonAttributes, CommonTemplateAttribute, TemplateAttribute } = Tag;
const SYMMETRIC = enumeration(Tag.ObjectType, 2);

/** The attributes asked for, `more` over those without which the operation would not work. */
function withUsual(version: Version, usual: readonly Member[], more: readonly Member[]): Item {
  const titles = new Set(more.map(([title]) => title));
  return attributes(version, [...usual.filter(([title]) => !titles.has(title)), ...more]);
}
const retagged = (item: Item, version: Version, older: number, newer: number): Item => ({
  ...item,
  tag: isOlder(version) ? older : newer,
});

const KEY: readonly Member[] = [algorithm, length(256), mask];
const rawKey = structure(
  Tag.KeyBlock,
  enumeration(Tag.KeyFormatType, 1),
  structure(Tag.KeyValue, bytes(Tag.KeyMaterial, Buffer.alloc(32, 3))),
  enumeration(Tag.CryptographicAlgorithm, 3),
  integer(Tag.CryptographicLength, 256),
);
let imports = 0;

/** The objects of which others are made. */
type Sources = Pick<Site, 'key' | 'parts'>;
type Making = (site: Sources, version: Version, more: readonly Member[]) => readonly Item[];
/** The payload of each operation that makes an object. */
const PAYLOADS = {
  Create: (_site, version, more) => [SYMMETRIC, withUsual(version, KEY, more)],
  CreateKeyPair: (_site, version, more) => [
    retagged(
      withUsual(
        version,
        [['Cryptographic Algorithm', enumeration(Tag.CryptographicAlgorithm, 4)], length(2048), mask],
        more,
      ),
      version,
      CommonTemplateAttribute,
      CommonAttributes,
    ),
  ],
  Register: (_site, version, more) => [
    SYMMETRIC,
    withUsual(version, [mask], more),
    structure(Tag.SymmetricKey, rawKey),
  ],
  Import: (_site, version, more) => [
    uniqueIdentifier(`imported-${imports++}`),
    ...(isOlder(version)
      ? [mask, ...more].map(([title, value]) => attribute(title, value))
      : [SYMMETRIC, withUsual(version, [mask], more)]),
    structure(Tag.SymmetricKey, rawKey),
  ],
  CreateSplitKey: (_site, version, more) => [
    enumeration(Tag.ObjectType, 5),
    integer(Tag.SplitKeyParts, 2),
    integer(Tag.SplitKeyThreshold, 2),
    enumeration(Tag.SplitKeyMethod, 1),
    withUsual(version, KEY, more),
  ],
  JoinSplitKey: ({ parts }, version, more) => [
    SYMMETRIC,
    ...parts.map((part) => uniqueIdentifier(part)),
    withUsual(version, [], more),
  ],
  DeriveKey: ({ key }, version, more) => [
    SYMMETRIC,
    uniqueIdentifier(key),
    enumeration(Tag.DerivationMethod, 1),
    structure(
      Tag.DerivationParameters,
      structure(Tag.CryptographicParameters, enumeration(Tag.HashingAlgorithm, 6)),
      bytes(Tag.Salt, Buffer.from('a salt of some bytes')),
      integer(Tag.IterationCount, 1000),
    ),
    withUsual(version, KEY, more),
  ],
} satisfies Partial<Record<OperationName, Making>>;
type Maker = keyof typeof PAYLOADS;
const MAKERS = Object.keys(PAYLOADS) as Maker[];

export const making = (
  operation: Maker,
  site: Sources,
  version: Version,
  ...more: readonly Member[]
): RequestItem => ({
  operation: Operation[operation],
  payload: PAYLOADS[operation](site, version, more),
});

const groups = (count: number): readonly Member[] =>
  Array.from({ length: count }, (_, index) => ['Object Group', text(Tag.ObjectGroup, `group ${index}`)]);

/** What is wrong with the attributes, and what 1.4 and 2.x call it. */
const WRONG: readonly (readonly [string, (site: Site) => readonly Member[], string, string])[] = [
  ['an attribute that the server sets', () => [state], 'InvalidField', 'AttributeReadOnly'],
  ['two values of what has one', () => [contact, contact], 'InvalidField', 'AttributeSingleValued'],
  ['no such attribute', () => [['Key Block', rawKey]], 'InvalidField', 'InvalidAttribute'],
  ['a value that it cannot have', () => [length(-1)], 'InvalidField', 'InvalidAttributeValue'],
  ['a name that is taken', ({ takenName }) => [name(takenName)], 'InvalidField', 'NonUniqueNameAttribute'],
  [
    'a namespace without data',
    () => [foreignNamespace],
    'ApplicationNamespaceNotSupported',
    'ApplicationNamespaceNotSupported',
  ],
  ['more instances than there may be', () => groups(300), 'IndexOutOfBounds', ''],
  ['more attributes than there may be', () => groups(5000), '', 'ServerLimitExceeded'],
];

const masks = (tag: number): Item =>
  structure(tag, integer(Tag.ProtectionStorageMask, ProtectionStorageMask.OffSystem));

/** What the error tables list and the operation does not refuse, or not under this name. */
const EXCEPTIONS: readonly string[] = [
  'Import AttributeReadOnly',
  'Import ProtectionStorageUnavailable',
  // Its Cryptographic Length follows from the parts: see below.
  'JoinSplitKey InvalidAttributeValue',
];

const ALL: readonly Mistake[] = [
  ...MAKERS.flatMap((operation) => [
    ...WRONG.map(([what, members, older, newer]): Mistake => ({
      operation,
      what,
      reasons: [operation === 'Import' && newer === 'AttributeReadOnly' ? '' : older, newer, newer],
      make: (site, version) => making(operation, site, version, ...members(site)),
    })),
    {
      operation,
      what: 'a storage that there is not',
      reasons: ['', 'ProtectionStorageUnavailable', 'ProtectionStorageUnavailable'],
      make(site, version) {
        const { payload, ...item } = making(operation, site, version);
        return { ...item, payload: [...payload, masks(Tag.ProtectionStorageMasks)] };
      },
    } satisfies Mistake,
    ...(
      [
        ['ItemNotFound', 'no such template'],
        ['ObjectArchived', 'archived template'],
      ] as const
    ).map(([reason, title]): Mistake => ({
      operation,
      what: 'a Template that cannot be used',
      reasons: [reason, '', ''],
      make(site, version) {
        const { payload, ...item } = making(operation, site, version);
        const template = structure(
          operation === 'CreateKeyPair' ? CommonTemplateAttribute : TemplateAttribute,
          nameValue(title, Tag.Name),
        );
        const isReplaced = (each: Item) => each.tag === template.tag;
        return { ...item, payload: payload.map((each) => (isReplaced(each) ? template : each)) };
      },
    })),
  ]),
];

const isListed = (operation: OperationName, version: Version, reason: string): boolean =>
  !EXCEPTIONS.includes(`${operation} ${reason}`) &&
  [...GENERAL, ...(LISTED[operation]?.[version] ?? [])].includes(reason);

export const MAKING_MISTAKES: readonly Mistake[] = ALL.map(
  ({ reasons: [older, first, second], ...mistake }) => {
    const listed = (version: Version, reason: string) =>
      isListed(mistake.operation, version, reason) ? reason : '';
    return { ...mistake, reasons: [listed('1.4', older), listed('2.0', first), listed('2.1', second)] };
  },
);
