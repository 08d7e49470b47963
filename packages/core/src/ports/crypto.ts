import type {
  CryptographicAlgorithm,
  CryptographicParameters,
  HashingAlgorithm,
  KeyBlock,
  KeyCompressionType,
  KeyFormatType,
  ObjectType,
  RecommendedCurve,
} from '@holdfast/kmip';
import type { SecretBytes } from '@holdfast/ttlv';

/** One row of the algorithm table. */
export interface AlgorithmFacts {
  readonly algorithm: CryptographicAlgorithm;
  readonly kind: 'symmetric' | 'mac' | 'asymmetric';
  /** Lengths in bits that can be generated; bounds (of `mac`) mean any multiple of 8 within them. */
  readonly lengthsBits: readonly number[] | { readonly min: number; readonly max: number };
  readonly defaultLengthBits: number;
}

export interface KeyPairSpecification {
  readonly algorithm: CryptographicAlgorithm;
  readonly lengthBits: number | undefined;
  readonly curve: RecommendedCurve | undefined;
  /** Length of the subgroup order of a DSA pair; left out, what goes with the length. */
  readonly qLengthBits?: number | undefined;
}

/** A key in its default format (symmetric: Raw, private: PKCS#8 or PKCS#1 for RSA, public: X.509 or PKCS#1 for RSA). */
export interface GeneratedKey {
  readonly keyFormatType: KeyFormatType;
  readonly keyMaterial: SecretBytes;
  readonly algorithm: CryptographicAlgorithm;
  readonly lengthBits: number;
}

/** What can be told of key material by looking at it. */
export interface KeyFacts {
  readonly algorithm: CryptographicAlgorithm | undefined;
  readonly lengthBits: number | undefined;
  readonly curve: RecommendedCurve | undefined;
}

/** The cryptography that the operations use. Long work (key pairs) runs off the event loop. */
export interface CryptoPort {
  readonly algorithms: ReadonlyMap<CryptographicAlgorithm, AlgorithmFacts>;
  readonly hashingAlgorithms: readonly HashingAlgorithm[];
  /** From the system's CSPRNG. */
  randomBytes(lengthBytes: number): Buffer;
  /** Random UUID, version 4. */
  randomUuid(): string;
  /** @throws HoldfastError InvalidField where the algorithm or length cannot be */
  generateSymmetricKey(algorithm: CryptographicAlgorithm, lengthBits: number): GeneratedKey;
  /** @throws HoldfastError InvalidField where algorithm, length or curve cannot be */
  generateKeyPair(
    specification: KeyPairSpecification,
  ): Promise<{ privateKey: GeneratedKey; publicKey: GeneratedKey }>;
  /** @throws HoldfastError FeatureNotSupported */
  digest(algorithm: HashingAlgorithm, content: Buffer): Buffer;
  /**
   * Parses key material far enough to know its algorithm and length and to be sure that it is what it says.
   * @throws HoldfastError InvalidField where the material is not of its format, KeyFormatTypeNotSupported
   */
  inspectKey(objectType: ObjectType, keyBlock: KeyBlock): KeyFacts;
  /**
   * The same key in another format, with its attributes. The point of a public key is uncompressed unless
   * `compression` says otherwise. The two key blocks may share their secret bytes.
   * @throws HoldfastError KeyFormatTypeNotSupported where the specification or this port has no such conversion,
   * KeyCompressionTypeNotSupported where the key is no point of such a curve
   */
  convertKey(
    objectType: ObjectType,
    keyBlock: KeyBlock,
    to: KeyFormatType,
    compression?: KeyCompressionType,
  ): KeyBlock;
  /**
   * The bytes over which the Digest attribute is computed and that wrapping encrypts: the key material of raw formats,
   * the TTLV encoding of Key Material for transparent ones (KMIP 1.4 section 3.17). The caller destroys them.
   * @throws HoldfastError KeyValueNotPresent where the key is wrapped, or kept elsewhere
   */
  keyMaterialBytes(keyBlock: KeyBlock): SecretBytes;
  /**
   * Wraps bytes under a symmetric key (block cipher modes NIST Key Wrap (default), AES Key Wrap Padding, ...).
   * @throws HoldfastError UnsupportedCryptographicParameters, CryptographicFailure
   */
  wrapBytes(
    wrappingKey: SecretBytes,
    parameters: CryptographicParameters | undefined,
    content: SecretBytes,
  ): Buffer;
  /**
   * Undoes `wrapBytes`.
   * @throws HoldfastError UnsupportedCryptographicParameters; CryptographicFailure where the bytes were not wrapped under
   * this key
   */
  unwrapBytes(
    wrappingKey: SecretBytes,
    parameters: CryptographicParameters | undefined,
    wrapped: Buffer,
  ): SecretBytes;
}
