import { createPublicKey } from 'node:crypto';
import type { GeneratedKey, HsmCurve, HsmKeyCalls, HsmPublicKey, KeyPairSpecification } from '@holdfast/core';
import { CryptographicAlgorithm as Algorithm, KeyFormatType, RecommendedCurve } from '@holdfast/kmip';
import { HoldfastError, SecretBytes } from '@holdfast/ttlv';
import { hmacHashOf } from '../operations/mac';

/** Which keys an HSM makes, and what its answers mean here. */

/** @throws HoldfastError InvalidField for algorithms of which no keys are made inside an HSM */
export function hsmSecretKind(algorithm: Algorithm): HsmKeyCalls['generateHsmKey']['in']['kind'] {
  if (algorithm === Algorithm.AES) return 'aes';
  if (hmacHashOf(algorithm) !== undefined) return 'hmac';
  throw new HoldfastError('InvalidField', 'symmetric keys inside the HSM are those of AES and HMAC');
}

const RSA_LENGTHS_BITS: readonly number[] = [2048, 3072, 4096];
const DEFAULT_RSA_LENGTH_BITS = 2048;

interface CurveRow {
  readonly name: HsmCurve;
  readonly curve: RecommendedCurve;
  readonly lengthBits: number;
}
const CURVES: readonly CurveRow[] = [
  { name: 'P-256', curve: RecommendedCurve.P_256, lengthBits: 256 },
  { name: 'P-384', curve: RecommendedCurve.P_384, lengthBits: 384 },
  { name: 'P-521', curve: RecommendedCurve.P_521, lengthBits: 521 },
];

/** @throws HoldfastError InvalidField for pairs that are not made inside an HSM */
export function hsmPairKind({
  algorithm,
  lengthBits,
  curve,
}: KeyPairSpecification): HsmKeyCalls['generateHsmKeyPair']['in']['kind'] {
  if (algorithm === Algorithm.RSA && curve === undefined) {
    const rsaBits = lengthBits ?? DEFAULT_RSA_LENGTH_BITS;
    if (RSA_LENGTHS_BITS.includes(rsaBits)) return { rsaBits };
  }
  // ECDH is an agreement, which the HSM is not asked for.
  if (algorithm === Algorithm.EC || algorithm === Algorithm.ECDSA) {
    const row = CURVES.find(
      (each) =>
        (curve === undefined || each.curve === curve) &&
        (lengthBits === undefined || each.lengthBits === lengthBits),
    );
    if (row !== undefined) return { curve: row.name };
  }
  throw new HoldfastError(
    'InvalidField',
    `key pairs inside the HSM are those of RSA (${RSA_LENGTHS_BITS.join(', ')} bits) and of ECDSA over P-256, P-384, P-521`,
  );
}

/** The public half of a pair as it is kept, and as SubjectPublicKeyInfo. */
export function publicKeyFromHsm(
  key: HsmPublicKey,
  algorithm: Algorithm,
): { readonly publicKey: GeneratedKey; readonly spki: Buffer } {
  const keyObject = createPublicKey({ key: jwkOf(key), format: 'jwk' });
  const isRsa = 'modulus' in key;
  const spki = keyObject.export({ format: 'der', type: 'spki' });
  const material = isRsa ? keyObject.export({ format: 'der', type: 'pkcs1' }) : spki;
  const lengthBits = isRsa
    ? keyObject.asymmetricKeyDetails?.modulusLength
    : CURVES.find(({ name }) => name === key.curve)?.lengthBits;
  const publicKey = {
    keyFormatType: isRsa ? KeyFormatType.PKCS_1 : KeyFormatType.X_509,
    keyMaterial: SecretBytes.copyOf(material),
    algorithm,
    lengthBits: lengthBits ?? 0,
  };
  return { publicKey, spki };
}

function jwkOf(key: HsmPublicKey) {
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');
  if ('modulus' in key) return { kty: 'RSA', n: text(key.modulus), e: text(key.publicExponent) };
  const { curve, point } = key;
  const middle = (point.length + 1) / 2;
  return { kty: 'EC', crv: curve, x: text(point.subarray(1, middle)), y: text(point.subarray(middle)) };
}
