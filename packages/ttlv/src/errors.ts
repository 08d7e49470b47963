/**
 * Every way in which Holdfast says no. The codes carry the names of the KMIP 2.1 Result Reasons (section 11.46); a few
 * more stand for conditions that never reach the wire under their own name. One map, in the kmip package's versions
 * folder, turns (code, operation, version) into the Result Reason that the version at hand lists.
 */
export const ERROR_CODES = [
  'ApplicationNamespaceNotSupported',
  'AttestationFailed',
  'AttestationRequired',
  'AttributeInstanceNotFound',
  'AttributeNotFound',
  'AttributeReadOnly',
  'AttributeSingleValued',
  'AuthenticationNotSuccessful',
  'BadCryptographicParameters',
  'BadPassword',
  'CodecError',
  'ConstraintViolation',
  'CryptographicFailure',
  'DuplicateProcessRequest',
  'EncodingOptionError',
  'FeatureNotSupported',
  'GeneralFailure',
  'IllegalObjectType',
  'IncompatibleCryptographicUsageMask',
  'IndexOutOfBounds',
  'InternalServerError',
  'InvalidAsynchronousCorrelationValue',
  'InvalidAttribute',
  'InvalidAttributeValue',
  'InvalidCorrelationValue',
  'InvalidCSR',
  'InvalidDataType',
  'InvalidField',
  'InvalidMessage',
  'InvalidObjectType',
  'InvalidTicket',
  'ItemNotFound',
  'KeyCompressionTypeNotSupported',
  'KeyFormatTypeNotSupported',
  'KeyValueNotPresent',
  'KeyWrapTypeNotSupported',
  'MissingData',
  'MissingInitializationVector',
  'MultiValuedAttribute',
  'NonUniqueNameAttribute',
  'NotAuthorised',
  'NotExtractable',
  'NumericRange',
  'ObjectAlreadyExists',
  'ObjectArchived',
  'ObjectDestroyed',
  'ObjectNotFound',
  'ObjectTypeInvalid',
  'OperationCanceledByRequester',
  'OperationNotSupported',
  'PermissionDenied',
  'PKCS_11CodecError',
  'PKCS_11InvalidFunction',
  'PKCS_11InvalidInterface',
  'PrivateProtectionStorageUnavailable',
  'ProtectionStorageUnavailable',
  'PublicProtectionStorageUnavailable',
  'ReadOnlyAttribute',
  'ResponseTooLarge',
  'Sensitive',
  'ServerLimitExceeded',
  'UnknownEnumeration',
  'UnknownMessageExtension',
  'UnknownObjectGroup',
  'UnknownTag',
  'UnsupportedAttribute',
  'UnsupportedCryptographicParameters',
  'UnsupportedProtocolVersion',
  'UsageLimitExceeded',
  'WrappingObjectArchived',
  'WrappingObjectDestroyed',
  'WrappingObjectNotFound',
  'WrongKeyLifecycleState',
  // Never on the wire under these names:
  'IntegrityViolation',
  'RevisionConflict',
  'StoreUnavailable',
  'RootOfTrustUnavailable',
  'RootOfTrustMismatch',
  'Configuration',
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

export interface HoldfastErrorOptions {
  readonly cause?: unknown;
  /** The same request may succeed when it is sent again. */
  readonly retryable?: boolean;
  /** False where a change may or may not have taken effect (the answer of a commit was lost). */
  readonly outcomeKnown?: boolean;
}

/**
 * The one error class. `message` is written for the peer or the operator: it names what was wrong with what was asked
 * and never holds a secret, a path, a statement or another party's data. What only the log may know goes into `cause`.
 */
export class HoldfastError extends Error {
  readonly code: ErrorCode;
  readonly retryable: boolean;
  readonly outcomeKnown: boolean;

  constructor(code: ErrorCode, message: string, options: HoldfastErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'HoldfastError';
    this.code = code;
    this.retryable = options.retryable ?? false;
    this.outcomeKnown = options.outcomeKnown ?? true;
  }
}
