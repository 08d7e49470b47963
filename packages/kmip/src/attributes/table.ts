import type { Item } from '@holdfast/ttlv';
import {
  anyItem,
  boolean,
  byteString,
  dateTime,
  enumerated,
  integer,
  interval,
  masked,
  openEnumeration,
  required,
  structure,
  textString,
  type Infer,
} from '../schema';
import * as s from '../structures';
import type { Dialect } from '../versions/dialect';
import * as enums from '../vocabulary/enumerations';
import { cryptographicUsageMaskBits, protectionStorageMaskBits } from '../vocabulary/masks';
import { Tag, tagOf, tags } from '../vocabulary/tags';
import type { AttributeDefinition, AttributeRules, OperationName } from './definition';

const { ObjectType } = enums;

const KEYS = [
  ObjectType.SymmetricKey,
  ObjectType.PublicKey,
  ObjectType.PrivateKey,
  ObjectType.SplitKey,
  ObjectType.PGPKey,
] as const;
const CERTIFICATES = [ObjectType.Certificate] as const;
const WITH_ALGORITHM = [...KEYS, ObjectType.Certificate, ObjectType.CertificateRequest] as const;
const WITH_USAGE = [...WITH_ALGORITHM, ObjectType.SecretData] as const;
/** Everything but Templates. */
const OBJECTS = [...WITH_USAGE, ObjectType.OpaqueObject] as const;
const ALL = [...OBJECTS, ObjectType.Template] as const;
const NONE = [] as const;

const SERVER = { client: false, server: true } as const;
const CLIENT = { client: true, server: false } as const;
const EITHER = { client: true, server: true } as const;

/** Set once, then neither changed nor deleted. */
const FIXED = {
  statedOnCreation: false,
  modifiableByClient: 'no',
  modifiableByServer: 'no',
  deletableByClient: 'no',
} as const;
/** Changed by the server alone. */
const SERVER_CHANGES = { ...FIXED, modifiableByServer: 'yes' } as const;
/** Changed by both sides, deleted by the client. */
const FREE = {
  statedOnCreation: false,
  modifiableByClient: 'yes',
  modifiableByServer: 'yes',
  deletableByClient: 'yes',
} as const;
/** Changed and deleted by the client alone. */
const CLIENT_CHANGES = { ...FREE, modifiableByServer: 'no' } as const;

const RENEWALS = ['ReKey', 'ReKeyKeyPair'] as const satisfies readonly OperationName[];
const RENEWALS_ALL = ['ReKey', 'ReKeyKeyPair', 'ReCertify'] as const satisfies readonly OperationName[];
const CERTIFYING = ['Register', 'Certify', 'ReCertify'] as const satisfies readonly OperationName[];
const GENERATING = ['Create', 'CreateKeyPair', 'DeriveKey', ...RENEWALS] as const;
const MAKING = [...GENERATING, ...CERTIFYING] as const;

/** One text item for each part of a distinguished name: KMIP 2.1 section 4.6; 1.4 has tags and test cases for them. */
const certificateNamePart = {
  codec: textString,
  since: '1.4',
  multiple: true,
  alwaysHasValue: NONE,
  setBy: SERVER,
  ...FIXED,
  implicitlySetBy: CERTIFYING,
  appliesTo: CERTIFICATES,
  section: { v2: '4.6' },
} as const;
/** A date that the server records once. */
const eventDate = {
  codec: dateTime,
  since: '1.0',
  multiple: false,
  alwaysHasValue: NONE,
  setBy: SERVER,
  ...FIXED,
} as const;
/** The text forms that 1.0 had for certificates. */
const certificateText = {
  since: '1.0',
  last: '1.4',
  multiple: false,
  alwaysHasValue: CERTIFICATES,
  setBy: SERVER,
  ...FIXED,
  implicitlySetBy: CERTIFYING,
  appliesTo: CERTIFICATES,
} as const;
const x509 = {
  since: '1.1',
  multiple: false,
  alwaysHasValue: CERTIFICATES,
  setBy: SERVER,
  ...FIXED,
  implicitlySetBy: CERTIFYING,
  appliesTo: CERTIFICATES,
} as const;

/** The value of a custom attribute of 1.x (vendors "x" and "y") and of a vendor attribute of 2.x. */
export const vendorAttributeStructure = structure({
  vendorIdentification: required(Tag.VendorIdentification, textString),
  attributeName: required(Tag.AttributeName, textString),
  attributeValue: required(Tag.AttributeValue, anyItem),
});

type Rows = Readonly<
  Record<string, AttributeRules<unknown> & { readonly tag?: number; readonly name?: string }>
>;

function defineAttributes<const R extends Rows>(
  rows: R,
): { readonly [K in keyof R]: AttributeDefinition<Infer<R[K]['codec']>, K & string> } {
  const definitions = Object.entries(rows).map(([key, row]) => {
    const entry = tags.byKey.get(key);
    return [key, { ...row, key, name: row.name ?? entry?.name, tag: row.tag ?? tagOf(key) }] as const;
  });
  return Object.fromEntries(definitions) as {
    readonly [K in keyof R]: AttributeDefinition<Infer<R[K]['codec']>, K & string>;
  };
}

/** Every attribute of KMIP 1.0 to 2.1 under the name of its tag. Rules: KMIP 1.4 chapter 3, KMIP 2.1 chapter 4. */
export const attributeTable = defineAttributes({
  UniqueIdentifier: {
    codec: textString,
    since: '1.0',
    multiple: false,
    alwaysHasValue: ALL,
    setBy: SERVER,
    ...FIXED,
    implicitlySetBy: MAKING,
    appliesTo: ALL,
    section: { v1: '3.1', v2: '4.58' },
  },
  ShortUniqueIdentifier: {
    codec: byteString,
    since: '2.0',
    multiple: false,
    alwaysHasValue: OBJECTS,
    setBy: SERVER,
    ...FIXED,
    implicitlySetBy: MAKING,
    appliesTo: OBJECTS,
    section: { v2: '4.56' },
  },
  Name: {
    codec: s.nameStructure,
    since: '1.0',
    multiple: true,
    alwaysHasValue: NONE,
    setBy: CLIENT,
    ...FREE,
    implicitlySetBy: RENEWALS_ALL,
    appliesTo: ALL,
    section: { v1: '3.2', v2: '4.32' },
  },
  AlternativeName: {
    codec: s.alternativeNameStructure,
    since: '1.2',
    multiple: true,
    alwaysHasValue: NONE,
    setBy: CLIENT,
    ...FREE,
    modifiableByServer: 'if-absent',
    implicitlySetBy: [],
    appliesTo: ALL,
    section: { v1: '3.40', v2: '4.2' },
  },
  ObjectType: {
    codec: enumerated(enums.objectTypeEnum),
    since: '1.0',
    multiple: false,
    alwaysHasValue: ALL,
    setBy: SERVER,
    ...FIXED,
    implicitlySetBy: MAKING,
    appliesTo: ALL,
    section: { v1: '3.3', v2: '4.36' },
  },
  OpaqueDataType: {
    codec: openEnumeration,
    since: '2.0',
    multiple: false,
    alwaysHasValue: [ObjectType.OpaqueObject],
    setBy: SERVER,
    ...FIXED,
    statedOnCreation: true,
    implicitlySetBy: ['Register'],
    appliesTo: [ObjectType.OpaqueObject],
    section: { v2: '4.37' },
  },
  KeyFormatType: {
    codec: enumerated(enums.keyFormatTypeEnum),
    since: '2.0',
    multiple: false,
    alwaysHasValue: OBJECTS,
    setBy: SERVER,
    ...FIXED,
    statedOnCreation: true,
    implicitlySetBy: [],
    appliesTo: OBJECTS,
    section: { v2: '4.26' },
  },
  CryptographicAlgorithm: {
    codec: enumerated(enums.cryptographicAlgorithmEnum),
    since: '1.0',
    multiple: false,
    alwaysHasValue: WITH_ALGORITHM,
    setBy: SERVER,
    ...FIXED,
    statedOnCreation: true,
    implicitlySetBy: MAKING,
    appliesTo: ALL,
    section: { v1: '3.4', v2: '4.13' },
  },
  /** In bits. */
  CryptographicLength: {
    codec: integer,
    since: '1.0',
    multiple: false,
    alwaysHasValue: WITH_USAGE,
    setBy: SERVER,
    ...FIXED,
    statedOnCreation: true,
    implicitlySetBy: MAKING,
    appliesTo: ALL,
    section: { v1: '3.5', v2: '4.15' },
  },
  CryptographicParameters: {
    codec: s.cryptographicParametersStructure,
    since: '1.0',
    multiple: true,
    alwaysHasValue: NONE,
    setBy: CLIENT,
    ...CLIENT_CHANGES,
    implicitlySetBy: RENEWALS_ALL,
    appliesTo: ALL,
    section: { v1: '3.6', v2: '4.16' },
  },
  CryptographicDomainParameters: {
    codec: s.cryptographicDomainParametersStructure,
    since: '1.0',
    multiple: false,
    alwaysHasValue: NONE,
    setBy: CLIENT,
    ...FIXED,
    implicitlySetBy: RENEWALS,
    appliesTo: [ObjectType.PublicKey, ObjectType.PrivateKey, ObjectType.Template],
    section: { v1: '3.7', v2: '4.14' },
  },
  CryptographicUsageMask: {
    codec: masked(cryptographicUsageMaskBits),
    since: '1.0',
    multiple: false,
    alwaysHasValue: WITH_USAGE,
    setBy: EITHER,
    ...SERVER_CHANGES,
    implicitlySetBy: MAKING,
    appliesTo: ALL,
    section: { v1: '3.19', v2: '4.17' },
  },
  CertificateType: {
    codec: enumerated(enums.certificateTypeEnum),
    since: '1.0',
    multiple: false,
    alwaysHasValue: CERTIFICATES,
    setBy: SERVER,
    ...FIXED,
    statedOnCreation: true,
    implicitlySetBy: CERTIFYING,
    appliesTo: CERTIFICATES,
    section: { v1: '3.8', v2: '4.7' },
  },
  /** In bytes. */
  CertificateLength: { codec: integer, ...x509, statedOnCreation: true, section: { v1: '3.9', v2: '4.8' } },
  X_509CertificateIdentifier: {
    codec: s.x509CertificateIdentifierStructure,
    ...x509,
    section: { v1: '3.10', v2: '4.61' },
  },
  X_509CertificateSubject: {
    codec: s.x509CertificateSubjectStructure,
    ...x509,
    section: { v1: '3.11', v2: '4.63' },
  },
  X_509CertificateIssuer: {
    codec: s.x509CertificateIssuerStructure,
    ...x509,
    section: { v1: '3.12', v2: '4.62' },
  },
  CertificateIdentifier: {
    codec: s.certificateIdentifierStructure,
    ...certificateText,
    section: { v1: '3.13' },
  },
  CertificateSubject: { codec: s.certificateSubjectStructure, ...certificateText, section: { v1: '3.14' } },
  CertificateIssuer: { codec: s.certificateIssuerStructure, ...certificateText, section: { v1: '3.15' } },
  CertificateSubjectCN: certificateNamePart,
  CertificateSubjectO: certificateNamePart,
  CertificateSubjectOU: certificateNamePart,
  CertificateSubjectEmail: certificateNamePart,
  CertificateSubjectC: certificateNamePart,
  CertificateSubjectST: certificateNamePart,
  CertificateSubjectL: certificateNamePart,
  CertificateSubjectUID: certificateNamePart,
  CertificateSubjectSerialNumber: certificateNamePart,
  CertificateSubjectTitle: certificateNamePart,
  CertificateSubjectDC: certificateNamePart,
  CertificateSubjectDNQualifier: certificateNamePart,
  CertificateIssuerCN: certificateNamePart,
  CertificateIssuerO: certificateNamePart,
  CertificateIssuerOU: certificateNamePart,
  CertificateIssuerEmail: certificateNamePart,
  CertificateIssuerC: certificateNamePart,
  CertificateIssuerST: certificateNamePart,
  CertificateIssuerL: certificateNamePart,
  CertificateIssuerUID: certificateNamePart,
  CertificateIssuerSerialNumber: certificateNamePart,
  CertificateIssuerTitle: certificateNamePart,
  CertificateIssuerDC: certificateNamePart,
  CertificateIssuerDNQualifier: certificateNamePart,
  /** Several instances are for PGP keys alone; a certificate has one. */
  DigitalSignatureAlgorithm: {
    codec: enumerated(enums.digitalSignatureAlgorithmEnum),
    since: '1.1',
    multiple: true,
    alwaysHasValue: CERTIFICATES,
    setBy: SERVER,
    ...FIXED,
    statedOnCreation: true,
    implicitlySetBy: CERTIFYING,
    appliesTo: [ObjectType.Certificate, ObjectType.PGPKey],
    section: { v1: '3.16', v2: '4.22' },
  },
  Digest: {
    codec: s.digestStructure,
    since: '1.0',
    multiple: true,
    alwaysHasValue: OBJECTS,
    setBy: SERVER,
    ...FIXED,
    implicitlySetBy: MAKING,
    appliesTo: OBJECTS,
    section: { v1: '3.17', v2: '4.21' },
  },
  OperationPolicyName: {
    codec: textString,
    since: '1.0',
    last: '1.4',
    multiple: false,
    alwaysHasValue: NONE,
    setBy: EITHER,
    ...SERVER_CHANGES,
    implicitlySetBy: MAKING,
    appliesTo: ALL,
    section: { v1: '3.18' },
  },
  /** Seconds. */
  LeaseTime: {
    codec: interval,
    since: '1.0',
    multiple: false,
    alwaysHasValue: NONE,
    setBy: SERVER,
    ...SERVER_CHANGES,
    implicitlySetBy: MAKING,
    appliesTo: OBJECTS,
    section: { v1: '3.20', v2: '4.30' },
  },
  UsageLimits: {
    codec: s.usageLimitsStructure,
    since: '1.0',
    multiple: false,
    alwaysHasValue: NONE,
    setBy: EITHER,
    statedOnCreation: false,
    modifiableByClient: 'until-allocated',
    modifiableByServer: 'yes',
    deletableByClient: 'until-allocated',
    implicitlySetBy: ['Create', 'CreateKeyPair', 'Register', 'DeriveKey', ...RENEWALS, 'GetUsageAllocation'],
    appliesTo: ALL,
    section: { v1: '3.21', v2: '4.59' },
  },
  State: {
    codec: enumerated(enums.stateEnum),
    since: '1.0',
    multiple: false,
    alwaysHasValue: OBJECTS,
    setBy: SERVER,
    ...SERVER_CHANGES,
    implicitlySetBy: [...MAKING, 'Activate', 'Revoke', 'Destroy'],
    appliesTo: OBJECTS,
    section: { v1: '3.22', v2: '4.57' },
  },
  InitialDate: {
    ...eventDate,
    alwaysHasValue: ALL,
    implicitlySetBy: MAKING,
    appliesTo: ALL,
    section: { v1: '3.23', v2: '4.25' },
  },
  ActivationDate: {
    codec: dateTime,
    since: '1.0',
    multiple: false,
    alwaysHasValue: NONE,
    setBy: EITHER,
    statedOnCreation: false,
    modifiableByClient: 'pre-active',
    modifiableByServer: 'pre-active',
    deletableByClient: 'no',
    implicitlySetBy: [...MAKING, 'Activate'],
    appliesTo: ALL,
    section: { v1: '3.24', v2: '4.1' },
  },
  ProcessStartDate: {
    codec: dateTime,
    since: '1.0',
    multiple: false,
    alwaysHasValue: NONE,
    setBy: EITHER,
    statedOnCreation: false,
    modifiableByClient: 'until-reached',
    modifiableByServer: 'until-reached',
    deletableByClient: 'no',
    implicitlySetBy: ['Create', 'Register', 'DeriveKey', 'ReKey'],
    appliesTo: ALL,
    section: { v1: '3.25', v2: '4.40' },
  },
  ProtectStopDate: {
    codec: dateTime,
    since: '1.0',
    multiple: false,
    alwaysHasValue: NONE,
    setBy: EITHER,
    statedOnCreation: false,
    modifiableByClient: 'until-reached',
    modifiableByServer: 'until-reached',
    deletableByClient: 'no',
    implicitlySetBy: ['Create', 'Register', 'DeriveKey', 'ReKey'],
    appliesTo: ALL,
    section: { v1: '3.26', v2: '4.41' },
  },
  DeactivationDate: {
    codec: dateTime,
    since: '1.0',
    multiple: false,
    alwaysHasValue: NONE,
    setBy: EITHER,
    statedOnCreation: false,
    modifiableByClient: 'pre-active-or-active',
    modifiableByServer: 'pre-active-or-active',
    deletableByClient: 'no',
    implicitlySetBy: [...MAKING, 'Revoke'],
    appliesTo: ALL,
    section: { v1: '3.27', v2: '4.18' },
  },
  DestroyDate: {
    ...eventDate,
    implicitlySetBy: ['Destroy'],
    appliesTo: OBJECTS,
    section: { v1: '3.28', v2: '4.20' },
  },
  CompromiseOccurrenceDate: {
    ...eventDate,
    implicitlySetBy: ['Revoke'],
    appliesTo: OBJECTS,
    section: { v1: '3.29', v2: '4.11' },
  },
  CompromiseDate: {
    ...eventDate,
    implicitlySetBy: ['Revoke'],
    appliesTo: OBJECTS,
    section: { v1: '3.30', v2: '4.10' },
  },
  RevocationReason: {
    codec: s.revocationReasonStructure,
    since: '1.0',
    multiple: false,
    alwaysHasValue: NONE,
    setBy: SERVER,
    ...SERVER_CHANGES,
    implicitlySetBy: ['Revoke'],
    appliesTo: OBJECTS,
    section: { v1: '3.31', v2: '4.47' },
  },
  /** The server deletes it when the object is recovered. */
  ArchiveDate: {
    ...eventDate,
    implicitlySetBy: ['Archive'],
    appliesTo: ALL,
    section: { v1: '3.32', v2: '4.5' },
  },
  ObjectGroup: {
    codec: textString,
    since: '1.0',
    multiple: true,
    alwaysHasValue: NONE,
    setBy: EITHER,
    ...FREE,
    implicitlySetBy: MAKING,
    appliesTo: ALL,
    section: { v1: '3.33', v2: '4.35' },
  },
  Fresh: {
    codec: boolean,
    since: '1.1',
    multiple: false,
    alwaysHasValue: OBJECTS,
    setBy: EITHER,
    ...SERVER_CHANGES,
    implicitlySetBy: MAKING,
    appliesTo: OBJECTS,
    section: { v1: '3.34', v2: '4.24' },
  },
  Link: {
    codec: s.linkStructure,
    since: '1.0',
    multiple: true,
    alwaysHasValue: NONE,
    setBy: EITHER,
    ...FREE,
    implicitlySetBy: ['CreateKeyPair', 'DeriveKey', 'Certify', ...RENEWALS_ALL, 'Register'],
    appliesTo: OBJECTS,
    section: { v1: '3.35', v2: '4.31' },
  },
  ApplicationSpecificInformation: {
    codec: s.applicationSpecificInformationStructure,
    since: '1.0',
    multiple: true,
    alwaysHasValue: NONE,
    setBy: EITHER,
    ...FREE,
    modifiableByServer: 'if-data-omitted',
    implicitlySetBy: RENEWALS_ALL,
    appliesTo: ALL,
    section: { v1: '3.36', v2: '4.4' },
  },
  ContactInformation: {
    codec: textString,
    since: '1.0',
    multiple: false,
    alwaysHasValue: NONE,
    setBy: EITHER,
    ...FREE,
    implicitlySetBy: MAKING,
    appliesTo: ALL,
    section: { v1: '3.37', v2: '4.12' },
  },
  LastChangeDate: {
    codec: dateTime,
    since: '1.0',
    multiple: false,
    alwaysHasValue: ALL,
    setBy: SERVER,
    ...SERVER_CHANGES,
    implicitlySetBy: [
      ...MAKING,
      'Activate',
      'Revoke',
      'Destroy',
      'Archive',
      'Recover',
      'AddAttribute',
      'ModifyAttribute',
      'DeleteAttribute',
      'GetUsageAllocation',
    ],
    appliesTo: ALL,
    section: { v1: '3.38', v2: '4.29' },
  },
  /** Custom attributes of 1.x and vendor attributes of 2.x: instances are counted per vendor and name. */
  VendorAttribute: {
    codec: vendorAttributeStructure,
    tag: Tag.Attribute,
    name: 'Custom Attribute',
    since: '1.0',
    multiple: true,
    alwaysHasValue: NONE,
    setBy: EITHER,
    statedOnCreation: false,
    modifiableByClient: 'own',
    modifiableByServer: 'own',
    deletableByClient: 'own',
    implicitlySetBy: [...MAKING, 'Activate', 'Revoke', 'Destroy'],
    appliesTo: ALL,
    section: { v1: '3.39', v2: '4.60' },
  },
  KeyValuePresent: {
    codec: boolean,
    since: '1.2',
    multiple: false,
    alwaysHasValue: NONE,
    setBy: SERVER,
    ...FIXED,
    implicitlySetBy: ['Register'],
    appliesTo: OBJECTS,
    section: { v1: '3.41', v2: '4.28' },
  },
  KeyValueLocation: {
    codec: s.keyValueLocationStructure,
    since: '1.2',
    multiple: true,
    alwaysHasValue: NONE,
    setBy: CLIENT,
    ...CLIENT_CHANGES,
    implicitlySetBy: [],
    appliesTo: OBJECTS,
    section: { v1: '3.42', v2: '4.27' },
  },
  OriginalCreationDate: {
    codec: dateTime,
    since: '1.2',
    multiple: false,
    alwaysHasValue: NONE,
    setBy: EITHER,
    ...FIXED,
    implicitlySetBy: GENERATING,
    appliesTo: ALL,
    section: { v1: '3.43', v2: '4.38' },
  },
  RandomNumberGenerator: {
    codec: s.rngParametersStructure,
    since: '1.3',
    multiple: false,
    alwaysHasValue: NONE,
    setBy: EITHER,
    ...FIXED,
    implicitlySetBy: GENERATING,
    appliesTo: OBJECTS,
    section: { v1: '3.44', v2: '4.46' },
  },
  PKCS_12FriendlyName: {
    codec: textString,
    since: '1.4',
    multiple: false,
    alwaysHasValue: NONE,
    setBy: EITHER,
    ...CLIENT_CHANGES,
    implicitlySetBy: [],
    appliesTo: OBJECTS,
    section: { v1: '3.45', v2: '4.39' },
  },
  Description: {
    codec: textString,
    since: '1.4',
    multiple: false,
    alwaysHasValue: NONE,
    setBy: EITHER,
    ...FREE,
    implicitlySetBy: [],
    appliesTo: ALL,
    section: { v1: '3.46', v2: '4.19' },
  },
  Comment: {
    codec: textString,
    since: '1.4',
    multiple: false,
    alwaysHasValue: NONE,
    setBy: EITHER,
    ...FREE,
    implicitlySetBy: [],
    appliesTo: ALL,
    section: { v1: '3.47', v2: '4.9' },
  },
  Sensitive: {
    codec: boolean,
    since: '1.4',
    multiple: false,
    alwaysHasValue: ALL,
    setBy: EITHER,
    ...FREE,
    deletableByClient: 'no',
    implicitlySetBy: [...MAKING, 'Import'],
    appliesTo: ALL,
    section: { v1: '3.48', v2: '4.55' },
  },
  AlwaysSensitive: {
    codec: boolean,
    since: '1.4',
    multiple: false,
    alwaysHasValue: ALL,
    setBy: SERVER,
    ...SERVER_CHANGES,
    implicitlySetBy: [...MAKING, 'Import', 'AddAttribute', 'ModifyAttribute', 'SetAttribute'],
    appliesTo: ALL,
    section: { v1: '3.49', v2: '4.3' },
  },
  Extractable: {
    codec: boolean,
    since: '1.4',
    multiple: false,
    alwaysHasValue: ALL,
    setBy: EITHER,
    ...FREE,
    deletableByClient: 'no',
    implicitlySetBy: [...MAKING, 'Import'],
    appliesTo: ALL,
    section: { v1: '3.50', v2: '4.23' },
  },
  NeverExtractable: {
    codec: boolean,
    since: '1.4',
    multiple: false,
    alwaysHasValue: ALL,
    setBy: SERVER,
    ...SERVER_CHANGES,
    implicitlySetBy: [...MAKING, 'Import', 'AddAttribute', 'ModifyAttribute', 'SetAttribute'],
    appliesTo: ALL,
    section: { v1: '3.51', v2: '4.33' },
  },
  NISTKeyType: {
    codec: enumerated(enums.nistKeyTypeEnum),
    since: '2.0',
    multiple: true,
    alwaysHasValue: NONE,
    setBy: CLIENT,
    ...FIXED,
    implicitlySetBy: [],
    appliesTo: OBJECTS,
    section: { v2: '4.34' },
  },
  ProtectionLevel: {
    codec: enumerated(enums.protectionLevelEnum),
    since: '2.0',
    multiple: false,
    alwaysHasValue: NONE,
    setBy: CLIENT,
    ...CLIENT_CHANGES,
    implicitlySetBy: [],
    appliesTo: OBJECTS,
    section: { v2: '4.42' },
  },
  /** Seconds. */
  ProtectionPeriod: {
    codec: interval,
    since: '2.0',
    multiple: false,
    alwaysHasValue: NONE,
    setBy: CLIENT,
    ...CLIENT_CHANGES,
    implicitlySetBy: [],
    appliesTo: OBJECTS,
    section: { v2: '4.43' },
  },
  ProtectionStorageMask: {
    codec: masked(protectionStorageMaskBits),
    since: '2.0',
    multiple: false,
    alwaysHasValue: OBJECTS,
    setBy: SERVER,
    ...FIXED,
    implicitlySetBy: [...MAKING, 'Import'],
    appliesTo: OBJECTS,
    section: { v2: '4.44' },
  },
  QuantumSafe: {
    codec: boolean,
    since: '2.0',
    multiple: false,
    alwaysHasValue: NONE,
    setBy: CLIENT,
    ...CLIENT_CHANGES,
    implicitlySetBy: [],
    appliesTo: OBJECTS,
    section: { v2: '4.45' },
  },
  RotateAutomatic: {
    codec: boolean,
    since: '2.1',
    multiple: false,
    alwaysHasValue: NONE,
    setBy: EITHER,
    ...SERVER_CHANGES,
    implicitlySetBy: [],
    appliesTo: OBJECTS,
    section: { v2: '4.48' },
  },
  RotateDate: {
    ...eventDate,
    since: '2.1',
    implicitlySetBy: RENEWALS_ALL,
    appliesTo: OBJECTS,
    section: { v2: '4.49' },
  },
  RotateGeneration: {
    codec: integer,
    since: '2.1',
    multiple: false,
    alwaysHasValue: NONE,
    setBy: SERVER,
    ...FIXED,
    implicitlySetBy: RENEWALS_ALL,
    appliesTo: OBJECTS,
    section: { v2: '4.50' },
  },
  /** Seconds. */
  RotateInterval: {
    codec: interval,
    since: '2.1',
    multiple: false,
    alwaysHasValue: NONE,
    setBy: EITHER,
    ...SERVER_CHANGES,
    implicitlySetBy: MAKING,
    appliesTo: OBJECTS,
    section: { v2: '4.51' },
  },
  RotateLatest: {
    codec: boolean,
    since: '2.1',
    multiple: false,
    alwaysHasValue: NONE,
    setBy: SERVER,
    ...SERVER_CHANGES,
    implicitlySetBy: RENEWALS_ALL,
    appliesTo: OBJECTS,
    section: { v2: '4.52' },
  },
  RotateName: {
    codec: s.rotateNameStructure,
    since: '2.1',
    multiple: false,
    alwaysHasValue: NONE,
    setBy: CLIENT,
    ...CLIENT_CHANGES,
    implicitlySetBy: [],
    appliesTo: OBJECTS,
    section: { v2: '4.53' },
  },
  /** Seconds. */
  RotateOffset: {
    codec: interval,
    since: '2.1',
    multiple: false,
    alwaysHasValue: NONE,
    setBy: EITHER,
    ...SERVER_CHANGES,
    implicitlySetBy: MAKING,
    appliesTo: OBJECTS,
    section: { v2: '4.54' },
  },
});

type AttributeTable = typeof attributeTable;
/** The keys of the attribute table: tag names, and VendorAttribute. */
export type AttributeKey = keyof AttributeTable;
export type AttributeValue<K extends AttributeKey> = Infer<AttributeTable[K]['codec']>;
/** One instance of an attribute. The index is that of 1.x; absent where a 1.x request left it out and in 2.x. */
export type AttributeOf<K extends AttributeKey> = {
  readonly key: K;
  readonly index?: number | undefined;
  readonly value: AttributeValue<K>;
};
export type Attribute = { [K in AttributeKey]: AttributeOf<K> }[AttributeKey];

/** An attribute that an answer has and the version has not, or in another form: as it came. */
export interface UnknownAttribute {
  readonly key: undefined;
  /** Its Attribute Name where it has one, else the name of its tag. */
  readonly name: string;
  readonly index?: number | undefined;
  /** Its value, or all of the attribute where none can be told from the rest. */
  readonly value: Item;
}
/** What a server tells of an attribute. */
export type ToldAttribute = Attribute | UnknownAttribute;

export function isKnownAttribute(attribute: ToldAttribute): attribute is Attribute {
  return attribute.key !== undefined;
}

export type VendorAttribute = AttributeValue<'VendorAttribute'>;

/** A row seen without regard to its value's type. */
export type AnyAttributeDefinition = AttributeDefinition<unknown, AttributeKey>;

const definitions = Object.values(attributeTable) as readonly AnyAttributeDefinition[];
const definitionByName = new Map(
  definitions
    .filter((definition) => definition.key !== 'VendorAttribute')
    .map((definition) => [definition.name, definition]),
);
const definitionByTag = new Map(definitions.map((definition) => [definition.tag, definition]));

/**
 * How much of an attribute's value has to be there: all that its structure needs, or (a condition of Locate) any part.
 * KMIP 2.1 section 6.1.28.
 */
export type ValueExtent = 'whole' | 'given';

/** Reads an attribute's value. A partial one has the type of a whole one: only Locate's conditions are such. */
export function decodeValue(
  { codec }: AnyAttributeDefinition,
  item: Item,
  dialect: Dialect,
  extent: ValueExtent,
): unknown {
  return extent === 'given' && codec.decodeGiven !== undefined
    ? codec.decodeGiven(item, dialect)
    : codec.decode(item, dialect);
}

/** All rows, in the order of the table. */
export const attributeDefinitions: readonly AnyAttributeDefinition[] = definitions;

/** The row of a key. */
export function definitionOf(key: AttributeKey): AnyAttributeDefinition {
  return attributeTable[key];
}

/** The row with this printed name (the attribute names of 1.x); custom attributes are not found by name. */
export function definitionNamed(name: string): AnyAttributeDefinition | undefined {
  return definitionByName.get(name);
}

/** The row with this tag; VendorAttribute for the tag Attribute. */
export function definitionTagged(tag: number): AnyAttributeDefinition | undefined {
  return definitionByTag.get(tag);
}
