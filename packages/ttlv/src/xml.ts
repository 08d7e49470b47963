import { SaxesParser, type SaxesTagNS } from 'saxes';
import { bigIntToHex } from './bigint';
import { formatDateTime } from './datetime';
import { encodedLength } from './encode';
import { HoldfastError } from './errors';
import { tagHex, typeByName, typeName } from './header';
import { ItemType, type Item } from './item';
import { DEFAULT_LIMITS, type Limits } from './limits';
import type { NamingContext, Vocabulary } from './names';
import { brief, fixedHex, leafFromText, tagFromText, type LeafItem } from './text';

const NAMESPACE = 'urn:oasis:tc:kmip:xmlns';
const GENERIC_ELEMENT = 'TTLV';
const WRAPPER_ELEMENT = 'KMIP';
/** An item has three, and declares what prefixes it needs. */
const MAX_ATTRIBUTES = 64;
/** As much is read without a pause: a few milliseconds' work, whatever it holds. */
const PIECE_LENGTH = 16_384;

/**
 * Writes an item in the XML encoding, indented. Throws HoldfastError('CodecError') where `encodeTtlv` does, and for a text
 * with a character that XML does not allow. KMIP Profiles 2.1 section 5.4.
 */
export function encodeXml(item: Item, vocabulary: Vocabulary): string {
  encodedLength(item);
  const lines: string[] = [];
  writeElement(item, vocabulary, { siblings: [] }, '', lines);
  return lines.join('\n');
}

function writeElement(
  item: Item,
  vocabulary: Vocabulary,
  context: NamingContext,
  indent: string,
  lines: string[],
): void {
  const name = vocabulary.tagName(item.tag) ?? GENERIC_ELEMENT;
  const start =
    name === GENERIC_ELEMENT ? `${indent}<${name} tag="${tagHex(item.tag)}"` : `${indent}<${name}`;
  if (item.type !== ItemType.Structure) {
    const value = escapeXml(item, valueToText(item, vocabulary, context));
    lines.push(`${start} type="${typeName(item.type)}" value="${value}"/>`);
  } else if (item.value.length === 0) {
    lines.push(`${start}/>`);
  } else {
    lines.push(`${start}>`);
    const siblings: Item[] = [];
    for (const child of item.value) {
      writeElement(child, vocabulary, { siblings }, `${indent}  `, lines);
      siblings.push(child);
    }
    lines.push(`${indent}</${name}>`);
  }
}

function valueToText(item: LeafItem, vocabulary: Vocabulary, context: NamingContext): string {
  switch (item.type) {
    case ItemType.Integer:
      return vocabulary.maskNames(item.tag, item.value, context)?.join(' ') || String(item.value);
    case ItemType.Enumeration:
      return vocabulary.enumName(item.tag, item.value, context) ?? fixedHex(item.value, 32);
    case ItemType.Interval:
    case ItemType.LongInteger:
    case ItemType.DateTimeExtended:
    case ItemType.Boolean:
      return String(item.value);
    case ItemType.BigInteger:
      return bigIntToHex(item.value);
    case ItemType.DateTime:
      return formatDateTime(item.value) ?? fixedHex(item.value, 64);
    case ItemType.TextString:
      return item.value;
    case ItemType.ByteString:
      return item.value.toString('hex');
  }
}

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

function escapeXml(item: Item, text: string): string {
  if (/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u.test(text)) {
    throw new HoldfastError(
      'CodecError',
      `Item ${tagHex(item.tag)} cannot be encoded: its text has a character that XML does not allow`,
    );
  }
  // A parser turns line breaks and tabs within an attribute into blanks unless they are escaped.
  return text.replace(/[&<>"\t\n\r]/g, (character) => ESCAPES[character] ?? `&#${character.charCodeAt(0)};`);
}

export interface XmlDecodeOptions {
  readonly limits?: Limits;
  /** Called with the text of each value before it is read; what it returns is read instead. */
  readonly substitute?: (value: string, tag: number, type: ItemType) => string;
}

/**
 * Reads exactly one item in the XML encoding. Document types, processing instructions, unknown names and attributes, text
 * between elements and elements of another namespace are refused; attributes of another namespace are ignored.
 * Throws HoldfastError('InvalidMessage').
 * KMIP Profiles 2.1 section 5.4, Additional Message Encodings 1.0 section 6.
 */
export function decodeXml(text: string, vocabulary: Vocabulary, options: XmlDecodeOptions = {}): Item {
  return onlyItem(new XmlReader(vocabulary, options, false).read(text));
}

/**
 * The same for a text that may take long to read: in pieces, between which others have their turn.
 * @param pause is asked, and where it says so awaited, after each piece
 */
export async function decodeXmlInPieces(
  text: string,
  vocabulary: Vocabulary,
  pause: () => Promise<void> | undefined,
  options: XmlDecodeOptions = {},
): Promise<Item> {
  const reader = new XmlReader(vocabulary, options, false);
  reader.requireLength(text);
  for (let at = 0; at < text.length; at += PIECE_LENGTH) {
    reader.push(text.slice(at, at + PIECE_LENGTH));
    await pause();
  }
  return onlyItem(reader.end());
}

function onlyItem([item]: readonly Item[]): Item {
  if (item === undefined) throw new HoldfastError('InvalidMessage', 'XML: no item');
  return item;
}

/**
 * Reads a document of several messages, the form of the OASIS test cases: the children of one `<KMIP>` element, or a
 * single item as `decodeXml` reads it. Lines that begin with `#` are notes, even where markup stands in them (the test
 * cases drop whole messages so). The limits hold for the document as a whole. Throws HoldfastError('InvalidMessage').
 */
export function decodeXmlDocument(
  text: string,
  vocabulary: Vocabulary,
  options: XmlDecodeOptions = {},
): Item[] {
  return new XmlReader(vocabulary, options, true).read(text.replace(/^[ \t]*#.*$/gm, ''));
}

/** Turns the parser's events into items. */
class XmlReader {
  readonly #vocabulary: Vocabulary;
  readonly #limits: Limits;
  readonly #substitute: XmlDecodeOptions['substitute'];
  readonly #mayBeWrapped: boolean;
  readonly #parser = new SaxesParser({ xmlns: true, forceXMLVersion: true, defaultXMLVersion: '1.0' });
  readonly #roots: Item[] = [];
  /** The children of each open element, innermost last; undefined where it may have none. The wrapper is not among them. */
  readonly #open: (Item[] | undefined)[] = [];
  #wrapped = false;
  #count = 0;
  /** Of the element whose tag is being read. */
  #attributeCount = 0;
  readonly #fail = (what: string): never => {
    throw new HoldfastError('InvalidMessage', `XML at line ${this.#parser.line}: ${what}`);
  };

  constructor(vocabulary: Vocabulary, options: XmlDecodeOptions, mayBeWrapped: boolean) {
    this.#vocabulary = vocabulary;
    this.#limits = options.limits ?? DEFAULT_LIMITS;
    this.#substitute = options.substitute;
    this.#mayBeWrapped = mayBeWrapped;
    const parser = this.#parser;
    parser.on('error', (cause) => {
      throw new HoldfastError('InvalidMessage', `XML at line ${parser.line}: it is not well-formed`, {
        cause,
      });
    });
    parser.on('doctype', () => this.#fail('document types are not allowed'));
    parser.on('processinginstruction', () => this.#fail('processing instructions are not allowed'));
    parser.on('cdata', (data) => this.#text(data));
    parser.on('text', (data) => this.#text(data));
    parser.on('attribute', () => {
      if (++this.#attributeCount > MAX_ATTRIBUTES)
        this.#fail(`an element has more than ${MAX_ATTRIBUTES} attributes`);
    });
    parser.on('opentag', (tag) => this.#element(tag));
    parser.on('closetag', () => void this.#open.pop());
  }

  read(text: string): Item[] {
    this.requireLength(text);
    this.push(text);
    return this.end();
  }

  requireLength(text: string): void {
    if (text.length > this.#limits.maxMessageBytes) this.#fail('the text is longer than a message may be');
  }

  /** Takes the next piece of the text. */
  push(piece: string): void {
    this.#parser.write(piece);
  }

  end(): Item[] {
    this.#parser.close();
    return this.#roots;
  }

  #text(data: string): void {
    if (/[^ \t\r\n]/.test(data)) this.#fail('text stands between the elements');
  }

  #element(element: SaxesTagNS): void {
    this.#attributeCount = 0;
    if (element.uri !== '' && element.uri !== NAMESPACE)
      this.#fail('the namespace of an element is not that of KMIP');
    const outermost = this.#open.length === 0;
    if (outermost && !this.#wrapped && this.#mayBeWrapped && element.local === WRAPPER_ELEMENT) {
      this.#wrapped = true;
      return;
    }
    const siblings = outermost ? this.#roots : this.#open.at(-1);
    if (siblings === undefined) return this.#fail('only a Structure can hold other items');
    if (++this.#count > this.#limits.maxItems)
      this.#fail(`there are more than ${this.#limits.maxItems} items`);
    const item = this.#item(element, siblings);
    siblings.push(item);
  }

  /** Makes the item of an element that opens, and puts the list of its children, if it may have any, on the stack. */
  #item(element: SaxesTagNS, siblings: readonly Item[]): Item {
    const attributes = this.#attributes(element);
    const tagText = element.local === GENERIC_ELEMENT ? attributes.get('tag') : element.local;
    if (tagText === undefined) return this.#fail(`a ${GENERIC_ELEMENT} element has no tag`);
    if (tagText === element.local && attributes.has('tag'))
      this.#fail(`only a ${GENERIC_ELEMENT} element has a tag`);
    const tag =
      tagFromText(tagText, this.#vocabulary) ?? this.#fail(`the tag ${brief(tagText)} is not known`);
    const typeText = attributes.get('type') ?? 'Structure';
    const type = typeByName(typeText) ?? this.#fail(`the type ${brief(typeText)} does not exist`);
    const value = attributes.get('value');
    if (type === ItemType.Structure) {
      if (value !== undefined) this.#fail(`${brief(tagText)} is a Structure and has a value`);
      if (this.#open.length >= this.#limits.maxDepth) {
        this.#fail(`structures are nested deeper than ${this.#limits.maxDepth} levels`);
      }
      const children: Item[] = [];
      this.#open.push(children);
      return { tag, type, value: children };
    }
    if (value === undefined) return this.#fail(`${brief(tagText)} has no value`);
    this.#open.push(undefined);
    const written = this.#substitute?.(value, tag, type) ?? value;
    // XML Schema drops the blanks around all values but those of texts.
    return leafFromText(tag, type, type === ItemType.TextString ? written : written.trim(), {
      siblings,
      vocabulary: this.#vocabulary,
      limits: this.#limits,
      fail: (what) => this.#fail(`the value of ${brief(tagText)} ${what}`),
    });
  }

  #attributes(element: SaxesTagNS): ReadonlyMap<string, string> {
    const attributes = new Map<string, string>();
    for (const { uri, local, value } of Object.values(element.attributes)) {
      if (uri !== '') continue;
      if (!['tag', 'name', 'type', 'value'].includes(local))
        this.#fail(`the attribute ${brief(local)} is not known`);
      attributes.set(local, value);
    }
    return attributes;
  }
}
