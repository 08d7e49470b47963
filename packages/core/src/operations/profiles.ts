import { ProfileName, profileNameEnum, type OperationName, type ProfileInformation } from '@holdfast/kmip';
import type { OperationDefinition, ServerIdentity } from '../operation';

/**
 * What every profile of 1.x and 2.x stands on, and what 2.x adds. Profiles 2.1 section 5.1.2, without Interop, which no
 * server in production has, and without what goes from the server to clients (Notify, Put).
 */
const BASELINE_V1 = [
  'Activate',
  'AddAttribute',
  'Check',
  'DeleteAttribute',
  'Destroy',
  'DiscoverVersions',
  'Get',
  'GetAttributeList',
  'GetAttributes',
  'ModifyAttribute',
  'Locate',
  'Query',
  'Register',
  'Revoke',
] as const satisfies readonly OperationName[];
const BASELINE_V2 = [
  ...BASELINE_V1,
  'AdjustAttribute',
  'Export',
  'Import',
  'Log',
  'SetAttribute',
  'SetEndpointRole',
] as const satisfies readonly OperationName[];

/** What a profile demands of a server; what else it demands is in the tables that all versions share. */
interface Profile {
  readonly name: ProfileName;
  /** Its names in 1.x, where each version has a name of its own: what stands before the version. */
  readonly v1: readonly string[];
  /** Besides those of the baseline. */
  readonly operations: readonly OperationName[];
  readonly needsHttps?: boolean;
}

const RNG: readonly OperationName[] = ['RNGRetrieve', 'RNGSeed'];
const CIPHERS: readonly OperationName[] = ['Decrypt', 'Encrypt'];
const ADVANCED: readonly OperationName[] = ['Hash', 'MAC', 'MACVerify', 'Sign', 'SignatureVerify'];

const PROFILES: readonly Profile[] = [
  {
    name: ProfileName.BaselineServer,
    v1: ['BaselineServerBasic', 'BaselineServerTLSV1_2'],
    operations: [],
  },
  {
    name: ProfileName.SymmetricKeyLifecycleServer,
    v1: ['SymmetricKeyLifecycleServer'],
    operations: ['Create'],
  },
  {
    name: ProfileName.SymmetricKeyFoundryServer,
    v1: ['SymmetricKeyFoundryServer'],
    operations: ['Create'],
  },
  {
    name: ProfileName.AsymmetricKeyLifecycleServer,
    v1: ['AsymmetricKeyLifecycleServer'],
    operations: ['CreateKeyPair'],
  },
  {
    name: ProfileName.OpaqueManagedObjectStoreServer,
    v1: ['OpaqueManagedObjectStoreServer'],
    operations: [],
  },
  {
    name: ProfileName.StorageArrayWithSelfEncryptingDriveServer,
    v1: ['StorageArrayWithSelfEncryptingDriveServer'],
    operations: [],
  },
  { name: ProfileName.TapeLibraryServer, v1: ['TapeLibraryServer'], operations: ['Create'] },
  { name: ProfileName.AESXTSServer, v1: ['AESXTSServer'], operations: ['Create'] },
  { name: ProfileName.BasicCryptographicServer, v1: ['BasicCryptographicServer'], operations: CIPHERS },
  { name: ProfileName.RNGCryptographicServer, v1: ['RNGCryptographicServer'], operations: RNG },
  {
    name: ProfileName.AdvancedCryptographicServer,
    v1: ['AdvancedCryptographicServer'],
    operations: [...CIPHERS, ...ADVANCED, ...RNG],
  },
  { name: ProfileName.PKCS_11Server, v1: [], operations: ['PKCS_11'] },
  { name: ProfileName.HTTPSServer, v1: ['HTTPSServer'], operations: [], needsHttps: true },
  { name: ProfileName.XMLServer, v1: ['XMLServer'], operations: [], needsHttps: true },
  { name: ProfileName.JSONServer, v1: ['JSONServer'], operations: [], needsHttps: true },
];

/** The names that 1.x has for a profile, one for each version that defines it. */
function namesInV1({ v1 }: Profile): ProfileName[] {
  const versioned = new RegExp(`^(?:${v1.join('|')})KMIPV1_\\d$`);
  return [...profileNameEnum.byKey.values()]
    .filter(({ key }) => versioned.test(key))
    .map(({ value }) => value as ProfileName);
}

/**
 * The profiles that a server of these operations satisfies, under the names of all versions. A profile of which one
 * operation is missing is not claimed.
 */
export function satisfiedProfiles(
  catalogue: readonly OperationDefinition[],
  { servesHttps }: Pick<ServerIdentity, 'servesHttps'>,
): readonly ProfileInformation[] {
  const present = new Set(catalogue.map(({ name }) => name));
  const has = (...needed: readonly OperationName[]): boolean => needed.every((name) => present.has(name));
  return PROFILES.filter(({ needsHttps = false }) => servesHttps || !needsHttps)
    .flatMap((profile) => [
      ...(has(...BASELINE_V1, ...profile.operations) ? namesInV1(profile) : []),
      ...(has(...BASELINE_V2, ...profile.operations) ? [profile.name] : []),
    ])
    .map((profileName) => ({ profileName }));
}
