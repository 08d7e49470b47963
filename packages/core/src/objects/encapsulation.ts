import { DerivationMethod, ObjectType, Tag } from '@holdfast/kmip';
import { HoldfastError, ItemType } from '@holdfast/ttlv';
import { mandatory, type ManagedObject } from '../object-access';
import { SERVER_VENDOR } from './attribute-rules';
import type { AttributeSet } from './attribute-set';

/**
 * Keys of ML-KEM in Derive Key: the method of key agreement with one key alone. A public key makes a new secret, whose
 * ciphertext the derived object keeps as an attribute of the server's; a private key takes the ciphertext as Derivation Data.
 */

const CIPHERTEXT_NAME = 'KEMCiphertext';

/** Which of the two a derivation from these objects is; undefined where it is neither. */
export function encapsulationBy(
  method: DerivationMethod,
  bases: readonly ManagedObject[],
): 'encapsulate' | 'decapsulate' | undefined {
  const [only, ...others] = bases;
  if (method !== DerivationMethod.AsymmetricKey || only === undefined || others.length > 0) return undefined;
  switch (mandatory(only, 'ObjectType')) {
    case ObjectType.PublicKey:
      return 'encapsulate';
    case ObjectType.PrivateKey:
      return 'decapsulate';
    default:
      throw new HoldfastError('InvalidObjectType', 'key agreement takes private and public keys');
  }
}

/** Keeps what the holder of the private key needs to derive the same. */
export function rememberCiphertext(attributes: AttributeSet, ciphertext: Buffer): void {
  attributes.add({
    key: 'VendorAttribute',
    value: {
      vendorIdentification: SERVER_VENDOR,
      attributeName: CIPHERTEXT_NAME,
      attributeValue: { tag: Tag.AttributeValue, type: ItemType.ByteString, value: ciphertext },
    },
  });
}
