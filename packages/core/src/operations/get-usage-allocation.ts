import {
  CryptographicUsageMask,
  ObjectType,
  Operation,
  State,
  Tag,
  identifierReference,
  longInteger,
  optional,
  required,
  structure,
} from '@holdfast/kmip';
import { HoldfastError } from '@holdfast/ttlv';
import type { ManagedObject } from '../object-access';
import { requireProtecting, takeUnits } from '../objects/key-use';
import { requireObjectType } from '../objects/object-checks';
import { operation } from '../operation';
import { GENERAL_REASONS } from './general-reasons';
import { identifierResponse } from './identifier-payload';

const { Certificate, PGPKey, PrivateKey, PublicKey, SplitKey, SymmetricKey } = ObjectType;
const PROTECTING_TYPES = [Certificate, SymmetricKey, PublicKey, PrivateKey, SplitKey, PGPKey] as const;

/** The uses that protect data; everything else is not limited. */
const PROTECTING_USES =
  CryptographicUsageMask.Sign |
  CryptographicUsageMask.Encrypt |
  CryptographicUsageMask.WrapKey |
  CryptographicUsageMask.MACGenerate |
  CryptographicUsageMask.ContentCommitmentNonRepudiation |
  CryptographicUsageMask.CertificateSign |
  CryptographicUsageMask.CRLSign |
  CryptographicUsageMask.GenerateCryptogram |
  CryptographicUsageMask.FPEEncrypt;

/** Takes units off the Usage Limits of a key, for a client that protects data with it by itself. */
export const getUsageAllocation = operation({
  name: 'GetUsageAllocation',
  code: Operation.GetUsageAllocation,
  window: {},
  section: { v1: '4.18', v2: '6.1.23' },
  request: structure({
    uniqueIdentifier: optional(Tag.UniqueIdentifier, identifierReference),
    usageLimitsCount: required(Tag.UsageLimitsCount, longInteger),
  }),
  response: identifierResponse,
  access: 'use',
  objectTypes: PROTECTING_TYPES,
  states: [State.Active],
  reasons: [
    'AttributeNotFound',
    'InvalidObjectType',
    'ObjectNotFound',
    'ObjectArchived',
    'UsageLimitExceeded',
    ...GENERAL_REASONS,
  ],

  async execute({ uniqueIdentifier, usageLimitsCount }, context) {
    if (usageLimitsCount <= 0n) throw new HoldfastError('InvalidField', 'Usage Limits Count is not positive');
    const object = await context.objects.fetch(context.identify(uniqueIdentifier));
    requireAbleToProtect(object);
    if (!object.attributes.has('UsageLimits')) {
      throw new HoldfastError('AttributeNotFound', 'the object has no Usage Limits');
    }
    requireProtecting(object, context.nowSeconds);
    takeUnits(object, usageLimitsCount, context);
    return { uniqueIdentifier: object.uniqueIdentifier };
  },
});

function requireAbleToProtect(object: ManagedObject): void {
  requireObjectType(object, PROTECTING_TYPES);
  if (((object.attributes.get('CryptographicUsageMask') ?? 0) & PROTECTING_USES) !== 0) return;
  throw new HoldfastError(
    'InvalidObjectType',
    'the Cryptographic Usage Mask allows nothing that protects data',
  );
}
