import {
  KeyWrapType,
  ObjectType,
  Operation,
  Tag,
  attributeList,
  boolean,
  enumerated,
  keyWrapTypeEnum,
  objectTypeEnum,
  optional,
  optionalManagedObjectField,
  required,
  structure,
  textString,
  type ManagedObjectValue,
} from '@holdfast/kmip';
import { HoldfastError } from '@holdfast/ttlv';
import { describeImported, requireIdentifier } from '../objects/imported-object';
import { isWrapped, keyBlockOf, withKeyBlock } from '../objects/new-object';
import { unwrapKey } from '../objects/unwrap-key';
import { operation, type OperationContext } from '../operation';
import { GENERAL_REASONS } from './general-reasons';

/** Takes an object over from another server as it was there: identifier, dates, state and all. */
export const importObject = operation({
  name: 'Import',
  code: Operation.Import,
  window: { since: '1.4' },
  section: { v1: '4.41', v2: '6.1.25' },
  request: structure({
    uniqueIdentifier: required(Tag.UniqueIdentifier, textString),
    objectType: optional(Tag.ObjectType, enumerated(objectTypeEnum), { since: '2.0' }),
    replaceExisting: optional(Tag.ReplaceExisting, boolean),
    keyWrapType: optional(Tag.KeyWrapType, enumerated(keyWrapTypeEnum)),
    attributes: attributeList(),
    object: optionalManagedObjectField(),
  }),
  response: structure({ uniqueIdentifier: required(Tag.UniqueIdentifier, textString) }),
  access: 'create',
  objectTypes: Object.values(ObjectType),
  reasons: [
    'AttributeReadOnly',
    'AttributeSingleValued',
    'EncodingOptionError',
    'InvalidAttribute',
    'InvalidAttributeValue',
    'IndexOutOfBounds',
    'NonUniqueNameAttribute',
    'ObjectAlreadyExists',
    'ServerLimitExceeded',
    'ApplicationNamespaceNotSupported',
    'ProtectionStorageUnavailable',
    'WrappingObjectArchived',
    'WrappingObjectDestroyed',
    'WrappingObjectNotFound',
    'CryptographicFailure',
    'ConstraintViolation',
    ...GENERAL_REASONS,
  ],

  async execute(request, context) {
    const { uniqueIdentifier, attributes, objectType } = request;
    requireIdentifier(uniqueIdentifier);
    const given =
      request.object === undefined ? undefined : await unwrapped(request.object, request, context);
    const described = { uniqueIdentifier, objectType, attributes, value: given };
    const imported = await describeImported(described, context);
    const existing = await context.objects.findAnywhere(uniqueIdentifier, 'inspect');
    if (existing === undefined) {
      context.objects.create({ uniqueIdentifier, ...imported });
    } else {
      if (request.replaceExisting !== true) {
        throw new HoldfastError('ObjectAlreadyExists', 'an object of this unique identifier exists');
      }
      // Who may look at it may not yet replace it.
      await context.objects.findAnywhere(uniqueIdentifier, 'replace');
      const { stored } = existing;
      // What it holds is lost as by Destroy, for which officers can be waited.
      if (stored.hasValue && (await context.needsOfficers('destroy', stored))) {
        throw new HoldfastError('PermissionDenied', 'officers decide on its destruction: destroy it first');
      }
      const { value } = imported;
      context.objects.overwrite(
        existing,
        imported.attributes,
        value === undefined ? 'erase' : { replace: value },
      );
    }
    context.produced(uniqueIdentifier);
    return { uniqueIdentifier };
  },
});

/** Wrapped keys are kept so unless the request wants them opened. */
async function unwrapped(
  value: ManagedObjectValue,
  { keyWrapType }: { readonly keyWrapType?: KeyWrapType | undefined },
  context: OperationContext,
): Promise<ManagedObjectValue> {
  const keyBlock = keyBlockOf(value);
  if (keyBlock === undefined || !isWrapped(keyBlock) || keyWrapType !== KeyWrapType.NotWrapped) return value;
  return withKeyBlock(value, await unwrapKey(keyBlock, context));
}
