import fc from 'fast-check';
import {
  DEFAULT_LIMITS,
  HoldfastError,
  ItemType,
  decodeTtlv,
  encodeTtlv,
  encodedLength,
  type Item,
} from '../src';
import { refusal } from './refusal';
import { anyItem, hex } from './trees';
import { EXAMPLES, QUERY_REQUEST, QUERY_RESPONSE } from './vectors';

describe('worked examples', () => {
  it.each(EXAMPLES)('%s decodes and encodes', (_name, digits, item) => {
    expect(decodeTtlv(hex(digits))).toEqual(item);
    expect(encodeTtlv(item)).toEqual(hex(digits));
  });

  it.each([
    ['request', QUERY_REQUEST],
    ['response', QUERY_RESPONSE],
  ])('the Query %s decodes and encodes', (_name, { digits, item }) => {
    expect(decodeTtlv(hex(digits))).toEqual(item);
    expect(encodeTtlv(item)).toEqual(hex(digits));
  });
});

describe('values at the edge of their type', () => {
  const bigInteger = (value: bigint): Item => ({ tag: 0x420020, type: ItemType.BigInteger, value });

  it.each([
    [0n, '0000000000000000'],
    [-1n, 'ffffffffffffffff'],
    [2n ** 63n - 1n, '7fffffffffffffff'],
    [-(2n ** 63n), '8000000000000000'],
    [2n ** 63n, '00000000000000008000000000000000'],
    [-(2n ** 63n) - 1n, 'ffffffffffffffff7fffffffffffffff'],
    [2n ** 127n - 1n, '7fffffffffffffffffffffffffffffff'],
    [-(2n ** 127n), '80000000000000000000000000000000'],
    [2n ** 127n, '000000000000000080000000000000000000000000000000'],
  ])('Big Integer %p', (value, digits) => {
    const bytes = encodeTtlv(bigInteger(value));
    expect(bytes.subarray(8).toString('hex')).toBe(digits);
    expect(decodeTtlv(bytes)).toEqual(bigInteger(value));
  });

  it('takes a Big Integer with more sign extension than it needs, and writes it short', () => {
    const long = hex('420020|04|00000010|ffffffffffffffff ffffffffffffff85');
    expect(decodeTtlv(long)).toEqual(bigInteger(-123n));
    expect(encodeTtlv(bigInteger(-123n))).toEqual(hex('420020|04|00000008|ffffffffffffff85'));
  });

  it.each<Item>([
    { tag: 0x420000, type: ItemType.Integer, value: -0x80000000 },
    { tag: 0x42ffff, type: ItemType.Integer, value: 0x7fffffff },
    { tag: 0x540000, type: ItemType.Enumeration, value: 0xffffffff },
    { tag: 0x54ffff, type: ItemType.Interval, value: 0xffffffff },
    { tag: 0x420001, type: ItemType.LongInteger, value: -(2n ** 63n) },
    { tag: 0x420001, type: ItemType.DateTime, value: 2n ** 63n - 1n },
    { tag: 0x420001, type: ItemType.DateTimeExtended, value: -1n },
    { tag: 0x420001, type: ItemType.TextString, value: '' },
    { tag: 0x420001, type: ItemType.TextString, value: '\ufeffZürich \u{1f511}\0.' },
    { tag: 0x420001, type: ItemType.ByteString, value: Buffer.alloc(0) },
    { tag: 0x420001, type: ItemType.Structure, value: [] },
  ])('%p', (item) => {
    expect(decodeTtlv(encodeTtlv(item))).toEqual(item);
  });
});

describe('bytes that are refused', () => {
  const nested = (levels: number): Buffer => {
    let item: Item = { tag: 0x420001, type: ItemType.Integer, value: 1 };
    for (let level = 0; level < levels; level++)
      item = { tag: 0x420002, type: ItemType.Structure, value: [item] };
    return encodeTtlv(item);
  };

  it.each([
    ['nothing at all', '', /byte 0: 0 bytes are left/],
    ['half a header', '42002002', /byte 0: 4 bytes are left/],
    ['a tag that begins with 43', '430020|02|00000004|0000000800000000', /0x430020 begins with neither/],
    ['item type 0', '420020|00|00000004|0000000800000000', /item type 0 does not exist/],
    ['item type 12', '420020|0c|00000008|0000000000000000', /item type 12 does not exist/],
    ['an Integer of length 3', '420020|02|00000003|0000000800000000', /Integer does not allow the length 3/],
    ['an Integer of length 8', '420020|02|00000008|0000000800000000', /Integer does not allow the length 8/],
    [
      'a Long Integer of length 4',
      '420020|03|00000004|0000000800000000',
      /LongInteger does not allow the length 4/,
    ],
    ['an Enumeration of length 0', '420020|05|00000000', /Enumeration does not allow the length 0/],
    ['a Boolean of length 1', '420020|06|00000001|0100000000000000', /Boolean does not allow the length 1/],
    [
      'a Date Time of length 4',
      '420020|09|00000004|0000000000000000',
      /DateTime does not allow the length 4/,
    ],
    [
      'a Date Time Extended of length 16',
      `420020|0b|00000010|${'00'.repeat(16)}`,
      /DateTimeExtended does not allow/,
    ],
    ['an empty Big Integer', '420020|04|00000000', /BigInteger does not allow the length 0/],
    [
      'a Big Integer of 4 bytes',
      '420020|04|00000004|0000000100000000',
      /BigInteger does not allow the length 4/,
    ],
    [
      'a Structure of length 4',
      '420020|01|00000004|0000000000000000',
      /Structure does not allow the length 4/,
    ],
    ['a Boolean of 2', '420020|06|00000008|0000000000000002', /byte 8: a Boolean is neither/],
    ['a Boolean with a high bit', '420020|06|00000008|8000000000000001', /byte 8: a Boolean is neither/],
    ['Integer padding', '420020|02|00000004|0000000800000001', /byte 12: padding/],
    ['Text String padding', '420020|07|00000003|6162630000000001', /byte 15: padding/],
    ['Byte String padding', '420020|08|00000003|6162630100000000', /byte 11: padding/],
    [
      'a text longer than the data',
      '420020|07|00000009|6162636465666768',
      /needs 16 bytes for its value, and 8 are/,
    ],
    ['a length of 4 GiB', '420020|08|ffffffff|6162636465666768', /needs 4294967296 bytes/],
    ['text that is not UTF-8', '420020|07|00000003|61ff620000000000', /byte 8: a Text String is not UTF-8/],
    ['overlong UTF-8', '420020|07|00000002|c080000000000000', /not UTF-8/],
    ['a surrogate in UTF-8', '420020|07|00000003|eda0800000000000', /not UTF-8/],
    ['text with a null at its end', '420020|07|00000004|6162630000000000', /byte 11: .*null character/],
    ['trailing bytes', '420020|02|00000004|0000000800000000|00', /byte 16: 1 bytes follow/],
    ['a second item', '420020|02|00000004|0000000800000000'.repeat(2), /byte 16: 16 bytes follow/],
    [
      'a header that ends the structure',
      '420020|01|00000008|4200010200000004',
      /byte 8: .* needs 8 bytes.*and 0 are/,
    ],
    [
      'a child longer than its parent, though not than the message',
      '420020|01|00000028|420021|01|00000010|420001|07|00000010|0000000000000000|420002|02|00000004|0000000100000000',
      /byte 16: item 0x420001 needs 16 bytes for its value, and 8 are left/,
    ],
  ])('%s', (_name, digits, message) => {
    const error = refusal(() => decodeTtlv(hex(digits)));
    expect(error.code).toBe('InvalidMessage');
    expect(error.message).toMatch(message);
  });

  it('structures nested deeper than the limit, however deep', () => {
    expect(decodeTtlv(nested(32)).tag).toBe(0x420002);
    expect(refusal(() => decodeTtlv(nested(33))).message).toMatch(/nested deeper than 32 levels/);
    const abyss = Buffer.alloc(8 * 10_000);
    for (let level = 0; level < 10_000; level++) {
      abyss.writeUInt32BE(0x42000101, level * 8);
      abyss.writeUInt32BE(abyss.length - (level + 1) * 8, level * 8 + 4);
    }
    expect(refusal(() => decodeTtlv(abyss)).message).toMatch(/nested deeper than 32 levels/);
  });

  it('more items, bytes or digits than the limits allow', () => {
    const { digits } = QUERY_REQUEST;
    const limited = (limits: object) =>
      refusal(() => decodeTtlv(hex(digits), { ...DEFAULT_LIMITS, ...limits }));
    expect(limited({ maxItems: 11 }).message).toMatch(/more than 11 items/);
    expect(limited({ maxMessageBytes: 144 }).message).toMatch(/152 bytes, more than the 144 allowed/);
    expect(limited({ maxDepth: 2 }).message).toMatch(/deeper than 2/);
    const big = encodeTtlv({ tag: 0x420001, type: ItemType.BigInteger, value: 1n << 70n });
    expect(refusal(() => decodeTtlv(big, { ...DEFAULT_LIMITS, maxBigIntegerBytes: 8 })).message).toMatch(
      /16 bytes/,
    );
    expect(decodeTtlv(big, { ...DEFAULT_LIMITS, maxBigIntegerBytes: 16 }).value).toBe(1n << 70n);
    const exact = { ...DEFAULT_LIMITS, maxItems: 12, maxMessageBytes: 152 };
    expect(decodeTtlv(hex(digits), exact)).toEqual(QUERY_REQUEST.item);
  });
});

describe('items that cannot be encoded', () => {
  it.each<[string, Item]>([
    ['a tag below 0x420000', { tag: 0x41ffff, type: ItemType.Integer, value: 1 }],
    ['a tag above 0x54ffff', { tag: 0x550000, type: ItemType.Integer, value: 1 }],
    ['a tag of 32 bits', { tag: 0x1420001, type: ItemType.Integer, value: 1 }],
    ['a tag with a fraction', { tag: 0x420001 + 0.5, type: ItemType.Integer, value: 1 }],
    ['an Integer of 33 bits', { tag: 0x420001, type: ItemType.Integer, value: 0x80000000 }],
    ['an Integer with a fraction', { tag: 0x420001, type: ItemType.Integer, value: 1.5 }],
    ['an Integer that is not a number', { tag: 0x420001, type: ItemType.Integer, value: NaN }],
    ['a negative Enumeration', { tag: 0x420001, type: ItemType.Enumeration, value: -1 }],
    ['an Interval of 33 bits', { tag: 0x420001, type: ItemType.Interval, value: 0x100000000 }],
    ['a Long Integer of 65 bits', { tag: 0x420001, type: ItemType.LongInteger, value: 2n ** 63n }],
    ['a Date Time of 65 bits', { tag: 0x420001, type: ItemType.DateTime, value: -(2n ** 63n) - 1n }],
    ['half a surrogate pair', { tag: 0x420001, type: ItemType.TextString, value: 'a\ud800b' }],
    ['a text with a null at its end', { tag: 0x420001, type: ItemType.TextString, value: 'abc\0' }],
  ])('%s', (_name, item) => {
    const error = refusal(() => encodeTtlv({ tag: 0x420020, type: ItemType.Structure, value: [item] }));
    expect(error.code).toBe('CodecError');
  });
});

describe('properties', () => {
  it('what was encoded decodes to itself and encodes to the same bytes', () => {
    fc.assert(
      fc.property(anyItem, (item) => {
        const bytes = encodeTtlv(item);
        expect(bytes.length).toBe(encodedLength(item));
        const decoded = decodeTtlv(bytes);
        expect(decoded).toEqual(item);
        expect(encodeTtlv(decoded)).toEqual(bytes);
      }),
      { numRuns: 500 },
    );
  });

  it('changed bytes are refused with a HoldfastError, or mean what they say', () => {
    const change = fc.record({ at: fc.nat({ max: 4095 }), to: fc.integer({ min: 0, max: 255 }) });
    const limits = { ...DEFAULT_LIMITS, maxDepth: 6, maxItems: 40 };
    fc.assert(
      fc.property(anyItem, fc.array(change, { maxLength: 4 }), fc.nat({ max: 24 }), (item, changes, cut) => {
        const bytes = encodeTtlv(item);
        for (const { at, to } of changes) bytes[at % bytes.length] = to;
        const mutated = cut < 8 ? bytes.subarray(0, Math.max(0, bytes.length - cut)) : bytes;
        let decoded: Item;
        try {
          decoded = decodeTtlv(mutated, limits);
        } catch (error) {
          expect(error).toBeInstanceOf(HoldfastError);
          return;
        }
        // Only a Big Integer has more than one form.
        const again = encodeTtlv(decoded);
        if (again.length === mutated.length) expect(again).toEqual(mutated);
        else expect(decodeTtlv(again)).toEqual(decoded);
      }),
      { numRuns: 1000 },
    );
  });
});
