import {
  constants,
  createPrivateKey,
  createPublicKey,
  publicDecrypt,
  publicEncrypt,
  type KeyObject,
} from 'node:crypto';
import type { CipherRequest, Decryption, Encryption } from '@holdfast/core';
import { HashingAlgorithm, PaddingMethod, type CryptographicParameters } from '@holdfast/kmip';
import { SecretBytes } from '@holdfast/ttlv';
import type { AsymmetricKey } from '../keys/asymmetric-key';
import { withKeyInfo } from '../keys/key-info';
import { hashFacts } from './hashes';
import { HeldBytes } from './held-bytes';
import { isQuantumSafe, privateKeyOf, publicKeyOf, type AnyKey } from './key';
import { attempt, badParameters, failure, unsupported } from './refusals';
import { rsaPrivate } from './rsa-threads';
import { decodeOaep, decodePkcs1, encodeOaep, encodePkcs1, type OaepParameters } from './rsa-encoding';

/** RSA over ready encodings, which OpenSSL computes with blinding; Node has neither all of them nor OAEP with two hashes. */

const EMPTY = Buffer.alloc(0);

export function modulusBitsOf({ lengthBits }: AsymmetricKey): number {
  if (lengthBits === undefined) throw badParameters('the key is no RSA key');
  return lengthBits;
}

export function modulusLengthOf(key: AsymmetricKey): number {
  return Math.ceil(modulusBitsOf(key) / 8);
}

/** Whether the key says of itself that it is for PSS alone (id-RSASSA-PSS, RFC 4055 section 1.2). */
export function isForPssAlone({ keyObject }: AsymmetricKey): boolean {
  return keyObject.asymmetricKeyType === 'rsa-pss';
}

/** The numbers of the key: with one that is for PSS alone OpenSSL takes no encoding that is ready. */
function bareKeyOf(key: AsymmetricKey): KeyObject {
  const { keyObject } = key;
  if (!isForPssAlone(key)) return keyObject;
  const create = keyObject.type === 'private' ? createPrivateKey : createPublicKey;
  return withKeyInfo(keyObject, (info) => create({ key: info.key, format: 'der', type: 'pkcs1' }));
}

/** RSASP1: the encoded message is as long as the modulus. */
export function signEncoded(key: AsymmetricKey, encoded: Buffer): Promise<Buffer> {
  return key.compute === undefined
    ? rsaPrivate('sign', bareKeyOf(key), encoded)
    : key.compute('sign', encoded);
}

/** RSAVP1; undefined where it is no signature of the key's. */
export function openSignature(key: AsymmetricKey, signature: Buffer): Buffer | undefined {
  if (signature.length !== modulusLengthOf(key)) return undefined;
  try {
    return publicDecrypt({ key: bareKeyOf(key), padding: constants.RSA_NO_PADDING }, signature);
  } catch {
    return undefined;
  }
}

interface Scheme {
  encode(message: Buffer, modulusLengthBytes: number): Buffer;
  decode(encoded: Buffer): Buffer;
}

const SCHEMES: ReadonlyMap<PaddingMethod, (parameters: CryptographicParameters) => Scheme> = new Map([
  [PaddingMethod.PKCS1V1_5, () => ({ encode: encodePkcs1, decode: decodePkcs1 })],
  [
    PaddingMethod.OAEP,
    (parameters: CryptographicParameters) => {
      const oaep = oaepParameters(parameters);
      return {
        encode: (message: Buffer, length: number) => encodeOaep(message, oaep, length),
        decode: (encoded: Buffer) => decodeOaep(encoded, oaep),
      };
    },
  ],
]);

/** SHA-1 where no hash is named (RFC 8017 appendix A.2.1); the mask's hash is the same unless another one is named. */
function oaepParameters(parameters: CryptographicParameters): OaepParameters {
  const hash = hashFacts(parameters.hashingAlgorithm ?? HashingAlgorithm.SHA_1);
  const { maskGeneratorHashingAlgorithm, pSource } = parameters;
  return {
    hash,
    maskHash: maskGeneratorHashingAlgorithm === undefined ? hash : hashFacts(maskGeneratorHashingAlgorithm),
    label: pSource ?? EMPTY,
  };
}

function schemeOf({ paddingMethod, ...parameters }: CryptographicParameters): Scheme {
  if (paddingMethod === undefined) throw badParameters('neither key nor request names a Padding Method');
  const scheme = SCHEMES.get(paddingMethod);
  if (scheme === undefined) throw unsupported('RSA encrypts with the Padding Methods OAEP and PKCS1 v1.5');
  return scheme(parameters);
}

function requireRsa(key: AnyKey): asserts key is AsymmetricKey {
  if (key.family !== 'rsa') throw badParameters('of key pairs, only those of RSA encrypt');
  if (!isQuantumSafe(key) && isForPssAlone(key))
    throw badParameters('the key is for signatures by PSS alone');
}

export function encryptRsa(request: CipherRequest): Encryption {
  const key = publicKeyOf(request);
  requireRsa(key);
  const scheme = schemeOf(request.parameters);
  const held = new HeldBytes();
  return {
    generatedIv: undefined,
    update(part) {
      held.add(part.reveal());
      return EMPTY;
    },
    final() {
      const encoded = held.use((message) => scheme.encode(message, modulusLengthOf(key)));
      try {
        const options = { key: key.keyObject, padding: constants.RSA_NO_PADDING };
        const data = attempt('the data cannot be encrypted under this key', () =>
          publicEncrypt(options, encoded),
        );
        return { data, tag: undefined };
      } finally {
        encoded.fill(0);
      }
    },
    destroy: () => {
      held.destroy();
    },
  };
}

export function decryptRsa(request: CipherRequest): Decryption {
  const key = privateKeyOf(request);
  requireRsa(key);
  const scheme = schemeOf(request.parameters);
  const held = new HeldBytes();
  return {
    update(part) {
      held.add(part);
      return new SecretBytes(EMPTY);
    },
    final: async () => new SecretBytes(await openCiphertext(key, held.take(), scheme)),
    destroy: () => {
      held.destroy();
    },
  };
}

async function openCiphertext(key: AsymmetricKey, ciphertext: Buffer, scheme: Scheme): Promise<Buffer> {
  if (ciphertext.length !== modulusLengthOf(key)) throw doesNotDecrypt();
  const encoded = await (key.compute === undefined
    ? rsaPrivate('decrypt', key.keyObject, ciphertext).catch((cause: unknown) => {
        throw doesNotDecrypt(cause);
      })
    : key.compute('decrypt', ciphertext));
  try {
    return scheme.decode(encoded);
  } finally {
    encoded.fill(0);
  }
}

function doesNotDecrypt(cause?: unknown) {
  return failure('the data does not decrypt under this key and these parameters', cause);
}
