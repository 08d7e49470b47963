import { ERROR_CODES, type ErrorCode } from '@holdfast/ttlv';
import {
  dialectNamed,
  DIALECTS,
  operationEnum,
  ResultReason,
  resultReasonEnum,
  resultReasonOf,
  type OperationName,
  type VersionName,
} from '@holdfast/kmip';

const operations = [undefined, ...(operationEnum.byKey.keys() as Iterable<OperationName>)];

test.each(DIALECTS.map((dialect) => [dialect.name, dialect] as const))(
  '%s answers only with reasons that it lists',
  (_name, dialect) => {
    const isListed = (reason: number): boolean => {
      const entry = resultReasonEnum.byValue.get(reason);
      return entry !== undefined && dialect.knows(entry);
    };
    const all = ERROR_CODES.flatMap((code) => operations.map((operation) => [code, operation] as const));
    expect(all.filter((each) => !isListed(resultReasonOf(...each, dialect)))).toEqual([]);
  },
);

type Row = readonly [ErrorCode, OperationName | undefined, VersionName, keyof typeof ResultReason];

test.each<Row>([
  // What the OASIS test cases expect.
  ['WrongKeyLifecycleState', 'Destroy', '1.4', 'PermissionDenied'],
  ['WrongKeyLifecycleState', 'Destroy', '2.0', 'PermissionDenied'],
  ['WrongKeyLifecycleState', 'Encrypt', '2.0', 'PermissionDenied'],
  ['WrongKeyLifecycleState', 'ModifyAttribute', '1.4', 'PermissionDenied'],
  ['AttributeReadOnly', 'ModifyAttribute', '1.4', 'PermissionDenied'],
  ['BadCryptographicParameters', 'Encrypt', '1.4', 'GeneralFailure'],
  ['BadCryptographicParameters', 'Encrypt', '2.0', 'GeneralFailure'],
  ['MissingInitializationVector', 'Decrypt', '1.4', 'InvalidMessage'],
  ['MissingInitializationVector', 'Decrypt', '2.0', 'InvalidMessage'],
  ['CryptographicFailure', 'Decrypt', '2.0', 'CryptographicFailure'],
  ['CryptographicFailure', 'JoinSplitKey', '1.4', 'CryptographicFailure'],
  ['ResponseTooLarge', 'Query', '1.4', 'ResponseTooLarge'],
  ['PermissionDenied', 'RNGSeed', '1.4', 'PermissionDenied'],
  ['Sensitive', 'Get', '1.4', 'Sensitive'],
  ['NotExtractable', 'Get', '2.0', 'NotExtractable'],
  ['NotAuthorised', 'GetAttributes', '2.0', 'NotAuthorised'],
  ['ObjectAlreadyExists', 'Import', '2.0', 'ObjectAlreadyExists'],
  ['MultiValuedAttribute', 'SetAttribute', '2.0', 'MultiValuedAttribute'],
  ['InvalidTicket', undefined, '2.0', 'InvalidTicket'],
  ['UsageLimitExceeded', undefined, '2.0', 'UsageLimitExceeded'],
  // 2.1 chapter 6.
  ['WrongKeyLifecycleState', 'Destroy', '2.1', 'WrongKeyLifecycleState'],
  ['ObjectNotFound', 'Get', '2.1', 'ObjectNotFound'],
  ['ObjectNotFound', 'AdjustAttribute', '2.1', 'ItemNotFound'],
  ['MissingInitializationVector', 'Decrypt', '2.1', 'MissingInitializationVector'],
  ['BadCryptographicParameters', 'Encrypt', '2.1', 'BadCryptographicParameters'],
  ['IndexOutOfBounds', 'AddAttribute', '2.1', 'ServerLimitExceeded'],
  ['ConstraintViolation', 'Create', '2.1', 'ConstraintViolation'],
  ['ConstraintViolation', 'Create', '2.0', 'PermissionDenied'],
  // 1.4 chapter 11.
  ['ObjectNotFound', 'Get', '1.4', 'ItemNotFound'],
  ['NonUniqueNameAttribute', 'Create', '1.4', 'InvalidField'],
  ['NonUniqueNameAttribute', 'AddAttribute', '1.4', 'IllegalOperation'],
  ['AttributeSingleValued', 'AddAttribute', '1.0', 'IllegalOperation'],
  ['AttributeNotFound', 'DeleteAttribute', '1.4', 'ItemNotFound'],
  ['AttributeNotFound', 'ModifyAttribute', '1.4', 'InvalidField'],
  ['AttributeNotFound', 'GetUsageAllocation', '1.4', 'IllegalOperation'],
  ['AttributeInstanceNotFound', 'ModifyAttribute', '1.4', 'ItemNotFound'],
  ['InvalidAttribute', 'Locate', '1.4', 'InvalidField'],
  ['InvalidAttribute', 'AddAttribute', '1.4', 'PermissionDenied'],
  ['IndexOutOfBounds', 'AddAttribute', '1.4', 'IndexOutOfBounds'],
  ['AttributeReadOnly', 'Create', '1.4', 'InvalidField'],
  ['MissingData', 'ReKey', '1.4', 'IllegalOperation'],
  ['InvalidObjectType', 'Activate', '1.4', 'IllegalOperation'],
  ['InvalidObjectType', 'Encrypt', '1.4', 'PermissionDenied'],
  ['InvalidObjectType', 'Register', '1.4', 'InvalidField'],
  ['KeyValueNotPresent', 'ReKey', '1.4', 'KeyValueNotPresent'],
  ['KeyValueNotPresent', 'Get', '1.4', 'IllegalOperation'],
  ['IncompatibleCryptographicUsageMask', 'Encrypt', '1.4', 'PermissionDenied'],
  ['UnknownMessageExtension', undefined, '1.4', 'FeatureNotSupported'],
  ['UnsupportedProtocolVersion', undefined, '1.4', 'InvalidMessage'],
  // The operations on pairs and certificates: 1.4 sections 11.6, 11.8, 11.9 and 11.25, 2.1 tables 181, 302, 312 and 342.
  ['ObjectNotFound', 'ReKeyKeyPair', '1.1', 'ItemNotFound'],
  ['ObjectNotFound', 'ReKeyKeyPair', '2.1', 'ObjectNotFound'],
  ['InvalidObjectType', 'ReKeyKeyPair', '1.4', 'PermissionDenied'],
  ['InvalidObjectType', 'ReKeyKeyPair', '2.1', 'InvalidObjectType'],
  ['InvalidMessage', 'ReKeyKeyPair', '1.4', 'InvalidMessage'],
  ['MissingData', 'ReKeyKeyPair', '1.4', 'IllegalOperation'],
  ['KeyValueNotPresent', 'ReKeyKeyPair', '1.4', 'KeyValueNotPresent'],
  ['PrivateProtectionStorageUnavailable', 'ReKeyKeyPair', '2.1', 'PrivateProtectionStorageUnavailable'],
  ['PublicProtectionStorageUnavailable', 'ReKeyKeyPair', '2.1', 'PublicProtectionStorageUnavailable'],
  ['ObjectNotFound', 'Certify', '1.4', 'ItemNotFound'],
  ['ObjectNotFound', 'Certify', '2.1', 'ItemNotFound'],
  ['InvalidObjectType', 'Certify', '1.4', 'PermissionDenied'],
  ['InvalidObjectType', 'Certify', '2.1', 'InvalidObjectType'],
  ['InvalidCSR', 'Certify', '1.4', 'InvalidField'],
  ['InvalidCSR', 'Certify', '2.1', 'InvalidCSR'],
  ['ApplicationNamespaceNotSupported', 'Certify', '1.0', 'ApplicationNamespaceNotSupported'],
  ['ObjectArchived', 'Certify', '1.4', 'ObjectArchived'],
  ['ObjectNotFound', 'ReCertify', '1.4', 'ItemNotFound'],
  ['ObjectNotFound', 'ReCertify', '2.1', 'ObjectNotFound'],
  ['InvalidObjectType', 'ReCertify', '1.4', 'PermissionDenied'],
  ['InvalidCSR', 'ReCertify', '1.4', 'InvalidField'],
  ['InvalidCSR', 'ReCertify', '2.1', 'InvalidCSR'],
  ['InvalidMessage', 'Validate', '1.4', 'InvalidMessage'],
  ['InvalidObjectType', 'Validate', '1.4', 'InvalidMessage'],
  ['InvalidObjectType', 'Validate', '2.1', 'InvalidObjectType'],
  ['ObjectNotFound', 'Validate', '2.1', 'ObjectNotFound'],
  ['ObjectArchived', 'Validate', '1.4', 'ObjectArchived'],
  // What a version does not list yet.
  ['Sensitive', 'Get', '1.3', 'PermissionDenied'],
  ['AttestationRequired', 'Get', '1.1', 'PermissionDenied'],
  ['EncodingOptionError', 'Get', '1.0', 'FeatureNotSupported'],
  // What never leaves under its own name.
  ['IntegrityViolation', 'Get', '2.1', 'GeneralFailure'],
  ['StoreUnavailable', 'Get', '2.1', 'InternalServerError'],
  ['StoreUnavailable', 'Get', '1.4', 'GeneralFailure'],
])('%s in %s of %s is %s', (code, operation, version, reason) => {
  expect(resultReasonOf(code, operation, dialectNamed(version))).toBe(ResultReason[reason]);
});
