import {
  addAttribute,
  adjustAttribute,
  deleteAttribute,
  getAttributeList,
  getAttributes,
  modifyAttribute,
  setAttribute,
} from '@holdfast/core';
import {
  Tag,
  adjustmentTypeEnum,
  definitionOf,
  type AdjustmentType,
  type AttributeReference,
} from '@holdfast/kmip';
import { ItemType, type Item } from '@holdfast/ttlv';
import { wrongUse } from '../../exit';
import { table } from '../../table';
import { parseAttribute, parseReference } from '../attribute-arguments';
import type { PlainRecord } from '../output';
import { oneLine, type Plain } from '../plain';
import { parseDuration } from '../times';
import { parseInteger, parseMember } from '../values';
import { perform, type CommonFlags } from './perform';

function list(value: Plain | undefined): readonly Plain[] {
  return Array.isArray(value) ? (value as readonly Plain[]) : [];
}

/** Attributes as rows; the index is shown where an attribute has several instances. */
export function attributesTable({ attributes }: PlainRecord): string {
  const rows = list(attributes).map((attribute) => {
    const { name = '', index = null, value = null, unknown } = attribute as PlainRecord;
    const shown = unknown === undefined ? oneLine(value) : `${oneLine(value)} (unknown: ${oneLine(unknown)})`;
    return [oneLine(name), oneLine(index), shown] as const;
  });
  // An index that is left out is 0.
  return rows.some(([, index]) => index !== '' && index !== '0')
    ? table(
        ['ATTRIBUTE', 'INDEX', 'VALUE'],
        rows.map(([name, index, value]) => [name, index || '0', value]),
      )
    : table(
        ['ATTRIBUTE', 'VALUE'],
        rows.map(([name, , value]) => [name, value]),
      );
}

export async function getAttributesAction(
  uniqueIdentifier: string,
  names: readonly string[],
  flags: CommonFlags,
): Promise<void> {
  const attributeReferences = names.map(parseReference);
  await perform(getAttributes, { uniqueIdentifier, attributeReferences }, flags, attributesTable);
}

export async function getAttributeListAction(uniqueIdentifier: string, flags: CommonFlags): Promise<void> {
  await perform(getAttributeList, { uniqueIdentifier }, flags, ({ attributeReferences }) =>
    table(
      ['ATTRIBUTE'],
      list(attributeReferences).map((name) => [oneLine(name)]),
    ),
  );
}

export async function addAttributeAction(
  uniqueIdentifier: string,
  text: string,
  flags: CommonFlags,
): Promise<void> {
  await perform(addAttribute, { uniqueIdentifier, newAttribute: parseAttribute(text) }, flags);
}

export async function setAttributeAction(
  uniqueIdentifier: string,
  text: string,
  flags: CommonFlags,
): Promise<void> {
  await perform(setAttribute, { uniqueIdentifier, newAttribute: parseAttribute(text) }, flags);
}

export interface ModifyFlags extends CommonFlags {
  readonly index?: string;
  readonly current?: string;
}

export async function modifyAttributeAction(
  uniqueIdentifier: string,
  text: string,
  flags: ModifyFlags,
): Promise<void> {
  const attribute = parseAttribute(text);
  const name = text.slice(0, text.indexOf('='));
  const newAttribute =
    flags.index === undefined ? attribute : { ...attribute, index: parseInteger(flags.index, '--index') };
  const currentAttribute =
    flags.current === undefined ? undefined : parseAttribute(`${name}=${flags.current}`);
  await perform(modifyAttribute, { uniqueIdentifier, currentAttribute, newAttribute }, flags);
}

export interface DeleteFlags extends CommonFlags {
  readonly index?: string;
}

export async function deleteAttributeAction(
  uniqueIdentifier: string,
  text: string,
  flags: DeleteFlags,
): Promise<void> {
  if (text.includes('=')) {
    if (flags.index !== undefined)
      throw wrongUse('a value and --index are both given', 'Say which instance by one of them.');
    await perform(deleteAttribute, { uniqueIdentifier, currentAttribute: parseAttribute(text) }, flags);
    return;
  }
  const reference = parseReference(text);
  const attributeReference =
    flags.index === undefined ? reference : { ...reference, index: parseInteger(flags.index, '--index') };
  await perform(deleteAttribute, { uniqueIdentifier, attributeReference }, flags);
}

export async function adjustAttributeAction(
  uniqueIdentifier: string,
  name: string,
  how: string,
  amount: string | undefined,
  flags: CommonFlags,
): Promise<void> {
  const attributeReference = parseReference(name);
  const request = {
    uniqueIdentifier,
    attributeReference,
    adjustmentType: parseMember(adjustmentTypeEnum, how, 'Adjustment Type') as AdjustmentType,
    adjustmentValue: amount === undefined ? undefined : amountOf(attributeReference, amount),
  };
  await perform(adjustAttribute, request, flags);
}

/** Times are counted in seconds, and may be given as spans such as 30d. */
function amountOf(reference: AttributeReference, text: string): Item {
  const type = 'key' in reference ? definitionOf(reference.key).codec.type : undefined;
  const tag = Tag.AdjustmentValue;
  return type === ItemType.Interval || type === ItemType.DateTime
    ? { tag, type: ItemType.Interval, value: parseDuration(text) }
    : { tag, type: ItemType.Integer, value: parseInteger(text, 'the amount') };
}
