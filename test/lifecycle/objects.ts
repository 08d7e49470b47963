import { execFileSync } from 'node:child_process';
import { createPublicKey, generateKeyPairSync, publicEncrypt, constants } from 'node:crypto';
import { certificates } from '@holdfast/pki';
import {
  CertificateRequestType,
  CertificateType,
  CryptographicAlgorithm,
  KeyFormatType,
  ObjectType,
  SecretDataType,
  SplitKeyMethod,
  Tag,
  UsageLimitsUnit,
} from '@holdfast/kmip';
import { attribute, bytes, enumeration, integer, longInteger, structure, text } from '@holdfast/testkit';
import type { Item } from '@holdfast/ttlv';
import type { TypeName } from './table';

/** Objects of every type, which may be used for everything that their type can do. */

const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
const privateDer = pair.privateKey.export({ format: 'der', type: 'pkcs1' });
const publicDer = pair.publicKey.export({ format: 'der', type: 'pkcs1' });

/** Of the private key. */
export const CIPHERTEXT = publicEncrypt(
  { key: createPublicKey(pair.privateKey), padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' },
  Buffer.from('to be decrypted'),
);

const EVERY_USE = 0x0000_ffff;
const limits = structure(
  Tag.UsageLimits,
  longInteger(Tag.UsageLimitsTotal, 1_000_000n),
  enumeration(Tag.UsageLimitsUnit, UsageLimitsUnit.Object),
);

function keyBlock(format: number, material: Buffer, algorithm?: number, lengthBits?: number): Item {
  return structure(
    Tag.KeyBlock,
    enumeration(Tag.KeyFormatType, format),
    structure(Tag.KeyValue, bytes(Tag.KeyMaterial, material)),
    ...(algorithm === undefined ? [] : [enumeration(Tag.CryptographicAlgorithm, algorithm)]),
    ...(lengthBits === undefined ? [] : [integer(Tag.CryptographicLength, lengthBits)]),
  );
}

async function certificateDer(): Promise<Buffer> {
  const nowSeconds = Math.floor(Date.now() / 1000);
  const authority = await certificates.createAuthority({ commonName: 'Life cycle', nowSeconds });
  const ca = { certificateDer: authority.der, privateKey: authority.privateKey };
  return (await certificates.issueClient(ca, { name: 'life cycle', nowSeconds, keyAlgorithm: 'RSA-2048' }))
    .der;
}

/** The identifier of the part that makes the key whole. */
export const OTHER_PART = 'the-other-part';

const splitKey = (keyPartIdentifier: number, part: Item): Item =>
  structure(
    Tag.SplitKey,
    integer(Tag.SplitKeyParts, 2),
    integer(Tag.KeyPartIdentifier, keyPartIdentifier),
    integer(Tag.SplitKeyThreshold, 2),
    enumeration(Tag.SplitKeyMethod, SplitKeyMethod.XOR),
    part,
  );
const key = keyBlock(KeyFormatType.Raw, Buffer.alloc(32, 7), CryptographicAlgorithm.AES, 256);

/** Of a 2.x Import. */
export const otherPart: readonly Item[] = [
  text(Tag.UniqueIdentifier, OTHER_PART),
  enumeration(Tag.ObjectType, ObjectType.SplitKey),
  structure(Tag.Attributes, integer(Tag.CryptographicUsageMask, EVERY_USE)),
  splitKey(2, key),
];

function requestDer(): Buffer {
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', '/dev/null'];
  return execFileSync('openssl', ['req', '-new', ...newKey, '-subj', '/CN=life cycle', '-outform', 'DER'], {
    stdio: 'pipe',
  });
}

/** Type, object and attributes of a 2.x Register, by type; of a Template, which 2.x does not have, those of a 1.x one. */
export async function registrations(): Promise<Readonly<Record<TypeName, readonly Item[]>>> {
  const { RSA } = CryptographicAlgorithm;
  const register = (objectType: number, object: Item, ...attributes: readonly Item[]): readonly Item[] => [
    enumeration(Tag.ObjectType, objectType),
    structure(Tag.Attributes, integer(Tag.CryptographicUsageMask, EVERY_USE), ...attributes),
    object,
  ];
  return {
    SymmetricKey: register(ObjectType.SymmetricKey, structure(Tag.SymmetricKey, key), limits),
    PublicKey: register(
      ObjectType.PublicKey,
      structure(Tag.PublicKey, keyBlock(KeyFormatType.PKCS_1, publicDer, RSA, 2048)),
      limits,
    ),
    PrivateKey: register(
      ObjectType.PrivateKey,
      structure(Tag.PrivateKey, keyBlock(KeyFormatType.PKCS_1, privateDer, RSA, 2048)),
      limits,
    ),
    SplitKey: register(ObjectType.SplitKey, splitKey(1, key)),
    SecretData: register(
      ObjectType.SecretData,
      structure(
        Tag.SecretData,
        enumeration(Tag.SecretDataType, SecretDataType.Password),
        keyBlock(KeyFormatType.Opaque, Buffer.from('a password')),
      ),
    ),
    OpaqueObject: register(
      ObjectType.OpaqueObject,
      structure(
        Tag.OpaqueObject,
        enumeration(Tag.OpaqueDataType, 0x8000_0001),
        bytes(Tag.OpaqueDataValue, Buffer.from('opaque')),
      ),
    ),
    Certificate: register(
      ObjectType.Certificate,
      structure(
        Tag.Certificate,
        enumeration(Tag.CertificateType, CertificateType.X_509),
        bytes(Tag.CertificateValue, await certificateDer()),
      ),
    ),
    PGPKey: register(
      ObjectType.PGPKey,
      structure(
        Tag.PGPKey,
        integer(Tag.PGPKeyVersion, 4),
        keyBlock(KeyFormatType.Opaque, Buffer.from('a PGP key'), RSA, 2048),
      ),
    ),
    CertificateRequest: register(
      ObjectType.CertificateRequest,
      structure(
        Tag.CertificateRequest,
        enumeration(Tag.CertificateRequestType, CertificateRequestType.PKCS_10),
        bytes(Tag.CertificateRequestValue, requestDer()),
      ),
    ),
    Template: [
      enumeration(Tag.ObjectType, ObjectType.Template),
      structure(Tag.TemplateAttribute),
      structure(Tag.Template, attribute('Cryptographic Length', integer(Tag.CryptographicLength, 256))),
    ],
  };
}
