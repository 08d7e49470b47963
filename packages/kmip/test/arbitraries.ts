import { ItemType, SecretBytes, type Item } from '@holdfast/ttlv';
import {
  anyItem,
  identifierReference,
  secretByteString,
  secretTextString,
  Tag,
  UniqueIdentifier,
  type Codec,
  type Dialect,
  type Field,
} from '@holdfast/kmip';
import fc from 'fast-check';

const text = fc.string({ maxLength: 12 });
const bytes = fc.uint8Array({ maxLength: 16 }).map((value) => Buffer.from(value));
const int32 = fc.integer({ min: -0x80000000, max: 0x7fffffff });
const uint32 = fc.nat({ max: 0xffffffff });
const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });

const someItem: fc.Arbitrary<Item> = fc.oneof(
  text.map((value): Item => ({ tag: Tag.AttributeValue, type: ItemType.TextString, value })),
  int32.map((value): Item => ({ tag: Tag.AttributeValue, type: ItemType.Integer, value })),
  bytes.map((value): Item => ({ tag: Tag.AttributeValue, type: ItemType.ByteString, value })),
  text.map((value): Item => ({
    tag: Tag.AttributeValue,
    type: ItemType.Structure,
    value: [{ tag: Tag.Comment, type: ItemType.TextString, value }],
  })),
);

const scalars: Partial<Record<ItemType, fc.Arbitrary<unknown>>> = {
  [ItemType.Integer]: int32,
  [ItemType.LongInteger]: int64,
  [ItemType.BigInteger]: fc.bigInt(),
  [ItemType.Enumeration]: uint32,
  [ItemType.Boolean]: fc.boolean(),
  [ItemType.TextString]: text,
  [ItemType.ByteString]: bytes,
  [ItemType.DateTime]: fc.integer({ min: -377705116800, max: 253402300799 }),
  [ItemType.Interval]: uint32,
  [ItemType.DateTimeExtended]: int64,
};

function identifiers(dialect: Dialect): fc.Arbitrary<unknown> {
  if (!dialect.knows({ since: '2.0' })) return text;
  return fc.oneof(
    text,
    int32.map((nth) => ({ nth })),
    fc.constantFrom(...Object.values(UniqueIdentifier)).map((from) => ({ from })),
  );
}

function fromTable(codec: Codec<unknown>, dialect: Dialect): fc.Arbitrary<unknown> | undefined {
  const { table } = codec;
  if (table === undefined) return undefined;
  const isMask = table.kind === 'mask';
  const values = [...table.byValue.values()]
    .filter((entry) => dialect.knows(isMask ? { since: entry.since } : entry))
    .map((entry) => entry.value);
  // A version that has another encoding for it (Extension Type in 1.x) lists no value.
  if (values.length === 0) return undefined;
  return isMask
    ? fc.subarray(values).map((bits) => bits.reduce((sum, bit) => sum | bit, 0))
    : fc.constantFrom(...values);
}

function fromFields(
  fields: Readonly<Record<string, Field<unknown>>>,
  dialect: Dialect,
): fc.Arbitrary<unknown> {
  const members: Record<string, fc.Arbitrary<unknown>> = {};
  for (const [name, field] of Object.entries(fields)) {
    const isKnown = field.tagsIn(dialect).length > 0;
    if (field.codec === undefined) throw new Error(`${name} has no codec to draw values from`);
    const codec = field.codec;
    if (field.isRepeated) {
      members[name] = isKnown ? fc.array(valuesOf(codec, dialect), { maxLength: 2 }) : fc.constant([]);
    } else if (isKnown) {
      members[name] = field.isOptional
        ? fc.option(valuesOf(codec, dialect), { nil: undefined })
        : valuesOf(codec, dialect);
    }
  }
  return fc.record(members).map((value) => {
    const present = Object.entries(value).filter(([, member]) => member !== undefined);
    return Object.fromEntries(present);
  });
}

/** Values that the dialect can express, for a codec made of the schema's parts. */
export function valuesOf(codec: Codec<unknown>, dialect: Dialect): fc.Arbitrary<unknown> {
  if (codec === (identifierReference as Codec<unknown>)) return identifiers(dialect);
  if (codec === (anyItem as Codec<unknown>)) return someItem;
  if (codec === (secretByteString as Codec<unknown>)) return bytes.map((value) => new SecretBytes(value));
  if (codec === (secretTextString as Codec<unknown>)) {
    return text.map((value) => new SecretBytes(Buffer.from(value)));
  }
  const listed = fromTable(codec, dialect);
  if (listed !== undefined) return listed;
  if (codec.fields !== undefined) return fromFields(codec.fields, dialect);
  if (codec.table !== undefined) return fc.nat({ max: 0x7fffffff });
  const arbitrary = codec.type === undefined ? undefined : scalars[codec.type];
  if (arbitrary === undefined) throw new Error('no values are known for this codec');
  return arbitrary;
}
