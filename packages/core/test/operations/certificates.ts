import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, sign, type KeyObject, type KeyPairKeyObjectResult } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CertificateType,
  CryptographicUsageMask,
  KeyFormatType,
  ObjectType,
  type Attribute,
} from '@holdfast/kmip';
import { get } from '@holdfast/core';
import { SecretBytes } from '@holdfast/ttlv';
import type { Harness } from './harness';
import { registerObject } from './requests';

/** Certificates and requests for them, made and read with OpenSSL. */

/** Runs openssl in a folder that goes afterwards. @returns what it prints */
export function openssl(files: Readonly<Record<string, Buffer | string>>, ...args: string[]): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-openssl-'));
  try {
    for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
    const printed = execFileSync('openssl', args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
    return args.includes('-out') ? readFileSync(join(folder, 'out')) : printed;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A PKCS#10 request of OpenSSL, DER. @param extensions lines such as `subjectAltName=DNS:a` */
export function makeRequest(
  { privateKey }: KeyPairKeyObjectResult,
  subject: string,
  extensions: readonly string[] = [],
  form: 'DER' | 'PEM' = 'DER',
): Buffer {
  const key = privateKey.export({ format: 'pem', type: 'pkcs8' });
  const added = extensions.flatMap((line) => ['-addext', line]);
  const args = ['req', '-new', '-key', 'key', '-subj', subject, '-outform', form, '-out', 'out', ...added];
  return openssl({ key }, ...args);
}

/** Writes one DER element of less than 256 octets. */
const tlv = (tag: number, ...contents: Buffer[]): Buffer => {
  const body = Buffer.concat(contents);
  const length = body.length < 0x80 ? [body.length] : [0x81, body.length];
  return Buffer.concat([Buffer.from([tag, ...length]), body]);
};

/** A CRMF request (RFC 4211) for an EC key, for CN=crmf. @param signer whose key proves possession */
export function makeCrmf(pair: KeyPairKeyObjectResult, signer: KeyObject = pair.privateKey): Buffer {
  const subject = tlv(
    0x30,
    tlv(0x31, tlv(0x30, Buffer.from('0603550403', 'hex'), tlv(0x0c, Buffer.from('crmf')))),
  );
  const spki = pair.publicKey.export({ format: 'der', type: 'spki' });
  const publicKey = Buffer.concat([Buffer.of(0xa6), spki.subarray(1)]);
  const request = tlv(0x30, Buffer.from('020100', 'hex'), tlv(0x30, tlv(0xa5, subject), publicKey));
  const algorithm = tlv(0x30, Buffer.from('06082a8648ce3d040302', 'hex'));
  const signature = tlv(0x03, Buffer.of(0), sign('sha256', request, signer));
  return tlv(0x30, tlv(0x30, request, tlv(0xa1, algorithm, signature)));
}

/** Registers the public half of a pair. */
export function registerPublicKey(
  harness: Harness,
  { publicKey }: KeyPairKeyObjectResult,
  usage: number = CryptographicUsageMask.Verify,
  ...attributes: Attribute[]
): Promise<string> {
  const keyMaterial = new SecretBytes(publicKey.export({ format: 'der', type: 'spki' }));
  return registerObject(
    harness,
    {
      objectType: ObjectType.PublicKey,
      keyBlock: { keyFormatType: KeyFormatType.X_509, keyValue: { keyMaterial, attributes: [] } },
    },
    [{ key: 'CryptographicUsageMask', value: usage }, ...attributes],
  );
}

export function registerCertificate(harness: Harness, certificateValue: Buffer): Promise<string> {
  return registerObject(
    harness,
    { objectType: ObjectType.Certificate, certificateType: CertificateType.X_509, certificateValue },
    [{ key: 'CryptographicUsageMask', value: CryptographicUsageMask.Verify }],
  );
}

/** The bytes of a certificate object. */
export async function certificateBytes(harness: Harness, uniqueIdentifier: string): Promise<Buffer> {
  const { object } = await harness.run(get, { uniqueIdentifier });
  if (object.objectType !== ObjectType.Certificate) throw new Error('no certificate');
  return object.certificateValue;
}

export const ecPair = (namedCurve = 'prime256v1') => generateKeyPairSync('ec', { namedCurve });
export const rsaPair = (modulusLength = 2048) => generateKeyPairSync('rsa', { modulusLength });
