import {
  KeyFormatType,
  LinkType,
  ObjectType,
  decodeTransparentKey,
  type KeyBlock,
  type TransparentKey,
  type TransparentKeyFormat,
} from '@holdfast/kmip';
import { SecretBytes } from '@holdfast/ttlv';
import type { ManagedObject } from '../object-access';
import { keyBlockOf } from '../objects/new-object';
import { linkedBy } from '../objects/replacement';
import type { OperationContext } from '../operation';
import { get } from '../operations/get';
import { CKA, CKK, valueOf } from './attributes';
import { withoutNotes } from './call';

/** What PKCS#11 tells of the public key of a pair by its parts (PKCS#11 v3.0 sections 6.1 and 6.3). */

const PARTS: ReadonlySet<bigint> = new Set([CKA.MODULUS, CKA.PUBLIC_EXPONENT, CKA.EC_POINT]);

export function isPublicPart(type: bigint): boolean {
  return PARTS.has(type);
}

/**
 * The parts of a public key, or of the one that a private key has a link to, by their types.
 * @throws HoldfastError as Get
 */
export async function publicPartsOf(
  object: ManagedObject,
  context: OperationContext,
): Promise<ReadonlyMap<bigint, Buffer>> {
  const { attributes } = object;
  const isPrivate = attributes.get('ObjectType') === ObjectType.PrivateKey;
  const identifier = isPrivate ? linkedBy(object, LinkType.PublicKeyLink) : object.uniqueIdentifier;
  const isPublic = isPrivate || attributes.get('ObjectType') === ObjectType.PublicKey;
  if (identifier === undefined || !isPublic) return new Map();
  switch (valueOf(CKA.KEY_TYPE, attributes)) {
    case CKK.RSA: {
      const key = await publicKey(identifier, KeyFormatType.TransparentRSAPublicKey, context);
      if (key === undefined) return new Map();
      return new Map([
        [CKA.MODULUS, unsigned(key.modulus)],
        [CKA.PUBLIC_EXPONENT, unsigned(key.publicExponent)],
      ]);
    }
    case CKK.EC: {
      const key = await publicKey(identifier, KeyFormatType.TransparentECPublicKey, context);
      return key === undefined ? new Map() : new Map([[CKA.EC_POINT, octetString(key.qString)]]);
    }
    default:
      return new Map();
  }
}

async function publicKey<F extends TransparentKeyFormat>(
  uniqueIdentifier: string,
  keyFormatType: F,
  context: OperationContext,
): Promise<TransparentKey<F> | undefined> {
  const { stored } = await context.objects.fetch(uniqueIdentifier);
  // They cannot be waited for here.
  if (await context.needsOfficers('export', stored)) return undefined;
  const answer = await context.objects.within('obtain', (objects) =>
    Promise.resolve(get.execute({ uniqueIdentifier, keyFormatType }, { ...withoutNotes(context), objects })),
  );
  const keyValue: KeyBlock['keyValue'] = keyBlockOf(answer.object)?.keyValue;
  if (keyValue === undefined || 'encoded' in keyValue) return undefined;
  const { keyMaterial } = keyValue;
  if (keyMaterial instanceof SecretBytes) return undefined;
  return decodeTransparentKey(keyFormatType, keyMaterial, context.dialect);
}

/** A big integer of PKCS#11: unsigned, the most significant byte first. */
function unsigned(value: bigint): Buffer {
  const digits = value.toString(16);
  return Buffer.from(digits.padStart(digits.length + (digits.length % 2), '0'), 'hex');
}

/** In DER; points of all curves here are shorter than 256 bytes. */
function octetString(content: Buffer): Buffer {
  const length = content.length < 0x80 ? [content.length] : [0x81, content.length];
  return Buffer.concat([Buffer.from([0x04, ...length]), content]);
}
