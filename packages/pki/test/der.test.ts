import fc from 'fast-check';
import {
  children,
  encodeElement,
  encodeInteger,
  encodeOid,
  readElement,
  readOid,
  readTime,
  TAG,
} from '../src/der';

const hex = (text: string): Buffer => Buffer.from(text, 'hex');

describe('DER', () => {
  test.each([
    ['nothing', ''],
    ['a tag alone', '30'],
    ['an element that is longer than the input', '3003020101ff'.slice(0, 8)],
    ['bytes after the end', '30000000'],
    ['an indefinite length', '30800000'],
    ['a length in too many octets', '308100'],
    ['a length with a leading zero', '30820005' + '0203010001'],
    ['a length of five octets', '308500000000010000'],
    ['a tag of two octets', '1f8101' + '00'],
    ['a length that is cut', '3082'],
  ])('refuses %s', (_, input) => {
    expect(() => readElement(hex(input))).toThrow('not a valid certificate');
  });

  test('refuses a child that is longer than its parent', () => {
    expect(() => children(readElement(hex('3003020501')))).toThrow('longer than what holds it');
  });

  test('refuses an element that holds more others than anything needs', () => {
    const holding = (count: number) =>
      readElement(encodeElement(TAG.sequence, Buffer.alloc(2 * count, '0500', 'hex')));
    expect(children(holding(10_000))).toHaveLength(10_000);
    expect(() => children(holding(10_001))).toThrow('more than 10000');
  });

  test('reads object identifiers of any size', () => {
    const oid = (text: string) => readOid(readElement(hex(text)), 'it');
    expect(oid('06082a8648ce3d030107')).toBe('1.2.840.10045.3.1.7');
    expect(oid('0603550403')).toBe('2.5.4.3');
    expect(oid('0603883703')).toBe('2.999.3');
    expect(oid('060a2b' + 'ffffffffffffffff7f')).toBe('1.3.9223372036854775807');
  });

  test.each([
    '0.9.2342.19200300.100.1.25',
    '1.2.840.10045.3.1.7',
    '2.999.3',
    '1.3.9223372036854775807',
    '2.25.329800735698586629295641978511506172918',
  ])('writes the object identifier %s so that it reads back', (oid) => {
    expect(readOid(readElement(encodeOid(oid)), 'it')).toBe(oid);
  });

  test.each([
    ['20260229000000Z', TAG.generalizedTime],
    ['20261301000000Z', TAG.generalizedTime],
    ['260101000060Z', TAG.utcTime],
    ['2601010000Z', TAG.utcTime],
    ['260101000000+0100', TAG.utcTime],
    ['20260101000000.5Z', TAG.generalizedTime],
    ['20260101000000Z', TAG.utcTime],
    ['260101000000Z', TAG.printableString],
  ])('refuses the time %s', (text, tag) => {
    expect(() => readTime({ tag, contents: Buffer.from(text), der: Buffer.alloc(0) }, 'it')).toThrow(
      'not a time',
    );
  });

  test('reads the two forms of time', () => {
    const time = (tag: number, text: string) =>
      readTime({ tag, contents: Buffer.from(text), der: Buffer.alloc(0) }, 'it');
    expect(time(TAG.utcTime, '491231235959Z')).toBe(Date.UTC(2049, 11, 31, 23, 59, 59) / 1000);
    expect(time(TAG.utcTime, '500101000000Z')).toBe(Date.UTC(1950, 0, 1) / 1000);
    expect(time(TAG.generalizedTime, '99991231235959Z')).toBe(253_402_300_799);
  });

  test('writes integers that read back', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 160n }), (value) => {
        const { contents } = readElement(encodeInteger(value));
        expect(BigInt(`0x${contents.toString('hex')}`)).toBe(value);
        expect((contents[0] ?? 0x80) & 0x80).toBe(0);
        expect(contents.length === 1 || contents[0] !== 0 || (contents[1] ?? 0) >= 0x80).toBe(true);
      }),
    );
  });
});
