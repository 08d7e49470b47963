import { HoldfastError, ItemType, type Item, type StructureItem } from '@holdfast/ttlv';
import type { Dialect, Window } from './versions/dialect';
import { tags } from './vocabulary/tags';
import type { EnumerationTable, MaskTable } from './vocabulary/tables';

/** Translates one item to and from its neutral value. */
export interface Codec<T> {
  /** The item type on the wire, where it is always the same: shown in tables and errors. */
  readonly type: ItemType | undefined;
  /** For enumerations and masks: the table of names. */
  readonly table?: EnumerationTable | MaskTable;
  /** For structures: their fields. */
  readonly fields?: Readonly<Record<string, Field<unknown>>>;
  /** @throws HoldfastError InvalidMessage where the item has another form, InvalidField where its value cannot be */
  decode(item: Item, dialect: Dialect): T;
  /** Reads a condition of Locate, where it may be what no value is: of structures the members that are there, needed or not. */
  decodeGiven?(item: Item, dialect: Dialect): Partial<T>;
  /** The item, or undefined where the dialect has no way to say this value: it is then left out, with whatever needs it. */
  encode(tag: number, value: T, dialect: Dialect): Item | undefined;
}

export type Infer<C> = C extends Codec<infer T> ? T : never;

/** One member of a structure. It may take several items (a repeated field) and differ between versions. */
export interface Field<T, Optional extends boolean = boolean> {
  readonly isOptional: Optional;
  readonly isRepeated: boolean;
  /** The neutral value may be one that takes no item at all. Repeated fields may always be empty. */
  readonly mayBeEmpty?: boolean;
  /** What the reference page shows: the tag and codec, where there is one of each. */
  readonly tag: number | undefined;
  readonly codec: Codec<unknown> | undefined;
  readonly window: Window;
  /** The tags that the field takes in this dialect; none where the dialect does not have it. */
  tagsIn(dialect: Dialect): readonly number[];
  /** All items with one of these tags, in their order; undefined leaves the member out. */
  decode(items: readonly Item[], dialect: Dialect, structure: Item): T | undefined;
  encode(value: T, dialect: Dialect, out: Item[]): void;
}

type RequiredKeys<F> = { [K in keyof F]: F[K] extends { readonly isOptional: false } ? K : never }[keyof F];
type OptionalKeys<F> = Exclude<keyof F, RequiredKeys<F>>;
type ValueOf<F> = F extends { encode(value: infer T, dialect: Dialect, out: Item[]): void } ? T : never;
type Simplify<T> = { [K in keyof T]: T[K] };
export type StructureValue<F> = Simplify<
  { readonly [K in RequiredKeys<F>]: ValueOf<F[K]> } & {
    readonly [K in OptionalKeys<F>]?: ValueOf<F[K]> | undefined;
  }
>;
export interface StructureCodec<T> extends Codec<T> {
  readonly fields: Readonly<Record<string, Field<unknown>>>;
}

/** Tags from here on belong to vendors (KMIP 1.4 section 9.1.3.1, KMIP 2.1 section 11.56). */
const FIRST_EXTENSION_TAG = 0x540000;

/** The printed name of a tag, or its hex form, for messages. */
export function tagName(tag: number): string {
  return tags.byValue.get(tag)?.name ?? `tag 0x${tag.toString(16)}`;
}

function typeName(type: number): string {
  return Object.entries(ItemType).find(([, value]) => value === type)?.[0] ?? `type ${type}`;
}

/** The error for an item that is not of the type it has to be. */
export function wrongType(item: Item, expected: ItemType): HoldfastError {
  return new HoldfastError(
    'InvalidMessage',
    `${tagName(item.tag)} is encoded as ${typeName(item.type)}, expected ${typeName(expected)}`,
  );
}

/** A codec whose neutral value is the item's own. */
function scalar<T extends Item['value']>(type: ItemType): Codec<T> {
  return {
    type,
    decode(item) {
      if (item.type !== type) throw wrongType(item, type);
      return item.value as T;
    },
    encode: (tag, value) => ({ tag, type, value }) as Item,
  };
}

export const integer: Codec<number> = scalar<number>(ItemType.Integer);
export const longInteger: Codec<bigint> = scalar<bigint>(ItemType.LongInteger);
export const bigInteger: Codec<bigint> = scalar<bigint>(ItemType.BigInteger);
export const boolean: Codec<boolean> = scalar<boolean>(ItemType.Boolean);
export const textString: Codec<string> = scalar<string>(ItemType.TextString);
export const byteString: Codec<Buffer> = scalar<Buffer>(ItemType.ByteString);
/** Seconds. */
export const interval: Codec<number> = scalar<number>(ItemType.Interval);
/** Microseconds since 1970. */
export const dateTimeExtended: Codec<bigint> = scalar<bigint>(ItemType.DateTimeExtended);

/** The calendar of the key store, in seconds since 1970: years -9999 to 9999. */
export const EARLIEST_DATE_SECONDS = -377_705_116_800;
export const LATEST_DATE_SECONDS = 253_402_300_799;

/** The largest Date-Time: in a condition of Locate, no date at all (KMIP 1.4 section 4.9, KMIP 2.1 section 6.1.28). */
const NO_DATE = 2n ** 63n - 1n;

/**
 * Seconds since 1970 as a number, within the calendar of the key store. Among conditions of Locate also the largest value,
 * which is Infinity here.
 */
export const dateTime: Codec<number> = {
  type: ItemType.DateTime,
  decode(item) {
    if (item.type !== ItemType.DateTime) throw wrongType(item, ItemType.DateTime);
    if (item.value < EARLIEST_DATE_SECONDS || item.value > LATEST_DATE_SECONDS) {
      throw new HoldfastError('InvalidField', `${tagName(item.tag)} is out of range`);
    }
    return Number(item.value);
  },
  decodeGiven(item, dialect) {
    const isNone = item.type === ItemType.DateTime && item.value === NO_DATE;
    return isNone ? Number.POSITIVE_INFINITY : dateTime.decode(item, dialect);
  },
  encode: (tag, value) => ({
    tag,
    type: ItemType.DateTime,
    value: value === Number.POSITIVE_INFINITY ? NO_DATE : BigInt(value),
  }),
};

/** The item under another tag. */
export function withTag(item: Item, tag: number): Item {
  return item.tag === tag ? item : ({ tag, type: item.type, value: item.value } as Item);
}

/** Any item, passed on as it is (Attribute Value of a custom attribute, Message Extension payloads). */
export const anyItem: Codec<Item> = {
  type: undefined,
  decode: (item) => item,
  encode: (tag, value) => withTag(value, tag),
};

/**
 * An enumeration; members that the dialect does not have are refused when read, unless it tolerates them (the value is then
 * none of the type's), and left out when written.
 */
export function enumerated<V extends Record<string, number>>(table: EnumerationTable<V>): Codec<V[keyof V]> {
  return {
    type: ItemType.Enumeration,
    table,
    decode(item, dialect) {
      if (item.type !== ItemType.Enumeration) throw wrongType(item, ItemType.Enumeration);
      const entry = table.byValue.get(item.value);
      if ((entry === undefined || !dialect.knows(entry)) && !dialect.toleratesUnknown) {
        throw new HoldfastError(
          'InvalidField',
          `${tagName(item.tag)} has the value 0x${item.value.toString(16)}, which KMIP ${dialect.name} does not list`,
        );
      }
      return item.value as V[keyof V];
    },
    encode(tag, value, dialect) {
      const entry = table.byValue.get(value);
      if (entry === undefined || !dialect.knows(entry)) return undefined;
      return { tag, type: ItemType.Enumeration, value };
    },
  };
}

/** An enumeration of which the specification lists no values, only the range of vendor extensions (Opaque Data Type). */
export const openEnumeration: Codec<number> = scalar<number>(ItemType.Enumeration);

/** A value whose encoding differs between versions: the first row whose window holds the dialect says how. */
export function versioned<T>(
  ...rows: readonly { readonly window: Window; readonly codec: Codec<T> }[]
): Codec<T> {
  const types = new Set(rows.map((row) => row.codec.type));
  const table = rows.find((row) => row.codec.table !== undefined)?.codec.table;
  const codecOf = (dialect: Dialect) => rows.find((row) => dialect.knows(row.window))?.codec;
  return {
    type: types.size === 1 ? rows[0]?.codec.type : undefined,
    ...(table === undefined ? {} : { table }),
    decode(item, dialect) {
      const codec = codecOf(dialect);
      if (codec === undefined) {
        throw new HoldfastError('InvalidField', `${tagName(item.tag)} is not in KMIP ${dialect.name}`);
      }
      return codec.decode(item, dialect);
    },
    encode: (tag, value, dialect) => codecOf(dialect)?.encode(tag, value, dialect),
  };
}

/**
 * A bit mask (Integer). Bits newer than the dialect are refused when read and dropped when written; bits that 2.x only
 * reserves (Export, Content Commitment ...) pass, since clients and the OASIS test cases of 2.0 go on using them.
 */
export function masked(table: MaskTable): Codec<number> {
  const known: (number | undefined)[] = [];
  const bitsOf = (dialect: Dialect): number => {
    let bits = known[dialect.ordinal];
    if (bits === undefined) {
      bits = 0;
      for (const { since, value } of table.byValue.values()) {
        if (dialect.knows({ since })) bits |= value;
      }
      known[dialect.ordinal] = bits;
    }
    return bits;
  };
  return {
    type: ItemType.Integer,
    table,
    decode(item, dialect) {
      if (item.type !== ItemType.Integer) throw wrongType(item, ItemType.Integer);
      if ((item.value & ~bitsOf(dialect)) !== 0 && !dialect.toleratesUnknown) {
        throw new HoldfastError(
          'InvalidField',
          `${tagName(item.tag)} has bits that KMIP ${dialect.name} does not list`,
        );
      }
      return item.value;
    },
    encode: (tag, value, dialect) => ({ tag, type: ItemType.Integer, value: value & bitsOf(dialect) }),
  };
}

function single<T, O extends boolean>(
  tag: number,
  codec: Codec<T>,
  window: Window,
  isOptional: O,
): Field<T, O> {
  const own = [tag] as const;
  const none: readonly number[] = [];
  const isEverywhere = window.since === undefined && window.last === undefined;
  const isKnown = (dialect: Dialect) => isEverywhere || dialect.knows(window);
  return {
    isOptional,
    isRepeated: false,
    tag,
    codec: codec,
    window,
    tagsIn: (dialect) => (isKnown(dialect) ? own : none),
    decode(items, dialect, structure) {
      const item = items[0];
      if (item === undefined) {
        if (isOptional || !isKnown(dialect)) return undefined;
        throw new HoldfastError('InvalidMessage', `${tagName(tag)} is missing in ${tagName(structure.tag)}`);
      }
      if (items.length > 1) {
        throw new HoldfastError(
          'InvalidMessage',
          `${tagName(tag)} appears more than once in ${tagName(structure.tag)}`,
        );
      }
      return codec.decode(item, dialect);
    },
    encode(value, dialect, out) {
      if (!isKnown(dialect)) return;
      const item = codec.encode(tag, value, dialect);
      if (item !== undefined) out.push(item);
    },
  };
}

/** A member that must be there (in the versions that have it). */
export function required<T>(tag: number, codec: Codec<T>, window: Window = {}): Field<T, false> {
  return single(tag, codec, window, false);
}

/** A member that may be left out. */
export function optional<T>(tag: number, codec: Codec<T>, window: Window = {}): Field<T, true> {
  return single(tag, codec, window, true);
}

/** A member that may appear any number of times; its neutral value is a list, empty where there is none. */
export function repeated<T>(tag: number, codec: Codec<T>, window: Window = {}): Field<readonly T[], false> {
  const own = [tag] as const;
  const none: readonly number[] = [];
  return {
    isOptional: false,
    isRepeated: true,
    tag,
    codec: codec,
    window,
    tagsIn: (dialect) => (dialect.knows(window) ? own : none),
    decode: (items, dialect) => items.map((item) => codec.decode(item, dialect)),
    encode(values, dialect, out) {
      if (!dialect.knows(window)) return;
      for (const value of values) {
        const item = codec.encode(tag, value, dialect);
        if (item !== undefined) out.push(item);
      }
    },
  };
}

const EMPTY: readonly Item[] = [];

/** The tags of the specifications: those from here on. */
const FIRST_TAG = 0x420000;
const TAG_COUNT = 0x200;
const NO_SLOT = -1;

/** How one version sees a structure. */
interface Plan {
  /** The member that takes a tag: by what the tag is above FIRST_TAG, NO_SLOT where there is none. */
  readonly slots: Int16Array;
  /** The same for tags of vendors. */
  readonly vendorSlots: ReadonlyMap<number, number>;
  readonly members: readonly PlannedMember[];
}
interface PlannedMember {
  readonly name: string;
  readonly field: Field<unknown>;
  /** The structure makes no sense in this version without it. */
  readonly isNeeded: boolean;
  /** Where no item is there for it, the member is left out. */
  readonly mayBeAbsent: boolean;
}

function planOf(fields: Readonly<Record<string, Field<unknown>>>, dialect: Dialect): Plan {
  const entries = Object.entries(fields);
  const slots = new Int16Array(TAG_COUNT).fill(NO_SLOT);
  const vendorSlots = new Map<number, number>();
  for (const [slot, [, field]] of entries.entries()) {
    for (const tag of field.tagsIn(dialect)) {
      if (tag >= FIRST_EXTENSION_TAG) vendorSlots.set(tag, slot);
      else slots[tag - FIRST_TAG] = slot;
    }
  }
  return {
    slots,
    vendorSlots,
    members: entries.map(([name, field]) => ({
      name,
      field,
      isNeeded:
        !field.isOptional &&
        !field.isRepeated &&
        field.mayBeEmpty !== true &&
        field.tagsIn(dialect).length > 0,
      mayBeAbsent: field.isOptional && !field.isRepeated && field.mayBeEmpty !== true,
    })),
  };
}

/** Sorts the children of a structure to the members that take them. */
function sortChildren(
  item: StructureItem,
  plan: Plan,
  { toleratesUnknown }: Dialect,
): readonly (readonly Item[] | undefined)[] {
  const found: (Item[] | undefined)[] = new Array<Item[] | undefined>(plan.members.length);
  for (const child of item.value) {
    const slot = plan.slots[child.tag - FIRST_TAG] ?? plan.vendorSlots.get(child.tag) ?? NO_SLOT;
    if (slot === NO_SLOT) {
      if (toleratesUnknown || child.tag >= FIRST_EXTENSION_TAG) continue;
      throw new HoldfastError(
        'InvalidField',
        `${tagName(child.tag)} does not belong in ${tagName(item.tag)}`,
      );
    }
    const list = found[slot];
    if (list === undefined) found[slot] = [child];
    else list.push(child);
  }
  return found;
}

/**
 * A structure of named members. Reading is indifferent to the order of members (clients differ), refuses members that
 * the dialect does not have, unless it tolerates them, and passes over vendor tags (54xxxx); writing keeps the declared order. Where a member
 * that must be there holds what the dialect cannot say, the whole structure is left out.
 */
export function structure<const F extends Readonly<Record<string, Field<unknown>>>>(
  fields: F,
): StructureCodec<StructureValue<F>> {
  const plans: (Plan | undefined)[] = [];
  const planIn = (dialect: Dialect): Plan => (plans[dialect.ordinal] ??= planOf(fields, dialect));
  const decodeMembers = (item: Item, dialect: Dialect, onlyGiven: boolean): Record<string, unknown> => {
    if (item.type !== ItemType.Structure) throw wrongType(item, ItemType.Structure);
    const plan = planIn(dialect);
    const found = sortChildren(item, plan, dialect);
    const value: Record<string, unknown> = {};
    for (let slot = 0; slot < plan.members.length; slot++) {
      const { name, field, mayBeAbsent } = plan.members[slot] as PlannedMember;
      const children = found[slot];
      if (children === undefined && (onlyGiven || mayBeAbsent)) continue;
      const member = field.decode(children ?? EMPTY, dialect, item);
      if (member !== undefined) value[name] = member;
    }
    return value;
  };
  return {
    type: ItemType.Structure,
    fields: fields,
    decode: (item, dialect) => decodeMembers(item, dialect, false) as StructureValue<F>,
    decodeGiven: (item, dialect) => decodeMembers(item, dialect, true) as Partial<StructureValue<F>>,
    encode(tag, value, dialect) {
      const out: Item[] = [];
      const record = value as Readonly<Record<string, unknown>>;
      for (const { name, field, isNeeded } of planIn(dialect).members) {
        const member = record[name];
        if (member === undefined) continue;
        const before = out.length;
        field.encode(member, dialect, out);
        if (isNeeded && out.length === before) return undefined;
      }
      return { tag, type: ItemType.Structure, value: out };
    },
  };
}

/** A structure with no members: an empty payload. */
export const emptyStructure: StructureCodec<Readonly<Record<string, never>>> = structure({});
