import { ItemType, type Item } from '@holdfast/ttlv';
import { attributesStructure, toldAttributesStructure } from './attributes/fields';
import {
  boolean,
  enumerated,
  integer,
  optional,
  repeated,
  required,
  structure,
  textString,
  versioned,
  wrongType,
  type Codec,
  type Infer,
  type StructureCodec,
} from './schema';
import { identifierReference, usageLimitsStructure } from './structures';
import type { Window } from './versions/dialect';
import * as enums from './vocabulary/enumerations';
import { Tag } from './vocabulary/tags';

/** What Query, Login and the defaults and constraints operations tell of the server. KMIP 2.1 chapter 7. */

const SINCE_1_4: Window = { since: '1.4' };
const SINCE_2_0: Window = { since: '2.0' };
const SINCE_2_1: Window = { since: '2.1' };

/** An item type: Integer in 1.x, Enumeration in 2.x; the numbers are the same. */
const extensionType: Codec<number> = versioned(
  { window: { last: '1.4' }, codec: integer },
  { window: SINCE_2_0, codec: enumerated(enums.itemTypeEnum) },
);

/** KMIP 1.4 section 2.1.9, KMIP 2.1 section 7.13. */
export const extensionInformationStructure = structure({
  extensionName: required(Tag.ExtensionName, textString),
  extensionTag: optional(Tag.ExtensionTag, integer),
  extensionType: optional(Tag.ExtensionType, extensionType),
  extensionEnumeration: optional(Tag.ExtensionEnumeration, integer, SINCE_2_0),
  extensionAttribute: optional(Tag.ExtensionAttribute, boolean, SINCE_2_0),
  extensionParentStructureTag: optional(Tag.ExtensionParentStructureTag, integer, SINCE_2_0),
  extensionDescription: optional(Tag.ExtensionDescription, textString, SINCE_2_0),
});
export type ExtensionInformation = Infer<typeof extensionInformationStructure>;

/** KMIP 2.1 section 7.32. */
const profileVersionStructure = structure({
  profileVersionMajor: required(Tag.ProfileVersionMajor, integer),
  profileVersionMinor: required(Tag.ProfileVersionMinor, integer),
});

/** KMIP 1.4 section 2.1.19, KMIP 2.1 section 7.31. */
export const profileInformationStructure = structure({
  profileName: required(Tag.ProfileName, enumerated(enums.profileNameEnum)),
  profileVersion: optional(Tag.ProfileVersion, profileVersionStructure, SINCE_2_0),
  serverURI: optional(Tag.ServerURI, textString),
  serverPort: optional(Tag.ServerPort, integer),
});
export type ProfileInformation = Infer<typeof profileInformationStructure>;

/** KMIP 1.4 section 2.1.20, KMIP 2.1 section 7.41. */
export const validationInformationStructure = structure({
  validationAuthorityType: required(
    Tag.ValidationAuthorityType,
    enumerated(enums.validationAuthorityTypeEnum),
  ),
  validationAuthorityCountry: optional(Tag.ValidationAuthorityCountry, textString),
  validationAuthorityURI: optional(Tag.ValidationAuthorityURI, textString),
  validationVersionMajor: required(Tag.ValidationVersionMajor, integer),
  validationVersionMinor: optional(Tag.ValidationVersionMinor, integer),
  validationType: required(Tag.ValidationType, enumerated(enums.validationTypeEnum)),
  validationLevel: required(Tag.ValidationLevel, integer),
  validationCertificateIdentifier: optional(Tag.ValidationCertificateIdentifier, textString),
  validationCertificateURI: optional(Tag.ValidationCertificateURI, textString),
  validationVendorURI: optional(Tag.ValidationVendorURI, textString),
  validationProfiles: repeated(Tag.ValidationProfile, textString),
});
export type ValidationInformation = Infer<typeof validationInformationStructure>;

/** KMIP 1.4 section 2.1.21, KMIP 2.1 section 7.5. */
export const capabilityInformationStructure = structure({
  streamingCapability: optional(Tag.StreamingCapability, boolean),
  asynchronousCapability: optional(Tag.AsynchronousCapability, boolean),
  attestationCapability: optional(Tag.AttestationCapability, boolean),
  batchUndoCapability: optional(Tag.BatchUndoCapability, boolean, SINCE_1_4),
  batchContinueCapability: optional(Tag.BatchContinueCapability, boolean, SINCE_1_4),
  unwrapMode: optional(Tag.UnwrapMode, enumerated(enums.unwrapModeEnum)),
  destroyAction: optional(Tag.DestroyAction, enumerated(enums.destroyActionEnum)),
  shreddingAlgorithm: optional(Tag.ShreddingAlgorithm, enumerated(enums.shreddingAlgorithmEnum)),
  rngMode: optional(Tag.RNGMode, enumerated(enums.rngModeEnum)),
  quantumSafeCapability: optional(Tag.QuantumSafeCapability, boolean, SINCE_2_0),
});
export type CapabilityInformation = Infer<typeof capabilityInformationStructure>;

const serverInformationFields = structure({
  serverName: optional(Tag.ServerName, textString, SINCE_2_0),
  serverSerialNumber: optional(Tag.ServerSerialNumber, textString, SINCE_2_0),
  serverVersion: optional(Tag.ServerVersion, textString, SINCE_2_0),
  serverLoad: optional(Tag.ServerLoad, textString, SINCE_2_0),
  productName: optional(Tag.ProductName, textString, SINCE_2_0),
  buildLevel: optional(Tag.BuildLevel, textString, SINCE_2_0),
  buildDate: optional(Tag.BuildDate, textString, SINCE_2_0),
  clusterInfo: optional(Tag.ClusterInfo, textString, SINCE_2_0),
  alternateFailoverEndpoints: repeated(Tag.AlternateFailoverEndpoints, textString, SINCE_2_0),
});

/** What a server tells of itself; the named fields are those of 2.x, in 1.x everything is the vendor's own. */
export type ServerInformation = Infer<typeof serverInformationFields> & {
  readonly vendorSpecific: readonly Item[];
};

const serverInformationTags = new Set(
  Object.values(serverInformationFields.fields).flatMap((field) => field.tag ?? []),
);

/** KMIP 1.4 section 4.25, KMIP 2.1 section 7.37. */
export const serverInformation: Codec<ServerInformation> = {
  type: ItemType.Structure,
  fields: serverInformationFields.fields,
  decode(item, dialect) {
    if (item.type !== ItemType.Structure) throw wrongType(item, ItemType.Structure);
    const isStandard = (child: Item) => dialect.knows(SINCE_2_0) && serverInformationTags.has(child.tag);
    const standard = { ...item, value: item.value.filter(isStandard) };
    return {
      ...serverInformationFields.decode(standard, dialect),
      vendorSpecific: item.value.filter((child) => !isStandard(child)),
    };
  },
  encode(tag, value, dialect) {
    const item = serverInformationFields.encode(tag, value, dialect);
    if (item?.type !== ItemType.Structure) return undefined;
    return { ...item, value: [...item.value, ...value.vendorSpecific] };
  },
};

/** KMIP 2.1 section 7.24. */
export const objectTypesStructure = structure({
  objectTypes: repeated(Tag.ObjectType, enumerated(enums.objectTypeEnum)),
});
/** KMIP 2.1 section 7.23. */
export const objectGroupsStructure = structure({ objectGroups: repeated(Tag.ObjectGroup, textString) });
/** KMIP 2.1 section 7.25. */
export const operationsStructure = structure({
  operations: repeated(Tag.Operation, enumerated(enums.operationEnum)),
});
/** KMIP 2.1 section 7.21. */
export const objectsStructure = structure({
  uniqueIdentifiers: repeated(Tag.UniqueIdentifier, identifierReference),
});

/** Either an object type or, since 2.1, a list of them. KMIP 2.1 section 7.22. */
function objectDefaultsWith<A>(attributes: Codec<readonly A[]>) {
  return structure({
    objectType: optional(Tag.ObjectType, enumerated(enums.objectTypeEnum)),
    objectTypes: optional(Tag.ObjectTypes, objectTypesStructure, SINCE_2_1),
    attributes: required(Tag.Attributes, attributes),
    objectGroups: optional(Tag.ObjectGroups, objectGroupsStructure, SINCE_2_1),
  });
}
const objectDefaultsStructure = objectDefaultsWith(attributesStructure);
export type ObjectDefaults = Infer<typeof objectDefaultsStructure>;

/** KMIP 2.1 section 7.11. */
export const defaultsInformationStructure = structure({
  objectDefaults: repeated(Tag.ObjectDefaults, objectDefaultsStructure),
});
/** The same in an answer. */
export const toldDefaultsInformationStructure = structure({
  objectDefaults: repeated(Tag.ObjectDefaults, objectDefaultsWith(toldAttributesStructure)),
});

/** KMIP 2.1 section 7.6. */
function constraintWith<A>(attributes: Codec<readonly A[]>) {
  return structure({
    objectTypes: optional(Tag.ObjectTypes, objectTypesStructure),
    objectGroups: optional(Tag.ObjectGroups, objectGroupsStructure),
    attributes: optional(Tag.Attributes, attributes),
  });
}
const constraintStructure = constraintWith(attributesStructure);
export type Constraint = Infer<typeof constraintStructure>;
/** KMIP 2.1 section 7.7. */
export const constraintsStructure = structure({ constraints: repeated(Tag.Constraint, constraintStructure) });
/** The same in an answer. */
export const toldConstraintsStructure = structure({
  constraints: repeated(Tag.Constraint, constraintWith(toldAttributesStructure)),
});

/** What is left out is not restricted. KMIP 2.1 section 7.34. */
export const rightStructure = structure({
  usageLimits: optional(Tag.UsageLimits, usageLimitsStructure),
  operations: optional(Tag.Operations, operationsStructure),
  objects: optional(Tag.Objects, objectsStructure),
  objectGroups: optional(Tag.ObjectGroups, objectGroupsStructure, SINCE_2_1),
});
export type Right = Infer<typeof rightStructure>;
/** KMIP 2.1 section 7.35. */
export const rightsStructure = structure({ rights: repeated(Tag.Right, rightStructure) });

/** Alternatives acceptable to the client, best first. KMIP 2.1 section 7.33. */
export const protectionStorageMasksStructure: StructureCodec<{
  readonly protectionStorageMasks: readonly number[];
}> = structure({ protectionStorageMasks: repeated(Tag.ProtectionStorageMask, integer) });
