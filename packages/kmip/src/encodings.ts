import {
  DEFAULT_LIMITS,
  HoldfastError,
  decodeJson,
  decodeJsonInPieces,
  decodeTtlv,
  decodeXml,
  decodeXmlInPieces,
  encodeJson,
  encodeTtlv,
  encodeXml,
  type Item,
  type Limits,
} from '@holdfast/ttlv';
import { vocabularyOf } from './naming';
import { DIALECTS, type Dialect } from './versions/dialect';

/** How a message is written, in bytes. Each of them carries the same messages (KMIP Profiles 2.1 sections 5.4 and 5.5). */
export interface MessageEncoding {
  readonly name: EncodingName;
  /** Of its HTTP bodies: KMIP Profiles 2.1 section 5.3. */
  readonly contentType: string;
  /** @throws HoldfastError InvalidMessage */
  readonly decode: (bytes: Buffer, limits?: Limits) => Item;
  /**
   * The same where that may take long: `pause` is asked between pieces, and awaited where it says so. Texts of a few megabytes
   * take a second, TTLV takes no longer than what comes after it.
   */
  readonly decodeInPieces?: (bytes: Buffer, pause: () => Promise<void> | undefined) => Promise<Item>;
  /** @throws HoldfastError CodecError, for a text that the encoding cannot carry */
  readonly encode: (message: Item, dialect: Dialect) => Buffer;
}

export const ENCODING_NAMES = ['ttlv', 'xml', 'json'] as const;
export type EncodingName = (typeof ENCODING_NAMES)[number];

/** The newest version's vocabulary reads the names of all of them. */
export const READING_VOCABULARY = vocabularyOf(DIALECTS[DIALECTS.length - 1] as Dialect);

const utf8 = new TextDecoder('utf-8', { fatal: true });

function textOf(bytes: Buffer): string {
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw new HoldfastError('InvalidMessage', 'the message is not UTF-8', { cause });
  }
}

export const ENCODINGS: Readonly<Record<EncodingName, MessageEncoding>> = {
  ttlv: {
    name: 'ttlv',
    contentType: 'application/octet-stream',
    decode: decodeTtlv,
    encode: encodeTtlv,
  },
  xml: {
    name: 'xml',
    contentType: 'text/xml',
    decode: (bytes, limits = DEFAULT_LIMITS) => decodeXml(textOf(bytes), READING_VOCABULARY, { limits }),
    decodeInPieces: async (bytes, pause) => decodeXmlInPieces(textOf(bytes), READING_VOCABULARY, pause),
    encode: (message, dialect) => Buffer.from(encodeXml(message, vocabularyOf(dialect))),
  },
  json: {
    name: 'json',
    contentType: 'application/json',
    decode: (bytes, limits = DEFAULT_LIMITS) => decodeJson(textOf(bytes), READING_VOCABULARY, { limits }),
    decodeInPieces: async (bytes, pause) => decodeJsonInPieces(textOf(bytes), READING_VOCABULARY, pause),
    encode: (message, dialect) => Buffer.from(encodeJson(message, vocabularyOf(dialect))),
  },
};
