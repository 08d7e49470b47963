/** TTLV item types (KMIP 1.4 section 9.1.1.2, KMIP 2.1 section 10.1.2). */
export const ItemType = {
  Structure: 0x01,
  Integer: 0x02,
  LongInteger: 0x03,
  BigInteger: 0x04,
  Enumeration: 0x05,
  Boolean: 0x06,
  TextString: 0x07,
  ByteString: 0x08,
  DateTime: 0x09,
  Interval: 0x0a,
  DateTimeExtended: 0x0b,
} as const;
export type ItemType = (typeof ItemType)[keyof typeof ItemType];

export interface StructureItem {
  readonly tag: number;
  readonly type: typeof ItemType.Structure;
  readonly value: readonly Item[];
}
/** Integer: signed 32 bits. Enumeration and Interval: unsigned 32 bits. */
export interface NumberItem {
  readonly tag: number;
  readonly type: typeof ItemType.Integer | typeof ItemType.Enumeration | typeof ItemType.Interval;
  readonly value: number;
}
/** Long Integer: signed 64 bits. Date Time: seconds, Date Time Extended: microseconds since 1970, signed 64 bits. */
export interface BigIntItem {
  readonly tag: number;
  readonly type:
    | typeof ItemType.LongInteger
    | typeof ItemType.BigInteger
    | typeof ItemType.DateTime
    | typeof ItemType.DateTimeExtended;
  readonly value: bigint;
}
export interface BooleanItem {
  readonly tag: number;
  readonly type: typeof ItemType.Boolean;
  readonly value: boolean;
}
export interface TextItem {
  readonly tag: number;
  readonly type: typeof ItemType.TextString;
  readonly value: string;
}
export interface BytesItem {
  readonly tag: number;
  readonly type: typeof ItemType.ByteString;
  readonly value: Buffer;
}
/** One node of a decoded message: a tag (24 bits), its item type and its value; a structure's value is its children. */
export type Item = StructureItem | NumberItem | BigIntItem | BooleanItem | TextItem | BytesItem;
