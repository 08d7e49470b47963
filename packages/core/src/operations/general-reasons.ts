import type { ErrorCode } from '@holdfast/ttlv';

/** What any operation may answer with (KMIP 1.4 section 11.1, each error table of KMIP 2.1 chapter 6). */
export const GENERAL_REASONS = [
  'FeatureNotSupported',
  'InvalidField',
  'InvalidMessage',
  'OperationNotSupported',
  'PermissionDenied',
  'ResponseTooLarge',
] as const satisfies readonly ErrorCode[];
