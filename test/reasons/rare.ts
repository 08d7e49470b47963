import {
  DerivationMethod,
  KeyFormatType,
  LinkType,
  Operation,
  RecommendedCurve,
  SplitKeyMethod,
  Tag,
} from '@holdfast/kmip';
import {
  bytes,
  dateTime,
  enumeration,
  integer,
  interval,
  longInteger,
  structure,
  text,
  uniqueIdentifier,
} from '@holdfast/testkit';
import { ItemType, type Item } from '@holdfast/ttlv';
import { making } from './making';
import {
  about,
  attributes,
  algorithm,
  data,
  foreignNamespace,
  group,
  length,
  mask,
  one,
  parameters,
  type Member,
  type Mistake,
  type Site,
} from './pieces';

/** Mistakes that need an object of their own to be made with. */

const newer = (reason: string) => ['', reason, reason] as const;
const same = (reason: string) => [reason, reason, reason] as const;

const negative: Member = [
  'Usage Limits',
  structure(Tag.UsageLimits, longInteger(Tag.UsageLimitsTotal, -1n), enumeration(Tag.UsageLimitsUnit, 2)),
];

const attributeMistakes: readonly Mistake[] = [
  {
    operation: 'AddAttribute',
    what: 'more instances than there may be',
    reasons: ['IndexOutOfBounds', 'ServerLimitExceeded', 'ServerLimitExceeded'],
    make: ({ full }, version) => about(Operation.AddAttribute, full, one(version, group)),
  },
  {
    operation: 'AddAttribute',
    what: 'a date whose time is over',
    reasons: ['', '', 'WrongKeyLifecycleState'],
    make: ({ destroyed }) =>
      about(
        Operation.AddAttribute,
        destroyed,
        structure(Tag.NewAttribute, dateTime(Tag.ActivationDate, 2_000_000_000)),
      ),
  },
  {
    operation: 'ModifyAttribute',
    what: 'a namespace without data',
    reasons: ['ApplicationNamespaceNotSupported', '', ''],
    make: ({ applied }, version) => about(Operation.ModifyAttribute, applied, one(version, foreignNamespace)),
  },
  {
    operation: 'SetAttribute',
    what: 'a value that it cannot have',
    reasons: newer('InvalidAttributeValue'),
    make: ({ named }) => about(Operation.SetAttribute, named, structure(Tag.NewAttribute, negative[1])),
  },
  {
    operation: 'GetAttributes',
    what: 'no such attribute',
    reasons: newer('InvalidAttribute'),
    make: ({ key }) => about(Operation.GetAttributes, key, enumeration(Tag.AttributeReference, Tag.KeyBlock)),
  },
];

/** An attribute that opaque objects do not have. */
const forOpaque = [
  structure(Tag.ObjectTypes, enumeration(Tag.ObjectType, 8)),
  structure(
    Tag.Attributes,
    structure(Tag.CryptographicDomainParameters, enumeration(Tag.RecommendedCurve, RecommendedCurve.P_256)),
  ),
];
const policyMistakes: readonly Mistake[] = [
  {
    operation: 'SetDefaults',
    what: 'an attribute that such objects do not have',
    reasons: ['', '', 'InvalidObjectType'],
    make: () => ({
      operation: Operation.SetDefaults,
      payload: [structure(Tag.DefaultsInformation, structure(Tag.ObjectDefaults, ...forOpaque))],
    }),
  },
  {
    operation: 'SetConstraints',
    what: 'an attribute that such objects do not have',
    reasons: ['', '', 'InvalidObjectType'],
    make: () => ({
      operation: Operation.SetConstraints,
      payload: [structure(Tag.Constraints, structure(Tag.Constraint, ...forOpaque))],
    }),
  },
];

const offset = interval(Tag.Offset, 60);
const replacementMistakes: readonly Mistake[] = [
  {
    operation: 'ReKey',
    what: 'an offset without the date that it is counted from',
    reasons: ['IllegalOperation', '', ''],
    make: ({ dated }) => about(Operation.ReKey, dated, offset),
  },
  {
    operation: 'ReKeyKeyPair',
    what: 'an offset without the date that it is counted from',
    reasons: ['IllegalOperation', '', ''],
    make: ({ datedPrivate }) => ({
      operation: Operation.ReKeyKeyPair,
      payload: [text(Tag.PrivateKeyUniqueIdentifier, datedPrivate), offset],
    }),
  },
  {
    operation: 'ReKeyKeyPair',
    what: 'a value that is kept elsewhere',
    reasons: same('KeyValueNotPresent'),
    make: ({ valuelessPrivate }) => ({
      operation: Operation.ReKeyKeyPair,
      payload: [text(Tag.PrivateKeyUniqueIdentifier, valuelessPrivate)],
    }),
  },
  {
    operation: 'Sign',
    what: 'a value that is kept elsewhere',
    reasons: same('KeyValueNotPresent'),
    make: ({ valuelessPrivate }) =>
      about(
        Operation.Sign,
        valuelessPrivate,
        parameters(enumeration(Tag.DigitalSignatureAlgorithm, 5)),
        data,
      ),
  },
  {
    operation: 'SignatureVerify',
    what: 'a value that is kept elsewhere',
    reasons: same('KeyValueNotPresent'),
    make: ({ valuelessPublic }) =>
      about(
        Operation.SignatureVerify,
        valuelessPublic,
        parameters(enumeration(Tag.DigitalSignatureAlgorithm, 5)),
        data,
        bytes(Tag.SignatureData, Buffer.alloc(256)),
      ),
  },
  {
    operation: 'SignatureVerify',
    what: 'no hash',
    reasons: newer('BadCryptographicParameters'),
    make: ({ publicKey }) =>
      about(
        Operation.SignatureVerify,
        publicKey,
        parameters(enumeration(Tag.PaddingMethod, 8)),
        data,
        bytes(Tag.SignatureData, Buffer.alloc(256)),
      ),
  },
];

const join = (parts: readonly string[], ...further: readonly Item[]) => ({
  operation: Operation.JoinSplitKey,
  payload: [enumeration(Tag.ObjectType, 2), ...parts.map(uniqueIdentifier), ...further],
});
const partMistakes: readonly Mistake[] = [
  {
    operation: 'CreateSplitKey',
    what: 'a field that is too long to be tested',
    reasons: newer('UnsupportedCryptographicParameters'),
    make: (_site, version) => ({
      operation: Operation.CreateSplitKey,
      payload: [
        enumeration(Tag.ObjectType, 5),
        integer(Tag.SplitKeyParts, 2),
        integer(Tag.SplitKeyThreshold, 2),
        enumeration(Tag.SplitKeyMethod, SplitKeyMethod.PolynomialSharingPrimeField),
        { tag: Tag.PrimeFieldSize, type: ItemType.BigInteger, value: (1n << 5000n) + 1n },
        attributes(version, [algorithm, length(256), mask]),
      ],
    }),
  },
  {
    operation: 'JoinSplitKey',
    what: 'parts over what is no field',
    reasons: newer('BadCryptographicParameters'),
    make: ({ fieldless }) => join(fieldless),
  },
  {
    operation: 'JoinSplitKey',
    what: 'parts over a field that is too long',
    reasons: newer('UnsupportedCryptographicParameters'),
    make: ({ huge }) => join(huge),
  },
  {
    operation: 'JoinSplitKey',
    what: 'a value that an attribute cannot have',
    reasons: newer('InvalidAttributeValue'),
    make: ({ parts }, version) => join(parts, attributes(version, [negative])),
  },
];

const derive = (key: string, version: Parameters<Mistake['make']>[1], method: number, use: Item) => ({
  operation: Operation.DeriveKey,
  payload: [
    enumeration(Tag.ObjectType, 2),
    uniqueIdentifier(key),
    enumeration(Tag.DerivationMethod, method),
    structure(Tag.DerivationParameters, use, bytes(Tag.DerivationData, Buffer.alloc(32))),
    attributes(version, [algorithm, length(256), mask]),
  ],
});
const derivationMistakes: readonly Mistake[] = [
  {
    operation: 'DeriveKey',
    what: 'no pseudorandom function',
    reasons: newer('BadCryptographicParameters'),
    make: ({ key }, version) => derive(key, version, DerivationMethod.NIST800_108_C, parameters()),
  },
  {
    operation: 'DeriveKey',
    what: 'a mode that is not supported',
    reasons: newer('UnsupportedCryptographicParameters'),
    make: ({ key }, version) =>
      derive(key, version, DerivationMethod.ENCRYPT, parameters(enumeration(Tag.BlockCipherMode, 7))),
  },
];

/** A Key Block in Raw format. */
const rawBlock = (keyValue: Item, ...wrapping: readonly Item[]): Item =>
  structure(
    Tag.KeyBlock,
    enumeration(Tag.KeyFormatType, KeyFormatType.Raw),
    keyValue,
    algorithm[1],
    integer(Tag.CryptographicLength, 256),
    structure(Tag.KeyWrappingData, ...wrapping),
  );
/** The request with another object in it. */
const holding = (
  operation: 'Register' | 'Import',
  site: Site,
  version: Parameters<Mistake['make']>[1],
  block: Item,
) => {
  const { payload, ...item } = making(operation, site, version);
  const object = structure(Tag.SymmetricKey, block);
  return { ...item, payload: [...payload.filter(({ tag }) => tag !== Tag.SymmetricKey), object] };
};
const NO_ENCODING = enumeration(Tag.EncodingOption, 1);
const registrationMistakes: readonly Mistake[] = [
  {
    operation: 'Register',
    what: 'attributes with key material that is authenticated alone',
    reasons: same('EncodingOptionError'),
    make: (site, version) => {
      const material = bytes(Tag.KeyMaterial, Buffer.alloc(32, 3));
      const { value } = attributes(version, [group]);
      const embedded = version === '1.4' ? (value as readonly Item[]) : [structure(Tag.Attributes, group[1])];
      const keyValue = structure(Tag.KeyValue, material, ...embedded);
      const macKey = structure(Tag.MACSignatureKeyInformation, uniqueIdentifier(site.key));
      const mac = bytes(Tag.MACSignature, Buffer.alloc(32));
      const wrapping = [enumeration(Tag.WrappingMethod, 2), macKey, mac, NO_ENCODING];
      return holding('Register', site, version, rawBlock(keyValue, ...wrapping));
    },
  },
  {
    operation: 'Import',
    what: 'key material alone that is said to be encoded',
    reasons: same('EncodingOptionError'),
    make: (site, version) => {
      const wrappingKey = structure(Tag.EncryptionKeyInformation, uniqueIdentifier(site.key));
      const encoded = enumeration(Tag.EncodingOption, 2);
      const block = rawBlock(
        bytes(Tag.KeyValue, site.wrapped),
        enumeration(Tag.WrappingMethod, 1),
        wrappingKey,
        encoded,
      );
      const { payload, ...item } = holding('Import', site, version, block);
      const [identifier, ...others] = payload;
      const opened = enumeration(Tag.KeyWrapType, 1);
      const type = others.filter(({ tag }) => tag === Tag.ObjectType);
      const further = others.filter(({ tag }) => tag !== Tag.ObjectType);
      return { ...item, payload: [identifier as Item, ...type, opened, ...further] };
    },
  },
  {
    operation: 'Register',
    what: 'an object of another type than it says',
    reasons: ['InvalidField', 'InvalidObjectType', 'InvalidObjectType'],
    make: (site, version) => {
      const { payload, ...item } = making('Register', site, version);
      return { ...item, payload: [enumeration(Tag.ObjectType, 7), ...payload.slice(1)] };
    },
  },
  {
    operation: 'Register',
    what: 'a container with another password',
    reasons: newer('BadPassword'),
    make: ({ container, wrongPassword }) => ({
      operation: Operation.Register,
      payload: [
        enumeration(Tag.ObjectType, 4),
        structure(
          Tag.Attributes,
          mask[1],
          structure(
            Tag.Link,
            enumeration(Tag.LinkType, LinkType.PKCS_12PasswordLink),
            text(Tag.LinkedObjectIdentifier, wrongPassword),
          ),
        ),
        structure(
          Tag.PrivateKey,
          structure(
            Tag.KeyBlock,
            enumeration(Tag.KeyFormatType, KeyFormatType.PKCS_12),
            structure(Tag.KeyValue, bytes(Tag.KeyMaterial, container)),
          ),
        ),
      ],
    }),
  },
];

export const RARE_MISTAKES: readonly Mistake[] = [
  ...attributeMistakes,
  ...policyMistakes,
  ...replacementMistakes,
  ...partMistakes,
  ...derivationMistakes,
  ...registrationMistakes,
];
