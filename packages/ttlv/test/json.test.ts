import fc from 'fast-check';
import {
  DEFAULT_LIMITS,
  ItemType,
  decodeJson,
  decodeJsonInPieces,
  encodeJson,
  encodeTtlv,
  type Item,
} from '../src';
import { refusal } from './refusal';
import { anyItem, hex } from './trees';
import { QUERY_REQUEST, QUERY_RESPONSE } from './vectors';
import { VOCABULARY } from './vocabulary';

const read = (text: string) => decodeJson(text, VOCABULARY);

const REQUEST = `
{"tag":"RequestMessage", "value":[
  {"tag":"RequestHeader", "value":[
    {"tag":"ProtocolVersion", "value":[
      {"tag":"ProtocolVersionMajor", "type":"Integer", "value":"0x00000001"},
      {"tag":"ProtocolVersionMinor", "type":"Integer", "value":"0x00000000"}
    ]},
    {"tag":"MaximumResponseSize", "type":"Integer", "value":"0x00000100"},
    {"tag":"BatchCount", "type":"Integer", "value":"0x00000001"}
  ]},
  {"tag":"BatchItem", "value":[
    {"tag":"Operation", "type":"Enumeration", "value":"Query"},
    {"tag":"RequestPayload", "value":[
      {"tag":"QueryFunction", "type":"Enumeration", "value":"QueryOperations"},
      {"tag":"QueryFunction", "type":"Enumeration", "value":"QueryObjects"}
    ]}
  ]}
]}`;

const RESPONSE = `
{"tag":"ResponseMessage", "value":[
  {"tag":"ResponseHeader", "value":[
    {"tag":"ProtocolVersion", "value":[
      {"tag":"ProtocolVersionMajor", "type":"Integer", "value":"0x00000001"},
      {"tag":"ProtocolVersionMinor", "type":"Integer", "value":"0x00000000"}
    ]},
    {"tag":"TimeStamp", "type":"DateTime", "value":"2013-06-26T09:09:17+00:00"},
    {"tag":"BatchCount", "type":"Integer", "value":"0x00000001"}
  ]},
  {"tag":"BatchItem", "value":[
    {"tag":"Operation", "type":"Enumeration", "value":"Query"},
    {"tag":"ResultStatus", "type":"Enumeration", "value":"OperationFailed"},
    {"tag":"ResultReason", "type":"Enumeration", "value":"ResponseTooLarge"},
    {"tag":"ResultMessage", "type":"TextString", "value":"TOO_LARGE"}
  ]}
]}`;

describe('worked examples', () => {
  it.each([
    ['request', REQUEST, QUERY_REQUEST],
    ['response', RESPONSE, QUERY_RESPONSE],
  ])('the Query %s is the same message as its TTLV', (_name, text, { digits, item }) => {
    expect(encodeTtlv(read(text))).toEqual(hex(digits));
    expect(JSON.parse(encodeJson(item, VOCABULARY))).toEqual(JSON.parse(text));
  });

  const usage = (value: number): Item => ({ tag: 0x42002c, type: ItemType.Integer, value });
  const long = (value: bigint): Item => ({ tag: 0x540001, type: ItemType.LongInteger, value });

  it.each<[string, Item]>([
    ['{"tag": "CryptographicUsageMask", "type":"Integer", "value": "0x0000100c"}', usage(0x100c)],
    [
      '{"tag": "CryptographicUsageMask", "type":"Integer", "value": "Encrypt|Decrypt|CertificateSign"}',
      usage(0x100c),
    ],
    [
      '{"tag": "CryptographicUsageMask", "type":"Integer", "value": "CertificateSign|0x00000004|0x0000008"}',
      usage(0x100c),
    ],
    ['{"tag": "CryptographicUsageMask", "type":"Integer", "value": 12}', usage(12)],
    ['{"tag": "CryptographicUsageMask", "type":"Integer", "value": -0}', usage(0)],
    ['{"tag": "0x540001", "type":"LongInteger", "value":"0xfffffffffffffffe"}', long(-2n)],
    ['{"tag": "0x540001", "type":"LongInteger", "value":-2}', long(-2n)],
    ['{"tag": "0x540001", "type":"LongInteger", "value":"0x1000000000000000"}', long(1n << 60n)],
    [
      '{"tag": "0x540001", "type":"BigInteger", "value":0}',
      { tag: 0x540001, type: ItemType.BigInteger, value: 0n },
    ],
    [
      '{"tag": "0x540001", "type":"BigInteger", "value":"0x0000000000000000"}',
      { tag: 0x540001, type: ItemType.BigInteger, value: 0n },
    ],
    [
      '{"tag": "0x420057", "type":"Enumeration", "value":2}',
      { tag: 0x420057, type: ItemType.Enumeration, value: 2 },
    ],
    [
      '{"tag": "ObjectType", "type":"Enumeration", "value":"SymmetricKey"}',
      { tag: 0x420057, type: ItemType.Enumeration, value: 2 },
    ],
    [
      '{"tag": "0x540001", "type":"Boolean", "value":true}',
      { tag: 0x540001, type: ItemType.Boolean, value: true },
    ],
    [
      '{"tag": "0x540001", "type":"Boolean", "value":"0x0000000000000001"}',
      { tag: 0x540001, type: ItemType.Boolean, value: true },
    ],
    [
      '{"tag": "0x540001", "name":"Own", "type":"ByteString", "value":"C50F77"}',
      { tag: 0x540001, type: ItemType.ByteString, value: hex('c50f77') },
    ],
    [
      '{"tag": "ActivationDate", "type":"DateTime", "value":"0x000000003a505520"}',
      { tag: 0x420001, type: ItemType.DateTime, value: 0x3a505520n },
    ],
    [
      '{"tag": "ActivationDate", "type":"DateTime", "value":"2001-01-01T10:00:00-14:00"}',
      { tag: 0x420001, type: ItemType.DateTime, value: 978393600n },
    ],
    [
      '{"tag": "0x540001", "type":"Interval", "value":"0x0000001b"}',
      { tag: 0x540001, type: ItemType.Interval, value: 27 },
    ],
    [
      '{"tag": "0x540001", "type":"Interval", "value":27}',
      { tag: 0x540001, type: ItemType.Interval, value: 27 },
    ],
    [
      '{"tag": "0x540001", "type":"DateTimeExtended", "value":2}',
      { tag: 0x540001, type: ItemType.DateTimeExtended, value: 2n },
    ],
    [
      '{"tag": "RequestPayload", "type":"Structure", "value":[]}',
      { tag: 0x420079, type: ItemType.Structure, value: [] },
    ],
    ['{"tag": "RequestPayload", "value":null}', { tag: 0x420079, type: ItemType.Structure, value: [] }],
    [
      '{"tag": "ResultMessage", "type":"TextString", "value":"{\\"a\\":[1,\\\\]}"}',
      { tag: 0x42007d, type: ItemType.TextString, value: '{"a":[1,\\]}' },
    ],
  ])('%s', (text, item) => {
    expect(read(text)).toEqual(item);
    expect(read(encodeJson(item, VOCABULARY))).toEqual(item);
  });

  it('names an Attribute Value by the Attribute Name before it', () => {
    const text = `{"tag":"Attribute","value":[
      {"tag":"AttributeName","type":"TextString","value":"Cryptographic Usage Mask"},
      {"tag":"AttributeValue","type":"Integer","value":"Encrypt|Decrypt"}]}`;
    const item = read(text);
    expect(item.value).toContainEqual({ tag: 0x42000b, type: ItemType.Integer, value: 12 });
    expect(JSON.parse(encodeJson(item, VOCABULARY))).toEqual(JSON.parse(text));
  });
});

describe('texts that are refused', () => {
  const typed = (type: string, value: string) => `{"tag":"0x540001","type":"${type}","value":${value}}`;

  it.each([
    ['nothing', '', /not well-formed/],
    ['no JSON', '{"tag":', /not well-formed/],
    ['a number', '1', /not an object/],
    ['null', 'null', /not an object/],
    ['a list', '[]', /not an object/],
    ['an item without a tag', '{"value":[]}', /has no tag/],
    ['a tag that is a number', '{"tag":4325376,"value":[]}', /has no tag/],
    ['an unknown tag', '{"tag":"Nonsense"}', /the tag Nonsense is not known/],
    ['a tag out of range', '{"tag":"0x430001"}', /0x430001 is not known/],
    ['an unknown type', '{"tag":"BatchCount","type":"Int","value":1}', /the type Int does not exist/],
    ['a type that is a number', '{"tag":"BatchCount","type":2,"value":1}', /no text/],
    [
      'an unknown property',
      '{"tag":"BatchCount","typ":"Integer","value":1}',
      /the property typ is not known/,
    ],
    ['__proto__', '{"__proto__":{"tag":"BatchItem"},"value":[]}', /__proto__ is not known/],
    ['a property twice', '{"tag":"BatchCount","type":"Integer","value":1,"value":2}', /given twice/],
    [
      'a property twice, once escaped',
      '{"tag":"BatchCount","type":"Integer","value":1,"\\u0076alue":2}',
      /given twice/,
    ],
    ['a Structure that is a text', '{"tag":"BatchItem","value":"x"}', /without a list/],
    ['a Structure of numbers', '{"tag":"BatchItem","value":[1]}', /not an object/],
    ['an Integer without a value', '{"tag":"BatchCount","type":"Integer"}', /does not suit the type Integer/],
    [
      'an Integer that is an object',
      typed('Integer', '{"tag":"BatchItem"}'),
      /does not suit the type Integer/,
    ],
    ['an Integer that is true', typed('Integer', 'true'), /does not suit the type Integer/],
    ['an Integer of 33 bits', typed('Integer', '2147483648'), /not a signed 32-bit/],
    ['an Integer with a fraction', typed('Integer', '1.5'), /whole number/],
    ['a Long Integer that JSON rounds', typed('LongInteger', '9007199254740993'), /keeps exactly/],
    ['a negative Enumeration', typed('Enumeration', '-1'), /unsigned 32-bit/],
    ['an Interval of 33 bits', typed('Interval', '4294967296'), /unsigned 32-bit/],
    ['a Text String that is a number', typed('TextString', '1'), /does not suit the type TextString/],
    ['a Boolean that is a number', typed('Boolean', '1'), /does not suit the type Boolean/],
    ['a date that is a number', typed('DateTime', '1'), /does not suit the type DateTime/],
    ['half a surrogate pair', typed('TextString', '"\\ud800"'), /well-formed Unicode/],
    ['a null at the end of a text', typed('TextString', '"a\\u0000"'), /null character/],
    ['a Big Integer of 4 bytes', typed('BigInteger', '"0x00000001"'), /multiple of 8 bytes/],
  ])('%s', (_name, text, message) => {
    const error = refusal(() => read(text));
    expect(error.code).toBe('InvalidMessage');
    expect(error.message).toMatch(message);
  });

  it('more depth, items or text than the limits allow', () => {
    const limited = (limits: object) =>
      refusal(() => decodeJson(REQUEST, VOCABULARY, { limits: { ...DEFAULT_LIMITS, ...limits } })).message;
    expect(limited({ maxDepth: 2 })).toMatch(/deeper than 2/);
    expect(limited({ maxItems: 11 })).toMatch(/more than 11/);
    expect(limited({ maxMessageBytes: 100 })).toMatch(/longer/);
    expect(refusal(() => read('['.repeat(1_000_000))).message).toMatch(/deeper than 32/);
    expect(refusal(() => read(`{"value":[${'{},'.repeat(400_000)}{}]}`)).message).toMatch(
      /more than 100000 items/,
    );
  });

  it('items of more properties than there are, before anything is built of them', () => {
    const properties = Array.from({ length: 100_000 }, (_, index) => `"${index}":1`).join(',');
    expect(refusal(() => read(`{${properties}}`)).message).toMatch(/too many properties/);
    expect(refusal(() => read(`{"value":[{${properties}}]}`)).message).toMatch(/too many properties/);
    expect(refusal(() => read('{"tag":"x420001"},'.repeat(100_001))).message).toMatch(/100000 items/);
  });

  it('allows exactly the limits', () => {
    const limits = { ...DEFAULT_LIMITS, maxDepth: 4, maxItems: 12, maxMessageBytes: REQUEST.length };
    expect(decodeJson(REQUEST, VOCABULARY, { limits })).toEqual(QUERY_REQUEST.item);
  });
});

describe('a text that is read in pieces', () => {
  it.each([
    ['that is short', REQUEST, 1],
    [
      'of many items',
      `{"tag":"RequestMessage","value":[${'{"tag":"x540001"},'.repeat(5000)}{"tag":"x540001"}]}`,
      6,
    ],
  ])('%s, is the same', async (_what, text, pieces) => {
    const pause = jest.fn();
    expect(await decodeJsonInPieces(text, VOCABULARY, pause)).toEqual(read(text));
    expect(pause.mock.calls.length).toBeGreaterThanOrEqual(pieces);
  });

  it('is refused as it is at once', async () => {
    await expect(decodeJsonInPieces('{', VOCABULARY, () => undefined)).rejects.toThrow(/not well-formed/);
  });
});

describe('properties', () => {
  it('items come back as they were', () => {
    fc.assert(
      fc.property(anyItem, (item) => {
        expect(read(encodeJson(item, VOCABULARY))).toEqual(item);
      }),
      { numRuns: 300 },
    );
  });

  it('changed texts are refused with a HoldfastError, or give what TTLV can carry', () => {
    const change = fc.record({ at: fc.nat({ max: 4095 }), to: fc.string({ maxLength: 3 }) });
    fc.assert(
      fc.property(anyItem, fc.array(change, { minLength: 1, maxLength: 3 }), (item, changes) => {
        let text = encodeJson(item, VOCABULARY);
        for (const { at, to } of changes) {
          const place = at % text.length;
          text = text.slice(0, place) + to + text.slice(place + 1);
        }
        try {
          encodeTtlv(read(text));
        } catch (error) {
          expect(error).toMatchObject({ name: 'HoldfastError', code: 'InvalidMessage' });
        }
      }),
      { numRuns: 500 },
    );
  });
});

test('a name that is refused is told in well-formed text, wherever it is cut', () => {
  for (const name of ['\\ud800', `${'x'.repeat(63)}\u{1f511}${'x'.repeat(9)}`]) {
    expect(() => read(`{"tag":"${name}"}`)).toThrow(/^JSON: the tag \P{Surrogate}+ is not known$/u);
  }
});
