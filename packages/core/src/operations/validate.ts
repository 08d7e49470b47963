import {
  CertificateType,
  ObjectType,
  Operation,
  State,
  Tag,
  ValidityIndicator,
  certificateStructure,
  dateTime,
  enumerated,
  identifierReference,
  optional,
  repeated,
  required,
  structure,
  validityIndicatorEnum,
} from '@holdfast/kmip';
import { HoldfastError } from '@holdfast/ttlv';
import type { ManagedObject } from '../object-access';
import { requireObjectType } from '../objects/object-checks';
import { isDestroyed } from '../objects/state';
import { operation, type OperationContext } from '../operation';
import type { PathVerdict, X509Description } from '../ports/certificates';
import { GENERAL_REASONS } from './general-reasons';

/** Longer chains do not occur; each certificate costs a look-up. */
const MAX_CERTIFICATES = 16;
/** How many objects may hold one certificate before the rest of them is passed over. */
const MAX_COPIES = 64;

/** Tells whether certificates form a chain that is valid at a time, up to an authority that is trusted here. */
export const validate = operation({
  name: 'Validate',
  code: Operation.Validate,
  window: {},
  section: { v1: '4.24', v2: '6.1.57' },
  request: structure({
    certificates: repeated(Tag.Certificate, certificateStructure),
    uniqueIdentifiers: repeated(Tag.UniqueIdentifier, identifierReference),
    validityDate: optional(Tag.ValidityDate, dateTime),
  }),
  response: structure({
    validityIndicator: required(Tag.ValidityIndicator, enumerated(validityIndicatorEnum)),
  }),
  access: 'inspect',
  objectTypes: [ObjectType.Certificate],
  reasons: ['InvalidObjectType', 'ObjectNotFound', 'ItemNotFound', 'ObjectArchived', ...GENERAL_REASONS],

  async execute({ certificates: given, uniqueIdentifiers, validityDate }, context) {
    const count = given.length + uniqueIdentifiers.length;
    if (count === 0)
      throw new HoldfastError('InvalidMessage', 'neither a certificate nor an identifier is given');
    if (count > MAX_CERTIFICATES) {
      throw new HoldfastError('InvalidField', `a chain has at most ${MAX_CERTIFICATES} certificates`);
    }
    const objects: ManagedObject[] = [];
    for (const reference of uniqueIdentifiers) {
      const object = await context.objects.fetch(context.identify(reference));
      requireObjectType(object, [ObjectType.Certificate]);
      objects.push(object);
    }
    const atSeconds = validityDate ?? context.nowSeconds;
    const verdict = await judge(given, objects, atSeconds, context);
    return { validityIndicator: INDICATORS[verdict] };
  },
});

const INDICATORS: Readonly<Record<PathVerdict, ValidityIndicator>> = {
  valid: ValidityIndicator.Valid,
  invalid: ValidityIndicator.Invalid,
  unknown: ValidityIndicator.Unknown,
};

interface GivenCertificate {
  readonly certificateType: CertificateType;
  readonly certificateValue: Buffer;
}

async function judge(
  given: readonly GivenCertificate[],
  objects: readonly ManagedObject[],
  atSeconds: number,
  context: OperationContext,
): Promise<PathVerdict> {
  // A value that is gone cannot be shown to be valid.
  if (objects.some((object) => isRevokedAt(object, atSeconds))) return 'invalid';
  const kept = objects.map(certificateOf);
  const all = [...given, ...kept];
  if (all.some(({ certificateType }) => certificateType !== CertificateType.X_509)) return 'unknown';
  const { certificates, issuingAuthority } = context;
  const described = all.map(({ certificateValue }) => certificates.describe(certificateValue));
  for (const certificate of described) {
    if (await isRevokedCopyKept(certificate, atSeconds, context)) return 'invalid';
  }
  // Who keeps the certificate of a root in the store trusts it.
  const roots = described
    .slice(given.length)
    .filter(({ isCa, subject, issuer }) => isCa && subject.der.equals(issuer.der));
  return certificates.validatePath({
    chain: described.map(({ der }) => der),
    anchors: [...(await issuingAuthority.trustAnchors()), ...roots.map(({ der }) => der)],
    atSeconds,
  });
}

function certificateOf(object: ManagedObject): GivenCertificate {
  const value = object.stored.openValue();
  if (value.objectType === ObjectType.Certificate) return value;
  throw new HoldfastError('IntegrityViolation', 'the object is no certificate');
}

/** Whether the object was taken out of use by then: a compromise counts for all time. */
function isRevokedAt({ state, attributes }: ManagedObject, atSeconds: number): boolean {
  if (state === State.Compromised || isDestroyed(state)) return true;
  return state === State.Deactivated && (attributes.get('DeactivationDate') ?? -Infinity) <= atSeconds;
}

/** Whether the domain keeps the certificate and has taken it out of use. */
async function isRevokedCopyKept(
  { issuer, serialNumberDer }: X509Description,
  atSeconds: number,
  { objects }: OperationContext,
): Promise<boolean> {
  const { uniqueIdentifiers } = await objects.locate({
    filters: [
      {
        kind: 'equals',
        attribute: {
          key: 'X_509CertificateIdentifier',
          value: { issuerDistinguishedName: issuer.der, certificateSerialNumber: serialNumberDer },
        },
      },
    ],
    storage: { online: true, archived: true, destroyed: true },
    order: 'newest-first',
    offsetItems: 0,
    maximumItems: MAX_COPIES,
    isCounted: false,
  });
  for (const uniqueIdentifier of uniqueIdentifiers) {
    const object = await objects.findAnywhere(uniqueIdentifier);
    const isErased = object?.state === State.Destroyed;
    if (object !== undefined && !isErased && isRevokedAt(object, atSeconds)) return true;
  }
  return false;
}
