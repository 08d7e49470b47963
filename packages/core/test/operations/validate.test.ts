import { randomUUID, sign, X509Certificate, type KeyPairKeyObjectResult } from 'node:crypto';
import {
  CertificateType,
  CryptographicUsageMask,
  ObjectType,
  RevocationReasonCode,
  ValidityIndicator,
} from '@holdfast/kmip';
import { archive, certify, destroy, revoke, validate } from '@holdfast/core';
import {
  certificateBytes,
  ecPair,
  openssl,
  registerCertificate,
  registerPublicKey,
  rsaPair,
} from './certificates';
import { certificates } from '@holdfast/pki';
import { Harness } from './harness';
import { asking, createKey, refused, registerObject } from './requests';

// OpenSSL runs in processes of its own.
let harness: Harness;
beforeAll(async () => {
  harness = await Harness.start();
  // What OpenSSL issues meanwhile is valid by then.
  harness.nowSeconds += 300;
});
afterAll(() => harness.close());

const { Valid, Invalid, Unknown } = ValidityIndicator;
const DAY = 86_400;

interface Issued {
  readonly pem: string;
  readonly keyPem: string;
}

/** A certificate of OpenSSL. @param extensions lines of an extension section */
function issue(
  subject: string,
  issuer: Issued | undefined,
  extensions: readonly string[],
  ...options: string[]
): Issued {
  return issueFor(ecPair(), subject, issuer, extensions, ...options);
}

function issueFor(
  { privateKey }: KeyPairKeyObjectResult,
  subject: string,
  issuer: Issued | undefined,
  extensions: readonly string[],
  ...options: string[]
): Issued {
  const keyPem = String(privateKey.export({ format: 'pem', type: 'pkcs8' }));
  const csr = openssl(
    { key: keyPem },
    ...['req', '-new', '-key', 'key', '-subj', `/CN=${subject}`, '-out', 'out'],
  );
  const signedBy =
    issuer === undefined ? ['-signkey', 'key'] : ['-CA', 'ca', '-CAkey', 'cakey', '-CAcreateserial'];
  const files = {
    csr,
    key: keyPem,
    ca: issuer?.pem ?? '',
    cakey: issuer?.keyPem ?? '',
    ext: extensions.join('\n'),
  };
  const args = ['x509', '-req', '-in', 'csr', ...signedBy, '-extfile', 'ext', '-days', '30', ...options];
  return { pem: openssl(files, ...args, '-out', 'out').toString(), keyPem };
}

const CA = ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign'];
const LEAF = ['basicConstraints=critical,CA:FALSE', 'keyUsage=critical,digitalSignature'];
const der = ({ pem }: Issued): Buffer => new X509Certificate(pem).raw;

let root: Issued;
let middle: Issued;
let leaf: Issued;
beforeAll(() => {
  root = issue('root', undefined, CA);
  middle = issue('middle', root, CA);
  leaf = issue('leaf', middle, LEAF);
});
beforeEach(() => {
  harness.issuingAuthority.anchors.splice(0, Infinity, der(root));
});

interface Asked {
  readonly given?: readonly Issued[];
  readonly ids?: readonly string[];
  readonly at?: number;
}

async function verdict({ given = [], ids = [], at }: Asked, as = harness): Promise<ValidityIndicator> {
  const certificates = given.map((each) => ({
    certificateType: CertificateType.X_509,
    certificateValue: der(each),
  }));
  const request = { certificates, uniqueIdentifiers: ids, validityDate: at };
  return (await as.run(validate, request)).validityIndicator;
}
const of = (...given: Issued[]) => verdict({ given });

test('a chain up to a trusted authority is valid, in any order, with or without the authority', async () => {
  expect(await of(leaf, middle)).toBe(Valid);
  expect(await of(middle, root, leaf)).toBe(Valid);
  expect(await of(leaf, middle, leaf)).toBe(Valid);
  expect(await of(root)).toBe(Valid);
  const kept = await registerCertificate(harness, der(middle));
  expect(await verdict({ given: [leaf], ids: [kept] })).toBe(Valid);
  expect(await verdict({ given: [leaf, middle], ids: [kept] })).toBe(Valid);
});

test('without an authority above it nothing is known', async () => {
  expect(await of(leaf)).toBe(Unknown);
  harness.issuingAuthority.anchors.length = 0;
  expect(await of(leaf, middle, root)).toBe(Unknown);
});

test('a root that the domain keeps is trusted by it, and by no other domain', async () => {
  harness.issuingAuthority.anchors.length = 0;
  const kept = await registerCertificate(harness, der(root));
  expect(await verdict({ given: [leaf, middle], ids: [kept] })).toBe(Valid);
  const stranger = harness.as('user', randomUUID());
  expect(await refused(verdict({ given: [leaf], ids: [kept] }, stranger))).toBe('ObjectNotFound');
});

test('what Certify issues is valid until it is revoked', async () => {
  const publicKey = await registerPublicKey(harness, ecPair());
  const request = { uniqueIdentifier: publicKey, newAttributes: asking() };
  const { uniqueIdentifier } = await harness.run(certify, request);
  expect(await verdict({ ids: [uniqueIdentifier] }, harness.as('reader'))).toBe(Valid);
  const bytes = await certificateBytes(harness, uniqueIdentifier);
  const revocationReason = { revocationReasonCode: RevocationReasonCode.KeyCompromise };
  await harness.run(revoke, { uniqueIdentifier, revocationReason });
  expect(await verdict({ ids: [uniqueIdentifier] })).toBe(Invalid);
  const pem = new X509Certificate(bytes).toString();
  expect(await of({ pem, keyPem: '' })).toBe(Invalid);
  await harness.run(destroy, { uniqueIdentifier });
  expect(await verdict({ ids: [uniqueIdentifier] })).toBe(Invalid);
  expect(await of({ pem, keyPem: '' })).toBe(Invalid);
  // Another domain has revoked nothing.
  expect(await verdict({ given: [{ pem, keyPem: '' }] }, harness.as('user', randomUUID()))).toBe(Valid);
});

test('a copy that was only deleted revokes nothing; one that is out of use does from its date on', async () => {
  const kept = await registerCertificate(harness, der(leaf));
  await harness.run(destroy, { uniqueIdentifier: kept });
  expect(await of(leaf, middle)).toBe(Valid);
  const another = issue('out of use', middle, LEAF);
  const past = [
    { key: 'ActivationDate', value: harness.nowSeconds - 20 },
    { key: 'DeactivationDate', value: harness.nowSeconds - 10 },
  ] as const;
  const object = {
    objectType: ObjectType.Certificate,
    certificateType: CertificateType.X_509,
    certificateValue: der(another),
  } as const;
  await registerObject(harness, object, [
    { key: 'CryptographicUsageMask', value: CryptographicUsageMask.Verify },
    ...past,
  ]);
  expect(await of(another, middle)).toBe(Invalid);
});

test('an archived copy cannot be named, but what it says counts', async () => {
  const another = issue('archived', middle, LEAF);
  const kept = await registerCertificate(harness, der(another));
  await harness.run(archive, { uniqueIdentifier: kept });
  expect(await refused(verdict({ ids: [kept] }))).toBe('ObjectArchived');
  expect(await of(another, middle)).toBe(Valid);
  const revoked = await registerCertificate(harness, der(another));
  const revocationReason = { revocationReasonCode: RevocationReasonCode.KeyCompromise };
  await harness.run(revoke, { uniqueIdentifier: revoked, revocationReason });
  await harness.run(archive, { uniqueIdentifier: revoked });
  expect(await of(another, middle)).toBe(Invalid);
});

test('dates are judged at the Validity Date', async () => {
  const given = [leaf, middle];
  expect(await verdict({ given, at: harness.nowSeconds + 29 * DAY })).toBe(Valid);
  expect(await verdict({ given, at: harness.nowSeconds + 31 * DAY })).toBe(Invalid);
  expect(await verdict({ given, at: harness.nowSeconds - DAY })).toBe(Invalid);
  // Both ends are within (RFC 5280 section 4.1.2.5).
  const dates = [...given, root].map(({ pem }) => new X509Certificate(pem));
  const first = Math.max(...dates.map(({ validFrom }) => Date.parse(validFrom) / 1000));
  const last = Math.min(...dates.map(({ validTo }) => Date.parse(validTo) / 1000));
  const ends = [first - 1, first, last, last + 1].map((at) => verdict({ given, at }));
  expect(await Promise.all(ends)).toEqual([Invalid, Valid, Valid, Invalid]);
});

test('certificates that are no chain are invalid', async () => {
  expect(await of(leaf, root)).toBe(Invalid);
  expect(await of(leaf, middle, issue('stranger', undefined, LEAF))).toBe(Invalid);
  // The same name as the issuer, another key.
  expect(await of(leaf, issue('middle', root, CA))).toBe(Invalid);
});

test.each<[string, readonly string[]]>([
  ['is no authority', LEAF],
  ['says nothing of being one', ['keyUsage=critical,keyCertSign']],
  ['may not sign certificates', ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,cRLSign']],
])('an issuer that %s certifies nobody', async (_what, extensions) => {
  const issuer = issue('issuer', root, extensions);
  expect(await of(issue('certified', issuer, LEAF), issuer)).toBe(Invalid);
});

test('a path may not be longer than an authority above it allows', async () => {
  const top = issue('top', root, ['basicConstraints=critical,CA:TRUE,pathlen:0', 'keyUsage=keyCertSign']);
  const below = issue('below', top, CA);
  expect(await of(issue('direct', top, LEAF), top)).toBe(Valid);
  expect(await of(issue('indirect', below, LEAF), below, top)).toBe(Invalid);
});

test('what is critical and not understood, and names that are constrained, leave it unknown', async () => {
  const strange = issue('strange', middle, [...LEAF, '1.2.3.4=critical,DER:0500']);
  expect(await of(strange, middle)).toBe(Unknown);
  const harmless = issue('harmless', middle, [...LEAF, '1.2.3.4=DER:0500']);
  expect(await of(harmless, middle)).toBe(Valid);
  const constrained = issue('constrained', root, [...CA, 'nameConstraints=permitted;DNS:example.org']);
  expect(await of(issue('below', constrained, LEAF), constrained)).toBe(Unknown);
});

test('what is critical stays so where TRUE is written as DER does not write it', async () => {
  const strange = der(issue('loose', middle, [...LEAF, '1.2.3.4=critical,DER:0500']));
  // Both lengths are of two octets.
  const body = Buffer.from(strange.subarray(4, 8 + strange.readUInt16BE(6)));
  const mark = Buffer.from('06032a03040101ff', 'hex');
  body[body.indexOf(mark) + mark.length - 1] = 0x01;
  const signature = sign('sha256', body, middle.keyPem);
  const algorithm = Buffer.from('300a06082a8648ce3d040302', 'hex');
  const bits = Buffer.concat([Buffer.of(0x03, signature.length + 1, 0), signature]);
  const whole = Buffer.concat([strange.subarray(0, 4), body, algorithm, bits]);
  whole.writeUInt16BE(whole.length - 4, 2);
  const pem = new X509Certificate(whole).toString();
  expect(await of({ pem, keyPem: '' }, middle)).toBe(Unknown);
});

test('a key that anybody can break certifies nobody', async () => {
  const weak = issueFor(rsaPair(768), 'weak', root, CA);
  expect(await of(weak)).toBe(Valid);
  expect(await of(issue('certified', weak, LEAF), weak)).toBe(Invalid);
  const old = issueFor(rsaPair(1024), 'old', root, CA);
  expect(await of(issue('certified', old, LEAF), old)).toBe(Valid);
});

test('a broken hash proves nothing, but that of a root is not looked at', async () => {
  expect(await of(issue('weak', middle, LEAF, '-sha1'), middle)).toBe(Invalid);
  const old = issue('old root', undefined, CA, '-sha1');
  harness.issuingAuthority.anchors.push(der(old));
  expect(await of(issue('new', old, LEAF), old)).toBe(Valid);
});

test('requests that name no certificates are refused', async () => {
  expect(await refused(verdict({}))).toBe('InvalidMessage');
  expect(await refused(verdict({ ids: ['nothing'] }))).toBe('ObjectNotFound');
  expect(await refused(verdict({ ids: [await createKey(harness)] }))).toBe('InvalidObjectType');
  expect(await refused(verdict({ given: Array.from({ length: 17 }, () => leaf) }))).toBe('InvalidField');
  const bytes = (certificateType: CertificateType) =>
    harness.run(validate, {
      certificates: [{ certificateType, certificateValue: Buffer.from('no certificate') }],
      uniqueIdentifiers: [],
    });
  expect(await refused(bytes(CertificateType.X_509))).toBe('InvalidField');
  expect(await bytes(CertificateType.PGP)).toEqual({ validityIndicator: Unknown });
});

describe('the names of a TLS client, by the word of a CA', () => {
  const [CLIENT, SERVER, MAIL] = ['clientAuth', 'serverAuth', 'emailProtection'].map(
    (usage) => `extendedKeyUsage=${usage}`,
  ) as [string, string, string];
  const believed = (
    leaf: Issued,
    ca: Issued,
    nowSeconds = Date.now() / 1000,
    use: 'client' | 'server' = 'client',
  ) => certificates.identifies(der(leaf), der(ca), use, nowSeconds + 60);

  test.each<[string, boolean, () => Issued]>([
    ['that says no use', true, () => leaf],
    ['for clients', true, () => issue('x', middle, [...LEAF, CLIENT])],
    ['for any use', true, () => issue('x', middle, [...LEAF, 'extendedKeyUsage=anyExtendedKeyUsage'])],
    ['for servers alone', false, () => issue('x', middle, [...LEAF, SERVER])],
    ['for mail alone', false, () => issue('x', middle, [...LEAF, MAIL])],
    ['of a CA', false, () => issue('x', middle, CA)],
    [
      'with a critical extension that is unknown',
      false,
      () => issue('x', middle, ['1.2.3.4=critical,DER:0500']),
    ],
    ['signed with SHA-1', false, () => issue('x', middle, LEAF, '-sha1')],
    ['for a key that is broken', false, () => issueFor(rsaPair(768), 'x', middle, LEAF)],
    ['of another CA', false, () => issue('x', root, LEAF)],
  ])('in a certificate %s: %s', (_what, isBelieved, made) => {
    expect(believed(made(), middle)).toBe(isBelieved);
  });

  test('of a server, where this server is the client', () => {
    expect(believed(issue('x', middle, [...LEAF, SERVER]), middle, undefined, 'server')).toBe(true);
    expect(believed(issue('x', middle, [...LEAF, CLIENT]), middle, undefined, 'server')).toBe(false);
  });

  test('not once the CA has expired', () => {
    expect(believed(leaf, middle, Date.now() / 1000 + 31 * DAY)).toBe(false);
  });

  test('not of what is no CA', () => {
    const no = issue('no', root, LEAF);
    expect(believed(issue('x', no, LEAF), no)).toBe(false);
  });
});
