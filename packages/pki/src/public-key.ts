import type { PublicKeyDescription } from '@holdfast/core';
import {
  children,
  type DerElement,
  expectTag,
  malformed,
  readBitString,
  readElement,
  readOid,
  TAG,
} from './der';

type CurveRow = readonly [oid: string, name: string, lengthBits: number];

/** Named curves of SEC 2, FIPS 186-4 and RFC 5639, under OpenSSL's names. */
export const CURVES: readonly CurveRow[] = [
  ['1.2.840.10045.3.1.1', 'prime192v1', 192],
  ['1.3.132.0.33', 'secp224r1', 224],
  ['1.2.840.10045.3.1.7', 'prime256v1', 256],
  ['1.3.132.0.34', 'secp384r1', 384],
  ['1.3.132.0.35', 'secp521r1', 521],
  ['1.3.132.0.31', 'secp192k1', 192],
  ['1.3.132.0.32', 'secp224k1', 224],
  ['1.3.132.0.10', 'secp256k1', 256],
  ['1.3.132.0.1', 'sect163k1', 163],
  ['1.3.132.0.15', 'sect163r2', 163],
  ['1.3.132.0.26', 'sect233k1', 233],
  ['1.3.132.0.27', 'sect233r1', 233],
  ['1.3.132.0.16', 'sect283k1', 283],
  ['1.3.132.0.17', 'sect283r1', 283],
  ['1.3.132.0.36', 'sect409k1', 409],
  ['1.3.132.0.37', 'sect409r1', 409],
  ['1.3.132.0.38', 'sect571k1', 571],
  ['1.3.132.0.39', 'sect571r1', 571],
  ['1.3.36.3.3.2.8.1.1.1', 'brainpoolP160r1', 160],
  ['1.3.36.3.3.2.8.1.1.3', 'brainpoolP192r1', 192],
  ['1.3.36.3.3.2.8.1.1.5', 'brainpoolP224r1', 224],
  ['1.3.36.3.3.2.8.1.1.7', 'brainpoolP256r1', 256],
  ['1.3.36.3.3.2.8.1.1.9', 'brainpoolP320r1', 320],
  ['1.3.36.3.3.2.8.1.1.11', 'brainpoolP384r1', 384],
  ['1.3.36.3.3.2.8.1.1.13', 'brainpoolP512r1', 512],
];

interface KeyParts {
  readonly parameters: DerElement | undefined;
  readonly key: Buffer;
}

interface Size {
  readonly lengthBits?: number | undefined;
  readonly namedCurve?: string | undefined;
}

function bitLength(integer: DerElement | undefined): number {
  const hex = expectTag(integer, TAG.integer, 'a number of the public key').contents.toString('hex');
  return BigInt(`0x0${hex}`).toString(2).length;
}

/** RSAPublicKey (RFC 8017 appendix A.1.1). */
function rsaSize({ key }: KeyParts): Size {
  const [modulus] = children(expectTag(readElement(key), TAG.sequence, 'the RSA key'));
  return { lengthBits: bitLength(modulus) };
}

/** The prime is the first parameter of DSA and of DH (RFC 3279 section 2.3); DSA may inherit its parameters. */
function primeSize({ parameters }: KeyParts): Size {
  return parameters?.tag === TAG.sequence ? { lengthBits: bitLength(children(parameters)[0]) } : {};
}

/** A named curve (RFC 5480 section 2.1.1); explicit parameters name none. */
function curveSize({ parameters }: KeyParts): Size {
  if (parameters?.tag !== TAG.oid) return {};
  const oid = readOid(parameters, 'the curve');
  const [, namedCurve, lengthBits] = CURVES.find(([candidate]) => candidate === oid) ?? [];
  return { namedCurve, lengthBits };
}

/** Quantum-safe keys are the bytes of FIPS 203, 204 and 205, and have no parameters. */
const encodedSize =
  (lengthBytes: number) =>
  ({ parameters, key }: KeyParts): Size => {
    if (parameters !== undefined || key.length !== lengthBytes)
      throw malformed('the public key is none of its algorithm');
    return { lengthBits: lengthBytes * 8 };
  };

type KeyRow = readonly [NonNullable<PublicKeyDescription['algorithm']>, (parts: KeyParts) => Size];

/** Public key algorithms of RFC 3279, 4055, 5480, 8410, 9881, 9909 and 9935, and of PKCS #3. */
const KEY_ALGORITHMS: ReadonlyMap<string, KeyRow> = new Map([
  ['1.2.840.113549.1.1.1', ['RSA', rsaSize]],
  ['1.2.840.113549.1.1.10', ['RSA-PSS', rsaSize]],
  ['1.2.840.10045.2.1', ['EC', curveSize]],
  ['1.2.840.10040.4.1', ['DSA', primeSize]],
  ['1.2.840.10046.2.1', ['DH', primeSize]],
  ['1.2.840.113549.1.3.1', ['DH', primeSize]],
  ['1.3.101.110', ['X25519', () => ({ lengthBits: 256 })]],
  ['1.3.101.111', ['X448', () => ({ lengthBits: 448 })]],
  ['1.3.101.112', ['Ed25519', () => ({ lengthBits: 256 })]],
  ['1.3.101.113', ['Ed448', () => ({ lengthBits: 448 })]],
  ['2.16.840.1.101.3.4.4.1', ['ML-KEM-512', encodedSize(800)]],
  ['2.16.840.1.101.3.4.4.2', ['ML-KEM-768', encodedSize(1184)]],
  ['2.16.840.1.101.3.4.4.3', ['ML-KEM-1024', encodedSize(1568)]],
  ['2.16.840.1.101.3.4.3.17', ['ML-DSA-44', encodedSize(1312)]],
  ['2.16.840.1.101.3.4.3.18', ['ML-DSA-65', encodedSize(1952)]],
  ['2.16.840.1.101.3.4.3.19', ['ML-DSA-87', encodedSize(2592)]],
  ['2.16.840.1.101.3.4.3.20', ['SLH-DSA-SHA2-128s', encodedSize(32)]],
  ['2.16.840.1.101.3.4.3.21', ['SLH-DSA-SHA2-128f', encodedSize(32)]],
  ['2.16.840.1.101.3.4.3.22', ['SLH-DSA-SHA2-192s', encodedSize(48)]],
  ['2.16.840.1.101.3.4.3.23', ['SLH-DSA-SHA2-192f', encodedSize(48)]],
  ['2.16.840.1.101.3.4.3.24', ['SLH-DSA-SHA2-256s', encodedSize(64)]],
  ['2.16.840.1.101.3.4.3.25', ['SLH-DSA-SHA2-256f', encodedSize(64)]],
  ['2.16.840.1.101.3.4.3.26', ['SLH-DSA-SHAKE-128s', encodedSize(32)]],
  ['2.16.840.1.101.3.4.3.27', ['SLH-DSA-SHAKE-128f', encodedSize(32)]],
  ['2.16.840.1.101.3.4.3.28', ['SLH-DSA-SHAKE-192s', encodedSize(48)]],
  ['2.16.840.1.101.3.4.3.29', ['SLH-DSA-SHAKE-192f', encodedSize(48)]],
  ['2.16.840.1.101.3.4.3.30', ['SLH-DSA-SHAKE-256s', encodedSize(64)]],
  ['2.16.840.1.101.3.4.3.31', ['SLH-DSA-SHAKE-256f', encodedSize(64)]],
]);

/**
 * Describes a SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7) from its bytes. OpenSSL would take ten times as long to
 * load the key, and this is done for each certificate that a client presents.
 */
export function readPublicKeyInfo(spki: DerElement | undefined): PublicKeyDescription {
  const element = expectTag(spki, TAG.sequence, 'the public key');
  const [identifier, bits] = children(element);
  const [type, parameters] = children(expectTag(identifier, TAG.sequence, 'the algorithm of the public key'));
  const oid = readOid(type, 'the algorithm of the public key');
  const key = readBitString(bits, 'the public key');
  const [algorithm, sizeOf] = KEY_ALGORITHMS.get(oid) ?? [];
  const { lengthBits, namedCurve } = sizeOf?.({ parameters, key }) ?? {};
  return { algorithm, lengthBits, namedCurve, spkiDer: Buffer.from(element.der) };
}
