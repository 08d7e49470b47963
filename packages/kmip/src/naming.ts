import { ItemType, type Item, type NamingContext, type Vocabulary } from '@holdfast/ttlv';
import { definitionNamed } from './attributes/table';
import type { Dialect, Window } from './versions/dialect';
import * as enums from './vocabulary/enumerations';
import * as masks from './vocabulary/masks';
import type { EntryTable, EnumerationTable, MaskTable } from './vocabulary/tables';
import { Tag, tagOf, tags } from './vocabulary/tags';

/** The names of the XML and JSON encodings. KMIP Profiles 2.1 sections 5.4.1.1 and 5.5.1.1. */

function isTable(value: unknown): value is EnumerationTable | MaskTable {
  return typeof value === 'object' && value !== null && 'kind' in value && 'byValue' in value;
}

const tagByPrintedName = new Map([...tags.byValue.values()].map(({ name, key }) => [name, tagOf(key)]));

/** Most tables have the name of the one tag that they belong to. */
function tablesByTag(module: object): [number, EntryTable][] {
  return Object.values(module)
    .filter(isTable)
    .flatMap((table) => {
      const tag = tagByPrintedName.get(table.name);
      return tag === undefined ? [] : [[tag, table] as [number, EntryTable]];
    });
}

const enumerationByTag: ReadonlyMap<number, EntryTable> = new Map<number, EntryTable>([
  ...tablesByTag(enums),
  [Tag.MaskGeneratorHashingAlgorithm, enums.hashingAlgorithmEnum],
  [Tag.ExtensionType, enums.itemTypeEnum],
  [Tag.PrivateKeyUniqueIdentifier, enums.uniqueIdentifierEnum],
  [Tag.PublicKeyUniqueIdentifier, enums.uniqueIdentifierEnum],
  [Tag.ReplacedUniqueIdentifier, enums.uniqueIdentifierEnum],
  [Tag.CertificateRequestUniqueIdentifier, enums.uniqueIdentifierEnum],
  [Tag.LinkedObjectIdentifier, enums.uniqueIdentifierEnum],
  [Tag.AttributeReference, tags],
  [Tag.Tag, tags],
]);
const maskByTag: ReadonlyMap<number, EntryTable> = new Map(tablesByTag(masks));

/** A name that some versions print, or test cases write, for a value whose own name is another. */
interface OtherName {
  readonly table: EntryTable;
  readonly key: string;
  readonly name: string;
  /** The versions that print it; absent for a spelling that is only understood. */
  readonly window?: Window;
}

const SHA3_IN_1_X: Window = { last: '1.4' };

const otherNames: readonly OtherName[] = [
  // Printed in 1.x; the OASIS test cases of 1.4 write the shorter name of 2.x, and so do we.
  ...['MD2', 'MD5', 'SHA_1', 'SHA_224', 'SHA_256', 'SHA_384', 'SHA_512'].map((hash) => ({
    table: enums.digitalSignatureAlgorithmEnum,
    key: `${hash}WithRSAEncryption`,
    name: `${hash}WithRSAEncryptionPKCS_1V1_5`,
  })),
  {
    table: enums.digitalSignatureAlgorithmEnum,
    key: 'RSASSA_PSS',
    name: 'RSASSA_PSSPKCS_1V2_1',
  },
  ...['224', '256', '384', '512'].map((size) => ({
    table: enums.hashingAlgorithmEnum,
    key: `SHA3_${size}`,
    name: `SHA_3_${size}`,
    window: SHA3_IN_1_X,
  })),
  // A slip in the table of 2.x.
  { table: enums.maskGeneratorEnum, key: 'MGF1', name: 'MFG1' },
  // Spellings of the OASIS test cases.
  { table: enums.resultReasonEnum, key: 'UsageLimitExceeded', name: 'UsageLimitsExceeded' },
  { table: enums.resultReasonEnum, key: 'NotAuthorised', name: 'NotAuthorized' },
  {
    table: masks.cryptographicUsageMaskBits,
    key: 'ContentCommitmentNonRepudiation',
    name: 'ContentCommitment',
  },
];

const keyByOtherName = new Map<EntryTable, Map<string, string>>();
const otherNamesByKey = new Map<EntryTable, Map<string, OtherName>>();
for (const row of otherNames) {
  if (!keyByOtherName.has(row.table)) keyByOtherName.set(row.table, new Map());
  keyByOtherName.get(row.table)?.set(row.name, row.key);
  if (row.window === undefined) continue;
  if (!otherNamesByKey.has(row.table)) otherNamesByKey.set(row.table, new Map());
  otherNamesByKey.get(row.table)?.set(row.key, row);
}

function writtenName(table: EntryTable, key: string, dialect: Dialect): string {
  const other = otherNamesByKey.get(table)?.get(key);
  return other?.window !== undefined && dialect.knows(other.window) ? other.name : key;
}

function valueNamed(table: EntryTable, name: string): number | undefined {
  return table.byKey.get(keyByOtherName.get(table)?.get(name) ?? name)?.value;
}

/** What stands before an Attribute Value. Where a message has more, they are not looked through for each of its values. */
const MAX_SIBLINGS = 8;

/** In 1.x the Attribute Name beside it says what an Attribute Value is; in a vendor attribute of 2.x nothing does. */
function attributeTableOf(siblings: readonly Item[]): EnumerationTable | MaskTable | undefined {
  const first = siblings.slice(0, MAX_SIBLINGS);
  if (first.some((item) => item.tag === Tag.VendorIdentification)) return undefined;
  const name = first.find((item) => item.tag === Tag.AttributeName);
  if (name?.type !== ItemType.TextString) return undefined;
  return definitionNamed(name.value)?.codec.table;
}

function enumerationOf(tag: number, { siblings }: NamingContext): EntryTable | undefined {
  if (tag !== Tag.AttributeValue) return enumerationByTag.get(tag);
  const table = attributeTableOf(siblings);
  return table?.kind === 'enumeration' ? table : undefined;
}

function maskOf(tag: number, { siblings }: NamingContext): EntryTable | undefined {
  if (tag !== Tag.AttributeValue) return maskByTag.get(tag);
  const table = attributeTableOf(siblings);
  return table?.kind === 'mask' ? table : undefined;
}

function bitNames(table: EntryTable, value: number, dialect: Dialect): readonly string[] | undefined {
  const names: string[] = [];
  let rest = value;
  for (const entry of table.byValue.values()) {
    if ((value & entry.value) === 0) continue;
    names.push(writtenName(table, entry.key, dialect));
    rest &= ~entry.value;
  }
  return rest === 0 ? names : undefined;
}

/** From here on, values of enumerations are extensions, which other programs know by no name. KMIP 2.1 section 11. */
const FIRST_EXTENSION = 0x80000000;

/** The vocabulary of one version: it writes the names which that version prints and reads those of all versions. */
export function vocabularyOf(dialect: Dialect): Vocabulary {
  return {
    tagName: (tag) => tags.byValue.get(tag)?.key,
    tagByName: tagOf,
    enumName(tag, value, context) {
      if (value >= FIRST_EXTENSION) return undefined;
      const table = enumerationOf(tag, context);
      const entry = table?.byValue.get(value);
      return table === undefined || entry === undefined ? undefined : writtenName(table, entry.key, dialect);
    },
    enumByName(tag, name, context) {
      const table = enumerationOf(tag, context);
      return table === undefined ? undefined : valueNamed(table, name);
    },
    maskNames(tag, value, context) {
      const table = maskOf(tag, context);
      return table === undefined ? undefined : bitNames(table, value, dialect);
    },
    maskByName(tag, name, context) {
      const table = maskOf(tag, context);
      return table === undefined ? undefined : valueNamed(table, name);
    },
  };
}
