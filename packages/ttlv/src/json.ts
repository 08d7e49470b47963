import { bigIntToHex } from './bigint';
import { formatDateTime } from './datetime';
import { encodedLength } from './encode';
import { HoldfastError } from './errors';
import { typeByName, typeName } from './header';
import { ItemType, type Item } from './item';
import { DEFAULT_LIMITS, type Limits } from './limits';
import type { NamingContext, Vocabulary } from './names';
import {
  brief,
  fixedHex,
  leafFromText,
  tagFromText,
  tagToText,
  type LeafItem,
  type LeafType,
  type Reading,
} from './text';

interface JsonItem {
  readonly tag: string;
  readonly type?: string;
  readonly value: string | boolean | readonly JsonItem[];
}

/**
 * Writes an item in the JSON encoding, compact. Numbers are written in hex, as in the published test cases, so that
 * none loses digits in a reader whose numbers are floating point. Throws HoldfastError('CodecError') where `encodeTtlv`
 * does. KMIP Profiles 2.1 section 5.5.
 */
export function encodeJson(item: Item, vocabulary: Vocabulary): string {
  encodedLength(item);
  return JSON.stringify(toJson(item, vocabulary, { siblings: [] }));
}

function toJson(item: Item, vocabulary: Vocabulary, context: NamingContext): JsonItem {
  const tag = tagToText(item.tag, vocabulary);
  if (item.type !== ItemType.Structure) {
    return { tag, type: typeName(item.type), value: leafValue(item, vocabulary, context) };
  }
  const siblings: Item[] = [];
  const value = item.value.map((child) => {
    const json = toJson(child, vocabulary, { siblings });
    siblings.push(child);
    return json;
  });
  return { tag, value };
}

function leafValue(item: LeafItem, vocabulary: Vocabulary, context: NamingContext): string | boolean {
  switch (item.type) {
    case ItemType.Integer:
      return vocabulary.maskNames(item.tag, item.value, context)?.join('|') || fixedHex(item.value, 32);
    case ItemType.Enumeration:
      return vocabulary.enumName(item.tag, item.value, context) ?? fixedHex(item.value, 32);
    case ItemType.Interval:
      return fixedHex(item.value, 32);
    case ItemType.LongInteger:
    case ItemType.DateTimeExtended:
      return fixedHex(item.value, 64);
    case ItemType.BigInteger:
      return `0x${bigIntToHex(item.value)}`;
    case ItemType.DateTime:
      return formatDateTime(item.value) ?? fixedHex(item.value, 64);
    case ItemType.ByteString:
      return item.value.toString('hex');
    case ItemType.Boolean:
    case ItemType.TextString:
      return item.value;
  }
}

export interface JsonDecodeOptions {
  readonly limits?: Limits;
}

/**
 * Reads exactly one item in the JSON encoding. Unknown names and properties, properties given twice, and numbers beyond
 * the 53 bits that JSON readers keep exactly are refused. Throws HoldfastError('InvalidMessage').
 * KMIP Profiles 2.1 section 5.5, Additional Message Encodings 1.0 section 4.
 */
export function decodeJson(text: string, vocabulary: Vocabulary, options: JsonDecodeOptions = {}): Item {
  return atOnce(readJson(text, vocabulary, options, (json, reader) => reader.item(json, [], 1)));
}

/**
 * The same for a text that may take long to read: in pieces, between which others have their turn.
 * @param pause is asked, and where it says so awaited, after each piece
 */
export async function decodeJsonInPieces(
  text: string,
  vocabulary: Vocabulary,
  pause: () => Promise<void> | undefined,
  options: JsonDecodeOptions = {},
): Promise<Item> {
  const reading = readJson(text, vocabulary, options, (json, reader) => reader.item(json, [], 1));
  for (let step = reading.next(); ; step = reading.next()) {
    if (step.done === true) return step.value;
    await pause();
  }
}

/**
 * Reads a document of several messages, or parts of them: an array of items, or a single one as `decodeJson` reads it. The
 * limits hold for the document as a whole. Throws HoldfastError('InvalidMessage').
 */
export function decodeJsonDocument(
  text: string,
  vocabulary: Vocabulary,
  options: JsonDecodeOptions = {},
): Item[] {
  return atOnce(
    readJson(text, vocabulary, options, function* (json, reader) {
      const items: Item[] = [];
      for (const each of Array.isArray(json) ? (json as readonly unknown[]) : [json])
        items.push(yield* reader.item(each, [], 1));
      return items;
    }),
  );
}

/** What is read piece by piece: each `next` reads one. */
type Pieces<T> = Generator<undefined, T, undefined>;

function atOnce<T>(pieces: Pieces<T>): T {
  let step = pieces.next();
  while (step.done !== true) step = pieces.next();
  return step.value;
}

function* readJson<T>(
  text: string,
  vocabulary: Vocabulary,
  { limits = DEFAULT_LIMITS }: JsonDecodeOptions,
  read: (json: unknown, reader: JsonReader) => Pieces<T>,
): Pieces<T> {
  const propertyCount = checkShape(text, limits);
  yield;
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new HoldfastError('InvalidMessage', 'JSON: it is not well-formed', { cause });
  }
  yield;
  const reader = new JsonReader(vocabulary, limits);
  const found = yield* read(json, reader);
  // JSON.parse keeps the last of several properties of one name: what was read is then less than what was written.
  if (reader.propertyCount !== propertyCount) {
    throw new HoldfastError('InvalidMessage', 'JSON: a property is given twice');
  }
  return found;
}

const PROPERTIES: readonly string[] = ['tag', 'name', 'type', 'value'];
/** After so many items others have their turn. */
const ITEMS_AT_ONCE = 1000;

/**
 * Refuses, before anything is built of it, a text that is longer, deeper nested or in more parts than a message within
 * the limits can be. Returns how many properties the text writes.
 */
function checkShape(text: string, limits: Limits): number {
  if (text.length > limits.maxMessageBytes) fail('the text is longer than a message may be');
  // An item is an object of up to four properties, in one array with its siblings.
  const propertiesOf = new Uint8Array(2 * limits.maxDepth + 2);
  let depth = 0;
  let items = 0;
  let parts = 0;
  let propertyCount = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === '"') quoted = !quoted;
    else if (quoted) at += character === '\\' ? 1 : 0;
    else if (character === ':') {
      propertyCount++;
      if (++(propertiesOf[depth] as number) > PROPERTIES.length) fail('an item has too many properties');
    } else if (character === ',') parts++;
    else if (character === '}' || character === ']') depth--;
    else if (character === '{' || character === '[') {
      if (character === '{') items++;
      parts++;
      if (++depth > 2 * limits.maxDepth + 1)
        fail(`structures are nested deeper than ${limits.maxDepth} levels`);
      propertiesOf[depth] = 0;
    }
    if (items > limits.maxItems || parts > 6 * limits.maxItems)
      fail(`there are more than ${limits.maxItems} items`);
  }
  return propertyCount;
}

/** Turns parsed JSON into items, and counts what it has seen. */
class JsonReader {
  propertyCount = 0;
  #itemCount = 0;

  constructor(
    private readonly vocabulary: Vocabulary,
    private readonly limits: Limits,
  ) {}

  *item(json: unknown, siblings: readonly Item[], depth: number): Pieces<Item> {
    const properties = this.#properties(json);
    const tagText = properties.tag;
    if (typeof tagText !== 'string') return fail('an item has no tag');
    const tag = tagFromText(tagText, this.vocabulary) ?? fail(`the tag ${brief(tagText)} is not known`);
    const typeText = properties.type ?? 'Structure';
    if (typeof typeText !== 'string') return fail(`the type of ${brief(tagText)} is no text`);
    const type = typeByName(typeText) ?? fail(`the type ${brief(typeText)} does not exist`);
    const value = properties.value ?? null;
    if (type === ItemType.Structure)
      return { tag, type, value: yield* this.#children(value, tagText, depth) };
    const reading: Reading = {
      siblings,
      vocabulary: this.vocabulary,
      limits: this.limits,
      fail: (what) => fail(`the value of ${brief(tagText)} ${what}`),
    };
    return leafFromJson(tag, type, value, reading);
  }

  #properties(json: unknown): { readonly tag?: unknown; readonly type?: unknown; readonly value?: unknown } {
    if (typeof json !== 'object' || json === null || Array.isArray(json))
      return fail('an item is not an object');
    for (const name of Object.keys(json)) {
      if (!PROPERTIES.includes(name)) fail(`the property ${brief(name)} is not known`);
      this.propertyCount++;
    }
    return json;
  }

  *#children(value: unknown, tagText: string, depth: number): Pieces<Item[]> {
    if (depth > this.limits.maxDepth)
      fail(`structures are nested deeper than ${this.limits.maxDepth} levels`);
    if (value !== null && !Array.isArray(value))
      return fail(`${brief(tagText)} is a Structure without a list of items`);
    const children: Item[] = [];
    for (const child of (value ?? []) as readonly unknown[]) {
      if (++this.#itemCount % ITEMS_AT_ONCE === 0) yield;
      children.push(yield* this.item(child, children, depth + 1));
    }
    return children;
  }
}

function leafFromJson(tag: number, type: LeafType, value: unknown, reading: Reading): LeafItem {
  if (typeof value === 'string') return leafFromText(tag, type, value, reading);
  if (typeof value === 'boolean' && type === ItemType.Boolean) return { tag, type, value };
  if (typeof value !== 'number') return reading.fail(`does not suit the type ${typeName(type)}`);
  if (!Number.isSafeInteger(value)) return reading.fail('is not a whole number that JSON keeps exactly');
  switch (type) {
    case ItemType.Integer:
      return value === (value | 0)
        ? { tag, type, value: value | 0 }
        : reading.fail('is not a signed 32-bit number');
    case ItemType.Enumeration:
    case ItemType.Interval:
      return value === value >>> 0
        ? { tag, type, value: value >>> 0 }
        : reading.fail('is not an unsigned 32-bit number');
    case ItemType.LongInteger:
    case ItemType.DateTimeExtended:
    case ItemType.BigInteger:
      return { tag, type, value: BigInt(value) };
    default:
      return reading.fail(`does not suit the type ${typeName(type)}`);
  }
}

function fail(what: string): never {
  throw new HoldfastError('InvalidMessage', `JSON: ${what}`);
}
