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
  type Attribute,
  type ManagedObjectValue,
} from '@holdfast/kmip';
import { HoldfastError, type SecretBytes } from '@holdfast/ttlv';
import { AttributeSet } from '../objects/attribute-set';
import { makeObject } from '../objects/new-object';
import { describeRegistered } from '../objects/registered-value';
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
    const certificateId = keepCertificate(provision.certificateDer, context);
    const keyId =
      provision.privateKey === undefined ? undefined : keepKey(provision.privateKey, certificateId, context);
    context.afterwards(() => provision.replace());
    const uniqueIdentifier = keyId ?? certificateId;
    context.produced(uniqueIdentifier);
    return { uniqueIdentifier };
  },
});

function keepCertificate(der: Buffer, context: OperationContext): string {
  const certificateValue = Buffer.from(der);
  return keep(
    { objectType: ObjectType.Certificate, certificateType: CertificateType.X_509, certificateValue },
    [{ key: 'CryptographicUsageMask', value: CryptographicUsageMask.Verify }],
    context,
  );
}

function keepKey(privateKey: SecretBytes, certificateId: string, context: OperationContext): string {
  const keyValue = { keyMaterial: privateKey, attributes: [] };
  return keep(
    { objectType: ObjectType.PrivateKey, keyBlock: { keyFormatType: KeyFormatType.PKCS_8, keyValue } },
    [
      { key: 'CryptographicUsageMask', value: CryptographicUsageMask.Sign },
      { key: 'Link', value: { linkType: LinkType.CertificateLink, linkedObjectIdentifier: certificateId } },
    ],
    context,
  );
}

function keep(
  given: ManagedObjectValue,
  attributes: readonly Attribute[],
  context: OperationContext,
): string {
  const requested = new AttributeSet(attributes);
  const value = describeRegistered(given, requested, context);
  const made = makeObject({ value, requested, origin: 'registered' }, context);
  context.objects.create(made);
  return made.uniqueIdentifier;
}
