import { ObjectType, SplitKeyMethod, Tag, type ManagedObjectOf } from '@holdfast/kmip';
import { HoldfastError, ItemType } from '@holdfast/ttlv';
import type { OperationContext } from '../operation';
import type { SplitScheme } from '../ports/crypto';
import { SERVER_VENDOR } from './attribute-rules';
import type { AttributeSet } from './attribute-set';

/** Keys in parts. KMIP 1.4 section 2.2.5, KMIP 2.1 sections 2.8 and 13.1. */

export type SplitKey = ManagedObjectOf<typeof ObjectType.SplitKey>;

/** The most bytes of parts that are joined: about a second of work. */
export const MAX_JOINED_BYTES = 2 ** 24;

/** What a part says of the split. */
type SplitFacts = Omit<SplitKey, 'objectType' | 'keyBlock' | 'keyPartIdentifier'> & {
  readonly keyPartIdentifier?: number;
};

/** @throws HoldfastError InvalidField where the numbers do not go together */
export function requireSplitScheme(facts: SplitFacts): void {
  const { splitKeyParts, splitKeyThreshold, splitKeyMethod, keyPartIdentifier = 1, primeFieldSize } = facts;
  if (splitKeyThreshold < 1 || splitKeyThreshold > splitKeyParts) {
    throw new HoldfastError('InvalidField', 'Split Key Threshold is not from 1 to Split Key Parts');
  }
  if (keyPartIdentifier < 1 || keyPartIdentifier > splitKeyParts) {
    throw new HoldfastError('InvalidField', 'Key Part Identifier is not from 1 to Split Key Parts');
  }
  if (splitKeyMethod === SplitKeyMethod.XOR && splitKeyThreshold !== splitKeyParts) {
    throw new HoldfastError('InvalidField', 'the Split Key Method XOR needs all of the parts');
  }
  if (primeFieldSize !== undefined && splitKeyMethod !== SplitKeyMethod.PolynomialSharingPrimeField) {
    throw new HoldfastError('InvalidField', 'this Split Key Method has no Prime Field Size');
  }
}

/**
 * Whoever joins a part with parts of their own choice learns whether the sum of integers fits the length of the key, and so, one
 * comparison after the other, the part. Sums in binary fields are as long as the parts: they tell nothing.
 * @throws HoldfastError BadCryptographicParameters where a key that is not extractable would be in a prime field
 */
export function requireKept(attributes: AttributeSet, method: SplitKeyMethod): void {
  if (method !== SplitKeyMethod.PolynomialSharingPrimeField || attributes.get('Extractable') !== false)
    return;
  throw new HoldfastError(
    'BadCryptographicParameters',
    'a key that is not extractable is not shared in a prime field',
  );
}

/** How many bytes Cryptographic Length says that a key or Secret Data has; undefined of a private key, which tells itself. */
export function toldLengthBytes(
  objectType: ObjectType,
  attributes: AttributeSet,
  { crypto }: OperationContext,
): number | undefined {
  const lengthBits = attributes.get('CryptographicLength');
  if (objectType === ObjectType.PrivateKey || lengthBits === undefined) return undefined;
  const algorithm = attributes.get('CryptographicAlgorithm');
  return objectType === ObjectType.SymmetricKey &&
    algorithm !== undefined &&
    crypto.algorithms.get(algorithm)?.kind === 'symmetric'
    ? crypto.symmetricKeyLengthBytes(algorithm, lengthBits, 'there already')
    : Math.ceil(lengthBits / 8);
}

const POLYNOMIAL_NAME = 'SplitKeyPolynomial';

/**
 * The versions differ in the polynomial of GF(2^8), and a part outlives the version that it was made in: each part keeps
 * the polynomial as an attribute of the server's. A part that is imported brings its own along.
 */
export function rememberPolynomial(
  method: SplitKeyMethod,
  attributes: AttributeSet,
  { dialect }: OperationContext,
): void {
  const isBinary =
    method === SplitKeyMethod.PolynomialSharingGF2_8 || method === SplitKeyMethod.PolynomialSharingGF2_16;
  if (!isBinary || attributes.vendorInstances(SERVER_VENDOR, POLYNOMIAL_NAME).length > 0) return;
  attributes.add({
    key: 'VendorAttribute',
    value: {
      vendorIdentification: SERVER_VENDOR,
      attributeName: POLYNOMIAL_NAME,
      attributeValue: {
        tag: Tag.AttributeValue,
        type: ItemType.Integer,
        value: dialect.rules.splitKeyPolynomial,
      },
    },
  });
}

/** The polynomial of a part; any for methods that have none. */
export function polynomialOf(attributes: AttributeSet): SplitScheme['polynomial'] {
  const [attribute] = attributes.vendorInstances(SERVER_VENDOR, POLYNOMIAL_NAME);
  return attribute?.key === 'VendorAttribute' && attribute.value.attributeValue.value === 285 ? 285 : 283;
}
