import {
  type CertificateAuthority,
  type IssuedCertificateWithKey,
  KEY_PAIR_ALGORITHMS,
} from '@holdfast/core';
import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type SecureVersion, type TLSSocket } from 'node:tls';
import { certificates } from '../src';

const DAY = 86_400;
const nowSeconds = Math.floor(Date.now() / 1000);

async function makeAuthority(keyAlgorithm: (typeof KEY_PAIR_ALGORITHMS)[number] = 'EC-P256') {
  const issued = await certificates.createAuthority({ commonName: 'Test CA', keyAlgorithm, nowSeconds });
  const ca: CertificateAuthority = { certificateDer: issued.der, privateKey: issued.privateKey };
  return { issued, ca, opened: new X509Certificate(issued.der) };
}

let authority: Awaited<ReturnType<typeof makeAuthority>>;
beforeAll(async () => {
  authority = await makeAuthority();
});

function pem(issued: IssuedCertificateWithKey): Buffer {
  return certificates.privateKeyPem(issued.privateKey).reveal();
}

describe('the CA', () => {
  test('is a self-signed root for ten years, backdated by a day', () => {
    const { issued, opened } = authority;
    expect(opened.ca).toBe(true);
    expect(opened.verify(opened.publicKey)).toBe(true);
    expect(opened.checkPrivateKey(createPrivateKey(pem(issued)))).toBe(true);
    expect(new Date(opened.validFrom).getTime() / 1000).toBe(nowSeconds - DAY);
    expect(new Date(opened.validTo).getTime() / 1000).toBe(nowSeconds - DAY + 3650 * DAY);
    expect(certificates.parse(issued.pem)).toMatchObject([
      {
        isCa: true,
        isSelfIssued: true,
        isSelfSigned: true,
        der: issued.der,
        pem: issued.pem,
        serialHex: issued.serialHex,
        sha256Hex: opened.fingerprint256.replaceAll(':', '').toLowerCase(),
        notBeforeSeconds: issued.notBeforeSeconds,
        notAfterSeconds: issued.notAfterSeconds,
        subject: { text: 'CN=Test CA', parts: { CN: ['Test CA'] } },
        publicKey: { algorithm: 'EC', lengthBits: 256, namedCurve: 'prime256v1' },
        signature: { algorithm: 'ECDSA', hash: 'SHA-256' },
      },
    ]);
  });

  test.each(KEY_PAIR_ALGORITHMS)('signs with %s', async (keyAlgorithm) => {
    const { ca, opened } = await makeAuthority(keyAlgorithm);
    const client = await certificates.issueClient(ca, { name: 'array-7', nowSeconds });
    const certificate = new X509Certificate(client.der);
    expect(certificate.checkIssued(opened)).toBe(true);
    expect(certificate.verify(opened.publicKey)).toBe(true);
    expect(certificates.isIssuedBy(client.der, ca.certificateDer)).toBe(true);
    expect(certificates.isIssuedBy(client.der, authority.issued.der)).toBe(false);
  });

  test('must be a CA with its own key that has not expired', async () => {
    const { ca } = authority;
    const leaf = await certificates.issueClient(ca, { name: 'a', nowSeconds });
    const impostor = { certificateDer: leaf.der, privateKey: leaf.privateKey };
    await expect(certificates.issueClient(impostor, { name: 'b', nowSeconds })).rejects.toThrow(
      'not one of a CA',
    );
    const wrongKey = { certificateDer: ca.certificateDer, privateKey: leaf.privateKey };
    await expect(certificates.issueClient(wrongKey, { name: 'b', nowSeconds })).rejects.toThrow(
      "the CA's key is not",
    );
    const late = { name: 'a', nowSeconds: nowSeconds + 3650 * DAY };
    await expect(certificates.issueClient(ca, late)).rejects.toThrow('the CA certificate has expired');
  });
});

describe('a server certificate', () => {
  const hosts = ['127.0.0.1', 'kms.example.org', '::1', '*.kms.example.org', '[2001:DB8::7]'];

  test('names its hosts in Subject and Subject Alternative Name', async () => {
    const issued = await certificates.issueServer(authority.ca, {
      hosts,
      nowSeconds,
      crlUrls: ['http://pki.example.org/holdfast.crl'],
      caIssuerUrls: ['http://pki.example.org/ca.crt'],
    });
    const certificate = new X509Certificate(issued.der);
    expect(certificate.subject).toBe('CN=kms.example.org');
    for (const name of ['kms.example.org', 'a.kms.example.org'])
      expect(certificate.checkHost(name)).toBeDefined();
    for (const ip of ['127.0.0.1', '::1', '2001:db8::7']) expect(certificate.checkIP(ip)).toBeDefined();
    expect(certificate.checkHost('other.example.org')).toBeUndefined();
    expect(certificate.ca).toBe(false);
    // It is shown to clients that this server connects to as well.
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
    expect(certificate.infoAccess).toBe('CA Issuers - URI:http://pki.example.org/ca.crt');
    expect(issued.der.includes('http://pki.example.org/holdfast.crl')).toBe(true);
    const [parsed] = certificates.parse(issued.der);
    expect(parsed?.subjectAlternativeNames.map(({ type, value }) => `${type}:${value}`)).toEqual([
      'ip:127.0.0.1',
      'dns:kms.example.org',
      'ip:::1',
      'dns:*.kms.example.org',
      'ip:2001:db8::7',
    ]);
  });

  test('takes an address as its Subject where it has no name', async () => {
    const issued = await certificates.issueServer(authority.ca, { hosts: ['127.0.0.1'], nowSeconds });
    expect(new X509Certificate(issued.der).subject).toBe('CN=127.0.0.1');
  });

  test.each([
    [[]],
    [['']],
    [['a b']],
    [['-a']],
    [['1.2.3.4.5']],
    [['fe80::1%eth0']],
    [['a..b']],
    [['café.example']],
    [['a.*.b']],
    [[`${'a'.repeat(63)}.example`]],
    [['a\0b']],
  ])('is refused for the hosts %j', async (wrong) => {
    await expect(certificates.issueServer(authority.ca, { hosts: wrong, nowSeconds })).rejects.toMatchObject({
      code: 'InvalidField',
    });
  });

  test('is refused for what is not an http URL', async () => {
    const request = { hosts: ['a'], nowSeconds, crlUrls: ['ldap://a/b'] };
    await expect(certificates.issueServer(authority.ca, request)).rejects.toMatchObject({
      code: 'InvalidField',
    });
  });
});

describe('a client certificate', () => {
  test('carries the name and the domain, whatever characters they have', async () => {
    const issued = await certificates.issueClient(authority.ca, {
      name: '#ö, CN=x',
      domain: 'a+"b"',
      nowSeconds,
    });
    const [parsed] = certificates.parse(issued.pem);
    expect(parsed?.subject).toMatchObject({
      text: 'CN=\\#ö\\, CN=x,O=a\\+\\"b\\"',
      parts: { CN: ['#ö, CN=x'], O: ['a+"b"'] },
    });
    expect(parsed).toMatchObject({ isCa: false, isSelfSigned: false, issuer: { text: 'CN=Test CA' } });
    const certificate = new X509Certificate(issued.der);
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2']);
    expect(certificate.checkPrivateKey(createPrivateKey(pem(issued)))).toBe(true);
  });

  test('never outlives its CA, nor is older', async () => {
    const issued = await certificates.issueClient(authority.ca, {
      name: 'a',
      nowSeconds,
      validitySeconds: 5000 * DAY,
    });
    expect(issued.notAfterSeconds).toBe(authority.issued.notAfterSeconds);
    const early = await certificates.issueClient(authority.ca, { name: 'a', nowSeconds: nowSeconds - 5 });
    expect(early.notBeforeSeconds).toBe(authority.issued.notBeforeSeconds);
    expect(early.notAfterSeconds).toBe(nowSeconds - 5 - DAY + 730 * DAY);
    const [parsed] = certificates.parse(early.der);
    expect(parsed).toMatchObject({
      notBeforeSeconds: early.notBeforeSeconds,
      notAfterSeconds: early.notAfterSeconds,
    });
  });

  test('is refused where it would begin after the end of its CA', async () => {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const end = authority.issued.notAfterSeconds;
    const issue = (notBeforeSeconds: number) =>
      certificates.issueEndEntity(authority.ca, {
        subjectDer: Buffer.from('3000', 'hex'),
        subjectAlternativeNames: [certificates.encodeAlternativeName('array-7')],
        spkiDer: publicKey.export({ format: 'der', type: 'spki' }),
        allowedUsages: undefined,
        requestedUsages: undefined,
        extendedKeyUsages: [],
        nowSeconds,
        notBeforeSeconds,
        notAfterSeconds: end + 2 * DAY,
      });
    await expect(issue(end + DAY)).rejects.toMatchObject({ code: 'InvalidField' });
    expect(await issue(end - DAY)).toMatchObject({ notBeforeSeconds: end - DAY, notAfterSeconds: end });
  });

  test('has a random positive serial number of its own', async () => {
    const request = { name: 'a', nowSeconds };
    const issued = await Promise.all(
      Array.from({ length: 8 }, () => certificates.issueClient(authority.ca, request)),
    );
    const serials = issued.map(({ der }) => new X509Certificate(der).serialNumber.toLowerCase());
    expect(serials).toEqual(issued.map(({ serialHex }) => serialHex));
    expect(new Set(serials).size).toBe(8);
    for (const serial of serials) expect(serial).toMatch(/^[4-7][0-9a-f]{31}$/);
  });

  test.each([[''], ['a'.repeat(65)], ['a\nb'], ['a\0']])('is refused for the name %j', async (name) => {
    await expect(certificates.issueClient(authority.ca, { name, nowSeconds })).rejects.toMatchObject({
      code: 'InvalidField',
    });
  });

  test.each([0, -1, DAY - 1, Number.NaN, 1e12])(
    'is refused for a validity of %d seconds',
    async (validitySeconds) => {
      await expect(
        certificates.issueClient(authority.ca, { name: 'a', nowSeconds, validitySeconds }),
      ).rejects.toMatchObject({ code: 'InvalidField' });
    },
  );
});

describe.each(['EC-P256', 'EC-P384', 'RSA-2048'] as const)('mutual TLS with %s', (keyAlgorithm) => {
  let root: IssuedCertificateWithKey;
  let server: IssuedCertificateWithKey;
  let client: IssuedCertificateWithKey;

  beforeAll(async () => {
    const { ca, issued } = await makeAuthority(keyAlgorithm);
    root = issued;
    const options = { keyAlgorithm, nowSeconds };
    server = await certificates.issueServer(ca, { hosts: ['localhost', '127.0.0.1'], ...options });
    client = await certificates.issueClient(ca, { name: 'array-7', domain: 'storage', ...options });
  });

  test.each<SecureVersion>(['TLSv1.2', 'TLSv1.3'])('works over %s', async (version) => {
    const common = { ca: root.pem, minVersion: version, maxVersion: version };
    const identity = { cert: server.pem, key: pem(server), requestCert: true, rejectUnauthorized: true };
    const listener = createServer({ ...common, ...identity }).listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const { port } = listener.address() as AddressInfo;
    const accepted = once(listener, 'secureConnection') as Promise<[TLSSocket]>;
    const own = { cert: client.pem, key: pem(client) };
    const socket = connect({ ...common, ...own, host: '127.0.0.1', port, servername: 'localhost' });
    try {
      const [[peer]] = await Promise.all([accepted, once(socket, 'secureConnect')]);
      expect([peer.authorized, peer.getProtocol(), socket.authorized]).toEqual([true, version, true]);
      const [presented] = certificates.parse(peer.getPeerCertificate().raw);
      expect(presented?.sha256Hex).toBe(client.sha256Hex);
      expect(presented?.subject.text).toBe('CN=array-7,O=storage');
    } finally {
      socket.destroy();
      listener.close();
    }
  });
});

test('private keys become PEM as node writes it, at every length of line', async () => {
  for (const keyAlgorithm of ['EC-P256', 'EC-P384', 'RSA-2048'] as const) {
    const { privateKey } = await certificates.createAuthority({ commonName: 'x', keyAlgorithm, nowSeconds });
    const key = createPrivateKey({ key: privateKey.reveal(), format: 'der', type: 'pkcs8' });
    expect(certificates.privateKeyPem(privateKey).reveal().toString()).toBe(
      key.export({ format: 'pem', type: 'pkcs8' }),
    );
  }
});
