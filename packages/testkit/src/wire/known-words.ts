import { ItemType, type Item } from '@holdfast/ttlv';
import * as kmip from '@holdfast/kmip';
import { Tag, definitionNamed, dialectNamed, tags, type EntryTable, type VersionName } from '@holdfast/kmip';
import { child, textAt } from './items';

/** The highest tag that each version assigns: numbers were given out in order. KMIP 1.0 to 1.4, 2.0, 2.1. */
const LAST_TAG: Readonly<Record<VersionName, number>> = {
  '1.0': 0x4200a1,
  '1.1': 0x4200b7,
  '1.2': 0x4200d3,
  '1.3': 0x4200f7,
  '1.4': 0x420124,
  '2.0': 0x420165,
  '2.1': 0x420176,
};

const enumerations = new Map<string, EntryTable>(
  Object.values(kmip).flatMap((value) =>
    typeof value === 'object' && 'kind' in value && value.kind === 'enumeration' && 'byValue' in value
      ? [[(value as EntryTable).name, value as EntryTable]]
      : [],
  ),
);

function tableOf(item: Item, parent: Item | undefined): EntryTable | undefined {
  if (item.tag === Tag.AttributeReference) return tags;
  const name =
    item.tag === Tag.AttributeValue
      ? definitionNamed(textAt(parent, Tag.AttributeName))?.name
      : tags.byValue.get(item.tag)?.name;
  return name === undefined ? undefined : enumerations.get(name);
}

/** Every word of a message (tag, enumeration value, attribute name) that a version does not have. */
export function unknownWords(message: Item, version: VersionName, parent?: Item): readonly string[] {
  const dialect = dialectNamed(version);
  const found: string[] = [];
  const entry = tags.byValue.get(message.tag);
  if (entry === undefined || !dialect.knows(entry) || message.tag > LAST_TAG[version]) {
    found.push(`tag ${entry?.name ?? message.tag.toString(16)}`);
  }
  // The operation of a batch item is an echo: the client said it first.
  const isEcho = message.tag === Tag.Operation && parent?.tag === Tag.BatchItem;
  // Extensions (8XXXXXXX) belong to whoever uses them.
  const isExtension = message.type === ItemType.Enumeration && message.value >= 0x8000_0000;
  if (message.type === ItemType.Enumeration && !isEcho && !isExtension) {
    const member = tableOf(message, parent)?.byValue.get(message.value);
    if (member === undefined || !dialect.knows(member)) {
      found.push(`${entry?.name ?? 'value'} ${member?.name ?? message.value}`);
    }
  }
  if (message.tag === Tag.AttributeName && message.type === ItemType.TextString) {
    const definition = definitionNamed(message.value);
    const isVendors = child(parent, Tag.VendorIdentification) !== undefined;
    const isCustom = isVendors || /^[xy]-/.test(message.value);
    const isKnown = definition === undefined ? isCustom : dialect.knows(definition);
    if (!isKnown) found.push(`attribute ${message.value}`);
  }
  if (message.type === ItemType.Structure) {
    for (const each of message.value) found.push(...unknownWords(each, version, message));
  }
  return found;
}
