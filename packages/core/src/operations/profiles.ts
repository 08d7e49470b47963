import { ProfileName, type OperationName, type ProfileInformation } from '@holdfast/kmip';
import type { OperationDefinition } from '../operation';

/** What every profile of 2.x stands on. Profiles 2.1 section 5.1.2, client to server and server to client. */
const BASELINE = [
  'Activate',
  'AddAttribute',
  'AdjustAttribute',
  'Check',
  'DeleteAttribute',
  'Destroy',
  'DiscoverVersions',
  'Export',
  'Get',
  'GetAttributeList',
  'GetAttributes',
  'Import',
  'Interop',
  'ModifyAttribute',
  'Locate',
  'Log',
  'Query',
  'Register',
  'Revoke',
  'SetAttribute',
  'SetEndpointRole',
  'Notify',
  'Put',
] as const satisfies readonly OperationName[];

/** The operations that each profile demands of a server; what else it demands is in the tables that all versions share. */
const PROFILES: readonly { readonly name: ProfileName; readonly operations: readonly OperationName[] }[] = [
  { name: ProfileName.BaselineServer, operations: BASELINE },
  { name: ProfileName.SymmetricKeyLifecycleServer, operations: [...BASELINE, 'Create'] },
  { name: ProfileName.SymmetricKeyFoundryServer, operations: [...BASELINE, 'Create'] },
  { name: ProfileName.AsymmetricKeyLifecycleServer, operations: [...BASELINE, 'CreateKeyPair'] },
  { name: ProfileName.OpaqueManagedObjectStoreServer, operations: BASELINE },
  { name: ProfileName.StorageArrayWithSelfEncryptingDriveServer, operations: BASELINE },
  { name: ProfileName.TapeLibraryServer, operations: [...BASELINE, 'Create'] },
  { name: ProfileName.BasicCryptographicServer, operations: [...BASELINE, 'Decrypt', 'Encrypt'] },
  { name: ProfileName.RNGCryptographicServer, operations: [...BASELINE, 'RNGRetrieve', 'RNGSeed'] },
  {
    name: ProfileName.AdvancedCryptographicServer,
    operations: [
      ...BASELINE,
      'Decrypt',
      'Encrypt',
      'Hash',
      'MAC',
      'MACVerify',
      'RNGRetrieve',
      'RNGSeed',
      'Sign',
      'SignatureVerify',
    ],
  },
];

/**
 * The profiles that a server of these operations satisfies. A profile of which one operation is missing is not claimed.
 */
export function satisfiedProfiles(catalogue: readonly OperationDefinition[]): readonly ProfileInformation[] {
  const names = new Set(catalogue.map(({ name }) => name));
  return PROFILES.filter(({ operations }) => operations.every((name) => names.has(name))).map(({ name }) => ({
    profileName: name,
  }));
}
