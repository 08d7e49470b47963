import type { AttributeKey } from '@holdfast/kmip';
import type { LocateFilter, LocateQuery } from '../ports/key-store';
import type { AttributeSet } from './attribute-set';
import { includesValue } from './attribute-rules';
import { isDestroyed, stateAt } from './state';

/** Where an object is kept, as the Storage Status Mask of Locate tells them apart (KMIP 1.4 section 9.1.3.3.2). */
export type StorageStatus = keyof LocateQuery['storage'];

export function storageStatusOf(attributes: AttributeSet): StorageStatus {
  if (isDestroyed(attributes.get('State')) || attributes.has('DestroyDate')) return 'destroyed';
  return attributes.has('ArchiveDate') ? 'archived' : 'online';
}

/** Whether any instance of the filter's attribute meets the condition. KMIP 1.4 section 4.9, KMIP 2.1 section 6.1.28. */
export function matchesFilter(attributes: AttributeSet, filter: LocateFilter, nowSeconds: number): boolean {
  switch (filter.kind) {
    case 'equals':
      if (filter.attribute.key === 'State') return stateAt(attributes, nowSeconds) === filter.attribute.value;
      return attributes.hasValue(filter.attribute);
    case 'includes':
      return attributes
        .instances(filter.attribute.key)
        .some((instance) => includesValue(instance, filter.attribute));
    case 'range':
      return datesOf(attributes, filter.key).some((value) => value >= filter.from && value <= filter.to);
    case 'bits':
      return numbersOf(attributes, filter.key).some((value) => (value & filter.bits) === filter.bits);
    case 'someBits':
      return numbersOf(attributes, filter.key).some((value) => (value & filter.bits) !== 0);
    case 'noBits':
      return numbersOf(attributes, filter.key).every((value) => (value & filter.bits) === 0);
    case 'anyOf':
      return filter.attributes.some((attribute) => attributes.hasValue(attribute));
    case 'lacks':
      return !attributes
        .instances(filter.attribute.key)
        .some((instance) => includesValue(instance, filter.attribute));
    case 'state':
      return stateAt(attributes, nowSeconds) === filter.state;
  }
}

/** Whether an object with these attributes is one that the query asks for. */
export function matchesQuery(
  attributes: AttributeSet,
  query: Pick<LocateQuery, 'filters' | 'storage' | 'nowSeconds'>,
): boolean {
  return (
    query.storage[storageStatusOf(attributes)] &&
    query.filters.every((filter) => matchesFilter(attributes, filter, query.nowSeconds))
  );
}

/** A date that is not there is equivalent to the largest one. */
function datesOf(attributes: AttributeSet, key: AttributeKey): readonly number[] {
  const dates = numbersOf(attributes, key);
  return dates.length === 0 ? [Number.POSITIVE_INFINITY] : dates;
}

function numbersOf(attributes: AttributeSet, key: AttributeKey): readonly number[] {
  return attributes.instances(key).flatMap(({ value }) => (typeof value === 'number' ? [value] : []));
}
