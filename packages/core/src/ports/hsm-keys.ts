import type { CryptographicAlgorithm, KeyBlock } from '@holdfast/kmip';
import type { GeneratedKey, KeyPairSpecification } from './crypto';

/** Keys that live inside an HSM: they are generated there, never leave it, and what is done with them is done there. */

/** Curves that tokens have, by their NIST names. */
export type HsmCurve = 'P-256' | 'P-384' | 'P-521';

/** How a key is used, under PKCS#11's names of mechanisms (without CKM_). */
export type HsmMechanism =
  | 'AES_ECB'
  | 'AES_CBC'
  | 'AES_GCM'
  | 'AES_CMAC'
  | 'AES_KEY_WRAP'
  | 'AES_KEY_WRAP_PAD'
  | 'SHA_1_HMAC'
  | 'SHA224_HMAC'
  | 'SHA256_HMAC'
  | 'SHA384_HMAC'
  | 'SHA512_HMAC'
  | 'RSA_X_509'
  | 'ECDSA';

/** One computation with a key: all of its data at once. */
export interface HsmComputation {
  /** CKA_ID in lower-case hex. */
  readonly keyId: string;
  /** `wrap` encrypts the bytes as the value of a key, `unwrap` gives such a value back. */
  readonly use: 'encrypt' | 'decrypt' | 'sign' | 'wrap' | 'unwrap';
  readonly mechanism: HsmMechanism;
  readonly bytes: Uint8Array;
  /** Of AES_CBC and AES_GCM. */
  readonly iv?: Uint8Array | undefined;
  /** Of AES_GCM. */
  readonly additionalData?: Uint8Array | undefined;
  /** Of AES_GCM, whose tag stands behind the ciphertext. */
  readonly tagLengthBytes?: number | undefined;
}

/** The public half of a pair: of RSA unsigned big-endian numbers, of elliptic curves the uncompressed point. */
export type HsmPublicKey =
  | { readonly modulus: Uint8Array; readonly publicExponent: Uint8Array }
  | { readonly curve: HsmCurve; readonly point: Uint8Array };

/** What can be asked of the HSM. Each call may be made again: it finds what an earlier one has done. */
export interface HsmKeyCalls {
  generateHsmKey: {
    readonly in: { readonly keyId: string; readonly kind: 'aes' | 'hmac'; readonly lengthBytes: number };
    readonly out: undefined;
  };
  generateHsmKeyPair: {
    readonly in: {
      readonly keyId: string;
      readonly kind: { readonly rsaBits: number } | { readonly curve: HsmCurve };
    };
    readonly out: HsmPublicKey;
  };
  compute: { readonly in: HsmComputation; readonly out: Uint8Array };
  /** A key that is not there is no error. */
  destroyHsmKey: { readonly in: { readonly keyId: string }; readonly out: undefined };
  /** CKA_IDs in lower-case hex of all keys of objects, those of other databases that share the token among them. */
  listHsmKeys: { readonly in: undefined; readonly out: readonly string[] };
  random: { readonly in: { readonly lengthBytes: number }; readonly out: Uint8Array };
}

/**
 * The port to the keys inside the HSM.
 */
export interface HsmKeys {
  /**
   * @throws HoldfastError RootOfTrustUnavailable (the device does not answer, or does not have the key),
   *   UnsupportedCryptographicParameters (it does not do this), CryptographicFailure (the bytes are none that it takes)
   */
  request<C extends keyof HsmKeyCalls>(call: C, input: HsmKeyCalls[C]['in']): Promise<HsmKeyCalls[C]['out']>;
}

/** Makes keys inside the HSM for objects that are about to be written; what comes to nothing is removed later. */
export interface HsmKeyMaker {
  /** @throws HoldfastError FeatureNotSupported (no HSM, or an Undo batch), InvalidField (no such keys there), and as HsmKeys */
  makeSymmetricKey(algorithm: CryptographicAlgorithm, lengthBits: number): Promise<KeyBlock>;
  /** @throws HoldfastError as `makeSymmetricKey` */
  makeKeyPair(
    specification: KeyPairSpecification,
  ): Promise<{ readonly privateKey: KeyBlock; readonly publicKey: GeneratedKey }>;
}
