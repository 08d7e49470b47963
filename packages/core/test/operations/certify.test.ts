import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import {
  CertificateRequestType,
  CryptographicAlgorithm,
  CertificateType,
  CryptographicUsageMask,
  DigitalSignatureAlgorithm,
  LinkType,
  ObjectType,
  ProtectionStorageMask,
  RevocationReasonCode,
  State,
  type Attribute,
  type VersionName,
} from '@holdfast/kmip';
import { archive, certify, createKeyPair, destroy, reCertify, revoke } from '@holdfast/core';
import {
  certificateBytes,
  ecPair,
  makeCrmf,
  makeRequest,
  openssl,
  registerCertificate,
  registerPublicKey,
  rsaPair,
} from './certificates';
import { Harness } from './harness';
import { asking, createKey, named, refused, registerObject, valueOf, valuesOf } from './requests';

// OpenSSL runs in processes of its own.
let harness: Harness;
beforeAll(async () => {
  harness = await Harness.start();
});
afterAll(() => harness.close());

const { CRMF, PEM, PGP, PKCS_10 } = CertificateRequestType;
const { CertificateSign, ContentCommitmentNonRepudiation, Encrypt, MACVerify, Sign, Verify, WrapKey } =
  CryptographicUsageMask;
const DAY = 86_400;

interface Asked {
  readonly csr?: Buffer;
  readonly type?: CertificateRequestType;
  readonly attributes?: readonly Attribute[];
  readonly version?: VersionName;
}

async function certified(uniqueIdentifier: string | undefined, asked: Asked = {}): Promise<string> {
  const { csr, type = csr === undefined ? undefined : PKCS_10, attributes = [], version = '1.4' } = asked;
  const request = {
    uniqueIdentifier,
    certificateRequestType: type,
    certificateRequest: csr,
    newAttributes: asking(...attributes),
  };
  return (await harness.run(certify, request, version)).uniqueIdentifier;
}

interface Renewal extends Asked {
  readonly offsetSeconds?: number;
  readonly requestId?: string;
}

async function renewed(uniqueIdentifier: string, asked: Renewal = {}): Promise<string> {
  const { csr, type = csr === undefined ? undefined : PKCS_10, attributes = [], version = '1.4' } = asked;
  const request = {
    uniqueIdentifier,
    certificateRequestUniqueIdentifier: asked.requestId,
    certificateRequestType: type,
    certificateRequest: csr,
    offsetSeconds: asked.offsetSeconds,
    newAttributes: asking(...attributes),
  };
  return (await harness.run(reCertify, request, version)).uniqueIdentifier;
}

async function x509(uniqueIdentifier: string): Promise<X509Certificate> {
  return new X509Certificate(await certificateBytes(harness, uniqueIdentifier));
}

/** What OpenSSL says of a certificate, after it has verified it under the CA of that kind. */
async function verified(uniqueIdentifier: string, keyType: 'EC' | 'RSA' = 'EC'): Promise<string> {
  const { certificateDer } = await harness.issuingAuthority.authority(keyType);
  const leaf = await x509(uniqueIdentifier);
  const ca = new X509Certificate(certificateDer).toString();
  const files = { leaf: leaf.toString(), ca };
  expect(openssl(files, 'verify', '-x509_strict', '-CAfile', 'ca', 'leaf').toString()).toMatch(/leaf: OK/);
  return openssl(files, 'x509', '-in', 'leaf', '-noout', '-text').toString();
}

async function linksOf(uniqueIdentifier: string): Promise<readonly (readonly [number, unknown])[]> {
  const links = await valuesOf(harness, uniqueIdentifier, 'Link');
  return links.map(({ linkType, linkedObjectIdentifier }) => [linkType, linkedObjectIdentifier]);
}

const subjectPart = (part: 'CN' | 'O' | 'C', value: string): Attribute => ({
  key: `CertificateSubject${part}`,
  value,
});

describe('Certify of a public key alone', () => {
  test('signs a certificate for it, which links to the key and the key to it', async () => {
    const pair = ecPair();
    const publicKey = await registerPublicKey(harness, pair);
    const certificate = await certified(publicKey, {
      attributes: [
        named('of array 7'),
        { key: 'CertificateType', value: CertificateType.X_509 },
        subjectPart('CN', 'array-7'),
        subjectPart('C', 'DE'),
        subjectPart('O', 'Beispiel GmbH'),
      ],
    });
    expect(harness.produced).toEqual([certificate]);
    const { subject, ca, publicKey: inCertificate, serialNumber } = await x509(certificate);
    expect(subject).toBe('C=DE\nO=Beispiel GmbH\nCN=array-7');
    expect(ca).toBe(false);
    expect(inCertificate.equals(pair.publicKey)).toBe(true);
    expect(serialNumber).toMatch(/^[4-7][0-9A-F]{31}$/);
    const text = await verified(certificate);
    expect(text).toMatch(/X509v3 Basic Constraints: critical\s+CA:FALSE/);
    expect(text).toMatch(/X509v3 Key Usage: critical\s+Digital Signature\n/);
    expect(await linksOf(certificate)).toEqual([[LinkType.PublicKeyLink, publicKey]]);
    expect(await linksOf(publicKey)).toEqual([[LinkType.CertificateLink, certificate]]);
    expect(await valueOf(harness, certificate, 'Name')).toEqual(named('of array 7').value);
    expect(await valueOf(harness, certificate, 'CertificateSubjectCN')).toBe('array-7');
    expect(await valueOf(harness, certificate, 'CryptographicUsageMask')).toBe(Verify);
    expect(await valueOf(harness, certificate, 'State')).toBe(State.PreActive);
    const again = await certified(publicKey);
    expect((await linksOf(publicKey)).map(([, identifier]) => identifier)).toEqual([certificate, again]);
  });

  test('names it after the key where nothing is said of the subject', async () => {
    const publicKey = await registerPublicKey(harness, ecPair(), Verify, named('backup key'));
    expect((await x509(await certified(publicKey))).subject).toBe('CN=backup key');
    const nameless = await registerPublicKey(harness, ecPair());
    expect((await x509(await certified(nameless, { version: '2.1' }))).subject).toBe(`CN=${nameless}`);
  });

  test('takes the subject as DER or text, with alternative names', async () => {
    const publicKey = await registerPublicKey(harness, ecPair());
    const text = await x509(
      await certified(publicKey, {
        attributes: [
          {
            key: 'CertificateSubject',
            value: {
              certificateSubjectDistinguishedName: 'CN=kms\\, first,O=Example,C=US',
              certificateSubjectAlternativeNames: [
                'kms.example.org',
                '10.1.2.3',
                'fe80::1:2',
                'a@example.org',
                'https://a.b/c',
              ],
            },
          },
        ],
      }),
    );
    expect(text.subject).toBe('C=US\nO=Example\nCN=kms\\, first');
    expect(text.subjectAltName).toBe(
      'DNS:kms.example.org, IP Address:10.1.2.3, IP Address:FE80:0:0:0:0:0:1:2, email:a@example.org, URI:https://a.b/c',
    );
    const subjectDistinguishedName = Buffer.from('300f310d300b06035504030c04726f6f74', 'hex');
    const subjectAlternativeNames = [Buffer.from('8203612e62', 'hex')];
    const der = await certified(publicKey, {
      version: '2.1',
      attributes: [
        { key: 'X_509CertificateSubject', value: { subjectDistinguishedName, subjectAlternativeNames } },
      ],
    });
    expect(await valueOf(harness, der, 'X_509CertificateSubject')).toEqual({
      subjectDistinguishedName,
      subjectAlternativeNames,
    });
    await verified(der);
  });

  test('is refused for a subject that no certificate can have', async () => {
    const publicKey = await registerPublicKey(harness, ecPair());
    for (const attribute of [
      subjectPart('C', 'Germany'),
      subjectPart('CN', ''),
      subjectPart('CN', 'a\u0000b'),
      {
        key: 'CertificateSubject',
        value: {
          certificateSubjectDistinguishedName: 'no name at all',
          certificateSubjectAlternativeNames: [],
        },
      },
    ] as const) {
      expect(await refused(certified(publicKey, { attributes: [attribute] }))).toBe('InvalidField');
    }
  });

  test('certifies the uses of the key and no others', async () => {
    const uses = Verify | WrapKey | ContentCommitmentNonRepudiation;
    const publicKey = await registerPublicKey(harness, rsaPair(), uses);
    const usage = (value: number): readonly Attribute[] => [{ key: 'CryptographicUsageMask', value }];
    const wide = await certified(publicKey);
    const text = await verified(wide, 'RSA');
    expect(text).toMatch(/Key Usage: critical\s+Digital Signature, Key Encipherment\n/);
    const narrow = await certified(publicKey, { attributes: usage(WrapKey) });
    expect(await verified(narrow, 'RSA')).toMatch(/Key Usage: critical\s+Key Encipherment\n/);
    expect(await valueOf(harness, narrow, 'CryptographicUsageMask')).toBe(WrapKey);
    expect(await refused(certified(publicKey, { attributes: usage(Verify | Encrypt) }))).toBe('InvalidField');
    expect(await valueOf(harness, wide, 'CryptographicUsageMask')).toBe(Verify | WrapKey);
    const useless = await registerPublicKey(harness, rsaPair(), MACVerify);
    expect(await refused(certified(useless))).toBe('PermissionDenied');
  });

  test('signs as the Digital Signature Algorithm says, else with a key of the kind that is certified', async () => {
    const [rsa, ec] = [
      await registerPublicKey(harness, rsaPair()),
      await registerPublicKey(harness, ecPair()),
    ];
    const by = (value: DigitalSignatureAlgorithm): readonly Attribute[] => [
      { key: 'DigitalSignatureAlgorithm', value },
    ];
    const { ECDSAWithSHA256, MD5WithRSAEncryption, SHA_256WithRSAEncryption } = DigitalSignatureAlgorithm;
    expect(await verified(await certified(rsa), 'RSA')).toContain('sha256WithRSAEncryption');
    expect(await verified(await certified(rsa, { attributes: by(ECDSAWithSHA256) }), 'EC')).toContain(
      'ecdsa-with-SHA256',
    );
    expect(
      await verified(await certified(ec, { attributes: by(SHA_256WithRSAEncryption) }), 'RSA'),
    ).toContain('sha256WithRSAEncryption');
    expect(await refused(certified(ec, { attributes: by(MD5WithRSAEncryption) }))).toBe('InvalidField');
  });

  test('is valid from its Activation Date to its Deactivation Date', async () => {
    const now = harness.nowSeconds;
    const publicKey = await registerPublicKey(harness, ecPair());
    const dates = (activation: number, deactivation: number): readonly Attribute[] => [
      { key: 'ActivationDate', value: activation },
      { key: 'DeactivationDate', value: deactivation },
    ];
    const future = await x509(await certified(publicKey, { attributes: dates(now + DAY, now + 3 * DAY) }));
    expect(Date.parse(future.validFrom) / 1000).toBe(now + DAY);
    expect(Date.parse(future.validTo) / 1000).toBe(now + 3 * DAY);
    const backdated = await x509(await certified(publicKey, { attributes: dates(1000, now + DAY) }));
    expect(Date.parse(backdated.validFrom) / 1000).toBe(now - DAY);
    const usual = await x509(await certified(publicKey));
    expect(Date.parse(usual.validTo) / 1000).toBe(now + 730 * DAY);
    const long = await x509(await certified(publicKey, { attributes: dates(now, now + 9999 * DAY) }));
    expect(Date.parse(long.validTo) / 1000).toBeLessThan(now + 3651 * DAY);
    expect(await refused(certified(publicKey, { attributes: dates(now + 2 * DAY, now + DAY) }))).toBe(
      'InvalidField',
    );
  });

  test('is valid as long as the defaults of the domain have certificates Active', async () => {
    const end = harness.nowSeconds + 5 * DAY;
    const attributes: Attribute[] = [{ key: 'DeactivationDate', value: end }];
    const publicKey = await registerPublicKey(harness, ecPair());
    harness.policy = { objectDefaults: [{ objectType: ObjectType.Certificate, attributes }] };
    const certificate = await certified(publicKey);
    harness.policy = {};
    expect(Date.parse((await x509(certificate)).validTo) / 1000).toBe(end);
    expect(await valueOf(harness, certificate, 'DeactivationDate')).toBe(end);
  });

  test('tells of itself what it is, whatever the defaults of the domain are', async () => {
    const attributes: Attribute[] = [
      { key: 'DigitalSignatureAlgorithm', value: DigitalSignatureAlgorithm.SHA_256WithRSAEncryption },
      { key: 'CertificateSubjectCN', value: 'usual' },
    ];
    const publicKey = await registerPublicKey(harness, ecPair());
    harness.policy = { objectDefaults: [{ objectType: ObjectType.Certificate, attributes }] };
    const certificate = await certified(publicKey).then(renewed);
    harness.policy = {};
    expect(await valueOf(harness, certificate, 'DigitalSignatureAlgorithm')).toBe(
      DigitalSignatureAlgorithm.ECDSAWithSHA256,
    );
    expect(await valueOf(harness, certificate, 'CertificateSubjectCN')).toBe(publicKey);
  });

  test('is refused for keys that cannot be certified', async () => {
    const weak = await registerPublicKey(harness, rsaPair(1024));
    expect(await refused(certified(weak))).toBe('PermissionDenied');
    const quantumSafe = await harness.run(createKeyPair, {
      commonAttributes: asking(
        { key: 'CryptographicAlgorithm', value: CryptographicAlgorithm.ML_DSA_44 },
        { key: 'CryptographicUsageMask', value: Verify },
      ),
      privateKeyAttributes: asking(),
      publicKeyAttributes: asking(),
    });
    expect(await refused(certified(quantumSafe.publicKeyUniqueIdentifier))).toBe('PermissionDenied');
    const revoked = await registerPublicKey(harness, ecPair());
    const revocationReason = { revocationReasonCode: RevocationReasonCode.KeyCompromise };
    await harness.run(revoke, { uniqueIdentifier: revoked, revocationReason });
    expect(await refused(certified(revoked))).toBe('PermissionDenied');
    const gone = await registerPublicKey(harness, ecPair());
    await harness.run(destroy, { uniqueIdentifier: gone });
    expect(await refused(certified(gone))).toBe('PermissionDenied');
    const archived = await registerPublicKey(harness, ecPair());
    await harness.run(archive, { uniqueIdentifier: archived });
    expect(await refused(certified(archived))).toBe('ObjectArchived');
    expect(await refused(certified(await createKey(harness)))).toBe('InvalidObjectType');
    expect(await refused(certified('nothing'))).toBe('ObjectNotFound');
    expect(await refused(certified(undefined))).toBe('ItemNotFound');
  });

  test('is refused for what is no X.509 certificate, and for what the server alone says', async () => {
    const publicKey = await registerPublicKey(harness, ecPair());
    const asked = (...attributes: Attribute[]) => refused(certified(publicKey, { attributes }));
    expect(await asked({ key: 'CertificateType', value: CertificateType.PGP })).toBe('FeatureNotSupported');
    expect(await asked({ key: 'CertificateIssuerCN', value: 'somebody' })).toBe('AttributeReadOnly');
    const protectionStorageMasks = { protectionStorageMasks: [ProtectionStorageMask.Hardware] };
    const request = { uniqueIdentifier: publicKey, newAttributes: asking(), protectionStorageMasks };
    expect(await refused(harness.run(certify, request, '2.1'))).toBe('ProtectionStorageUnavailable');
    const { uniqueIdentifier, newAttributes } = request;
    expect(await refused(harness.as('reader').run(certify, { uniqueIdentifier, newAttributes }))).toBe(
      'PermissionDenied',
    );
  });
});

describe('Certify by a request', () => {
  const SUBJECT = '/C=DE/O=Example/CN=by request';
  const EXTENSIONS = [
    'subjectAltName=DNS:a.example.org,IP:10.0.0.1,URI:urn:x:y',
    'extendedKeyUsage=serverAuth,clientAuth,OCSPSigning',
    'basicConstraints=critical,CA:TRUE',
    'keyUsage=digitalSignature,keyCertSign',
  ];

  test.each([
    ['PKCS#10', PKCS_10, 'DER'],
    ['PEM', PEM, 'PEM'],
  ] as const)('%s keeps what it asks for, but makes no authority', async (_name, type, form) => {
    const pair = ecPair('secp384r1');
    const publicKey = await registerPublicKey(harness, pair);
    const csr = makeRequest(pair, SUBJECT, EXTENSIONS, form);
    const certificate = await certified(publicKey, {
      csr,
      type,
      attributes: [subjectPart('CN', 'overruled'), { key: 'CryptographicLength', value: 256 }],
    });
    const text = await verified(certificate);
    expect(text).toMatch(/Subject: C ?= ?DE, O ?= ?Example, CN ?= ?by request/);
    expect(text).toMatch(/DNS:a.example.org, IP Address:10.0.0.1, URI:urn:x:y/);
    expect(text).toMatch(/TLS Web Server Authentication, TLS Web Client Authentication\n/);
    expect(text).toMatch(/CA:FALSE/);
    expect(text).toMatch(/Key Usage: critical\s+Digital Signature\n/);
    expect(await valueOf(harness, certificate, 'CryptographicLength')).toBe(384);
    expect(await linksOf(publicKey)).toEqual([[LinkType.CertificateLink, certificate]]);
  });

  test('CRMF', async () => {
    const pair = ecPair();
    const certificate = await certified(undefined, { csr: makeCrmf(pair), type: CRMF });
    expect((await x509(certificate)).subject).toBe('CN=crmf');
    await verified(certificate);
    const forged = makeCrmf(pair, ecPair().privateKey);
    expect(await refused(certified(undefined, { csr: forged, type: CRMF }))).toBe('InvalidCSR');
    expect(await refused(certified(undefined, { csr: Buffer.of(0x30, 0), type: CRMF }))).toBe('InvalidCSR');
  });

  test('needs no key in the store', async () => {
    const pair = rsaPair();
    const certificate = await certified(undefined, { csr: makeRequest(pair, SUBJECT), version: '2.1' });
    expect(await linksOf(certificate)).toEqual([]);
    expect(await verified(certificate, 'RSA')).toMatch(/Digital Signature, Key Encipherment\n/);
    expect(await valueOf(harness, certificate, 'CryptographicUsageMask')).toBe(Verify | WrapKey);
  });

  test('that is kept as an object', async () => {
    const csr = makeRequest(ecPair(), SUBJECT, EXTENSIONS);
    const kept = await registerObject(
      harness,
      {
        objectType: ObjectType.CertificateRequest,
        certificateRequestType: PKCS_10,
        certificateRequestValue: csr,
      },
      [{ key: 'CryptographicUsageMask', value: Verify }],
      '2.1',
    );
    expect(await valueOf(harness, kept, 'CryptographicAlgorithm')).toBe(CryptographicAlgorithm.EC);
    expect(await valueOf(harness, kept, 'CryptographicLength')).toBe(256);
    const certificate = await certified(kept, { version: '2.1' });
    expect((await x509(certificate)).subject).toBe('C=DE\nO=Example\nCN=by request');
    expect(await refused(certified(kept, { csr, version: '2.1' }))).toBe('InvalidField');
  });

  test('is refused where it is not for the key, not signed by it, or not of its type', async () => {
    const pair = ecPair();
    const publicKey = await registerPublicKey(harness, pair);
    const csr = makeRequest(pair, SUBJECT);
    const by = (asked: Asked) => refused(certified(publicKey, asked));
    expect(await by({ csr: makeRequest(ecPair(), SUBJECT) })).toBe('InvalidCSR');
    const forged = Buffer.from(csr);
    forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
    expect(await by({ csr: forged })).toBe('InvalidCSR');
    expect(await by({ csr, type: PEM })).toBe('InvalidCSR');
    expect(await by({ csr: makeRequest(pair, SUBJECT, [], 'PEM') })).toBe('InvalidCSR');
    expect(await by({ csr: Buffer.alloc(0) })).toBe('InvalidCSR');
    expect(await by({ csr, type: PGP })).toBe('FeatureNotSupported');
    const { newAttributes } = { newAttributes: asking() };
    const typeless = { uniqueIdentifier: publicKey, certificateRequest: csr, newAttributes };
    expect(await refused(harness.run(certify, typeless))).toBe('InvalidMessage');
    const weak = generateKeyPairSync('ec', { namedCurve: 'secp256k1' });
    expect(await refused(certified(undefined, { csr: makeRequest(weak, SUBJECT) }))).toBe('InvalidCSR');
  });
});

describe('Re-certify', () => {
  test('renews a certificate for the same key: names and links move', async () => {
    const pair = ecPair();
    const publicKey = await registerPublicKey(harness, pair);
    const csr = makeRequest(pair, '/CN=renewed', [
      'subjectAltName=DNS:r.example.org',
      'extendedKeyUsage=serverAuth',
    ]);
    const old = await certified(publicKey, { csr, attributes: [named('web certificate')] });
    const recent = await renewed(old);
    expect(harness.produced).toEqual([recent]);
    const [before, after] = [await x509(old), await x509(recent)];
    expect(after.subject).toBe('CN=renewed');
    expect(after.subjectAltName).toBe('DNS:r.example.org');
    expect(after.keyUsage).toEqual(before.keyUsage);
    expect(after.publicKey.equals(pair.publicKey)).toBe(true);
    expect(after.serialNumber).not.toBe(before.serialNumber);
    await verified(recent);
    expect(await linksOf(publicKey)).toEqual([[LinkType.CertificateLink, recent]]);
    expect(await linksOf(old)).toEqual([
      [LinkType.PublicKeyLink, publicKey],
      [LinkType.ReplacementObjectLink, recent],
    ]);
    expect(await linksOf(recent)).toEqual([
      [LinkType.ReplacedObjectLink, old],
      [LinkType.PublicKeyLink, publicKey],
    ]);
    expect(await valueOf(harness, old, 'Name')).toBeUndefined();
    expect(await valueOf(harness, recent, 'Name')).toEqual(named('web certificate').value);
    expect(await refused(renewed(old))).toBe('PermissionDenied');
    await renewed(recent);
  });

  test('takes what a request or attributes say', async () => {
    const pair = ecPair();
    const old = await certified(await registerPublicKey(harness, pair));
    const csr = makeRequest(pair, '/CN=asked for', ['subjectAltName=DNS:new.example.org']);
    const second = await renewed(old, { csr });
    expect((await x509(second)).subject).toBe('CN=asked for');
    const third = await x509(await renewed(second, { attributes: [subjectPart('CN', 'stated')] }));
    expect([third.subject, third.subjectAltName]).toEqual(['CN=stated', 'DNS:new.example.org']);
  });

  test.each([
    ['what its key may do', Verify, Sign | Verify | CertificateSign, [], Verify],
    [
      'what it was for, as far as the request goes',
      Verify | WrapKey,
      Verify | WrapKey,
      ['digitalSignature'],
      Verify,
    ],
  ] as const)('is for %s', async (_what, ofKey, ofOld, inRequest, expected) => {
    const pair = rsaPair();
    const publicKey = await registerPublicKey(harness, pair, ofKey);
    const bytes = await certificateBytes(harness, await certified(publicKey));
    const old = await registerObject(
      harness,
      { objectType: ObjectType.Certificate, certificateType: CertificateType.X_509, certificateValue: bytes },
      [
        { key: 'CryptographicUsageMask', value: ofOld },
        { key: 'Link', value: { linkType: LinkType.PublicKeyLink, linkedObjectIdentifier: publicKey } },
      ],
    );
    const usages = inRequest.map((usage) => `keyUsage=${usage}`);
    const recent = await renewed(old, { csr: makeRequest(pair, '/CN=again', usages) });
    expect(await valueOf(harness, recent, 'CryptographicUsageMask')).toBe(expected);
    expect(
      await refused(renewed(recent, { attributes: [{ key: 'CryptographicUsageMask', value: Encrypt }] })),
    ).toBe('InvalidField');
  });

  test('of a Certificate Request object', async () => {
    const pair = ecPair();
    const old = await certified(undefined, { csr: makeRequest(pair, '/CN=old'), version: '2.1' });
    const requestId = await registerObject(
      harness,
      {
        objectType: ObjectType.CertificateRequest,
        certificateRequestType: PKCS_10,
        certificateRequestValue: makeRequest(pair, '/CN=kept request'),
      },
      [{ key: 'CryptographicUsageMask', value: Verify }],
      '2.1',
    );
    const csr = makeRequest(pair, '/CN=another');
    expect(await refused(renewed(old, { requestId, csr, version: '2.1' }))).toBe('InvalidField');
    expect(await refused(renewed(old, { requestId: old, version: '2.1' }))).toBe('InvalidObjectType');
    const recent = await renewed(old, { requestId, version: '2.1' });
    expect((await x509(recent)).subject).toBe('CN=kept request');
  });

  test('moves dates with the Offset, and certifies that time', async () => {
    const now = harness.nowSeconds;
    const old = await certified(await registerPublicKey(harness, ecPair()), {
      attributes: [
        { key: 'ActivationDate', value: now - 10 },
        { key: 'DeactivationDate', value: now + 100 },
      ],
    });
    const dates = { key: 'DeactivationDate', value: now + 50 } as const;
    expect(await refused(renewed(old, { offsetSeconds: 5, attributes: [dates] }))).toBe('InvalidMessage');
    const recent = await renewed(old, { offsetSeconds: 1000 });
    expect(await valueOf(harness, recent, 'ActivationDate')).toBe(now + 1000);
    expect(await valueOf(harness, recent, 'DeactivationDate')).toBe(now + 1110);
    const { validFrom, validTo } = await x509(recent);
    expect([validFrom, validTo].map((date) => Date.parse(date) / 1000)).toEqual([now + 1000, now + 1110]);
  });

  test('also of a certificate that was issued elsewhere, but not of an authority', async () => {
    const own = openssl(
      { key: ecPair().privateKey.export({ format: 'pem', type: 'pkcs8' }) },
      ...[
        'req',
        '-x509',
        '-new',
        '-key',
        'key',
        '-subj',
        '/CN=own',
        '-days',
        '10',
        '-outform',
        'DER',
        '-out',
        'out',
      ],
      ...['-addext', 'basicConstraints=critical,CA:FALSE', '-addext', 'keyUsage=digitalSignature'],
    );
    const recent = await renewed(await registerCertificate(harness, own));
    expect((await x509(recent)).subject).toBe('CN=own');
    await verified(recent);
    const { certificateDer } = await harness.issuingAuthority.authority('EC');
    expect(await refused(renewed(await registerCertificate(harness, certificateDer)))).toBe(
      'PermissionDenied',
    );
  });

  test.each([
    ['compromised', RevocationReasonCode.KeyCompromise, []],
    ['compromised and destroyed', RevocationReasonCode.KeyCompromise, ['destroy']],
    ['out of use', RevocationReasonCode.CessationOfOperation, []],
  ] as const)('is refused for a key that is %s', async (_which, revocationReasonCode, then) => {
    const activation: Attribute = { key: 'ActivationDate', value: harness.nowSeconds - 1 };
    const publicKey = await registerPublicKey(harness, ecPair(), Verify, activation);
    const certificate = await certified(publicKey);
    const revocationReason = { revocationReasonCode };
    await harness.run(revoke, { uniqueIdentifier: publicKey, revocationReason });
    if (then.length > 0) await harness.run(destroy, { uniqueIdentifier: publicKey });
    expect(await refused(renewed(certificate))).toBe('PermissionDenied');
  });

  test('is refused for what cannot be renewed', async () => {
    expect(await refused(renewed('nothing'))).toBe('ObjectNotFound');
    const pair = ecPair();
    const publicKey = await registerPublicKey(harness, pair);
    expect(await refused(renewed(publicKey))).toBe('InvalidObjectType');
    const certificate = await certified(publicKey);
    expect(await refused(renewed(certificate, { csr: makeRequest(ecPair(), '/CN=x') }))).toBe('InvalidCSR');
    const other = await certified(publicKey);
    await harness.run(archive, { uniqueIdentifier: other });
    expect(await refused(renewed(other))).toBe('ObjectArchived');
    const spaces = { applicationNamespace: 'ssl' };
    const information = { key: 'ApplicationSpecificInformation', value: spaces } as const;
    for (const asked of [
      certified(publicKey, { attributes: [information] }),
      renewed(certificate, { attributes: [information] }),
    ]) {
      expect(await refused(asked)).toBe('ApplicationNamespaceNotSupported');
    }
    const revocationReason = { revocationReasonCode: RevocationReasonCode.KeyCompromise };
    await harness.run(revoke, { uniqueIdentifier: certificate, revocationReason });
    expect(await refused(renewed(certificate))).toBe('PermissionDenied');
    await harness.run(destroy, { uniqueIdentifier: certificate });
    expect(await refused(renewed(certificate))).toBe('ObjectDestroyed');
    const pgp = await registerObject(
      harness,
      {
        objectType: ObjectType.Certificate,
        certificateType: CertificateType.PGP,
        certificateValue: Buffer.from('pgp'),
      },
      [{ key: 'CryptographicUsageMask', value: Verify }],
    );
    expect(await refused(renewed(pgp))).toBe('FeatureNotSupported');
  });
});
