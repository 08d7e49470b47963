import { enumeration } from './tables';

/** Enumerations: value, printed name, first and last version of each member (KMIP 1.4 section 9.1.3.2, KMIP 2.1 section 11). */
export const adjustmentTypeEnum = enumeration('Adjustment Type', {
  Increment: [0x00000001, 'Increment', '2.0'],
  Decrement: [0x00000002, 'Decrement', '2.0'],
  Negate: [0x00000003, 'Negate', '2.0'],
});
export const AdjustmentType = adjustmentTypeEnum.values;
export type AdjustmentType = (typeof AdjustmentType)[keyof typeof AdjustmentType];

export const alternativeNameTypeEnum = enumeration('Alternative Name Type', {
  UninterpretedTextString: [0x00000001, 'Uninterpreted Text String', '1.2'],
  URI: [0x00000002, 'URI', '1.2'],
  ObjectSerialNumber: [0x00000003, 'Object Serial Number', '1.2'],
  EmailAddress: [0x00000004, 'Email Address', '1.2'],
  DNSName: [0x00000005, 'DNS Name', '1.2'],
  X_500DistinguishedName: [0x00000006, 'X.500 Distinguished Name', '1.2'],
  IPAddress: [0x00000007, 'IP Address', '1.2'],
});
export const AlternativeNameType = alternativeNameTypeEnum.values;
export type AlternativeNameType = (typeof AlternativeNameType)[keyof typeof AlternativeNameType];

export const asynchronousIndicatorEnum = enumeration('Asynchronous Indicator', {
  Mandatory: [0x00000001, 'Mandatory', '2.0'],
  Optional: [0x00000002, 'Optional', '2.0'],
  Prohibited: [0x00000003, 'Prohibited', '2.0'],
});
export const AsynchronousIndicator = asynchronousIndicatorEnum.values;
export type AsynchronousIndicator = (typeof AsynchronousIndicator)[keyof typeof AsynchronousIndicator];

export const attestationTypeEnum = enumeration('Attestation Type', {
  TPMQuote: [0x00000001, 'TPM Quote', '1.2'],
  TCGIntegrityReport: [0x00000002, 'TCG Integrity Report', '1.2'],
  SAMLAssertion: [0x00000003, 'SAML Assertion', '1.2'],
});
export const AttestationType = attestationTypeEnum.values;
export type AttestationType = (typeof AttestationType)[keyof typeof AttestationType];

export const batchErrorContinuationOptionEnum = enumeration('Batch Error Continuation Option', {
  Continue: [0x00000001, 'Continue', '1.0'],
  Stop: [0x00000002, 'Stop', '1.0'],
  Undo: [0x00000003, 'Undo', '1.0'],
});
export const BatchErrorContinuationOption = batchErrorContinuationOptionEnum.values;
export type BatchErrorContinuationOption =
  (typeof BatchErrorContinuationOption)[keyof typeof BatchErrorContinuationOption];

export const blockCipherModeEnum = enumeration('Block Cipher Mode', {
  CBC: [0x00000001, 'CBC', '1.0'],
  ECB: [0x00000002, 'ECB', '1.0'],
  PCBC: [0x00000003, 'PCBC', '1.0'],
  CFB: [0x00000004, 'CFB', '1.0'],
  OFB: [0x00000005, 'OFB', '1.0'],
  CTR: [0x00000006, 'CTR', '1.0'],
  CMAC: [0x00000007, 'CMAC', '1.0'],
  CCM: [0x00000008, 'CCM', '1.0'],
  GCM: [0x00000009, 'GCM', '1.0'],
  CBC_MAC: [0x0000000a, 'CBC-MAC', '1.0'],
  XTS: [0x0000000b, 'XTS', '1.0'],
  AESKeyWrapPadding: [0x0000000c, 'AESKeyWrapPadding', '1.0'],
  NISTKeyWrap: [0x0000000d, 'NISTKeyWrap', '1.0'],
  X9_102AESKW: [0x0000000e, 'X9.102 AESKW', '1.0'],
  X9_102TDKW: [0x0000000f, 'X9.102 TDKW', '1.0'],
  X9_102AKW1: [0x00000010, 'X9.102 AKW1', '1.0'],
  X9_102AKW2: [0x00000011, 'X9.102 AKW2', '1.0'],
  AEAD: [0x00000012, 'AEAD', '1.4'],
});
export const BlockCipherMode = blockCipherModeEnum.values;
export type BlockCipherMode = (typeof BlockCipherMode)[keyof typeof BlockCipherMode];

export const cancellationResultEnum = enumeration('Cancellation Result', {
  Canceled: [0x00000001, 'Canceled', '1.0'],
  UnableToCancel: [0x00000002, 'Unable to Cancel', '1.0'],
  Completed: [0x00000003, 'Completed', '1.0'],
  Failed: [0x00000004, 'Failed', '1.0'],
  Unavailable: [0x00000005, 'Unavailable', '1.0'],
});
export const CancellationResult = cancellationResultEnum.values;
export type CancellationResult = (typeof CancellationResult)[keyof typeof CancellationResult];

export const certificateRequestTypeEnum = enumeration('Certificate Request Type', {
  CRMF: [0x00000001, 'CRMF', '1.0'],
  PKCS_10: [0x00000002, 'PKCS#10', '1.0'],
  PEM: [0x00000003, 'PEM', '1.0'],
  PGP: [0x00000004, 'PGP', '1.0', '1.4'],
});
export const CertificateRequestType = certificateRequestTypeEnum.values;
export type CertificateRequestType = (typeof CertificateRequestType)[keyof typeof CertificateRequestType];

export const certificateTypeEnum = enumeration('Certificate Type', {
  X_509: [0x00000001, 'X.509', '1.0'],
  PGP: [0x00000002, 'PGP', '1.0'],
});
export const CertificateType = certificateTypeEnum.values;
export type CertificateType = (typeof CertificateType)[keyof typeof CertificateType];

export const clientRegistrationMethodEnum = enumeration('Client Registration Method', {
  Unspecified: [0x00000001, 'Unspecified', '1.3'],
  ServerPreGenerated: [0x00000002, 'Server Pre-Generated', '1.3'],
  ServerOnDemand: [0x00000003, 'Server On-Demand', '1.3'],
  ClientGenerated: [0x00000004, 'Client Generated', '1.3'],
  ClientRegistered: [0x00000005, 'Client Registered', '1.3'],
});
export const ClientRegistrationMethod = clientRegistrationMethodEnum.values;
export type ClientRegistrationMethod =
  (typeof ClientRegistrationMethod)[keyof typeof ClientRegistrationMethod];

export const credentialTypeEnum = enumeration('Credential Type', {
  UsernameAndPassword: [0x00000001, 'Username and Password', '1.0'],
  Device: [0x00000002, 'Device', '1.1'],
  Attestation: [0x00000003, 'Attestation', '1.2'],
  OneTimePassword: [0x00000004, 'One Time Password', '2.0'],
  HashedPassword: [0x00000005, 'Hashed Password', '2.0'],
  Ticket: [0x00000006, 'Ticket', '2.0'],
});
export const CredentialType = credentialTypeEnum.values;
export type CredentialType = (typeof CredentialType)[keyof typeof CredentialType];

export const cryptographicAlgorithmEnum = enumeration('Cryptographic Algorithm', {
  DES: [0x00000001, 'DES', '1.0'],
  DES3: [0x00000002, '3DES', '1.0'],
  AES: [0x00000003, 'AES', '1.0'],
  RSA: [0x00000004, 'RSA', '1.0'],
  DSA: [0x00000005, 'DSA', '1.0'],
  ECDSA: [0x00000006, 'ECDSA', '1.0'],
  HMAC_SHA1: [0x00000007, 'HMAC-SHA1', '1.0'],
  HMAC_SHA224: [0x00000008, 'HMAC-SHA224', '1.0'],
  HMAC_SHA256: [0x00000009, 'HMAC-SHA256', '1.0'],
  HMAC_SHA384: [0x0000000a, 'HMAC-SHA384', '1.0'],
  HMAC_SHA512: [0x0000000b, 'HMAC-SHA512', '1.0'],
  HMAC_MD5: [0x0000000c, 'HMAC-MD5', '1.0'],
  DH: [0x0000000d, 'DH', '1.0'],
  ECDH: [0x0000000e, 'ECDH', '1.0'],
  ECMQV: [0x0000000f, 'ECMQV', '1.0'],
  Blowfish: [0x00000010, 'Blowfish', '1.0'],
  Camellia: [0x00000011, 'Camellia', '1.0'],
  CAST5: [0x00000012, 'CAST5', '1.0'],
  IDEA: [0x00000013, 'IDEA', '1.0'],
  MARS: [0x00000014, 'MARS', '1.0'],
  RC2: [0x00000015, 'RC2', '1.0'],
  RC4: [0x00000016, 'RC4', '1.0'],
  RC5: [0x00000017, 'RC5', '1.0'],
  SKIPJACK: [0x00000018, 'SKIPJACK', '1.0'],
  Twofish: [0x00000019, 'Twofish', '1.0'],
  EC: [0x0000001a, 'EC', '1.2'],
  OneTimePad: [0x0000001b, 'One Time Pad', '1.3'],
  ChaCha20: [0x0000001c, 'ChaCha20', '1.4'],
  Poly1305: [0x0000001d, 'Poly1305', '1.4'],
  ChaCha20Poly1305: [0x0000001e, 'ChaCha20Poly1305', '1.4'],
  SHA3_224: [0x0000001f, 'SHA3-224', '1.4'],
  SHA3_256: [0x00000020, 'SHA3-256', '1.4'],
  SHA3_384: [0x00000021, 'SHA3-384', '1.4'],
  SHA3_512: [0x00000022, 'SHA3-512', '1.4'],
  HMAC_SHA3_224: [0x00000023, 'HMAC-SHA3-224', '1.4'],
  HMAC_SHA3_256: [0x00000024, 'HMAC-SHA3-256', '1.4'],
  HMAC_SHA3_384: [0x00000025, 'HMAC-SHA3-384', '1.4'],
  HMAC_SHA3_512: [0x00000026, 'HMAC-SHA3-512', '1.4'],
  SHAKE_128: [0x00000027, 'SHAKE-128', '1.4'],
  SHAKE_256: [0x00000028, 'SHAKE-256', '1.4'],
  ARIA: [0x00000029, 'ARIA', '2.0'],
  SEED: [0x0000002a, 'SEED', '2.0'],
  SM2: [0x0000002b, 'SM2', '2.0'],
  SM3: [0x0000002c, 'SM3', '2.0'],
  SM4: [0x0000002d, 'SM4', '2.0'],
  GOSTR34_10_2012: [0x0000002e, 'GOST R 34.10-2012', '2.0'],
  GOSTR34_11_2012: [0x0000002f, 'GOST R 34.11-2012', '2.0'],
  GOSTR34_13_2015: [0x00000030, 'GOST R 34.13-2015', '2.0'],
  GOST28147_89: [0x00000031, 'GOST 28147-89', '2.0'],
  XMSS: [0x00000032, 'XMSS', '2.0'],
  SPHINCS_256: [0x00000033, 'SPHINCS-256', '2.0'],
  McEliece: [0x00000034, 'McEliece', '2.0'],
  McEliece_6960119: [0x00000035, 'McEliece-6960119', '2.0'],
  McEliece_8192128: [0x00000036, 'McEliece-8192128', '2.0'],
  Ed25519: [0x00000037, 'Ed25519', '2.0'],
  Ed448: [0x00000038, 'Ed448', '2.0'],
  // Extensions (KMIP 2.1 section 11): the specifications up to 2.1 have no values for FIPS 203, 204 and 205.
  ML_KEM_512: [0x80000101, 'ML-KEM-512', '1.0'],
  ML_KEM_768: [0x80000102, 'ML-KEM-768', '1.0'],
  ML_KEM_1024: [0x80000103, 'ML-KEM-1024', '1.0'],
  ML_DSA_44: [0x80000201, 'ML-DSA-44', '1.0'],
  ML_DSA_65: [0x80000202, 'ML-DSA-65', '1.0'],
  ML_DSA_87: [0x80000203, 'ML-DSA-87', '1.0'],
  SLH_DSA_SHA2_128s: [0x80000301, 'SLH-DSA-SHA2-128s', '1.0'],
  SLH_DSA_SHA2_128f: [0x80000302, 'SLH-DSA-SHA2-128f', '1.0'],
  SLH_DSA_SHA2_192s: [0x80000303, 'SLH-DSA-SHA2-192s', '1.0'],
  SLH_DSA_SHA2_192f: [0x80000304, 'SLH-DSA-SHA2-192f', '1.0'],
  SLH_DSA_SHA2_256s: [0x80000305, 'SLH-DSA-SHA2-256s', '1.0'],
  SLH_DSA_SHA2_256f: [0x80000306, 'SLH-DSA-SHA2-256f', '1.0'],
  SLH_DSA_SHAKE_128s: [0x80000307, 'SLH-DSA-SHAKE-128s', '1.0'],
  SLH_DSA_SHAKE_128f: [0x80000308, 'SLH-DSA-SHAKE-128f', '1.0'],
  SLH_DSA_SHAKE_192s: [0x80000309, 'SLH-DSA-SHAKE-192s', '1.0'],
  SLH_DSA_SHAKE_192f: [0x8000030a, 'SLH-DSA-SHAKE-192f', '1.0'],
  SLH_DSA_SHAKE_256s: [0x8000030b, 'SLH-DSA-SHAKE-256s', '1.0'],
  SLH_DSA_SHAKE_256f: [0x8000030c, 'SLH-DSA-SHAKE-256f', '1.0'],
});
export const CryptographicAlgorithm = cryptographicAlgorithmEnum.values;
export type CryptographicAlgorithm = (typeof CryptographicAlgorithm)[keyof typeof CryptographicAlgorithm];

export const dataEnum = enumeration('Data', {
  Decrypt: [0x00000001, 'Decrypt', '2.0'],
  Encrypt: [0x00000002, 'Encrypt', '2.0'],
  Hash: [0x00000003, 'Hash', '2.0'],
  MACMACData: [0x00000004, 'MAC MAC Data', '2.0'],
  RNGRetrieve: [0x00000005, 'RNG Retrieve', '2.0'],
  SignSignatureData: [0x00000006, 'Sign Signature Data', '2.0'],
  SignatureVerify: [0x00000007, 'Signature Verify', '2.0'],
});
export const Data = dataEnum.values;
export type Data = (typeof Data)[keyof typeof Data];

export const derivationMethodEnum = enumeration('Derivation Method', {
  PBKDF2: [0x00000001, 'PBKDF2', '1.0'],
  HASH: [0x00000002, 'HASH', '1.0'],
  HMAC: [0x00000003, 'HMAC', '1.0'],
  ENCRYPT: [0x00000004, 'ENCRYPT', '1.0'],
  NIST800_108_C: [0x00000005, 'NIST800-108-C', '1.0'],
  NIST800_108_F: [0x00000006, 'NIST800-108-F', '1.0'],
  NIST800_108_DPI: [0x00000007, 'NIST800-108-DPI', '1.0'],
  AsymmetricKey: [0x00000008, 'Asymmetric Key', '1.4'],
  AWSSignatureVersion4: [0x00000009, 'AWS Signature Version 4', '2.0'],
  HKDF: [0x0000000a, 'HKDF', '2.0'],
});
export const DerivationMethod = derivationMethodEnum.values;
export type DerivationMethod = (typeof DerivationMethod)[keyof typeof DerivationMethod];

export const destroyActionEnum = enumeration('Destroy Action', {
  Unspecified: [0x00000001, 'Unspecified', '1.3'],
  KeyMaterialDeleted: [0x00000002, 'Key Material Deleted', '1.3'],
  KeyMaterialShredded: [0x00000003, 'Key Material Shredded', '1.3'],
  MetaDataDeleted: [0x00000004, 'Meta Data Deleted', '1.3'],
  MetaDataShredded: [0x00000005, 'Meta Data Shredded', '1.3'],
  Deleted: [0x00000006, 'Deleted', '1.3'],
  Shredded: [0x00000007, 'Shredded', '1.3'],
});
export const DestroyAction = destroyActionEnum.values;
export type DestroyAction = (typeof DestroyAction)[keyof typeof DestroyAction];

export const digitalSignatureAlgorithmEnum = enumeration('Digital Signature Algorithm', {
  MD2WithRSAEncryption: [0x00000001, 'MD2 with RSA Encryption', '1.1'],
  MD5WithRSAEncryption: [0x00000002, 'MD5 with RSA Encryption', '1.1'],
  SHA_1WithRSAEncryption: [0x00000003, 'SHA-1 with RSA Encryption', '1.1'],
  SHA_224WithRSAEncryption: [0x00000004, 'SHA-224 with RSA Encryption', '1.1'],
  SHA_256WithRSAEncryption: [0x00000005, 'SHA-256 with RSA Encryption', '1.1'],
  SHA_384WithRSAEncryption: [0x00000006, 'SHA-384 with RSA Encryption', '1.1'],
  SHA_512WithRSAEncryption: [0x00000007, 'SHA-512 with RSA Encryption', '1.1'],
  RSASSA_PSS: [0x00000008, 'RSASSA-PSS', '1.1'],
  DSAWithSHA_1: [0x00000009, 'DSA with SHA-1', '1.1'],
  DSAWithSHA224: [0x0000000a, 'DSA with SHA224', '1.1'],
  DSAWithSHA256: [0x0000000b, 'DSA with SHA256', '1.1'],
  ECDSAWithSHA_1: [0x0000000c, 'ECDSA with SHA-1', '1.1'],
  ECDSAWithSHA224: [0x0000000d, 'ECDSA with SHA224', '1.1'],
  ECDSAWithSHA256: [0x0000000e, 'ECDSA with SHA256', '1.1'],
  ECDSAWithSHA384: [0x0000000f, 'ECDSA with SHA384', '1.1'],
  ECDSAWithSHA512: [0x00000010, 'ECDSA with SHA512', '1.1'],
  SHA3_256WithRSAEncryption: [0x00000011, 'SHA3-256 with RSA Encryption', '1.4'],
  SHA3_384WithRSAEncryption: [0x00000012, 'SHA3-384 with RSA Encryption', '1.4'],
  SHA3_512WithRSAEncryption: [0x00000013, 'SHA3-512 with RSA Encryption', '1.4'],
});
export const DigitalSignatureAlgorithm = digitalSignatureAlgorithmEnum.values;
export type DigitalSignatureAlgorithm =
  (typeof DigitalSignatureAlgorithm)[keyof typeof DigitalSignatureAlgorithm];

export const drbgAlgorithmEnum = enumeration('DRBG Algorithm', {
  Unspecified: [0x00000001, 'Unspecified', '1.3'],
  Dual_EC: [0x00000002, 'Dual-EC', '1.3'],
  Hash: [0x00000003, 'Hash', '1.3'],
  HMAC: [0x00000004, 'HMAC', '1.3'],
  CTR: [0x00000005, 'CTR', '1.3'],
});
export const DRBGAlgorithm = drbgAlgorithmEnum.values;
export type DRBGAlgorithm = (typeof DRBGAlgorithm)[keyof typeof DRBGAlgorithm];

export const encodingOptionEnum = enumeration('Encoding Option', {
  NoEncoding: [0x00000001, 'No Encoding', '1.1'],
  TTLVEncoding: [0x00000002, 'TTLV Encoding', '1.1'],
});
export const EncodingOption = encodingOptionEnum.values;
export type EncodingOption = (typeof EncodingOption)[keyof typeof EncodingOption];

export const endpointRoleEnum = enumeration('Endpoint Role', {
  Client: [0x00000001, 'Client', '2.0'],
  Server: [0x00000002, 'Server', '2.0'],
});
export const EndpointRole = endpointRoleEnum.values;
export type EndpointRole = (typeof EndpointRole)[keyof typeof EndpointRole];

export const fips186VariationEnum = enumeration('FIPS186 Variation', {
  Unspecified: [0x00000001, 'Unspecified', '1.3'],
  GPXOriginal: [0x00000002, 'GP x-Original', '1.3'],
  GPXChangeNotice: [0x00000003, 'GP x-Change Notice', '1.3'],
  XOriginal: [0x00000004, 'x-Original', '1.3'],
  XChangeNotice: [0x00000005, 'x-Change Notice', '1.3'],
  KOriginal: [0x00000006, 'k-Original', '1.3'],
  KChangeNotice: [0x00000007, 'k-Change Notice', '1.3'],
});
export const FIPS186Variation = fips186VariationEnum.values;
export type FIPS186Variation = (typeof FIPS186Variation)[keyof typeof FIPS186Variation];

export const hashingAlgorithmEnum = enumeration('Hashing Algorithm', {
  MD2: [0x00000001, 'MD2', '1.0'],
  MD4: [0x00000002, 'MD4', '1.0'],
  MD5: [0x00000003, 'MD5', '1.0'],
  SHA_1: [0x00000004, 'SHA-1', '1.0'],
  SHA_224: [0x00000005, 'SHA-224', '1.0'],
  SHA_256: [0x00000006, 'SHA-256', '1.0'],
  SHA_384: [0x00000007, 'SHA-384', '1.0'],
  SHA_512: [0x00000008, 'SHA-512', '1.0'],
  RIPEMD_160: [0x00000009, 'RIPEMD-160', '1.0'],
  Tiger: [0x0000000a, 'Tiger', '1.0'],
  Whirlpool: [0x0000000b, 'Whirlpool', '1.0'],
  SHA_512_224: [0x0000000c, 'SHA-512/224', '1.2'],
  SHA_512_256: [0x0000000d, 'SHA-512/256', '1.2'],
  SHA3_224: [0x0000000e, 'SHA3-224', '1.4'],
  SHA3_256: [0x0000000f, 'SHA3-256', '1.4'],
  SHA3_384: [0x00000010, 'SHA3-384', '1.4'],
  SHA3_512: [0x00000011, 'SHA3-512', '1.4'],
});
export const HashingAlgorithm = hashingAlgorithmEnum.values;
export type HashingAlgorithm = (typeof HashingAlgorithm)[keyof typeof HashingAlgorithm];

export const interopFunctionEnum = enumeration('Interop Function', {
  Begin: [0x00000001, 'Begin', '2.0'],
  End: [0x00000002, 'End', '2.0'],
  Reset: [0x00000003, 'Reset', '2.0'],
});
export const InteropFunction = interopFunctionEnum.values;
export type InteropFunction = (typeof InteropFunction)[keyof typeof InteropFunction];

export const itemTypeEnum = enumeration('Item Type', {
  Structure: [0x00000001, 'Structure', '2.0'],
  Integer: [0x00000002, 'Integer', '2.0'],
  LongInteger: [0x00000003, 'Long Integer', '2.0'],
  BigInteger: [0x00000004, 'Big Integer', '2.0'],
  Enumeration: [0x00000005, 'Enumeration', '2.0'],
  Boolean: [0x00000006, 'Boolean', '2.0'],
  TextString: [0x00000007, 'Text String', '2.0'],
  ByteString: [0x00000008, 'Byte String', '2.0'],
  DateTime: [0x00000009, 'Date Time', '2.0'],
  Interval: [0x0000000a, 'Interval', '2.0'],
  DateTimeExtended: [0x0000000b, 'Date Time Extended', '2.0'],
});
export const ItemType = itemTypeEnum.values;
export type ItemType = (typeof ItemType)[keyof typeof ItemType];

export const keyCompressionTypeEnum = enumeration('Key Compression Type', {
  ECPublicKeyTypeUncompressed: [0x00000001, 'EC Public Key Type Uncompressed', '1.0'],
  ECPublicKeyTypeX9_62CompressedPrime: [0x00000002, 'EC Public Key Type X9.62 Compressed Prime', '1.0'],
  ECPublicKeyTypeX9_62CompressedChar2: [0x00000003, 'EC Public Key Type X9.62 Compressed Char2', '1.0'],
  ECPublicKeyTypeX9_62Hybrid: [0x00000004, 'EC Public Key Type X9.62 Hybrid', '1.0'],
});
export const KeyCompressionType = keyCompressionTypeEnum.values;
export type KeyCompressionType = (typeof KeyCompressionType)[keyof typeof KeyCompressionType];

export const keyFormatTypeEnum = enumeration('Key Format Type', {
  Raw: [0x00000001, 'Raw', '1.0'],
  Opaque: [0x00000002, 'Opaque', '1.0'],
  PKCS_1: [0x00000003, 'PKCS#1', '1.0'],
  PKCS_8: [0x00000004, 'PKCS#8', '1.0'],
  X_509: [0x00000005, 'X.509', '1.0'],
  ECPrivateKey: [0x00000006, 'ECPrivateKey', '1.0'],
  TransparentSymmetricKey: [0x00000007, 'Transparent Symmetric Key', '1.0'],
  TransparentDSAPrivateKey: [0x00000008, 'Transparent DSA Private Key', '1.0'],
  TransparentDSAPublicKey: [0x00000009, 'Transparent DSA Public Key', '1.0'],
  TransparentRSAPrivateKey: [0x0000000a, 'Transparent RSA Private Key', '1.0'],
  TransparentRSAPublicKey: [0x0000000b, 'Transparent RSA Public Key', '1.0'],
  TransparentDHPrivateKey: [0x0000000c, 'Transparent DH Private Key', '1.0'],
  TransparentDHPublicKey: [0x0000000d, 'Transparent DH Public Key', '1.0'],
  TransparentECDSAPrivateKey: [0x0000000e, 'Transparent ECDSA Private Key', '1.0', '1.4'],
  TransparentECDSAPublicKey: [0x0000000f, 'Transparent ECDSA Public Key', '1.0', '1.4'],
  TransparentECDHPrivateKey: [0x00000010, 'Transparent ECDH Private Key', '1.0', '1.4'],
  TransparentECDHPublicKey: [0x00000011, 'Transparent ECDH Public Key', '1.0', '1.4'],
  TransparentECMQVPrivateKey: [0x00000012, 'Transparent ECMQV Private Key', '1.0', '1.4'],
  TransparentECMQVPublicKey: [0x00000013, 'Transparent ECMQV Public Key', '1.0', '1.4'],
  TransparentECPrivateKey: [0x00000014, 'Transparent EC Private Key', '1.3'],
  TransparentECPublicKey: [0x00000015, 'Transparent EC Public Key', '1.3'],
  PKCS_12: [0x00000016, 'PKCS#12', '1.4'],
  PKCS_10: [0x00000017, 'PKCS#10', '2.0'],
});
export const KeyFormatType = keyFormatTypeEnum.values;
export type KeyFormatType = (typeof KeyFormatType)[keyof typeof KeyFormatType];

export const keyRoleTypeEnum = enumeration('Key Role Type', {
  BDK: [0x00000001, 'BDK', '1.0'],
  CVK: [0x00000002, 'CVK', '1.0'],
  DEK: [0x00000003, 'DEK', '1.0'],
  MKAC: [0x00000004, 'MKAC', '1.0'],
  MKSMC: [0x00000005, 'MKSMC', '1.0'],
  MKSMI: [0x00000006, 'MKSMI', '1.0'],
  MKDAC: [0x00000007, 'MKDAC', '1.0'],
  MKDN: [0x00000008, 'MKDN', '1.0'],
  MKCP: [0x00000009, 'MKCP', '1.0'],
  MKOTH: [0x0000000a, 'MKOTH', '1.0'],
  KEK: [0x0000000b, 'KEK', '1.0'],
  MAC16609: [0x0000000c, 'MAC16609', '1.0'],
  MAC97971: [0x0000000d, 'MAC97971', '1.0'],
  MAC97972: [0x0000000e, 'MAC97972', '1.0'],
  MAC97973: [0x0000000f, 'MAC97973', '1.0'],
  MAC97974: [0x00000010, 'MAC97974', '1.0'],
  MAC97975: [0x00000011, 'MAC97975', '1.0'],
  ZPK: [0x00000012, 'ZPK', '1.0'],
  PVKIBM: [0x00000013, 'PVKIBM', '1.0'],
  PVKPVV: [0x00000014, 'PVKPVV', '1.0'],
  PVKOTH: [0x00000015, 'PVKOTH', '1.0'],
  DUKPT: [0x00000016, 'DUKPT', '1.4'],
  IV: [0x00000017, 'IV', '1.4'],
  TRKBK: [0x00000018, 'TRKBK', '1.4'],
});
export const KeyRoleType = keyRoleTypeEnum.values;
export type KeyRoleType = (typeof KeyRoleType)[keyof typeof KeyRoleType];

export const keyValueLocationTypeEnum = enumeration('Key Value Location Type', {
  UninterpretedTextString: [0x00000001, 'Uninterpreted Text String', '1.2'],
  URI: [0x00000002, 'URI', '1.2'],
});
export const KeyValueLocationType = keyValueLocationTypeEnum.values;
export type KeyValueLocationType = (typeof KeyValueLocationType)[keyof typeof KeyValueLocationType];

export const keyWrapTypeEnum = enumeration('Key Wrap Type', {
  NotWrapped: [0x00000001, 'Not Wrapped', '1.4'],
  AsRegistered: [0x00000002, 'As Registered', '1.4'],
});
export const KeyWrapType = keyWrapTypeEnum.values;
export type KeyWrapType = (typeof KeyWrapType)[keyof typeof KeyWrapType];

export const linkTypeEnum = enumeration('Link Type', {
  CertificateLink: [0x00000101, 'Certificate Link', '1.0'],
  PublicKeyLink: [0x00000102, 'Public Key Link', '1.0'],
  PrivateKeyLink: [0x00000103, 'Private Key Link', '1.0'],
  DerivationBaseObjectLink: [0x00000104, 'Derivation Base Object Link', '1.0'],
  DerivedKeyLink: [0x00000105, 'Derived Key Link', '1.0'],
  ReplacementObjectLink: [0x00000106, 'Replacement Object Link', '1.0'],
  ReplacedObjectLink: [0x00000107, 'Replaced Object Link', '1.0'],
  ParentLink: [0x00000108, 'Parent Link', '1.2'],
  ChildLink: [0x00000109, 'Child Link', '1.2'],
  PreviousLink: [0x0000010a, 'Previous Link', '1.2'],
  NextLink: [0x0000010b, 'Next Link', '1.2'],
  PKCS_12CertificateLink: [0x0000010c, 'PKCS#12 Certificate Link', '1.4'],
  PKCS_12PasswordLink: [0x0000010d, 'PKCS#12 Password Link', '1.4'],
  WrappingKeyLink: [0x0000010e, 'Wrapping Key Link', '2.0'],
});
export const LinkType = linkTypeEnum.values;
export type LinkType = (typeof LinkType)[keyof typeof LinkType];

export const maskGeneratorEnum = enumeration('Mask Generator', {
  MGF1: [0x00000001, 'MGF1', '1.4'],
});
export const MaskGenerator = maskGeneratorEnum.values;
export type MaskGenerator = (typeof MaskGenerator)[keyof typeof MaskGenerator];

export const nameTypeEnum = enumeration('Name Type', {
  UninterpretedTextString: [0x00000001, 'Uninterpreted Text String', '1.0'],
  URI: [0x00000002, 'URI', '1.0'],
});
export const NameType = nameTypeEnum.values;
export type NameType = (typeof NameType)[keyof typeof NameType];

export const nistKeyTypeEnum = enumeration('NIST Key Type', {
  PrivateSignatureKey: [0x00000001, 'Private signature key', '2.0'],
  PublicSignatureVerificationKey: [0x00000002, 'Public signature verification key', '2.0'],
  SymmetricAuthenticationKey: [0x00000003, 'Symmetric authentication key', '2.0'],
  PrivateAuthenticationKey: [0x00000004, 'Private authentication key', '2.0'],
  PublicAuthenticationKey: [0x00000005, 'Public authentication key', '2.0'],
  SymmetricDataEncryptionKey: [0x00000006, 'Symmetric data encryption key', '2.0'],
  SymmetricKeyWrappingKey: [0x00000007, 'Symmetric key wrapping key', '2.0'],
  SymmetricRandomNumberGenerationKey: [0x00000008, 'Symmetric random number generation key', '2.0'],
  SymmetricMasterKey: [0x00000009, 'Symmetric master key', '2.0'],
  PrivateKeyTransportKey: [0x0000000a, 'Private key transport key', '2.0'],
  PublicKeyTransportKey: [0x0000000b, 'Public key transport key', '2.0'],
  SymmetricKeyAgreementKey: [0x0000000c, 'Symmetric key agreement key', '2.0'],
  PrivateStaticKeyAgreementKey: [0x0000000d, 'Private static key agreement key', '2.0'],
  PublicStaticKeyAgreementKey: [0x0000000e, 'Public static key agreement key', '2.0'],
  PrivateEphemeralKeyAgreementKey: [0x0000000f, 'Private ephemeral key agreement key', '2.0'],
  PublicEphemeralKeyAgreementKey: [0x00000010, 'Public ephemeral key agreement key', '2.0'],
  SymmetricAuthorizationKey: [0x00000011, 'Symmetric authorization key', '2.0'],
  PrivateAuthorizationKey: [0x00000012, 'Private authorization key', '2.0'],
  PublicAuthorizationKey: [0x00000013, 'Public authorization key', '2.0'],
});
export const NISTKeyType = nistKeyTypeEnum.values;
export type NISTKeyType = (typeof NISTKeyType)[keyof typeof NISTKeyType];

export const objectGroupMemberEnum = enumeration('Object Group Member', {
  GroupMemberFresh: [0x00000001, 'Group Member Fresh', '1.1'],
  GroupMemberDefault: [0x00000002, 'Group Member Default', '1.1'],
});
export const ObjectGroupMember = objectGroupMemberEnum.values;
export type ObjectGroupMember = (typeof ObjectGroupMember)[keyof typeof ObjectGroupMember];

export const objectTypeEnum = enumeration('Object Type', {
  Certificate: [0x00000001, 'Certificate', '1.0'],
  SymmetricKey: [0x00000002, 'Symmetric Key', '1.0'],
  PublicKey: [0x00000003, 'Public Key', '1.0'],
  PrivateKey: [0x00000004, 'Private Key', '1.0'],
  SplitKey: [0x00000005, 'Split Key', '1.0'],
  Template: [0x00000006, 'Template', '1.0', '1.4'],
  SecretData: [0x00000007, 'Secret Data', '1.0'],
  OpaqueObject: [0x00000008, 'Opaque Object', '1.0'],
  PGPKey: [0x00000009, 'PGP Key', '1.2'],
  CertificateRequest: [0x0000000a, 'Certificate Request', '2.0'],
});
export const ObjectType = objectTypeEnum.values;
export type ObjectType = (typeof ObjectType)[keyof typeof ObjectType];

export const operationEnum = enumeration('Operation', {
  Create: [0x00000001, 'Create', '1.0'],
  CreateKeyPair: [0x00000002, 'Create Key Pair', '1.0'],
  Register: [0x00000003, 'Register', '1.0'],
  ReKey: [0x00000004, 'Re-key', '1.0'],
  DeriveKey: [0x00000005, 'Derive Key', '1.0'],
  Certify: [0x00000006, 'Certify', '1.0'],
  ReCertify: [0x00000007, 'Re-certify', '1.0'],
  Locate: [0x00000008, 'Locate', '1.0'],
  Check: [0x00000009, 'Check', '1.0'],
  Get: [0x0000000a, 'Get', '1.0'],
  GetAttributes: [0x0000000b, 'Get Attributes', '1.0'],
  GetAttributeList: [0x0000000c, 'Get Attribute List', '1.0'],
  AddAttribute: [0x0000000d, 'Add Attribute', '1.0'],
  ModifyAttribute: [0x0000000e, 'Modify Attribute', '1.0'],
  DeleteAttribute: [0x0000000f, 'Delete Attribute', '1.0'],
  ObtainLease: [0x00000010, 'Obtain Lease', '1.0'],
  GetUsageAllocation: [0x00000011, 'Get Usage Allocation', '1.0'],
  Activate: [0x00000012, 'Activate', '1.0'],
  Revoke: [0x00000013, 'Revoke', '1.0'],
  Destroy: [0x00000014, 'Destroy', '1.0'],
  Archive: [0x00000015, 'Archive', '1.0'],
  Recover: [0x00000016, 'Recover', '1.0'],
  Validate: [0x00000017, 'Validate', '1.0'],
  Query: [0x00000018, 'Query', '1.0'],
  Cancel: [0x00000019, 'Cancel', '1.0'],
  Poll: [0x0000001a, 'Poll', '1.0'],
  Notify: [0x0000001b, 'Notify', '1.0'],
  Put: [0x0000001c, 'Put', '1.0'],
  ReKeyKeyPair: [0x0000001d, 'Re-key Key Pair', '1.1'],
  DiscoverVersions: [0x0000001e, 'Discover Versions', '1.1'],
  Encrypt: [0x0000001f, 'Encrypt', '1.2'],
  Decrypt: [0x00000020, 'Decrypt', '1.2'],
  Sign: [0x00000021, 'Sign', '1.2'],
  SignatureVerify: [0x00000022, 'Signature Verify', '1.2'],
  MAC: [0x00000023, 'MAC', '1.2'],
  MACVerify: [0x00000024, 'MAC Verify', '1.2'],
  RNGRetrieve: [0x00000025, 'RNG Retrieve', '1.2'],
  RNGSeed: [0x00000026, 'RNG Seed', '1.2'],
  Hash: [0x00000027, 'Hash', '1.2'],
  CreateSplitKey: [0x00000028, 'Create Split Key', '1.2'],
  JoinSplitKey: [0x00000029, 'Join Split Key', '1.2'],
  Import: [0x0000002a, 'Import', '1.4'],
  Export: [0x0000002b, 'Export', '1.4'],
  Log: [0x0000002c, 'Log', '2.0'],
  Login: [0x0000002d, 'Login', '2.0'],
  Logout: [0x0000002e, 'Logout', '2.0'],
  DelegatedLogin: [0x0000002f, 'Delegated Login', '2.0'],
  AdjustAttribute: [0x00000030, 'Adjust Attribute', '2.0'],
  SetAttribute: [0x00000031, 'Set Attribute', '2.0'],
  SetEndpointRole: [0x00000032, 'Set Endpoint Role', '2.0'],
  PKCS_11: [0x00000033, 'PKCS#11', '2.0'],
  Interop: [0x00000034, 'Interop', '2.0'],
  ReProvision: [0x00000035, 'Re-Provision', '2.0'],
  SetDefaults: [0x00000036, 'Set Defaults', '2.1'],
  SetConstraints: [0x00000037, 'Set Constraints', '2.1'],
  GetConstraints: [0x00000038, 'Get Constraints', '2.1'],
  QueryAsynchronousRequests: [0x00000039, 'Query Asynchronous Requests', '2.1'],
  Process: [0x0000003a, 'Process', '2.1'],
  Ping: [0x0000003b, 'Ping', '2.1'],
});
export const Operation = operationEnum.values;
export type Operation = (typeof Operation)[keyof typeof Operation];

export const paddingMethodEnum = enumeration('Padding Method', {
  None: [0x00000001, 'None', '1.0'],
  OAEP: [0x00000002, 'OAEP', '1.0'],
  PKCS5: [0x00000003, 'PKCS5', '1.0'],
  SSL3: [0x00000004, 'SSL3', '1.0'],
  Zeros: [0x00000005, 'Zeros', '1.0'],
  ANSIX9_23: [0x00000006, 'ANSI X9.23', '1.0'],
  ISO10126: [0x00000007, 'ISO 10126', '1.0'],
  PKCS1V1_5: [0x00000008, 'PKCS1 v1.5', '1.0'],
  X9_31: [0x00000009, 'X9.31', '1.0'],
  PSS: [0x0000000a, 'PSS', '1.0'],
});
export const PaddingMethod = paddingMethodEnum.values;
export type PaddingMethod = (typeof PaddingMethod)[keyof typeof PaddingMethod];

export const pkcs_11FunctionEnum = enumeration('PKCS#11 Function', {
  C_Initialize: [0x00000001, 'C_Initialize', '2.0'],
  C_Finalize: [0x00000002, 'C_Finalize', '2.0'],
  C_GetInfo: [0x00000003, 'C_GetInfo', '2.0'],
  C_GetFunctionList: [0x00000004, 'C_GetFunctionList', '2.0'],
  C_GetSlotList: [0x00000005, 'C_GetSlotList', '2.0'],
});
export const PKCS_11Function = pkcs_11FunctionEnum.values;
export type PKCS_11Function = (typeof PKCS_11Function)[keyof typeof PKCS_11Function];

export const pkcs_11ReturnCodeEnum = enumeration('PKCS#11 Return Code', {
  OK: [0x00000000, 'OK', '2.0'],
});
export const PKCS_11ReturnCode = pkcs_11ReturnCodeEnum.values;
export type PKCS_11ReturnCode = (typeof PKCS_11ReturnCode)[keyof typeof PKCS_11ReturnCode];

export const processingStageEnum = enumeration('Processing Stage', {
  Submitted: [0x00000001, 'Submitted', '2.1'],
  InProcess: [0x00000002, 'In Process', '2.1'],
  Completed: [0x00000003, 'Completed', '2.1'],
});
export const ProcessingStage = processingStageEnum.values;
export type ProcessingStage = (typeof ProcessingStage)[keyof typeof ProcessingStage];

export const profileNameEnum = enumeration('Profile Name', {
  BaselineServerBasicKMIPV1_2: [0x00000001, 'Baseline Server Basic KMIP v1.2', '1.3', '1.4'],
  BaselineServerTLSV1_2KMIPV1_2: [0x00000002, 'Baseline Server TLS v1.2 KMIP v1.2', '1.3', '1.4'],
  BaselineClientBasicKMIPV1_2: [0x00000003, 'Baseline Client Basic KMIP v1.2', '1.3', '1.4'],
  BaselineClientTLSV1_2KMIPV1_2: [0x00000004, 'Baseline Client TLS v1.2 KMIP v1.2', '1.3', '1.4'],
  CompleteServerBasicKMIPV1_2: [0x00000005, 'Complete Server Basic KMIP v1.2', '1.3', '1.4'],
  CompleteServerTLSV1_2KMIPV1_2: [0x00000006, 'Complete Server TLS v1.2 KMIP v1.2', '1.3', '1.4'],
  TapeLibraryClientKMIPV1_0: [0x00000007, 'Tape Library Client KMIP v1.0', '1.3', '1.4'],
  TapeLibraryClientKMIPV1_1: [0x00000008, 'Tape Library Client KMIP v1.1', '1.3', '1.4'],
  TapeLibraryClientKMIPV1_2: [0x00000009, 'Tape Library Client KMIP v1.2', '1.3', '1.4'],
  TapeLibraryServerKMIPV1_0: [0x0000000a, 'Tape Library Server KMIP v1.0', '1.3', '1.4'],
  TapeLibraryServerKMIPV1_1: [0x0000000b, 'Tape Library Server KMIP v1.1', '1.3', '1.4'],
  TapeLibraryServerKMIPV1_2: [0x0000000c, 'Tape Library Server KMIP v1.2', '1.3', '1.4'],
  SymmetricKeyLifecycleClientKMIPV1_0: [0x0000000d, 'Symmetric Key Lifecycle Client KMIP v1.0', '1.3', '1.4'],
  SymmetricKeyLifecycleClientKMIPV1_1: [0x0000000e, 'Symmetric Key Lifecycle Client KMIP v1.1', '1.3', '1.4'],
  SymmetricKeyLifecycleClientKMIPV1_2: [0x0000000f, 'Symmetric Key Lifecycle Client KMIP v1.2', '1.3', '1.4'],
  SymmetricKeyLifecycleServerKMIPV1_0: [0x00000010, 'Symmetric Key Lifecycle Server KMIP v1.0', '1.3', '1.4'],
  SymmetricKeyLifecycleServerKMIPV1_1: [0x00000011, 'Symmetric Key Lifecycle Server KMIP v1.1', '1.3', '1.4'],
  SymmetricKeyLifecycleServerKMIPV1_2: [0x00000012, 'Symmetric Key Lifecycle Server KMIP v1.2', '1.3', '1.4'],
  AsymmetricKeyLifecycleClientKMIPV1_0: [
    0x00000013,
    'Asymmetric Key Lifecycle Client KMIP v1.0',
    '1.3',
    '1.4',
  ],
  AsymmetricKeyLifecycleClientKMIPV1_1: [
    0x00000014,
    'Asymmetric Key Lifecycle Client KMIP v1.1',
    '1.3',
    '1.4',
  ],
  AsymmetricKeyLifecycleClientKMIPV1_2: [
    0x00000015,
    'Asymmetric Key Lifecycle Client KMIP v1.2',
    '1.3',
    '1.4',
  ],
  AsymmetricKeyLifecycleServerKMIPV1_0: [
    0x00000016,
    'Asymmetric Key Lifecycle Server KMIP v1.0',
    '1.3',
    '1.4',
  ],
  AsymmetricKeyLifecycleServerKMIPV1_1: [
    0x00000017,
    'Asymmetric Key Lifecycle Server KMIP v1.1',
    '1.3',
    '1.4',
  ],
  AsymmetricKeyLifecycleServerKMIPV1_2: [
    0x00000018,
    'Asymmetric Key Lifecycle Server KMIP v1.2',
    '1.3',
    '1.4',
  ],
  BasicCryptographicClientKMIPV1_2: [0x00000019, 'Basic Cryptographic Client KMIP v1.2', '1.3', '1.4'],
  BasicCryptographicServerKMIPV1_2: [0x0000001a, 'Basic Cryptographic Server KMIP v1.2', '1.3', '1.4'],
  AdvancedCryptographicClientKMIPV1_2: [0x0000001b, 'Advanced Cryptographic Client KMIP v1.2', '1.3', '1.4'],
  AdvancedCryptographicServerKMIPV1_2: [0x0000001c, 'Advanced Cryptographic Server KMIP v1.2', '1.3', '1.4'],
  RNGCryptographicClientKMIPV1_2: [0x0000001d, 'RNG Cryptographic Client KMIP v1.2', '1.3', '1.4'],
  RNGCryptographicServerKMIPV1_2: [0x0000001e, 'RNG Cryptographic Server KMIP v1.2', '1.3', '1.4'],
  BasicSymmetricKeyFoundryClientKMIPV1_0: [
    0x0000001f,
    'Basic Symmetric Key Foundry Client KMIP v1.0',
    '1.3',
    '1.4',
  ],
  IntermediateSymmetricKeyFoundryClientKMIPV1_0: [
    0x00000020,
    'Intermediate Symmetric Key Foundry Client KMIP v1.0',
    '1.3',
    '1.4',
  ],
  AdvancedSymmetricKeyFoundryClientKMIPV1_0: [
    0x00000021,
    'Advanced Symmetric Key Foundry Client KMIP v1.0',
    '1.3',
    '1.4',
  ],
  BasicSymmetricKeyFoundryClientKMIPV1_1: [
    0x00000022,
    'Basic Symmetric Key Foundry Client KMIP v1.1',
    '1.3',
    '1.4',
  ],
  IntermediateSymmetricKeyFoundryClientKMIPV1_1: [
    0x00000023,
    'Intermediate Symmetric Key Foundry Client KMIP v1.1',
    '1.3',
    '1.4',
  ],
  AdvancedSymmetricKeyFoundryClientKMIPV1_1: [
    0x00000024,
    'Advanced Symmetric Key Foundry Client KMIP v1.1',
    '1.3',
    '1.4',
  ],
  BasicSymmetricKeyFoundryClientKMIPV1_2: [
    0x00000025,
    'Basic Symmetric Key Foundry Client KMIP v1.2',
    '1.3',
    '1.4',
  ],
  IntermediateSymmetricKeyFoundryClientKMIPV1_2: [
    0x00000026,
    'Intermediate Symmetric Key Foundry Client KMIP v1.2',
    '1.3',
    '1.4',
  ],
  AdvancedSymmetricKeyFoundryClientKMIPV1_2: [
    0x00000027,
    'Advanced Symmetric Key Foundry Client KMIP v1.2',
    '1.3',
    '1.4',
  ],
  SymmetricKeyFoundryServerKMIPV1_0: [0x00000028, 'Symmetric Key Foundry Server KMIP v1.0', '1.3', '1.4'],
  SymmetricKeyFoundryServerKMIPV1_1: [0x00000029, 'Symmetric Key Foundry Server KMIP v1.1', '1.3', '1.4'],
  SymmetricKeyFoundryServerKMIPV1_2: [0x0000002a, 'Symmetric Key Foundry Server KMIP v1.2', '1.3', '1.4'],
  OpaqueManagedObjectStoreClientKMIPV1_0: [
    0x0000002b,
    'Opaque Managed Object Store Client KMIP v1.0',
    '1.3',
    '1.4',
  ],
  OpaqueManagedObjectStoreClientKMIPV1_1: [
    0x0000002c,
    'Opaque Managed Object Store Client KMIP v1.1',
    '1.3',
    '1.4',
  ],
  OpaqueManagedObjectStoreClientKMIPV1_2: [
    0x0000002d,
    'Opaque Managed Object Store Client KMIP v1.2',
    '1.3',
    '1.4',
  ],
  OpaqueManagedObjectStoreServerKMIPV1_0: [
    0x0000002e,
    'Opaque Managed Object Store Server KMIP v1.0',
    '1.3',
    '1.4',
  ],
  OpaqueManagedObjectStoreServerKMIPV1_1: [
    0x0000002f,
    'Opaque Managed Object Store Server KMIP v1.1',
    '1.3',
    '1.4',
  ],
  OpaqueManagedObjectStoreServerKMIPV1_2: [
    0x00000030,
    'Opaque Managed Object Store Server KMIP v1.2',
    '1.3',
    '1.4',
  ],
  SuiteBMinLOS_128ClientKMIPV1_0: [0x00000031, 'Suite B minLOS_128 Client KMIP v1.0', '1.3', '1.4'],
  SuiteBMinLOS_128ClientKMIPV1_1: [0x00000032, 'Suite B minLOS_128 Client KMIP v1.1', '1.3', '1.4'],
  SuiteBMinLOS_128ClientKMIPV1_2: [0x00000033, 'Suite B minLOS_128 Client KMIP v1.2', '1.3', '1.4'],
  SuiteBMinLOS_128ServerKMIPV1_0: [0x00000034, 'Suite B minLOS_128 Server KMIP v1.0', '1.3', '1.4'],
  SuiteBMinLOS_128ServerKMIPV1_1: [0x00000035, 'Suite B minLOS_128 Server KMIP v1.1', '1.3', '1.4'],
  SuiteBMinLOS_128ServerKMIPV1_2: [0x00000036, 'Suite B minLOS_128 Server KMIP v1.2', '1.3', '1.4'],
  SuiteBMinLOS_192ClientKMIPV1_0: [0x00000037, 'Suite B minLOS_192 Client KMIP v1.0', '1.3', '1.4'],
  SuiteBMinLOS_192ClientKMIPV1_1: [0x00000038, 'Suite B minLOS_192 Client KMIP v1.1', '1.3', '1.4'],
  SuiteBMinLOS_192ClientKMIPV1_2: [0x00000039, 'Suite B minLOS_192 Client KMIP v1.2', '1.3', '1.4'],
  SuiteBMinLOS_192ServerKMIPV1_0: [0x0000003a, 'Suite B minLOS_192 Server KMIP v1.0', '1.3', '1.4'],
  SuiteBMinLOS_192ServerKMIPV1_1: [0x0000003b, 'Suite B minLOS_192 Server KMIP v1.1', '1.3', '1.4'],
  SuiteBMinLOS_192ServerKMIPV1_2: [0x0000003c, 'Suite B minLOS_192 Server KMIP v1.2', '1.3', '1.4'],
  StorageArrayWithSelfEncryptingDriveClientKMIPV1_0: [
    0x0000003d,
    'Storage Array with Self Encrypting Drive Client KMIP v1.0',
    '1.3',
    '1.4',
  ],
  StorageArrayWithSelfEncryptingDriveClientKMIPV1_1: [
    0x0000003e,
    'Storage Array with Self Encrypting Drive Client KMIP v1.1',
    '1.3',
    '1.4',
  ],
  StorageArrayWithSelfEncryptingDriveClientKMIPV1_2: [
    0x0000003f,
    'Storage Array with Self Encrypting Drive Client KMIP v1.2',
    '1.3',
    '1.4',
  ],
  StorageArrayWithSelfEncryptingDriveServerKMIPV1_0: [
    0x00000040,
    'Storage Array with Self Encrypting Drive Server KMIP v1.0',
    '1.3',
    '1.4',
  ],
  StorageArrayWithSelfEncryptingDriveServerKMIPV1_1: [
    0x00000041,
    'Storage Array with Self Encrypting Drive Server KMIP v1.1',
    '1.3',
    '1.4',
  ],
  StorageArrayWithSelfEncryptingDriveServerKMIPV1_2: [
    0x00000042,
    'Storage Array with Self Encrypting Drive Server KMIP v1.2',
    '1.3',
    '1.4',
  ],
  HTTPSClientKMIPV1_0: [0x00000043, 'HTTPS Client KMIP v1.0', '1.3', '1.4'],
  HTTPSClientKMIPV1_1: [0x00000044, 'HTTPS Client KMIP v1.1', '1.3', '1.4'],
  HTTPSClientKMIPV1_2: [0x00000045, 'HTTPS Client KMIP v1.2', '1.3', '1.4'],
  HTTPSServerKMIPV1_0: [0x00000046, 'HTTPS Server KMIP v1.0', '1.3', '1.4'],
  HTTPSServerKMIPV1_1: [0x00000047, 'HTTPS Server KMIP v1.1', '1.3', '1.4'],
  HTTPSServerKMIPV1_2: [0x00000048, 'HTTPS Server KMIP v1.2', '1.3', '1.4'],
  JSONClientKMIPV1_0: [0x00000049, 'JSON Client KMIP v1.0', '1.3', '1.4'],
  JSONClientKMIPV1_1: [0x0000004a, 'JSON Client KMIP v1.1', '1.3', '1.4'],
  JSONClientKMIPV1_2: [0x0000004b, 'JSON Client KMIP v1.2', '1.3', '1.4'],
  JSONServerKMIPV1_0: [0x0000004c, 'JSON Server KMIP v1.0', '1.3', '1.4'],
  JSONServerKMIPV1_1: [0x0000004d, 'JSON Server KMIP v1.1', '1.3', '1.4'],
  JSONServerKMIPV1_2: [0x0000004e, 'JSON Server KMIP v1.2', '1.3', '1.4'],
  XMLClientKMIPV1_0: [0x0000004f, 'XML Client KMIP v1.0', '1.3', '1.4'],
  XMLClientKMIPV1_1: [0x00000050, 'XML Client KMIP v1.1', '1.3', '1.4'],
  XMLClientKMIPV1_2: [0x00000051, 'XML Client KMIP v1.2', '1.3', '1.4'],
  XMLServerKMIPV1_0: [0x00000052, 'XML Server KMIP v1.0', '1.3', '1.4'],
  XMLServerKMIPV1_1: [0x00000053, 'XML Server KMIP v1.1', '1.3', '1.4'],
  XMLServerKMIPV1_2: [0x00000054, 'XML Server KMIP v1.2', '1.3', '1.4'],
  BaselineServerBasicKMIPV1_3: [0x00000055, 'Baseline Server Basic KMIP v1.3', '1.3', '1.4'],
  BaselineServerTLSV1_2KMIPV1_3: [0x00000056, 'Baseline Server TLS v1.2 KMIP v1.3', '1.3', '1.4'],
  BaselineClientBasicKMIPV1_3: [0x00000057, 'Baseline Client Basic KMIP v1.3', '1.3', '1.4'],
  BaselineClientTLSV1_2KMIPV1_3: [0x00000058, 'Baseline Client TLS v1.2 KMIP v1.3', '1.3', '1.4'],
  CompleteServerBasicKMIPV1_3: [0x00000059, 'Complete Server Basic KMIP v1.3', '1.3', '1.4'],
  CompleteServerTLSV1_2KMIPV1_3: [0x0000005a, 'Complete Server TLS v1.2 KMIP v1.3', '1.3', '1.4'],
  TapeLibraryClientKMIPV1_3: [0x0000005b, 'Tape Library Client KMIP v1.3', '1.3', '1.4'],
  TapeLibraryServerKMIPV1_3: [0x0000005c, 'Tape Library Server KMIP v1.3', '1.3', '1.4'],
  SymmetricKeyLifecycleClientKMIPV1_3: [0x0000005d, 'Symmetric Key Lifecycle Client KMIP v1.3', '1.3', '1.4'],
  SymmetricKeyLifecycleServerKMIPV1_3: [0x0000005e, 'Symmetric Key Lifecycle Server KMIP v1.3', '1.3', '1.4'],
  AsymmetricKeyLifecycleClientKMIPV1_3: [
    0x0000005f,
    'Asymmetric Key Lifecycle Client KMIP v1.3',
    '1.3',
    '1.4',
  ],
  AsymmetricKeyLifecycleServerKMIPV1_3: [
    0x00000060,
    'Asymmetric Key Lifecycle Server KMIP v1.3',
    '1.3',
    '1.4',
  ],
  BasicCryptographicClientKMIPV1_3: [0x00000061, 'Basic Cryptographic Client KMIP v1.3', '1.3', '1.4'],
  BasicCryptographicServerKMIPV1_3: [0x00000062, 'Basic Cryptographic Server KMIP v1.3', '1.3', '1.4'],
  AdvancedCryptographicClientKMIPV1_3: [0x00000063, 'Advanced Cryptographic Client KMIP v1.3', '1.3', '1.4'],
  AdvancedCryptographicServerKMIPV1_3: [0x00000064, 'Advanced Cryptographic Server KMIP v1.3', '1.3', '1.4'],
  RNGCryptographicClientKMIPV1_3: [0x00000065, 'RNG Cryptographic Client KMIP v1.3', '1.3', '1.4'],
  RNGCryptographicServerKMIPV1_3: [0x00000066, 'RNG Cryptographic Server KMIP v1.3', '1.3', '1.4'],
  BasicSymmetricKeyFoundryClientKMIPV1_3: [
    0x00000067,
    'Basic Symmetric Key Foundry Client KMIP v1.3',
    '1.3',
    '1.4',
  ],
  IntermediateSymmetricKeyFoundryClientKMIPV1_3: [
    0x00000068,
    'Intermediate Symmetric Key Foundry Client KMIP v1.3',
    '1.3',
    '1.4',
  ],
  AdvancedSymmetricKeyFoundryClientKMIPV1_3: [
    0x00000069,
    'Advanced Symmetric Key Foundry Client KMIP v1.3',
    '1.3',
    '1.4',
  ],
  SymmetricKeyFoundryServerKMIPV1_3: [0x0000006a, 'Symmetric Key Foundry Server KMIP v1.3', '1.3', '1.4'],
  OpaqueManagedObjectStoreClientKMIPV1_3: [
    0x0000006b,
    'Opaque Managed Object Store Client KMIP v1.3',
    '1.3',
    '1.4',
  ],
  OpaqueManagedObjectStoreServerKMIPV1_3: [
    0x0000006c,
    'Opaque Managed Object Store Server KMIP v1.3',
    '1.3',
    '1.4',
  ],
  SuiteBMinLOS_128ClientKMIPV1_3: [0x0000006d, 'Suite B minLOS_128 Client KMIP v1.3', '1.3', '1.4'],
  SuiteBMinLOS_128ServerKMIPV1_3: [0x0000006e, 'Suite B minLOS_128 Server KMIP v1.3', '1.3', '1.4'],
  SuiteBMinLOS_192ClientKMIPV1_3: [0x0000006f, 'Suite B minLOS_192 Client KMIP v1.3', '1.3', '1.4'],
  SuiteBMinLOS_192ServerKMIPV1_3: [0x00000070, 'Suite B minLOS_192 Server KMIP v1.3', '1.3', '1.4'],
  StorageArrayWithSelfEncryptingDriveClientKMIPV1_3: [
    0x00000071,
    'Storage Array with Self Encrypting Drive Client KMIP v1.3',
    '1.3',
    '1.4',
  ],
  StorageArrayWithSelfEncryptingDriveServerKMIPV1_3: [
    0x00000072,
    'Storage Array with Self Encrypting Drive Server KMIP v1.3',
    '1.3',
    '1.4',
  ],
  HTTPSClientKMIPV1_3: [0x00000073, 'HTTPS Client KMIP v1.3', '1.3', '1.4'],
  HTTPSServerKMIPV1_3: [0x00000074, 'HTTPS Server KMIP v1.3', '1.3', '1.4'],
  JSONClientKMIPV1_3: [0x00000075, 'JSON Client KMIP v1.3', '1.3', '1.4'],
  JSONServerKMIPV1_3: [0x00000076, 'JSON Server KMIP v1.3', '1.3', '1.4'],
  XMLClientKMIPV1_3: [0x00000077, 'XML Client KMIP v1.3', '1.3', '1.4'],
  XMLServerKMIPV1_3: [0x00000078, 'XML Server KMIP v1.3', '1.3', '1.4'],
  BaselineServerBasicKMIPV1_4: [0x00000079, 'Baseline Server Basic KMIP v1.4', '1.4', '1.4'],
  BaselineServerTLSV1_2KMIPV1_4: [0x0000007a, 'Baseline Server TLS v1.2 KMIP v1.4', '1.4', '1.4'],
  BaselineClientBasicKMIPV1_4: [0x0000007b, 'Baseline Client Basic KMIP v1.4', '1.4', '1.4'],
  BaselineClientTLSV1_2KMIPV1_4: [0x0000007c, 'Baseline Client TLS v1.2 KMIP v1.4', '1.4', '1.4'],
  CompleteServerBasicKMIPV1_4: [0x0000007d, 'Complete Server Basic KMIP v1.4', '1.4', '1.4'],
  CompleteServerTLSV1_2KMIPV1_4: [0x0000007e, 'Complete Server TLS v1.2 KMIP v1.4', '1.4', '1.4'],
  TapeLibraryClientKMIPV1_4: [0x0000007f, 'Tape Library Client KMIP v1.4', '1.4', '1.4'],
  TapeLibraryServerKMIPV1_4: [0x00000080, 'Tape Library Server KMIP v1.4', '1.4', '1.4'],
  SymmetricKeyLifecycleClientKMIPV1_4: [0x00000081, 'Symmetric Key Lifecycle Client KMIP v1.4', '1.4', '1.4'],
  SymmetricKeyLifecycleServerKMIPV1_4: [0x00000082, 'Symmetric Key Lifecycle Server KMIP v1.4', '1.4', '1.4'],
  AsymmetricKeyLifecycleClientKMIPV1_4: [
    0x00000083,
    'Asymmetric Key Lifecycle Client KMIP v1.4',
    '1.4',
    '1.4',
  ],
  AsymmetricKeyLifecycleServerKMIPV1_4: [
    0x00000084,
    'Asymmetric Key Lifecycle Server KMIP v1.4',
    '1.4',
    '1.4',
  ],
  BasicCryptographicClientKMIPV1_4: [0x00000085, 'Basic Cryptographic Client KMIP v1.4', '1.4', '1.4'],
  BasicCryptographicServerKMIPV1_4: [0x00000086, 'Basic Cryptographic Server KMIP v1.4', '1.4', '1.4'],
  AdvancedCryptographicClientKMIPV1_4: [0x00000087, 'Advanced Cryptographic Client KMIP v1.4', '1.4', '1.4'],
  AdvancedCryptographicServerKMIPV1_4: [0x00000088, 'Advanced Cryptographic Server KMIP v1.4', '1.4', '1.4'],
  RNGCryptographicClientKMIPV1_4: [0x00000089, 'RNG Cryptographic Client KMIP v1.4', '1.4', '1.4'],
  RNGCryptographicServerKMIPV1_4: [0x0000008a, 'RNG Cryptographic Server KMIP v1.4', '1.4', '1.4'],
  BasicSymmetricKeyFoundryClientKMIPV1_4: [
    0x0000008b,
    'Basic Symmetric Key Foundry Client KMIP v1.4',
    '1.4',
    '1.4',
  ],
  IntermediateSymmetricKeyFoundryClientKMIPV1_4: [
    0x0000008c,
    'Intermediate Symmetric Key Foundry Client KMIP v1.4',
    '1.4',
    '1.4',
  ],
  AdvancedSymmetricKeyFoundryClientKMIPV1_4: [
    0x0000008d,
    'Advanced Symmetric Key Foundry Client KMIP v1.4',
    '1.4',
    '1.4',
  ],
  SymmetricKeyFoundryServerKMIPV1_4: [0x0000008e, 'Symmetric Key Foundry Server KMIP v1.4', '1.4', '1.4'],
  OpaqueManagedObjectStoreClientKMIPV1_4: [
    0x0000008f,
    'Opaque Managed Object Store Client KMIP v1.4',
    '1.4',
    '1.4',
  ],
  OpaqueManagedObjectStoreServerKMIPV1_4: [
    0x00000090,
    'Opaque Managed Object Store Server KMIP v1.4',
    '1.4',
    '1.4',
  ],
  SuiteBMinLOS_128ClientKMIPV1_4: [0x00000091, 'Suite B minLOS_128 Client KMIP v1.4', '1.4', '1.4'],
  SuiteBMinLOS_128ServerKMIPV1_4: [0x00000092, 'Suite B minLOS_128 Server KMIP v1.4', '1.4', '1.4'],
  SuiteBMinLOS_192ClientKMIPV1_4: [0x00000093, 'Suite B minLOS_192 Client KMIP v1.4', '1.4', '1.4'],
  SuiteBMinLOS_192ServerKMIPV1_4: [0x00000094, 'Suite B minLOS_192 Server KMIP v1.4', '1.4', '1.4'],
  StorageArrayWithSelfEncryptingDriveClientKMIPV1_4: [
    0x00000095,
    'Storage Array with Self Encrypting Drive Client KMIP v1.4',
    '1.4',
    '1.4',
  ],
  StorageArrayWithSelfEncryptingDriveServerKMIPV1_4: [
    0x00000096,
    'Storage Array with Self Encrypting Drive Server KMIP v1.4',
    '1.4',
    '1.4',
  ],
  HTTPSClientKMIPV1_4: [0x00000097, 'HTTPS Client KMIP v1.4', '1.4', '1.4'],
  HTTPSServerKMIPV1_4: [0x00000098, 'HTTPS Server KMIP v1.4', '1.4', '1.4'],
  JSONClientKMIPV1_4: [0x00000099, 'JSON Client KMIP v1.4', '1.4', '1.4'],
  JSONServerKMIPV1_4: [0x0000009a, 'JSON Server KMIP v1.4', '1.4', '1.4'],
  XMLClientKMIPV1_4: [0x0000009b, 'XML Client KMIP v1.4', '1.4', '1.4'],
  XMLServerKMIPV1_4: [0x0000009c, 'XML Server KMIP v1.4', '1.4', '1.4'],
  CompleteServerBasic: [0x00000104, 'Complete Server Basic', '2.0'],
  CompleteServerTLSV1_2: [0x00000105, 'Complete Server TLS v1.2', '2.0'],
  TapeLibraryClient: [0x00000106, 'Tape Library Client', '2.0'],
  TapeLibraryServer: [0x00000107, 'Tape Library Server', '2.0'],
  SymmetricKeyLifecycleClient: [0x00000108, 'Symmetric Key Lifecycle Client', '2.0'],
  SymmetricKeyLifecycleServer: [0x00000109, 'Symmetric Key Lifecycle Server', '2.0'],
  AsymmetricKeyLifecycleClient: [0x0000010a, 'Asymmetric Key Lifecycle Client', '2.0'],
  AsymmetricKeyLifecycleServer: [0x0000010b, 'Asymmetric Key Lifecycle Server', '2.0'],
  BasicCryptographicClient: [0x0000010c, 'Basic Cryptographic Client', '2.0'],
  BasicCryptographicServer: [0x0000010d, 'Basic Cryptographic Server', '2.0'],
  AdvancedCryptographicClient: [0x0000010e, 'Advanced Cryptographic Client', '2.0'],
  AdvancedCryptographicServer: [0x0000010f, 'Advanced Cryptographic Server', '2.0'],
  RNGCryptographicClient: [0x00000110, 'RNG Cryptographic Client', '2.0'],
  RNGCryptographicServer: [0x00000111, 'RNG Cryptographic Server', '2.0'],
  BasicSymmetricKeyFoundryClient: [0x00000112, 'Basic Symmetric Key Foundry Client', '2.0'],
  IntermediateSymmetricKeyFoundryClient: [0x00000113, 'Intermediate Symmetric Key Foundry Client', '2.0'],
  AdvancedSymmetricKeyFoundryClient: [0x00000114, 'Advanced Symmetric Key Foundry Client', '2.0'],
  SymmetricKeyFoundryServer: [0x00000115, 'Symmetric Key Foundry Server', '2.0'],
  OpaqueManagedObjectStoreClient: [0x00000116, 'Opaque Managed Object Store Client', '2.0'],
  OpaqueManagedObjectStoreServer: [0x00000117, 'Opaque Managed Object Store Server', '2.0'],
  StorageArrayWithSelfEncryptingDriveClient: [
    0x0000011c,
    'Storage Array with Self Encrypting Drive Client',
    '2.0',
  ],
  StorageArrayWithSelfEncryptingDriveServer: [
    0x0000011d,
    'Storage Array with Self Encrypting Drive Server',
    '2.0',
  ],
  HTTPSClient: [0x0000011e, 'HTTPS Client', '2.0'],
  HTTPSServer: [0x0000011f, 'HTTPS Server', '2.0'],
  JSONClient: [0x00000120, 'JSON Client', '2.0'],
  JSONServer: [0x00000121, 'JSON Server', '2.0'],
  XMLClient: [0x00000122, 'XML Client', '2.0'],
  XMLServer: [0x00000123, 'XML Server', '2.0'],
  AESXTSClient: [0x00000124, 'AES XTS Client', '2.0'],
  AESXTSServer: [0x00000125, 'AES XTS Server', '2.0'],
  QuantumSafeClient: [0x00000126, 'Quantum Safe Client', '2.0'],
  QuantumSafeServer: [0x00000127, 'Quantum Safe Server', '2.0'],
  PKCS_11Client: [0x00000128, 'PKCS#11 Client', '2.0'],
  PKCS_11Server: [0x00000129, 'PKCS#11 Server', '2.0'],
  BaselineClient: [0x0000012a, 'Baseline Client', '2.0'],
  BaselineServer: [0x0000012b, 'Baseline Server', '2.0'],
  CompleteServer: [0x0000012c, 'Complete Server', '2.0'],
});
export const ProfileName = profileNameEnum.values;
export type ProfileName = (typeof ProfileName)[keyof typeof ProfileName];

export const protectionLevelEnum = enumeration('Protection Level', {
  High: [0x00000001, 'High', '2.0'],
  Low: [0x00000002, 'Low', '2.0'],
});
export const ProtectionLevel = protectionLevelEnum.values;
export type ProtectionLevel = (typeof ProtectionLevel)[keyof typeof ProtectionLevel];

export const putFunctionEnum = enumeration('Put Function', {
  New: [0x00000001, 'New', '1.0'],
  Replace: [0x00000002, 'Replace', '1.0'],
});
export const PutFunction = putFunctionEnum.values;
export type PutFunction = (typeof PutFunction)[keyof typeof PutFunction];

export const queryFunctionEnum = enumeration('Query Function', {
  QueryOperations: [0x00000001, 'Query Operations', '1.0'],
  QueryObjects: [0x00000002, 'Query Objects', '1.0'],
  QueryServerInformation: [0x00000003, 'Query Server Information', '1.0'],
  QueryApplicationNamespaces: [0x00000004, 'Query Application Namespaces', '1.0'],
  QueryExtensionList: [0x00000005, 'Query Extension List', '1.1'],
  QueryExtensionMap: [0x00000006, 'Query Extension Map', '1.1'],
  QueryAttestationTypes: [0x00000007, 'Query Attestation Types', '1.2'],
  QueryRNGs: [0x00000008, 'Query RNGs', '1.3'],
  QueryValidations: [0x00000009, 'Query Validations', '1.3'],
  QueryProfiles: [0x0000000a, 'Query Profiles', '1.3'],
  QueryCapabilities: [0x0000000b, 'Query Capabilities', '1.3'],
  QueryClientRegistrationMethods: [0x0000000c, 'Query Client Registration Methods', '1.3'],
  QueryDefaultsInformation: [0x0000000d, 'Query Defaults Information', '2.0'],
  QueryStorageProtectionMasks: [0x0000000e, 'Query Storage Protection Masks', '2.0'],
});
export const QueryFunction = queryFunctionEnum.values;
export type QueryFunction = (typeof QueryFunction)[keyof typeof QueryFunction];

export const recommendedCurveEnum = enumeration('Recommended Curve', {
  P_192: [0x00000001, 'P-192', '1.0'],
  K_163: [0x00000002, 'K-163', '1.0'],
  B_163: [0x00000003, 'B-163', '1.0'],
  P_224: [0x00000004, 'P-224', '1.0'],
  K_233: [0x00000005, 'K-233', '1.0'],
  B_233: [0x00000006, 'B-233', '1.0'],
  P_256: [0x00000007, 'P-256', '1.0'],
  K_283: [0x00000008, 'K-283', '1.0'],
  B_283: [0x00000009, 'B-283', '1.0'],
  P_384: [0x0000000a, 'P-384', '1.0'],
  K_409: [0x0000000b, 'K-409', '1.0'],
  B_409: [0x0000000c, 'B-409', '1.0'],
  P_521: [0x0000000d, 'P-521', '1.0'],
  K_571: [0x0000000e, 'K-571', '1.0'],
  B_571: [0x0000000f, 'B-571', '1.0'],
  SECP112R1: [0x00000010, 'SECP112R1', '1.2'],
  SECP112R2: [0x00000011, 'SECP112R2', '1.2'],
  SECP128R1: [0x00000012, 'SECP128R1', '1.2'],
  SECP128R2: [0x00000013, 'SECP128R2', '1.2'],
  SECP160K1: [0x00000014, 'SECP160K1', '1.2'],
  SECP160R1: [0x00000015, 'SECP160R1', '1.2'],
  SECP160R2: [0x00000016, 'SECP160R2', '1.2'],
  SECP192K1: [0x00000017, 'SECP192K1', '1.2'],
  SECP224K1: [0x00000018, 'SECP224K1', '1.2'],
  SECP256K1: [0x00000019, 'SECP256K1', '1.2'],
  SECT113R1: [0x0000001a, 'SECT113R1', '1.2'],
  SECT113R2: [0x0000001b, 'SECT113R2', '1.2'],
  SECT131R1: [0x0000001c, 'SECT131R1', '1.2'],
  SECT131R2: [0x0000001d, 'SECT131R2', '1.2'],
  SECT163R1: [0x0000001e, 'SECT163R1', '1.2'],
  SECT193R1: [0x0000001f, 'SECT193R1', '1.2'],
  SECT193R2: [0x00000020, 'SECT193R2', '1.2'],
  SECT239K1: [0x00000021, 'SECT239K1', '1.2'],
  ANSIX9P192V2: [0x00000022, 'ANSIX9P192V2', '1.2'],
  ANSIX9P192V3: [0x00000023, 'ANSIX9P192V3', '1.2'],
  ANSIX9P239V1: [0x00000024, 'ANSIX9P239V1', '1.2'],
  ANSIX9P239V2: [0x00000025, 'ANSIX9P239V2', '1.2'],
  ANSIX9P239V3: [0x00000026, 'ANSIX9P239V3', '1.2'],
  ANSIX9C2PNB163V1: [0x00000027, 'ANSIX9C2PNB163V1', '1.2'],
  ANSIX9C2PNB163V2: [0x00000028, 'ANSIX9C2PNB163V2', '1.2'],
  ANSIX9C2PNB163V3: [0x00000029, 'ANSIX9C2PNB163V3', '1.2'],
  ANSIX9C2PNB176V1: [0x0000002a, 'ANSIX9C2PNB176V1', '1.2'],
  ANSIX9C2TNB191V1: [0x0000002b, 'ANSIX9C2TNB191V1', '1.2'],
  ANSIX9C2TNB191V2: [0x0000002c, 'ANSIX9C2TNB191V2', '1.2'],
  ANSIX9C2TNB191V3: [0x0000002d, 'ANSIX9C2TNB191V3', '1.2'],
  ANSIX9C2PNB208W1: [0x0000002e, 'ANSIX9C2PNB208W1', '1.2'],
  ANSIX9C2TNB239V1: [0x0000002f, 'ANSIX9C2TNB239V1', '1.2'],
  ANSIX9C2TNB239V2: [0x00000030, 'ANSIX9C2TNB239V2', '1.2'],
  ANSIX9C2TNB239V3: [0x00000031, 'ANSIX9C2TNB239V3', '1.2'],
  ANSIX9C2PNB272W1: [0x00000032, 'ANSIX9C2PNB272W1', '1.2'],
  ANSIX9C2PNB304W1: [0x00000033, 'ANSIX9C2PNB304W1', '1.2'],
  ANSIX9C2TNB359V1: [0x00000034, 'ANSIX9C2TNB359V1', '1.2'],
  ANSIX9C2PNB368W1: [0x00000035, 'ANSIX9C2PNB368W1', '1.2'],
  ANSIX9C2TNB431R1: [0x00000036, 'ANSIX9C2TNB431R1', '1.2'],
  BRAINPOOLP160R1: [0x00000037, 'BRAINPOOLP160R1', '1.2'],
  BRAINPOOLP160T1: [0x00000038, 'BRAINPOOLP160T1', '1.2'],
  BRAINPOOLP192R1: [0x00000039, 'BRAINPOOLP192R1', '1.2'],
  BRAINPOOLP192T1: [0x0000003a, 'BRAINPOOLP192T1', '1.2'],
  BRAINPOOLP224R1: [0x0000003b, 'BRAINPOOLP224R1', '1.2'],
  BRAINPOOLP224T1: [0x0000003c, 'BRAINPOOLP224T1', '1.2'],
  BRAINPOOLP256R1: [0x0000003d, 'BRAINPOOLP256R1', '1.2'],
  BRAINPOOLP256T1: [0x0000003e, 'BRAINPOOLP256T1', '1.2'],
  BRAINPOOLP320R1: [0x0000003f, 'BRAINPOOLP320R1', '1.2'],
  BRAINPOOLP320T1: [0x00000040, 'BRAINPOOLP320T1', '1.2'],
  BRAINPOOLP384R1: [0x00000041, 'BRAINPOOLP384R1', '1.2'],
  BRAINPOOLP384T1: [0x00000042, 'BRAINPOOLP384T1', '1.2'],
  BRAINPOOLP512R1: [0x00000043, 'BRAINPOOLP512R1', '1.2'],
  BRAINPOOLP512T1: [0x00000044, 'BRAINPOOLP512T1', '1.2'],
  CURVE25519: [0x00000045, 'CURVE25519', '2.0'],
  CURVE448: [0x00000046, 'CURVE448', '2.0'],
});
export const RecommendedCurve = recommendedCurveEnum.values;
export type RecommendedCurve = (typeof RecommendedCurve)[keyof typeof RecommendedCurve];

export const resultReasonEnum = enumeration('Result Reason', {
  ItemNotFound: [0x00000001, 'Item Not Found', '1.0'],
  ResponseTooLarge: [0x00000002, 'Response Too Large', '1.0'],
  AuthenticationNotSuccessful: [0x00000003, 'Authentication Not Successful', '1.0'],
  InvalidMessage: [0x00000004, 'Invalid Message', '1.0'],
  OperationNotSupported: [0x00000005, 'Operation Not Supported', '1.0'],
  MissingData: [0x00000006, 'Missing Data', '1.0'],
  InvalidField: [0x00000007, 'Invalid Field', '1.0'],
  FeatureNotSupported: [0x00000008, 'Feature Not Supported', '1.0'],
  OperationCanceledByRequester: [0x00000009, 'Operation Canceled By Requester', '1.0'],
  CryptographicFailure: [0x0000000a, 'Cryptographic Failure', '1.0'],
  IllegalOperation: [0x0000000b, 'Illegal Operation', '1.0', '1.4'],
  PermissionDenied: [0x0000000c, 'Permission Denied', '1.0'],
  ObjectArchived: [0x0000000d, 'Object Archived', '1.0'],
  IndexOutOfBounds: [0x0000000e, 'Index Out of Bounds', '1.0', '1.4'],
  ApplicationNamespaceNotSupported: [0x0000000f, 'Application Namespace Not Supported', '1.0'],
  KeyFormatTypeNotSupported: [0x00000010, 'Key Format Type Not Supported', '1.0'],
  KeyCompressionTypeNotSupported: [0x00000011, 'Key Compression Type Not Supported', '1.0'],
  EncodingOptionError: [0x00000012, 'Encoding Option Error', '1.1'],
  KeyValueNotPresent: [0x00000013, 'Key Value Not Present', '1.2'],
  AttestationRequired: [0x00000014, 'Attestation Required', '1.2'],
  AttestationFailed: [0x00000015, 'Attestation Failed', '1.2'],
  Sensitive: [0x00000016, 'Sensitive', '1.4'],
  NotExtractable: [0x00000017, 'Not Extractable', '1.4'],
  ObjectAlreadyExists: [0x00000018, 'Object Already Exists', '1.4'],
  InvalidTicket: [0x00000019, 'Invalid Ticket', '2.0'],
  UsageLimitExceeded: [0x0000001a, 'Usage Limit Exceeded', '2.0'],
  NumericRange: [0x0000001b, 'Numeric Range', '2.0'],
  InvalidDataType: [0x0000001c, 'Invalid Data Type', '2.0'],
  ReadOnlyAttribute: [0x0000001d, 'Read Only Attribute', '2.0'],
  MultiValuedAttribute: [0x0000001e, 'Multi Valued Attribute', '2.0'],
  UnsupportedAttribute: [0x0000001f, 'Unsupported Attribute', '2.0'],
  AttributeInstanceNotFound: [0x00000020, 'Attribute Instance Not Found', '2.0'],
  AttributeNotFound: [0x00000021, 'Attribute Not Found', '2.0'],
  AttributeReadOnly: [0x00000022, 'Attribute Read Only', '2.0'],
  AttributeSingleValued: [0x00000023, 'Attribute Single Valued', '2.0'],
  BadCryptographicParameters: [0x00000024, 'Bad Cryptographic Parameters', '2.0'],
  BadPassword: [0x00000025, 'Bad Password', '2.0'],
  CodecError: [0x00000026, 'Codec Error', '2.0'],
  IllegalObjectType: [0x00000028, 'Illegal Object Type', '2.0'],
  IncompatibleCryptographicUsageMask: [0x00000029, 'Incompatible Cryptographic Usage Mask', '2.0'],
  InternalServerError: [0x0000002a, 'Internal Server Error', '2.0'],
  InvalidAsynchronousCorrelationValue: [0x0000002b, 'Invalid Asynchronous Correlation Value', '2.0'],
  InvalidAttribute: [0x0000002c, 'Invalid Attribute', '2.0'],
  InvalidAttributeValue: [0x0000002d, 'Invalid Attribute Value', '2.0'],
  InvalidCorrelationValue: [0x0000002e, 'Invalid Correlation Value', '2.0'],
  InvalidCSR: [0x0000002f, 'Invalid CSR', '2.0'],
  InvalidObjectType: [0x00000030, 'Invalid Object Type', '2.0'],
  KeyWrapTypeNotSupported: [0x00000032, 'Key Wrap Type Not Supported', '2.0'],
  MissingInitializationVector: [0x00000034, 'Missing Initialization Vector', '2.0'],
  NonUniqueNameAttribute: [0x00000035, 'Non Unique Name Attribute', '2.0'],
  ObjectDestroyed: [0x00000036, 'Object Destroyed', '2.0'],
  ObjectNotFound: [0x00000037, 'Object Not Found', '2.0'],
  NotAuthorised: [0x00000039, 'Not Authorised', '2.0'],
  ServerLimitExceeded: [0x0000003a, 'Server Limit Exceeded', '2.0'],
  UnknownEnumeration: [0x0000003b, 'Unknown Enumeration', '2.0'],
  UnknownMessageExtension: [0x0000003c, 'Unknown Message Extension', '2.0'],
  UnknownTag: [0x0000003d, 'Unknown Tag', '2.0'],
  UnsupportedCryptographicParameters: [0x0000003e, 'Unsupported Cryptographic Parameters', '2.0'],
  UnsupportedProtocolVersion: [0x0000003f, 'Unsupported Protocol Version', '2.0'],
  WrappingObjectArchived: [0x00000040, 'Wrapping Object Archived', '2.0'],
  WrappingObjectDestroyed: [0x00000041, 'Wrapping Object Destroyed', '2.0'],
  WrappingObjectNotFound: [0x00000042, 'Wrapping Object Not Found', '2.0'],
  WrongKeyLifecycleState: [0x00000043, 'Wrong Key Lifecycle State', '2.0'],
  ProtectionStorageUnavailable: [0x00000044, 'Protection Storage Unavailable', '2.0'],
  PKCS_11CodecError: [0x00000045, 'PKCS#11 Codec Error', '2.0'],
  PKCS_11InvalidFunction: [0x00000046, 'PKCS#11 Invalid Function', '2.0'],
  PKCS_11InvalidInterface: [0x00000047, 'PKCS#11 Invalid Interface', '2.0'],
  PrivateProtectionStorageUnavailable: [0x00000048, 'Private Protection Storage Unavailable', '2.0'],
  PublicProtectionStorageUnavailable: [0x00000049, 'Public Protection Storage Unavailable', '2.0'],
  UnknownObjectGroup: [0x0000004a, 'Unknown Object Group', '2.1'],
  ConstraintViolation: [0x0000004b, 'Constraint Violation', '2.1'],
  DuplicateProcessRequest: [0x0000004c, 'Duplicate Process Request', '2.1'],
  GeneralFailure: [0x00000100, 'General Failure', '1.0'],
});
export const ResultReason = resultReasonEnum.values;
export type ResultReason = (typeof ResultReason)[keyof typeof ResultReason];

export const resultStatusEnum = enumeration('Result Status', {
  Success: [0x00000000, 'Success', '1.0'],
  OperationFailed: [0x00000001, 'Operation Failed', '1.0'],
  OperationPending: [0x00000002, 'Operation Pending', '1.0'],
  OperationUndone: [0x00000003, 'Operation Undone', '1.0'],
});
export const ResultStatus = resultStatusEnum.values;
export type ResultStatus = (typeof ResultStatus)[keyof typeof ResultStatus];

export const revocationReasonCodeEnum = enumeration('Revocation Reason Code', {
  Unspecified: [0x00000001, 'Unspecified', '1.0'],
  KeyCompromise: [0x00000002, 'Key Compromise', '1.0'],
  CACompromise: [0x00000003, 'CA Compromise', '1.0'],
  AffiliationChanged: [0x00000004, 'Affiliation Changed', '1.0'],
  Superseded: [0x00000005, 'Superseded', '1.0'],
  CessationOfOperation: [0x00000006, 'Cessation of Operation', '1.0'],
  PrivilegeWithdrawn: [0x00000007, 'Privilege Withdrawn', '1.0'],
});
export const RevocationReasonCode = revocationReasonCodeEnum.values;
export type RevocationReasonCode = (typeof RevocationReasonCode)[keyof typeof RevocationReasonCode];

export const rngAlgorithmEnum = enumeration('RNG Algorithm', {
  Unspecified: [0x00000001, 'Unspecified', '1.3'],
  FIPS186_2: [0x00000002, 'FIPS 186-2', '1.3'],
  DRBG: [0x00000003, 'DRBG', '1.3'],
  NRBG: [0x00000004, 'NRBG', '1.3'],
  ANSIX9_31: [0x00000005, 'ANSI X9.31', '1.3'],
  ANSIX9_62: [0x00000006, 'ANSI X9.62', '1.3'],
});
export const RNGAlgorithm = rngAlgorithmEnum.values;
export type RNGAlgorithm = (typeof RNGAlgorithm)[keyof typeof RNGAlgorithm];

export const rngModeEnum = enumeration('RNG Mode', {
  Unspecified: [0x00000001, 'Unspecified', '1.3'],
  SharedInstantiation: [0x00000002, 'Shared Instantiation', '1.3'],
  NonSharedInstantiation: [0x00000003, 'Non-Shared Instantiation', '1.3'],
});
export const RNGMode = rngModeEnum.values;
export type RNGMode = (typeof RNGMode)[keyof typeof RNGMode];

export const rotateNameTypeEnum = enumeration('Rotate Name Type', {
  UninterpretedTextString: [0x00000001, 'Uninterpreted Text String', '2.1'],
  URI: [0x00000002, 'URI', '2.1'],
});
export const RotateNameType = rotateNameTypeEnum.values;
export type RotateNameType = (typeof RotateNameType)[keyof typeof RotateNameType];

export const secretDataTypeEnum = enumeration('Secret Data Type', {
  Password: [0x00000001, 'Password', '1.0'],
  Seed: [0x00000002, 'Seed', '1.0'],
});
export const SecretDataType = secretDataTypeEnum.values;
export type SecretDataType = (typeof SecretDataType)[keyof typeof SecretDataType];

export const shreddingAlgorithmEnum = enumeration('Shredding Algorithm', {
  Unspecified: [0x00000001, 'Unspecified', '1.3'],
  Cryptographic: [0x00000002, 'Cryptographic', '1.3'],
  Unsupported: [0x00000003, 'Unsupported', '1.3'],
});
export const ShreddingAlgorithm = shreddingAlgorithmEnum.values;
export type ShreddingAlgorithm = (typeof ShreddingAlgorithm)[keyof typeof ShreddingAlgorithm];

export const splitKeyMethodEnum = enumeration('Split Key Method', {
  XOR: [0x00000001, 'XOR', '1.0'],
  PolynomialSharingGF2_16: [0x00000002, 'Polynomial Sharing GF (2^16)', '1.0'],
  PolynomialSharingPrimeField: [0x00000003, 'Polynomial Sharing Prime Field', '1.0'],
  PolynomialSharingGF2_8: [0x00000004, 'Polynomial Sharing GF (2^8)', '1.2'],
});
export const SplitKeyMethod = splitKeyMethodEnum.values;
export type SplitKeyMethod = (typeof SplitKeyMethod)[keyof typeof SplitKeyMethod];

export const stateEnum = enumeration('State', {
  PreActive: [0x00000001, 'Pre-Active', '1.0'],
  Active: [0x00000002, 'Active', '1.0'],
  Deactivated: [0x00000003, 'Deactivated', '1.0'],
  Compromised: [0x00000004, 'Compromised', '1.0'],
  Destroyed: [0x00000005, 'Destroyed', '1.0'],
  DestroyedCompromised: [0x00000006, 'Destroyed Compromised', '1.0'],
});
export const State = stateEnum.values;
export type State = (typeof State)[keyof typeof State];

export const ticketTypeEnum = enumeration('Ticket Type', {
  Login: [0x00000001, 'Login', '2.0'],
});
export const TicketType = ticketTypeEnum.values;
export type TicketType = (typeof TicketType)[keyof typeof TicketType];

export const uniqueIdentifierEnum = enumeration('Unique Identifier', {
  IDPlaceholder: [0x00000001, 'ID Placeholder', '2.0'],
  Certify: [0x00000002, 'Certify', '2.0'],
  Create: [0x00000003, 'Create', '2.0'],
  CreateKeyPair: [0x00000004, 'Create Key Pair', '2.0'],
  CreateKeyPairPrivateKey: [0x00000005, 'Create Key Pair Private Key', '2.0'],
  CreateKeyPairPublicKey: [0x00000006, 'Create Key Pair Public Key', '2.0'],
  CreateSplitKey: [0x00000007, 'Create Split Key', '2.0'],
  DeriveKey: [0x00000008, 'Derive Key', '2.0'],
  Import: [0x00000009, 'Import', '2.0'],
  JoinSplitKey: [0x0000000a, 'Join Split Key', '2.0'],
  Locate: [0x0000000b, 'Locate', '2.0'],
  Register: [0x0000000c, 'Register', '2.0'],
  ReKey: [0x0000000d, 'Re-key', '2.0'],
  ReCertify: [0x0000000e, 'Re-certify', '2.0'],
  ReKeyKeyPair: [0x0000000f, 'Re-key Key Pair', '2.0'],
  ReKeyKeyPairPrivateKey: [0x00000010, 'Re-key Key Pair Private Key', '2.0'],
  ReKeyKeyPairPublicKey: [0x00000011, 'Re-key Key Pair Public Key', '2.0'],
});
export const UniqueIdentifier = uniqueIdentifierEnum.values;
export type UniqueIdentifier = (typeof UniqueIdentifier)[keyof typeof UniqueIdentifier];

export const unwrapModeEnum = enumeration('Unwrap Mode', {
  Unspecified: [0x00000001, 'Unspecified', '1.3'],
  Processed: [0x00000002, 'Processed', '1.3'],
  NotProcessed: [0x00000003, 'Not Processed', '1.3'],
});
export const UnwrapMode = unwrapModeEnum.values;
export type UnwrapMode = (typeof UnwrapMode)[keyof typeof UnwrapMode];

export const usageLimitsUnitEnum = enumeration('Usage Limits Unit', {
  Byte: [0x00000001, 'Byte', '1.0'],
  Object: [0x00000002, 'Object', '1.0'],
});
export const UsageLimitsUnit = usageLimitsUnitEnum.values;
export type UsageLimitsUnit = (typeof UsageLimitsUnit)[keyof typeof UsageLimitsUnit];

export const validationAuthorityTypeEnum = enumeration('Validation Authority Type', {
  Unspecified: [0x00000001, 'Unspecified', '1.3'],
  NISTCMVP: [0x00000002, 'NIST CMVP', '1.3'],
  CommonCriteria: [0x00000003, 'Common Criteria', '1.3'],
});
export const ValidationAuthorityType = validationAuthorityTypeEnum.values;
export type ValidationAuthorityType = (typeof ValidationAuthorityType)[keyof typeof ValidationAuthorityType];

export const validationTypeEnum = enumeration('Validation Type', {
  Unspecified: [0x00000001, 'Unspecified', '1.3'],
  Hardware: [0x00000002, 'Hardware', '1.3'],
  Software: [0x00000003, 'Software', '1.3'],
  Firmware: [0x00000004, 'Firmware', '1.3'],
  Hybrid: [0x00000005, 'Hybrid', '1.3'],
});
export const ValidationType = validationTypeEnum.values;
export type ValidationType = (typeof ValidationType)[keyof typeof ValidationType];

export const validityIndicatorEnum = enumeration('Validity Indicator', {
  Valid: [0x00000001, 'Valid', '1.0'],
  Invalid: [0x00000002, 'Invalid', '1.0'],
  Unknown: [0x00000003, 'Unknown', '1.0'],
});
export const ValidityIndicator = validityIndicatorEnum.values;
export type ValidityIndicator = (typeof ValidityIndicator)[keyof typeof ValidityIndicator];

export const wrappingMethodEnum = enumeration('Wrapping Method', {
  Encrypt: [0x00000001, 'Encrypt', '1.0'],
  MACSign: [0x00000002, 'MAC/sign', '1.0'],
  EncryptThenMACSign: [0x00000003, 'Encrypt then MAC/sign', '1.0'],
  MACSignThenEncrypt: [0x00000004, 'MAC/sign then encrypt', '1.0'],
  TR_31: [0x00000005, 'TR-31', '1.0'],
});
export const WrappingMethod = wrappingMethodEnum.values;
export type WrappingMethod = (typeof WrappingMethod)[keyof typeof WrappingMethod];
