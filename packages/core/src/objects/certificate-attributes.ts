import {
  CryptographicAlgorithm,
  DigitalSignatureAlgorithm,
  type Attribute,
  type AttributeKey,
} from '@holdfast/kmip';
import {
  DISTINGUISHED_NAME_PARTS,
  type AlternativeName,
  type DistinguishedName,
  type PublicKeyDescription,
  type SignatureDescription,
  type X509Description,
} from '../ports/certificates';

const KEY_ALGORITHMS: Readonly<
  Record<NonNullable<PublicKeyDescription['algorithm']>, CryptographicAlgorithm | undefined>
> = {
  RSA: CryptographicAlgorithm.RSA,
  'RSA-PSS': CryptographicAlgorithm.RSA,
  EC: CryptographicAlgorithm.EC,
  DSA: CryptographicAlgorithm.DSA,
  DH: CryptographicAlgorithm.DH,
  Ed25519: CryptographicAlgorithm.Ed25519,
  Ed448: CryptographicAlgorithm.Ed448,
  X25519: undefined,
  X448: undefined,
  'ML-KEM-512': CryptographicAlgorithm.ML_KEM_512,
  'ML-KEM-768': CryptographicAlgorithm.ML_KEM_768,
  'ML-KEM-1024': CryptographicAlgorithm.ML_KEM_1024,
  'ML-DSA-44': CryptographicAlgorithm.ML_DSA_44,
  'ML-DSA-65': CryptographicAlgorithm.ML_DSA_65,
  'ML-DSA-87': CryptographicAlgorithm.ML_DSA_87,
  'SLH-DSA-SHA2-128s': CryptographicAlgorithm.SLH_DSA_SHA2_128s,
  'SLH-DSA-SHA2-128f': CryptographicAlgorithm.SLH_DSA_SHA2_128f,
  'SLH-DSA-SHA2-192s': CryptographicAlgorithm.SLH_DSA_SHA2_192s,
  'SLH-DSA-SHA2-192f': CryptographicAlgorithm.SLH_DSA_SHA2_192f,
  'SLH-DSA-SHA2-256s': CryptographicAlgorithm.SLH_DSA_SHA2_256s,
  'SLH-DSA-SHA2-256f': CryptographicAlgorithm.SLH_DSA_SHA2_256f,
  'SLH-DSA-SHAKE-128s': CryptographicAlgorithm.SLH_DSA_SHAKE_128s,
  'SLH-DSA-SHAKE-128f': CryptographicAlgorithm.SLH_DSA_SHAKE_128f,
  'SLH-DSA-SHAKE-192s': CryptographicAlgorithm.SLH_DSA_SHAKE_192s,
  'SLH-DSA-SHAKE-192f': CryptographicAlgorithm.SLH_DSA_SHAKE_192f,
  'SLH-DSA-SHAKE-256s': CryptographicAlgorithm.SLH_DSA_SHAKE_256s,
  'SLH-DSA-SHAKE-256f': CryptographicAlgorithm.SLH_DSA_SHAKE_256f,
};

/** By signature algorithm and hash, as PKI names them; what KMIP has no value for is left out. KMIP 2.1 section 11.15. */
const SIGNATURE_ALGORITHMS: Readonly<Record<string, DigitalSignatureAlgorithm>> = {
  'RSA MD2': DigitalSignatureAlgorithm.MD2WithRSAEncryption,
  'RSA MD5': DigitalSignatureAlgorithm.MD5WithRSAEncryption,
  'RSA SHA-1': DigitalSignatureAlgorithm.SHA_1WithRSAEncryption,
  'RSA SHA-224': DigitalSignatureAlgorithm.SHA_224WithRSAEncryption,
  'RSA SHA-256': DigitalSignatureAlgorithm.SHA_256WithRSAEncryption,
  'RSA SHA-384': DigitalSignatureAlgorithm.SHA_384WithRSAEncryption,
  'RSA SHA-512': DigitalSignatureAlgorithm.SHA_512WithRSAEncryption,
  'RSA SHA3-256': DigitalSignatureAlgorithm.SHA3_256WithRSAEncryption,
  'RSA SHA3-384': DigitalSignatureAlgorithm.SHA3_384WithRSAEncryption,
  'RSA SHA3-512': DigitalSignatureAlgorithm.SHA3_512WithRSAEncryption,
  'DSA SHA-1': DigitalSignatureAlgorithm.DSAWithSHA_1,
  'DSA SHA-224': DigitalSignatureAlgorithm.DSAWithSHA224,
  'DSA SHA-256': DigitalSignatureAlgorithm.DSAWithSHA256,
  'ECDSA SHA-1': DigitalSignatureAlgorithm.ECDSAWithSHA_1,
  'ECDSA SHA-224': DigitalSignatureAlgorithm.ECDSAWithSHA224,
  'ECDSA SHA-256': DigitalSignatureAlgorithm.ECDSAWithSHA256,
  'ECDSA SHA-384': DigitalSignatureAlgorithm.ECDSAWithSHA384,
  'ECDSA SHA-512': DigitalSignatureAlgorithm.ECDSAWithSHA512,
};

function signatureAlgorithm({
  algorithm,
  hash,
}: SignatureDescription): DigitalSignatureAlgorithm | undefined {
  if (algorithm === 'RSASSA-PSS') return DigitalSignatureAlgorithm.RSASSA_PSS;
  return SIGNATURE_ALGORITHMS[`${algorithm} ${hash}`];
}

function nameParts(name: DistinguishedName, role: 'Subject' | 'Issuer'): Attribute[] {
  return DISTINGUISHED_NAME_PARTS.flatMap((part) =>
    (name.parts[part] ?? []).map((value): Attribute => ({ key: `Certificate${role}${part}`, value })),
  );
}

const ders = (names: readonly AlternativeName[]) => names.map(({ der }) => der);
const texts = (names: readonly AlternativeName[]) => names.map(({ value }) => value);

/** The identity of a certificate in the forms of 1.1 and later (DER), 1.x (text) and 2.x (name parts). */
function identity(certificate: X509Description): Attribute[] {
  const { issuer, subject, issuerAlternativeNames, subjectAlternativeNames } = certificate;
  return [
    {
      key: 'X_509CertificateIdentifier',
      value: { issuerDistinguishedName: issuer.der, certificateSerialNumber: certificate.serialNumberDer },
    },
    {
      key: 'X_509CertificateIssuer',
      value: {
        issuerDistinguishedName: issuer.der,
        issuerAlternativeNames: ders(issuerAlternativeNames),
      },
    },
    {
      key: 'X_509CertificateSubject',
      value: {
        subjectDistinguishedName: subject.der,
        subjectAlternativeNames: ders(subjectAlternativeNames),
      },
    },
    { key: 'CertificateIdentifier', value: { issuer: issuer.text, serialNumber: certificate.serialHex } },
    {
      key: 'CertificateIssuer',
      value: {
        certificateIssuerDistinguishedName: issuer.text,
        certificateIssuerAlternativeNames: texts(issuerAlternativeNames),
      },
    },
    {
      key: 'CertificateSubject',
      value: {
        certificateSubjectDistinguishedName: subject.text,
        certificateSubjectAlternativeNames: texts(subjectAlternativeNames),
      },
    },
    ...nameParts(subject, 'Subject'),
    ...nameParts(issuer, 'Issuer'),
  ];
}

function present<K extends AttributeKey>(
  key: K,
  value: Extract<Attribute, { key: K }>['value'] | undefined,
): Attribute[] {
  return value === undefined ? [] : [{ key, value } as Attribute];
}

/** What the public key in a certificate or a certificate request says of itself. */
export function publicKeyAttributes({ algorithm, lengthBits }: PublicKeyDescription): readonly Attribute[] {
  const keyAlgorithm = algorithm === undefined ? undefined : KEY_ALGORITHMS[algorithm];
  return [...present('CryptographicAlgorithm', keyAlgorithm), ...present('CryptographicLength', lengthBits)];
}

/**
 * The attributes that an X.509 certificate tells of itself. KMIP 1.4 sections 3.4, 3.5, 3.8 to 3.16, KMIP 2.1 sections
 * 4.6 to 4.8, 4.13, 4.15, 4.22, 4.61 to 4.63. Name parts are there only where the certificate has them.
 */
export function certificateAttributes(certificate: X509Description): readonly Attribute[] {
  const { publicKey, signature, der } = certificate;
  return [
    ...publicKeyAttributes(publicKey),
    { key: 'CertificateLength', value: der.length },
    ...present('DigitalSignatureAlgorithm', signatureAlgorithm(signature)),
    ...identity(certificate),
  ];
}
