import type { SecretBytes } from '../secret';

/** Key pairs that the built-in CA makes and signs with. */
export const KEY_PAIR_ALGORITHMS = ['EC-P256', 'EC-P384', 'RSA-2048', 'RSA-3072', 'RSA-4096'] as const;
export type KeyPairAlgorithm = (typeof KEY_PAIR_ALGORITHMS)[number];

/** A CA as the server keeps it: the certificate in the clear, the private key (PKCS#8 DER) unsealed for this use. */
export interface CertificateAuthority {
  readonly certificateDer: Buffer;
  readonly privateKey: SecretBytes;
}

/** A certificate that was just issued. */
export interface IssuedCertificate {
  readonly der: Buffer;
  readonly pem: string;
  /** Serial number, lower-case hex. */
  readonly serialHex: string;
  /** SHA-256 of the DER, lower-case hex. */
  readonly sha256Hex: string;
  /** Validity in seconds since the epoch, both ends included. */
  readonly notBeforeSeconds: number;
  readonly notAfterSeconds: number;
}

/** A certificate issued together with its key pair. */
export interface IssuedCertificateWithKey extends IssuedCertificate {
  /** PKCS#8 DER; the receiver destroys it. `privateKeyPem` gives the PEM form. */
  readonly privateKey: SecretBytes;
}

export interface AuthorityRequest {
  /** Subject CN, 1 to 64 characters. */
  readonly commonName: string;
  /** Subject O, 1 to 64 characters. */
  readonly organization?: string;
  /** Default EC-P256. */
  readonly keyAlgorithm?: KeyPairAlgorithm;
  /** Time of issue in seconds since the epoch. The validity begins a day earlier, against clock skew. */
  readonly nowSeconds: number;
  /** Default 10 years of 365 days, counted from the backdated start. */
  readonly validitySeconds?: number;
}

/** Where issued certificates say that revocations and the CA are to be found. */
export interface PublishedAddresses {
  /** http URLs for the CRL Distribution Points extension. */
  readonly crlUrls?: readonly string[];
  /** http URLs of the CA certificate for the Authority Information Access extension. */
  readonly caIssuerUrls?: readonly string[];
}

export interface ServerCertificateRequest extends PublishedAddresses {
  /** DNS names (a leading `*.` label is allowed) and IP literals: at least one. The first DNS name is the Subject CN. */
  readonly hosts: readonly string[];
  /** Default EC-P256. */
  readonly keyAlgorithm?: KeyPairAlgorithm;
  /** As in AuthorityRequest, but never outside the validity of the CA. */
  readonly nowSeconds: number;
  /** Default 2 years of 365 days. */
  readonly validitySeconds?: number;
}

export interface ClientCertificateRequest extends PublishedAddresses {
  /** Subject CN, 1 to 64 characters. */
  readonly name: string;
  /** Subject O, 1 to 64 characters: the domain of the client. */
  readonly domain?: string;
  /** Default EC-P256. Not looked at where a CSR brings the key. */
  readonly keyAlgorithm?: KeyPairAlgorithm;
  /** As in AuthorityRequest, but never outside the validity of the CA. */
  readonly nowSeconds: number;
  /** Default 2 years of 365 days. */
  readonly validitySeconds?: number;
}

/** CRLReason of RFC 5280 section 5.3.1; `removeFromCRL` belongs to delta CRLs and is left out. */
export const REVOCATION_REASONS = [
  'unspecified',
  'keyCompromise',
  'cACompromise',
  'affiliationChanged',
  'superseded',
  'cessationOfOperation',
  'certificateHold',
  'privilegeWithdrawn',
  'aACompromise',
] as const;
export type RevocationReason = (typeof REVOCATION_REASONS)[number];

export interface RevokedCertificate {
  /** As in IssuedCertificate. */
  readonly serialHex: string;
  readonly revokedAtSeconds: number;
  readonly reason?: RevocationReason;
}

export interface CrlRequest {
  readonly revoked: readonly RevokedCertificate[];
  /** The CRL Number: larger in each further CRL of the same CA (RFC 5280 section 5.2.3). */
  readonly crlNumber: bigint;
  readonly thisUpdateSeconds: number;
  readonly nextUpdateSeconds: number;
}

export interface CertificateRevocationList {
  readonly der: Buffer;
  readonly pem: string;
}

/** The parts of a name that have a KMIP attribute: Certificate Subject CN, ... (KMIP 2.1 section 4.6), named as its tags. */
export const DISTINGUISHED_NAME_PARTS = [
  'CN',
  'O',
  'OU',
  'Email',
  'C',
  'ST',
  'L',
  'UID',
  'SerialNumber',
  'Title',
  'DC',
  'DNQualifier',
] as const;
export type DistinguishedNamePart = (typeof DISTINGUISHED_NAME_PARTS)[number];

export type DistinguishedNameParts = Readonly<Partial<Record<DistinguishedNamePart, readonly string[]>>>;

export interface DistinguishedName {
  /** The bytes of the Name as they stand in the certificate. */
  readonly der: Buffer;
  /** RFC 4514 string, most specific part first; empty for an empty name. */
  readonly text: string;
  /** The values of each part, in the order of the certificate; only parts that occur. */
  readonly parts: DistinguishedNameParts;
}

/** One GeneralName of a Subject or Issuer Alternative Name extension. */
export interface AlternativeName {
  /** `other` stands for all further forms, and for names with characters that their form does not allow. */
  readonly type: 'dns' | 'ip' | 'email' | 'uri' | 'directory' | 'other';
  /** The name as text; an IPv6 address as in RFC 5952; `#` and the hex of the DER for `other`. */
  readonly value: string;
  /** The GeneralName as it stands in the certificate. */
  readonly der: Buffer;
}

/** A parameter set of FIPS 203, 204 or 205. */
export type QuantumSafeAlgorithm =
  | `ML-KEM-${512 | 768 | 1024}`
  | `ML-DSA-${44 | 65 | 87}`
  | `SLH-DSA-${'SHA2' | 'SHAKE'}-${128 | 192 | 256}${'s' | 'f'}`;

export interface PublicKeyDescription {
  /** Undefined for an algorithm that is not known here. */
  readonly algorithm:
    | 'RSA'
    | 'RSA-PSS'
    | 'EC'
    | 'DSA'
    | 'DH'
    | 'Ed25519'
    | 'Ed448'
    | 'X25519'
    | 'X448'
    | QuantumSafeAlgorithm
    | undefined;
  /** Length of modulus, prime or curve field in bits; of a quantum-safe key, its own. */
  readonly lengthBits: number | undefined;
  /** OpenSSL's name of the curve (`prime256v1`, `secp384r1`, ...) of an EC key. */
  readonly namedCurve: string | undefined;
  /** SubjectPublicKeyInfo. */
  readonly spkiDer: Buffer;
}

export interface SignatureDescription {
  readonly oid: string;
  /** Undefined for an algorithm that is not known here. */
  readonly algorithm: 'RSA' | 'RSASSA-PSS' | 'DSA' | 'ECDSA' | 'Ed25519' | 'Ed448' | undefined;
  /** Undefined where the algorithm has none of its own (Ed25519, Ed448) or is not known here. */
  readonly hash: SignatureHash | undefined;
}

export type SignatureHash =
  | 'MD2'
  | 'MD5'
  | 'SHA-1'
  | 'SHA-224'
  | 'SHA-256'
  | 'SHA-384'
  | 'SHA-512'
  | 'SHA3-224'
  | 'SHA3-256'
  | 'SHA3-384'
  | 'SHA3-512';

/** Key Usage (RFC 5280 section 4.2.1.3), in the order of its bits. */
export const KEY_USAGES = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
] as const;
export type KeyUsage = (typeof KEY_USAGES)[number];

/** What stands in an X.509 certificate, for the attributes of KMIP Certificate objects. Nothing of it is verified. */
export interface X509Description {
  /** The KMIP Certificate Type. */
  readonly certificateType: 'X.509';
  /** The certificate; its length is the KMIP Certificate Length. */
  readonly der: Buffer;
  readonly subject: DistinguishedName;
  readonly issuer: DistinguishedName;
  readonly subjectAlternativeNames: readonly AlternativeName[];
  readonly issuerAlternativeNames: readonly AlternativeName[];
  /** Content octets of the serial number, without tag and length. */
  readonly serialNumber: Buffer;
  /** The serial number as a DER INTEGER: KMIP's Certificate Serial Number as the OASIS test cases show it. */
  readonly serialNumberDer: Buffer;
  /** Content octets in lower-case hex, without the zero octet that only keeps a number positive. */
  readonly serialHex: string;
  /** Validity in seconds since the epoch, both ends included. */
  readonly notBeforeSeconds: number;
  readonly notAfterSeconds: number;
  readonly publicKey: PublicKeyDescription;
  /** Basic Constraints say CA, and Key Usage, where present, allows signing certificates. */
  readonly isCa: boolean;
  /** Undefined where the certificate does not restrict them. */
  readonly keyUsages: readonly KeyUsage[] | undefined;
  /** Object identifiers; none where the certificate does not restrict them. */
  readonly extendedKeyUsages: readonly string[];
  readonly signature: SignatureDescription;
}

/** The forms of certificate requests: PKCS#10 as DER or PEM (RFC 2986), and CRMF (RFC 4211). */
export type CertificateRequestForm = 'PKCS#10' | 'PEM' | 'CRMF';

/** What a certificate request asks for. Its signature was verified. */
export type CertificateRequestDescription = Pick<
  X509Description,
  'subject' | 'subjectAlternativeNames' | 'publicKey' | 'keyUsages' | 'extendedKeyUsages'
>;

/** A certificate for somebody who is no CA: Basic Constraints say so, whatever was asked for. */
export interface EndEntityRequest {
  /** A Name; it may be empty where there are alternative names. */
  readonly subjectDer: Buffer;
  /** GeneralNames, DER. */
  readonly subjectAlternativeNames: readonly Buffer[];
  readonly spkiDer: Buffer;
  /** The uses that the key has; undefined: all that keys of its algorithm can have. */
  readonly allowedUsages: readonly KeyUsage[] | undefined;
  /** Those of them that are wanted; undefined: signing, and what goes with it in TLS. */
  readonly requestedUsages: readonly KeyUsage[] | undefined;
  /** Object identifiers; anyExtendedKeyUsage and OCSPSigning are left out. */
  readonly extendedKeyUsages: readonly string[];
  readonly nowSeconds: number;
  /** Cut to the validity of the CA. */
  readonly notBeforeSeconds: number;
  readonly notAfterSeconds: number;
}

/** A certification path that is to be validated. */
export interface PathRequest {
  /** DER, in any order: one chain, with or without the CA that is trusted. */
  readonly chain: readonly Buffer[];
  /** The certificates at which a chain may end, DER. */
  readonly anchors: readonly Buffer[];
  /** When it is to be valid, seconds since the epoch. */
  readonly atSeconds: number;
}

/** `unknown`: nothing is wrong with the chain, but no trusted CA is above it or it says what is not understood here. */
export type PathVerdict = 'valid' | 'invalid' | 'unknown';

/** A certificate that is to identify a peer or a CA. */
export interface ParsedCertificate extends X509Description {
  readonly pem: string;
  /** SHA-256 of the DER, lower-case hex. */
  readonly sha256Hex: string;
  /** Subject and issuer are the same name. */
  readonly isSelfIssued: boolean;
  /** Self-issued, and its signature verifies under its own key. */
  readonly isSelfSigned: boolean;
}

/** What a PKCS#12 container holds for one private key. */
export interface KeyBundle {
  /** PKCS#8 DER. */
  readonly privateKey: SecretBytes;
  /** X.509 certificates in DER; read: all that there are, in their order; to be written: the key's own first. */
  readonly certificates: readonly Buffer[];
  readonly friendlyName: string | undefined;
}

/** What a peer of ours does in TLS. */
export type TlsUse = 'client' | 'server';

/**
 * The port to everything X.509: the built-in CA, and reading certificates that were brought along. Nothing here keeps
 * state, writes files or reads a clock. Whatever is refused is refused with HoldfastError `InvalidField` (`InvalidCSR` for
 * a certificate request).
 */
export interface CertificatesPort {
  /**
   * Makes a key pair and a self-signed root certificate for it: Basic Constraints CA with path length 0 (critical), Key
   * Usage keyCertSign and cRLSign (critical), Subject Key Identifier (RFC 5280 sections 4.2.1.2, 4.2.1.3, 4.2.1.9).
   */
  createAuthority(request: AuthorityRequest): Promise<IssuedCertificateWithKey>;

  /** Makes a key pair and a certificate for a TLS server (Extended Key Usage serverAuth). */
  issueServer(ca: CertificateAuthority, request: ServerCertificateRequest): Promise<IssuedCertificateWithKey>;

  /** Makes a key pair and a certificate for a TLS client (Extended Key Usage clientAuth). */
  issueClient(ca: CertificateAuthority, request: ClientCertificateRequest): Promise<IssuedCertificateWithKey>;

  /**
   * Issues a client certificate for the key of a PKCS#10 request (RFC 2986). Only the key is taken from it: subject,
   * extensions and validity are those of `request`, whatever the CSR asks for.
   * @param csr PEM or DER
   * @throws HoldfastError InvalidCSR where it does not parse, its signature does not verify (SHA-2 only), or its key is
   * none of: RSA of 2048 to 8192 bits with a public exponent of at least 65537, P-256, P-384, P-521, Ed25519
   */
  signClientRequest(
    ca: CertificateAuthority,
    csr: Buffer | string,
    request: ClientCertificateRequest,
  ): Promise<IssuedCertificate>;

  /** Signs a version 2 CRL with CRL Number and Authority Key Identifier (RFC 5280 section 5). */
  issueCrl(ca: CertificateAuthority, request: CrlRequest): Promise<CertificateRevocationList>;

  /**
   * Reads one DER certificate, or a PEM text of 1 to 16 certificates, the leaf first; PEM blocks of other kinds are
   * passed over. At most 256 KiB.
   */
  parse(input: Buffer | string): ParsedCertificate[];

  /**
   * Whether `ca` issued the certificate: names and key identifiers fit, and the signature verifies. Both in DER. The
   * buffer of the CA must not change afterwards: what was read from it is kept for the next call.
   */
  isIssuedBy(certificateDer: Buffer, caDer: Buffer): boolean;

  /**
   * Whether the names in a certificate are those of its holder, by the word of `ca`, in TLS: `ca` issued it, may do so, and is valid
   * now; it is itself no CA's, is for this use where it says any, and has no critical extension that is unknown; and nobody could
   * have made its signature, or has its key, by now (RFC 5280 section 6). Whether it is valid now is the caller's to look at. Both in DER.
   */
  identifies(certificateDer: Buffer, caDer: Buffer, use: TlsUse, nowSeconds: number): boolean;

  /** Reads what stands in one DER certificate; signatures, dates and keys are not judged. At most 256 KiB. */
  describe(der: Buffer): X509Description;

  /**
   * Opens a PKCS#12 container (RFC 7292): PBES2, or triple DES as older tools have it; at most 256 KiB.
   * @param password UTF-8
   * @param friendlyName of the private key, in any case; the first private key where left out
   * @throws HoldfastError BadPassword, InvalidField (no container, no such key, an algorithm that is not available)
   */
  openPkcs12(container: Buffer, password: SecretBytes, friendlyName?: string): Promise<KeyBundle>;

  /** Makes a PKCS#12 container: PBES2 with AES-256-CBC, and an HMAC-SHA-256. */
  makePkcs12(bundle: KeyBundle & { readonly friendlyName: string }, password: SecretBytes): Promise<Buffer>;

  /** PEM form (`PRIVATE KEY`) of a PKCS#8 key, as secret bytes: what a key file or node:tls takes. */
  privateKeyPem(privateKey: SecretBytes): SecretBytes;

  /**
   * Reads a certificate request and verifies its signature.
   * @throws HoldfastError InvalidCSR, as `signClientRequest`, and where it is not of that form
   */
  readRequest(form: CertificateRequestForm, content: Buffer): CertificateRequestDescription;

  /**
   * Issues a certificate for a key that its holder brought.
   * @throws HoldfastError PermissionDenied where the key is too weak or has no use that a certificate can say
   */
  issueEndEntity(ca: CertificateAuthority, request: EndEntityRequest): Promise<IssuedCertificate>;

  /** DER of a name, given as RFC 4514 text or by its parts. */
  encodeName(name: string | DistinguishedNameParts): Promise<Buffer>;

  /** DER of the GeneralName that a text can only mean: an IP address, a URI, an e-mail address, else a DNS name. */
  encodeAlternativeName(text: string): Buffer;

  /**
   * Validates a certification path (RFC 5280 section 6): signatures, validity, CA flags, path lengths, key usage. Whether
   * certificates are revoked is the caller's to know.
   * @throws HoldfastError InvalidMessage where the chain is empty
   */
  validatePath(request: PathRequest): PathVerdict;
}
