import { createHmac, randomBytes } from 'node:crypto';
import type { KeyBundle, SecretBytes } from '@holdfast/core';
import { TAG, contextTag, encodeElement, encodeInteger, encodeOid } from '../der';
import { Allowance, FOR_MAC, bmpPassword, derive } from './derivation';
import { ITERATIONS, encrypt } from './encryption';
import { OID } from './object-identifiers';

const SHA_256 = { name: 'sha256', blockLengthBytes: 64 };
/** What the key and its certificate have in common, so that tools know that they belong together. */
const LOCAL_KEY_ID = Buffer.from([1]);

const sequence = (...parts: readonly Buffer[]) => encodeElement(TAG.sequence, ...parts);
const octetString = (bytes: Buffer) => encodeElement(TAG.octetString, bytes);
const explicit = (element: Buffer) => encodeElement(contextTag(0, true), element);

function attribute(oid: string, value: Buffer): Buffer {
  return sequence(encodeOid(oid), encodeElement(TAG.set, value));
}

function ownAttributes(friendlyName: string): Buffer {
  const name = Buffer.from(friendlyName, 'utf16le').swap16();
  const attributes = [
    attribute(OID.friendlyName, encodeElement(TAG.bmpString, name)),
    attribute(OID.localKeyId, octetString(LOCAL_KEY_ID)),
  ];
  // The members of a SET are in the order of their bytes.
  return encodeElement(TAG.set, ...attributes.sort((one, other) => Buffer.compare(one, other)));
}

function bag(oid: string, value: Buffer, ...attributes: readonly Buffer[]): Buffer {
  return sequence(encodeOid(oid), explicit(value), ...attributes);
}

function plainPart(safeContents: Buffer): Buffer {
  return sequence(encodeOid(OID.data), explicit(octetString(safeContents)));
}

async function encryptedPart(safeContents: Buffer, password: Buffer): Promise<Buffer> {
  const { algorithm, ciphertext } = await encrypt(safeContents, password);
  const content = encodeElement(contextTag(0, false), ciphertext);
  const encrypted = sequence(encodeInteger(0n), sequence(encodeOid(OID.data), algorithm, content));
  return sequence(encodeOid(OID.encryptedData), explicit(encrypted));
}

async function macOf(content: Buffer, password: Buffer): Promise<Buffer> {
  const salt = randomBytes(16);
  const bmp = bmpPassword(password);
  const key = await derive(SHA_256, FOR_MAC, bmp, salt, ITERATIONS, 32, new Allowance());
  const mac = createHmac('sha256', key).update(content).digest();
  bmp.fill(0);
  key.fill(0);
  const algorithm = sequence(encodeOid(OID.sha256), encodeElement(0x05));
  return sequence(
    sequence(algorithm, octetString(mac)),
    octetString(salt),
    encodeInteger(BigInt(ITERATIONS)),
  );
}

/** See `CertificatesPort.makePkcs12`. */
export async function makePkcs12(
  { privateKey, certificates, friendlyName }: KeyBundle & { readonly friendlyName: string },
  password: SecretBytes,
): Promise<Buffer> {
  const secret = password.reveal();
  const attributes = ownAttributes(friendlyName);
  const { algorithm, ciphertext } = await encrypt(privateKey.reveal(), secret);
  const key = bag(OID.shroudedKeyBag, sequence(algorithm, octetString(ciphertext)), attributes);
  const bags = certificates.map((der, index) =>
    bag(
      OID.certificateBag,
      sequence(encodeOid(OID.x509Certificate), explicit(octetString(der))),
      ...(index === 0 ? [attributes] : []),
    ),
  );
  const parts = [plainPart(sequence(key))];
  if (bags.length > 0) parts.unshift(await encryptedPart(sequence(...bags), secret));
  const safe = sequence(...parts);
  return sequence(encodeInteger(3n), plainPart(safe), await macOf(safe, secret));
}
