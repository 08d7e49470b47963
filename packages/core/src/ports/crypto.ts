import type {
  CryptographicAlgorithm,
  CryptographicParameters,
  DerivationMethod,
  HashingAlgorithm,
  KeyBlock,
  KeyCompressionType,
  KeyFormatType,
  ManagedObjectValue,
  ObjectType,
  RecommendedCurve,
  SplitKeyMethod,
} from '@holdfast/kmip';
import type { SecretBytes } from '@holdfast/ttlv';
import type { Awaitable } from '../awaitable';

/** One row of the algorithm table. */
export interface AlgorithmFacts {
  readonly algorithm: CryptographicAlgorithm;
  readonly kind: 'symmetric' | 'mac' | 'asymmetric';
  /** Lengths in bits that can be generated; bounds (of `mac`) mean any multiple of 8 within them. */
  readonly lengthsBits: readonly number[] | { readonly min: number; readonly max: number };
  readonly defaultLengthBits: number;
  /** Of key pairs: no attack by quantum computers is known. */
  readonly isQuantumSafe?: boolean;
  /** Of key pairs: they make secrets, and no signatures. */
  readonly isForSecrets?: boolean;
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

/** The key of a cryptographic operation and how it is used. */
export interface KeyUseRequest {
  /** A key in clear, or a certificate for the public key in it. */
  readonly value: ManagedObjectValue;
  /** The Cryptographic Algorithm of the object. */
  readonly algorithm: CryptographicAlgorithm | undefined;
  readonly parameters: CryptographicParameters;
}

/** On whose behalf something is computed that takes long: it is done for all in turn. */
export interface Asker {
  readonly principalId: string;
  /** Aborts once nobody waits for the result. */
  readonly signal: AbortSignal | undefined;
}

export interface CipherRequest extends KeyUseRequest {
  readonly ivCounterNonce: Buffer | undefined;
  /** Authenticated with the data; AEAD only. */
  readonly additionalData: Buffer | undefined;
  /** The tag follows the last byte of the ciphertext, since the version at hand has no member for it. */
  readonly isTagAppended: boolean;
}

export interface DecryptionRequest extends CipherRequest {
  /** Of AEAD, where it is not appended. */
  readonly tag: Buffer | undefined;
  /** The ciphertext begins with the IV. */
  readonly isIvPrefixed: boolean;
}

/** A wrapped key. */
export interface WrappedBytes {
  readonly data: Buffer;
  /** Of the modes that have one. */
  readonly ivCounterNonce: Buffer | undefined;
}

/** What is worked on in parts. After `final`, or once it has thrown, it can only be destroyed. */
export interface CryptoStream {
  /** Zeroes what it still holds. */
  destroy(): void;
}

export interface Encryption extends CryptoStream {
  /** The IV that was generated, where the parameters asked for a random one and the request has none. */
  readonly generatedIv: Buffer | undefined;
  /** The ciphertext that is ready: none may be. @throws HoldfastError CryptographicFailure */
  update(part: SecretBytes): Buffer;
  /**
   * The rest, and the tag of AEAD where it is not appended; later, where the key is inside an HSM.
   * @throws HoldfastError CryptographicFailure
   */
  final(): Encrypted | Promise<Encrypted>;
}

export interface Encrypted {
  readonly data: Buffer;
  readonly tag: Buffer | undefined;
}

/** Of AEAD, nothing comes out before `final` has found the tag to be right. */
export interface Decryption extends CryptoStream {
  /** @throws HoldfastError CryptographicFailure */
  update(part: Buffer): SecretBytes;
  /** Later, where the key is an RSA one, or inside an HSM. @throws HoldfastError CryptographicFailure */
  final(): SecretBytes | Promise<SecretBytes>;
}

/** A signature, or a MAC, in the making. */
export interface Signing extends CryptoStream {
  update(part: SecretBytes): void;
  /**
   * Later, where the key is an RSA or a quantum-safe one, or inside an HSM.
   * @throws HoldfastError CryptographicFailure; of SLH-DSA ServerLimitExceeded where too much is waiting for the asker, and
   * OperationCanceledByRequester where nobody waits for it any more
   */
  final(asker?: Asker): Buffer | Promise<Buffer>;
}

/** A hash in the making. */
export interface Summary extends CryptoStream {
  update(part: SecretBytes): void;
  /** @throws HoldfastError CryptographicFailure */
  final(): Buffer;
}

export interface Verification extends CryptoStream {
  update(part: SecretBytes): void;
  /** Whether the signature is one of the data under the key; later, where the key is a quantum-safe one. */
  verify(signature: Buffer): boolean | Promise<boolean>;
}

/** What a key is derived from, and how. */
export interface DerivationRequest extends KeyUseRequest {
  readonly method: DerivationMethod;
  /** The public key of the other party, where keys agree on a secret. */
  readonly peer: ManagedObjectValue | undefined;
  /** Derivation Data; of AWS Signature Version 4 its date, region and service; the ciphertext to decapsulate. */
  readonly data: readonly SecretBytes[];
  readonly initializationVector: Buffer | undefined;
  readonly salt: Buffer | undefined;
  readonly iterationCount: number | undefined;
}

/** How a secret is split into parts. KMIP 1.4 section 2.2.5, KMIP 2.1 section 13.1. */
export interface SplitScheme {
  readonly method: SplitKeyMethod;
  readonly parts: number;
  /** How many parts make the secret again, from 1 to `parts`. */
  readonly threshold: number;
  /** Of the prime field; where it is left out, the port chooses. */
  readonly primeFieldSize: bigint | undefined;
  /** Of GF(2^8), also where GF(2^16) is built on it. */
  readonly polynomial: 283 | 285;
}

/** What one part holds. */
export interface KeyShare {
  /** From 1. */
  readonly keyPartIdentifier: number;
  readonly share: SecretBytes;
}

/** Whose stream it is: nobody else, for nothing else, can go on with it. */
export interface StreamOwner {
  readonly clientId: string;
  readonly operation: string;
}

export interface OpenStream<S extends CryptoStream> {
  readonly stream: S;
  /** The object whose key it uses; empty for Hash. */
  readonly uniqueIdentifier: string;
}

/** The streams that are open on this node; they end with the process, after a time without use, and with an error. */
export interface CryptoStreams {
  /** Keeps a stream and names it. @throws HoldfastError ServerLimitExceeded where the client has too many */
  open<S extends CryptoStream>(owner: StreamOwner, open: OpenStream<S>): Buffer;
  /** The stream of that name. @throws HoldfastError InvalidCorrelationValue where there is none of this owner */
  find(owner: StreamOwner, correlationValue: Buffer): OpenStream<CryptoStream>;
  /** As `find`, and forgets the stream: the caller destroys it. */
  take(owner: StreamOwner, correlationValue: Buffer): OpenStream<CryptoStream>;
  /** Forgets the stream and destroys it. */
  close(correlationValue: Buffer): void;
  /**
   * Runs `work` the first time and answers the same afterwards: a part that is run again, since another writer came in
   * between, has gone through its stream already.
   */
  once<T>(part: object, work: () => T): T;
}

/** The cryptography that the operations use. Long work (key pairs, private RSA keys, DH, PBKDF2) runs off the event loop. */
export interface CryptoPort {
  readonly algorithms: ReadonlyMap<CryptographicAlgorithm, AlgorithmFacts>;
  readonly hashingAlgorithms: readonly HashingAlgorithm[];
  /** From the system's CSPRNG. */
  randomBytes(lengthBytes: number): Buffer;
  /** UUID of version 7 (RFC 9562 section 5.7): after those that were made before. */
  orderedUuid(): string;
  /** @throws HoldfastError InvalidField where the algorithm or length cannot be */
  generateSymmetricKey(algorithm: CryptographicAlgorithm, lengthBits: number): GeneratedKey;
  /**
   * How many bytes of key material a symmetric key has that is to be made, or is there already in another form.
   * @throws HoldfastError InvalidField where keys of the algorithm do not have that length, or are no symmetric ones
   */
  symmetricKeyLengthBytes(
    algorithm: CryptographicAlgorithm,
    lengthBits: number,
    purpose: 'to be made' | 'there already',
  ): number;
  /**
   * Derives bytes from a symmetric key or Secret Data (of which `value` holds either), or from a private key and a peer.
   * @throws HoldfastError CryptographicFailure where the method does not give that many bytes,
   * UnsupportedCryptographicParameters, BadCryptographicParameters, FeatureNotSupported (hash), InvalidObjectType,
   * InvalidField (more rounds of PBKDF2 than are computed), KeyValueNotPresent
   */
  deriveBytes(request: DerivationRequest, lengthBytes: number): Promise<SecretBytes>;
  /**
   * A new secret for the holder of the private key, and the ciphertext out of which that derives it (FIPS 203).
   * @throws HoldfastError CryptographicFailure where the method does not give that many bytes,
   * BadCryptographicParameters, InvalidObjectType, KeyValueNotPresent
   */
  encapsulate(
    request: KeyUseRequest,
    lengthBytes: number,
  ): Promise<{ readonly secret: SecretBytes; readonly ciphertext: Buffer }>;
  /**
   * The shares of parts 1, 2, ..., and the prime that was used.
   * @throws HoldfastError BadCryptographicParameters, UnsupportedCryptographicParameters, ServerLimitExceeded
   */
  splitSecret(
    secret: SecretBytes,
    scheme: SplitScheme,
  ): Promise<{ readonly shares: readonly SecretBytes[]; readonly primeFieldSize: bigint | undefined }>;
  /**
   * The secret of shares of different parts, `threshold` of them or more.
   * @param lengthBytes of the secret, where elements of the field are longer; undefined for DER, which tells itself
   * @throws HoldfastError CryptographicFailure where they are too few or do not belong together,
   * BadCryptographicParameters, ServerLimitExceeded
   */
  joinShares(
    shares: readonly KeyShare[],
    scheme: SplitScheme,
    lengthBytes: number | undefined,
  ): Promise<SecretBytes>;
  /**
   * @throws HoldfastError InvalidField where algorithm, length or curve cannot be, OperationCanceledByRequester where nobody
   * waits for it any more before it has begun
   */
  generateKeyPair(
    specification: KeyPairSpecification,
    asker?: Asker,
  ): Promise<{ privateKey: GeneratedKey; publicKey: GeneratedKey }>;
  /** @throws HoldfastError FeatureNotSupported */
  digest(algorithm: HashingAlgorithm, content: Buffer): Buffer;
  /**
   * Parses key material far enough to know its algorithm and length and to be sure that it is what it says.
   * @throws HoldfastError InvalidField where the material is not of its format, KeyFormatTypeNotSupported
   */
  inspectKey(objectType: ObjectType, keyBlock: KeyBlock): KeyFacts;
  /**
   * Makes sure that a private key of ML-KEM or ML-DSA that comes with its seed is the one that follows from the seed, as RFC
   * 9935 and RFC 9881 ask of who receives it; nothing else has two forms. Later, where it has to be computed.
   * @throws HoldfastError InvalidField
   */
  requireOneKey(objectType: ObjectType, keyBlock: KeyBlock): Awaitable<void>;
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
   * The public key that goes with a private one, as SubjectPublicKeyInfo.
   * @throws HoldfastError KeyValueNotPresent where the private key is not there in clear, InvalidField
   */
  publicKeyOf(privateKey: KeyBlock): GeneratedKey;
  /**
   * The bytes over which the Digest attribute is computed and that wrapping encrypts: the key material of raw formats,
   * the TTLV encoding of Key Material for transparent ones (KMIP 1.4 section 3.17). The caller destroys them.
   * @throws HoldfastError KeyValueNotPresent where the key is wrapped, or kept elsewhere
   */
  keyMaterialBytes(keyBlock: KeyBlock): SecretBytes;
  /**
   * Encrypts a key under a symmetric key or for the holder of a private one. AES wraps by NIST Key Wrap (RFC 3394) unless
   * the parameters name a Block Cipher Mode; the tag of an AEAD stands behind the ciphertext. Later, where the key is
   * inside an HSM.
   * @throws HoldfastError as `encryption`
   */
  wrapBytes(request: KeyUseRequest, content: SecretBytes): WrappedBytes | Promise<WrappedBytes>;
  /**
   * Undoes `wrapBytes`, under an RSA key later; the caller destroys what it gives.
   * @throws HoldfastError as `decryption`; CryptographicFailure where the bytes were not wrapped under this key
   */
  unwrapBytes(request: KeyUseRequest, wrapped: WrappedBytes): SecretBytes | Promise<SecretBytes>;
  /**
   * Starts to encrypt under a symmetric key, or for the holder of a private key.
   * @throws HoldfastError UnsupportedCryptographicParameters (not available here), BadCryptographicParameters (not of this
   * key, or of lengths that the mode does not have), MissingInitializationVector, KeyValueNotPresent, CryptographicFailure
   */
  encryption(request: CipherRequest): Encryption;
  /** Starts to decrypt. @throws HoldfastError as `encryption` */
  decryption(request: DecryptionRequest): Decryption;
  /** Starts a MAC (HMAC, CMAC). @throws HoldfastError as `encryption` */
  mac(request: KeyUseRequest): Signing;
  /**
   * Starts to sign data, or signs a digest that is ready.
   * @throws HoldfastError as `encryption`
   */
  signing(request: KeyUseRequest, digestedData: SecretBytes | undefined): Signing;
  /**
   * Starts to verify a signature. Parameters that the key cannot have signed with are no error: no signature is valid.
   * @throws HoldfastError as `encryption`
   */
  verification(request: KeyUseRequest, digestedData: SecretBytes | undefined): Verification;
  /** Starts a hash. @throws HoldfastError FeatureNotSupported */
  hashing(algorithm: HashingAlgorithm): Summary;
  readonly streams: CryptoStreams;
}
