import {
  CertificateType,
  CryptographicUsageMask,
  DigitalSignatureAlgorithm,
  KeyFormatType,
  ObjectType,
  State,
  type AttributeKey,
} from '@holdfast/kmip';
import { HoldfastError } from '@holdfast/ttlv';
import type { ManagedObject } from '../object-access';
import type { OperationContext } from '../operation';
import {
  DISTINGUISHED_NAME_PARTS,
  type CertificateRequestDescription,
  type DistinguishedNamePart,
  type KeyUsage,
} from '../ports/certificates';
import type { AuthorityKeyType } from '../ports/issuing-authority';
import type { AttributeSet } from './attribute-set';
import { readRequest } from './certificate-request';
import { fillDomainDefaults } from './domain-policy';
import { makeObject } from './new-object';
import { tellOfCertificate } from './registered-value';
import type { Made } from './replacement';
import { stateOf } from './object-checks';

/** What Certify and Re-certify have in common. KMIP 1.4 sections 4.7 and 4.8, KMIP 2.1 sections 6.1.6 and 6.1.45. */

const DAY_SECONDS = 86_400;
/** How far back a certificate may begin, and does unless told otherwise, for peers whose clock is behind. */
const BACKDATING_SECONDS = DAY_SECONDS;
const USUAL_VALIDITY_SECONDS = 2 * 365 * DAY_SECONDS;
/** ub-common-name of RFC 5280 appendix A. */
const MAX_COMMON_NAME_LENGTH = 64;

/** What a Certificate Request object holds. @throws HoldfastError as `readRequest` */
export function readRequestObject(
  object: ManagedObject,
  context: OperationContext,
): CertificateRequestDescription | undefined {
  requireCertifiable(object);
  const value = object.stored.openValue();
  if (value.objectType !== ObjectType.CertificateRequest) return undefined;
  return readRequest(value.certificateRequestType, value.certificateRequestValue, context);
}

/** @throws HoldfastError PermissionDenied where the state of an object forbids to certify it */
export function requireCertifiable(object: ManagedObject): void {
  const state = stateOf(object);
  if (state === State.PreActive || state === State.Active) return;
  throw new HoldfastError('PermissionDenied', 'the object is out of use: it cannot be certified');
}

/** SubjectPublicKeyInfo of a public key. @throws HoldfastError PermissionDenied where it cannot be certified */
export function publicKeyInfo(publicKey: ManagedObject, { crypto }: OperationContext): Buffer {
  requireCertifiable(publicKey);
  const value = publicKey.stored.openValue();
  try {
    if (value.objectType !== ObjectType.PublicKey) throw new HoldfastError('InvalidObjectType', 'no key');
    const converted = crypto.convertKey(value.objectType, value.keyBlock, KeyFormatType.X_509);
    const material = crypto.keyMaterialBytes(converted);
    return Buffer.from(material.reveal());
  } catch (cause) {
    if (!(cause instanceof HoldfastError)) throw cause;
    throw new HoldfastError(
      'PermissionDenied',
      'the public key cannot be had in the form that certificates need',
      {
        cause,
      },
    );
  }
}

export interface Subject {
  /** A Name in DER. */
  readonly subjectDer: Buffer;
  /** GeneralNames in DER. */
  readonly subjectAlternativeNames: readonly Buffer[];
}

/**
 * The subject that a request describes by attributes: X.509 Certificate Subject (DER), Certificate Subject (text, 1.x),
 * or parts of a name.
 * @throws HoldfastError InvalidField
 */
export async function statedSubject(
  attributes: AttributeSet,
  { certificates }: OperationContext,
): Promise<Partial<Subject>> {
  const encoded = attributes.get('X_509CertificateSubject');
  if (encoded !== undefined) {
    const { subjectDistinguishedName, subjectAlternativeNames } = encoded;
    return { subjectDer: subjectDistinguishedName, subjectAlternativeNames };
  }
  const text = attributes.get('CertificateSubject');
  if (text !== undefined) {
    const names = text.certificateSubjectAlternativeNames;
    return {
      subjectDer: await certificates.encodeName(text.certificateSubjectDistinguishedName),
      subjectAlternativeNames: names.map((name) => certificates.encodeAlternativeName(name)),
    };
  }
  const parts = DISTINGUISHED_NAME_PARTS.map((part) => [part, statedPart(attributes, part)] as const);
  const given = parts.filter(([, values]) => values.length > 0);
  return given.length === 0 ? {} : { subjectDer: await certificates.encodeName(Object.fromEntries(given)) };
}

function statedPart(attributes: AttributeSet, part: DistinguishedNamePart): readonly string[] {
  return attributes.instances(`CertificateSubject${part}`).map(({ value }) => value);
}

/** What the request for a certificate says goes first, then what attributes say. */
export function chosenSubject(
  csr: CertificateRequestDescription | undefined,
  stated: Partial<Subject>,
  otherwise: Subject,
): Subject {
  const inRequest = csr?.subjectAlternativeNames ?? [];
  const { subjectAlternativeNames = [] } = stated;
  const isSubjectInRequest = csr !== undefined && csr.subject.text !== '';
  return {
    subjectDer: isSubjectInRequest ? csr.subject.der : (stated.subjectDer ?? otherwise.subjectDer),
    subjectAlternativeNames:
      inRequest.length > 0
        ? inRequest.map(({ der }) => der)
        : subjectAlternativeNames.length > 0
          ? subjectAlternativeNames
          : otherwise.subjectAlternativeNames,
  };
}

/** A subject for a key of which nothing is said: its name, else its identifier. */
export function subjectNamedAs(
  publicKey: ManagedObject,
  { certificates }: OperationContext,
): Promise<Buffer> {
  const name = publicKey.attributes.get('Name')?.nameValue ?? '';
  const isUsable = name !== '' && name.length <= MAX_COMMON_NAME_LENGTH && !/\p{Cc}|\p{Cs}/u.test(name);
  return certificates.encodeName({ CN: [isUsable ? name : publicKey.uniqueIdentifier] });
}

/** What the certificate will tell, whatever the attributes say: "the Certificate Request takes precedence". */
const TOLD_BY_CERTIFICATE: readonly AttributeKey[] = [
  'CertificateType',
  'CertificateLength',
  'X_509CertificateSubject',
  'CertificateSubject',
  ...DISTINGUISHED_NAME_PARTS.map((part) => `CertificateSubject${part}` as const),
  'CryptographicAlgorithm',
  'CryptographicLength',
  'DigitalSignatureAlgorithm',
];

/** @throws HoldfastError FeatureNotSupported for other certificates than X.509 */
export function forgetWhatCertificateTells(attributes: AttributeSet): void {
  if ((attributes.get('CertificateType') ?? CertificateType.X_509) !== CertificateType.X_509) {
    throw new HoldfastError('FeatureNotSupported', 'only X.509 certificates are issued');
  }
  for (const key of TOLD_BY_CERTIFICATE) attributes.clear(key);
}

/**
 * Gives a certificate that is to be issued the defaults of the domain, but for what it will tell itself.
 * @throws HoldfastError as `fillDomainDefaults`
 */
export function fillCertificateDefaults(attributes: AttributeSet, { policy }: OperationContext): void {
  fillDomainDefaults(policy, ObjectType.Certificate, attributes);
  forgetWhatCertificateTells(attributes);
}

const SIGNATURES: ReadonlyMap<DigitalSignatureAlgorithm, AuthorityKeyType> = new Map([
  [DigitalSignatureAlgorithm.SHA_256WithRSAEncryption, 'RSA'],
  [DigitalSignatureAlgorithm.ECDSAWithSHA256, 'EC'],
]);

/** With what kind of key the certificate is signed: as asked for, else one of the kind that is certified. */
export function signerFor(
  stated: DigitalSignatureAlgorithm | undefined,
  isRsaKey: boolean,
): AuthorityKeyType {
  if (stated === undefined) return isRsaKey ? 'RSA' : 'EC';
  const keyType = SIGNATURES.get(stated);
  if (keyType !== undefined) return keyType;
  throw new HoldfastError(
    'InvalidField',
    'certificates are not signed with this Digital Signature Algorithm',
  );
}

const { Sign, Verify, Encrypt, Decrypt, WrapKey, UnwrapKey, KeyAgreement, DeriveKey } =
  CryptographicUsageMask;
const { CertificateSign, ContentCommitmentNonRepudiation, CRLSign } = CryptographicUsageMask;

/** The uses of a key pair in the words of KMIP, either half, and of X.509; a CA is never made. */
const USAGES: readonly (readonly [KeyUsage, publicKeyUse: number, privateKeyUse: number])[] = [
  ['digitalSignature', Verify, Sign],
  ['nonRepudiation', ContentCommitmentNonRepudiation, ContentCommitmentNonRepudiation],
  ['keyEncipherment', WrapKey, UnwrapKey],
  ['dataEncipherment', Encrypt, Decrypt],
  ['keyAgreement', KeyAgreement, DeriveKey],
];

/** What a certificate may say that the key is for; undefined where nothing restricts it. */
export function usagesWithin(mask: number | undefined): readonly KeyUsage[] | undefined {
  if (mask === undefined) return undefined;
  return USAGES.filter(([, one, other]) => (mask & (one | other)) !== 0).map(([usage]) => usage);
}

/**
 * The Cryptographic Usage Mask of a certificate of these key usages (undefined: of any): what is wanted of it, less the uses
 * that it is not for and those of an authority; where nothing is wanted or left, all that it is for. KMIP 1.4 section 3.19,
 * table 96.
 */
function maskOf(usages: readonly KeyUsage[] | undefined, wanted = 0): number {
  let [mask, without] = [0, CertificateSign | CRLSign];
  for (const [usage, one, other] of USAGES) {
    if (usages?.includes(usage) !== false) mask |= one;
    else without |= one | other;
  }
  return (wanted & ~without) === 0 ? mask : wanted & ~without;
}

/**
 * The Cryptographic Usage Mask of the certificate: as stated, else that of the key.
 * @throws HoldfastError InvalidField where it would allow what the key may not do
 */
export function usageMaskFor(stated: number | undefined, ofKey: number | undefined): number | undefined {
  if (stated === undefined || ofKey === undefined) return stated ?? ofKey;
  if ((stated & ~ofKey) === 0) return stated;
  throw new HoldfastError('InvalidField', 'the Cryptographic Usage Mask has uses that the key does not have');
}

/** @throws HoldfastError InvalidCSR where a request is for another key */
export function requireSameKey(csr: CertificateRequestDescription | undefined, spkiDer: Buffer): void {
  if (csr === undefined || csr.publicKey.spkiDer.equals(spkiDer)) return;
  throw new HoldfastError('InvalidCSR', 'the certificate request is for another key than the object');
}

interface Validity {
  readonly notBeforeSeconds: number;
  readonly notAfterSeconds: number;
}

/**
 * A certificate is valid while its object is to be Active, where dates say so.
 * @param usualSeconds how long it is valid where no Deactivation Date that is still to come says so
 * @throws HoldfastError InvalidField where it would end before it begins
 */
export function validityOf(
  attributes: AttributeSet,
  nowSeconds: number,
  usualSeconds: number = USUAL_VALIDITY_SECONDS,
): Validity {
  const earliest = nowSeconds - BACKDATING_SECONDS;
  const notBeforeSeconds = Math.max(attributes.get('ActivationDate') ?? earliest, earliest);
  const end = attributes.get('DeactivationDate');
  const begin = Math.max(notBeforeSeconds, nowSeconds);
  const notAfterSeconds = end !== undefined && end > nowSeconds ? end : begin + usualSeconds;
  if (notAfterSeconds <= notBeforeSeconds) {
    throw new HoldfastError('InvalidField', 'the certificate would end before it begins');
  }
  return { notBeforeSeconds, notAfterSeconds };
}

/** The object of a certificate that was just issued; its attributes are completed from it. */
export function makeCertificate(
  certificateValue: Buffer,
  requested: AttributeSet,
  context: OperationContext,
): Made {
  const value = {
    objectType: ObjectType.Certificate,
    certificateType: CertificateType.X_509,
    certificateValue,
  } as const;
  tellOfCertificate(value, requested, context);
  const { keyUsages } = context.certificates.describe(certificateValue);
  requested.set('CryptographicUsageMask', maskOf(keyUsages, requested.get('CryptographicUsageMask')));
  return makeObject({ value, requested, origin: 'generated' }, context);
}
