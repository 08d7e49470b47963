import { HoldfastError, type StructureItem } from '@holdfast/ttlv';
import {
  bigInteger,
  byteString,
  enumerated,
  optional,
  required,
  structure,
  type Codec,
  type Infer,
} from './schema';
import { secretByteString } from './secret-codecs';
import type { Dialect } from './versions/dialect';
import { KeyFormatType, keyFormatTypeEnum, recommendedCurveEnum } from './vocabulary/enumerations';
import { Tag } from './vocabulary/tags';

/** Key Material of the transparent key formats. KMIP 1.4 section 2.1.7, KMIP 2.1 sections 3.4 to 3.12. */

const symmetricKey = structure({ key: required(Tag.Key, secretByteString) });

const dsaPrivateKey = structure({
  p: required(Tag.P, bigInteger),
  q: required(Tag.Q, bigInteger),
  g: required(Tag.G, bigInteger),
  x: required(Tag.X, bigInteger),
});
const dsaPublicKey = structure({
  p: required(Tag.P, bigInteger),
  q: required(Tag.Q, bigInteger),
  g: required(Tag.G, bigInteger),
  y: required(Tag.Y, bigInteger),
});
/** One of: Private Exponent; P and Q; Prime Exponent P and Prime Exponent Q. */
const rsaPrivateKey = structure({
  modulus: required(Tag.Modulus, bigInteger),
  privateExponent: optional(Tag.PrivateExponent, bigInteger),
  publicExponent: optional(Tag.PublicExponent, bigInteger),
  p: optional(Tag.P, bigInteger),
  q: optional(Tag.Q, bigInteger),
  primeExponentP: optional(Tag.PrimeExponentP, bigInteger),
  primeExponentQ: optional(Tag.PrimeExponentQ, bigInteger),
  crtCoefficient: optional(Tag.CRTCoefficient, bigInteger),
});
const rsaPublicKey = structure({
  modulus: required(Tag.Modulus, bigInteger),
  publicExponent: required(Tag.PublicExponent, bigInteger),
});
const dhPrivateKey = structure({
  p: required(Tag.P, bigInteger),
  q: optional(Tag.Q, bigInteger),
  g: required(Tag.G, bigInteger),
  j: optional(Tag.J, bigInteger),
  x: required(Tag.X, bigInteger),
});
const dhPublicKey = structure({
  p: required(Tag.P, bigInteger),
  q: optional(Tag.Q, bigInteger),
  g: required(Tag.G, bigInteger),
  j: optional(Tag.J, bigInteger),
  y: required(Tag.Y, bigInteger),
});
/** Also the form of the ECDSA, ECDH and ECMQV formats of 1.x. */
const ecPrivateKey = structure({
  recommendedCurve: required(Tag.RecommendedCurve, enumerated(recommendedCurveEnum)),
  d: required(Tag.D, bigInteger),
});
const ecPublicKey = structure({
  recommendedCurve: required(Tag.RecommendedCurve, enumerated(recommendedCurveEnum)),
  qString: required(Tag.QString, byteString),
});

export const transparentKeyStructures = {
  [KeyFormatType.TransparentSymmetricKey]: symmetricKey,
  [KeyFormatType.TransparentDSAPrivateKey]: dsaPrivateKey,
  [KeyFormatType.TransparentDSAPublicKey]: dsaPublicKey,
  [KeyFormatType.TransparentRSAPrivateKey]: rsaPrivateKey,
  [KeyFormatType.TransparentRSAPublicKey]: rsaPublicKey,
  [KeyFormatType.TransparentDHPrivateKey]: dhPrivateKey,
  [KeyFormatType.TransparentDHPublicKey]: dhPublicKey,
  [KeyFormatType.TransparentECDSAPrivateKey]: ecPrivateKey,
  [KeyFormatType.TransparentECDSAPublicKey]: ecPublicKey,
  [KeyFormatType.TransparentECDHPrivateKey]: ecPrivateKey,
  [KeyFormatType.TransparentECDHPublicKey]: ecPublicKey,
  [KeyFormatType.TransparentECMQVPrivateKey]: ecPrivateKey,
  [KeyFormatType.TransparentECMQVPublicKey]: ecPublicKey,
  [KeyFormatType.TransparentECPrivateKey]: ecPrivateKey,
  [KeyFormatType.TransparentECPublicKey]: ecPublicKey,
} as const;

export type TransparentKeyFormat = keyof typeof transparentKeyStructures;
export type TransparentKey<F extends TransparentKeyFormat> = Infer<(typeof transparentKeyStructures)[F]>;

export function isTransparentKeyFormat(format: KeyFormatType): format is TransparentKeyFormat {
  return Object.hasOwn(transparentKeyStructures, format);
}

/**
 * Reads the Key Material of a transparent format.
 * @throws HoldfastError InvalidMessage or InvalidField where the structure does not have the form of that format
 */
export function decodeTransparentKey<F extends TransparentKeyFormat>(
  format: F,
  material: StructureItem,
  dialect: Dialect,
): TransparentKey<F> {
  return transparentKeyStructures[format].decode(material, dialect) as TransparentKey<F>;
}

/**
 * Writes the Key Material of a transparent format.
 * @throws HoldfastError KeyFormatTypeNotSupported where the dialect cannot say it (a curve that it does not list)
 */
export function encodeTransparentKey<F extends TransparentKeyFormat>(
  format: F,
  key: TransparentKey<F>,
  dialect: Dialect,
): StructureItem {
  const codec = transparentKeyStructures[format] as Codec<unknown>;
  const item = codec.encode(Tag.KeyMaterial, key, dialect);
  if (item === undefined) {
    throw new HoldfastError(
      'KeyFormatTypeNotSupported',
      `KMIP ${dialect.name} cannot express this key as ${keyFormatTypeEnum.byValue.get(format)?.name ?? 'asked'}`,
    );
  }
  return item as StructureItem;
}
