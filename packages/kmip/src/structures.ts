import { HoldfastError, ItemType } from '@holdfast/ttlv';
import {
  boolean,
  byteString,
  enumerated,
  integer,
  longInteger,
  optional,
  repeated,
  required,
  structure,
  tagName,
  textString,
  wrongType,
  type Codec,
  type Infer,
} from './schema';
import type { Window } from './versions/dialect';
import * as enums from './vocabulary/enumerations';
import { Tag } from './vocabulary/tags';

/** Structures that several attributes and operations share. KMIP 1.4 chapters 2 and 3, KMIP 2.1 chapters 4 and 7. */

const SINCE_1_1: Window = { since: '1.1' };
const SINCE_1_2: Window = { since: '1.2' };
const SINCE_1_4: Window = { since: '1.4' };
const REFERENCES: Window = { since: '2.0' };

const uniqueIdentifierEnumeration = enumerated(enums.uniqueIdentifierEnum);

/**
 * A unique identifier as a request names it: the text itself, the result of the latest operation of a kind in the same
 * request, or the nth identifier of the response (zero-based; negative counts back). KMIP 2.1 section 4.58.
 */
export type IdentifierReference =
  string | { readonly from: enums.UniqueIdentifier } | { readonly nth: number };

/** Unique Identifier, Linked Object Identifier and their like: Text String; since 2.0 also Enumeration and Integer. */
export const identifierReference: Codec<IdentifierReference> = {
  type: undefined,
  table: enums.uniqueIdentifierEnum,
  decode(item, dialect) {
    if (item.type === ItemType.TextString) return item.value;
    if (dialect.knows(REFERENCES)) {
      if (item.type === ItemType.Enumeration)
        return { from: uniqueIdentifierEnumeration.decode(item, dialect) };
      if (item.type === ItemType.Integer) return { nth: item.value };
    }
    throw wrongType(item, ItemType.TextString);
  },
  encode(tag, value, dialect) {
    if (typeof value === 'string') return { tag, type: ItemType.TextString, value };
    if (dialect.knows(REFERENCES)) {
      return 'from' in value
        ? uniqueIdentifierEnumeration.encode(tag, value.from, dialect)
        : { tag, type: ItemType.Integer, value: value.nth };
    }
    // A left-out identifier means the ID Placeholder in every version; nothing else can be said in 1.x.
    if ('from' in value && value.from === enums.UniqueIdentifier.IDPlaceholder) return undefined;
    throw new HoldfastError('InvalidField', `${tagName(tag)} is only a text in KMIP ${dialect.name}`);
  },
};

/** KMIP 1.4 section 3.2, KMIP 2.1 section 4.32. */
export const nameStructure = structure({
  nameValue: required(Tag.NameValue, textString),
  nameType: required(Tag.NameType, enumerated(enums.nameTypeEnum)),
});
export type Name = Infer<typeof nameStructure>;

/** KMIP 1.4 section 3.40, KMIP 2.1 section 4.2. */
export const alternativeNameStructure = structure({
  alternativeNameValue: required(Tag.AlternativeNameValue, textString),
  alternativeNameType: required(Tag.AlternativeNameType, enumerated(enums.alternativeNameTypeEnum)),
});
export type AlternativeName = Infer<typeof alternativeNameStructure>;

/** KMIP 2.1 section 4.53. */
export const rotateNameStructure = structure({
  rotateNameValue: required(Tag.RotateNameValue, textString),
  rotateNameType: required(Tag.RotateNameType, enumerated(enums.rotateNameTypeEnum)),
});
export type RotateName = Infer<typeof rotateNameStructure>;

/** Lengths: IV, fixed field, invocation field and counter in bits, tag and salt in bytes. KMIP 1.4 section 3.6. */
export const cryptographicParametersStructure = structure({
  blockCipherMode: optional(Tag.BlockCipherMode, enumerated(enums.blockCipherModeEnum)),
  paddingMethod: optional(Tag.PaddingMethod, enumerated(enums.paddingMethodEnum)),
  hashingAlgorithm: optional(Tag.HashingAlgorithm, enumerated(enums.hashingAlgorithmEnum)),
  keyRoleType: optional(Tag.KeyRoleType, enumerated(enums.keyRoleTypeEnum)),
  digitalSignatureAlgorithm: optional(
    Tag.DigitalSignatureAlgorithm,
    enumerated(enums.digitalSignatureAlgorithmEnum),
    SINCE_1_2,
  ),
  cryptographicAlgorithm: optional(
    Tag.CryptographicAlgorithm,
    enumerated(enums.cryptographicAlgorithmEnum),
    SINCE_1_2,
  ),
  randomIV: optional(Tag.RandomIV, boolean, SINCE_1_2),
  ivLengthBits: optional(Tag.IVLength, integer, SINCE_1_2),
  tagLengthBytes: optional(Tag.TagLength, integer, SINCE_1_2),
  fixedFieldLengthBits: optional(Tag.FixedFieldLength, integer, SINCE_1_2),
  invocationFieldLengthBits: optional(Tag.InvocationFieldLength, integer, SINCE_1_2),
  counterLengthBits: optional(Tag.CounterLength, integer, SINCE_1_2),
  initialCounterValue: optional(Tag.InitialCounterValue, integer, SINCE_1_2),
  saltLengthBytes: optional(Tag.SaltLength, integer, SINCE_1_4),
  maskGenerator: optional(Tag.MaskGenerator, enumerated(enums.maskGeneratorEnum), SINCE_1_4),
  maskGeneratorHashingAlgorithm: optional(
    Tag.MaskGeneratorHashingAlgorithm,
    enumerated(enums.hashingAlgorithmEnum),
    SINCE_1_4,
  ),
  pSource: optional(Tag.PSource, byteString, SINCE_1_4),
  trailerField: optional(Tag.TrailerField, integer, SINCE_1_4),
});
export type CryptographicParameters = Infer<typeof cryptographicParametersStructure>;

/** KMIP 1.4 section 3.7, KMIP 2.1 section 4.14. */
export const cryptographicDomainParametersStructure = structure({
  qLengthBits: optional(Tag.Qlength, integer),
  recommendedCurve: optional(Tag.RecommendedCurve, enumerated(enums.recommendedCurveEnum)),
});
export type CryptographicDomainParameters = Infer<typeof cryptographicDomainParametersStructure>;

/** KMIP 1.4 section 3.17, KMIP 2.1 section 4.21. */
export const digestStructure = structure({
  hashingAlgorithm: required(Tag.HashingAlgorithm, enumerated(enums.hashingAlgorithmEnum)),
  digestValue: optional(Tag.DigestValue, byteString),
  keyFormatType: optional(Tag.KeyFormatType, enumerated(enums.keyFormatTypeEnum), SINCE_1_1),
});
export type Digest = Infer<typeof digestStructure>;

/** KMIP 1.4 section 3.35, KMIP 2.1 section 4.31. */
export const linkStructure = structure({
  linkType: required(Tag.LinkType, enumerated(enums.linkTypeEnum)),
  linkedObjectIdentifier: required(Tag.LinkedObjectIdentifier, identifierReference),
});
export type Link = Infer<typeof linkStructure>;

/** KMIP 1.4 section 3.36, KMIP 2.1 section 4.4. */
export const applicationSpecificInformationStructure = structure({
  applicationNamespace: required(Tag.ApplicationNamespace, textString),
  applicationData: optional(Tag.ApplicationData, textString),
});
export type ApplicationSpecificInformation = Infer<typeof applicationSpecificInformationStructure>;

/** KMIP 1.4 section 3.31, KMIP 2.1 section 4.47. */
export const revocationReasonStructure = structure({
  revocationReasonCode: required(Tag.RevocationReasonCode, enumerated(enums.revocationReasonCodeEnum)),
  revocationMessage: optional(Tag.RevocationMessage, textString),
});
export type RevocationReason = Infer<typeof revocationReasonStructure>;

/** The count is the server's alone: clients leave it out. KMIP 1.4 section 3.21, KMIP 2.1 section 7.40. */
export const usageLimitsStructure = structure({
  usageLimitsTotal: required(Tag.UsageLimitsTotal, longInteger),
  usageLimitsCount: optional(Tag.UsageLimitsCount, longInteger),
  usageLimitsUnit: required(Tag.UsageLimitsUnit, enumerated(enums.usageLimitsUnitEnum)),
});
export type UsageLimits = Infer<typeof usageLimitsStructure>;

/** KMIP 1.4 section 3.42, KMIP 2.1 section 4.27. */
export const keyValueLocationStructure = structure({
  keyValueLocationValue: required(Tag.KeyValueLocationValue, textString),
  keyValueLocationType: required(Tag.KeyValueLocationType, enumerated(enums.keyValueLocationTypeEnum)),
});
export type KeyValueLocation = Infer<typeof keyValueLocationStructure>;

/** RNG Parameters, also the form of the attribute Random Number Generator. KMIP 1.4 section 2.1.18, KMIP 2.1 7.36. */
export const rngParametersStructure = structure({
  rngAlgorithm: required(Tag.RNGAlgorithm, enumerated(enums.rngAlgorithmEnum)),
  cryptographicAlgorithm: optional(Tag.CryptographicAlgorithm, enumerated(enums.cryptographicAlgorithmEnum)),
  cryptographicLengthBits: optional(Tag.CryptographicLength, integer),
  hashingAlgorithm: optional(Tag.HashingAlgorithm, enumerated(enums.hashingAlgorithmEnum)),
  drbgAlgorithm: optional(Tag.DRBGAlgorithm, enumerated(enums.drbgAlgorithmEnum)),
  recommendedCurve: optional(Tag.RecommendedCurve, enumerated(enums.recommendedCurveEnum)),
  fips186Variation: optional(Tag.FIPS186Variation, enumerated(enums.fips186VariationEnum)),
  predictionResistance: optional(Tag.PredictionResistance, boolean),
});
export type RNGParameters = Infer<typeof rngParametersStructure>;

/** DER of the issuer's name and of the serial number. KMIP 1.4 section 3.10, KMIP 2.1 section 4.61. */
export const x509CertificateIdentifierStructure = structure({
  issuerDistinguishedName: required(Tag.IssuerDistinguishedName, byteString),
  certificateSerialNumber: required(Tag.CertificateSerialNumber, byteString),
});

/** KMIP 1.4 section 3.12, KMIP 2.1 section 4.62. */
export const x509CertificateIssuerStructure = structure({
  issuerDistinguishedName: required(Tag.IssuerDistinguishedName, byteString),
  issuerAlternativeNames: repeated(Tag.IssuerAlternativeName, byteString),
});

/** KMIP 1.4 section 3.11, KMIP 2.1 section 4.63. */
export const x509CertificateSubjectStructure = structure({
  subjectDistinguishedName: required(Tag.SubjectDistinguishedName, byteString),
  subjectAlternativeNames: repeated(Tag.SubjectAlternativeName, byteString),
});

/** The text form of 1.0, kept up to 1.4. KMIP 1.4 section 3.13. */
export const certificateIdentifierStructure = structure({
  issuer: required(Tag.Issuer, textString),
  serialNumber: optional(Tag.SerialNumber, textString),
});
export type CertificateIdentifier = Infer<typeof certificateIdentifierStructure>;

/** The text form of 1.0, kept up to 1.4. KMIP 1.4 section 3.15. */
export const certificateIssuerStructure = structure({
  certificateIssuerDistinguishedName: required(Tag.CertificateIssuerDistinguishedName, textString),
  certificateIssuerAlternativeNames: repeated(Tag.CertificateIssuerAlternativeName, textString),
});
export type CertificateIssuer = Infer<typeof certificateIssuerStructure>;

/** The text form of 1.0, kept up to 1.4. KMIP 1.4 section 3.14. */
export const certificateSubjectStructure = structure({
  certificateSubjectDistinguishedName: required(Tag.CertificateSubjectDistinguishedName, textString),
  certificateSubjectAlternativeNames: repeated(Tag.CertificateSubjectAlternativeName, textString),
});
export type CertificateSubject = Infer<typeof certificateSubjectStructure>;

/** KMIP 1.4 section 2.1.14, KMIP 2.1 section 9.14. */
export const nonceStructure = structure({
  nonceID: required(Tag.NonceID, byteString),
  nonceValue: required(Tag.NonceValue, byteString),
});
export type Nonce = Infer<typeof nonceStructure>;

/** KMIP 2.1 section 7.39. */
export const ticketStructure = structure({
  ticketType: required(Tag.TicketType, enumerated(enums.ticketTypeEnum)),
  ticketValue: required(Tag.TicketValue, byteString),
});
export type Ticket = Infer<typeof ticketStructure>;

/** KMIP 1.4 section 6.1, KMIP 2.1 section 9.16. */
export const protocolVersionStructure = structure({
  protocolVersionMajor: required(Tag.ProtocolVersionMajor, integer),
  protocolVersionMinor: required(Tag.ProtocolVersionMinor, integer),
});
