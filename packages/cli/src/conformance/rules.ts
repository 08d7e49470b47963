import {
  CryptographicAlgorithm,
  ObjectType,
  Operation,
  PaddingMethod,
  Tag,
  type Dialect,
} from '@holdfast/kmip';
import { ItemType, type Item } from '@holdfast/ttlv';
import { itemAt, itemsOf, type Expectation, type LeafItem } from './expectation';
import {
  attributeNameOf,
  definitionOfName,
  enumerationAt,
  identifiersIn,
  isMaker,
  textAt,
  type CaseMemory,
} from './memory';

/** What a response may differ in. KMIP Profiles 2.1 section 4.1; the numbers of its lists stand beside each rule. */

/** A place in a response. */
export interface Place {
  readonly memory: CaseMemory;
  readonly dialect: Dialect;
  /** Tags from the Response Message down to the item itself. */
  readonly tags: readonly number[];
  /** The attribute that the item is, or is part of. */
  readonly attribute: string | undefined;
  /** The batch item, where it is part of one. */
  readonly item: BatchItemFacts | undefined;
}

/** What counts of a batch item and its request. */
export interface BatchItemFacts {
  readonly operation: number | undefined;
  readonly request: Item | undefined;
  /** The object that the answer is about; empty where there is none. */
  readonly subject: string;
  /** Nobody can foretell the object's key. */
  readonly isGenerated: boolean;
  /** Nor what was wrapped, encrypted, signed or computed with a key. */
  readonly hasVariableOutput: boolean;
}

const CIPHERING: ReadonlySet<number> = new Set([Operation.Encrypt, Operation.Sign, Operation.MAC]);
/** Padding with random bytes: PKCS #1 v1.5 has some when it encrypts, none when it signs (RFC 8017). */
const RANDOM_PADDING: ReadonlyMap<number, readonly number[]> = new Map([
  [Operation.Encrypt, [PaddingMethod.OAEP, PaddingMethod.PKCS1V1_5]],
  [Operation.Sign, [PaddingMethod.PSS]],
]);
const RANDOM_SIGNATURES: readonly number[] = [
  CryptographicAlgorithm.DSA,
  CryptographicAlgorithm.EC,
  CryptographicAlgorithm.ECDSA,
];

function hasRandomOutput(operation: number | undefined, parameters: Item | undefined, answer: Item): boolean {
  if (operation === Operation.RNGRetrieve) return true;
  if (operation === undefined || !CIPHERING.has(operation)) return false;
  if (itemAt(answer, Tag.ResponsePayload, Tag.IVCounterNonce) !== undefined) return true;
  const padding = enumerationAt(parameters, Tag.PaddingMethod);
  if (padding !== undefined && RANDOM_PADDING.get(operation)?.includes(padding) === true) return true;
  const algorithm = enumerationAt(parameters, Tag.CryptographicAlgorithm);
  return operation === Operation.Sign && algorithm !== undefined && RANDOM_SIGNATURES.includes(algorithm);
}

export function factsOf(memory: CaseMemory, request: Item | undefined, answer: Item): BatchItemFacts {
  const operation = enumerationAt(answer, Tag.Operation);
  const payload = itemAt(request, Tag.RequestPayload);
  const subject = identifiersIn(itemAt(answer, Tag.ResponsePayload))[0] ?? identifiersIn(payload)[0] ?? '';
  const wrappingKey = textAt(
    payload,
    Tag.KeyWrappingSpecification,
    Tag.EncryptionKeyInformation,
    Tag.UniqueIdentifier,
  );
  const { generated } = memory.server;
  const parameters = itemAt(payload, Tag.CryptographicParameters) ?? memory.server.parameters.get(subject);
  const isGenerated = generated.has(subject);
  return {
    operation,
    request,
    subject,
    isGenerated: isGenerated || (wrappingKey !== undefined && generated.has(wrappingKey)),
    hasVariableOutput:
      (operation !== undefined && CIPHERING.has(operation) && isGenerated) ||
      hasRandomOutput(operation, parameters, answer),
  };
}

/** The same of what the server asks: there is no request that it answers. */
export function askedFactsOf(memory: CaseMemory, asked: Item): BatchItemFacts {
  const subject = identifiersIn(itemAt(asked, Tag.RequestPayload))[0] ?? '';
  return {
    operation: enumerationAt(asked, Tag.Operation),
    request: undefined,
    subject,
    isGenerated: memory.server.generated.has(subject),
    hasVariableOutput: false,
  };
}

const CRYPTOGRAPHIC_OUTPUT: ReadonlySet<number> = new Set([
  Tag.Data,
  Tag.SignatureData,
  Tag.MACData,
  Tag.IVCounterNonce,
  Tag.AuthenticatedEncryptionTag,
]);

/** Dates that the server sets unless a request states them (9). */
const SERVER_DATES: ReadonlySet<string> = new Set([
  'ActivationDate',
  'ArchiveDate',
  'CompromiseDate',
  'CompromiseOccurrenceDate',
  'DeactivationDate',
  'DestroyDate',
  'InitialDate',
  'LastChangeDate',
  'ProcessStartDate',
  'ProtectStopDate',
  'OriginalCreationDate',
]);

export type Variation =
  /** It is as the case shows it. */
  | 'none'
  /** The case shows an example; while the object lives the server says the same again. */
  | 'example'
  /** Likewise, of the same length. */
  | 'example-of-length'
  /** The case shows an example, which later requests of the case send back; the answer is another each time. */
  | 'output'
  /** Anything of the type. */
  | 'any';

function isKeyMaterial({ tags }: Place): boolean {
  return tags.includes(Tag.KeyMaterial) || tags.at(-1) === Tag.KeyValue;
}

/** The part of the response payload of this operation that the item stands in. */
function isIn({ tags, item }: Place, operation: number, ...path: readonly number[]): boolean {
  const start = tags.indexOf(Tag.ResponsePayload) + 1;
  return (
    item?.operation === operation && start > 0 && path.every((tag, index) => tags[start + index] === tag)
  );
}

/** How a value may differ from the one that the case shows. */
export function variationOf(place: Place, expected: LeafItem): Variation {
  const { memory, dialect, tags, attribute, item } = place;
  const tag = tags.at(-1);
  const isGenerated = item?.isGenerated === true;
  // (7) and (1) to (3)
  if (isKeyMaterial(place) && isGenerated) {
    return tags.includes(Tag.SymmetricKey) && tag === Tag.KeyMaterial ? 'example-of-length' : 'example';
  }
  if (tag === Tag.CertificateValue && isGenerated) return 'example';
  // (8)
  if (tag !== undefined && CRYPTOGRAPHIC_OUTPUT.has(tag) && item?.hasVariableOutput === true) return 'output';
  // (9)
  if (expected.type === ItemType.DateTime && attribute !== undefined && SERVER_DATES.has(attribute)) {
    return memory.stated.has(attribute) ? 'none' : 'any';
  }
  // (11), (13)
  if (tag === Tag.DigestValue && isGenerated) return 'example-of-length';
  // (12): from 2.0 on the formats of generated keys are laid down.
  if (tag === Tag.KeyFormatType && isGenerated && !dialect.rules.hasDefaultKeyFormats) {
    const asked = itemAt(item.request, Tag.RequestPayload, Tag.KeyFormatType);
    return asked === undefined && !tags.includes(Tag.SymmetricKey) ? 'any' : 'none';
  }
  if (attribute === 'ShortUniqueIdentifier') return 'example-of-length';
  // (6) of the second list
  if (isIn(place, Operation.Query, Tag.VendorIdentification)) return 'any';
  return 'none';
}

/** What a structure holds is the server's own: only that it is there counts. Second list, (7) and (9). */
export function isOpaque(place: Place): boolean {
  if (place.attribute === 'RandomNumberGenerator') return true;
  return [Tag.ServerInformation, Tag.RNGParameters, Tag.CapabilityInformation, Tag.ProfileInformation].some(
    (tag) => isIn(place, Operation.Query, tag),
  );
}

/** Whether the order of such children says nothing. Variable behaviour, (5). */
export function isUnordered(parent: Place, tag: number): boolean {
  const structure = parent.tags.at(-1);
  if (structure === Tag.Attributes) return true;
  if (structure === Tag.RequestPayload) return tag === Tag.Attribute;
  if (structure !== Tag.ResponsePayload) return false;
  if (parent.item?.operation === Operation.Query) return true;
  if (tag === Tag.UniqueIdentifier) {
    return parent.item?.operation === Operation.Locate && parent.dialect.rules.locateOrder === 'unspecified';
  }
  return tag === Tag.Attribute || tag === Tag.AttributeName || tag === Tag.AttributeReference;
}

/** Parts of a message that may come and go: second list, (3) and (4); first list, (19) and (20). */
const OPTIONAL_PARTS: ReadonlySet<number> = new Set([
  Tag.ResultMessage,
  Tag.MessageExtension,
  Tag.ServerCorrelationValue,
  Tag.ClientCorrelationValue,
]);
/** What a server tells of itself: first list, (14) to (17). */
const SELF_DESCRIPTION: ReadonlySet<number> = new Set([
  Tag.ApplicationNamespace,
  Tag.ExtensionInformation,
  Tag.VendorIdentification,
  Tag.ProfileInformation,
  Tag.RNGParameters,
  Tag.ClientRegistrationMethod,
]);
/** Operations that every server has (Baseline Server; Create: the profiles of keys and tapes), section 5.1.2. */
const REQUIRED_OPERATIONS: ReadonlySet<number> = new Set([
  Operation.Activate,
  Operation.AddAttribute,
  Operation.Check,
  Operation.Create,
  Operation.DeleteAttribute,
  Operation.Destroy,
  Operation.DiscoverVersions,
  Operation.Get,
  Operation.GetAttributeList,
  Operation.GetAttributes,
  Operation.Locate,
  Operation.ModifyAttribute,
  Operation.Query,
  Operation.Register,
  Operation.Revoke,
  Operation.SetAttribute,
]);

/** The profile whose cases ask for object types needs this one: section 5.12.5. */
const REQUIRED_OBJECT_TYPES: ReadonlySet<number> = new Set([ObjectType.SymmetricKey]);

/** An absent Attribute Index is 0: KMIP 1.4 section 2.1.1. */
function isFirstIndex(item: Item): boolean {
  return item.tag === Tag.AttributeIndex && item.type === ItemType.Integer && item.value === 0;
}

/** Whether the answer conforms without something that the case shows. */
export function mayBeMissing(parent: Place, expected: Expectation, attribute: string | undefined): boolean {
  if (OPTIONAL_PARTS.has(expected.tag)) return true;
  if (expected.kind === 'literal' && isFirstIndex(expected.item)) return true;
  if (parent.item?.operation === Operation.Query && parent.tags.at(-1) === Tag.ResponsePayload) {
    if (SELF_DESCRIPTION.has(expected.tag)) return true;
    if (expected.kind !== 'literal' || expected.item.type !== ItemType.Enumeration) return false;
    const required = expected.tag === Tag.Operation ? REQUIRED_OPERATIONS : REQUIRED_OBJECT_TYPES;
    return !required.has(expected.item.value);
  }
  // Second list, (1)
  return attribute === 'ObjectGroup' && !parent.memory.stated.has(attribute);
}

/** Structures in which 1.x tells of attributes that the server set. */
const SERVER_SET: ReadonlySet<number> = new Set([
  Tag.TemplateAttribute,
  Tag.PrivateKeyTemplateAttribute,
  Tag.PublicKeyTemplateAttribute,
]);

/** Whether the answer conforms with something that the case does not show. */
export function mayBeAdditional(parent: Place, actual: Item): boolean {
  if (OPTIONAL_PARTS.has(actual.tag) || isFirstIndex(actual)) return true;
  const structure = parent.tags.at(-1);
  const { operation, request } = parent.item ?? {};
  if (structure === Tag.RequestPayload) return isAdditionalNews(parent, actual);
  if (structure !== Tag.ResponsePayload && structure !== Tag.Attributes) return false;
  switch (operation) {
    case Operation.Query:
      return (
        SELF_DESCRIPTION.has(actual.tag) || actual.tag === Tag.Operation || actual.tag === Tag.ObjectType
      );
    case Operation.DiscoverVersions:
      // Second list, (5)
      return itemAt(request, Tag.RequestPayload, Tag.ProtocolVersion) === undefined;
    case Operation.Locate:
      // Second list, (8)
      return actual.tag === Tag.LocatedItems;
    case Operation.GetAttributes:
    case Operation.GetAttributeList:
    case Operation.Export:
      return isAdditionalAttribute(parent, actual);
    default:
      return SERVER_SET.has(actual.tag);
  }
}

/**
 * Put tells what attributes the server likes (KMIP 1.4 section 5.2). Of what Notify has to tell, published cases leave the
 * date of destruction out.
 */
function isAdditionalNews({ item }: Place, actual: Item): boolean {
  const name = attributeNameOf(actual);
  return name !== undefined && (item?.operation === Operation.Put || SERVER_DATES.has(name));
}

/** The standard says that every object has them, yet published cases leave them out. */
const NOT_ALWAYS_LISTED: ReadonlySet<string> = new Set([
  'CryptographicLength',
  'CryptographicUsageMask',
  'KeyFormatType',
  'ProtectionStorageMask',
]);

/**
 * First list, (21); second list, (1) and (2). A server tells more than the case shows only where everything was asked
 * for, and where the attribute is neither one that every such object has, nor one that the case itself brought about.
 */
function isAdditionalAttribute({ memory, item }: Place, actual: Item): boolean {
  const name = attributeNameOf(actual);
  const isSelective = itemsOf(itemAt(item?.request, Tag.RequestPayload)).some(
    ({ tag }) => tag === Tag.AttributeName || tag === Tag.AttributeReference,
  );
  if (name === undefined || isSelective) return false;
  if (NOT_ALWAYS_LISTED.has(name)) return true;
  if (memory.stated.has(name)) return false;
  const definition = definitionOfName(name);
  if (definition === undefined) return true;
  const { alwaysHasValue, setBy, implicitlySetBy } = definition;
  const setters = [...memory.ran].filter((code) =>
    implicitlySetBy.some((operation) => Operation[operation] === code),
  );
  const isBroughtAbout = setters.some((code) => !isMaker(code) || !setBy.client);
  return alwaysHasValue.length === 0 && !isBroughtAbout;
}
