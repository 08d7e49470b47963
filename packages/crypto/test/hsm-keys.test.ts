import {
  constants,
  createCipheriv,
  createDecipheriv,
  createHmac,
  generateKeyPairSync,
  privateEncrypt,
  randomBytes,
  type KeyObject,
} from 'node:crypto';
import type { HsmComputation, HsmKeyCalls, HsmKeys } from '@holdfast/core';
import {
  BlockCipherMode as Mode,
  CryptographicAlgorithm as Algorithm,
  HashingAlgorithm as Hash,
  KeyFormatType,
  ObjectType,
  PaddingMethod,
  type CryptographicParameters,
  DerivationMethod,
  type ManagedObjectValue,
} from '@holdfast/kmip';
import { SecretBytes } from '@holdfast/ttlv';
import { createCrypto } from '../src';
import { codeOf, secret } from './support';

/**
 * A device that computes with OpenSSL and knows its keys, so that what surrounds its computations (paddings, counters, IVs,
 * tags, encodings) can be compared with what the same key gives outside. Real tokens are tried in packages/hsm.
 */
const MATERIAL = randomBytes(32);
const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });

function withAes({ use, mechanism, bytes, iv, additionalData, tagLengthBytes = 16 }: HsmComputation): Buffer {
  const nonce = iv === undefined ? null : Buffer.from(iv);
  if (mechanism === 'AES_GCM') {
    const options = { authTagLength: tagLengthBytes };
    const aad = Buffer.from(additionalData ?? []);
    if (use === 'encrypt') {
      const cipher = createCipheriv('aes-256-gcm', MATERIAL, nonce ?? Buffer.alloc(0), options).setAAD(aad);
      return Buffer.concat([cipher.update(bytes), cipher.final(), cipher.getAuthTag()]);
    }
    const end = bytes.length - tagLengthBytes;
    const decipher = createDecipheriv('aes-256-gcm', MATERIAL, nonce ?? Buffer.alloc(0), options).setAAD(aad);
    decipher.setAuthTag(bytes.subarray(end));
    return Buffer.concat([decipher.update(bytes.subarray(0, end)), decipher.final()]);
  }
  const isPadded = mechanism === 'AES_KEY_WRAP_PAD';
  const isWrap = isPadded || mechanism === 'AES_KEY_WRAP';
  const name = isWrap
    ? `id-aes256-wrap${isPadded ? '-pad' : ''}`
    : mechanism === 'AES_CBC'
      ? 'aes-256-cbc'
      : 'aes-256-ecb';
  const start = isPadded ? Buffer.from('a65959a6', 'hex') : isWrap ? Buffer.alloc(8, 0xa6) : nonce;
  const isForward = use === 'encrypt' || use === 'wrap';
  const cipher = isForward ? createCipheriv(name, MATERIAL, start) : createDecipheriv(name, MATERIAL, start);
  cipher.setAutoPadding(false);
  return Buffer.concat([cipher.update(bytes), cipher.final()]);
}

function compute(computation: HsmComputation): Buffer {
  const { mechanism, bytes, use } = computation;
  const raw = { key: pair.privateKey, padding: constants.RSA_NO_PADDING };
  switch (mechanism) {
    case 'RSA_X_509':
      return privateEncrypt(raw, bytes);
    case 'SHA256_HMAC':
      return createHmac('sha256', MATERIAL).update(bytes).digest();
    default:
      if (use === 'sign') throw new Error('this device makes no such MAC');
      return withAes(computation);
  }
}

/** Keys in clear that went to the device to be wrapped, or came from it, opened. */
const keysInClear: Uint8Array[] = [];

function noting(computation: HsmComputation): Buffer {
  const { use, bytes } = computation;
  const output = compute(computation);
  if (use === 'wrap') keysInClear.push(bytes);
  if (use === 'unwrap') keysInClear.push(output);
  return output;
}

const device: HsmKeys = {
  request: <C extends keyof HsmKeyCalls>(_: C, input: HsmKeyCalls[C]['in']) =>
    Promise.resolve().then(() => noting(input as HsmComputation) as HsmKeyCalls[C]['out']),
};
const crypto = createCrypto(false, device);

const length = { cryptographicAlgorithm: Algorithm.AES, cryptographicLengthBits: 256 };
const hsmKey = { keyId: '00' };
const inside = {
  objectType: ObjectType.SymmetricKey,
  keyBlock: { keyFormatType: KeyFormatType.Raw, ...length, hsmKey },
} satisfies ManagedObjectValue;
const outside: ManagedObjectValue = {
  objectType: ObjectType.SymmetricKey,
  keyBlock: {
    keyFormatType: KeyFormatType.Raw,
    ...length,
    keyValue: { keyMaterial: SecretBytes.copyOf(MATERIAL), attributes: [] },
  },
};

async function encrypted(value: ManagedObjectValue, parameters: CryptographicParameters, text: Buffer) {
  const running = crypto.encryption({
    value,
    algorithm: Algorithm.AES,
    parameters,
    ivCounterNonce: ivOf(parameters),
    additionalData: parameters.blockCipherMode === Mode.GCM ? Buffer.from('aad') : undefined,
    isTagAppended: false,
  });
  // In two parts.
  const begun = [text.subarray(0, 7), text.subarray(7)].map((part) =>
    running.update(SecretBytes.copyOf(part)),
  );
  const { data, tag } = await running.final();
  running.destroy();
  return { data: Buffer.concat([...begun, data]), tag };
}

function ivOf({ blockCipherMode }: CryptographicParameters): Buffer | undefined {
  if (blockCipherMode === Mode.ECB) return undefined;
  // The counter runs over.
  if (blockCipherMode === Mode.CTR) return Buffer.alloc(16, 0xff);
  return Buffer.alloc(blockCipherMode === Mode.GCM ? 12 : 16, 7);
}

const SETS: readonly (readonly [string, CryptographicParameters])[] = [
  ['ECB', { blockCipherMode: Mode.ECB, paddingMethod: PaddingMethod.PKCS5 }],
  ['CBC', { blockCipherMode: Mode.CBC, paddingMethod: PaddingMethod.ANSIX9_23 }],
  ['CTR', { blockCipherMode: Mode.CTR }],
  ['GCM', { blockCipherMode: Mode.GCM, tagLengthBytes: 13 }],
];

describe.each(SETS)('AES in %s', (_, parameters) => {
  it.each([0, 1, 15, 16, 17, 100])('is the same inside and outside, for %d bytes', async (size) => {
    const text = randomBytes(size);
    const there = await encrypted(inside, parameters, text);
    expect(there).toEqual(await encrypted(outside, parameters, text));
    const running = crypto.decryption({
      value: inside,
      algorithm: Algorithm.AES,
      parameters,
      ivCounterNonce: ivOf(parameters),
      additionalData: parameters.blockCipherMode === Mode.GCM ? Buffer.from('aad') : undefined,
      tag: there.tag,
      isTagAppended: false,
      isIvPrefixed: false,
    });
    const begun = running.update(there.data);
    expect(Buffer.concat([begun.reveal(), (await running.final()).reveal()])).toEqual(text);
    running.destroy();
  });
});

it.each([
  ['NIST Key Wrap', Mode.NISTKeyWrap, 24],
  ['AES Key Wrap with Padding', Mode.AESKeyWrapPadding, 24],
  ['AES Key Wrap with Padding', Mode.AESKeyWrapPadding, 21],
  ['AES Key Wrap with Padding', Mode.AESKeyWrapPadding, 1],
])('wraps keys by %s as they are wrapped outside, and opens them', async (_, blockCipherMode, size) => {
  const parameters = { blockCipherMode };
  const request = (value: ManagedObjectValue) => ({ value, algorithm: Algorithm.AES, parameters });
  const content = randomBytes(size);
  const wrapped = await crypto.wrapBytes(request(inside), SecretBytes.copyOf(content));
  expect(wrapped).toEqual(await crypto.wrapBytes(request(outside), SecretBytes.copyOf(content)));
  const opened = await crypto.unwrapBytes(request(inside), wrapped);
  expect(opened.reveal()).toEqual(content);
  opened.destroy();
  const left = keysInClear.splice(0).filter((bytes) => bytes.some((octet) => octet !== 0));
  expect(left).toEqual([]);
});

const DERIVATIONS: readonly (readonly [string, DerivationMethod, CryptographicParameters, Algorithm])[] = [
  ['HMAC', DerivationMethod.HMAC, {}, Algorithm.HMAC_SHA256],
  ['counters', DerivationMethod.NIST800_108_C, {}, Algorithm.HMAC_SHA256],
  ['feedback', DerivationMethod.NIST800_108_F, {}, Algorithm.HMAC_SHA256],
  ['a double pipeline', DerivationMethod.NIST800_108_DPI, {}, Algorithm.HMAC_SHA256],
  ['encryption', DerivationMethod.ENCRYPT, { blockCipherMode: Mode.CBC }, Algorithm.AES],
];
it.each(DERIVATIONS)('derives by %s what is derived outside', async (_, method, parameters, algorithm) => {
  const derived = async (value: ManagedObjectValue): Promise<Buffer> => {
    const isEncryption = method === DerivationMethod.ENCRYPT;
    const request = {
      ...{
        method,
        value,
        algorithm,
        parameters,
        peer: undefined,
        salt: undefined,
        iterationCount: undefined,
      },
      data: [SecretBytes.copyOf(Buffer.alloc(48, 7))],
      initializationVector: isEncryption ? Buffer.alloc(16, 9) : undefined,
    };
    const lengthBytes = method === DerivationMethod.HMAC ? 32 : 48;
    return (await crypto.deriveBytes(request, lengthBytes)).reveal();
  };
  expect(await derived(inside)).toEqual(await derived(outside));
});

it.each([DerivationMethod.PBKDF2, DerivationMethod.HASH, DerivationMethod.HKDF])(
  'derivation method %d wants a key that is here',
  async (method) => {
    const request = {
      ...{
        method,
        value: inside,
        algorithm: Algorithm.AES,
        peer: undefined,
        initializationVector: undefined,
      },
      ...{ data: [], salt: Buffer.alloc(8), iterationCount: 1 },
      parameters: { hashingAlgorithm: Hash.SHA_256 },
    };
    await expect(crypto.deriveBytes(request, 16)).rejects.toMatchObject({ code: 'KeyValueNotPresent' });
  },
);

it('makes the same MACs', async () => {
  const [there, here] = await Promise.all(
    [inside, outside].map(async (value) => {
      const running = crypto.mac({ value, algorithm: Algorithm.HMAC_SHA256, parameters: {} });
      running.update(secret('0102'));
      return running.final();
    }),
  );
  expect(there).toEqual(here);
});

function privateValue({ publicKey }: { readonly publicKey: KeyObject }): ManagedObjectValue {
  const publicDer = publicKey.export({ format: 'der', type: 'spki' });
  return {
    objectType: ObjectType.PrivateKey,
    keyBlock: { keyFormatType: KeyFormatType.PKCS_8, hsmKey: { ...hsmKey, publicKey: publicDer } },
  };
}
function publicValue({ publicKey }: { readonly publicKey: KeyObject }): ManagedObjectValue {
  const der = publicKey.export({ format: 'der', type: 'spki' });
  const keyValue = { keyMaterial: SecretBytes.copyOf(der), attributes: [] };
  return { objectType: ObjectType.PublicKey, keyBlock: { keyFormatType: KeyFormatType.X_509, keyValue } };
}

it.each([
  ['PKCS #1 v1.5', { paddingMethod: PaddingMethod.PKCS1V1_5, hashingAlgorithm: Hash.SHA_256 }],
  ['PSS', { paddingMethod: PaddingMethod.PSS, hashingAlgorithm: Hash.SHA_384 }],
])('RSA signs by %s what its public key verifies', async (_, parameters) => {
  const data = secret('0a0b0c');
  const signing = crypto.signing(
    { value: privateValue(pair), algorithm: Algorithm.RSA, parameters },
    undefined,
  );
  signing.update(data);
  const signature = await signing.final();
  const request = { value: publicValue(pair), algorithm: Algorithm.RSA, parameters };
  const verification = crypto.verification(request, undefined);
  verification.update(data);
  expect(verification.verify(signature)).toBe(true);
});

it('RSA decrypts by OAEP what its public key encrypted', async () => {
  const parameters = { paddingMethod: PaddingMethod.OAEP, hashingAlgorithm: Hash.SHA_512 };
  const request = (value: ManagedObjectValue) => ({
    value,
    algorithm: Algorithm.RSA,
    parameters,
    ivCounterNonce: undefined,
    additionalData: undefined,
    isTagAppended: false,
    tag: undefined,
    isIvPrefixed: false,
  });
  const encryption = crypto.encryption(request(publicValue(pair)));
  encryption.update(secret('aabb'));
  const { data } = await encryption.final();
  const decryption = crypto.decryption(request(privateValue(pair)));
  decryption.update(data);
  expect((await decryption.final()).reveal().toString('hex')).toBe('aabb');
});

it('a key inside an HSM that is not there, and what the HSM is not asked for, are refused', () => {
  const parameters = { blockCipherMode: Mode.OFB };
  const common = { ivCounterNonce: Buffer.alloc(16), additionalData: undefined, isTagAppended: false };
  const request = { value: inside, algorithm: Algorithm.AES, parameters, ...common };
  expect(codeOf(() => crypto.encryption(request))).toBe('UnsupportedCryptographicParameters');
  expect(codeOf(() => createCrypto().encryption(request))).toBe('RootOfTrustUnavailable');
  expect(codeOf(() => crypto.keyMaterialBytes(inside.keyBlock))).toBe('KeyValueNotPresent');
});
