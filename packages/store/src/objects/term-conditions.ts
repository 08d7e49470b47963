import type { LocateFilter } from '@holdfast/core';
import { definitionOf, type Attribute, type AttributeKey } from '@holdfast/kmip';
import { itemTag, itemValueStart } from '@holdfast/ttlv';
import type { Term } from './hash64';
import {
  COMMON_DATES,
  FLAG_FALSE,
  FLAG_GROUPS,
  FLAG_PLACES,
  FLAG_TRUE,
  GROUPS,
  GROUP_VALUES,
  KINDS,
  NEW_VALUES,
  SPANS,
  USUAL_STRUCTURES,
  USUAL_VALUES,
  encodeAttribute,
  groupOf,
  membersOf,
  spanOf,
  termsIn,
  type Terms,
  type UsualStructure,
} from './terms';

/** Which terms an object has that meets a condition of Locate. */

const LONGEST_SPAN = SPANS[7];
/** A range is covered by no more than so many of the shortest spans that will do. */
const MAX_COVER = 16;
/** Of the longest by so many: others reach beyond any calendar. */
const MAX_LONGEST = 256;

/** What leads to all objects that meet a condition, and possibly to others. */
export interface TermCondition {
  /** Of each of these lists the object has at least one. */
  readonly lists: readonly (readonly Term[])[];
  /** Or its Initial Date is in this range, seconds. */
  readonly initialDates?: { readonly from: number; readonly to: number };
  /** Whether projections of older programs have the same terms: else all of them may meet it. */
  readonly isKnownToAll: boolean;
  /** Whether no others have them (but for equal hashes). */
  readonly isExact: boolean;
}

/** @returns undefined where nearly all objects meet the condition, or only a column tells */
export function termConditionOf(
  domainId: string,
  filter: Exclude<LocateFilter, { kind: 'state' }>,
): TermCondition | undefined {
  const terms = termsIn(domainId);
  switch (filter.kind) {
    case 'equals':
      return equalCondition(terms, filter.attribute);
    case 'includes':
      return filter.attribute.key === 'UsageLimits'
        ? equalCondition(terms, filter.attribute)
        : partialCondition(terms, filter.attribute);
    case 'range':
      return rangeCondition(terms, filter.key, filter.from, filter.to);
    case 'bits':
      return newCondition(maskLists(terms, definitionOf(filter.key).tag, filter.bits));
    case 'someBits':
      return newCondition([maskList(terms, definitionOf(filter.key).tag, filter.bits)]);
    case 'anyOf':
      return anyCondition(filter.attributes.map((attribute) => equalCondition(terms, attribute)));
    case 'noBits':
    case 'lacks':
      return undefined;
  }
}

function newCondition(lists: readonly (readonly Term[])[]): TermCondition | undefined {
  return lists.length === 0 ? undefined : { lists, isKnownToAll: false, isExact: false };
}

/** One of several conditions of one list each. */
function anyCondition(conditions: readonly (TermCondition | undefined)[]): TermCondition | undefined {
  const known = conditions.filter((condition) => condition !== undefined);
  if (known.length < conditions.length) return undefined;
  return {
    lists: [known.flatMap(({ lists }) => lists.flat())],
    isKnownToAll: known.every(({ isKnownToAll }) => isKnownToAll),
    isExact: known.every(({ isExact }) => isExact),
  };
}

function equalCondition(terms: Terms, attribute: Attribute): TermCondition | undefined {
  const { key, value } = attribute;
  const { tag } = definitionOf(key);
  const bytes = encodeAttribute(attribute);
  switch (KINDS.get(tag)) {
    case 'none':
      return undefined;
    case 'date':
      return rangeCondition(terms, key, Number(value), Number(value));
    case 'mask':
      return newCondition(maskLists(terms, tag, Number(value)));
    case 'limits':
      return newCondition([[terms.numbered(tag, 0, 0)]]);
    case 'flag': {
      const { group, weight } = FLAG_PLACES.get(tag) ?? { group: 0, weight: 0 };
      const digit = value === true ? FLAG_TRUE : FLAG_FALSE;
      const combinations = Array.from({ length: 3 ** (FLAG_GROUPS[group]?.length ?? 0) }, (_, each) => each);
      const list = combinations
        .filter((each) => Math.floor(each / weight) % 3 === digit)
        .map((each) => terms.flags(group, each));
      // What older programs wrote.
      list.push(terms.whole(bytes));
      return { lists: [list], isKnownToAll: true, isExact: true };
    }
    default:
      if (USUAL_VALUES.get(tag)?.equals(bytes) === true) return undefined;
      if (NEW_VALUES.has(key)) return newCondition([[terms.whole(bytes)]]);
      return { lists: [[terms.whole(bytes)]], isKnownToAll: true, isExact: true };
  }
}

/** A structure of which some members are given: the object has the term of each, or that of the usual whole. */
function partialCondition(terms: Terms, attribute: Attribute): TermCondition | undefined {
  const { key } = attribute;
  const bytes = encodeAttribute(attribute);
  const members = membersOf(attribute);
  const { tag } = definitionOf(key);
  const usualBytes = USUAL_VALUES.get(tag);
  if (usualBytes !== undefined && members.every((member) => usualBytes.includes(member))) return undefined;
  const usual = USUAL_STRUCTURES.get(tag);
  const whole = usual === undefined ? [] : usualWhole(terms, attribute, usual, members);
  if (whole === undefined) return undefined;
  let start = itemValueStart(0);
  return newCondition(
    members.map(({ length }) => {
      const term = terms.member(bytes, 0, start, start + length);
      start += length;
      return [term, ...whole];
    }),
  );
}

/** @returns none where the members are not the usual ones; undefined where nearly all objects have them */
function usualWhole(
  terms: Terms,
  { key, value }: Attribute,
  usual: UsualStructure,
  members: readonly Buffer[],
): readonly Term[] | undefined {
  const others = members.filter((member) => itemTag(member, 0) !== usual.ownTag);
  if (!others.every((member) => usual.members.some((each) => each.equals(member)))) return [];
  if (usual.ownTag !== undefined && others.length === members.length) return undefined;
  const completed = { ...usual.value, ...(value as object) };
  return [terms.whole(encodeAttribute({ key, value: completed } as Attribute))];
}

function rangeCondition(
  terms: Terms,
  key: AttributeKey,
  from: number,
  to: number,
): TermCondition | undefined {
  const { tag } = definitionOf(key);
  // An object without the date counts as one with the largest.
  const list =
    KINDS.get(tag) === 'date' && to !== Number.POSITIVE_INFINITY ? cover(terms, tag, from, to) : [];
  if (list.length === 0) return undefined;
  const condition = { lists: [list], isKnownToAll: false, isExact: false };
  if (!COMMON_DATES.includes(key)) return condition;
  const length = 2 ** SPANS[0];
  const initialDates = {
    from: spanOf(from, SPANS[0]) * length,
    to: (spanOf(to, SPANS[0]) + 1) * length - 1,
  };
  return { ...condition, initialDates };
}

/** Spans that together hold the range, and no more than as much again; none where it would take too many. */
function cover(terms: Terms, tag: number, from: number, to: number): readonly Term[] {
  const countOf = (exponent: number) => spanOf(to, exponent) - spanOf(from, exponent) + 1;
  const exponent = SPANS.find((each) => countOf(each) <= MAX_COVER) ?? LONGEST_SPAN;
  const count = countOf(exponent);
  if (count > MAX_LONGEST) return [];
  const first = spanOf(from, exponent);
  return Array.from({ length: count }, (_, index) => terms.numbered(tag, exponent, first + index));
}

/** For each four bits of which some are wanted, the values that have them. */
function maskLists(terms: Terms, tag: number, mask: number): readonly (readonly Term[])[] {
  return GROUPS.flatMap((group) => {
    const wanted = groupOf(mask, group);
    if (wanted === 0) return [];
    const values = GROUP_VALUES.filter((value) => (value & wanted) === wanted);
    return [values.map((value) => terms.bits(tag, group, value))];
  });
}

/** For all groups of four bits together, the values that have some of those wanted. */
function maskList(terms: Terms, tag: number, mask: number): readonly Term[] {
  return GROUPS.flatMap((group) => {
    const wanted = groupOf(mask, group);
    return GROUP_VALUES.filter((value) => (value & wanted) !== 0).map((value) =>
      terms.bits(tag, group, value),
    );
  });
}
