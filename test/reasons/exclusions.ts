/**
 * Why a Result Reason that is listed cannot be answered here: `OPERATION REASON`, `* REASON` for every operation, `VERSION REASON`, `VERSION OPERATION REASON`, or `ACCESS: REASON` for those of
 * one class of the access table (none: about no object). */
export const EXCLUSIONS: Readonly<Record<string, string>> = {
  '* AttestationRequired': 'no operation asks for attestation here',
  '* AttestationFailed': 'no operation asks for attestation here',
  '* OperationNotSupported': 'the operation is supported; for one that is not see test/server/batch.test.ts',
  '* CryptographicFailure':
    'but where data are decrypted, unwrapped or joined: it would take a failure of the cryptographic library',
  'none: PermissionDenied': 'whoever is known may ask for it',
  'inspect: PermissionDenied': 'every role may look at the objects of its domain; others do not exist for it',
  'obtain: PermissionDenied': 'every role may fetch the objects of its domain; others do not exist for it',
  'use: PermissionDenied':
    'every role may use the keys of its domain; where a key does not allow it, 2.x has a reason that says so',
  'Cancel FeatureNotSupported': 'it is always carried out at once, and has no option',
  'Poll FeatureNotSupported': 'it is always carried out at once, and has no option',
  'Process FeatureNotSupported': 'it is always carried out at once, and has no option',
  '2.0 WrongKeyLifecycleState': 'the OASIS test cases of 2.0 expect Permission Denied, as in 1.x',
  '2.0 MissingInitializationVector': 'the OASIS test cases of 2.0 expect Invalid Message, as in 1.x',
  'DeleteAttribute WrongKeyLifecycleState': 'what a client may delete it may delete in every state',
  'Create ReadOnlyAttribute': 'said as Attribute Read Only, which the table lists too',
  'Create UnsupportedAttribute': 'said as Invalid Attribute, which the table lists too',
  'Import AttributeReadOnly': 'every attribute is taken as another server set it',
  'Import ProtectionStorageUnavailable': 'its request has no Protection Storage Masks',
  'Get KeyWrapTypeNotSupported': 'both Key Wrap Types are supported',
  'Export KeyWrapTypeNotSupported': 'both Key Wrap Types are supported',
  '2.0 Encrypt BadCryptographicParameters': 'the OASIS test cases of 2.0 expect General Failure, as in 1.x',
  'GetConstraints InvalidObjectType': 'its request names no Object Type',
  'Notify PermissionDenied': 'a message from the server to clients',
  'Put PermissionDenied': 'a message from the server to clients',
};
