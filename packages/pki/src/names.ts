import type { AlternativeName, DistinguishedName, DistinguishedNamePart } from '@holdfast/core';
import { isUtf8 } from 'node:buffer';
import {
  children,
  contextTag,
  type DerElement,
  expectTag,
  malformed,
  readElement,
  readOid,
  TAG,
} from './der';

/** Attribute types with the short name that RFC 4514 and the LDAP registry give them, and the KMIP part they fill. */
export const ATTRIBUTE_TYPES: ReadonlyMap<
  string,
  { readonly name: string; readonly part?: DistinguishedNamePart }
> = new Map([
  ['2.5.4.3', { name: 'CN', part: 'CN' }],
  ['2.5.4.4', { name: 'SN' }],
  ['2.5.4.5', { name: 'serialNumber', part: 'SerialNumber' }],
  ['2.5.4.6', { name: 'C', part: 'C' }],
  ['2.5.4.7', { name: 'L', part: 'L' }],
  ['2.5.4.8', { name: 'ST', part: 'ST' }],
  ['2.5.4.9', { name: 'STREET' }],
  ['2.5.4.10', { name: 'O', part: 'O' }],
  ['2.5.4.11', { name: 'OU', part: 'OU' }],
  ['2.5.4.12', { name: 'title', part: 'Title' }],
  ['2.5.4.42', { name: 'givenName' }],
  ['2.5.4.46', { name: 'dnQualifier', part: 'DNQualifier' }],
  ['0.9.2342.19200300.100.1.1', { name: 'UID', part: 'UID' }],
  ['0.9.2342.19200300.100.1.25', { name: 'DC', part: 'DC' }],
  ['1.2.840.113549.1.9.1', { name: 'emailAddress', part: 'Email' }],
]);

/** The text of a BMPString; undefined where it ends within a character. */
export function readBmpString(contents: Buffer): string | undefined {
  if (contents.length % 2 !== 0) return undefined;
  return Buffer.from(contents).swap16().toString('utf16le');
}

function readUniversalString(contents: Buffer): string | undefined {
  if (contents.length % 4 !== 0) return undefined;
  const points: number[] = [];
  for (let offset = 0; offset < contents.length; offset += 4) points.push(contents.readUInt32BE(offset));
  return points.every((point) => point <= 0x10ffff) ? String.fromCodePoint(...points) : undefined;
}

/** The text of a string type; undefined where the value is of another type or its bytes are not text. */
function readString({ tag, contents }: DerElement): string | undefined {
  switch (tag) {
    case TAG.utf8String:
      return isUtf8(contents) ? contents.toString('utf8') : undefined;
    case TAG.printableString:
    case TAG.ia5String:
    case TAG.numericString:
    case TAG.visibleString:
    case TAG.teletexString:
      return contents.toString('latin1');
    case TAG.bmpString:
      return readBmpString(contents);
    case TAG.universalString:
      return readUniversalString(contents);
    default:
      return undefined;
  }
}

/** RFC 4514 section 2.4; control characters are escaped too, so that a name is always one line. */
function escapeValue(value: string): string {
  return value
    .replace(/["+,;<>\\]/g, '\\$&')
    .replace(/^[ #]| $/g, '\\$&')
    .replace(/[\u0000-\u001f\u007f]/g, (character) => `\\${Buffer.from(character).toString('hex')}`);
}

interface NameAttribute {
  readonly text: string;
  readonly part: DistinguishedNamePart | undefined;
  readonly value: string | undefined;
}

function readAttribute(element: DerElement): NameAttribute {
  const [type, value, ...rest] = children(expectTag(element, TAG.sequence, 'a part of a name'));
  const oid = readOid(type, 'the type of a part of a name');
  if (value === undefined || rest.length > 0) throw malformed('a part of a name is not a type and a value');
  const known = ATTRIBUTE_TYPES.get(oid);
  const string = readString(value);
  const text =
    known === undefined || string === undefined
      ? `${known?.name ?? oid}=#${value.der.toString('hex')}`
      : `${known.name}=${escapeValue(string)}`;
  return { text, part: known?.part, value: string };
}

/** Reads a Name (RFC 5280 section 4.1.2.4). */
export function readName(element: DerElement | undefined, what: string): DistinguishedName {
  const name = expectTag(element, TAG.sequence, what);
  const rdns = children(name).map((rdn) =>
    children(expectTag(rdn, TAG.set, `a part of ${what}`)).map(readAttribute),
  );
  const parts: Partial<Record<DistinguishedNamePart, string[]>> = {};
  for (const { part, value } of rdns.flat()) {
    if (part === undefined || value === undefined) continue;
    (parts[part] ??= []).push(value);
  }
  const text = rdns.map((rdn) => rdn.map((attribute) => attribute.text).join('+'));
  return { der: Buffer.from(name.der), text: text.reverse().join(','), parts };
}

function ipText(contents: Buffer): string | undefined {
  if (contents.length === 4) return contents.join('.');
  if (contents.length !== 16) return undefined;
  const groups = Array.from({ length: 8 }, (_, index) => contents.readUInt16BE(2 * index).toString(16));
  // The URL parser writes an address in the canonical form of RFC 5952.
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}

/** IA5 names of certificates are printable; a zero byte in one is an old trick to show a reader another name. */
function printableText(contents: Buffer): string | undefined {
  const text = contents.toString('latin1');
  return /^[\x21-\x7e]+$/.test(text) ? text : undefined;
}

function readAlternativeName(element: DerElement): AlternativeName {
  const read = (): readonly [AlternativeName['type'], string | undefined] => {
    switch (element.tag) {
      case contextTag(1, false):
        return ['email', printableText(element.contents)];
      case contextTag(2, false):
        return ['dns', printableText(element.contents)];
      case contextTag(4, true):
        return ['directory', readName(readElement(element.contents), 'a directory name').text];
      case contextTag(6, false):
        return ['uri', printableText(element.contents)];
      case contextTag(7, false):
        return ['ip', ipText(element.contents)];
      default:
        return ['other', undefined];
    }
  };
  const [type, value] = read();
  const der = Buffer.from(element.der);
  if (value === undefined) return { type: 'other', value: `#${der.toString('hex')}`, der };
  return { type, value, der };
}

/** Reads GeneralNames, the value of an Alternative Name extension (RFC 5280 section 4.2.1.6). */
export function readAlternativeNames(extensionValue: Buffer | undefined): AlternativeName[] {
  if (extensionValue === undefined) return [];
  const names = expectTag(readElement(extensionValue), TAG.sequence, 'an alternative name');
  return children(names).map(readAlternativeName);
}
