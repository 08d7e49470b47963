import {
  Operation,
  ObjectGroupMember,
  StorageStatusMask,
  Tag,
  attributeConditions,
  dateTime,
  definitionOf,
  enumerated,
  integer,
  masked,
  objectGroupMemberEnum,
  optional,
  repeated,
  storageStatusMaskBits,
  structure,
  textString,
  type Attribute,
  type AttributeKey,
} from '@holdfast/kmip';
import { HoldfastError } from '@holdfast/ttlv';
import { whenThere } from '../awaitable';
import { withResolvedLink } from '../objects/attribute-rules';
import { operation, type OperationContext } from '../operation';
import type { LocateFilter, LocateQuery } from '../ports/key-store';
import { GENERAL_REASONS } from './general-reasons';

/**
 * Finds the objects that match all of the attributes given, newest first; all objects where none is given. Destroyed
 * objects are found only where the Storage Status Mask asks for them.
 */
export const locate = operation({
  name: 'Locate',
  code: Operation.Locate,
  window: {},
  section: { v1: '4.9', v2: '6.1.28' },
  request: structure({
    maximumItems: optional(Tag.MaximumItems, integer),
    offsetItems: optional(Tag.OffsetItems, integer, { since: '1.3' }),
    storageStatusMask: optional(Tag.StorageStatusMask, masked(storageStatusMaskBits)),
    objectGroupMember: optional(Tag.ObjectGroupMember, enumerated(objectGroupMemberEnum), { since: '1.1' }),
    attributes: attributeConditions(),
  }),
  response: structure({
    locatedItems: optional(Tag.LocatedItems, integer, { since: '1.3' }),
    uniqueIdentifiers: repeated(Tag.UniqueIdentifier, textString),
  }),
  access: 'inspect',
  reasons: ['InvalidAttribute', ...GENERAL_REASONS],
  isRepeatable: () => true,

  execute(request, context) {
    const { offsetItems, maximumItems } = request;
    requireNotNegative('Maximum Items', maximumItems);
    requireNotNegative('Offset Items', offsetItems);
    requireFew(request.attributes);
    const attributes = request.attributes.map((attribute) => resolved(attribute, context));
    const located = context.objects.locate({
      filters: [...locateFilters(attributes), ...groupMemberFilters(request.objectGroupMember)],
      storage: storageOf(request.storageStatusMask),
      order: 'newest-first',
      offsetItems: offsetItems ?? 0,
      maximumItems: maximumItemsOf(request.objectGroupMember, maximumItems),
      isCounted: offsetItems !== undefined,
    });
    return whenThere(located, ({ uniqueIdentifiers, totalItems }) => {
      for (const uniqueIdentifier of uniqueIdentifiers) context.produced(uniqueIdentifier);
      if (uniqueIdentifiers.length !== 1) context.emptyPlaceholder();
      return { locatedItems: totalItems, uniqueIdentifiers };
    });
  },
});

/** A condition on Links may say nothing of the object at their other end. */
function resolved(attribute: Attribute, { identify }: OperationContext): Attribute {
  const namesNoObject = attribute.key === 'Link' && !('linkedObjectIdentifier' in attribute.value);
  return namesNoObject ? attribute : withResolvedLink(attribute, identify);
}

/** More conditions than anybody has; PostgreSQL plans for seconds with some ten thousand, and takes no more than 65,535. */
const MAX_CONDITIONS = 256;

/** @throws HoldfastError InvalidField */
function requireFew({ length }: readonly Attribute[]): void {
  if (length <= MAX_CONDITIONS) return;
  throw new HoldfastError('InvalidField', `Locate takes at most ${MAX_CONDITIONS} attributes`);
}

function requireNotNegative(name: string, value: number | undefined): void {
  if (value !== undefined && value < 0) throw new HoldfastError('InvalidField', `${name} is negative`);
}

/** Without a mask, on-line objects alone (KMIP 1.4 section 4.9, KMIP 2.1 section 6.1.28). */
function storageOf(mask: number = StorageStatusMask.OnLineStorage): LocateQuery['storage'] {
  return {
    online: (mask & StorageStatusMask.OnLineStorage) !== 0,
    archived: (mask & StorageStatusMask.ArchivalStorage) !== 0,
    destroyed: (mask & StorageStatusMask.DestroyedStorage) !== 0,
  };
}

function groupMemberFilters(member: ObjectGroupMember | undefined): readonly LocateFilter[] {
  if (member !== ObjectGroupMember.GroupMemberFresh) return [];
  return [{ kind: 'equals', attribute: { key: 'Fresh', value: true } }];
}

/** The default member of a group is, by our policy, the newest that matches the other conditions. */
function maximumItemsOf(
  member: ObjectGroupMember | undefined,
  maximumItems: number | undefined,
): number | undefined {
  return member === ObjectGroupMember.GroupMemberDefault ? Math.min(maximumItems ?? 1, 1) : maximumItems;
}

/**
 * The conditions that attributes in a Locate request stand for: two values of one date are the ends of a range (Infinity: no
 * date), of a
 * mask all bits have to be set, of a structure the members given count, everything else has to be equal.
 * @throws HoldfastError InvalidField where a date has more than two values
 */
export function locateFilters(attributes: readonly Attribute[]): readonly LocateFilter[] {
  const dates = new Map<AttributeKey, number[]>();
  const filters: LocateFilter[] = [];
  for (const attribute of attributes) {
    const { key, value } = attribute;
    const { codec } = definitionOf(key);
    if (codec === dateTime && typeof value === 'number') dates.set(key, [...(dates.get(key) ?? []), value]);
    else if (codec.table?.kind === 'mask' && typeof value === 'number') {
      filters.push({ kind: 'bits', key, bits: value });
    } else if (key === 'State') filters.push({ kind: 'state', state: value });
    else filters.push({ kind: isWhole(attribute) ? 'equals' : 'includes', attribute });
  }
  for (const [key, values] of dates) filters.push(dateRange(key, values));
  return filters;
}

/** The members that a value of the attribute has to have so that it says all; undefined where none ever does. */
const wholeMembers = new Map<AttributeKey, readonly string[] | undefined>();

function wholeMembersOf(key: AttributeKey): readonly string[] | undefined {
  if (!wholeMembers.has(key)) {
    const { fields = {} } = definitionOf(key).codec;
    const isNever = key === 'UsageLimits' || Object.values(fields).some(({ isRepeated }) => isRepeated);
    wholeMembers.set(key, isNever ? undefined : Object.keys(fields));
  }
  return wholeMembers.get(key);
}

/** Whether an attribute that meets the condition has exactly its value: then it can be found by that value. */
function isWhole({ key, value }: Attribute): boolean {
  const members = value as Readonly<Record<string, unknown>>;
  return wholeMembersOf(key)?.every((name) => members[name] !== undefined) === true;
}

function dateRange(key: AttributeKey, values: readonly number[]): LocateFilter {
  if (values.length > 2) {
    throw new HoldfastError('InvalidField', `${definitionOf(key).name} is there more than twice`);
  }
  return { kind: 'range', key, from: Math.min(...values), to: Math.max(...values) };
}
