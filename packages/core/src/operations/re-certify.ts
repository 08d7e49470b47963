import {
  CertificateType,
  LinkType,
  ObjectType,
  Operation,
  State,
  Tag,
  certificateRequestBytes,
  certificateRequestTypeEnum,
  enumerated,
  identifierReference,
  interval,
  newAttributes,
  optional,
  required,
  serverSetAttributes,
  structure,
  textString,
  type IdentifierReference,
} from '@holdfast/kmip';
import { HoldfastError } from '@holdfast/ttlv';
import type { ManagedObject } from '../object-access';
import { requireConsistentDates } from '../objects/attribute-rules';
import type { AttributeSet } from '../objects/attribute-set';
import { readRequest } from '../objects/certificate-request';
import {
  chosenSubject,
  fillCertificateDefaults,
  forgetWhatCertificateTells,
  makeCertificate,
  readRequestObject,
  requireCertifiable,
  requireSameKey,
  signerFor,
  statedSubject,
  usageMaskFor,
  usagesWithin,
  validityOf,
} from '../objects/certification';
import { addLink, addLinkWhereRoom } from '../objects/link';
import { requireObjectType } from '../objects/object-checks';
import { protectionStorageMasks, requireProtectionStorage } from '../objects/protection-storage';
import {
  inheritedAttributes,
  linkedBy,
  movedDates,
  replaceBy,
  requireReplaceable,
} from '../objects/replacement';
import { checkRequested, gatherAttributes, mergeAttributes } from '../objects/requested-attributes';
import { operation, type OperationContext } from '../operation';
import type { CertificateRequestDescription, X509Description } from '../ports/certificates';
import { GENERAL_REASONS } from './general-reasons';

/** Issues a new certificate for the key of an existing one, which takes over its names. */
export const reCertify = operation({
  name: 'ReCertify',
  code: Operation.ReCertify,
  window: {},
  section: { v1: '4.8', v2: '6.1.45' },
  request: structure({
    uniqueIdentifier: optional(Tag.UniqueIdentifier, identifierReference),
    certificateRequestUniqueIdentifier: optional(
      Tag.CertificateRequestUniqueIdentifier,
      identifierReference,
      { since: '2.0' },
    ),
    certificateRequestType: optional(Tag.CertificateRequestType, enumerated(certificateRequestTypeEnum)),
    certificateRequest: certificateRequestBytes(),
    offsetSeconds: optional(Tag.Offset, interval),
    newAttributes: newAttributes({ mayBeAbsent: true }),
    protectionStorageMasks: protectionStorageMasks(Tag.ProtectionStorageMasks),
  }),
  response: structure({
    uniqueIdentifier: required(Tag.UniqueIdentifier, textString),
    serverSetAttributes: serverSetAttributes(),
  }),
  access: 'govern',
  objectTypes: [ObjectType.Certificate],
  reasons: [
    'InvalidCSR',
    'InvalidObjectType',
    'ItemNotFound',
    'ObjectNotFound',
    'ObjectDestroyed',
    'AttributeReadOnly',
    'MissingData',
    'NonUniqueNameAttribute',
    'ApplicationNamespaceNotSupported',
    'ObjectArchived',
    'ProtectionStorageUnavailable',
    ...GENERAL_REASONS,
  ],

  async execute(request, context) {
    requireProtectionStorage(request.protectionStorageMasks);
    const old = await context.objects.fetch(context.identify(request.uniqueIdentifier));
    const description = describeRenewable(old, context);
    const { publicKey: key } = description;
    const csr = await requestOf(request, context);
    requireSameKey(csr, key.spkiDer);
    const asked = await gatherAttributes([request.newAttributes], context);
    const stated = await statedSubject(asked, context);
    const signer = signerFor(asked.get('DigitalSignatureAlgorithm'), key.algorithm === 'RSA');
    forgetWhatCertificateTells(asked);
    checkRequested(asked, ObjectType.Certificate, 'generated');
    const { nowSeconds } = context;
    const requested = inheritedAttributes(old, ObjectType.Certificate);
    forgetWhatCertificateTells(requested);
    mergeAttributes(requested, movedDates(old, asked, request.offsetSeconds, nowSeconds));
    mergeAttributes(requested, asked);
    requireConsistentDates(requested, asked);
    const publicKey = await certifiedKey(old, context);
    const mask = renewedMask(asked, old, publicKey);
    if (mask !== undefined) requested.set('CryptographicUsageMask', mask);
    fillCertificateDefaults(requested, context);
    const issued = await context.issuingAuthority.issue(
      {
        ...chosenSubject(csr, stated, {
          subjectDer: description.subject.der,
          subjectAlternativeNames: description.subjectAlternativeNames.map(({ der }) => der),
        }),
        spkiDer: key.spkiDer,
        allowedUsages: usagesWithin(mask),
        requestedUsages: csr?.keyUsages ?? description.keyUsages,
        extendedKeyUsages: (csr ?? description).extendedKeyUsages,
        nowSeconds,
        ...validityOf(requested, nowSeconds, description.notAfterSeconds - description.notBeforeSeconds),
      },
      signer,
    );
    const certificate = makeCertificate(issued.der, requested, context);
    replaceBy(old, certificate, context);
    if (publicKey !== undefined) {
      addLink(certificate.attributes, LinkType.PublicKeyLink, publicKey.uniqueIdentifier);
      pointTo(certificate.uniqueIdentifier, old, publicKey);
      context.objects.update(publicKey);
    }
    context.produced(certificate.uniqueIdentifier);
    return { uniqueIdentifier: certificate.uniqueIdentifier };
  },
});

/** @throws HoldfastError PermissionDenied, FeatureNotSupported, and as `requireReplaceable` */
function describeRenewable(old: ManagedObject, { certificates }: OperationContext): X509Description {
  requireReplaceable(old, ObjectType.Certificate);
  if (old.state === State.Compromised) {
    throw new HoldfastError('PermissionDenied', 'the certificate is compromised: its key needs replacing');
  }
  const value = old.stored.openValue();
  if (value.objectType !== ObjectType.Certificate || value.certificateType !== CertificateType.X_509) {
    throw new HoldfastError('FeatureNotSupported', 'only X.509 certificates are issued');
  }
  const description = certificates.describe(value.certificateValue);
  if (description.isCa) {
    throw new HoldfastError('PermissionDenied', 'certificates of authorities are not issued here');
  }
  return description;
}

interface GivenRequest {
  readonly certificateRequestUniqueIdentifier?: IdentifierReference | undefined;
  readonly certificateRequestType?: Parameters<typeof readRequest>[0];
  readonly certificateRequest?: Buffer | undefined;
}

/** The request for a certificate, where the bytes are given or its object is named. */
async function requestOf(
  given: GivenRequest,
  context: OperationContext,
): Promise<CertificateRequestDescription | undefined> {
  const inMessage = readRequest(given.certificateRequestType, given.certificateRequest, context);
  const reference = given.certificateRequestUniqueIdentifier;
  if (reference === undefined) return inMessage;
  if (inMessage !== undefined) {
    throw new HoldfastError('InvalidField', 'a certificate request is given and another one named');
  }
  const object = await context.objects.fetch(context.identify(reference));
  requireObjectType(object, [ObjectType.CertificateRequest]);
  return readRequestObject(object, context);
}

/**
 * The public key that the certificate links to, as long as there is one.
 * @throws HoldfastError PermissionDenied where it is compromised, or out of use
 */
async function certifiedKey(
  old: ManagedObject,
  { objects }: OperationContext,
): Promise<ManagedObject | undefined> {
  const identifier = linkedBy(old, LinkType.PublicKeyLink);
  const publicKey = identifier === undefined ? undefined : await objects.find(identifier);
  if (publicKey === undefined || publicKey.state === State.Destroyed) return undefined;
  requireCertifiable(publicKey);
  return publicKey;
}

/**
 * The Cryptographic Usage Mask as stated, else that of the old certificate, of which the key may have less.
 * @throws HoldfastError as `usageMaskFor`
 */
function renewedMask(
  asked: AttributeSet,
  old: ManagedObject,
  publicKey: ManagedObject | undefined,
): number | undefined {
  const inherited = old.attributes.get('CryptographicUsageMask');
  const ofKey = publicKey?.attributes.get('CryptographicUsageMask') ?? inherited;
  const stated = asked.get('CryptographicUsageMask');
  const common = (inherited ?? 0) & (ofKey ?? 0);
  return usageMaskFor(stated ?? (common === 0 ? undefined : common), ofKey);
}

/** The Certificate Link of the public key names the new certificate instead of the old one. */
function pointTo(certificate: string, old: ManagedObject, { attributes }: ManagedObject): void {
  const outdated = attributes
    .instances('Link')
    .find(
      ({ value }) =>
        value.linkType === LinkType.CertificateLink && value.linkedObjectIdentifier === old.uniqueIdentifier,
    );
  if (outdated === undefined) addLinkWhereRoom(attributes, LinkType.CertificateLink, certificate);
  else attributes.replace(outdated, { ...outdated.value, linkedObjectIdentifier: certificate });
}
