import { CryptographicAlgorithm, ObjectType, type Attribute, type ManagedObjectValue } from '@holdfast/kmip';
import { SecretBytes } from '@holdfast/ttlv';
import type { ManagedObject } from '../object-access';
import { keyBlockOf } from '../objects/new-object';
import type { OperationContext } from '../operation';
import { create } from '../operations/create';
import { createKeyPair } from '../operations/create-key-pair';
import { destroy } from '../operations/destroy';
import { get } from '../operations/get';
import {
  CKA,
  attributesOf,
  conditionsOf,
  readAsked,
  readTemplate,
  valueOf,
  withUses,
  writeAttribute,
  type Pkcs11Template,
  type Pkcs11Value,
} from './attributes';
import { byOperation, done, inSession, refused, Rv, withoutNotes, type Pkcs11Call } from './call';
import { count, inClear, ulong } from './codec';
import { MAX_FOUND } from './library';
import { isPublicPart, publicPartsOf } from './public-parts';
import {
  CKM_AES_KEY_GEN,
  CKM_EC_KEY_PAIR_GEN,
  CKM_GENERIC_SECRET_KEY_GEN,
  CKM_RSA_PKCS_KEY_PAIR_GEN,
} from './mechanisms';

/** Functions of PKCS#11 about objects, by the rules of KMIP's operations. All objects are those of the token. */

const findObjectsInit = inSession((session, input, library, context) => {
  const template = readTemplate(input);
  input.end();
  if (session.found !== undefined) return refused(Rv.OPERATION_ACTIVE);
  if (template === undefined) return refused(Rv.ATTRIBUTE_TYPE_INVALID);
  return byOperation('inspect', context, async (within) => {
    return library.keepFound(session, await found(template, within)) ? done() : refused(Rv.DEVICE_MEMORY);
  });
});

/** Identifiers of the objects that are as a template says, newest first. */
async function found(template: Pkcs11Template, { objects }: OperationContext): Promise<readonly string[]> {
  const filters = conditionsOf(template);
  if (filters === undefined) return [];
  const { uniqueIdentifiers } = await objects.locate({
    filters,
    storage: { online: true, archived: false, destroyed: false },
    order: 'newest-first',
    offsetItems: 0,
    maximumItems: MAX_FOUND,
    isCounted: false,
  });
  return uniqueIdentifiers;
}

const findObjects = inSession((session, input, library) => {
  const wanted = input.count();
  input.end();
  if (session.found === undefined) return refused(Rv.OPERATION_NOT_INITIALIZED);
  const next = session.found.slice(0, wanted);
  session.found = session.found.slice(wanted);
  return done(count(next.length), ...next.map((identifier) => ulong(library.handleOf(identifier))));
});

const findObjectsFinal = inSession((session, input) => {
  input.end();
  if (session.found === undefined) return refused(Rv.OPERATION_NOT_INITIALIZED);
  session.found = undefined;
  return done();
});

/** The bytes of an object; undefined where it has none, or hides them. */
async function bytesOf(object: ManagedObject, context: OperationContext): Promise<Buffer | undefined> {
  const { attributes, uniqueIdentifier } = object;
  const isHidden = attributes.get('Sensitive') === true || attributes.get('Extractable') === false;
  if (isHidden || (await context.needsOfficers('export', object.stored))) return undefined;
  const answer = await context.objects.within('obtain', (objects) =>
    Promise.resolve(get.execute({ uniqueIdentifier }, { ...withoutNotes(context), objects })),
  );
  return contentOf(answer.object);
}

function contentOf(value: ManagedObjectValue): Buffer | undefined {
  if (value.objectType === ObjectType.Certificate) return value.certificateValue;
  if (value.objectType !== ObjectType.SymmetricKey) return undefined;
  const keyValue = keyBlockOf(value)?.keyValue;
  if (keyValue === undefined || 'encoded' in keyValue) return undefined;
  return keyValue.keyMaterial instanceof SecretBytes ? inClear(keyValue.keyMaterial) : undefined;
}

const getAttributeValue = inSession((_session, input, library, context) => {
  const uniqueIdentifier = library.identifierOf(input.ulong());
  const asked = readAsked(input);
  input.end();
  if (uniqueIdentifier === undefined) return refused(Rv.OBJECT_HANDLE_INVALID);
  return byOperation('inspect', context, async (within) => {
    const object = await within.objects.fetch(uniqueIdentifier);
    const isValueAsked = asked.some(({ type }) => type === CKA.VALUE);
    const bytes = isValueAsked ? await bytesOf(object, within) : undefined;
    const arePartsAsked = asked.some(({ type }) => isPublicPart(type));
    const parts = arePartsAsked ? await publicPartsOf(object, within) : undefined;
    const answers: Buffer[] = [];
    let returnCode: Rv = Rv.OK;
    for (const each of asked) {
      const value: Pkcs11Value | undefined =
        each.type === CKA.VALUE ? bytes : (parts?.get(each.type) ?? valueOf(each.type, object.attributes));
      if (value === undefined) {
        returnCode = each.type === CKA.VALUE ? Rv.ATTRIBUTE_SENSITIVE : Rv.ATTRIBUTE_TYPE_INVALID;
      }
      answers.push(writeAttribute(each, value));
    }
    return { returnCode, output: Buffer.concat([count(asked.length), ...answers]) };
  });
});

/** Keys are for use at once: they are made Active. */
const generateKey = inSession(({ isReadWrite }, input, library, context) => {
  const mechanism = input.ulong();
  const hasParameter = input.byte() !== 0;
  const template = readTemplate(input);
  input.end();
  if (!isReadWrite) return refused(Rv.SESSION_READ_ONLY);
  const algorithm = GENERATED.get(mechanism);
  if (algorithm === undefined) return refused(Rv.MECHANISM_INVALID);
  if (hasParameter) return refused(Rv.MECHANISM_PARAM_INVALID);
  if (template === undefined) return refused(Rv.ATTRIBUTE_TYPE_INVALID);
  const said = attributesOf(template);
  if (said === undefined) return refused(Rv.TEMPLATE_INCONSISTENT);
  if (!said.some(({ key }) => key === 'CryptographicLength')) return refused(Rv.TEMPLATE_INCOMPLETE);
  const { SymmetricKey: objectType } = ObjectType;
  const wanted: readonly Attribute[] = [
    ...said.filter(({ key }) => key !== 'ObjectType' && key !== 'CryptographicAlgorithm'),
    { key: 'CryptographicAlgorithm', value: algorithm },
    { key: 'ActivationDate', value: context.nowSeconds },
  ];
  const attributes = withUses(wanted, template, objectType, context);
  return byOperation('create', context, async (within) => {
    const { uniqueIdentifier } = await create.execute(
      { objectType, newAttributes: { templateNames: [], attributes } },
      withoutNotes(within),
    );
    return done(ulong(library.handleOf(uniqueIdentifier)));
  });
});

const PAIRED: ReadonlyMap<bigint, CryptographicAlgorithm> = new Map<bigint, CryptographicAlgorithm>([
  [CKM_RSA_PKCS_KEY_PAIR_GEN, CryptographicAlgorithm.RSA],
  [CKM_EC_KEY_PAIR_GEN, CryptographicAlgorithm.ECDSA],
]);
/** What both keys of a pair have in common, whichever template says it. */
const OF_BOTH: readonly Attribute['key'][] = [
  'ObjectType',
  'CryptographicAlgorithm',
  'CryptographicLength',
  'CryptographicDomainParameters',
];

/** The template of the public key says what the pair is to be. */
const generateKeyPair = inSession(({ isReadWrite }, input, library, context) => {
  const algorithm = PAIRED.get(input.ulong());
  const hasParameter = input.byte() !== 0;
  const ofPublic = readTemplate(input);
  const ofPrivate = ofPublic === undefined ? undefined : readTemplate(input);
  if (!isReadWrite) return refused(Rv.SESSION_READ_ONLY);
  if (algorithm === undefined) return refused(Rv.MECHANISM_INVALID);
  if (hasParameter) return refused(Rv.MECHANISM_PARAM_INVALID);
  if (ofPublic === undefined || ofPrivate === undefined) return refused(Rv.ATTRIBUTE_TYPE_INVALID);
  input.end();
  const [forPublic, forPrivate] = [attributesOf(ofPublic), attributesOf(ofPrivate)];
  if (forPublic === undefined || forPrivate === undefined) return refused(Rv.TEMPLATE_INCONSISTENT);
  const needed =
    algorithm === CryptographicAlgorithm.RSA ? 'CryptographicLength' : 'CryptographicDomainParameters';
  const size = forPublic.find(({ key }) => key === needed);
  if (size === undefined) return refused(Rv.TEMPLATE_INCOMPLETE);
  const common: readonly Attribute[] = [
    size,
    { key: 'CryptographicAlgorithm', value: algorithm },
    { key: 'ActivationDate', value: context.nowSeconds },
  ];
  const own = (attributes: readonly Attribute[], template: Pkcs11Template, objectType: ObjectType) => ({
    templateNames: [],
    attributes: withUses([...common, ...attributes], template, objectType, context).filter(
      ({ key }) => key !== 'ActivationDate' && !OF_BOTH.includes(key),
    ),
  });
  return byOperation('create', context, async (within) => {
    const made = await createKeyPair.execute(
      {
        commonAttributes: { templateNames: [], attributes: common },
        publicKeyAttributes: own(forPublic, ofPublic, ObjectType.PublicKey),
        privateKeyAttributes: own(forPrivate, ofPrivate, ObjectType.PrivateKey),
      },
      withoutNotes(within),
    );
    const handles = [made.publicKeyUniqueIdentifier, made.privateKeyUniqueIdentifier];
    return done(...handles.map((identifier) => ulong(library.handleOf(identifier))));
  });
});

const GENERATED: ReadonlyMap<bigint, CryptographicAlgorithm> = new Map<bigint, CryptographicAlgorithm>([
  [CKM_AES_KEY_GEN, CryptographicAlgorithm.AES],
  [CKM_GENERIC_SECRET_KEY_GEN, CryptographicAlgorithm.HMAC_SHA256],
]);

/** By the rules of Destroy: an Active key has to be revoked first, which PKCS#11 has no function for. */
const destroyObject = inSession(({ isReadWrite }, input, library, context) => {
  const uniqueIdentifier = library.identifierOf(input.ulong());
  input.end();
  if (!isReadWrite) return refused(Rv.SESSION_READ_ONLY);
  if (uniqueIdentifier === undefined) return refused(Rv.OBJECT_HANDLE_INVALID);
  return byOperation(
    'destroy',
    context,
    async (within) => {
      const { stored } = await within.objects.fetch(uniqueIdentifier);
      // They cannot be waited for here.
      if (await within.needsOfficers('destroy', stored)) return refused(Rv.ACTION_PROHIBITED);
      await destroy.execute({ uniqueIdentifier }, within);
      return done();
    },
    { PermissionDenied: Rv.ACTION_PROHIBITED, WrongKeyLifecycleState: Rv.ACTION_PROHIBITED },
  );
});

export const OBJECT_FUNCTIONS: ReadonlyMap<number, Pkcs11Call> = new Map([
  [23, destroyObject],
  [25, getAttributeValue],
  [27, findObjectsInit],
  [28, findObjects],
  [29, findObjectsFinal],
  [59, generateKey],
  [60, generateKeyPair],
]);
