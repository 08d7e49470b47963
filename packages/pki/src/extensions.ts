import { KEY_USAGES, type KeyUsage } from '@holdfast/core';
import {
  children,
  type DerElement,
  encodeElement,
  expectTag,
  malformed,
  readElement,
  readOid,
  TAG,
} from './der';

/** Extensions of RFC 5280 section 4.2 that are read here. */
export const EXTENSION = {
  subjectAlternativeName: '2.5.29.17',
  issuerAlternativeName: '2.5.29.18',
  basicConstraints: '2.5.29.19',
  nameConstraints: '2.5.29.30',
  certificatePolicies: '2.5.29.32',
  keyUsage: '2.5.29.15',
  extendedKeyUsage: '2.5.29.37',
} as const;

export interface ExtensionValue {
  readonly isCritical: boolean;
  /** Contents of the OCTET STRING. */
  readonly value: Buffer;
}

export type ExtensionMap = ReadonlyMap<string, ExtensionValue>;

/** Extensions (RFC 5280 section 4.1.2.9) by object identifier; each may occur once (section 4.2). */
export function readExtensions(list: DerElement | undefined): ExtensionMap {
  const values = new Map<string, ExtensionValue>();
  if (list === undefined) return values;
  for (const extension of children(expectTag(list, TAG.sequence, 'the list of extensions'))) {
    const fields = children(expectTag(extension, TAG.sequence, 'an extension'));
    const oid = readOid(fields[0], 'the type of an extension');
    if (values.has(oid)) throw malformed('an extension occurs twice');
    const isCritical = fields.length > 2 && isTrue(fields[1]);
    const value = expectTag(fields.at(-1), TAG.octetString, 'the value of an extension').contents;
    values.set(oid, { isCritical, value });
  }
  return values;
}

/** Any octet but zero is TRUE, as for OpenSSL: one that DER does not have (X.690 section 11.1) must not make less of it. */
function isTrue(element: DerElement | undefined): boolean {
  return element?.tag === TAG.boolean && element.contents.some((octet) => octet !== 0);
}

export interface BasicConstraints {
  readonly isCa: boolean;
  /** How many CAs may stand between this one and the end entity; undefined: any number. */
  readonly pathLength: number | undefined;
}

/** RFC 5280 section 4.2.1.9. */
export function readBasicConstraints(extensions: ExtensionMap): BasicConstraints {
  const extension = extensions.get(EXTENSION.basicConstraints);
  if (extension === undefined) return { isCa: false, pathLength: undefined };
  const sequence = expectTag(readElement(extension.value), TAG.sequence, 'the basic constraints');
  const fields = children(sequence);
  const length = fields.find(({ tag }) => tag === TAG.integer)?.contents;
  if (length !== undefined && (length.length !== 1 || (length[0] ?? 0) > 0x7f)) {
    throw malformed('the path length is out of range');
  }
  return { isCa: isTrue(fields[0]), pathLength: length?.[0] };
}

/** The uses that the key is certified for; undefined where the certificate does not say. RFC 5280 section 4.2.1.3. */
export function readKeyUsages(extensions: ExtensionMap): readonly KeyUsage[] | undefined {
  const extension = extensions.get(EXTENSION.keyUsage);
  if (extension === undefined) return undefined;
  const { contents } = expectTag(readElement(extension.value), TAG.bitString, 'the key usage');
  return KEY_USAGES.filter((_, bit) => ((contents[1 + (bit >> 3)] ?? 0) & (0x80 >> (bit & 7))) !== 0);
}

/** The BIT STRING of a Key Usage extension, without trailing zero bits (X.690 section 11.2.2). */
export function encodeKeyUsages(usages: readonly KeyUsage[]): Buffer {
  const bits = KEY_USAGES.reduce(
    (mask, usage, bit) => mask | (usages.includes(usage) ? 0x8000 >> bit : 0),
    0,
  );
  const octets = (bits & 0xff) === 0 ? Buffer.of(bits >> 8) : Buffer.of(bits >> 8, bits & 0xff);
  let unused = 0;
  while (unused < 7 && (((octets.at(-1) ?? 0) >> unused) & 1) === 0) unused += 1;
  return encodeElement(TAG.bitString, Buffer.of(unused), octets);
}

/** Object identifiers of Extended Key Usage (RFC 5280 section 4.2.1.12); none where the certificate does not say. */
export function readExtendedKeyUsages(extensions: ExtensionMap): readonly string[] {
  const extension = extensions.get(EXTENSION.extendedKeyUsage);
  if (extension === undefined) return [];
  const list = expectTag(readElement(extension.value), TAG.sequence, 'the extended key usage');
  return children(list).map((element) => readOid(element, 'an extended key usage'));
}
