import {
  AlternativeNameType,
  CryptographicUsageMask,
  LinkType,
  NameType,
  RevocationReasonCode,
  Tag,
  State,
  attributeDefinitions,
  cryptographicUsageMaskBits,
  revocationReasonCodeEnum,
  type Attribute,
  type Codec,
} from '@holdfast/kmip';
import { ItemType, SecretBytes, type Item } from '@holdfast/ttlv';
import { CommandFailure } from '../src/exit';
import { attributesTable } from '../src/kmip/actions/attributes';
import { attributesOf, parseAttribute, parseReference } from '../src/kmip/attribute-arguments';
import { oneLine, plainAttribute, plainStructure, plainValue } from '../src/kmip/plain';
import { formatMoment, parseDuration, parseMoment } from '../src/kmip/times';
import {
  parseBoolean,
  parseHexBytes,
  parseInteger,
  parseMask,
  parseMember,
  parseValue,
} from '../src/kmip/values';

const wrongUse = expect.objectContaining({ name: 'CommandFailure', exitCode: 2 }) as CommandFailure;

describe('times', () => {
  const now = Date.parse('2030-05-01T12:00:00Z') / 1000;

  test.each([
    ['2030-01-31T12:00:00Z', '2030-01-31T12:00:00Z'],
    ['2030-01-31T12:00:00+02:00', '2030-01-31T10:00:00Z'],
    ['2030-01-31', '2030-01-31T00:00:00Z'],
    ['2030-01-31T23:30:00-05:00', '2030-02-01T04:30:00Z'],
    ['2028-02-29T00:00Z', '2028-02-29T00:00:00Z'],
    ['now', '2030-05-01T12:00:00Z'],
    ['now+1d', '2030-05-02T12:00:00Z'],
    ['now-90m', '2030-05-01T10:30:00Z'],
    ['@0', '1970-01-01T00:00:00Z'],
  ])('%s is %s', (text, moment) => {
    expect(formatMoment(parseMoment(text, now))).toBe(moment);
  });

  test.each([
    '',
    'tomorrow',
    '2030-02-30',
    '2030-02-30T12:00:00Z',
    '2030-02-30T12:00:00-05:00',
    '2030-13-01',
    '2030-01-31T12:00:00',
    'now+',
    'now+1',
    '31.1.2030',
    '1900',
  ])('%p is no date', (text) => {
    expect(() => parseMoment(text, now)).toThrow(wrongUse);
  });

  test('spans have units', () => {
    expect(['90', '90s', '15m', '12h', '30d', '2w', '1y'].map(parseDuration)).toEqual([
      90, 90, 900, 43_200, 2_592_000, 1_209_600, 31_536_000,
    ]);
    for (const text of ['', '-1', '1.5h', '1 h', '99999999999', '1month']) {
      expect(() => parseDuration(text)).toThrow(wrongUse);
    }
  });
});

describe('values', () => {
  test('enumerations go by name, without regard to case and punctuation', () => {
    for (const text of ['KeyCompromise', 'key-compromise', 'Key Compromise', '0x00000002']) {
      expect(parseMember(revocationReasonCodeEnum, text, 'reason')).toBe(RevocationReasonCode.KeyCompromise);
    }
    expect(() => parseMember(revocationReasonCodeEnum, 'boredom', 'reason')).toThrow(wrongUse);
    expect(() => parseMember(revocationReasonCodeEnum, '', 'reason')).toThrow(wrongUse);
  });

  test('what is true or false is nothing else', () => {
    expect(['true', 'YES', '1', 'False', 'no', '0'].map((text) => parseBoolean(text, 'it'))).toEqual([
      ...[true, true, true],
      ...[false, false, false],
    ]);
    for (const text of ['', 'maybe', 'constructor', '__proto__']) {
      expect(() => parseBoolean(text, 'it')).toThrow(wrongUse);
    }
  });

  test('masks are names put together', () => {
    const { Encrypt, Decrypt } = CryptographicUsageMask;
    for (const text of ['Encrypt|Decrypt', 'encrypt, decrypt', 'Decrypt Encrypt']) {
      expect(parseMask(cryptographicUsageMaskBits, text, 'uses')).toBe(Encrypt | Decrypt);
    }
    expect(() => parseMask(cryptographicUsageMaskBits, '|', 'uses')).toThrow(wrongUse);
  });

  test('numbers and bytes are whole', () => {
    expect(parseInteger('-5', 'n')).toBe(-5);
    for (const text of ['', '1e3', '2147483648', '1.0', 'x'])
      expect(() => parseInteger(text, 'n')).toThrow(wrongUse);
    expect(parseHexBytes('0x00:fF 10', 'b')).toEqual(Buffer.from([0, 255, 16]));
    for (const text of ['0', 'xy', '0x123']) expect(() => parseHexBytes(text, 'b')).toThrow(wrongUse);
  });
});

describe('attributes on the command line', () => {
  test.each<[string, Attribute]>([
    [
      'Name=disk 7',
      { key: 'Name', value: { nameValue: 'disk 7', nameType: NameType.UninterpretedTextString } },
    ],
    [
      'name={"nameValue":"a","nameType":"URI"}',
      { key: 'Name', value: { nameValue: 'a', nameType: NameType.URI } },
    ],
    ['Object Group=a=b', { key: 'ObjectGroup', value: 'a=b' }],
    ['object-group=', { key: 'ObjectGroup', value: '' }],
    ['state=pre-active', { key: 'State', value: State.PreActive }],
    ['CryptographicLength=256', { key: 'CryptographicLength', value: 256 }],
    ['Cryptographic Usage Mask=Sign', { key: 'CryptographicUsageMask', value: CryptographicUsageMask.Sign }],
    ['Deactivation Date=@1', { key: 'DeactivationDate', value: 1 }],
    ['Protection Period=1d', { key: 'ProtectionPeriod', value: 86_400 }],
    ['Fresh=yes', { key: 'Fresh', value: true }],
    ['Short Unique Identifier=0aff', { key: 'ShortUniqueIdentifier', value: Buffer.from('0aff', 'hex') }],
    [
      'Link=parent link:k1',
      { key: 'Link', value: { linkType: LinkType.ParentLink, linkedObjectIdentifier: 'k1' } },
    ],
    [
      'Alternative Name=x',
      {
        key: 'AlternativeName',
        value: {
          alternativeNameValue: 'x',
          alternativeNameType: AlternativeNameType.UninterpretedTextString,
        },
      },
    ],
    [
      'Application Specific Information=ssl:www.example.org:443',
      {
        key: 'ApplicationSpecificInformation',
        value: { applicationNamespace: 'ssl', applicationData: 'www.example.org:443' },
      },
    ],
    [
      'x-retries:integer=3',
      {
        key: 'VendorAttribute',
        value: {
          vendorIdentification: 'x',
          attributeName: 'retries',
          attributeValue: { tag: Tag.AttributeValue, type: ItemType.Integer, value: 3 },
        },
      },
    ],
    [
      'x-acme::long=text',
      {
        key: 'VendorAttribute',
        value: {
          vendorIdentification: 'acme',
          attributeName: 'long',
          attributeValue: { tag: Tag.AttributeValue, type: ItemType.TextString, value: 'text' },
        },
      },
    ],
  ])('%s', (text, attribute) => {
    expect(parseAttribute(text)).toEqual(attribute);
  });

  test.each([
    'Colour=red',
    'State',
    'State=Broken',
    'Name={"nameValue":"a"}',
    'Name={"nameValue":"a","nameType":"URI","x":1}',
    'Usage Limits=5',
    'Link=ParentLink',
    'Link=Cousin:k1',
    'Custom Attribute=1',
    'x-=1',
  ])('%s is wrong use', (text) => {
    expect(() => parseAttribute(text)).toThrow(wrongUse);
  });

  test('names alone are references', () => {
    expect(parseReference('object group')).toEqual({ key: 'ObjectGroup' });
    expect(parseReference('y-site')).toEqual({
      key: 'VendorAttribute',
      vendorIdentification: 'y',
      attributeName: 'site',
    });
    expect(() => parseReference('Colour')).toThrow(wrongUse);
  });

  test('options of their own come first', () => {
    const attributes = attributesOf({
      name: ['n'],
      usageMask: ['Encrypt'],
      custom: ['x-a=1'],
      attribute: ['Comment=c'],
    });
    expect(attributes.map(({ key }) => key)).toEqual([
      'Name',
      'CryptographicUsageMask',
      'VendorAttribute',
      'Comment',
    ]);
    expect(() => attributesOf({ custom: ['State=Active'] })).toThrow(wrongUse);
  });
});

/** Some value of a codec, made from its schema alone. */
function someValue(codec: Codec<unknown>): unknown {
  if (codec.fields !== undefined) {
    return Object.fromEntries(
      Object.entries(codec.fields).map(([name, field]) => {
        const value = someValue(field.codec as Codec<unknown>);
        return [name, field.isRepeated ? [value, value] : value];
      }),
    );
  }
  if (codec.table?.kind === 'mask') return [...codec.table.byValue.keys()].reduce((all, bit) => all | bit, 0);
  switch (codec.type) {
    case ItemType.Enumeration:
      return [...(codec.table?.byValue.keys() ?? [0x80000001])].at(-1);
    case ItemType.Integer:
    case ItemType.Interval:
    case ItemType.DateTime:
      return 1_234_567;
    case ItemType.LongInteger:
    case ItemType.BigInteger:
      return 2n ** 60n;
    case ItemType.Boolean:
      return true;
    case ItemType.ByteString:
      return Buffer.from('00ff10', 'hex');
    default:
      return 'some text';
  }
}

test.each(
  attributeDefinitions.filter(({ key }) => key !== 'VendorAttribute').map((row) => [row.name, row] as const),
)('what --json shows of %s can be typed in again', (name, { codec }) => {
  const value = someValue(codec);
  const shown = plainValue(codec, value);
  const isStructure = typeof shown === 'object' && !Array.isArray(shown);
  const typed = isStructure ? JSON.stringify(shown) : oneLine(shown);
  expect(parseValue(codec, typed, name)).toEqual(value);
});

describe('what is shown', () => {
  test('are names, dates and hex', () => {
    expect(plainAttribute({ key: 'State', value: State.PreActive })).toEqual({
      name: 'State',
      value: 'PreActive',
    });
    expect(plainAttribute({ key: 'InitialDate', index: 0, value: 0 })).toEqual({
      name: 'Initial Date',
      index: 0,
      value: '1970-01-01T00:00:00Z',
    });
    expect(plainAttribute({ key: 'CryptographicUsageMask', value: 0x4000_000c })).toEqual({
      name: 'Cryptographic Usage Mask',
      value: ['Encrypt', 'Decrypt', '0x40000000'],
    });
    const value: Item = { tag: 0x540010, type: ItemType.TextString, value: 'theirs' };
    const unknown = plainAttribute({ key: undefined, name: 'tag 0x540010', index: 1, value });
    expect(unknown).toEqual({
      name: 'tag 0x540010',
      index: 1,
      value: 'theirs',
      unknown: { tag: '0x540010', type: 'TextString', bytes: '746865697273' },
    });
    expect(attributesTable({ attributes: [unknown] })).toBe(
      'ATTRIBUTE     INDEX  VALUE\n' +
        'tag 0x540010  1      theirs (unknown: tag 0x540010, type TextString, bytes 746865697273)\n',
    );
    const custom = plainAttribute(parseAttribute('x-when:date=@60'));
    expect(custom).toEqual({ name: 'x-when', value: '1970-01-01T00:01:00Z' });
  });

  test('is never a secret', () => {
    const secret = new SecretBytes(Buffer.from('0123456789abcdef'));
    expect(JSON.stringify(plainStructure({}, { a: secret, b: [secret], c: { d: secret } }))).not.toContain(
      '0123',
    );
  });

  test('fits on a line for people', () => {
    expect(oneLine({ nameValue: 'n', nameType: 'UninterpretedTextString' })).toBe('n');
    expect(oneLine({ a: 1, b: ['x', 'y'], c: [] })).toBe('a 1, b x, y');
    expect(oneLine(null)).toBe('');
  });
});
