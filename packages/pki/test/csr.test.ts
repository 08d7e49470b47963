import { type CertificateAuthority, HoldfastError } from '@holdfast/core';
import { generateKeyPairSync, type KeyObject, sign, X509Certificate } from 'node:crypto';
import { certificates } from '../src';
import { TAG } from '../src/der';
import { encodePem } from '../src/pem';
import { tlv } from './tlv';

const nowSeconds = Math.floor(Date.now() / 1000);
let ca: CertificateAuthority;
beforeAll(async () => {
  const { der, privateKey } = await certificates.createAuthority({ commonName: 'Test CA', nowSeconds });
  ca = { certificateDer: der, privateKey };
});

const hex = (text: string): Buffer => Buffer.from(text, 'hex');
const ALGORITHMS = {
  'rsa-sha1': ['sha1', '2a864886f70d010105'],
  'rsa-sha256': ['sha256', '2a864886f70d01010b'],
  'ecdsa-sha256': ['sha256', '2a8648ce3d040302'],
  'ecdsa-sha512': ['sha512', '2a8648ce3d040304'],
  ed25519: [null, '2b6570'],
} as const;

interface KeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

/** A request for CN=root with Basic Constraints CA among its extensions: what nobody should be given. */
function makeCsr({ publicKey, privateKey }: KeyPair, algorithm: keyof typeof ALGORITHMS): Buffer {
  const [digest, oid] = ALGORITHMS[algorithm];
  const subject = hex('300f310d300b0603550403' + '0c04726f6f74');
  const basicConstraints = hex('300f0603551d130101ff040530030101ff');
  const extensions = tlv(
    TAG.sequence,
    hex('06092a864886f70d01090e'),
    tlv(TAG.set, tlv(TAG.sequence, basicConstraints)),
  );
  const info = tlv(
    TAG.sequence,
    hex('020100'),
    subject,
    publicKey.export({ format: 'der', type: 'spki' }),
    tlv(0xa0, extensions),
  );
  const signature = tlv(TAG.bitString, Buffer.of(0), sign(digest, info, privateKey));
  return tlv(TAG.sequence, info, tlv(TAG.sequence, tlv(TAG.oid, hex(oid))), signature);
}

const ec = (namedCurve: string): KeyPair => generateKeyPairSync('ec', { namedCurve });
const signed = (csr: Buffer | string) =>
  certificates.signClientRequest(ca, csr, { name: 'array-7', nowSeconds });

async function refusal(csr: Buffer | string): Promise<string> {
  const error: unknown = await signed(csr).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof HoldfastError)) throw new Error('not refused');
  expect(error.code).toBe('InvalidCSR');
  return error.message;
}

describe('a certificate request', () => {
  test.each([
    ['P-256', () => ec('P-256'), 'ecdsa-sha256'],
    ['P-521', () => ec('P-521'), 'ecdsa-sha512'],
    ['RSA-2048', () => generateKeyPairSync('rsa', { modulusLength: 2048 }), 'rsa-sha256'],
    ['Ed25519', () => generateKeyPairSync('ed25519'), 'ed25519'],
  ] as const)('with a %s key gives a certificate for that key alone', async (_, makeKey, algorithm) => {
    const key = makeKey();
    const csr = makeCsr(key, algorithm);
    const certificate = new X509Certificate((await signed(csr)).der);
    expect(certificate.checkPrivateKey(key.privateKey)).toBe(true);
    expect(certificate.subject).toBe('CN=array-7');
    expect(certificate.ca).toBe(false);
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2']);
    expect(certificates.isIssuedBy(certificate.raw, ca.certificateDer)).toBe(true);
  });

  test('may be PEM with either label and text around it', async () => {
    const csr = makeCsr(ec('P-384'), 'ecdsa-sha256');
    for (const label of ['CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST']) {
      const text = `a comment\r\n${encodePem(label, csr).replaceAll('\n', '\r\n')}`;
      expect((await signed(text)).der.length).toBeGreaterThan(0);
      expect((await signed(Buffer.from(text))).der.length).toBeGreaterThan(0);
    }
  });

  test.each([
    ['a short RSA key', () => generateKeyPairSync('rsa', { modulusLength: 1024 }), 'rsa-sha256', '1024 bits'],
    [
      'a small exponent',
      () => generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 3 }),
      'rsa-sha256',
      'below 65537',
    ],
    ['an unusual curve', () => ec('secp256k1'), 'ecdsa-sha256', 'none of P-256, P-384 and P-521'],
    ['SHA-1', () => generateKeyPairSync('rsa', { modulusLength: 2048 }), 'rsa-sha1', 'not made with SHA-256'],
  ] as const)('with %s is refused', async (_, makeKey, algorithm, message) => {
    expect(await refusal(makeCsr(makeKey(), algorithm))).toContain(message);
  });

  test('whose signer lacks the key is refused', async () => {
    const csr = makeCsr(
      { publicKey: ec('P-256').publicKey, privateKey: ec('P-256').privateKey },
      'ecdsa-sha256',
    );
    expect(await refusal(csr)).toContain('its signature does not verify');
  });

  test('with any bit flipped or cut anywhere is refused', async () => {
    const csr = makeCsr(ec('P-256'), 'ecdsa-sha256');
    for (let index = 0; index < csr.length; index += 1) {
      const flipped = Buffer.from(csr);
      flipped[index] = (flipped[index] ?? 0) ^ (1 << (index % 8));
      await refusal(flipped);
      await refusal(csr.subarray(0, index));
    }
  });

  test.each([
    ['nothing', ''],
    ['a text', 'hello'],
    ['two requests', encodePem('CERTIFICATE REQUEST', Buffer.alloc(9)).repeat(2)],
    ['another kind of PEM', encodePem('CERTIFICATE', Buffer.alloc(9))],
    ['too much', Buffer.alloc(65 * 1024)],
  ])('that is %s is refused', async (_, csr) => {
    expect(await refusal(csr)).toContain('certificate request refused');
  });
});
