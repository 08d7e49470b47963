import { DEFAULT_LEASE_TIME_SECONDS } from '@holdfast/core';
import {
  HashingAlgorithm,
  KeyFormatType,
  NameType,
  RNGAlgorithm,
  STORAGE_DIALECT,
  Tag,
  attributeDefinitions,
  dateTime,
  definitionOf,
  type Attribute,
  type AttributeKey,
} from '@holdfast/kmip';
import { ItemType, encodeTtlv, itemEnd, itemTag, itemType, itemValueStart } from '@holdfast/ttlv';
import { BinaryWriter } from '../postgres/binary';
import { Hash64, type Term } from './hash64';

/**
 * The terms of an object: hashes of all that Locate looks for, in an array with an index from term to object. What a term
 * leads to is compared with the condition, so a term may stand for more than was asked for, but never for less.
 *
 * - Most attributes: each instance by its bytes.
 * - Members of structures, each by itself, where a condition may name some of them alone. The structures that nearly all objects
 *   have go without where all but one member are what they mostly are: then the condition is completed with these.
 * - Dates by the spans of time that they lie in, of several lengths; a range is covered by few of them.
 * - Masks by four bits each.
 * - Attributes that are true or false, several in one.
 *
 * What is true of nearly all objects, and nothing else, has no term: Locate looks at all of them.
 */

/** A term as an element of an array: its length and itself. */
export const TERM_BYTES = 12;
/** Of most objects. */
const USUAL_TERMS = 16;

const TAG_BYTES = 3;

/** What the flags' term ends with. It stands first: projections of programs that knew no such term begin with another. */
const FLAGS_MARK = 0x48463032;

/** SQL: a program wrote the projection `p` that knew fewer terms. (Only a comparison with = is taken to be true of few.) */
export const IS_OUTDATED = `CASE WHEN p.terms[1] & 4294967295 = ${FLAGS_MARK} THEN 1 ELSE 0 END = 0`;

type Kind = 'none' | 'value' | 'usual' | 'limits' | 'date' | 'mask' | 'flag';

/**
 * Attributes that are true, false or not there: those of a group are one of 27 or 9 combinations. A condition on one of them is a list
 * of combinations; PostgreSQL takes longer lists to be true of so many objects that it would rather look at all.
 */
export const FLAG_GROUPS: readonly (readonly AttributeKey[])[] = [
  ['Fresh', 'Sensitive', 'AlwaysSensitive'],
  ['Extractable', 'NeverExtractable'],
];
export const FLAG_FALSE = 1;
export const FLAG_TRUE = 2;

/** In which group a flag is, and what its FLAG_FALSE or FLAG_TRUE counts there. */
export const FLAG_PLACES: ReadonlyMap<number, { readonly group: number; readonly weight: number }> = new Map(
  FLAG_GROUPS.flatMap((keys, group) =>
    keys.map((key, index) => [definitionOf(key).tag, { group, weight: 3 ** index }] as const),
  ),
);

/** Found by columns, or by themselves. */
const WITHOUT_TERMS: readonly AttributeKey[] = [
  'UniqueIdentifier',
  'InitialDate',
  'ActivationDate',
  'DeactivationDate',
];

/** Dates that nearly all objects have, mostly close to their Initial Date: there they have no terms. */
export const COMMON_DATES: readonly AttributeKey[] = ['LastChangeDate', 'OriginalCreationDate'];
/** Spans from 68 minutes to 272 years, as powers of 2 in seconds: each has 8 of those before it. */
export const SPANS = [12, 15, 18, 21, 24, 27, 30, 33] as const;

/** Of a mask, those bits share a term. */
const GROUP_BITS = 4;
export const GROUP_VALUES = Array.from({ length: 2 ** GROUP_BITS }, (_, value) => value);
export const GROUPS = Array.from({ length: 32 / GROUP_BITS }, (_, group) => group);

/** What nearly all objects have, and no term. */
export const USUAL_VALUES: ReadonlyMap<number, Buffer> = new Map(
  (
    [
      { key: 'LeaseTime', value: DEFAULT_LEASE_TIME_SECONDS },
      { key: 'RandomNumberGenerator', value: { rngAlgorithm: RNGAlgorithm.Unspecified } },
    ] as Attribute[]
  ).map((attribute) => [definitionOf(attribute.key).tag, encodeAttribute(attribute)]),
);

function kindOf(key: AttributeKey): Kind {
  const { codec, tag } = definitionOf(key);
  if (WITHOUT_TERMS.includes(key)) return 'none';
  if (FLAG_PLACES.has(tag)) return 'flag';
  // Each use would change its term: that there is a limit has to do.
  if (key === 'UsageLimits') return 'limits';
  if (codec === dateTime) return 'date';
  if (codec.table?.kind === 'mask') return 'mask';
  return USUAL_VALUES.has(tag) ? 'usual' : 'value';
}

export const KINDS: ReadonlyMap<number, Kind> = new Map([
  [Tag.AttributeIndex, 'none'] as const,
  ...attributeDefinitions.map(({ key, tag }) => [tag, kindOf(key)] as const),
]);
const COMMON_DATE_TAGS: ReadonlySet<number> = new Set(COMMON_DATES.map((key) => definitionOf(key).tag));

/** What the members of a structure mostly are, save one. */
export interface UsualStructure {
  readonly value: object;
  /** The tag of the one that differs from object to object. */
  readonly ownTag: number | undefined;
  /** The others, encoded. */
  readonly members: readonly Buffer[];
}

function usualStructure(attribute: Attribute, own?: string): readonly [number, UsualStructure] {
  const { codec, tag } = definitionOf(attribute.key);
  const ownTag = own === undefined ? undefined : codec.fields?.[own]?.tag;
  const members = membersOf(attribute).filter((member) => itemTag(member, 0) !== ownTag);
  return [tag, { value: attribute.value as object, ownTag, members }];
}

/** Structures that nearly all objects have. */
export const USUAL_STRUCTURES: ReadonlyMap<number, UsualStructure> = new Map([
  usualStructure(
    { key: 'Name', value: { nameValue: '', nameType: NameType.UninterpretedTextString } },
    'nameValue',
  ),
  usualStructure(
    {
      key: 'Digest',
      value: {
        hashingAlgorithm: HashingAlgorithm.SHA_256,
        digestValue: undefined,
        keyFormatType: KeyFormatType.Raw,
      },
    },
    'digestValue',
  ),
]);

export function encodeAttribute({ key, value }: Attribute): Buffer {
  const { codec, tag } = definitionOf(key);
  const item = codec.encode(tag, value, STORAGE_DIALECT);
  return item === undefined ? Buffer.alloc(0) : encodeTtlv(item);
}

/** The members of a structure, each encoded; none of another value. */
export function membersOf(attribute: Attribute): readonly Buffer[] {
  const bytes = encodeAttribute(attribute);
  const members: Buffer[] = [];
  for (let offset = itemValueStart(0), end = 0; offset < bytes.length; offset = end) {
    end = itemEnd(bytes, offset);
    members.push(bytes.subarray(offset, end));
  }
  return members;
}

/** Makes the terms of one domain. */
export class Terms {
  readonly #hash = new Hash64();
  readonly #seed: Hash64;
  readonly #few = new Map<number, Term>();
  readonly #scratch = Buffer.alloc(TAG_BYTES + 1 + 8);

  constructor(readonly domainId: string) {
    this.#seed = new Hash64().update(Buffer.from(domainId.replaceAll('-', ''), 'hex'));
  }

  /** Of an encoded attribute. */
  whole(bytes: Buffer, start = 0, end = bytes.length): Term {
    return this.#hash.from(this.#seed).update(bytes, start, end).finish();
  }

  /** Of one member, between `start` and `end`, of the encoded attribute that begins at `offset`. */
  member(bytes: Buffer, offset: number, start: number, end: number): Term {
    return this.#hash
      .from(this.#seed)
      .update(bytes, offset, offset + TAG_BYTES)
      .update(bytes, start, end)
      .finish();
  }

  /** Of a number that stands for something of the attribute, such as a span of time. */
  numbered(tag: number, series: number, number: number): Term {
    this.#scratch.writeUIntBE(tag, 0, TAG_BYTES);
    this.#scratch[TAG_BYTES] = series;
    this.#scratch.writeDoubleBE(number, TAG_BYTES + 1);
    return this.whole(this.#scratch);
  }

  /** Of four bits of a mask. */
  bits(tag: number, group: number, bits: number): Term {
    return this.#kept((tag * GROUPS.length + group) * GROUP_VALUES.length + bits, tag, group, bits);
  }

  flags(group: number, combination: number): Term {
    const { high, low } = this.#kept(-1 - combination * FLAG_GROUPS.length - group, 0, group, combination);
    return { high, low: group === 0 ? FLAGS_MARK : low };
  }

  /** There are few of these, and nearly each object has some. */
  #kept(place: number, tag: number, series: number, number: number): Term {
    let term = this.#few.get(place);
    if (term === undefined) this.#few.set(place, (term = this.numbered(tag, series, number)));
    return term;
  }
}

let latest: Terms | undefined;

/** The last one is kept, since the next term is mostly of the same domain. */
export function termsIn(domainId: string): Terms {
  if (latest?.domainId !== domainId) latest = new Terms(domainId);
  return latest;
}

/**
 * All terms of an object, as elements of an int8[].
 * @param attributeBytes its encoded attributes
 * @param initialDate its Initial Date, seconds
 */
export function termsOf(domainId: string, attributeBytes: Buffer, initialDate: number | undefined): Buffer {
  const terms = termsIn(domainId);
  const writer = new BinaryWriter(USUAL_TERMS * TERM_BYTES);
  const flags = FLAG_GROUPS.map(() => 0);
  // They are known at the end, and stand first.
  for (const group of flags.keys()) writer.int8Halves(terms.flags(group, 0));
  for (let offset = itemValueStart(0), end = 0; offset < attributeBytes.length; offset = end) {
    end = itemEnd(attributeBytes, offset);
    const tag = itemTag(attributeBytes, offset);
    switch (KINDS.get(tag)) {
      case 'none':
        break;
      case 'flag':
        addFlag(flags, tag, attributeBytes[end - 1] !== 0);
        break;
      case 'date':
        writeDate(writer, terms, tag, dateAt(attributeBytes, offset), initialDate);
        break;
      case 'mask':
        writeMask(writer, terms, tag, attributeBytes.readInt32BE(itemValueStart(offset)));
        break;
      case 'limits':
        writer.int8Halves(terms.numbered(tag, 0, 0));
        break;
      case 'usual':
        if (isBytes(attributeBytes, offset, end, USUAL_VALUES.get(tag))) break;
        writeValue(writer, terms, attributeBytes, offset, end);
        break;
      default:
        writeValue(writer, terms, attributeBytes, offset, end);
    }
  }
  const bytes = writer.finish();
  for (const [group, combination] of flags.entries()) {
    const { high, low } = terms.flags(group, combination);
    const end = (group + 1) * TERM_BYTES;
    bytes.writeInt32BE(high, end - 8);
    bytes.writeUInt32BE(low, end - 4);
  }
  return bytes;
}

function addFlag(flags: number[], tag: number, value: boolean): void {
  const { group, weight } = FLAG_PLACES.get(tag) ?? { group: 0, weight: 0 };
  flags[group] = (flags[group] ?? 0) + weight * (value ? FLAG_TRUE : FLAG_FALSE);
}

function isBytes(bytes: Buffer, start: number, end: number, wanted: Buffer | undefined): boolean {
  if (end - start !== wanted?.length) return false;
  for (let index = 0; index < wanted.length; index++) {
    if (bytes[start + index] !== wanted[index]) return false;
  }
  return true;
}

/** Seconds. */
function dateAt(bytes: Buffer, offset: number): number {
  const start = itemValueStart(offset);
  return bytes.readInt32BE(start) * 2 ** 32 + bytes.readUInt32BE(start + 4);
}

export const spanOf = (seconds: number, exponent: number): number => Math.floor(seconds / 2 ** exponent);

function writeDate(
  writer: BinaryWriter,
  terms: Terms,
  tag: number,
  seconds: number,
  initialDate: number | undefined,
): void {
  const isAtOnce = initialDate !== undefined && spanOf(seconds, SPANS[0]) === spanOf(initialDate, SPANS[0]);
  if (isAtOnce && COMMON_DATE_TAGS.has(tag)) return;
  for (const exponent of SPANS) writer.int8Halves(terms.numbered(tag, exponent, spanOf(seconds, exponent)));
}

function writeMask(writer: BinaryWriter, terms: Terms, tag: number, mask: number): void {
  for (const group of GROUPS) {
    const bits = groupOf(mask, group);
    if (bits !== 0) writer.int8Halves(terms.bits(tag, group, bits));
  }
}

export function groupOf(mask: number, group: number): number {
  return (mask >>> (group * GROUP_BITS)) & (2 ** GROUP_BITS - 1);
}

function writeValue(writer: BinaryWriter, terms: Terms, bytes: Buffer, offset: number, end: number): void {
  writer.int8Halves(terms.whole(bytes, offset, end));
  if (itemType(bytes, offset) !== ItemType.Structure) return;
  const usual = USUAL_STRUCTURES.get(itemTag(bytes, offset));
  if (usual !== undefined && isUsual(usual, bytes, offset, end)) return;
  for (let start = itemValueStart(offset), next = 0; start < end; start = next) {
    next = itemEnd(bytes, start);
    writer.int8Halves(terms.member(bytes, offset, start, next));
  }
}

function isUsual({ ownTag, members }: UsualStructure, bytes: Buffer, offset: number, end: number): boolean {
  let others = 0;
  for (let start = itemValueStart(offset), next = 0; start < end; start = next) {
    next = itemEnd(bytes, start);
    if (itemTag(bytes, start) === ownTag) continue;
    const member = members[others++];
    if (member === undefined || !isBytes(bytes, start, next, member)) return false;
  }
  return others === members.length;
}

/** Attributes whose instances had no term by their bytes in older programs. */
export const NEW_VALUES: ReadonlySet<AttributeKey> = new Set(['State', 'LeaseTime', 'ShortUniqueIdentifier']);

/** Kinds of attributes of which older programs wrote no term. */
const FORMERLY_NONE: ReadonlySet<Kind | undefined> = new Set(['none', 'limits', 'date', 'mask'] as const);
const NEW_VALUE_TAGS: ReadonlySet<number> = new Set([...NEW_VALUES].map((key) => definitionOf(key).tag));

/** The terms that older programs wrote. @param attributeBytes the object's encoded attributes */
export function formerTermsOf(domainId: string, attributeBytes: Buffer): Buffer {
  const terms = termsIn(domainId);
  const writer = new BinaryWriter(USUAL_TERMS * TERM_BYTES);
  for (let offset = itemValueStart(0), end = 0; offset < attributeBytes.length; offset = end) {
    end = itemEnd(attributeBytes, offset);
    const tag = itemTag(attributeBytes, offset);
    if (FORMERLY_NONE.has(KINDS.get(tag)) || NEW_VALUE_TAGS.has(tag)) continue;
    writer.int8Halves(terms.whole(attributeBytes, offset, end));
  }
  return writer.finish();
}

/** Whether the terms are such. @param terms as elements of an int8[]; undefined: there are none */
export function isFormer(terms: Buffer = Buffer.alloc(0)): boolean {
  return terms.length < TERM_BYTES || terms.readUInt32BE(TERM_BYTES - 4) !== FLAGS_MARK;
}
