import {
  byteString,
  enumerated,
  optional,
  repeated,
  required,
  structure,
  textString,
  type Infer,
} from './schema';
import { cryptographicParametersStructure, identifierReference } from './structures';
import * as enums from './vocabulary/enumerations';
import { Tag } from './vocabulary/tags';

/** How a key is or shall be wrapped. KMIP 1.4 sections 2.1.5 and 2.1.6, KMIP 2.1 sections 3.3 and 7.18. */

/** Encryption Key Information and MAC/Signature Key Information. */
export const wrappingKeyInformationStructure = structure({
  uniqueIdentifier: required(Tag.UniqueIdentifier, identifierReference),
  cryptographicParameters: optional(Tag.CryptographicParameters, cryptographicParametersStructure),
});
export type WrappingKeyInformation = Infer<typeof wrappingKeyInformationStructure>;

export const keyWrappingDataStructure = structure({
  wrappingMethod: required(Tag.WrappingMethod, enumerated(enums.wrappingMethodEnum)),
  encryptionKeyInformation: optional(Tag.EncryptionKeyInformation, wrappingKeyInformationStructure),
  macSignatureKeyInformation: optional(Tag.MACSignatureKeyInformation, wrappingKeyInformationStructure),
  macSignature: optional(Tag.MACSignature, byteString),
  ivCounterNonce: optional(Tag.IVCounterNonce, byteString),
  /** Absent means TTLV Encoding, in 1.0 always. */
  encodingOption: optional(Tag.EncodingOption, enumerated(enums.encodingOptionEnum), { since: '1.1' }),
});
export type KeyWrappingData = Infer<typeof keyWrappingDataStructure>;

export const keyWrappingSpecificationStructure = structure({
  wrappingMethod: required(Tag.WrappingMethod, enumerated(enums.wrappingMethodEnum)),
  encryptionKeyInformation: optional(Tag.EncryptionKeyInformation, wrappingKeyInformationStructure),
  macSignatureKeyInformation: optional(Tag.MACSignatureKeyInformation, wrappingKeyInformationStructure),
  /** Printed names (1.x names) of the attributes to wrap with the key material, in every version. */
  attributeNames: repeated(Tag.AttributeName, textString),
  encodingOption: optional(Tag.EncodingOption, enumerated(enums.encodingOptionEnum), { since: '1.1' }),
});
export type KeyWrappingSpecification = Infer<typeof keyWrappingSpecificationStructure>;
