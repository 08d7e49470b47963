import type { CryptoPort, DerivationRequest, KeyPairSpecification, KeyUseRequest } from '@holdfast/core';
import {
  CryptographicAlgorithm as Algorithm,
  DerivationMethod,
  HashingAlgorithm as Hash,
  PaddingMethod,
} from '@holdfast/kmip';
import { HoldfastError } from '@holdfast/ttlv';
import { curveOfLength } from '../curves';
import { prfHashOf } from '../derivation/prf';
import { unavailableHash } from '../digest';
import {
  cipherAlgorithmOf,
  isAsymmetric,
  isQuantumSafe,
  privateKeyOf,
  publicKeyOf,
  secretLengthOf,
  type AnyKey,
} from '../operations/key';
import { hmacHashOf } from '../operations/mac';
import { unsupported } from '../operations/refusals';
import { schemeOf } from '../operations/signature';
import {
  CIPHERS,
  CURVES,
  DERIVATION_METHODS,
  HASHES,
  MIN_MODULUS_BITS,
  MIN_PAIR_LENGTH_BITS,
  MIN_SECRET_LENGTH_BITS,
  PBKDF2,
  type Approval,
} from './rules';

/**
 * The port without what is not approved: it makes no such keys and does not use those that clients bring along. They are
 * kept and given out all the same.
 */
export function approvedOnly(crypto: CryptoPort): CryptoPort {
  return {
    ...crypto,
    hashingAlgorithms: crypto.hashingAlgorithms.filter((hash) => HASHES.has(hash)),
    generateSymmetricKey(algorithm, lengthBits) {
      requireSymmetricKey(algorithm, lengthBits);
      return crypto.generateSymmetricKey(algorithm, lengthBits);
    },
    symmetricKeyLengthBytes(algorithm, lengthBits, purpose) {
      if (purpose === 'to be made') requireSymmetricKey(algorithm, lengthBits);
      return crypto.symmetricKeyLengthBytes(algorithm, lengthBits, purpose);
    },
    async generateKeyPair(specification, asker) {
      requirePair(specification);
      return crypto.generateKeyPair(specification, asker);
    },
    encryption(request) {
      requireCipher(request, 'apply');
      return crypto.encryption(request);
    },
    decryption(request) {
      requireCipher(request, 'process');
      return crypto.decryption(request);
    },
    wrapBytes(request, content) {
      requireCipher(request, 'apply');
      return crypto.wrapBytes(request, content);
    },
    unwrapBytes(request, wrapped) {
      requireCipher(request, 'process');
      return crypto.unwrapBytes(request, wrapped);
    },
    mac(request) {
      requireMac(request);
      return crypto.mac(request);
    },
    signing(request, digestedData) {
      requireSignature(privateKeyOf(request), request, 'apply');
      return crypto.signing(request, digestedData);
    },
    verification(request, digestedData) {
      requireSignature(publicKeyOf(request), request, 'process');
      return crypto.verification(request, digestedData);
    },
    hashing(hash) {
      if (!HASHES.has(hash)) throw unavailableHash(hash);
      return crypto.hashing(hash);
    },
    async deriveBytes(request, lengthBytes) {
      requireDerivation(request, lengthBytes);
      return crypto.deriveBytes(request, lengthBytes);
    },
    async encapsulate(request, lengthBytes) {
      if (lengthBytes * 8 < MIN_SECRET_LENGTH_BITS) throw notApproved('a key as short as this');
      return crypto.encapsulate(request, lengthBytes);
    },
  };
}

function notApproved(what: string): HoldfastError {
  return unsupported(`${what}: this server does what is approved alone`);
}

/** Keys that cannot be made here are refused so in any mode. */
function notMade(what: string): HoldfastError {
  return new HoldfastError('InvalidField', `${what} are not approved, and this server makes no other`);
}

function requireSymmetricKey(algorithm: Algorithm, lengthBits: number): void {
  const hash = hmacHashOf(algorithm);
  const isApproved =
    hash === undefined
      ? CIPHERS.get(algorithm)?.apply === true
      : HASHES.has(hash) && lengthBits >= MIN_SECRET_LENGTH_BITS;
  if (!isApproved) throw notMade('symmetric keys of this algorithm and length');
}

function requirePair({ algorithm, lengthBits, curve }: KeyPairSpecification): void {
  const minimum = MIN_PAIR_LENGTH_BITS.get(algorithm);
  const isLongEnough = minimum !== undefined && (lengthBits === undefined || lengthBits >= minimum);
  const isEc = algorithm === Algorithm.EC || algorithm === Algorithm.ECDSA || algorithm === Algorithm.ECDH;
  const named = curve ?? (lengthBits === undefined ? undefined : curveOfLength(lengthBits));
  const isOnCurve = !isEc || named === undefined || CURVES.get(named)?.apply === true;
  if (!isLongEnough || !isOnCurve) throw notMade('key pairs of this algorithm, length and curve');
}

function requireCipher(request: KeyUseRequest, use: keyof Approval): void {
  if (isAsymmetric(request)) {
    const key = use === 'apply' ? publicKeyOf(request) : privateKeyOf(request);
    requireModulus(key, 'rsa', 'apply');
    if (request.parameters.paddingMethod === PaddingMethod.PKCS1V1_5) {
      throw notApproved('RSA encryption with the padding of PKCS #1 v1.5');
    }
    return;
  }
  if (CIPHERS.get(cipherAlgorithmOf(request))?.[use] === true) return;
  throw notApproved(`${use === 'apply' ? 'encryption' : 'decryption'} by this Cryptographic Algorithm`);
}

function requireModulus(key: AnyKey, family: 'rsa' | 'dsa', use: keyof Approval): void {
  if (key.family !== family || (key.lengthBits ?? 0) >= MIN_MODULUS_BITS[family][use]) return;
  throw notApproved('a key of this Cryptographic Algorithm and Length');
}

function requireSecret(request: KeyUseRequest): void {
  if (secretLengthOf(request) * 8 >= MIN_SECRET_LENGTH_BITS) return;
  throw notApproved(`a secret of fewer than ${MIN_SECRET_LENGTH_BITS} bits`);
}

function requireMac(request: KeyUseRequest): void {
  const hash = hmacHashOf(request.parameters.cryptographicAlgorithm ?? request.algorithm);
  if (hash === undefined) requireCmac(request);
  else if (!HASHES.has(hash)) throw notApproved('an HMAC of this hash');
  else requireSecret(request);
}

function requireSignature(key: AnyKey, { parameters }: KeyUseRequest, use: keyof Approval): void {
  requireModulus(key, 'rsa', use);
  requireModulus(key, 'dsa', use);
  if (key.family === 'ec' && (key.curve === undefined || CURVES.get(key.curve)?.[use] !== true)) {
    throw notApproved('signatures over this curve');
  }
  if (key.family === 'okp' || isQuantumSafe(key)) return;
  const scheme = schemeOf(key, parameters);
  // Parameters of another kind of key are refused, or verify nothing, in any mode.
  if (scheme === undefined) return;
  const approval = scheme.hash === undefined ? undefined : HASHES.get(scheme.hash);
  if (approval?.inSignatures[use] !== true)
    throw notApproved('signatures with this hash, or with none named');
}

function requireDerivation(request: DerivationRequest, lengthBytes: number): void {
  const { method, salt, iterationCount = 0, peer } = request;
  // The secret of ML-KEM can be used as a key as it is (FIPS 203 section 3.3), other than that of two keys that agree.
  const isDecapsulation = method === DerivationMethod.AsymmetricKey && peer === undefined;
  if (!isDecapsulation && !DERIVATION_METHODS.has(method))
    throw notApproved('derivation by this Derivation Method');
  if (lengthBytes * 8 < MIN_SECRET_LENGTH_BITS) throw notApproved('a key as short as this');
  if (isDecapsulation) return;
  if (method === DerivationMethod.PBKDF2) {
    const isSalted = (salt?.length ?? 0) >= PBKDF2.minSaltLengthBytes;
    if (!isSalted || iterationCount < PBKDF2.minIterationCount) {
      throw notApproved('PBKDF2 with so short a Salt or so few iterations');
    }
  } else requireSecret(request);
  const hash = DEFAULT_HASHES.has(method)
    ? (request.parameters.hashingAlgorithm ?? DEFAULT_HASHES.get(method))
    : prfHashOf(request);
  if (hash === undefined) requireCmac(request);
  else if (!HASHES.has(hash)) throw notApproved('key derivation by this hash');
}

/** Of methods that do without a Hashing Algorithm in the request. */
const DEFAULT_HASHES: ReadonlyMap<DerivationMethod, Hash> = new Map([
  [DerivationMethod.PBKDF2, Hash.SHA_1],
  [DerivationMethod.HKDF, Hash.SHA_256],
]);

function requireCmac(request: KeyUseRequest): void {
  if (CIPHERS.get(cipherAlgorithmOf(request))?.apply !== true) throw notApproved('a MAC by this cipher');
}
