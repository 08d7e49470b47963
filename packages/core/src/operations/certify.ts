import {
  CryptographicAlgorithm,
  LinkType,
  ObjectType,
  Operation,
  Tag,
  certificateRequestBytes,
  certificateRequestTypeEnum,
  enumerated,
  identifierReference,
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
import { readRequest } from '../objects/certificate-request';
import {
  chosenSubject,
  fillCertificateDefaults,
  forgetWhatCertificateTells,
  makeCertificate,
  publicKeyInfo,
  readRequestObject,
  requireSameKey,
  signerFor,
  statedSubject,
  subjectNamedAs,
  usageMaskFor,
  usagesWithin,
  validityOf,
  type Subject,
} from '../objects/certification';
import { requireObjectType } from '../objects/object-checks';
import { protectionStorageMasks, requireProtectionStorage } from '../objects/protection-storage';
import { addLink, addLinkWhereRoom } from '../objects/link';
import { checkRequested, gatherAttributes } from '../objects/requested-attributes';
import { operation, type OperationContext } from '../operation';
import type { CertificateRequestDescription } from '../ports/certificates';
import { GENERAL_REASONS } from './general-reasons';

/** Issues a certificate for a public key, by a request for it or for the key alone. */
export const certify = operation({
  name: 'Certify',
  code: Operation.Certify,
  window: {},
  section: { v1: '4.7', v2: '6.1.6' },
  request: structure({
    uniqueIdentifier: optional(Tag.UniqueIdentifier, identifierReference),
    certificateRequestType: optional(Tag.CertificateRequestType, enumerated(certificateRequestTypeEnum)),
    certificateRequest: certificateRequestBytes(),
    newAttributes: newAttributes({ mayBeAbsent: true }),
    protectionStorageMasks: protectionStorageMasks(Tag.ProtectionStorageMasks),
  }),
  response: structure({
    uniqueIdentifier: required(Tag.UniqueIdentifier, textString),
    serverSetAttributes: serverSetAttributes(),
  }),
  access: 'govern',
  objectTypes: [ObjectType.PublicKey, ObjectType.CertificateRequest],
  reasons: [
    'InvalidCSR',
    'InvalidObjectType',
    'ItemNotFound',
    'ObjectNotFound',
    'AttributeReadOnly',
    'NonUniqueNameAttribute',
    'ApplicationNamespaceNotSupported',
    'ObjectArchived',
    'ProtectionStorageUnavailable',
    ...GENERAL_REASONS,
  ],

  async execute(request, context) {
    requireProtectionStorage(request.protectionStorageMasks);
    const given = readRequest(request.certificateRequestType, request.certificateRequest, context);
    const subject = await whatIsCertified(request.uniqueIdentifier, given, context);
    const requested = await gatherAttributes([request.newAttributes], context);
    const stated = await statedSubject(requested, context);
    const signer = signerFor(requested.get('DigitalSignatureAlgorithm'), subject.isRsaKey);
    forgetWhatCertificateTells(requested);
    checkRequested(requested, ObjectType.Certificate, 'generated');
    const { csr, publicKey } = subject;
    const keyMask = publicKey?.attributes.get('CryptographicUsageMask');
    const mask = usageMaskFor(requested.get('CryptographicUsageMask'), keyMask);
    if (mask !== undefined) requested.set('CryptographicUsageMask', mask);
    fillCertificateDefaults(requested, context);
    const { nowSeconds } = context;
    const issued = await context.issuingAuthority.issue(
      {
        ...chosenSubject(csr, stated, await usualSubject(subject, context)),
        spkiDer: subject.spkiDer,
        allowedUsages: usagesWithin(mask),
        requestedUsages: csr?.keyUsages,
        extendedKeyUsages: csr?.extendedKeyUsages ?? [],
        nowSeconds,
        ...validityOf(requested, nowSeconds),
      },
      signer,
    );
    const certificate = makeCertificate(issued.der, requested, context);
    const { uniqueIdentifier } = certificate;
    if (publicKey !== undefined) {
      addLink(certificate.attributes, LinkType.PublicKeyLink, publicKey.uniqueIdentifier);
      addLinkWhereRoom(publicKey.attributes, LinkType.CertificateLink, uniqueIdentifier);
      context.objects.update(publicKey);
    }
    context.objects.create(certificate);
    context.produced(uniqueIdentifier);
    return { uniqueIdentifier };
  },
});

/** The key that is certified: from a request for a certificate, from the store, or from both. */
interface Certified {
  readonly csr: CertificateRequestDescription | undefined;
  readonly publicKey: ManagedObject | undefined;
  /** SubjectPublicKeyInfo. */
  readonly spkiDer: Buffer;
  readonly isRsaKey: boolean;
}

async function whatIsCertified(
  reference: IdentifierReference | undefined,
  given: CertificateRequestDescription | undefined,
  context: OperationContext,
): Promise<Certified> {
  if (given !== undefined && reference === undefined) return withPlaceholder(given, context);
  const object = await context.objects.fetch(context.identify(reference));
  requireObjectType(object, [ObjectType.PublicKey, ObjectType.CertificateRequest]);
  const stored = readRequestObject(object, context);
  if (stored === undefined) return ofKey(object, given, context);
  if (given === undefined) return ofRequest(stored);
  throw new HoldfastError('InvalidField', 'a request is given beside the object that is one');
}

/** The ID Placeholder names the key of a request that comes without identifier, where it is its key. KMIP 1.4 section 4.7. */
async function withPlaceholder(
  given: CertificateRequestDescription,
  context: OperationContext,
): Promise<Certified> {
  const identifier = placeholder(context);
  const object = identifier === undefined ? undefined : await context.objects.find(identifier);
  if (object?.attributes.get('ObjectType') !== ObjectType.PublicKey) return ofRequest(given);
  const spkiDer = publicKeyInfo(object, context);
  return given.publicKey.spkiDer.equals(spkiDer) ? ofKey(object, given, context) : ofRequest(given);
}

function placeholder({ identify }: OperationContext): string | undefined {
  try {
    return identify(undefined);
  } catch (error) {
    if (error instanceof HoldfastError && error.code === 'ItemNotFound') return undefined;
    throw error;
  }
}

function ofRequest(csr: CertificateRequestDescription): Certified {
  const { spkiDer, algorithm } = csr.publicKey;
  return { csr, publicKey: undefined, spkiDer, isRsaKey: algorithm === 'RSA' };
}

function ofKey(
  publicKey: ManagedObject,
  csr: CertificateRequestDescription | undefined,
  context: OperationContext,
): Certified {
  const spkiDer = publicKeyInfo(publicKey, context);
  requireSameKey(csr, spkiDer);
  const isRsaKey = publicKey.attributes.get('CryptographicAlgorithm') === CryptographicAlgorithm.RSA;
  return { csr, publicKey, spkiDer, isRsaKey };
}

/** What names a key of which nothing else is said: its Name, else its identifier. */
async function usualSubject({ csr, publicKey }: Certified, context: OperationContext): Promise<Subject> {
  const subjectDer =
    publicKey === undefined || csr !== undefined
      ? await context.certificates.encodeName({})
      : await subjectNamedAs(publicKey, context);
  return { subjectDer, subjectAlternativeNames: [] };
}
