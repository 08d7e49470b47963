import type { ErrorCode } from '@holdfast/ttlv';
import type { OperationName } from '../attributes/definition';
import { ResultReason, resultReasonEnum } from '../vocabulary/enumerations';
import type { Dialect, Window } from './dialect';

/** The one map from (error code, operation, version) to Result Reason. KMIP 1.4 chapter 11, KMIP 2.1 chapter 6. */

type ReasonName = keyof typeof ResultReason;

/**
 * What each code is called, best first: the first name that the version lists is taken, General Failure where it lists none.
 * Names of 2.x come first, then what 1.x says in chapter 11 for the same fault.
 */
const reasonsByCode: Readonly<Record<ErrorCode, readonly ReasonName[]>> = {
  ApplicationNamespaceNotSupported: ['ApplicationNamespaceNotSupported'],
  AttestationFailed: ['AttestationFailed', 'AuthenticationNotSuccessful'],
  AttestationRequired: ['AttestationRequired', 'PermissionDenied'],
  AttributeInstanceNotFound: ['AttributeInstanceNotFound', 'ItemNotFound'],
  AttributeNotFound: ['AttributeNotFound', 'ItemNotFound'],
  AttributeReadOnly: ['AttributeReadOnly', 'PermissionDenied'],
  AttributeSingleValued: ['AttributeSingleValued', 'InvalidField'],
  AuthenticationNotSuccessful: ['AuthenticationNotSuccessful'],
  BadCryptographicParameters: ['BadCryptographicParameters', 'InvalidField'],
  BadPassword: ['BadPassword', 'InvalidField'],
  CodecError: ['CodecError', 'InvalidMessage'],
  ConstraintViolation: ['ConstraintViolation', 'PermissionDenied'],
  CryptographicFailure: ['CryptographicFailure'],
  DuplicateProcessRequest: ['DuplicateProcessRequest', 'InvalidMessage'],
  EncodingOptionError: ['EncodingOptionError', 'FeatureNotSupported'],
  FeatureNotSupported: ['FeatureNotSupported'],
  GeneralFailure: ['GeneralFailure'],
  IllegalObjectType: ['IllegalObjectType', 'IllegalOperation'],
  IncompatibleCryptographicUsageMask: ['IncompatibleCryptographicUsageMask', 'PermissionDenied'],
  IndexOutOfBounds: ['IndexOutOfBounds', 'ServerLimitExceeded'],
  InternalServerError: ['InternalServerError', 'GeneralFailure'],
  InvalidAsynchronousCorrelationValue: ['InvalidAsynchronousCorrelationValue', 'ItemNotFound'],
  InvalidAttribute: ['InvalidAttribute', 'InvalidField'],
  InvalidAttributeValue: ['InvalidAttributeValue', 'InvalidField'],
  InvalidCorrelationValue: ['InvalidCorrelationValue', 'ItemNotFound'],
  InvalidCSR: ['InvalidCSR', 'InvalidField'],
  InvalidDataType: ['InvalidDataType', 'InvalidField'],
  InvalidField: ['InvalidField'],
  InvalidMessage: ['InvalidMessage'],
  InvalidObjectType: ['InvalidObjectType', 'InvalidField'],
  InvalidTicket: ['InvalidTicket', 'AuthenticationNotSuccessful'],
  ItemNotFound: ['ItemNotFound'],
  KeyCompressionTypeNotSupported: ['KeyCompressionTypeNotSupported'],
  KeyFormatTypeNotSupported: ['KeyFormatTypeNotSupported'],
  KeyValueNotPresent: ['KeyValueNotPresent', 'IllegalOperation'],
  KeyWrapTypeNotSupported: ['KeyWrapTypeNotSupported', 'FeatureNotSupported'],
  MissingData: ['MissingData'],
  MissingInitializationVector: ['MissingInitializationVector', 'InvalidMessage'],
  MultiValuedAttribute: ['MultiValuedAttribute', 'InvalidField'],
  NonUniqueNameAttribute: ['NonUniqueNameAttribute', 'InvalidField'],
  NotAuthorised: ['NotAuthorised', 'PermissionDenied'],
  NotExtractable: ['NotExtractable', 'PermissionDenied'],
  NumericRange: ['NumericRange', 'InvalidField'],
  ObjectAlreadyExists: ['ObjectAlreadyExists', 'InvalidField'],
  ObjectArchived: ['ObjectArchived'],
  ObjectDestroyed: ['ObjectDestroyed', 'PermissionDenied'],
  ObjectNotFound: ['ObjectNotFound', 'ItemNotFound'],
  ObjectTypeInvalid: ['InvalidObjectType', 'InvalidField'],
  OperationCanceledByRequester: ['OperationCanceledByRequester'],
  OperationNotSupported: ['OperationNotSupported'],
  PermissionDenied: ['PermissionDenied'],
  PKCS_11CodecError: ['PKCS_11CodecError', 'InvalidField'],
  PKCS_11InvalidFunction: ['PKCS_11InvalidFunction', 'InvalidField'],
  PKCS_11InvalidInterface: ['PKCS_11InvalidInterface', 'InvalidField'],
  PrivateProtectionStorageUnavailable: ['PrivateProtectionStorageUnavailable', 'FeatureNotSupported'],
  ProtectionStorageUnavailable: ['ProtectionStorageUnavailable', 'FeatureNotSupported'],
  PublicProtectionStorageUnavailable: ['PublicProtectionStorageUnavailable', 'FeatureNotSupported'],
  ReadOnlyAttribute: ['ReadOnlyAttribute', 'PermissionDenied'],
  ResponseTooLarge: ['ResponseTooLarge'],
  Sensitive: ['Sensitive', 'PermissionDenied'],
  ServerLimitExceeded: ['ServerLimitExceeded', 'GeneralFailure'],
  UnknownEnumeration: ['UnknownEnumeration', 'InvalidField'],
  UnknownMessageExtension: ['UnknownMessageExtension', 'FeatureNotSupported'],
  UnknownObjectGroup: ['UnknownObjectGroup', 'InvalidField'],
  UnknownTag: ['UnknownTag', 'InvalidField'],
  UnsupportedAttribute: ['UnsupportedAttribute', 'InvalidField'],
  UnsupportedCryptographicParameters: ['UnsupportedCryptographicParameters', 'InvalidField'],
  UnsupportedProtocolVersion: ['UnsupportedProtocolVersion', 'InvalidMessage'],
  UsageLimitExceeded: ['UsageLimitExceeded', 'PermissionDenied'],
  WrappingObjectArchived: ['WrappingObjectArchived', 'ObjectArchived'],
  WrappingObjectDestroyed: ['WrappingObjectDestroyed', 'PermissionDenied'],
  WrappingObjectNotFound: ['WrappingObjectNotFound', 'ItemNotFound'],
  WrongKeyLifecycleState: ['WrongKeyLifecycleState', 'PermissionDenied'],
  IntegrityViolation: ['GeneralFailure'],
  RevisionConflict: ['GeneralFailure'],
  StoreUnavailable: ['InternalServerError', 'GeneralFailure'],
  RootOfTrustUnavailable: ['InternalServerError', 'GeneralFailure'],
  RootOfTrustMismatch: ['InternalServerError', 'GeneralFailure'],
  Configuration: ['InternalServerError', 'GeneralFailure'],
};

interface Override {
  readonly code: ErrorCode;
  /** All operations where left out. */
  readonly operations?: readonly OperationName[];
  readonly window: Window;
  readonly reason: ReasonName;
}

const V1: Window = { last: '1.4' };
const UP_TO_2_0: Window = { last: '2.0' };
const ONLY_2_0: Window = { since: '2.0', last: '2.0' };
const V2: Window = { since: '2.0' };

/** Operations that use a key: an object of another kind is "not able to be used" for them. KMIP 1.4 section 11.30 ff. */
const KEY_USES = [
  'Encrypt',
  'Decrypt',
  'Sign',
  'SignatureVerify',
  'MAC',
  'MACVerify',
  'ReKey',
  'ReKeyKeyPair',
  'Certify',
  'ReCertify',
] as const;

/** Where an operation or a version differs from the table above; the first row that fits is taken. */
const overrides: readonly Override[] = [
  // The OASIS test cases of 2.0 still expect what 1.x answered (AKLC-M-2-20, CS-BC-M-14-20, CS-AC-M-8-20, CS-BC-M-11-20).
  { code: 'WrongKeyLifecycleState', window: ONLY_2_0, reason: 'PermissionDenied' },
  { code: 'MissingInitializationVector', window: ONLY_2_0, reason: 'InvalidMessage' },
  // CS-BC-M-GCM-1-14 and -20: a tag length that GCM does not have.
  {
    code: 'BadCryptographicParameters',
    operations: ['Encrypt'],
    window: UP_TO_2_0,
    reason: 'GeneralFailure',
  },
  {
    // 1.4 section 11.12: no Cryptographic Parameters of the wrapping key match those of the request.
    code: 'BadCryptographicParameters',
    operations: ['Get', 'Export'],
    window: V1,
    reason: 'ItemNotFound',
  },
  // 1.4 section 11.16: the attribute needs to be added first.
  { code: 'AttributeNotFound', operations: ['ModifyAttribute'], window: V1, reason: 'InvalidField' },
  // 1.4 section 11.19: the object has no Usage Limits.
  { code: 'AttributeNotFound', operations: ['GetUsageAllocation'], window: V1, reason: 'IllegalOperation' },
  // 1.4 section 11.15: the attribute already exists.
  { code: 'AttributeSingleValued', operations: ['AddAttribute'], window: V1, reason: 'IllegalOperation' },
  // 1.4 section 11.15: more instances than the server supports.
  { code: 'ServerLimitExceeded', operations: ['AddAttribute'], window: V1, reason: 'IndexOutOfBounds' },
  // 1.4 section 11.15: an attribute that is not supported for this object.
  { code: 'InvalidAttribute', operations: ['AddAttribute'], window: V1, reason: 'PermissionDenied' },
  // 1.4 section 11.17: a required attribute cannot be deleted.
  { code: 'InvalidAttribute', operations: ['DeleteAttribute'], window: V1, reason: 'PermissionDenied' },
  {
    // 1.4 sections 11.15 and 11.16: another object has the name.
    code: 'NonUniqueNameAttribute',
    operations: ['AddAttribute', 'ModifyAttribute'],
    window: V1,
    reason: 'IllegalOperation',
  },
  {
    // 1.4 sections 11.11, 11.12, 11.19 to 11.21: the object is of a kind for which the operation means nothing.
    code: 'InvalidObjectType',
    operations: ['Activate', 'Revoke', 'Check', 'Get', 'Export', 'GetUsageAllocation'],
    window: V1,
    reason: 'IllegalOperation',
  },
  { code: 'InvalidObjectType', operations: KEY_USES, window: V1, reason: 'PermissionDenied' },
  {
    // 1.4 sections 11.2 to 11.4: what a request says of a new object has incorrect attributes.
    code: 'AttributeReadOnly',
    operations: [
      'Create',
      'CreateKeyPair',
      'CreateSplitKey',
      'JoinSplitKey',
      'Register',
      'ReKey',
      'ReKeyKeyPair',
      'DeriveKey',
    ],
    window: V1,
    reason: 'InvalidField',
  },
  {
    // 1.4 sections 11.5 and 11.6: there is no Activation Date from which an Offset could move the other dates.
    code: 'MissingData',
    operations: ['ReKey', 'ReKeyKeyPair'],
    window: V1,
    reason: 'IllegalOperation',
  },
  // 1.4 section 11.25: the objects do not make a certificate list.
  { code: 'InvalidObjectType', operations: ['Validate'], window: V1, reason: 'InvalidMessage' },
  {
    // 1.4 section 11.7: the object is not able to be used to derive.
    code: 'IncompatibleCryptographicUsageMask',
    operations: ['DeriveKey'],
    window: V1,
    reason: 'InvalidField',
  },
  // 1.4 section 11.12: the server only has attributes for this object.
  { code: 'KeyValueNotPresent', operations: ['Get', 'Export'], window: V1, reason: 'IllegalOperation' },
  {
    // 2.1 sections 6.1.3, 6.1.6 and 6.1.10 list Item Not Found where the others list Object Not Found.
    code: 'ObjectNotFound',
    operations: ['AdjustAttribute', 'Certify', 'CreateSplitKey'],
    window: V2,
    reason: 'ItemNotFound',
  },
  {
    // 1.4 section 11.19: the object is not able to be used for applying cryptographic protection.
    code: 'WrongKeyLifecycleState',
    operations: ['GetUsageAllocation'],
    window: V1,
    reason: 'IllegalOperation',
  },
  // 2.1 section 6.1.23 lists no reason for a state in which nothing may be protected.
  {
    code: 'WrongKeyLifecycleState',
    operations: ['GetUsageAllocation'],
    window: V2,
    reason: 'PermissionDenied',
  },
  // 2.1 section 6.1.37.
  {
    code: 'InvalidCorrelationValue',
    operations: ['PKCS_11'],
    window: V2,
    reason: 'InvalidAsynchronousCorrelationValue',
  },
  // 2.1 section 6.1.48.
  { code: 'InvalidCSR', operations: ['ReProvision'], window: V2, reason: 'CryptographicFailure' },
  // 2.1 sections 6.1.2 and 6.1.34 list no reason of their own for a value that the attribute cannot have.
  {
    code: 'InvalidAttributeValue',
    operations: ['AddAttribute', 'ModifyAttribute'],
    window: V2,
    reason: 'InvalidField',
  },
  // 2.1 section 6.1.3: an attribute that such an object does not have.
  { code: 'InvalidAttribute', operations: ['AdjustAttribute'], window: V2, reason: 'UnsupportedAttribute' },
];

function isListed(name: ReasonName, dialect: Dialect): boolean {
  const entry = resultReasonEnum.byKey.get(name);
  return entry !== undefined && dialect.knows(entry);
}

/**
 * The Result Reason to answer with: always one that the version lists.
 * @param operation absent where the request could not be read that far
 */
export function resultReasonOf(
  code: ErrorCode,
  operation: OperationName | undefined,
  dialect: Dialect,
): ResultReason {
  const override = overrides.find(
    (row) =>
      row.code === code &&
      dialect.knows(row.window) &&
      (row.operations === undefined || (operation !== undefined && row.operations.includes(operation))),
  );
  const names = override === undefined ? reasonsByCode[code] : [override.reason];
  return ResultReason[names.find((name) => isListed(name, dialect)) ?? 'GeneralFailure'];
}
