import {
  BlockCipherMode,
  CryptographicAlgorithm,
  DerivationMethod,
  DigitalSignatureAlgorithm,
  HashingAlgorithm,
  PaddingMethod,
  type CryptographicParameters,
} from '@holdfast/kmip';
import { SecretBytes } from '@holdfast/ttlv';
import { ParameterReader } from './codec';

/** The mechanisms of PKCS#11 (PKCS#11 Current Mechanisms v3.0) that use keys here, as parameters of KMIP. */

export type Purpose = 'encrypt' | 'decrypt' | 'sign' | 'verify';

/** A mechanism with its parameter. */
export interface Mechanism {
  /** MACs are made and verified, not signed. */
  readonly isMac: boolean;
  /** Signatures are r and s. */
  readonly isEcdsa: boolean;
  readonly parameters: CryptographicParameters;
  readonly ivCounterNonce?: Buffer;
  readonly additionalData?: Buffer;
  /** The most that may be encrypted or decrypted: all that a counter counts. */
  readonly maxLengthBytes?: number;
}

/** There is no such mechanism for the purpose, or it does not take what its parameter says. */
export type MechanismFault = 'mechanism invalid' | 'parameter invalid';

/** Undefined where the mechanism does not take what the parameter says. */
type Read = (parameter: ParameterReader) => Omit<Mechanism, 'isMac' | 'isEcdsa'> | undefined;
interface Row {
  readonly uses: 'cipher' | 'signature' | 'ecdsa' | 'mac';
  readonly hasParameter: boolean;
  readonly read: Read;
}

const IV_LENGTH_BYTES = 16;
const BLOCK_LENGTH_BITS = 128n;
/** Hashes by their mechanisms (CKM_SHA_1 and so on). */
export const HASHES: ReadonlyMap<bigint, HashingAlgorithm> = new Map([
  [0x220n, HashingAlgorithm.SHA_1],
  [0x250n, HashingAlgorithm.SHA_256],
  [0x255n, HashingAlgorithm.SHA_224],
  [0x260n, HashingAlgorithm.SHA_384],
  [0x270n, HashingAlgorithm.SHA_512],
]);
const mgfHashes: ReadonlyMap<bigint, HashingAlgorithm> = new Map([
  [1n, HashingAlgorithm.SHA_1],
  [2n, HashingAlgorithm.SHA_256],
  [3n, HashingAlgorithm.SHA_384],
  [4n, HashingAlgorithm.SHA_512],
  [5n, HashingAlgorithm.SHA_224],
]);

const bare = (uses: Row['uses'], parameters: CryptographicParameters): Row => ({
  uses,
  hasParameter: false,
  read: () => ({ parameters }),
});
const block = (blockCipherMode: BlockCipherMode, paddingMethod: PaddingMethod): Row => {
  const parameters = { blockCipherMode, paddingMethod };
  if (blockCipherMode === BlockCipherMode.ECB) return bare('cipher', parameters);
  return {
    uses: 'cipher',
    hasParameter: true,
    read: (parameter) => ({ parameters, ivCounterNonce: parameter.byteString() }),
  };
};
const signature = (digitalSignatureAlgorithm: DigitalSignatureAlgorithm): Row =>
  bare('signature', { digitalSignatureAlgorithm });
const ecdsa = (digitalSignatureAlgorithm: DigitalSignatureAlgorithm): Row =>
  bare('ecdsa', { digitalSignatureAlgorithm });
const hmac = (cryptographicAlgorithm: CryptographicAlgorithm): Row => bare('mac', { cryptographicAlgorithm });

/** CK_GCM_PARAMS: IV, its length in bits, additional data, length of the tag in bits. */
const gcm: Row = {
  uses: 'cipher',
  hasParameter: true,
  read(parameter) {
    const ivCounterNonce = parameter.byteString();
    parameter.ulong();
    const additionalData = parameter.byteString();
    // Parts of bytes stay: there are no such tags, and none is made shorter without a word.
    const tagLengthBytes = Number(parameter.ulong()) / 8;
    const parameters = { blockCipherMode: BlockCipherMode.GCM, tagLengthBytes };
    return {
      parameters,
      ivCounterNonce,
      ...(additionalData.length === 0 ? {} : { additionalData }),
    };
  },
};

/**
 * CK_AES_CTR_PARAMS: bits of the counter, which are the last ones of the block; first counter block. The whole block is counted
 * up, which is the same until the counter is at its end.
 */
const counter: Row = {
  uses: 'cipher',
  hasParameter: true,
  read(parameter) {
    const counterBits = parameter.ulong();
    const ivCounterNonce = parameter.fixedBytes(IV_LENGTH_BYTES);
    if (counterBits < 1n || counterBits > BLOCK_LENGTH_BITS) return undefined;
    const parameters = { blockCipherMode: BlockCipherMode.CTR };
    if (counterBits === BLOCK_LENGTH_BITS) return { parameters, ivCounterNonce };
    const counts = 1n << counterBits;
    const blocks = counts - (BigInt(`0x${ivCounterNonce.toString('hex')}`) % counts);
    return { parameters, ivCounterNonce, maxLengthBytes: Number(blocks) * IV_LENGTH_BYTES };
  },
};

/** CKZ_DATA_SPECIFIED: the label is in the parameter. */
const DATA_SPECIFIED = 1n;

/** CK_RSA_PKCS_OAEP_PARAMS: hash, mask generator, kind of source, label. */
const oaep: Row = {
  uses: 'cipher',
  hasParameter: true,
  read(parameter) {
    const hashingAlgorithm = HASHES.get(parameter.ulong());
    const maskGeneratorHashingAlgorithm = mgfHashes.get(parameter.ulong());
    const source = parameter.ulong();
    const pSource = parameter.byteString();
    const isSourced = source === DATA_SPECIFIED || (source === 0n && pSource.length === 0);
    if (hashingAlgorithm === undefined || maskGeneratorHashingAlgorithm === undefined || !isSourced)
      return undefined;
    const parameters = {
      paddingMethod: PaddingMethod.OAEP,
      hashingAlgorithm,
      maskGeneratorHashingAlgorithm,
      ...(pSource.length === 0 ? {} : { pSource }),
    };
    return { parameters };
  },
};

/** CK_RSA_PKCS_PSS_PARAMS: hash, which has to be the mechanism's; mask generator, length of the salt. */
const pss = (hashingAlgorithm: HashingAlgorithm): Row => ({
  uses: 'signature',
  hasParameter: true,
  read(parameter) {
    const hash = HASHES.get(parameter.ulong());
    const maskGeneratorHashingAlgorithm = mgfHashes.get(parameter.ulong());
    const saltLengthBytes = Number(parameter.ulong());
    if (hash !== hashingAlgorithm || maskGeneratorHashingAlgorithm === undefined) return undefined;
    return {
      parameters: {
        digitalSignatureAlgorithm: DigitalSignatureAlgorithm.RSASSA_PSS,
        hashingAlgorithm,
        maskGeneratorHashingAlgorithm,
        saltLengthBytes,
      },
    };
  },
});

/**
 * C_DeriveKey: hashes of the key, data encrypted under it (CKM_AES_ECB_ENCRYPT_DATA, CKM_AES_CBC_ENCRYPT_DATA), agreement with a
 * public key (CKM_ECDH1_DERIVE).
 */
export interface Derivation {
  readonly derivationMethod: DerivationMethod;
  readonly derivationParameters: {
    readonly cryptographicParameters: CryptographicParameters;
    readonly initializationVector?: Buffer;
    readonly derivationData: readonly SecretBytes[];
  };
  /** The other party's point, where the key agrees with one. */
  readonly publicData?: Buffer;
}

const DERIVING_HASHES: ReadonlyMap<bigint, HashingAlgorithm> = new Map([
  [0x392n, HashingAlgorithm.SHA_1],
  [0x393n, HashingAlgorithm.SHA_256],
  [0x394n, HashingAlgorithm.SHA_384],
  [0x395n, HashingAlgorithm.SHA_512],
  [0x396n, HashingAlgorithm.SHA_224],
]);
const ECB_ENCRYPT_DATA = 0x1104n;
const CBC_ENCRYPT_DATA = 0x1105n;
const ECDH1_DERIVE = 0x1050n;
/** The secret is the key as it is: KMIP's agreement knows no other. */
const CKD_NULL = 1n;
const DERIVING: readonly bigint[] = [
  ...DERIVING_HASHES.keys(),
  ECB_ENCRYPT_DATA,
  CBC_ENCRYPT_DATA,
  ECDH1_DERIVE,
];

/** As `readMechanism`, of a mechanism that derives keys. */
export function readDerivation(input: ParameterReader): Derivation | MechanismFault {
  const { number, parameter } = readParameter(input);
  if (!DERIVING.includes(number)) return 'mechanism invalid';
  const hashingAlgorithm = DERIVING_HASHES.get(number);
  if (hashingAlgorithm !== undefined) {
    if (parameter !== undefined) return 'parameter invalid';
    const derivationParameters = { cryptographicParameters: { hashingAlgorithm }, derivationData: [] };
    return { derivationMethod: DerivationMethod.HASH, derivationParameters };
  }
  if (parameter === undefined) return 'parameter invalid';
  if (number === ECDH1_DERIVE) return agreementOf(parameter);
  const isCbc = number === CBC_ENCRYPT_DATA;
  const initializationVector = isCbc ? parameter.fixedBytes(IV_LENGTH_BYTES) : undefined;
  const data = SecretBytes.copyOf(parameter.byteString());
  parameter.end();
  return {
    derivationMethod: DerivationMethod.ENCRYPT,
    derivationParameters: {
      cryptographicParameters: {
        blockCipherMode: isCbc ? BlockCipherMode.CBC : BlockCipherMode.ECB,
        paddingMethod: PaddingMethod.None,
      },
      ...(initializationVector === undefined ? {} : { initializationVector }),
      derivationData: [data],
    },
  };
}

/** CK_ECDH1_DERIVE_PARAMS: key derivation function, what it takes besides the secret, the other party's public key. */
function agreementOf(parameter: ParameterReader): Derivation | MechanismFault {
  const kdf = parameter.ulong();
  const sharedData = parameter.byteString();
  const publicData = parameter.byteString();
  parameter.end();
  if (kdf !== CKD_NULL || sharedData.length > 0) return 'parameter invalid';
  return {
    derivationMethod: DerivationMethod.AsymmetricKey,
    derivationParameters: { cryptographicParameters: {}, derivationData: [] },
    publicData,
  };
}

/** C_WrapKey and C_UnwrapKey; RSA mechanisms wrap as they encrypt. */
const WRAPPING: ReadonlyMap<bigint, CryptographicParameters> = new Map([
  [0x2109n, { blockCipherMode: BlockCipherMode.NISTKeyWrap }],
  [0x210bn, { blockCipherMode: BlockCipherMode.AESKeyWrapPadding }],
]);
const RSA_WRAPPING: readonly bigint[] = [0x1n, 0x9n];

const { CBC, ECB } = BlockCipherMode;
const MECHANISMS: ReadonlyMap<bigint, Row> = new Map([
  [0x1n, bare('cipher', { paddingMethod: PaddingMethod.PKCS1V1_5 })],
  [0x6n, signature(DigitalSignatureAlgorithm.SHA_1WithRSAEncryption)],
  [0x9n, oaep],
  [0x40n, signature(DigitalSignatureAlgorithm.SHA_256WithRSAEncryption)],
  [0x41n, signature(DigitalSignatureAlgorithm.SHA_384WithRSAEncryption)],
  [0x42n, signature(DigitalSignatureAlgorithm.SHA_512WithRSAEncryption)],
  [0x43n, pss(HashingAlgorithm.SHA_256)],
  [0x44n, pss(HashingAlgorithm.SHA_384)],
  [0x45n, pss(HashingAlgorithm.SHA_512)],
  [0x132n, block(ECB, PaddingMethod.None)],
  [0x133n, block(CBC, PaddingMethod.None)],
  [0x136n, block(CBC, PaddingMethod.PKCS5)],
  [0x221n, hmac(CryptographicAlgorithm.HMAC_SHA1)],
  [0x251n, hmac(CryptographicAlgorithm.HMAC_SHA256)],
  [0x261n, hmac(CryptographicAlgorithm.HMAC_SHA384)],
  [0x271n, hmac(CryptographicAlgorithm.HMAC_SHA512)],
  [0x1042n, ecdsa(DigitalSignatureAlgorithm.ECDSAWithSHA_1)],
  [0x1043n, ecdsa(DigitalSignatureAlgorithm.ECDSAWithSHA224)],
  [0x1044n, ecdsa(DigitalSignatureAlgorithm.ECDSAWithSHA256)],
  [0x1045n, ecdsa(DigitalSignatureAlgorithm.ECDSAWithSHA384)],
  [0x1046n, ecdsa(DigitalSignatureAlgorithm.ECDSAWithSHA512)],
  [0x1081n, block(ECB, PaddingMethod.None)],
  [0x1082n, block(CBC, PaddingMethod.None)],
  [0x1085n, block(CBC, PaddingMethod.PKCS5)],
  [0x1086n, counter],
  [0x1087n, gcm],
  [0x108an, bare('mac', { blockCipherMode: BlockCipherMode.CMAC })],
]);

/** C_GenerateKeyPair. */
export const CKM_RSA_PKCS_KEY_PAIR_GEN = 0x0n;
export const CKM_EC_KEY_PAIR_GEN = 0x1040n;
const PAIRING: readonly bigint[] = [CKM_RSA_PKCS_KEY_PAIR_GEN, CKM_EC_KEY_PAIR_GEN];

/** C_GenerateKey. */
export const CKM_AES_KEY_GEN = 0x1080n;
export const CKM_GENERIC_SECRET_KEY_GEN = 0x350n;
const GENERATING: readonly bigint[] = [CKM_GENERIC_SECRET_KEY_GEN, CKM_AES_KEY_GEN];

export const MECHANISM_NUMBERS: readonly bigint[] = [
  ...PAIRING,
  ...GENERATING,
  ...WRAPPING.keys(),
  ...DERIVING,
  ...MECHANISMS.keys(),
];

/** CKF_WRAP and CKF_UNWRAP. */
const WRAPS = 0x60000n;
/** CKF_DERIVE. */
const DERIVES = 0x80000n;

/** CKF_ENCRYPT and CKF_DECRYPT, CKF_SIGN and CKF_VERIFY, CKF_GENERATE, CKF_GENERATE_KEY_PAIR; 0 for a mechanism that there is not. */
export function mechanismFlags(number: bigint): bigint {
  if (GENERATING.includes(number)) return 0x8000n;
  if (PAIRING.includes(number)) return 0x10000n;
  if (WRAPPING.has(number)) return WRAPS;
  if (DERIVING.includes(number)) return DERIVES;
  const row = MECHANISMS.get(number);
  if (row === undefined) return 0n;
  if (row.uses !== 'cipher') return 0x2800n;
  return RSA_WRAPPING.includes(number) ? 0x300n | WRAPS : 0x300n;
}

/**
 * Reads a mechanism: its number, whether a parameter follows, the parameter's length and the parameter.
 * @throws HoldfastError PKCS_11CodecError
 */
export function readMechanism(input: ParameterReader, purpose: Purpose): Mechanism | MechanismFault {
  const { number, parameter } = readParameter(input);
  const row = MECHANISMS.get(number);
  const isCipher = purpose === 'encrypt' || purpose === 'decrypt';
  if (row === undefined || (row.uses === 'cipher') !== isCipher) return 'mechanism invalid';
  return mechanismOf(row, parameter);
}

/** As `readMechanism`, of a mechanism that wraps keys. */
export function readWrappingMechanism(
  input: ParameterReader,
): Pick<Mechanism, 'parameters'> | MechanismFault {
  const { number, parameter } = readParameter(input);
  const parameters = WRAPPING.get(number);
  if (parameters !== undefined) return parameter === undefined ? { parameters } : 'parameter invalid';
  const row = RSA_WRAPPING.includes(number) ? MECHANISMS.get(number) : undefined;
  return row === undefined ? 'mechanism invalid' : mechanismOf(row, parameter);
}

function readParameter(input: ParameterReader) {
  const number = input.ulong();
  return { number, parameter: input.byte() === 0 ? undefined : new ParameterReader(input.byteString()) };
}

function mechanismOf(row: Row, parameter: ParameterReader | undefined): Mechanism | MechanismFault {
  if (row.hasParameter !== (parameter !== undefined)) return 'parameter invalid';
  const mechanism = row.read(parameter ?? new ParameterReader(Buffer.alloc(0)));
  parameter?.end();
  if (mechanism === undefined) return 'parameter invalid';
  return { ...mechanism, isMac: row.uses === 'mac', isEcdsa: row.uses === 'ecdsa' };
}
