import {
  HashingAlgorithm,
  InteropFunction,
  ObjectType,
  Operation,
  ProtectionStorageMask,
  Tag,
  type OperationName,
} from '@holdfast/kmip';
import {
  bytes,
  enumeration,
  integer,
  longInteger,
  structure,
  text,
  uniqueIdentifier,
  type RequestItem,
} from '@holdfast/testkit';
import {
  CBC,
  ECB,
  HMAC,
  about,
  algorithm,
  attributes,
  contact,
  createPairRequest,
  createRequest,
  data,
  derive,
  group,
  mask,
  name,
  named,
  one,
  parameters,
  stale,
  state,
  type Mistake,
  type Site,
  type Version,
} from './pieces';
import { MAKING_MISTAKES, making } from './making';
import { OBJECT_MISTAKES } from './objects';
import { RARE_MISTAKES } from './rare';

/** Requests with one mistake each. */

export const MISTAKES: readonly Mistake[] = [
  ...MAKING_MISTAKES,
  ...OBJECT_MISTAKES,
  ...RARE_MISTAKES,
  {
    operation: 'Create',
    what: 'a type that is not made',
    reasons: ['InvalidField', 'InvalidObjectType', 'InvalidObjectType'],
    make: (_site, version) => ({
      operation: Operation.Create,
      payload: [enumeration(Tag.ObjectType, ObjectType.Certificate), attributes(version, [algorithm, mask])],
    }),
  },
  ...(
    [
      ['ReKey', Tag.ProtectionStorageMasks, 'ProtectionStorageUnavailable'],
      ['CreateKeyPair', Tag.PrivateProtectionStorageMasks, 'PrivateProtectionStorageUnavailable'],
      ['CreateKeyPair', Tag.PublicProtectionStorageMasks, 'PublicProtectionStorageUnavailable'],
    ] as const
  ).map(([operation, tag, reason]): Mistake => ({
    operation,
    what: 'a storage that there is not',
    reasons: ['', reason, reason],
    make(site, version) {
      const masks = structure(tag, integer(Tag.ProtectionStorageMask, ProtectionStorageMask.OffSystem));
      const before =
        operation === 'ReKey' ? about(Operation.ReKey, site.key) : RIGHT[operation]?.(version, site);
      return { operation: Operation[operation], payload: [...(before?.payload ?? []), masks] };
    },
  })),
  {
    operation: 'AddAttribute',
    what: 'a value that is there',
    reasons: ['IllegalOperation', 'AttributeSingleValued', 'AttributeSingleValued'],
    make: ({ useless }, version) => about(Operation.AddAttribute, useless, one(version, contact)),
  },
  {
    operation: 'AddAttribute',
    what: 'a name that is taken',
    reasons: ['IllegalOperation', 'NonUniqueNameAttribute', 'NonUniqueNameAttribute'],
    make: ({ key, takenName }, version) => about(Operation.AddAttribute, key, one(version, name(takenName))),
  },
  {
    operation: 'AddAttribute',
    what: 'an attribute that the server sets',
    reasons: ['PermissionDenied', 'ReadOnlyAttribute', 'ReadOnlyAttribute'],
    make: ({ key }, version) => about(Operation.AddAttribute, key, one(version, state)),
  },
  {
    operation: 'ModifyAttribute',
    what: 'an attribute that the server sets',
    reasons: ['PermissionDenied', 'AttributeReadOnly', 'AttributeReadOnly'],
    make: ({ key }, version) => about(Operation.ModifyAttribute, key, one(version, state)),
  },
  {
    operation: 'ModifyAttribute',
    what: 'an attribute that is not there',
    reasons: ['InvalidField', 'AttributeNotFound', 'AttributeNotFound'],
    make: ({ key }, version) => about(Operation.ModifyAttribute, key, one(version, contact)),
  },
  {
    operation: 'DeleteAttribute',
    what: 'an attribute that is not there',
    reasons: ['ItemNotFound', 'AttributeNotFound', 'AttributeNotFound'],
    make: ({ key }, version) =>
      about(Operation.DeleteAttribute, key, named(version, 'Contact Information', Tag.ContactInformation)),
  },
  {
    operation: 'DeleteAttribute',
    what: 'an attribute that the server sets',
    reasons: ['PermissionDenied', 'AttributeReadOnly', 'AttributeReadOnly'],
    make: ({ key }, version) => about(Operation.DeleteAttribute, key, named(version, 'State', Tag.State)),
  },
  {
    operation: 'SetAttribute',
    what: 'an attribute that the server sets',
    reasons: ['', 'ReadOnlyAttribute', 'ReadOnlyAttribute'],
    make: ({ key }, version) => about(Operation.SetAttribute, key, one(version, state)),
  },
  {
    operation: 'SetAttribute',
    what: 'an attribute with several values',
    reasons: ['', 'MultiValuedAttribute', 'MultiValuedAttribute'],
    make: ({ key }, version) => about(Operation.SetAttribute, key, one(version, group)),
  },
  {
    operation: 'Check',
    what: 'a use that the mask does not allow',
    reasons: ['PermissionDenied', 'IncompatibleCryptographicUsageMask', 'IncompatibleCryptographicUsageMask'],
    make: ({ useless }) => about(Operation.Check, useless, integer(Tag.CryptographicUsageMask, 4)),
  },
  {
    operation: 'Check',
    what: 'more units than are left',
    reasons: ['PermissionDenied', 'UsageLimitExceeded', 'UsageLimitExceeded'],
    make: ({ key }) => about(Operation.Check, key, longInteger(Tag.UsageLimitsCount, 1_000_000n)),
  },
  {
    operation: 'GetUsageAllocation',
    what: 'more units than are left',
    reasons: ['PermissionDenied', 'UsageLimitExceeded', 'UsageLimitExceeded'],
    make: ({ key }) =>
      about(Operation.GetUsageAllocation, key, longInteger(Tag.UsageLimitsCount, 1_000_000n)),
  },
  {
    operation: 'GetUsageAllocation',
    what: 'no count',
    reasons: ['InvalidMessage', 'InvalidMessage', 'InvalidMessage'],
    make: ({ key }) => about(Operation.GetUsageAllocation, key),
  },
  ...(
    [
      ['Encrypt', [ECB, data]],
      ['Decrypt', [ECB, data]],
      ['MAC', [HMAC, data]],
      ['MACVerify', [HMAC, data, bytes(Tag.MACData, Buffer.alloc(32))]],
    ] as const
  ).flatMap(([operation, members]): readonly Mistake[] => [
    {
      operation,
      what: 'a use that the mask does not allow',
      reasons: [
        'PermissionDenied',
        'IncompatibleCryptographicUsageMask',
        'IncompatibleCryptographicUsageMask',
      ],
      make: ({ useless }) => about(Operation[operation], useless, ...members),
    },
    {
      operation,
      what: 'a stream that there is not',
      reasons: ['ItemNotFound', 'InvalidCorrelationValue', 'InvalidCorrelationValue'],
      make: ({ key }) => about(Operation[operation], key, ...members.slice(0, 2), stale, ...members.slice(2)),
    },
  ]),
  {
    operation: 'Hash',
    what: 'a stream that there is not',
    reasons: ['ItemNotFound', 'InvalidCorrelationValue', 'InvalidCorrelationValue'],
    make: () => ({
      operation: Operation.Hash,
      payload: [parameters(enumeration(Tag.HashingAlgorithm, HashingAlgorithm.SHA_256)), data, stale],
    }),
  },
  {
    operation: 'Encrypt',
    what: 'no initialization vector',
    reasons: ['', '', 'MissingInitializationVector'],
    make: ({ key }) => about(Operation.Encrypt, key, CBC, data),
  },
  {
    operation: 'Decrypt',
    what: 'no initialization vector',
    reasons: ['', '', 'MissingInitializationVector'],
    make: ({ key }) => about(Operation.Decrypt, key, CBC, data),
  },
  {
    operation: 'Decrypt',
    what: 'half a block',
    reasons: ['CryptographicFailure', 'CryptographicFailure', 'CryptographicFailure'],
    make: ({ key }) => about(Operation.Decrypt, key, ECB, bytes(Tag.Data, Buffer.alloc(7))),
  },
  {
    operation: 'DeriveKey',
    what: 'a key that may not derive',
    reasons: ['InvalidField', 'IncompatibleCryptographicUsageMask', 'IncompatibleCryptographicUsageMask'],
    make: ({ useless }, version) => derive(version, useless),
  },
  {
    operation: 'DeriveKey',
    what: 'a key that there is not',
    reasons: ['ItemNotFound', 'ObjectNotFound', 'ObjectNotFound'],
    make: (_site, version) => derive(version, 'nothing'),
  },
  {
    operation: 'Get',
    what: 'a format that the key does not have',
    reasons: ['KeyFormatTypeNotSupported', 'KeyFormatTypeNotSupported', 'KeyFormatTypeNotSupported'],
    make: ({ key }) => about(Operation.Get, key, enumeration(Tag.KeyFormatType, 5)),
  },
  {
    operation: 'Get',
    what: 'a wrapping key that there is not',
    reasons: ['ItemNotFound', 'WrappingObjectNotFound', 'WrappingObjectNotFound'],
    make: ({ key }) =>
      about(
        Operation.Get,
        key,
        structure(
          Tag.KeyWrappingSpecification,
          enumeration(Tag.WrappingMethod, 1),
          structure(Tag.EncryptionKeyInformation, uniqueIdentifier('nothing')),
        ),
      ),
  },
  {
    operation: 'Revoke',
    what: 'a reason that there is not',
    reasons: ['InvalidField', 'InvalidField', 'InvalidField'],
    make: ({ key }) =>
      about(
        Operation.Revoke,
        key,
        structure(Tag.RevocationReason, enumeration(Tag.RevocationReasonCode, 99)),
      ),
  },
  {
    operation: 'Archive',
    what: 'an archived object',
    reasons: ['ObjectArchived', 'ObjectArchived', 'ObjectArchived'],
    make: ({ archived }) => about(Operation.Archive, archived),
  },
  ...(['Poll', 'Process'] as const).map((operation): Mistake => ({
    operation,
    what: 'a value of nobody',
    reasons: [
      operation === 'Poll' ? 'ItemNotFound' : '',
      operation === 'Poll' ? 'InvalidAsynchronousCorrelationValue' : '',
      'InvalidAsynchronousCorrelationValue',
    ],
    make: () => ({
      operation: Operation[operation],
      payload: [bytes(Tag.AsynchronousCorrelationValue, Buffer.alloc(16, 5))],
    }),
  })),
  {
    operation: 'Cancel',
    what: 'a value that is none',
    reasons: ['', 'InvalidAsynchronousCorrelationValue', 'InvalidAsynchronousCorrelationValue'],
    make: () => ({
      operation: Operation.Cancel,
      payload: [bytes(Tag.AsynchronousCorrelationValue, Buffer.alloc(3))],
    }),
  },
];

/** Right requests of the operations that are about no object that exists. */
export const RIGHT: Partial<Record<OperationName, (version: Version, site: Site) => RequestItem>> = {
  Create: (version) => createRequest(version),
  CreateKeyPair: (version) => createPairRequest(version),
  Register: (version, site) => making('Register', site, version),
  Import: (version, site) => making('Import', site, version),
  CreateSplitKey: (version, site) => making('CreateSplitKey', site, version),
  JoinSplitKey: (version, site) => making('JoinSplitKey', site, version),
  Login: () => ({ operation: Operation.Login, payload: [] }),
  DelegatedLogin: () => ({
    operation: Operation.DelegatedLogin,
    payload: [structure(Tag.Rights, structure(Tag.Right))],
  }),
  Logout: (version, { tickets }) => ({
    operation: Operation.Logout,
    payload: [tickets[version] ?? structure(Tag.Ticket)],
  }),
  GetConstraints: () => ({ operation: Operation.GetConstraints, payload: [] }),
  SetConstraints: () => ({ operation: Operation.SetConstraints, payload: [structure(Tag.Constraints)] }),
  SetDefaults: () => ({ operation: Operation.SetDefaults, payload: [] }),
  SetEndpointRole: () => ({
    operation: Operation.SetEndpointRole,
    payload: [enumeration(Tag.EndpointRole, 2)],
  }),
  QueryAsynchronousRequests: () => ({ operation: Operation.QueryAsynchronousRequests, payload: [] }),
  ReProvision: () => ({ operation: Operation.ReProvision, payload: [] }),
  PKCS_11: () => ({
    operation: Operation.PKCS_11,
    payload: [enumeration(Tag.PKCS_11Function, 1), bytes(Tag.PKCS_11InputParameters, Buffer.from([1]))],
  }),
  Locate: () => ({ operation: Operation.Locate, payload: [] }),
  Query: () => ({ operation: Operation.Query, payload: [enumeration(Tag.QueryFunction, 1)] }),
  DiscoverVersions: () => ({ operation: Operation.DiscoverVersions, payload: [] }),
  Hash: () => ({
    operation: Operation.Hash,
    payload: [parameters(enumeration(Tag.HashingAlgorithm, HashingAlgorithm.SHA_256)), data],
  }),
  RNGRetrieve: () => ({ operation: Operation.RNGRetrieve, payload: [integer(Tag.DataLength, 64)] }),
  RNGSeed: () => ({ operation: Operation.RNGSeed, payload: [data] }),
  Log: () => ({ operation: Operation.Log, payload: [text(Tag.LogMessage, 'a message')] }),
  Interop: () => ({
    operation: Operation.Interop,
    payload: [
      enumeration(Tag.InteropFunction, InteropFunction.Begin),
      text(Tag.InteropIdentifier, 'reasons'),
    ],
  }),
  Poll: (version, { pending }) => ({
    operation: Operation.Poll,
    payload: [bytes(Tag.AsynchronousCorrelationValue, pending[version] ?? Buffer.alloc(16))],
  }),
  Process: (version, { pending }) => ({
    operation: Operation.Process,
    payload: [bytes(Tag.AsynchronousCorrelationValue, pending[version] ?? Buffer.alloc(16))],
  }),
  Cancel: () => ({
    operation: Operation.Cancel,
    payload: [bytes(Tag.AsynchronousCorrelationValue, Buffer.alloc(16, 5))],
  }),
};
