import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import type { CryptographicAlgorithm, RecommendedCurve } from '@holdfast/kmip';
import { HoldfastError } from '@holdfast/ttlv';
import type { KeyFamily } from '../algorithms';
import { curveNamed, type CurveFacts } from '../curves';
import { bitLength } from './der';
import { readEcPrivateValue, uncompressed } from './ec';
import { readFiniteFieldKey } from './finite-field';
import {
  readPrivateKeyInfo,
  readPublicKeyInfo,
  withKeyInfo,
  type AlgorithmIdentity,
  type KeyInfo,
} from './key-info';
import { readRsaPrivateKey, readRsaPublicKey } from './rsa';

/** A private or public key that was read and found to be one. */
export interface AsymmetricKey {
  readonly keyObject: KeyObject;
  readonly family: KeyFamily;
  /** Algorithms that such a key may be called, the usual name first. */
  readonly algorithms: readonly CryptographicAlgorithm[];
  /** Undefined for curves that KMIP does not list. */
  readonly lengthBits: number | undefined;
  readonly curve: RecommendedCurve | undefined;
  /** Of a private key inside an HSM, whose `keyObject` is then its public half: computes with it there. */
  readonly compute?: (use: 'sign' | 'decrypt', bytes: Buffer) => Promise<Buffer>;
  /** The curve of an `ec` key. */
  readonly weierstrass: CurveFacts | undefined;
}

/** Longer key material is no key that OpenSSL takes: an RSA key of 16,384 bits in PKCS#8 has about 9,300 bytes. */
const MAX_MATERIAL_LENGTH_BYTES = 16384;

type PrivateDer = 'pkcs1' | 'pkcs8' | 'sec1';
type PublicDer = 'pkcs1' | 'spki';

/**
 * Reads a private key from its DER and checks that its parts belong together.
 * @throws HoldfastError InvalidField where it is none
 */
export function readPrivateKey(der: Buffer, type: PrivateDer): AsymmetricKey {
  checkLength(der);
  // OpenSSL takes one form for another where it can, computes with numbers of any size, and leaves bytes at the end.
  if (type === 'pkcs1') readRsaPrivateKey(der);
  else if (type === 'sec1') readEcPrivateValue(der, undefined).fill(0);
  else checkNumbers(readPrivateKeyInfo(der));
  return describe(() => createPrivateKey({ key: der, format: 'der', type }));
}

/**
 * Reads a public key from its DER.
 * @throws HoldfastError InvalidField where it is none
 */
export function readPublicKey(der: Buffer, type: PublicDer): AsymmetricKey {
  checkLength(der);
  if (type === 'pkcs1') readRsaPublicKey(der);
  else checkNumbers(readPublicKeyInfo(der));
  return describe(() => createPublicKey({ key: der, format: 'der', type }));
}

function checkNumbers(info: KeyInfo): void {
  if (isFiniteField(info.identity)) readFiniteFieldKey(info);
}

function isFiniteField({ family }: AlgorithmIdentity): boolean {
  return family === 'dsa' || family === 'dh';
}

/** OpenSSL finds some faults when it reads a key, others (a point at infinity) when it writes it. */
function describe(read: () => KeyObject): AsymmetricKey {
  try {
    const keyObject = read();
    return withKeyInfo(keyObject, (info) => factsOf(keyObject, info));
  } catch (cause) {
    throw cause instanceof HoldfastError ? cause : notAKey(cause);
  }
}

function factsOf(keyObject: KeyObject, info: KeyInfo): AsymmetricKey {
  const { family, algorithms, curve, lengthBits } = info.identity;
  const common = { keyObject, family, algorithms, curve, lengthBits, weierstrass: undefined };
  const isPrivate = keyObject.type === 'private';
  if (family === 'rsa') {
    const { modulus } = isPrivate ? readRsaPrivateKey(info.key) : readRsaPublicKey(info.key);
    return { ...common, lengthBits: bitLength(modulus) };
  }
  if (isFiniteField(info.identity)) return { ...common, lengthBits: bitLength(readFiniteFieldKey(info).p) };
  if (family === 'ec') {
    const weierstrass = curveNamed(keyObject.asymmetricKeyDetails?.namedCurve ?? '');
    if (isPrivate) readEcPrivateValue(info.key, weierstrass).fill(0);
    else if (weierstrass !== undefined) uncompressed(weierstrass, info.key);
    return { ...common, weierstrass, curve: weierstrass?.curve, lengthBits: weierstrass?.lengthBits };
  }
  return common;
}

function checkLength(der: Buffer): void {
  if (der.length > MAX_MATERIAL_LENGTH_BYTES) throw notAKey();
}

function notAKey(cause?: unknown): HoldfastError {
  return new HoldfastError('InvalidField', 'the key material is not a key in its Key Format Type', { cause });
}
