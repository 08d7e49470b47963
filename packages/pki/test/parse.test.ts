import { HoldfastError, type IssuedCertificateWithKey } from '@holdfast/core';
import { generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import { certificates } from '../src';
import { encodeInteger, readElement, TAG } from '../src/der';
import { CURVES, readPublicKeyInfo } from '../src/public-key';
import { tlv } from './tlv';

/** Made with OpenSSL 3: every part of a name, every form of alternative name, RSASSA-PSS with SHA-384. */
const LIBRARY = `-----BEGIN CERTIFICATE-----
MIIFAzCCBD2gAwIBAgIEAPHi0zA8BgkqhkiG9w0BAQowL6APMA0GCWCGSAFlAwQC
AgUAoRwwGgYJKoZIhvcNAQEIMA0GCWCGSAFlAwQCAgUAMIIBFDETMBEGCgmSJomT
8ixkARkWA29yZzEXMBUGCgmSJomT8ixkARkWB2V4YW1wbGUxCzAJBgNVBAYTAkNI
MQ0wCwYDVQQIDARCZXJuMQ0wCwYDVQQHDARUaHVuMRMwEQYDVQQKDApFeGFtcGxl
IEFHMRAwDgYDVQQLDAdTdG9yYWdlMQ0wCwYDVQQLDARUYXBlMR4wHAYDVQQDDBVs
aWJyYXJ5LTEuZXhhbXBsZS5vcmcxFDASBgoJkiaJk/IsZAEBDAR1LTE3MQ4wDAYD
VQQFEwVTTiA0MjEQMA4GA1UEDAwHTGlicmFyeTELMAkGA1UELhMCcTExHjAcBgkq
hkiG9w0BCQEWD29wc0BleGFtcGxlLm9yZzAgFw0yNjExMjIwMjAzMzFaGA8yMTI2
MTAyOTAyMDMzMVowggEUMRMwEQYKCZImiZPyLGQBGRYDb3JnMRcwFQYKCZImiZPy
LGQBGRYHZXhhbXBsZTELMAkGA1UEBhMCQ0gxDTALBgNVBAgMBEJlcm4xDTALBgNV
BAcMBFRodW4xEzARBgNVBAoMCkV4YW1wbGUgQUcxEDAOBgNVBAsMB1N0b3JhZ2Ux
DTALBgNVBAsMBFRhcGUxHjAcBgNVBAMMFWxpYnJhcnktMS5leGFtcGxlLm9yZzEU
MBIGCgmSJomT8ixkAQEMBHUtMTcxDjAMBgNVBAUTBVNOIDQyMRAwDgYDVQQMDAdM
aWJyYXJ5MQswCQYDVQQuEwJxMTEeMBwGCSqGSIb3DQEJARYPb3BzQGV4YW1wbGUu
b3JnMIGdMAsGCSqGSIb3DQEBCgOBjQAwgYkCgYEAxTH9IPDWItQHIIpJRKYunoPL
x1/pPiyrrqvl0q6a934sr6TeG8MLgY0Xa9pZJfomxizjdFyw8D80cef/uqtipd8W
hXr87xLOQhKLIzTnKvRiMRa6AZ1PyBaqyCNDtvka7oQkIPY5GEahcGAKG/K5rmBZ
1hm5bVE6cykKOcXvBI0CAwEAAaOB/zCB/DCBoQYDVR0RAQH/BIGWMIGTghVsaWJy
YXJ5LTEuZXhhbXBsZS5vcmeHBMAAAgeHECABDbgAAAAAAAAAAAAAAAeBD29wc0Bl
eGFtcGxlLm9yZ4YYc3BpZmZlOi8vZXhhbXBsZS5vcmcvbGliiAMqAwSkFTATMREw
DwYDVQQDDAhkaXIgbmFtZaAbBgorBgEEAYI3FAIDoA0MC29wc0BleGFtcGxlMBkG
A1UdEgQSMBCCDmNhLmV4YW1wbGUub3JnMA8GA1UdEwEB/wQFMAMBAf8wCwYDVR0P
BAQDAgeAMB0GA1UdDgQWBBScGhipzl/dC6tzTWWkDLVzxbRu6jA8BgkqhkiG9w0B
AQowL6APMA0GCWCGSAFlAwQCAgUAoRwwGgYJKoZIhvcNAQEIMA0GCWCGSAFlAwQC
AgUAA4GBAL/JcWBxl9NvbxCwgiSiMzbIk3AZgZ5XwBLVQV9hC1KmcIknWTedBXHS
dqK3H6hZbkf/Yk3JJcw7H+qTVmAUmecy2jq3iobIuDHP7yG1ic3bpFBY5sfSfoHH
WAuOZWcCq2vZp9FTucDiFJNpdkp5vNR/U1MrX1DkNyZi9cAZmTkL
-----END CERTIFICATE-----
`;

const nowSeconds = Math.floor(Date.now() / 1000);
let ca: IssuedCertificateWithKey;
let leaf: IssuedCertificateWithKey;
beforeAll(async () => {
  ca = await certificates.createAuthority({ commonName: 'Test CA', nowSeconds });
  const authority = { certificateDer: ca.der, privateKey: ca.privateKey };
  leaf = await certificates.issueServer(authority, { hosts: ['localhost', '::1'], nowSeconds });
});

describe('a certificate made elsewhere', () => {
  const der = new X509Certificate(LIBRARY).raw;

  test('is described in full', () => {
    const description = certificates.describe(der);
    expect(description).toMatchObject({
      certificateType: 'X.509',
      serialHex: 'f1e2d3',
      notBeforeSeconds: Date.UTC(2026, 10, 22, 2, 3, 31) / 1000,
      notAfterSeconds: Date.UTC(2126, 9, 29, 2, 3, 31) / 1000,
      publicKey: { algorithm: 'RSA-PSS', lengthBits: 1024, namedCurve: undefined },
      signature: { oid: '1.2.840.113549.1.1.10', algorithm: 'RSASSA-PSS', hash: 'SHA-384' },
      isCa: false,
    });
    expect(description.der).toEqual(der);
    expect(description.serialNumber.toString('hex')).toBe('00f1e2d3');
    expect(description.serialNumberDer.toString('hex')).toBe('020400f1e2d3');
    expect(description.issuer).toEqual(description.subject);
    expect(description.subject.parts).toEqual({
      DC: ['org', 'example'],
      C: ['CH'],
      ST: ['Bern'],
      L: ['Thun'],
      O: ['Example AG'],
      OU: ['Storage', 'Tape'],
      CN: ['library-1.example.org'],
      UID: ['u-17'],
      SerialNumber: ['SN 42'],
      Title: ['Library'],
      DNQualifier: ['q1'],
      Email: ['ops@example.org'],
    });
    expect(description.subject.text).toBe(
      'emailAddress=ops@example.org,dnQualifier=q1,title=Library,serialNumber=SN 42,UID=u-17,' +
        'CN=library-1.example.org,OU=Tape,OU=Storage,O=Example AG,L=Thun,ST=Bern,C=CH,DC=example,DC=org',
    );
    expect(der.includes(description.subject.der)).toBe(true);
    expect(description.issuerAlternativeNames).toMatchObject([{ type: 'dns', value: 'ca.example.org' }]);
    expect(description.subjectAlternativeNames.map(({ type, value }) => `${type}:${value}`)).toEqual([
      'dns:library-1.example.org',
      'ip:192.0.2.7',
      'ip:2001:db8::7',
      'email:ops@example.org',
      'uri:spiffe://example.org/lib',
      'other:#88032a0304',
      'directory:CN=dir name',
      expect.stringMatching(/^other:#a0/),
    ]);
  });

  test('is parsed, its self-signature verified', () => {
    expect(certificates.parse(LIBRARY)).toMatchObject([
      {
        pem: LIBRARY,
        sha256Hex: '30b904a59a49e9f188809fa6b2f99f7c20d028a4c13fc5c961d5e1ff70b1ad5a',
        isSelfIssued: true,
        isSelfSigned: true,
      },
    ]);
  });
});

function thrownBy(act: () => unknown): unknown {
  try {
    return act();
  } catch (error) {
    return error;
  }
}

describe('parse', () => {
  test('reads a chain in its order and passes over blocks of other kinds', () => {
    const key = certificates.privateKeyPem(leaf.privateKey).reveal().toString();
    const bundle = `Bag Attributes\r\n${key}${leaf.pem.replaceAll('\n', '\r\n')}\n${ca.pem}`;
    for (const input of [bundle, Buffer.from(bundle)]) {
      expect(certificates.parse(input).map(({ sha256Hex }) => sha256Hex)).toEqual([
        leaf.sha256Hex,
        ca.sha256Hex,
      ]);
    }
  });

  test('tells a self-issued certificate with a foreign signature from a self-signed one', () => {
    const forged = Buffer.from(ca.der);
    forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
    expect(certificates.parse(forged)).toMatchObject([
      { isSelfIssued: true, isSelfSigned: false, isCa: true },
    ]);
    expect(certificates.isIssuedBy(forged, ca.der)).toBe(false);
    expect(certificates.isIssuedBy(ca.der, ca.der)).toBe(true);
    expect(certificates.isIssuedBy(ca.der, leaf.der)).toBe(false);
  });

  test.each<[string, () => string | Buffer]>([
    ['nothing', () => ''],
    ['a text', () => 'hello'],
    ['a PEM text without a certificate', () => certificates.privateKeyPem(leaf.privateKey).reveal()],
    ['too many certificates', () => leaf.pem.repeat(17)],
    ['a certificate and more', () => Buffer.concat([leaf.der, Buffer.of(0)])],
    ['half a certificate', () => leaf.der.subarray(0, 200)],
    ['too much', () => Buffer.alloc(256 * 1024 + 1, 0x30)],
    ['an unfinished PEM text of spaces', () => `-----BEGIN CERTIFICATE-----${' '.repeat(250_000)}`],
  ])('refuses %s', (_, input) => {
    const error = thrownBy(() => certificates.parse(input()));
    expect(error).toBeInstanceOf(HoldfastError);
    expect(error).toMatchObject({ code: 'InvalidField' });
  });

  test('of a damaged certificate gives another certificate or HoldfastError, never anything else', () => {
    for (const original of [leaf, ca]) {
      for (let index = 0; index < original.der.length; index += 1) {
        const damaged = Buffer.from(original.der);
        damaged[index] = (damaged[index] ?? 0) ^ (1 << (index % 8));
        try {
          const [parsed] = certificates.parse(damaged);
          expect(parsed?.sha256Hex).not.toBe(original.sha256Hex);
          expect(parsed?.isSelfSigned).toBe(false);
        } catch (error) {
          expect(error).toBeInstanceOf(HoldfastError);
        }
      }
    }
  });
});

describe('public keys are described as OpenSSL sees them', () => {
  const describeKey = ({ publicKey }: { publicKey: KeyObject }) =>
    readPublicKeyInfo(readElement(publicKey.export({ format: 'der', type: 'spki' })));

  test.each(CURVES)('%s %s', (_, namedCurve, lengthBits) => {
    const pair = generateKeyPairSync('ec', { namedCurve });
    expect(describeKey(pair)).toMatchObject({ algorithm: 'EC', namedCurve, lengthBits });
    expect(pair.publicKey.asymmetricKeyDetails).toEqual({ namedCurve });
  });

  test('RSA, DSA and the Edwards and Montgomery curves', () => {
    const keys = [
      generateKeyPairSync('rsa', { modulusLength: 1031 }),
      generateKeyPairSync('rsa-pss', { modulusLength: 1024 }),
      generateKeyPairSync('dsa', { modulusLength: 1024, divisorLength: 160 }),
      generateKeyPairSync('ed25519'),
      generateKeyPairSync('ed448'),
      generateKeyPairSync('x25519'),
      generateKeyPairSync('x448'),
    ];
    expect(keys.map(describeKey).map(({ algorithm, lengthBits }) => [algorithm, lengthBits])).toEqual([
      ['RSA', 1031],
      ['RSA-PSS', 1024],
      ['DSA', 1024],
      ['Ed25519', 256],
      // As that of the key itself.
      ['Ed448', 448],
      ['X25519', 256],
      ['X448', 448],
    ]);
  });

  test('Diffie-Hellman by its prime', () => {
    const parameters = tlv(TAG.sequence, encodeInteger(2n ** 511n + 1n), encodeInteger(2n));
    const oid = Buffer.from('06072a8648ce3e0201', 'hex');
    const key = tlv(TAG.bitString, Buffer.of(0), encodeInteger(5n));
    const spki = tlv(TAG.sequence, tlv(TAG.sequence, oid, parameters), key);
    expect(readPublicKeyInfo(readElement(spki))).toMatchObject({ algorithm: 'DH', lengthBits: 512 });
  });

  test('a curve with explicit parameters has no name', () => {
    const pair = generateKeyPairSync('ec', { namedCurve: 'P-256', paramEncoding: 'explicit' });
    expect(describeKey(pair)).toMatchObject({
      algorithm: 'EC',
      namedCurve: undefined,
      lengthBits: undefined,
    });
  });
});
