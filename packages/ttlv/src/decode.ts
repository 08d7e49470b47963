import { Parser } from 'binary-parser';
import { bigIntFromBytes } from './bigint';
import { HoldfastError } from './errors';
import { HEADER_BYTES, readUint32 } from './header';
import { ItemType, type Item } from './item';
import { DEFAULT_LIMITS, type Limits } from './limits';
import { validateTtlv } from './validate';
import { itemType } from './walk';

/**
 * One item as binary-parser leaves it. `value` is there for the types of fixed length; for the others `length` and
 * `start` say where the bytes lie, since making a string or a view in the parser costs more than all the rest.
 */
interface FlatItem {
  /** Tag in the upper 24 bits, item type in the lower 8. */
  readonly head: number;
  /** Length of the value in bytes, without padding. */
  readonly length: number;
  /** Offset of the value in the message. */
  readonly start: number;
  readonly value?: number | bigint | undefined;
}

const word = () => new Parser().endianness('big');
const fixed32 = { signed: word().int32('value').seek(4), unsigned: word().uint32('value').seek(4) };
const fixed64 = word().int64('value');
const located = word().seek(function (this: FlatItem) {
  return this.length + (-this.length & 7);
});
// A structure's children follow its header: the list is flat, and assembling finds the levels again.
const opened = word().seek(0);

/**
 * What the parser returns. Its code sets `$parent` and `$root` and deletes them again, which would leave a slow object
 * behind: the setters see to it that there is nothing to delete.
 */
class FlatMessage {
  items: FlatItem[] = [];
  set $parent(_none: null) {
    // Nothing here looks at it.
  }
  set $root(_message: FlatMessage) {
    // Nothing here looks at it.
  }
}

const messageParser = new Parser().create(FlatMessage).array('items', {
  readUntil: 'eof',
  type: word()
    .uint32('head')
    .uint32('length')
    .saveOffset('start')
    .choice({
      tag: function (this: FlatItem) {
        return this.head & 0xff;
      },
      choices: {
        [ItemType.Structure]: opened,
        [ItemType.Integer]: fixed32.signed,
        [ItemType.LongInteger]: fixed64,
        [ItemType.BigInteger]: located,
        [ItemType.Enumeration]: fixed32.unsigned,
        [ItemType.Boolean]: fixed64,
        [ItemType.TextString]: located,
        [ItemType.ByteString]: located,
        [ItemType.DateTime]: fixed64,
        [ItemType.Interval]: fixed32.unsigned,
        [ItemType.DateTimeExtended]: fixed64,
      },
    }),
});

/**
 * Decodes exactly one TTLV item that fills `bytes`. Anything that is not canonical is refused (lengths, padding,
 * Booleans, UTF-8, trailing bytes); only a Big Integer may carry more sign extension than it needs, as clients send it.
 * Byte String values are views on `bytes`: they change with it and keep it alive.
 * Throws HoldfastError('InvalidMessage'). KMIP 1.4 section 9.1, KMIP 2.1 section 10.1.
 */
export function decodeTtlv(bytes: Buffer, limits: Limits = DEFAULT_LIMITS): Item {
  validateTtlv(bytes, limits);
  if (itemType(bytes, 0) !== ItemType.Structure) return leaf(bytes, onlyItem(bytes, 0));
  const { items } = messageParser.parse(bytes) as FlatMessage;
  const roots: Item[] = [];
  assemble(bytes, items, 0, bytes.length, roots);
  const [root] = roots;
  if (root === undefined) throw new HoldfastError('InvalidMessage', 'TTLV at byte 0: no item');
  return root;
}

/** The same of the item that stands alone from `start` to `end`. */
export function decodeTtlvWithin(bytes: Buffer, start: number, end: number): Item {
  if (itemType(bytes, start) === ItemType.Structure) return decodeTtlv(bytes.subarray(start, end));
  validateTtlv(bytes, DEFAULT_LIMITS, start, end);
  return leaf(bytes, onlyItem(bytes, start));
}

/** The one item of a message that is no structure: stored values are many such messages, too short for a parser. */
function onlyItem(bytes: Buffer, offset: number): FlatItem {
  const start = offset + HEADER_BYTES;
  return {
    head: readUint32(bytes, offset),
    length: readUint32(bytes, offset + 4),
    start,
    value: fixedValue(bytes, itemType(bytes, offset), start),
  };
}

function fixedValue(bytes: Buffer, type: ItemType, start: number): number | bigint | undefined {
  switch (type) {
    case ItemType.Integer:
      return readUint32(bytes, start) | 0;
    case ItemType.Enumeration:
    case ItemType.Interval:
      return readUint32(bytes, start);
    case ItemType.Boolean:
      return bytes[start + 7] === 1 ? 1n : 0n;
    case ItemType.LongInteger:
    case ItemType.DateTime:
    case ItemType.DateTimeExtended:
      return bytes.readBigInt64BE(start);
    default:
      return undefined;
  }
}

/** Builds the items that lie before the offset `end` into `siblings`; returns the index of the first one after it. */
function assemble(bytes: Buffer, flat: FlatItem[], from: number, end: number, siblings: Item[]): number {
  let index = from;
  for (let item = flat[index]; item !== undefined && item.start - HEADER_BYTES < end; item = flat[index]) {
    index++;
    if ((item.head & 0xff) === ItemType.Structure) {
      const value: Item[] = [];
      siblings.push({ tag: item.head >>> 8, type: ItemType.Structure, value });
      index = assemble(bytes, flat, index, item.start + item.length, value);
    } else {
      siblings.push(leaf(bytes, item));
    }
  }
  return index;
}

function leaf(bytes: Buffer, item: FlatItem): Item {
  const tag = item.head >>> 8;
  const type = (item.head & 0xff) as Exclude<ItemType, typeof ItemType.Structure>;
  switch (type) {
    case ItemType.TextString:
      return { tag, type, value: bytes.toString('utf8', item.start, item.start + item.length) };
    case ItemType.ByteString:
      return { tag, type, value: bytes.subarray(item.start, item.start + item.length) };
    case ItemType.BigInteger:
      return { tag, type, value: bigIntFromBytes(bytes.subarray(item.start, item.start + item.length)) };
    case ItemType.Boolean:
      return { tag, type, value: item.value === 1n };
    case ItemType.Integer:
    case ItemType.Enumeration:
    case ItemType.Interval:
      return { tag, type, value: item.value as number };
    case ItemType.LongInteger:
    case ItemType.DateTime:
    case ItemType.DateTimeExtended:
      return { tag, type, value: item.value as bigint };
  }
}
