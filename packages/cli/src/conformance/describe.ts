import { DIALECTS, Tag, tagName, vocabularyOf, type Dialect } from '@holdfast/kmip';
import { ItemType, type Item } from '@holdfast/ttlv';
import { printable } from '../table';
import { itemAt, type Expectation } from './expectation';

const vocabulary = vocabularyOf(DIALECTS[DIALECTS.length - 1] as Dialect);

const SECRETS: ReadonlySet<number> = new Set([
  Tag.KeyMaterial,
  Tag.KeyValue,
  Tag.Data,
  Tag.TicketValue,
  Tag.OpaqueDataValue,
  Tag.CredentialValue,
  Tag.Password,
  Tag.DerivationData,
  Tag.PKCS_11InputParameters,
  Tag.PKCS_11OutputParameters,
]);
/** Of secrets too: names of algorithms and the like, and what has its value in items of its own. */
const SAY_NOTHING_OF_KEYS: ReadonlySet<ItemType> = new Set([ItemType.Structure, ItemType.Enumeration]);
const LONGEST_SHOWN = 80;

function brief(text: string): string {
  const line = printable(text);
  return line.length > LONGEST_SHOWN ? `${line.slice(0, LONGEST_SHOWN)}…` : line;
}

function moment(seconds: bigint): string {
  const date = new Date(Number(seconds) * 1000);
  return Number.isNaN(date.getTime()) ? `@${seconds.toString()}` : date.toISOString().replace('.000', '');
}

/** The tags of a path as a report shows them. */
export function pathText(tags: readonly number[]): string {
  return tags
    .map((tag) => tagName(tag).replace(/[ .]/g, (character) => (character === '.' ? '_' : '')))
    .join('/');
}

/** What is shown of an item whose value may be a secret: a password can be a number, too. */
export function withoutValue(item: Item): string {
  switch (item.type) {
    case ItemType.ByteString:
      return `(${item.value.length} bytes)`;
    case ItemType.BigInteger:
      return '(a Big Integer)';
    case ItemType.TextString:
      return '(a text)';
    default:
      return '(a number)';
  }
}

/** A value for a report; never key material. `siblings` are the items before it, which say what an Attribute Value is. */
export function valueText(item: Item, tags: readonly number[], siblings: readonly Item[] = []): string {
  if (!SAY_NOTHING_OF_KEYS.has(item.type) && [...tags, item.tag].some((tag) => SECRETS.has(tag))) {
    return withoutValue(item);
  }
  switch (item.type) {
    case ItemType.Structure: {
      const name = itemAt(item, Tag.AttributeName);
      return name?.type === ItemType.TextString ? `a structure (${brief(name.value)})` : 'a structure';
    }
    case ItemType.ByteString:
      return brief(item.value.toString('hex')) || '(no bytes)';
    case ItemType.BigInteger:
      return brief(item.value.toString());
    case ItemType.DateTime:
      return moment(item.value);
    case ItemType.Enumeration:
      return (
        vocabulary.enumName(item.tag, item.value, { siblings }) ??
        `0x${item.value.toString(16).padStart(8, '0')}`
      );
    case ItemType.Integer:
      return vocabulary.maskNames(item.tag, item.value, { siblings })?.join(' ') || String(item.value);
    case ItemType.TextString:
      return `"${brief(item.value)}"`;
    default:
      return String(item.value);
  }
}

/** An expectation for a report. */
export function expectationText(
  expectation: Expectation,
  tags: readonly number[],
  siblings: readonly Item[] = [],
): string {
  switch (expectation.kind) {
    case 'structure':
      return 'a structure';
    case 'literal':
      return valueText(expectation.item, tags, siblings);
    case 'moment': {
      const { offsetSeconds } = expectation;
      return `$NOW${offsetSeconds < 0 ? '' : offsetSeconds === 0 ? '' : '+'}${offsetSeconds === 0 ? '' : offsetSeconds}`;
    }
    case 'variable':
      return `$${expectation.name}`;
  }
}
