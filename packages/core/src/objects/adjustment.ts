import { AdjustmentType } from '@holdfast/kmip';
import { HoldfastError, ItemType, type BigIntItem, type Item, type NumberItem } from '@holdfast/ttlv';

/** Values that are counted up and down (KMIP 2.1 section 11.1). */

/** The least and the greatest value of each type that can be counted; undefined: any. */
const RANGES: Partial<Record<ItemType, readonly [least: bigint, most: bigint] | undefined>> = {
  [ItemType.Integer]: [-(2n ** 31n), 2n ** 31n - 1n],
  [ItemType.LongInteger]: [-(2n ** 63n), 2n ** 63n - 1n],
  [ItemType.BigInteger]: undefined,
  [ItemType.Interval]: [0n, 2n ** 32n - 1n],
  [ItemType.DateTime]: [-(2n ** 63n), 2n ** 63n - 1n],
  [ItemType.DateTimeExtended]: [-(2n ** 63n), 2n ** 63n - 1n],
};
const NEGATED: readonly ItemType[] = [ItemType.Integer, ItemType.LongInteger, ItemType.BigInteger];
/** Types whose values say how much, whatever the type of the attribute. */
const AMOUNTS: readonly ItemType[] = [...NEGATED, ItemType.Interval];

type Countable = NumberItem | BigIntItem;

function isCountable(item: Item): item is Countable {
  return Object.hasOwn(RANGES, item.type);
}

/**
 * What an attribute of the type counts as before it was ever set: 0 or False.
 * @throws HoldfastError ItemNotFound for dates, which do not begin anywhere; InvalidDataType
 */
export function unsetItem(tag: number, type: ItemType | undefined): Item {
  if (type === ItemType.Boolean) return { tag, type, value: false };
  if (type === undefined || !Object.hasOwn(RANGES, type)) throw notAdjustable();
  if (!AMOUNTS.includes(type)) throw new HoldfastError('ItemNotFound', 'there is no date to adjust');
  const isNumber = type === ItemType.Integer || type === ItemType.Interval;
  return { tag, type, value: isNumber ? 0 : 0n } as Item;
}

/**
 * The item with its value adjusted.
 * @param amount by how much it is counted, 1 where left out; Negate has none
 * @throws HoldfastError InvalidDataType, NumericRange
 */
export function adjustedItem(item: Item, adjustment: AdjustmentType, amount: Item | undefined): Item {
  if (adjustment === AdjustmentType.Negate) {
    if (item.type === ItemType.Boolean) return { ...item, value: !item.value };
    if (!isCountable(item) || !NEGATED.includes(item.type)) throw notAdjustable();
    return withValue(item, -BigInt(item.value));
  }
  if (!isCountable(item)) throw notAdjustable();
  const units = amountOf(amount, item.type);
  const sign = adjustment === AdjustmentType.Increment ? 1n : -1n;
  return withValue(item, BigInt(item.value) + sign * units);
}

function amountOf(amount: Item | undefined, type: ItemType): bigint {
  if (amount === undefined) return 1n;
  if (isCountable(amount) && (amount.type === type || AMOUNTS.includes(amount.type))) {
    return BigInt(amount.value);
  }
  throw new HoldfastError('InvalidDataType', 'Adjustment Value is not of a type that fits the attribute');
}

function withValue(item: Countable, value: bigint): Item {
  const range = RANGES[item.type];
  if (range !== undefined && (value < range[0] || value > range[1])) throw outOfRange();
  return (typeof item.value === 'number' ? { ...item, value: Number(value) } : { ...item, value }) as Item;
}

function notAdjustable(): HoldfastError {
  return new HoldfastError('InvalidDataType', 'values of this attribute cannot be adjusted in this way');
}

export function outOfRange(cause?: unknown): HoldfastError {
  return new HoldfastError('NumericRange', 'the value would be out of range', { cause });
}
