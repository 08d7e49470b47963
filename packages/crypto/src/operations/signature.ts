import { createSign, createVerify, sign, verify, type KeyObject } from 'node:crypto';
import type { Asker, KeyUseRequest, Signing, Verification } from '@holdfast/core';
import {
  DigitalSignatureAlgorithm as Dsa,
  HashingAlgorithm as Hash,
  PaddingMethod,
  type CryptographicParameters,
} from '@holdfast/kmip';
import { HoldfastError, type SecretBytes } from '@holdfast/ttlv';
import type { KeyFamily } from '../algorithms';
import type { AsymmetricKey } from '../keys/asymmetric-key';
import { sequence, unsigned, unsignedOf } from '../keys/der';
import { signQuantumSafe, verifyQuantumSafe } from '../quantum-safe/computations';
import type { QuantumSafeKey } from '../quantum-safe/key-formats';
import { signDigest, verifyDigest } from './ecdsa-digest';
import { hashFacts, hashing, requiredHash } from './hashes';
import { HeldBytes } from './held-bytes';
import { isQuantumSafe, privateKeyOf, publicKeyOf, type AnyKey } from './key';
import { attempt, badParameters, unsupported } from './refusals';
import { isForPssAlone, modulusBitsOf, modulusLengthOf, openSignature, signEncoded } from './rsa';
import { digestInfo, encodePkcs1Signature, encodePss, verifiesPss, type PssParameters } from './rsa-encoding';

/** Digital signatures. Those of ECDSA and DSA are in DER (RFC 3279 section 2.2.2). */

/** What a Digital Signature Algorithm stands for. */
interface SignatureAlgorithm {
  readonly family: KeyFamily;
  /** Undefined where Hashing Algorithm says it. */
  readonly hash?: Hash;
  readonly padding?: PaddingMethod;
}

const pkcs1 = (hash: Hash): SignatureAlgorithm => ({ family: 'rsa', hash, padding: PaddingMethod.PKCS1V1_5 });

const SIGNATURE_ALGORITHMS: ReadonlyMap<Dsa, SignatureAlgorithm> = new Map<Dsa, SignatureAlgorithm>([
  [Dsa.MD2WithRSAEncryption, pkcs1(Hash.MD2)],
  [Dsa.MD5WithRSAEncryption, pkcs1(Hash.MD5)],
  [Dsa.SHA_1WithRSAEncryption, pkcs1(Hash.SHA_1)],
  [Dsa.SHA_224WithRSAEncryption, pkcs1(Hash.SHA_224)],
  [Dsa.SHA_256WithRSAEncryption, pkcs1(Hash.SHA_256)],
  [Dsa.SHA_384WithRSAEncryption, pkcs1(Hash.SHA_384)],
  [Dsa.SHA_512WithRSAEncryption, pkcs1(Hash.SHA_512)],
  [Dsa.SHA3_256WithRSAEncryption, pkcs1(Hash.SHA3_256)],
  [Dsa.SHA3_384WithRSAEncryption, pkcs1(Hash.SHA3_384)],
  [Dsa.SHA3_512WithRSAEncryption, pkcs1(Hash.SHA3_512)],
  [Dsa.RSASSA_PSS, { family: 'rsa', padding: PaddingMethod.PSS }],
  [Dsa.DSAWithSHA_1, { family: 'dsa', hash: Hash.SHA_1 }],
  [Dsa.DSAWithSHA224, { family: 'dsa', hash: Hash.SHA_224 }],
  [Dsa.DSAWithSHA256, { family: 'dsa', hash: Hash.SHA_256 }],
  [Dsa.ECDSAWithSHA_1, { family: 'ec', hash: Hash.SHA_1 }],
  [Dsa.ECDSAWithSHA224, { family: 'ec', hash: Hash.SHA_224 }],
  [Dsa.ECDSAWithSHA256, { family: 'ec', hash: Hash.SHA_256 }],
  [Dsa.ECDSAWithSHA384, { family: 'ec', hash: Hash.SHA_384 }],
  [Dsa.ECDSAWithSHA512, { family: 'ec', hash: Hash.SHA_512 }],
]);

interface Scheme {
  readonly hash: Hash | undefined;
  readonly padding: PaddingMethod;
  readonly parameters: CryptographicParameters;
}

/** How the key signs under the parameters; undefined where they are those of another kind of key. */
export function schemeOf(key: AnyKey, parameters: CryptographicParameters): Scheme | undefined {
  const scheme = statedScheme(key, parameters);
  return scheme === undefined || isQuantumSafe(key) || isAllowed(key, scheme) ? scheme : undefined;
}

/** A key that is for PSS alone may say with which hash, which hash of the mask and how long a salt at least. RFC 4055 section 3.1 */
function isAllowed(key: AsymmetricKey, { padding, hash, parameters }: Scheme): boolean {
  if (!isForPssAlone(key)) return true;
  const { hashAlgorithm, mgf1HashAlgorithm, saltLength = 0 } = key.keyObject.asymmetricKeyDetails ?? {};
  if (padding !== PaddingMethod.PSS) return false;
  if (hashAlgorithm === undefined || hash === undefined) return true;
  const maskHash = parameters.maskGeneratorHashingAlgorithm ?? hash;
  return (
    hashFacts(hash).opensslName === hashAlgorithm &&
    hashFacts(maskHash).opensslName === mgf1HashAlgorithm &&
    (parameters.saltLengthBytes ?? saltLength) >= saltLength
  );
}

function statedScheme(key: AnyKey, parameters: CryptographicParameters): Scheme | undefined {
  const { cryptographicAlgorithm, digitalSignatureAlgorithm, hashingAlgorithm, paddingMethod } = parameters;
  if (digitalSignatureAlgorithm !== undefined) {
    const row = SIGNATURE_ALGORITHMS.get(digitalSignatureAlgorithm);
    if (row === undefined) throw unsupported('this Digital Signature Algorithm is not available here');
    if (row.family !== key.family) return undefined;
    return { hash: row.hash ?? hashingAlgorithm, padding: row.padding ?? PaddingMethod.None, parameters };
  }
  if (cryptographicAlgorithm !== undefined && !key.algorithms.includes(cryptographicAlgorithm))
    return undefined;
  return { hash: hashingAlgorithm, padding: paddingMethod ?? usualPadding(key), parameters };
}

function usualPadding(key: AnyKey): PaddingMethod {
  if (isQuantumSafe(key) || key.family !== 'rsa') return PaddingMethod.None;
  return isForPssAlone(key) ? PaddingMethod.PSS : PaddingMethod.PKCS1V1_5;
}

/** What is done with all of the data, once it is there. */
interface Method {
  sign(asker?: Asker): Buffer | Promise<Buffer>;
  verify(signature: Buffer): boolean | Promise<boolean>;
  update(part: SecretBytes): void;
  destroy(): void;
}

const nothing = (): void => undefined;

function methodOf(key: AnyKey, scheme: Scheme, digestedData: SecretBytes | undefined): Method {
  if (isQuantumSafe(key)) return quantumSafeMethod(key, scheme, digestedData);
  switch (key.family) {
    case 'rsa':
      return rsaMethod(key, scheme, digestedData);
    case 'ec':
      if (key.compute !== undefined) return hsmEcMethod(key, key.compute, scheme, digestedData);
      return digestedData === undefined
        ? hashedMethod(key.keyObject, scheme)
        : ecDigestMethod(key, scheme, digestedData);
    case 'dsa':
      if (digestedData !== undefined) throw unsupported('DSA signs no Digested Data here');
      return hashedMethod(key.keyObject, scheme);
    case 'okp':
      if (digestedData !== undefined) throw unsupported('EdDSA signs no Digested Data');
      return wholeMethod(key);
    case 'dh':
      throw badParameters('keys of DH do not sign');
  }
}

/** ECDSA and DSA over what OpenSSL hashes. */
function hashedMethod(key: KeyObject, { hash }: Scheme): Method {
  const { opensslName } = requiredHash(hash);
  if (key.type === 'private') {
    const running = createSign(opensslName);
    return {
      update: (part) => void running.update(part.reveal()),
      sign: () => running.sign(key),
      verify: () => false,
      destroy: nothing,
    };
  }
  const running = createVerify(opensslName);
  return {
    update: (part) => void running.update(part.reveal()),
    sign: () => Buffer.alloc(0),
    verify: (signature) => running.verify(key, signature),
    destroy: nothing,
  };
}

function requireDigestLength(digest: Buffer, hash: Hash | undefined): void {
  if (hash === undefined || hashFacts(hash).lengthBytes === digest.length) return;
  throw new HoldfastError('InvalidField', 'Digested Data does not have the length of the Hashing Algorithm');
}

function ecDigestMethod(key: AsymmetricKey, { hash }: Scheme, digestedData: SecretBytes): Method {
  const digest = digestedData.reveal();
  requireDigestLength(digest, hash);
  return {
    update: nothing,
    sign: () => signDigest(key, digest),
    verify: (signature) => verifyDigest(key, digest, signature),
    destroy: nothing,
  };
}

/** ECDSA inside an HSM, which takes as many bytes of the digest as the order has, and answers with r and s side by side. */
function hsmEcMethod(
  { lengthBits = 0 }: AsymmetricKey,
  compute: NonNullable<AsymmetricKey['compute']>,
  { hash }: Scheme,
  digestedData: SecretBytes | undefined,
): Method {
  if (digestedData !== undefined) requireDigestLength(digestedData.reveal(), hash);
  else requiredHash(hash);
  const running = digestedData === undefined && hash !== undefined ? hashing(hash) : undefined;
  return {
    update: (part) => {
      running?.update(part);
    },
    async sign() {
      const digest = running?.final() ?? digestedData?.reveal() ?? Buffer.alloc(0);
      const both = await compute('sign', Buffer.from(digest.subarray(0, Math.ceil(lengthBits / 8))));
      const numbers = [both.subarray(0, both.length / 2), both.subarray(both.length / 2)];
      return sequence(...numbers.map((number) => unsigned(unsignedOf(number))));
    },
    verify: () => false,
    destroy: nothing,
  };
}

/** Ed25519 and Ed448 (RFC 8032) need all of the data twice. */
function wholeMethod({ keyObject }: AsymmetricKey): Method {
  if (!['ed25519', 'ed448'].includes(keyObject.asymmetricKeyType ?? '')) {
    throw badParameters('keys for key agreement do not sign');
  }
  const held = new HeldBytes();
  return {
    update: (part) => {
      held.add(part.reveal());
    },
    sign: () => held.use((message) => sign(null, message, keyObject)),
    verify: (signature) => held.use((message) => verify(null, message, keyObject, signature)),
    destroy: () => {
      held.destroy();
    },
  };
}

/** The pure forms of ML-DSA and SLH-DSA: what is hashed first is another signature (FIPS 204 section 5.4, FIPS 205 10.2). */
function quantumSafeMethod(
  key: QuantumSafeKey,
  { hash }: Scheme,
  digestedData: SecretBytes | undefined,
): Method {
  if (key.family === 'ml-kem') throw badParameters('keys of ML-KEM do not sign');
  if (digestedData !== undefined || hash !== undefined) {
    throw unsupported('ML-DSA and SLH-DSA sign data as it is here: no digest, and by no Hashing Algorithm');
  }
  const held = new HeldBytes();
  return {
    update: (part) => {
      held.add(part.reveal());
    },
    sign: (asker) => held.use((message) => signQuantumSafe(key, message, asker)),
    verify: (signature) => held.use((message) => verifyQuantumSafe(key, message, signature)),
    destroy: () => {
      held.destroy();
    },
  };
}

function rsaMethod(key: AsymmetricKey, scheme: Scheme, digestedData: SecretBytes | undefined): Method {
  if (digestedData !== undefined) requireDigestLength(digestedData.reveal(), scheme.hash);
  else requiredHash(scheme.hash);
  const running = digestedData === undefined && scheme.hash !== undefined ? hashing(scheme.hash) : undefined;
  const digest = () => running?.final() ?? digestedData?.reveal() ?? Buffer.alloc(0);
  return {
    update: (part) => {
      running?.update(part);
    },
    ...rsaScheme(key, scheme, digest),
    destroy: nothing,
  };
}

function rsaScheme(
  key: AsymmetricKey,
  scheme: Scheme,
  digest: () => Buffer,
): Pick<Method, 'sign' | 'verify'> {
  const { padding, hash, parameters } = scheme;
  if (padding === PaddingMethod.PKCS1V1_5) {
    // A digest of which nobody says by what hash it was made is signed without a DigestInfo.
    const encode = () => {
      const content = hash === undefined ? digest() : digestInfo(digest(), hashFacts(hash));
      return encodePkcs1Signature(content, modulusLengthOf(key));
    };
    return {
      sign: () => signEncoded(key, encode()),
      verify: (signature) => openSignature(key, signature)?.equals(encode()) === true,
    };
  }
  if (padding !== PaddingMethod.PSS)
    throw unsupported('RSA signs with the Padding Methods PKCS1 v1.5 and PSS');
  const pss = pssParameters(hash, parameters);
  const { saltLengthBytes } = parameters;
  const usualLength = Math.max(pss.hash.lengthBytes, key.keyObject.asymmetricKeyDetails?.saltLength ?? 0);
  const bits = modulusBitsOf(key);
  return {
    sign: () => signEncoded(key, encodePss(digest(), pss, saltLengthBytes ?? usualLength, bits)),
    verify(signature) {
      const encoded = openSignature(key, signature);
      return encoded !== undefined && verifiesPss(encoded, digest(), pss, saltLengthBytes, bits);
    },
  };
}

/** The mask's hash is that of the data where none is named, as the OASIS cases have it. */
function pssParameters(hash: Hash | undefined, parameters: CryptographicParameters): PssParameters {
  const { maskGeneratorHashingAlgorithm, trailerField } = parameters;
  if (trailerField !== undefined && trailerField !== 1)
    throw unsupported('PSS has the Trailer Field 1 alone');
  return { hash: requiredHash(hash), maskHash: requiredHash(maskGeneratorHashingAlgorithm ?? hash) };
}

const CANNOT_SIGN = 'the data cannot be signed so';
const CANNOT_VERIFY = 'the signature cannot be verified so';

export function signing(request: KeyUseRequest, digestedData: SecretBytes | undefined): Signing {
  const key = privateKeyOf(request);
  const scheme = schemeOf(key, request.parameters);
  if (scheme === undefined) throw badParameters('the key does not sign under these parameters');
  const method = attempt(CANNOT_SIGN, () => methodOf(key, scheme, digestedData));
  return {
    update: (part) => {
      method.update(part);
    },
    final(asker) {
      return attempt(CANNOT_SIGN, () => method.sign(asker));
    },
    destroy: () => {
      method.destroy();
    },
  };
}

export function verification(request: KeyUseRequest, digestedData: SecretBytes | undefined): Verification {
  const key = publicKeyOf(request);
  const scheme = schemeOf(key, request.parameters);
  const method =
    scheme === undefined ? undefined : attempt(CANNOT_VERIFY, () => methodOf(key, scheme, digestedData));
  return {
    update: (part) => {
      method?.update(part);
    },
    verify(signature) {
      return attempt(CANNOT_VERIFY, () => method?.verify(signature) ?? false);
    },
    destroy: () => {
      method?.destroy();
    },
  };
}
