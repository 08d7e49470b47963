import fc from 'fast-check';
import {
  DEFAULT_LIMITS,
  HoldfastError,
  ItemType,
  decodeXml,
  decodeXmlDocument,
  decodeXmlInPieces,
  encodeTtlv,
  encodeXml,
  type Item,
} from '../src';
import { refusal } from './refusal';
import { anyItem, hex } from './trees';
import { QUERY_REQUEST, QUERY_RESPONSE } from './vectors';
import { VOCABULARY } from './vocabulary';

const read = (text: string) => decodeXml(text, VOCABULARY);

const REQUEST = `<RequestMessage>
  <RequestHeader>
    <ProtocolVersion>
      <ProtocolVersionMajor type="Integer" value="1"/>
      <ProtocolVersionMinor type="Integer" value="0"/>
    </ProtocolVersion>
    <MaximumResponseSize type="Integer" value="256"/>
    <BatchCount type="Integer" value="1"/>
  </RequestHeader>
  <BatchItem>
    <Operation type="Enumeration" value="Query"/>
    <RequestPayload>
      <QueryFunction type="Enumeration" value="QueryOperations"/>
      <QueryFunction type="Enumeration" value="QueryObjects"/>
    </RequestPayload>
  </BatchItem>
</RequestMessage>`;

const RESPONSE = `<ResponseMessage>
  <ResponseHeader>
    <ProtocolVersion>
      <ProtocolVersionMajor type="Integer" value="1"/>
      <ProtocolVersionMinor type="Integer" value="0"/>
    </ProtocolVersion>
    <TimeStamp type="DateTime" value="2013-06-26T09:09:17+00:00"/>
    <BatchCount type="Integer" value="1"/>
  </ResponseHeader>
  <BatchItem>
    <Operation type="Enumeration" value="Query"/>
    <ResultStatus type="Enumeration" value="OperationFailed"/>
    <ResultReason type="Enumeration" value="ResponseTooLarge"/>
    <ResultMessage type="TextString" value="TOO_LARGE"/>
  </BatchItem>
</ResponseMessage>`;

describe('worked examples', () => {
  it.each([
    ['request', REQUEST, QUERY_REQUEST],
    ['response', RESPONSE, QUERY_RESPONSE],
  ])('the Query %s is the same message as its TTLV', (_name, text, { digits, item }) => {
    expect(encodeTtlv(read(text))).toEqual(hex(digits));
    expect(encodeXml(item, VOCABULARY)).toBe(text);
  });

  const usage = (value: number): Item => ({ tag: 0x42002c, type: ItemType.Integer, value });

  it.each<[string, Item]>([
    ['<CryptographicUsageMask type="Integer" value="0x0000100c"/>', usage(0x100c)],
    ['<CryptographicUsageMask type="Integer" value="Encrypt Decrypt CertificateSign"/>', usage(0x100c)],
    ['<CryptographicUsageMask type="Integer" value="CertificateSign 0x00000004 0x0000008"/>', usage(0x100c)],
    ['<CryptographicUsageMask type="Integer" value="CertificateSign|0x0000000c"/>', usage(0x100c)],
    ['<CryptographicUsageMask type="Integer" value="0"/>', usage(0)],
    ['<CryptographicUsageMask type="Integer" value="\n  12 "/>', usage(12)],
    [
      '<TTLV tag="0x540001" type="ByteString" value=" C50F77&#10;"/>',
      { tag: 0x540001, type: ItemType.ByteString, value: hex('c50f77') },
    ],
    [
      '<ResultMessage type="TextString" value=" a "/>',
      { tag: 0x42007d, type: ItemType.TextString, value: ' a ' },
    ],
    ['<CryptographicUsageMask type="Integer" value="0xffffffff"/>', usage(-1)],
    [
      '<ObjectType type="Enumeration" value="0x00000002"/>',
      { tag: 0x420057, type: ItemType.Enumeration, value: 2 },
    ],
    [
      '<ObjectType type="Enumeration" value="SymmetricKey"/>',
      { tag: 0x420057, type: ItemType.Enumeration, value: 2 },
    ],
    ['<x540001 type="LongInteger" value="-2"/>', { tag: 0x540001, type: ItemType.LongInteger, value: -2n }],
    [
      '<TTLV tag="0x545352" name="SomeExtension" type="TextString" value="This is an extension"/>',
      { tag: 0x545352, type: ItemType.TextString, value: 'This is an extension' },
    ],
    [
      '<TTLV tag="ActivationDate" type="DateTime" value="2001-01-01T10:00:00+10:00"/>',
      { tag: 0x420001, type: ItemType.DateTime, value: 0x3a4fc880n },
    ],
    [
      '<TTLV tag="0x54FFFF" type="BigInteger" value="fffffffffffffffffffffffffffffff0"/>',
      { tag: 0x54ffff, type: ItemType.BigInteger, value: -16n },
    ],
    [
      '<TTLV tag="0x540001" type="Interval" value="27"/>',
      { tag: 0x540001, type: ItemType.Interval, value: 27 },
    ],
    [
      '<TTLV tag="0x540001" type="Boolean" value="true"/>',
      { tag: 0x540001, type: ItemType.Boolean, value: true },
    ],
    [
      '<TTLV tag="0x540001" type="ByteString" value="C50F77"/>',
      { tag: 0x540001, type: ItemType.ByteString, value: hex('c50f77') },
    ],
    [
      '<TTLV tag="0x540001" type="DateTimeExtended" value="1152921504606846976"/>',
      { tag: 0x540001, type: ItemType.DateTimeExtended, value: 1n << 60n },
    ],
    [
      '<RequestPayload type="Structure"></RequestPayload>',
      { tag: 0x420079, type: ItemType.Structure, value: [] },
    ],
    [
      '<?xml version="1.0"?><k:BatchCount xmlns:k="urn:oasis:tc:kmip:xmlns" type="Integer" value="10"/>',
      { tag: 0x42000d, type: ItemType.Integer, value: 10 },
    ],
    [
      '<!-- note --><BatchCount xmlns="urn:oasis:tc:kmip:xmlns" type="Integer" value="+010"/>',
      { tag: 0x42000d, type: ItemType.Integer, value: 10 },
    ],
    [
      '<ResultMessage type="TextString" value="&#x1F511; &lt;&amp;&gt; a&#10;b&#13;c&#9;&quot; d=&quot;"/>',
      { tag: 0x42007d, type: ItemType.TextString, value: '\u{1f511} <&> a\nb\rc\t" d="' },
    ],
  ])('%s', (text, item) => {
    expect(read(text)).toEqual(item);
    expect(read(encodeXml(item, VOCABULARY))).toEqual(item);
  });
});

describe('names that hang on a sibling', () => {
  const attribute = (name: string, value: Item): Item => ({
    tag: 0x420008,
    type: ItemType.Structure,
    value: [{ tag: 0x42000a, type: ItemType.TextString, value: name }, value],
  });

  it.each<[string, string, Item]>([
    ['Cryptographic Algorithm', 'AES', { tag: 0x42000b, type: ItemType.Enumeration, value: 3 }],
    ['Cryptographic Usage Mask', 'Encrypt Decrypt', { tag: 0x42000b, type: ItemType.Integer, value: 12 }],
    ['Cryptographic Length', '256', { tag: 0x42000b, type: ItemType.Integer, value: 256 }],
    ['x-own', '0x00000003', { tag: 0x42000b, type: ItemType.Enumeration, value: 3 }],
  ])('%s: %s', (name, text, value) => {
    const xml = encodeXml(attribute(name, value), VOCABULARY);
    expect(xml).toContain(`value="${text}"`);
    expect(read(xml)).toEqual(attribute(name, value));
  });

  it('refuses a name that the sibling does not know', () => {
    const text = encodeXml(
      attribute('Cryptographic Algorithm', { tag: 0x42000b, type: ItemType.Enumeration, value: 3 }),
      VOCABULARY,
    );
    expect(
      refusal(() => read(text.replace('Cryptographic Algorithm', 'Cryptographic Length'))).message,
    ).toMatch(/AttributeValue is no known name/);
  });
});

describe('dates', () => {
  it.each([
    ['2008-03-14T11:56:40+00:00', 1205495800n],
    ['1970-01-01T00:00:00+00:00', 0n],
    ['1969-12-31T23:59:59+00:00', -1n],
    ['0001-01-01T00:00:00+00:00', -62135596800n],
    ['-0001-12-31T00:00:00+00:00', -62167305600n],
    ['9999-12-31T23:59:59+00:00', 253402300799n],
    ['275760-09-13T00:00:00+00:00', 8640000000000n],
    ['0x000007dba8218001', 8640000000001n],
    ['0x7fffffffffffffff', 2n ** 63n - 1n],
  ])('%s', (text, value) => {
    const item: Item = { tag: 0x420001, type: ItemType.DateTime, value };
    expect(encodeXml(item, VOCABULARY)).toBe(`<ActivationDate type="DateTime" value="${text}"/>`);
    expect(read(encodeXml(item, VOCABULARY))).toEqual(item);
  });

  it.each([
    ['2001-01-01T10:00:00Z', 978343200n],
    ['2001-01-01T10:00:00.999-01:30', 978348600n],
    ['2001-01-01T10:00:00+14:00', 978292800n],
    ['2001-01-01T10:00:00-14:00', 978393600n],
  ])('%s', (text, value) => {
    expect(read(`<ActivationDate type="DateTime" value="${text}"/>`).value).toBe(value);
  });

  it.each([
    '2001-01-01T10:00:00',
    '2001-02-29T10:00:00Z',
    '2001-13-01T10:00:00Z',
    '2001-01-01T24:00:00Z',
    '2001-01-01T10:00:60Z',
    '2001-01-01T10:00:00+14:01',
    '2001-01-01T10:00:00-14:01',
    '2001-01-01T10:00:00+00:60',
    '2001-01-01 10:00:00Z',
    '999999-01-01T10:00:00Z',
    '978343200',
    '',
  ])('refuses %p', (text) => {
    expect(refusal(() => read(`<ActivationDate type="DateTime" value="${text}"/>`)).message).toMatch(
      /date and time/,
    );
  });
});

describe('documents', () => {
  it('reads the messages of a wrapper, with notes between them', () => {
    const text = `<KMIP>\n<!-- a test case -->\n# TIME 0\n${REQUEST}\n\n  # TIME 1\n${RESPONSE}\n</KMIP>\n`;
    expect(decodeXmlDocument(text, VOCABULARY)).toEqual([QUERY_REQUEST.item, QUERY_RESPONSE.item]);
  });

  it('drops messages whose every line begins with the sign of a note', () => {
    const text = `<KMIP>\n${REQUEST.replace(/^/gm, '#')}\n${RESPONSE}\n</KMIP>`;
    expect(decodeXmlDocument(text, VOCABULARY)).toEqual([QUERY_RESPONSE.item]);
  });

  it('reads a single message too', () => {
    expect(decodeXmlDocument(REQUEST, VOCABULARY)).toEqual([QUERY_REQUEST.item]);
  });

  it('has a wrapper only as the outermost element of a document, and notes as whole lines', () => {
    expect(refusal(() => read(`<KMIP>${REQUEST}</KMIP>`)).message).toMatch(/the tag KMIP is not known/);
    expect(refusal(() => decodeXmlDocument(`<KMIP><KMIP/></KMIP>`, VOCABULARY)).message).toMatch(
      /KMIP is not known/,
    );
    expect(refusal(() => decodeXmlDocument('<KMIP>note</KMIP>', VOCABULARY)).message).toMatch(/text stands/);
    expect(refusal(() => read(`# a note\n${REQUEST}`)).message).toMatch(/text stands/);
  });

  it('offers each value for substitution before it is read', () => {
    const seen: unknown[] = [];
    const text = `<BatchItem>
      <TimeStamp type="DateTime" value="$NOW"/>
      <ObjectType type="Enumeration" value="SymmetricKey"/>
    </BatchItem>`;
    const item = decodeXml(text, VOCABULARY, {
      substitute: (value, tag, type) => {
        seen.push([value, tag, type]);
        return value === '$NOW' ? '1970-01-01T00:00:09Z' : value;
      },
    });
    expect(seen).toEqual([
      ['$NOW', 0x420092, ItemType.DateTime],
      ['SymmetricKey', 0x420057, ItemType.Enumeration],
    ]);
    expect(item.value).toEqual([
      { tag: 0x420092, type: ItemType.DateTime, value: 9n },
      { tag: 0x420057, type: ItemType.Enumeration, value: 2 },
    ]);
  });
});

describe('texts that are refused', () => {
  const integer = (value: string) => `<BatchCount type="Integer" value="${value}"/>`;
  const typed = (type: string, value: string) => `<TTLV tag="0x540001" type="${type}" value="${value}"/>`;

  it.each([
    ['nothing', '', /not well-formed/],
    ['no XML', 'hello', /line 1/],
    ['an open element', '<RequestMessage>', /not well-formed/],
    ['two roots', `${integer('1')}${integer('2')}`, /not well-formed/],
    ['a document type', `<!DOCTYPE x [<!ENTITY a "b">]>${integer('1')}`, /document types/],
    ['an entity nobody declared', integer('&a;'), /not well-formed/],
    ['a processing instruction', `<?run me?>${integer('1')}`, /processing instructions/],
    ['an attribute twice', '<BatchCount type="Integer" value="1" value="2"/>', /not well-formed/],
    ['a control character', typed('TextString', '&#1;'), /not well-formed/],
    ['an unknown tag', '<Nonsense/>', /the tag Nonsense is not known/],
    ['a prototype property as a tag', '<constructor/>', /the tag constructor is not known/],
    ['a tag out of range', '<TTLV tag="0x430001"/>', /0x430001 is not known/],
    ['a TTLV element without a tag', '<TTLV type="Integer" value="1"/>', /has no tag/],
    [
      'a tag on a named element',
      '<BatchCount tag="0x42000d" type="Integer" value="1"/>',
      /only a TTLV element/,
    ],
    ['an unknown type', '<BatchCount type="Int" value="1"/>', /the type Int does not exist/],
    ['an unknown attribute', '<BatchCount type="Integer" val="1"/>', /the attribute val is not known/],
    ['another namespace', '<BatchCount xmlns="urn:x" type="Integer" value="1"/>', /namespace/],
    ['a value on a Structure', '<BatchCount value="1"/>', /is a Structure and has a value/],
    ['an Integer without a value', '<BatchCount type="Integer"/>', /BatchCount has no value/],
    [
      'children of an Integer',
      `<BatchCount type="Integer" value="1">${integer('1')}</BatchCount>`,
      /only a Structure/,
    ],
    ['text in a Structure', '<BatchItem>text</BatchItem>', /text stands between/],
    ['CDATA in a Structure', '<BatchItem><![CDATA[text]]></BatchItem>', /text stands between/],
    ['an empty Integer', integer(''), /neither a number/],
    ['an Integer of 33 bits', integer('2147483648'), /not a signed 32-bit/],
    ['an Integer of 33 hex bits', integer('0x100000000'), /neither a number/],
    ['an Integer with a fraction', integer('1.5'), /neither a number/],
    ['a mask name without a mask', integer('Encrypt'), /neither a number/],
    [
      'a decimal number in a mask',
      '<CryptographicUsageMask type="Integer" value="Encrypt 8"/>',
      /neither a number/,
    ],
    ['a Long Integer of 65 bits', typed('LongInteger', '9223372036854775808'), /not a signed 64-bit/],
    ['an Interval of 33 bits', typed('Interval', '4294967296'), /not an unsigned 32-bit/],
    ['a negative Interval', typed('Interval', '-1'), /not an unsigned 32-bit/],
    ['an unknown name', '<ObjectType type="Enumeration" value="Blob"/>', /ObjectType is no known name/],
    ['a Boolean of 2', typed('Boolean', '2'), /neither true nor false/],
    ['half a byte', typed('ByteString', 'abc'), /whole bytes/],
    ['bytes with 0x', typed('ByteString', '0x12'), /whole bytes/],
    ['a Big Integer of 4 bytes', typed('BigInteger', '00000001'), /multiple of 8 bytes/],
    ['an empty Big Integer', typed('BigInteger', ''), /multiple of 8 bytes/],
  ])('%s', (_name, text, message) => {
    const error = refusal(() => read(text));
    expect(error.code).toBe('InvalidMessage');
    expect(error.message).toMatch(message);
  });

  it('more depth, items or text than the limits allow', () => {
    const limited = (limits: object) =>
      refusal(() => decodeXml(REQUEST, VOCABULARY, { limits: { ...DEFAULT_LIMITS, ...limits } })).message;
    expect(limited({ maxDepth: 2 })).toMatch(/deeper than 2/);
    expect(limited({ maxItems: 11 })).toMatch(/more than 11/);
    expect(limited({ maxMessageBytes: 100 })).toMatch(/longer/);
    expect(refusal(() => read('<BatchItem>'.repeat(100_000))).message).toMatch(/deeper than 32/);
  });

  it('an element of more attributes than anything needs, of whatever namespace', () => {
    const element = (count: number) =>
      `<RequestMessage ${Array.from({ length: count }, (_, index) => `xmlns:a${index}="a"`).join(' ')}/>`;
    expect(read(element(64) + ' '.repeat(3)).value).toEqual([]);
    expect(refusal(() => read(element(65))).message).toMatch(/more than 64 attributes/);
  });

  it('values of millions of digits, quickly', () => {
    const digits = '0'.repeat(4_000_000);
    expect(refusal(() => read(typed('BigInteger', digits))).message).toMatch(/more than the 16384 bytes/);
    expect(refusal(() => read(typed('LongInteger', digits))).message).toMatch(/signed 64-bit/);
    expect(refusal(() => read(typed('DateTime', digits))).message).toMatch(/date and time/);
    expect(refusal(() => read(integer('1 '.repeat(1_000_000)))).message).toMatch(/longer than any mask/);
  });

  it('never repeats a value', () => {
    const text = '<BatchItem><TTLV tag="0x540001" type="ByteString" value="geheim"/></BatchItem>';
    expect(refusal(() => read(text)).message).not.toContain('geheim');
  });
});

describe('a text that is read in pieces', () => {
  const inPieces = async (text: string, pause: () => undefined = () => undefined) =>
    decodeXmlInPieces(text, VOCABULARY, pause);
  const long = (value: string) => `<TTLV tag="0x540001" type="TextString" value="${value}"/>`;

  it.each([
    ['that is short', REQUEST, 1],
    ['of characters of all lengths', long('a\u00e9\u20ac\u{1f511}&amp;'.repeat(20_000)), 10],
    ['of many items', `<RequestMessage>${long('a').repeat(5000)}</RequestMessage>`, 10],
  ])('%s, is the same', async (_what, text, pieces) => {
    const pause = jest.fn();
    expect(await inPieces(text, pause)).toEqual(read(text));
    expect(pause.mock.calls.length).toBeGreaterThanOrEqual(pieces);
  });

  it('is refused as it is at once', async () => {
    await expect(inPieces('<RequestMessage>')).rejects.toThrow(/not well-formed/);
    await expect(inPieces(' '.repeat(DEFAULT_LIMITS.maxMessageBytes + 1))).rejects.toThrow(/longer/);
  });
});

describe('properties', () => {
  it('items come back as they were, or are refused for characters that XML does not have', () => {
    fc.assert(
      fc.property(anyItem, (item) => {
        let text: string;
        try {
          text = encodeXml(item, VOCABULARY);
        } catch (error) {
          expect(error).toBeInstanceOf(HoldfastError);
          return;
        }
        expect(read(text)).toEqual(item);
      }),
      { numRuns: 300 },
    );
  });

  it('changed texts are refused with a HoldfastError, or give what TTLV can carry', () => {
    const change = fc.record({ at: fc.nat({ max: 4095 }), to: fc.string({ maxLength: 3 }) });
    fc.assert(
      fc.property(anyItem, fc.array(change, { minLength: 1, maxLength: 3 }), (item, changes) => {
        let text = REQUEST;
        try {
          text = encodeXml(item, VOCABULARY);
        } catch {
          // The Query exchange serves as well.
        }
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
