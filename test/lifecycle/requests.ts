import {
  AdjustmentType,
  BlockCipherMode,
  CryptographicAlgorithm,
  DerivationMethod,
  DigitalSignatureAlgorithm,
  HashingAlgorithm,
  ObjectType,
  Operation,
  PaddingMethod,
  RevocationReasonCode,
  SplitKeyMethod,
  StorageStatusMask,
  Tag,
  dialectNamed,
} from '@holdfast/kmip';
import {
  attribute,
  boolean,
  bytes,
  enumeration,
  integer,
  longInteger,
  structure,
  text,
  uniqueIdentifier,
  type RequestItem,
} from '@holdfast/testkit';
import type { Item } from '@holdfast/ttlv';
import { CIPHERTEXT, OTHER_PART } from './objects';
import type { TypeName, Version } from './table';

/** What is asked of an object, by the names of the table's rows. */

/** `registered` is what the object was registered with: type, attributes and value. */
export type Ask = (
  identifier: string,
  version: Version,
  type: TypeName,
  registered: readonly Item[],
) => RequestItem;

const isOlder = (version: Version): boolean => dialectNamed(version).rules.attributeForm === 'indexed';
const ask =
  (operation: number, ...further: readonly Item[]): Ask =>
  (identifier) => ({ operation, payload: [uniqueIdentifier(identifier), ...further] });
/** Asks with what depends on version and type. */
const askWith =
  (operation: number, further: (version: Version, type: TypeName) => readonly Item[]): Ask =>
  (identifier, version, type) => ({
    operation,
    payload: [uniqueIdentifier(identifier), ...further(version, type)],
  });

const reason = (code: number): Item =>
  structure(Tag.RevocationReason, enumeration(Tag.RevocationReasonCode, code));

const parameters = (...members: readonly Item[]): Item => structure(Tag.CryptographicParameters, ...members);
const OAEP = parameters(
  enumeration(Tag.PaddingMethod, PaddingMethod.OAEP),
  enumeration(Tag.HashingAlgorithm, HashingAlgorithm.SHA_256),
);
const ECB = parameters(
  enumeration(Tag.BlockCipherMode, BlockCipherMode.ECB),
  enumeration(Tag.PaddingMethod, PaddingMethod.None),
);
const HMAC = parameters(enumeration(Tag.CryptographicAlgorithm, CryptographicAlgorithm.HMAC_SHA256));
const SIGNING = parameters(
  enumeration(Tag.DigitalSignatureAlgorithm, DigitalSignatureAlgorithm.SHA_256WithRSAEncryption),
);
const data = bytes(Tag.Data, Buffer.alloc(16, 1));

/** A custom attribute, as each version says it. */
function custom(version: Version, value: string, tag: number): Item {
  if (isOlder(version)) return attribute('x-mark', text(Tag.AttributeValue, value));
  return structure(
    tag,
    structure(
      Tag.Attribute,
      text(Tag.VendorIdentification, 'x'),
      text(Tag.AttributeName, 'mark'),
      text(Tag.AttributeValue, value),
    ),
  );
}

const keyAttributes = (version: Version): Item => {
  const members: readonly (readonly [string, Item])[] = [
    ['Cryptographic Algorithm', enumeration(Tag.CryptographicAlgorithm, CryptographicAlgorithm.AES)],
    ['Cryptographic Length', integer(Tag.CryptographicLength, 256)],
    ['Cryptographic Usage Mask', integer(Tag.CryptographicUsageMask, 12)],
  ];
  return isOlder(version)
    ? structure(Tag.TemplateAttribute, ...members.map(([name, value]) => attribute(name, value)))
    : structure(Tag.Attributes, ...members.map(([, value]) => value));
};

const isAsymmetric = (type: TypeName): boolean => type !== 'SymmetricKey';

/** Finds the object alone, by its identifier. */
const locate =
  (...mask: readonly Item[]): Ask =>
  (identifier, version) => ({
    operation: Operation.Locate,
    payload: [
      ...mask,
      isOlder(version)
        ? attribute('Unique Identifier', uniqueIdentifier(identifier))
        : structure(Tag.Attributes, uniqueIdentifier(identifier)),
    ],
  });

const importing =
  (isReplaced: boolean): Ask =>
  (identifier, version, _type, [objectType, , object]) => {
    if (objectType === undefined || object === undefined) throw new Error('nothing to import');
    const replace = isReplaced ? [boolean(Tag.ReplaceExisting, true)] : [];
    const mask = integer(Tag.CryptographicUsageMask, 12);
    return {
      operation: Operation.Import,
      payload: isOlder(version)
        ? [
            uniqueIdentifier(identifier),
            ...replace,
            object.tag === Tag.Template
              ? attribute('Contact Information', text(Tag.AttributeValue, 'us'))
              : attribute('Cryptographic Usage Mask', mask),
            object,
          ]
        : [uniqueIdentifier(identifier), objectType, ...replace, structure(Tag.Attributes, mask), object],
    };
  };

/** Attributes that ask for nothing. */
const noAttributes = (version: Version): Item =>
  isOlder(version) ? structure(Tag.TemplateAttribute) : structure(Tag.Attributes);

export const REQUESTS: Readonly<Record<string, Ask>> = {
  Get: ask(Operation.Get),
  'Get Attributes': ask(Operation.GetAttributes),
  'Get Attribute List': ask(Operation.GetAttributeList),
  Check: ask(Operation.Check),
  'Add Attribute': askWith(Operation.AddAttribute, (version) => [
    isOlder(version)
      ? attribute('x-other', text(Tag.AttributeValue, 'new'))
      : structure(Tag.NewAttribute, text(Tag.Comment, 'new')),
  ]),
  'Modify Attribute': askWith(Operation.ModifyAttribute, (version) => [
    custom(version, 'changed', Tag.NewAttribute),
  ]),
  'Delete Attribute': askWith(Operation.DeleteAttribute, (version) =>
    isOlder(version)
      ? [text(Tag.AttributeName, 'x-mark')]
      : [
          structure(
            Tag.AttributeReference,
            text(Tag.VendorIdentification, 'x'),
            text(Tag.AttributeName, 'mark'),
          ),
        ],
  ),
  'Set Attribute': ask(Operation.SetAttribute, structure(Tag.NewAttribute, text(Tag.Comment, 'set'))),
  'Adjust Attribute': ask(
    Operation.AdjustAttribute,
    structure(Tag.AttributeReference, text(Tag.VendorIdentification, 'x'), text(Tag.AttributeName, 'count')),
    enumeration(Tag.AdjustmentType, AdjustmentType.Increment),
  ),
  Activate: ask(Operation.Activate),
  Revoke: ask(Operation.Revoke, reason(RevocationReasonCode.CessationOfOperation)),
  'Revoke (compromise)': ask(Operation.Revoke, reason(RevocationReasonCode.KeyCompromise)),
  Destroy: ask(Operation.Destroy),
  Archive: ask(Operation.Archive),
  Recover: ask(Operation.Recover),
  'Obtain Lease': ask(Operation.ObtainLease),
  'Get Usage Allocation': ask(Operation.GetUsageAllocation, longInteger(Tag.UsageLimitsCount, 1n)),
  Encrypt: askWith(Operation.Encrypt, (_version, type) => [isAsymmetric(type) ? OAEP : ECB, data]),
  Decrypt: askWith(Operation.Decrypt, (_version, type) =>
    isAsymmetric(type) ? [OAEP, bytes(Tag.Data, CIPHERTEXT)] : [ECB, data],
  ),
  Sign: ask(Operation.Sign, SIGNING, data),
  'Signature Verify': ask(
    Operation.SignatureVerify,
    SIGNING,
    data,
    bytes(Tag.SignatureData, Buffer.alloc(256, 1)),
  ),
  MAC: ask(Operation.MAC, HMAC, data),
  'MAC Verify': ask(Operation.MACVerify, HMAC, data, bytes(Tag.MACData, Buffer.alloc(32, 1))),
  'Derive Key': (identifier, version) => ({
    operation: Operation.DeriveKey,
    payload: [
      enumeration(Tag.ObjectType, ObjectType.SymmetricKey),
      uniqueIdentifier(identifier),
      enumeration(Tag.DerivationMethod, DerivationMethod.PBKDF2),
      structure(
        Tag.DerivationParameters,
        parameters(enumeration(Tag.HashingAlgorithm, HashingAlgorithm.SHA_256)),
        bytes(Tag.Salt, Buffer.from('a salt of some bytes')),
        integer(Tag.IterationCount, 1000),
      ),
      keyAttributes(version),
    ],
  }),
  'Re-key': ask(Operation.ReKey),
  'Re-key Key Pair': (identifier) => ({
    operation: Operation.ReKeyKeyPair,
    payload: [text(Tag.PrivateKeyUniqueIdentifier, identifier)],
  }),
  Export: ask(Operation.Export),
  Locate: locate(),
  'Locate (destroyed)': locate(
    integer(Tag.StorageStatusMask, StorageStatusMask.OnLineStorage | StorageStatusMask.DestroyedStorage),
  ),
  Certify: ask(Operation.Certify),
  'Re-certify': ask(Operation.ReCertify),
  Validate: ask(Operation.Validate),
  'Create Split Key': (identifier, version) => ({
    operation: Operation.CreateSplitKey,
    payload: [
      enumeration(Tag.ObjectType, ObjectType.SplitKey),
      uniqueIdentifier(identifier),
      integer(Tag.SplitKeyParts, 2),
      integer(Tag.SplitKeyThreshold, 2),
      enumeration(Tag.SplitKeyMethod, SplitKeyMethod.XOR),
      noAttributes(version),
    ],
  }),
  'Join Split Key': (identifier) => ({
    operation: Operation.JoinSplitKey,
    payload: [
      enumeration(Tag.ObjectType, ObjectType.SymmetricKey),
      uniqueIdentifier(identifier),
      uniqueIdentifier(OTHER_PART),
    ],
  }),
  Import: importing(false),
  'Import (replace)': importing(true),
};
