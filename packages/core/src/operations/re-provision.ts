import {
  CertificateType,
  CryptographicUsageMask,
  KeyFormatType,
  LinkType,
  ObjectType,
  Operation,
  Tag,
  certificateRequestStructure,
  certificateStructure,
  optional,
  structure,
  textString,
  type ManagedObjectValue,
} from '@holdfast/kmip';
import { HoldfastError, type SecretBytes } from '@holdfast/ttlv';
import { AttributeSet } from '../objects/attribute-set';
import { addLink } from '../objects/link';
import { makeObject } from '../objects/new-object';
import { describeRegistered } from '../objects/registered-value';
import type { Made } from '../objects/replacement';
import { operation, type OperationContext } from '../operation';
import type { ProvisioningRequest } from '../ports/provisioning';
import { GENERAL_REASONS } from './general-reasons';

const request = structure({
  certificateRequest: optional(Tag.CertificateRequest, certificateRequestStructure),
  certificate: optional(Tag.Certificate, certificateStructure),
});

/** Replaces the certificate by which the client proves its identity; the one that it came with is invalid afterwards. */
export const reProvision = operation({
  name: 'ReProvision',
  code: Operation.ReProvision,
  window: { since: '2.0' },
  section: { v2: '6.1.48' },
  request,
  response: structure({ uniqueIdentifier: optional(Tag.UniqueIdentifier, textString) }),
  access: 'create',
  reasons: ['CryptographicFailure', 'InvalidCSR', ...GENERAL_REASONS],

  async execute({ certificateRequest, certificate }, context) {
    const { principal } = context;
    if (principal.kind === 'user' || principal.ticket !== undefined) {
      throw new HoldfastError(
        'PermissionDenied',
        'the certificate of a client is replaced by the client itself',
      );
    }
    if (certificateRequest !== undefined && certificate !== undefined) {
      throw new HoldfastError('InvalidField', 'Certificate Request and Certificate are both there');
    }
    const wanted: ProvisioningRequest =
      certificateRequest !== undefined
        ? { kind: 'request', der: certificateRequest.certificateRequestValue }
        : certificate !== undefined
          ? { kind: 'certificate', der: certificate.certificateValue }
          : { kind: 'nothing' };
    const provision = await context.provisioner.prepare(wanted, principal);
    const issued = await certificateObject(provision.certificateDer, context);
    const { privateKey } = provision;
    const key = privateKey === undefined ? undefined : await keyObject(privateKey, context);
    if (key !== undefined) {
      // The answer names the key alone: each leads to the other.
      addLink(key.attributes, LinkType.CertificateLink, issued.uniqueIdentifier);
      addLink(issued.attributes, LinkType.PrivateKeyLink, key.uniqueIdentifier);
    }
    context.objects.create(issued);
    if (key !== undefined) context.objects.create(key);
    context.afterwards(() => provision.replace());
    const { uniqueIdentifier } = key ?? issued;
    context.produced(uniqueIdentifier);
    return { uniqueIdentifier };
  },
});

function certificateObject(der: Buffer, context: OperationContext): Promise<Made> {
  const certificateValue = Buffer.from(der);
  return objectOf(
    { objectType: ObjectType.Certificate, certificateType: CertificateType.X_509, certificateValue },
    CryptographicUsageMask.Verify,
    context,
  );
}

function keyObject(privateKey: SecretBytes, context: OperationContext): Promise<Made> {
  const keyValue = { keyMaterial: privateKey, attributes: [] };
  return objectOf(
    { objectType: ObjectType.PrivateKey, keyBlock: { keyFormatType: KeyFormatType.PKCS_8, keyValue } },
    CryptographicUsageMask.Sign,
    context,
  );
}

async function objectOf(
  given: ManagedObjectValue,
  usageMask: number,
  context: OperationContext,
): Promise<Made> {
  const requested = new AttributeSet([{ key: 'CryptographicUsageMask', value: usageMask }]);
  const value = await describeRegistered(given, requested, context);
  return makeObject({ value, requested, origin: 'registered' }, context);
}
