import { randomUUID } from 'node:crypto';
import { AttributeSet, matchesQuery, type LocateFilter } from '@holdfast/core';
import {
  STORAGE_DIALECT,
  Tag,
  attributeDefinitions,
  dateTime,
  type AnyAttributeDefinition,
  type Attribute,
} from '@holdfast/kmip';
import { ItemType } from '@holdfast/ttlv';
import fc from 'fast-check';
import { locateFilters } from '../../core/src/operations/locate';
import { valuesOf } from '../../kmip/test/arbitraries';
import { termConditionOf } from '../src/objects/term-conditions';
import { TERM_BYTES, formerTermsOf, isFormer, termsOf } from '../src/objects/terms';

/** Whatever an object has, and however it is asked for: its terms are among those that are looked for. */

const domainId = randomUUID();
const INITIAL_DATE = 1_700_000_000;

function valuesFor({ key, codec }: AnyAttributeDefinition): fc.Arbitrary<unknown> {
  if (key === 'VendorAttribute') {
    const attributeValue = fc
      .string()
      .map((value) => ({ tag: Tag.AttributeValue, type: ItemType.TextString, value }));
    return fc.record({ vendorIdentification: fc.string(), attributeName: fc.string(), attributeValue });
  }
  if (codec === dateTime) {
    // Near the Initial Date as well as far from it.
    return fc.oneof(
      valuesOf(codec, STORAGE_DIALECT),
      fc.integer({ min: INITIAL_DATE - 9000, max: INITIAL_DATE + 9000 }),
    );
  }
  return valuesOf(codec, STORAGE_DIALECT);
}

/** Conditions that an object with this attribute meets. */
function conditionsMetBy(
  { key, codec }: AnyAttributeDefinition,
  value: unknown,
): fc.Arbitrary<readonly LocateFilter[]> {
  const filtersFor = (...values: readonly unknown[]) =>
    locateFilters(values.map((each) => ({ key, value: each }) as Attribute));
  if (codec === dateTime) {
    const span = fc.oneof(fc.nat(100), fc.nat(100_000), fc.nat(1_000_000_000));
    return fc
      .tuple(span, span)
      .map(([before, after]) => filtersFor((value as number) - before, (value as number) + after));
  }
  if (codec.table?.kind === 'mask') return fc.nat(0xffff).map((bits) => filtersFor((value as number) & bits));
  if (codec.fields !== undefined) {
    return fc.subarray(Object.entries(value as object)).map((some) => filtersFor(Object.fromEntries(some)));
  }
  return fc.constant(filtersFor(value));
}

function termsIn(bytes: Buffer): ReadonlySet<string> {
  const terms = new Set<string>();
  for (let offset = 4; offset < bytes.length; offset += TERM_BYTES) {
    terms.add(`${bytes.readInt32BE(offset)} ${bytes.readUInt32BE(offset + 4)}`);
  }
  return terms;
}

function isLedTo(attributes: AttributeSet, filter: LocateFilter, isWrittenBefore: boolean): boolean {
  const bytes = attributes.toBytes();
  const condition =
    filter.kind === 'state'
      ? termConditionOf(domainId, { kind: 'equals', attribute: { key: 'State', value: filter.state } })
      : termConditionOf(domainId, filter);
  if (condition === undefined || (isWrittenBefore && !condition.isKnownToAll)) return true;
  const { lists, initialDates } = condition;
  if (initialDates !== undefined && initialDates.from <= INITIAL_DATE && INITIAL_DATE <= initialDates.to) {
    return true;
  }
  const terms = termsIn(
    isWrittenBefore ? formerTermsOf(domainId, bytes) : termsOf(domainId, bytes, INITIAL_DATE),
  );
  return lists.every((list) => list.some(({ high, low }) => terms.has(`${high} ${low}`)));
}

test.each(attributeDefinitions.map((definition) => [definition.key, definition] as const))(
  '%s, whole or in part, leads to the objects that have it',
  (key, definition) => {
    fc.assert(
      fc.property(
        fc
          .tuple(
            valuesFor(definition),
            fc.array(valuesFor(definition), { maxLength: definition.multiple ? 2 : 0 }),
          )
          .chain(([value, others]) =>
            fc.record({
              values: fc.constant([value, ...others]),
              filters: conditionsMetBy(definition, value),
            }),
          ),
        ({ values, filters }) => {
          const attributes = new AttributeSet([
            { key: 'UniqueIdentifier', value: 'one' },
            { key: 'InitialDate', value: INITIAL_DATE },
          ]);
          attributes.clear(key);
          for (const value of values) attributes.add({ key, value } as Attribute);
          const storage = { online: true, archived: true, destroyed: true };
          for (const filter of filters) {
            const isMet = matchesQuery(attributes, { filters: [filter], storage, nowSeconds: 0 });
            if (!isMet) continue;
            expect({ filter, found: isLedTo(attributes, filter, false) }).toEqual({ filter, found: true });
            expect({ filter, foundBefore: isLedTo(attributes, filter, true) }).toEqual({
              filter,
              foundBefore: true,
            });
          }
        },
      ),
      { numRuns: 30 },
    );
  },
);

test('what an older program wrote is told from what this one writes', () => {
  const bytes = new AttributeSet([{ key: 'UniqueIdentifier', value: 'one' }]).toBytes();
  expect([formerTermsOf(domainId, bytes), termsOf(domainId, bytes, undefined)].map(isFormer)).toEqual([
    true,
    false,
  ]);
});
