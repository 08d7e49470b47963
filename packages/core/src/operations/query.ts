import {
  DestroyAction,
  ObjectType,
  Operation,
  QueryFunction,
  RNGMode,
  ShreddingAlgorithm,
  Tag,
  UnwrapMode,
  attestationTypeEnum,
  capabilityInformationStructure,
  clientRegistrationMethodEnum,
  enumerated,
  extensionInformationStructure,
  objectGroupsStructure,
  objectTypeEnum,
  operationEnum,
  optional,
  profileInformationStructure,
  profileNameEnum,
  protectionStorageMasksStructure,
  queryFunctionEnum,
  repeated,
  rngParametersStructure,
  serverInformation,
  structure,
  tagName,
  textString,
  toldDefaultsInformationStructure,
  validationInformationStructure,
  openEnumeration,
  type CapabilityInformation,
  type Codec,
  type Infer,
  type Window,
} from '@holdfast/kmip';
import { HoldfastError } from '@holdfast/ttlv';
import { OBJECT_DEFAULTS } from '../objects/defaults';
import { RANDOM_NUMBER_GENERATOR } from '../objects/new-object';
import { availableStorages } from '../objects/protection-storage';
import { GENERATED_NAMESPACE } from '../objects/attribute-rules';
import { operation, type OperationContext, type OperationDefinition } from '../operation';
import { GENERAL_REASONS } from './general-reasons';
import { satisfiedProfiles } from './profiles';

/**
 * Clients ask for all functions that they know whatever the version: one that came later than the version at hand is
 * understood, and answered by nothing, since its members of the response are not in that version.
 */
const queryFunction: Codec<number> = {
  ...openEnumeration,
  table: queryFunctionEnum,
  decode(item, dialect) {
    const value = openEnumeration.decode(item, dialect);
    if (queryFunctionEnum.byValue.has(value)) return value;
    throw new HoldfastError('InvalidField', `${tagName(item.tag)} 0x${value.toString(16)} does not exist`);
  },
};

const response = structure({
  operations: repeated(Tag.Operation, enumerated(operationEnum)),
  objectTypes: repeated(Tag.ObjectType, enumerated(objectTypeEnum)),
  vendorIdentification: optional(Tag.VendorIdentification, textString),
  serverInformation: optional(Tag.ServerInformation, serverInformation),
  applicationNamespaces: repeated(Tag.ApplicationNamespace, textString),
  extensionInformation: repeated(Tag.ExtensionInformation, extensionInformationStructure, { since: '1.1' }),
  attestationTypes: repeated(Tag.AttestationType, enumerated(attestationTypeEnum), { since: '1.2' }),
  rngParameters: repeated(Tag.RNGParameters, rngParametersStructure, { since: '1.3' }),
  profileInformation: repeated(Tag.ProfileInformation, profileInformationStructure, { since: '1.3' }),
  validationInformation: repeated(Tag.ValidationInformation, validationInformationStructure, {
    since: '1.3',
  }),
  capabilityInformation: repeated(Tag.CapabilityInformation, capabilityInformationStructure, {
    since: '1.3',
  }),
  clientRegistrationMethods: repeated(
    Tag.ClientRegistrationMethod,
    enumerated(clientRegistrationMethodEnum),
    {
      since: '1.3',
    },
  ),
  defaultsInformation: optional(Tag.DefaultsInformation, toldDefaultsInformationStructure, { since: '2.0' }),
  protectionStorageMasks: optional(Tag.ProtectionStorageMasks, protectionStorageMasksStructure, {
    since: '2.0',
  }),
});
type QueryResponse = Infer<typeof response>;

const NOTHING: QueryResponse = {
  operations: [],
  objectTypes: [],
  applicationNamespaces: [],
  extensionInformation: [],
  attestationTypes: [],
  rngParameters: [],
  profileInformation: [],
  validationInformation: [],
  capabilityInformation: [],
  clientRegistrationMethods: [],
};

/** Any operation is made pending where a client wants it; batches are undone and continued; wrapped keys are kept as they came; destroying erases the key, not its history. */
const CAPABILITIES: CapabilityInformation = {
  streamingCapability: true,
  asynchronousCapability: true,
  attestationCapability: false,
  batchUndoCapability: true,
  batchContinueCapability: true,
  unwrapMode: UnwrapMode.Processed,
  destroyAction: DestroyAction.KeyMaterialDeleted,
  shreddingAlgorithm: ShreddingAlgorithm.Unsupported,
  rngMode: RNGMode.SharedInstantiation,
  quantumSafeCapability: true,
};

/**
 * What answers each function. A function without a row asks for something of which there is nothing here: extensions, attestation, validations, registration of clients.
 */
const ANSWERS: Partial<Record<QueryFunction, (context: OperationContext) => Partial<QueryResponse>>> = {
  [QueryFunction.QueryOperations]: ({ catalogue, dialect }) => ({
    operations: catalogue.filter(({ window }) => dialect.knows(window)).map(({ code }) => code),
  }),
  [QueryFunction.QueryObjects]: ({ catalogue }) => ({ objectTypes: makeableTypes(catalogue) }),
  [QueryFunction.QueryServerInformation]: ({ server }) => ({
    vendorIdentification: server.vendorIdentification,
    serverInformation: {
      productName: server.productName,
      serverVersion: server.version,
      alternateFailoverEndpoints: [],
      vendorSpecific: [],
    },
  }),
  [QueryFunction.QueryApplicationNamespaces]: () => ({ applicationNamespaces: [GENERATED_NAMESPACE] }),
  [QueryFunction.QueryRNGs]: () => ({ rngParameters: [RANDOM_NUMBER_GENERATOR] }),
  [QueryFunction.QueryProfiles]: ({ catalogue, dialect, server }) => ({
    profileInformation: satisfiedProfiles(catalogue, server).filter(({ profileName }) => {
      const entry = profileNameEnum.byValue.get(profileName);
      return entry !== undefined && dialect.knows(entry);
    }),
  }),
  [QueryFunction.QueryCapabilities]: () => ({ capabilityInformation: [CAPABILITIES] }),
  [QueryFunction.QueryDefaultsInformation]: ({ policy, dialect }) => {
    const objectDefaults =
      policy.objectDefaults?.filter(
        ({ objectGroups }) => objectGroups === undefined || dialect.knows(HAS_OBJECT_GROUPS),
      ) ?? [...OBJECT_DEFAULTS].map(([objectType, attributes]) => ({ objectType, attributes }));
    const isTold = objectDefaults.length > 0 || dialect.knows(MAY_HAVE_NO_DEFAULTS);
    return isTold ? { defaultsInformation: { objectDefaults } } : {};
  },
  [QueryFunction.QueryStorageProtectionMasks]: (context) => ({
    protectionStorageMasks: { protectionStorageMasks: availableStorages(context) },
  }),
};

/** Defaults that are those of some Object Groups alone. */
const HAS_OBJECT_GROUPS: Window = { since: '2.1' };
/** Defaults Information without Object Defaults: 2.0 requires some in it (KMIP 2.0 section 7.7). */
const MAY_HAVE_NO_DEFAULTS: Window = { since: '2.1' };

/** Each is looked for among all objects. */
const MAX_OBJECT_GROUPS = 256;

/** Tells what this server can do, as far as the version at hand has words for it. */
export const query = operation({
  name: 'Query',
  code: Operation.Query,
  window: {},
  section: { v1: '4.25', v2: '6.1.40' },
  request: structure({
    queryFunctions: repeated(Tag.QueryFunction, queryFunction),
    objectGroups: optional(Tag.ObjectGroups, objectGroupsStructure, { since: '2.1' }),
  }),
  response,
  access: undefined,
  reasons: ['UnknownObjectGroup', ...GENERAL_REASONS],

  async execute({ queryFunctions, objectGroups }, context): Promise<QueryResponse> {
    const groups = new Set(objectGroups?.objectGroups);
    if (groups.size > MAX_OBJECT_GROUPS)
      throw new HoldfastError('InvalidField', `a request names at most ${MAX_OBJECT_GROUPS} Object Groups`);
    for (const group of groups) await requireKnownGroup(group, context);
    return [...new Set(queryFunctions)].reduce<QueryResponse>(
      (told, asked) => ({ ...told, ...ANSWERS[asked as QueryFunction]?.(context) }),
      NOTHING,
    );
  },
});

/** @throws HoldfastError UnknownObjectGroup where neither an object nor the policy of the domain names the group */
async function requireKnownGroup(group: string, { objects, policy }: OperationContext): Promise<void> {
  const ruled = [...(policy.objectDefaults ?? []), ...(policy.constraints ?? [])];
  if (ruled.some(({ objectGroups }) => objectGroups?.objectGroups.includes(group) === true)) return;
  const { uniqueIdentifiers } = await objects.locate({
    filters: [{ kind: 'equals', attribute: { key: 'ObjectGroup', value: group } }],
    storage: { online: true, archived: true, destroyed: true },
    order: 'newest-first',
    offsetItems: 0,
    maximumItems: 1,
    isCounted: false,
  });
  if (uniqueIdentifiers.length > 0) return;
  throw new HoldfastError('UnknownObjectGroup', `there is no Object Group ${JSON.stringify(group)}`);
}

/** The object types that some operation makes or takes in. */
function makeableTypes(catalogue: readonly OperationDefinition[]): readonly ObjectType[] {
  const types = catalogue
    .filter(({ access }) => access === 'create')
    .flatMap(({ objectTypes }) => objectTypes ?? []);
  return [...new Set(types)].sort((one, other) => one - other);
}
