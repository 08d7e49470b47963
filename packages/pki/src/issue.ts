import {
  type AuthorityRequest,
  type CertificateAuthority,
  type ClientCertificateRequest,
  HoldfastError,
  type IssuedCertificate,
  type IssuedCertificateWithKey,
  type KeyPairAlgorithm,
  type PublishedAddresses,
  type ServerCertificateRequest,
} from '@holdfast/core';
import type { Extension, JsonNameParams, X509Certificate } from '@peculiar/x509';
import { randomBytes } from 'node:crypto';
import { readCsr } from './csr';
import { readElement } from './der';
import { checkNameValue, checkUrl, type HostNames, readHosts } from './hosts';
import { type GeneratedKeyPair, generateKeyPair, importSigningKey, type SigningKey } from './keys';
import { loadX509, type X509Library } from './library';
import { parseCertificates, sha256Hex } from './parse';
import { encodePem } from './pem';
import { readPublicKeyInfo } from './public-key';

const DAY_SECONDS = 86_400;
/** How long before its issue a certificate is valid already, for peers whose clock is behind. */
const BACKDATING_SECONDS = DAY_SECONDS;
const AUTHORITY_VALIDITY_SECONDS = 10 * 365 * DAY_SECONDS;
const LEAF_VALIDITY_SECONDS = 2 * 365 * DAY_SECONDS;
/** The last second that GeneralizedTime can name: 99991231235959Z (RFC 5280 section 4.1.2.5). */
const LAST_TIME_SECONDS = 253_402_300_799;
const SERIAL_BYTES = 16;

interface Validity {
  readonly notBeforeSeconds: number;
  readonly notAfterSeconds: number;
}

/** A random positive serial number of 16 octets, none of them padding (RFC 5280 section 4.1.2.2). */
function newSerialHex(): string {
  const bytes = randomBytes(SERIAL_BYTES);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes.toString('hex');
}

function validityFrom(nowSeconds: number, validitySeconds: number): Validity {
  const notBeforeSeconds = Math.floor(nowSeconds) - BACKDATING_SECONDS;
  const notAfterSeconds = notBeforeSeconds + Math.floor(validitySeconds);
  if (!(notAfterSeconds >= nowSeconds) || notAfterSeconds > LAST_TIME_SECONDS) {
    throw new HoldfastError(
      'InvalidField',
      'the validity must be longer than the day by which certificates are backdated, and end before the year 10000',
    );
  }
  return { notBeforeSeconds, notAfterSeconds };
}

/**
 * A certificate that outlives its CA, or is older, fails at some peers and not at others.
 * @throws HoldfastError InvalidField where the CA has expired, or will have before the certificate begins
 */
export function withinAuthority(wanted: Validity, authority: Validity, nowSeconds: number): Validity {
  if (nowSeconds > authority.notAfterSeconds)
    throw new HoldfastError('InvalidField', 'the CA certificate has expired');
  const notBeforeSeconds = Math.max(wanted.notBeforeSeconds, authority.notBeforeSeconds);
  const notAfterSeconds = Math.min(wanted.notAfterSeconds, authority.notAfterSeconds);
  if (notBeforeSeconds > notAfterSeconds)
    throw new HoldfastError('InvalidField', 'the CA certificate ends before the certificate would begin');
  return { notBeforeSeconds, notAfterSeconds };
}

function toName(commonName: string, organization: string | undefined): JsonNameParams {
  const name: JsonNameParams = [{ CN: [{ utf8String: commonName }] }];
  if (organization !== undefined) name.unshift({ O: [{ utf8String: organization }] });
  return name;
}

function toIssued(certificate: X509Certificate, validity: Validity, serialHex: string): IssuedCertificate {
  const der = Buffer.from(certificate.rawData);
  return { der, pem: encodePem('CERTIFICATE', der), serialHex, sha256Hex: sha256Hex(der), ...validity };
}

interface Body {
  /** A Name in DER, or its parts. */
  readonly subject: JsonNameParams | Buffer;
  readonly keyUsage: Extension;
  readonly spkiDer: Buffer;
  readonly validity: Validity;
  readonly extensions: readonly Extension[];
}

function dates({ notBeforeSeconds, notAfterSeconds }: Validity): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(notBeforeSeconds * 1000), notAfter: new Date(notAfterSeconds * 1000) };
}

/** Makes a key pair and certifies it; a key without a certificate is destroyed. */
async function withKeyPair(
  algorithm: KeyPairAlgorithm = 'EC-P256',
  certify: (pair: GeneratedKeyPair) => Promise<IssuedCertificate>,
): Promise<IssuedCertificateWithKey> {
  const pair = await generateKeyPair(algorithm);
  try {
    return { ...(await certify(pair)), privateKey: pair.privateKey };
  } catch (error) {
    pair.privateKey.destroy();
    throw error;
  }
}

/** See `CertificatesPort.createAuthority`. */
export async function createAuthority(request: AuthorityRequest): Promise<IssuedCertificateWithKey> {
  const commonName = checkNameValue(request.commonName, 'the common name of the CA');
  const { organization, nowSeconds, validitySeconds = AUTHORITY_VALIDITY_SECONDS } = request;
  if (organization !== undefined) checkNameValue(organization, 'the organization of the CA');
  const validity = validityFrom(nowSeconds, validitySeconds);
  const x509 = await loadX509();
  const name = new x509.Name(toName(commonName, organization));
  return withKeyPair(request.keyAlgorithm, async ({ spkiDer, privateKey }) => {
    const signer = await importSigningKey(privateKey);
    const serialHex = newSerialHex();
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: serialHex,
      subject: name,
      issuer: name,
      ...dates(validity),
      publicKey: spkiDer,
      signingKey: signer.key,
      signingAlgorithm: signer.algorithm,
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
        await x509.SubjectKeyIdentifierExtension.create(spkiDer),
      ],
    });
    return toIssued(certificate, validity, serialHex);
  });
}

/** A CA in use: its certificate as the library reads it, and its key. */
export interface OpenAuthority {
  readonly x509: X509Library;
  readonly certificate: X509Certificate;
  readonly validity: Validity;
  readonly signer: SigningKey;
  /** Authority Key Identifier of what the CA signs (RFC 5280 section 4.2.1.1). */
  readonly keyIdentifier: Extension;
}

/**
 * Takes a CA into use.
 * @throws HoldfastError InvalidField where the certificate is not one of a CA, or the key not the one it certifies
 */
export async function openAuthority(ca: CertificateAuthority): Promise<OpenAuthority> {
  const [parsed] = parseCertificates(ca.certificateDer);
  if (parsed?.isCa !== true) throw new HoldfastError('InvalidField', 'the certificate is not one of a CA');
  const signer = await importSigningKey(ca.privateKey);
  if (!signer.spkiDer.equals(parsed.publicKey.spkiDer)) {
    throw new HoldfastError('InvalidField', "the CA's key is not the one that its certificate names");
  }
  const x509 = await loadX509();
  const certificate = new x509.X509Certificate(parsed.der);
  const subjectKeyId = certificate.getExtension(x509.SubjectKeyIdentifierExtension)?.keyId;
  const keyIdentifier =
    subjectKeyId === undefined
      ? await x509.AuthorityKeyIdentifierExtension.create(certificate.publicKey)
      : new x509.AuthorityKeyIdentifierExtension(subjectKeyId);
  return {
    x509,
    certificate,
    validity: parsed,
    signer: await importSigningKey(ca.privateKey),
    keyIdentifier,
  };
}

export async function issue(authority: OpenAuthority, body: Body): Promise<IssuedCertificate> {
  const { x509, certificate: ca, signer, keyIdentifier } = authority;
  const serialHex = newSerialHex();
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialHex,
    subject: new x509.Name(body.subject),
    issuer: ca.subjectName,
    ...dates(body.validity),
    publicKey: body.spkiDer,
    signingKey: signer.key,
    signingAlgorithm: signer.algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      body.keyUsage,
      ...body.extensions,
      await x509.SubjectKeyIdentifierExtension.create(body.spkiDer),
      keyIdentifier,
    ],
  });
  return toIssued(certificate, body.validity, serialHex);
}

/** What TLS does with the key: RSA also transports keys, an EC key also agrees on them (RFC 3279 section 2.3). */
function leafKeyUsage({ KeyUsagesExtension, KeyUsageFlags }: X509Library, spkiDer: Buffer): Extension {
  const { digitalSignature, keyEncipherment, keyAgreement } = KeyUsageFlags;
  switch (readPublicKeyInfo(readElement(spkiDer)).algorithm) {
    case 'RSA':
      return new KeyUsagesExtension(digitalSignature | keyEncipherment, true);
    case 'EC':
      return new KeyUsagesExtension(digitalSignature | keyAgreement, true);
    default:
      return new KeyUsagesExtension(digitalSignature, true);
  }
}

function serverExtensions(
  x509: X509Library,
  { alternativeNames }: HostNames,
  request: ServerCertificateRequest,
): Extension[] {
  return [
    // A server connects to clients too, where they want to be told of changes.
    new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
    new x509.SubjectAlternativeNameExtension([...alternativeNames]),
    ...addressExtensions(x509, request),
  ];
}

/** Where the issuer's CRL and certificate are published (RFC 5280 sections 4.2.1.13 and 4.2.2.1). */
function addressExtensions(x509: X509Library, request: PublishedAddresses): Extension[] {
  const extensions: Extension[] = [];
  const crlUrls = (request.crlUrls ?? []).map(checkUrl);
  if (crlUrls.length > 0) extensions.push(new x509.CRLDistributionPointsExtension(crlUrls));
  const caIssuers = (request.caIssuerUrls ?? []).map(checkUrl);
  if (caIssuers.length > 0) extensions.push(new x509.AuthorityInfoAccessExtension({ caIssuers }));
  return extensions;
}

/** See `CertificatesPort.issueServer`. */
export async function issueServer(
  ca: CertificateAuthority,
  request: ServerCertificateRequest,
): Promise<IssuedCertificateWithKey> {
  const hosts = readHosts(request.hosts);
  const wanted = validityFrom(request.nowSeconds, request.validitySeconds ?? LEAF_VALIDITY_SECONDS);
  const authority = await openAuthority(ca);
  const validity = withinAuthority(wanted, authority.validity, request.nowSeconds);
  const extensions = serverExtensions(authority.x509, hosts, request);
  const subject = toName(hosts.commonName, undefined);
  return withKeyPair(request.keyAlgorithm, ({ spkiDer }) =>
    issue(authority, {
      subject,
      spkiDer,
      keyUsage: leafKeyUsage(authority.x509, spkiDer),
      validity,
      extensions,
    }),
  );
}

async function certifyClient(
  ca: CertificateAuthority,
  request: ClientCertificateRequest,
  spkiDer: Buffer,
): Promise<IssuedCertificate> {
  const name = checkNameValue(request.name, 'the name of the client');
  if (request.domain !== undefined) checkNameValue(request.domain, 'the domain of the client');
  const wanted = validityFrom(request.nowSeconds, request.validitySeconds ?? LEAF_VALIDITY_SECONDS);
  const authority = await openAuthority(ca);
  return issue(authority, {
    subject: toName(name, request.domain),
    spkiDer,
    keyUsage: leafKeyUsage(authority.x509, spkiDer),
    validity: withinAuthority(wanted, authority.validity, request.nowSeconds),
    extensions: [
      new authority.x509.ExtendedKeyUsageExtension([authority.x509.ExtendedKeyUsage.clientAuth]),
      ...addressExtensions(authority.x509, request),
    ],
  });
}

/** See `CertificatesPort.issueClient`. */
export async function issueClient(
  ca: CertificateAuthority,
  request: ClientCertificateRequest,
): Promise<IssuedCertificateWithKey> {
  return withKeyPair(request.keyAlgorithm, ({ spkiDer }) => certifyClient(ca, request, spkiDer));
}

/** See `CertificatesPort.signClientRequest`. */
export async function signClientRequest(
  ca: CertificateAuthority,
  csr: Buffer | string,
  request: ClientCertificateRequest,
): Promise<IssuedCertificate> {
  return certifyClient(ca, request, readCsr(csr).publicKey.spkiDer);
}
