import { type DistinguishedNamePart, type DistinguishedNameParts, HoldfastError } from '@holdfast/core';
import { isIP } from 'node:net';
import { contextTag, encodeElement, encodeOid, TAG } from './der';
import { ATTRIBUTE_TYPES } from './names';
import { loadX509 } from './library';

/** The parts of a name from the least to the most specific: the order in which certificates have them. */
const ORDER: readonly DistinguishedNamePart[] = [
  'DC',
  'C',
  'ST',
  'L',
  'O',
  'OU',
  'Title',
  'SerialNumber',
  'DNQualifier',
  'UID',
  'Email',
  'CN',
];

/** Parts whose string type is not UTF8String (RFC 5280 appendix A). */
const STRING_TYPES: Partial<Record<DistinguishedNamePart, number>> = {
  C: TAG.printableString,
  SerialNumber: TAG.printableString,
  DNQualifier: TAG.printableString,
  DC: TAG.ia5String,
  Email: TAG.ia5String,
};

/** Upper bounds of RFC 5280 appendix A, in characters. */
const MAX_LENGTHS: Partial<Record<DistinguishedNamePart, number>> = {
  C: 2,
  ST: 128,
  L: 128,
  DC: 255,
  Email: 255,
  UID: 256,
};
const USUAL_MAX_LENGTH = 64;

const oidByPart = new Map([...ATTRIBUTE_TYPES].map(([oid, { part }]) => [part, oid]));

function encodePart(part: DistinguishedNamePart, value: string): Buffer {
  const type = STRING_TYPES[part] ?? TAG.utf8String;
  const length = Array.from(value).length;
  const isText = type === TAG.utf8String ? !/\p{Cc}|\p{Cs}/u.test(value) : /^[\x20-\x7e]*$/.test(value);
  if (length === 0 || length > (MAX_LENGTHS[part] ?? USUAL_MAX_LENGTH) || !isText) {
    throw new HoldfastError('InvalidField', `the ${part} of the subject cannot stand in a certificate`);
  }
  const attribute = encodeElement(
    TAG.sequence,
    encodeOid(oidByPart.get(part) ?? ''),
    encodeElement(type, Buffer.from(value, 'utf8')),
  );
  return encodeElement(TAG.set, attribute);
}

/** See `CertificatesPort.encodeName`. */
export async function encodeName(name: string | DistinguishedNameParts): Promise<Buffer> {
  if (typeof name === 'string') return encodeText(name);
  const parts = ORDER.flatMap((part) => (name[part] ?? []).map((value) => encodePart(part, value)));
  return encodeElement(TAG.sequence, ...parts);
}

/** RFC 4514 writes a name from its end. */
async function encodeText(text: string): Promise<Buffer> {
  const { Name } = await loadX509();
  try {
    return Buffer.from(new Name(new Name(text).toJSON().reverse()).toArrayBuffer());
  } catch (cause) {
    throw new HoldfastError('InvalidField', 'the subject is not a distinguished name of RFC 4514', { cause });
  }
}

/** Octets of an IP address; the URL parser writes an IPv6 one with all it leaves out in one place. */
function ipOctets(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split('.').map(Number));
  const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [head = '', tail] = canonical.split('::');
  const groups = (text: string) => (text === '' ? [] : text.split(':').map((group) => parseInt(group, 16)));
  const [first, last] = [groups(head), tail === undefined ? [] : groups(tail)];
  const octets = Buffer.alloc(16);
  first.forEach((group, index) => octets.writeUInt16BE(group, 2 * index));
  last.forEach((group, index) => octets.writeUInt16BE(group, 16 - 2 * (last.length - index)));
  return octets;
}

/** See `CertificatesPort.encodeAlternativeName`. */
export function encodeAlternativeName(text: string): Buffer {
  if (isIP(text) !== 0 && !text.includes('%')) return encodeElement(contextTag(7, false), ipOctets(text));
  if (!/^[\x21-\x7e]{1,255}$/.test(text)) {
    throw new HoldfastError('InvalidField', 'an alternative name of the subject is no printable name');
  }
  const isUri = /^urn:/i.test(text) || (URL.canParse(text) && text.includes('://'));
  const choice = isUri ? 6 : text.includes('@') ? 1 : 2;
  return encodeElement(contextTag(choice, false), Buffer.from(text, 'latin1'));
}
