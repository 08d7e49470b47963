import {
  ENCODINGS,
  ENCODING_NAMES,
  READING_VOCABULARY,
  dialectNamed,
  dialectOf,
  peekVersion,
  type Dialect,
  type EncodingName,
} from '@holdfast/kmip';
import { HoldfastError, decodeJsonDocument, decodeXmlDocument, type Item } from '@holdfast/ttlv';
import { wrongUse } from '../../exit';
import { utf8Text } from '../../utf8';

/** Messages as people keep and read them: XML, JSON, or TTLV in hex. */

const TTLV_HEADER_BYTES = 8;
/** Tags begin with 42 or, where they are a vendor's, 54. */
const TTLV_START = /^[\x42\x54][^]{2}[\x01-\x0b]/;
const BYTE_ORDER_MARK = /^\xef\xbb\xbf/;

/** One item after the other. */
function ttlvItems(bytes: Buffer): Item[] {
  const items: Item[] = [];
  for (let rest = bytes; rest.length > 0;) {
    const length = rest.length < TTLV_HEADER_BYTES ? rest.length : rest.readUInt32BE(4);
    const end = TTLV_HEADER_BYTES + length + (-length & 7);
    items.push(ENCODINGS.ttlv.decode(rest.subarray(0, end)));
    rest = rest.subarray(end);
  }
  return items;
}

/**
 * Reads messages, or parts of them, whatever they are written in: XML (one, or several within `<KMIP>`), JSON (one, or
 * several in an array), TTLV as bytes or in hex (one after the other).
 * @throws CommandFailure wrong use
 */
export function parseItems(content: Buffer): readonly Item[] {
  const text = content.toString('latin1').replace(BYTE_ORDER_MARK, '').trimStart();
  const said = () => utf8Text(content, 'the text');
  try {
    if (TTLV_START.test(content.toString('latin1', 0, 4))) return ttlvItems(content);
    if (/^[[{]/.test(text)) return decodeJsonDocument(said(), READING_VOCABULARY);
    if (/^[<#]/.test(text)) return decodeXmlDocument(said(), READING_VOCABULARY);
    const hex = text.replace(/\s/g, '');
    if (hex !== '' && hex.length % 2 === 0 && /^[0-9a-f]*$/i.test(hex))
      return ttlvItems(Buffer.from(hex, 'hex'));
  } catch (error) {
    if (error instanceof HoldfastError) throw wrongUse(error.message);
    throw error;
  }
  throw wrongUse('this is neither XML, nor JSON, nor TTLV', 'TTLV may be written in hex.');
}

/** The version that a message says it is in; else the newest. */
export function dialectOfMessage(item: Item): Dialect {
  const version = peekVersion(item);
  try {
    return version === undefined ? dialectNamed('2.1') : dialectOf(version);
  } catch {
    return dialectNamed('2.1');
  }
}

/** An item for people and programs that read text; TTLV in hex. */
export function itemText(item: Item, encoding: EncodingName): string {
  const bytes = ENCODINGS[encoding].encode(item, dialectOfMessage(item));
  switch (encoding) {
    case 'ttlv':
      return bytes.toString('hex');
    case 'xml':
      return bytes.toString('utf8');
    case 'json':
      return JSON.stringify(JSON.parse(bytes.toString('utf8')), undefined, 2);
  }
}

/** @throws CommandFailure wrong use */
export function encodingNamed(name: string): EncodingName {
  const encoding = ENCODING_NAMES.find((each) => each === name.toLowerCase());
  if (encoding !== undefined) return encoding;
  throw wrongUse(`there is no encoding ${name}`, `One of ${ENCODING_NAMES.join(', ')}.`);
}
