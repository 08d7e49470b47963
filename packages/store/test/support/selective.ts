import { randomBytes } from 'node:crypto';
import type { LocateFilter, NewObject } from '@holdfast/core';
import {
  HashingAlgorithm,
  KeyFormatType,
  LinkType,
  NameType,
  State,
  UsageLimitsUnit,
  type Attribute,
  type AttributeKey,
} from '@holdfast/kmip';
import { newAesKey } from '@holdfast/testkit';

const equals = (attribute: Attribute): LocateFilter => ({ kind: 'equals', attribute });
const includes = (key: AttributeKey, value: object): LocateFilter => ({
  kind: 'includes',
  attribute: { key, value } as Attribute,
});
const range = (key: AttributeKey, from: number, to: number): LocateFilter => ({
  kind: 'range',
  key,
  from,
  to,
});
const link = { linkType: LinkType.PreviousLink, linkedObjectIdentifier: 'x' };
const digest = {
  hashingAlgorithm: HashingAlgorithm.SHA_256,
  digestValue: Buffer.from('0102', 'hex'),
  keyFormatType: KeyFormatType.Raw,
};
const YEAR = 31_557_600;
/** An attribute that one object has, and how it is asked for. */
export const SELECTIVE: readonly (readonly [what: string, attribute: Attribute, filter: LocateFilter])[] = [
  ['a state', { key: 'State', value: State.Compromised }, { kind: 'state', state: State.Compromised }],
  [
    'bits of a mask',
    { key: 'CryptographicUsageMask', value: 0x301 },
    { kind: 'bits', key: 'CryptographicUsageMask', bits: 0x100 },
  ],
  [
    'one of several bits',
    { key: 'CryptographicUsageMask', value: 0x801 },
    { kind: 'someBits', key: 'CryptographicUsageMask', bits: 0xf000 | 0x800 },
  ],
  [
    'one of several values',
    { key: 'ObjectGroup', value: 'sought' },
    {
      kind: 'anyOf',
      attributes: ['no such', 'sought'].map((value) => ({ key: 'ObjectGroup', value }) as const),
    },
  ],
  [
    'bits of another mask',
    { key: 'ProtectionStorageMask', value: 6 },
    { kind: 'bits', key: 'ProtectionStorageMask', bits: 4 },
  ],
  ['a date with a column', { key: 'ActivationDate', value: 1000 }, range('ActivationDate', 900, 1000)],
  ['a date', { key: 'ProcessStartDate', value: 1000 }, range('ProcessStartDate', 1000, 1000)],
  ['a range of a date', { key: 'ProtectStopDate', value: 5000 }, range('ProtectStopDate', 4096, 4 * YEAR)],
  ['the date of a change', { key: 'LastChangeDate', value: 2e9 }, range('LastChangeDate', 1.9e9, 2e9)],
  ['a date before 1970', { key: 'OriginalCreationDate', value: -9 }, range('OriginalCreationDate', -YEAR, 0)],
  ['Sensitive', { key: 'Sensitive', value: true }, equals({ key: 'Sensitive', value: true })],
  ['Fresh', { key: 'Fresh', value: true }, equals({ key: 'Fresh', value: true })],
  [
    'Short Unique Identifier',
    { key: 'ShortUniqueIdentifier', value: Buffer.from('0304', 'hex') },
    equals({ key: 'ShortUniqueIdentifier', value: Buffer.from('0304', 'hex') }),
  ],
  ['Lease Time', { key: 'LeaseTime', value: 60 }, equals({ key: 'LeaseTime', value: 60 })],
  ['the type of a Link', { key: 'Link', value: link }, includes('Link', { linkType: link.linkType })],
  [
    'the object of a Link',
    { key: 'Link', value: link },
    includes('Link', { linkedObjectIdentifier: link.linkedObjectIdentifier }),
  ],
  ['a digest', { key: 'Digest', value: digest }, includes('Digest', { digestValue: digest.digestValue })],
  [
    'how a digest was made',
    { key: 'Digest', value: { ...digest, keyFormatType: KeyFormatType.PKCS_1 } },
    includes('Digest', { keyFormatType: KeyFormatType.PKCS_1 }),
  ],
  [
    'a name space',
    { key: 'ApplicationSpecificInformation', value: { applicationNamespace: 'n', applicationData: 'd' } },
    includes('ApplicationSpecificInformation', { applicationNamespace: 'n' }),
  ],
  [
    'the type of a name',
    { key: 'Name', value: { nameValue: 'urn:x', nameType: NameType.URI } },
    includes('Name', { nameType: NameType.URI }),
  ],
  [
    'Usage Limits',
    { key: 'UsageLimits', value: { usageLimitsTotal: 9n, usageLimitsUnit: UsageLimitsUnit.Byte } },
    includes('UsageLimits', { usageLimitsTotal: 5n }),
  ],
];

/** A key that meets none of the filters. */
export function keyWithDigest(domainId: string, name: string): NewObject {
  const value = { ...digest, digestValue: randomBytes(32) };
  return newAesKey({ domainId, name, attributes: [{ key: 'Digest', value }] });
}
