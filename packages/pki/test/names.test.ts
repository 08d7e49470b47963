import { certificates } from '../src';
import { contextTag, readElement, TAG } from '../src/der';
import { readAlternativeNames, readName } from '../src/names';
import { tlv } from './tlv';

const OIDS = { CN: '550403', O: '55040a', DC: '0992268993f22c640119', unknown: '2a0304' } as const;

function attribute(oid: keyof typeof OIDS, value: Buffer): Buffer {
  return tlv(TAG.sequence, tlv(TAG.oid, Buffer.from(OIDS[oid], 'hex')), value);
}

function name(...rdns: Buffer[][]): Buffer {
  return tlv(TAG.sequence, ...rdns.map((attributes) => tlv(TAG.set, ...attributes)));
}

const utf8 = (text: string): Buffer => tlv(TAG.utf8String, text);
const read = (der: Buffer) => readName(readElement(der), 'the subject');

describe('names', () => {
  test('are written as RFC 4514 says, the most specific part first', () => {
    const der = name(
      [attribute('DC', tlv(TAG.ia5String, 'net'))],
      [attribute('O', utf8('Acme, "Ltd" + Sons'))],
      [attribute('CN', utf8(' James\r#1 ')), attribute('unknown', utf8('x'))],
    );
    expect(read(der)).toEqual({
      der,
      text: 'CN=\\ James\\0d#1\\ +1.2.3.4=#0c0178,O=Acme\\, \\"Ltd\\" \\+ Sons,DC=net',
      parts: { DC: ['net'], O: ['Acme, "Ltd" + Sons'], CN: [' James\r#1 '] },
    });
  });

  test.each([
    [' ', '\\ '],
    ['#', '\\#'],
    ['a\u0000b', 'a\\00b'],
    ['Лучик', 'Лучик'],
    ['', ''],
  ])('escape %j', (value, text) => {
    expect(read(name([attribute('CN', utf8(value))])).text).toBe(`CN=${text}`);
  });

  test('are read from every string type', () => {
    const universal = Buffer.from('0001f6000000004b', 'hex');
    const values = [
      tlv(TAG.bmpString, Buffer.from('004b00e9', 'hex')),
      tlv(TAG.universalString, universal),
      tlv(TAG.teletexString, Buffer.from([0x4b, 0xe9])),
      tlv(TAG.printableString, 'K'),
    ];
    const { parts } = read(name(...values.map((value) => [attribute('CN', value)])));
    expect(parts.CN).toEqual(['Ké', '\u{1f600}K', 'Ké', 'K']);
  });

  test('show a value that is not text as the hex of its DER', () => {
    const der = name([attribute('CN', tlv(TAG.utf8String, Buffer.from([0xff])))]);
    expect(read(der)).toMatchObject({ text: 'CN=#0c01ff', parts: {} });
  });

  test.each([
    ['a SET where a SEQUENCE should stand', tlv(TAG.set)],
    ['an attribute without a value', name([tlv(TAG.sequence, tlv(TAG.oid, Buffer.from('550403', 'hex')))])],
    [
      'half an object identifier',
      name([tlv(TAG.sequence, tlv(TAG.oid, Buffer.from([0x55, 0x84])), utf8('x'))]),
    ],
  ])('refuse %s', (_, der) => {
    expect(() => read(der)).toThrow('not a valid certificate');
  });
});

describe('alternative names', () => {
  test.each([
    ['db-7.example.org', 2],
    ['*.example.org', 2],
    ['ops@example.org', 1],
    ['spiffe://example.org/a', 6],
    ['urn:example:db-7', 6],
    ['https://ops@example.org/', 6],
  ])('%s is written as [%i]', (text, choice) => {
    expect(certificates.encodeAlternativeName(text)).toEqual(tlv(contextTag(choice, false), text));
  });

  test('are read in all their forms', () => {
    const directory = tlv(contextTag(4, true), name([attribute('CN', utf8('x'))]));
    const names = tlv(
      TAG.sequence,
      tlv(contextTag(1, false), 'ops@example.org'),
      tlv(contextTag(2, false), '*.example.org'),
      tlv(contextTag(6, false), 'spiffe://example.org/a'),
      tlv(contextTag(7, false), Buffer.from([127, 0, 0, 1])),
      tlv(contextTag(7, false), Buffer.from('20010db8000000000000000000000001', 'hex')),
      directory,
      tlv(contextTag(8, false), Buffer.from('2a0304', 'hex')),
    );
    expect(readAlternativeNames(names).map(({ type, value }) => `${type}:${value}`)).toEqual([
      'email:ops@example.org',
      'dns:*.example.org',
      'uri:spiffe://example.org/a',
      'ip:127.0.0.1',
      'ip:2001:db8::1',
      'directory:CN=x',
      'other:#88032a0304',
    ]);
    expect(readAlternativeNames(names)[5]?.der).toEqual(directory);
  });

  test('with a zero byte never look like another name', () => {
    const names = tlv(TAG.sequence, tlv(contextTag(2, false), 'good.example\0.evil.example'));
    expect(readAlternativeNames(names)[0]).toMatchObject({ type: 'other' });
  });

  test('need an address of 4 or 16 octets', () => {
    const names = tlv(TAG.sequence, tlv(contextTag(7, false), Buffer.alloc(8)));
    expect(readAlternativeNames(names)[0]).toMatchObject({ type: 'other' });
  });
});
