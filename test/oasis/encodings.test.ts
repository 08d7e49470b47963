import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ENCODINGS, READING_VOCABULARY, dialectOf, peekVersion } from '@holdfast/kmip';
import { decodeJson, decodeXml, encodeTtlv, ItemType, type Item } from '@holdfast/ttlv';
import { OASIS, SHARED, messagesOf, xmlFilesBelow } from './cases';

/** What the three encodings make of one message: it is the same in all of them, to the byte (Profiles 2.1 5.4, 5.5). */

const OWN_CASES = resolve(__dirname, '../../packages/cli/test/cases');
const ADDITIONAL_ENCODINGS = join(SHARED, 'spec/message-encodings-1.0.md');

/** The TTLV of a message, after it went through every other encoding. */
function aroundTheWorld(message: Item): Buffer {
  const version = peekVersion(message);
  if (version === undefined) throw new Error('a message has a version');
  const dialect = dialectOf(version);
  const { ttlv, xml, json } = ENCODINGS;
  const through = [ttlv, xml, json, xml, ttlv];
  return encodeTtlv(
    through.reduce((item, encoding) => encoding.decode(encoding.encode(item, dialect)), message),
  );
}

const files = [...xmlFilesBelow(OWN_CASES), ...(existsSync(OASIS) ? xmlFilesBelow(OASIS) : [])];

test.each(files.map((path) => [path.split('/').slice(-3).join('/'), path]))(
  '%s is the same in every encoding',
  (_name, path) => {
    const messages = messagesOf(path);
    expect(messages.length).toBeGreaterThan(0);
    for (const message of messages) {
      expect(aroundTheWorld(message).toString('hex')).toBe(encodeTtlv(message).toString('hex'));
    }
  },
);

test('a structure with one of each type', () => {
  const item: Item = {
    tag: 0x540000,
    type: ItemType.Structure,
    value: [
      { tag: 0x540001, type: ItemType.Integer, value: -0x80000000 },
      { tag: 0x540002, type: ItemType.LongInteger, value: -(2n ** 63n) },
      { tag: 0x540003, type: ItemType.BigInteger, value: -(2n ** 64n) },
      { tag: 0x540004, type: ItemType.Enumeration, value: 0x80000000 },
      { tag: 0x540005, type: ItemType.Boolean, value: true },
      { tag: 0x540006, type: ItemType.ByteString, value: Buffer.from('00ff80', 'hex') },
      { tag: 0x540007, type: ItemType.DateTime, value: -1n },
      { tag: 0x540008, type: ItemType.Interval, value: 0xffffffff },
      { tag: 0x540009, type: ItemType.TextString, value: ' <&"\'>\t\n\u00e9\u{1f511} ' },
      { tag: 0x54000b, type: ItemType.DateTimeExtended, value: 2n ** 62n },
      { tag: 0x54000c, type: ItemType.ByteString, value: Buffer.alloc(0) },
      { tag: 0x54000d, type: ItemType.Structure, value: [] },
    ],
  };
  const dialect = dialectOf({ protocolVersionMajor: 2, protocolVersionMinor: 1 });
  const { ttlv, xml, json } = ENCODINGS;
  for (const encoding of [ttlv, xml, json]) {
    expect(encoding.decode(encoding.encode(item, dialect))).toEqual(item);
  }
});

/** The examples of one document: a message in XML, the same in TTLV, and in most of them in JSON. */
function publishedVectors(): [title: string, xml: string, hex: string, json: string | undefined][] {
  const text = readFileSync(ADDITIONAL_ENCODINGS, 'utf8');
  return [...text.matchAll(/^```\n([^]*?)^```$/gm)].flatMap(([, block = ''], index) => {
    const xml = /<(Request|Response)Message>[^]*<\/\1Message>/.exec(block)?.[0];
    const hex = /(?:^[0-9a-f]{16,80}\n)+/m.exec(block)?.[0].replaceAll('\n', '');
    const json = /^\{"tag":[^]*^\]\}$/m.exec(block)?.[0];
    return xml === undefined || hex === undefined ? [] : [[`example ${index}`, xml, hex, json]];
  });
}

/** Some of the examples print another second in XML than in TTLV. */
function withoutTimeStamp(hex: string): string {
  return hex.replace(/(42009209000000080{8})[0-9a-f]{8}/, '$1........');
}

if (existsSync(ADDITIONAL_ENCODINGS)) {
  const vectors = publishedVectors();
  test('the published examples are found', () => {
    expect(vectors.length).toBeGreaterThanOrEqual(24);
    expect(vectors.filter(([, , , json]) => json !== undefined).length).toBeGreaterThanOrEqual(8);
  });
  test.each(vectors)('%s', (_title, xml, hex, json) => {
    for (const item of [
      decodeXml(xml, READING_VOCABULARY),
      ...(json === undefined ? [] : [decodeJson(json, READING_VOCABULARY)]),
    ]) {
      expect(withoutTimeStamp(encodeTtlv(item).toString('hex'))).toBe(withoutTimeStamp(hex));
    }
  });
}
