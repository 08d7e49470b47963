import fc from 'fast-check';
import { ItemType, type Item } from '../src';

const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const uint32 = fc.nat({ max: 0xffffffff });
/** What means something to XML or JSON is rare among all that there is. */
const meaningful = fc.constantFrom(...'"\'\\&<>{}[]:,;\n\r\t a'.split(''));
const text = fc
  .oneof(fc.string({ unit: 'grapheme', maxLength: 20 }), fc.string({ unit: meaningful, maxLength: 20 }))
  .filter((value) => !value.endsWith('\0'));

const tag = fc.oneof(
  fc.integer({ min: 0x420000, max: 0x42ffff }),
  fc.integer({ min: 0x540000, max: 0x54ffff }),
  fc.constantFrom(0x420001, 0x42002c, 0x420028),
);

const leaf: fc.Arbitrary<Item> = fc.oneof(
  fc.record({ tag, type: fc.constant(ItemType.Integer), value: fc.integer() }),
  fc.record({ tag, type: fc.constantFrom(ItemType.Enumeration, ItemType.Interval), value: uint32 }),
  fc.record({
    tag,
    type: fc.constantFrom(ItemType.LongInteger, ItemType.DateTime, ItemType.DateTimeExtended),
    value: int64,
  }),
  fc.record({
    tag,
    type: fc.constant(ItemType.BigInteger),
    value: fc.oneof(int64, fc.bigInt({ min: -(2n ** 600n), max: 2n ** 600n })),
  }),
  fc.record({ tag, type: fc.constant(ItemType.Boolean), value: fc.boolean() }),
  fc.record({ tag, type: fc.constant(ItemType.TextString), value: text }),
  fc.record({
    tag,
    type: fc.constant(ItemType.ByteString),
    value: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
  }),
);

/** Any item: all types, up to five levels of structures. */
export const anyItem: fc.Arbitrary<Item> = fc.letrec<{ item: Item; structure: Item }>((tie) => ({
  item: fc.oneof({ maxDepth: 5, depthSize: 'small' }, leaf, tie('structure')),
  structure: fc.record({
    tag,
    type: fc.constant(ItemType.Structure),
    value: fc.array(tie('item'), { maxLength: 6 }),
  }),
})).item;

/** Any structure with the tag of a Request Message. */
export const anyMessage: fc.Arbitrary<Item> = fc
  .array(anyItem, { maxLength: 6 })
  .map((value) => ({ tag: 0x420078, type: ItemType.Structure, value }));

/** Bytes from hex digits in which blanks and bars only please the eye. */
export function hex(digits: string): Buffer {
  return Buffer.from(digits.replace(/[\s|]/g, ''), 'hex');
}
