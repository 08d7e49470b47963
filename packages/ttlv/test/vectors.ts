import { ItemType, type Item } from '../src';

const structure = (tag: number, ...value: Item[]): Item => ({ tag, type: ItemType.Structure, value });
const integer = (tag: number, value: number): Item => ({ tag, type: ItemType.Integer, value });
const enumeration = (tag: number, value: number): Item => ({ tag, type: ItemType.Enumeration, value });

/** The worked examples of KMIP 1.4 section 9.1.2. */
export const EXAMPLES: readonly (readonly [name: string, digits: string, item: Item])[] = [
  ['Integer', '420020|02|00000004|0000000800000000', integer(0x420020, 8)],
  [
    'Long Integer',
    '420020|03|00000008|01B69B4BA5749200',
    { tag: 0x420020, type: ItemType.LongInteger, value: 123456789000000000n },
  ],
  [
    'Big Integer',
    '420020|04|00000010|0000000003FD35EB6BC2DF4618080000',
    { tag: 0x420020, type: ItemType.BigInteger, value: 1234567890000000000000000000n },
  ],
  ['Enumeration', '420020|05|00000004|000000FF00000000', enumeration(0x420020, 255)],
  ['Boolean', '420020|06|00000008|0000000000000001', { tag: 0x420020, type: ItemType.Boolean, value: true }],
  [
    'Text String',
    '420020|07|0000000B|48656C6C6F20576F726C640000000000',
    { tag: 0x420020, type: ItemType.TextString, value: 'Hello World' },
  ],
  [
    'Byte String',
    '420020|08|00000003|0102030000000000',
    { tag: 0x420020, type: ItemType.ByteString, value: Buffer.of(1, 2, 3) },
  ],
  [
    'Date Time',
    '420020|09|00000008|0000000047DA67F8',
    { tag: 0x420020, type: ItemType.DateTime, value: 1205495800n },
  ],
  [
    'Interval',
    '420020|0A|00000004|000D2F0000000000',
    { tag: 0x420020, type: ItemType.Interval, value: 864000 },
  ],
  [
    'Structure',
    '420020|01|00000020|420004|05|00000004|000000FE00000000|420005|02|00000004|000000FF00000000',
    structure(0x420020, enumeration(0x420004, 254), integer(0x420005, 255)),
  ],
];

const version = structure(0x420069, integer(0x42006a, 1), integer(0x42006b, 0));

/** The Query exchange of the message encodings' test case MSGENC-M-1-10: a request and the refusal it gets. */
export const QUERY_REQUEST = {
  digits: `
    42007801000000904200770100000048420069010000002042006a0200000004000000010000000042006b02000000040000000000000000
    4200500200000004000001000000000042000d0200000004000000010000000042000f010000003842005c05000000040000001800000000
    42007901000000204200740500000004000000010000000042007405000000040000000200000000`,
  item: structure(
    0x420078,
    structure(0x420077, version, integer(0x420050, 256), integer(0x42000d, 1)),
    structure(
      0x42000f,
      enumeration(0x42005c, 0x18),
      structure(0x420079, enumeration(0x420074, 1), enumeration(0x420074, 2)),
    ),
  ),
};

export const QUERY_RESPONSE = {
  digits: `
    42007b01000000a042007a0100000048420069010000002042006a0200000004000000010000000042006b02000000040000000000000000
    42009209000000080000000051caafbd42000d0200000004000000010000000042000f010000004842005c05000000040000001800000000
    42007f0500000004000000010000000042007e0500000004000000020000000042007d0700000009544f4f5f4c4152474500000000000000`,
  item: structure(
    0x42007b,
    structure(
      0x42007a,
      version,
      { tag: 0x420092, type: ItemType.DateTime, value: 1372237757n },
      integer(0x42000d, 1),
    ),
    structure(0x42000f, enumeration(0x42005c, 0x18), enumeration(0x42007f, 1), enumeration(0x42007e, 2), {
      tag: 0x42007d,
      type: ItemType.TextString,
      value: 'TOO_LARGE',
    }),
  ),
};
