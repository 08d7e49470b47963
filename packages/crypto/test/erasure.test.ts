import {
  BlockCipherMode as Mode,
  CryptographicAlgorithm as Algorithm,
  KeyFormatType,
  ObjectType,
  PaddingMethod,
  type CryptographicParameters,
} from '@holdfast/kmip';
import { SecretBytes } from '@holdfast/ttlv';
import { createCrypto } from '../src';
import { codeOf, keyBlock, pairOf } from './support';

/** Copies of keys and data are zeroed, also where what they were made for is refused. */

const crypto = createCrypto();
const KEY = Buffer.from(Array.from({ length: 32 }, (_, i) => 0x80 + i));
const DATA = Buffer.from(Array.from({ length: 320 }, (_, i) => 1 + (i % 127)));

afterEach(() => jest.restoreAllMocks());

/** How many of the buffers that are made by `act` hold the start of the secret at its end. */
async function copiesLeftBy(secret: Buffer, act: () => unknown): Promise<number> {
  const spies = [jest.spyOn(Buffer, 'from'), jest.spyOn(Buffer, 'concat')];
  await act();
  const made = spies.flatMap((spy) => spy.mock.results.map(({ value }): unknown => value));
  jest.restoreAllMocks();
  return made.filter((each) => Buffer.isBuffer(each) && each.includes(secret.subarray(0, 8))).length;
}

function symmetric(lengthBytes = KEY.length) {
  const material = new SecretBytes(Buffer.from(KEY.subarray(0, lengthBytes)));
  return { objectType: ObjectType.SymmetricKey, keyBlock: keyBlock(KeyFormatType.Raw, material) };
}

const cipher = (parameters: CryptographicParameters, ivLengthBytes?: number, algorithm = Algorithm.AES) => ({
  value: symmetric(),
  algorithm,
  parameters,
  ivCounterNonce: ivLengthBytes === undefined ? undefined : Buffer.alloc(ivLengthBytes),
  additionalData: undefined as Buffer | undefined,
  isTagAppended: false,
});

const { CBC, CTR, GCM, XTS } = Mode;
const CBC_PKCS5 = { blockCipherMode: CBC, paddingMethod: PaddingMethod.PKCS5 };
const REFUSED: readonly (readonly [string, ReturnType<typeof cipher>])[] = [
  ['without an IV', cipher(CBC_PKCS5)],
  ['with an IV that is too short', cipher(CBC_PKCS5, 8)],
  [
    'with a padding that there is not',
    cipher({ blockCipherMode: CBC, paddingMethod: PaddingMethod.SSL3 }, 16),
  ],
  ['with a Tag Length that there is not', cipher({ blockCipherMode: GCM, tagLengthBytes: 7 }, 12)],
  ['with additional data', { ...cipher({ blockCipherMode: CTR }, 16), additionalData: Buffer.alloc(1) }],
];

test.each(REFUSED)('the key, where encryption is refused: %s', async (_, request) => {
  let code = 'none';
  const left = await copiesLeftBy(KEY, () => {
    code = codeOf(() => crypto.encryption(request));
  });
  expect([left, code]).toEqual([0, expect.not.stringMatching('none')]);
});

test.each(REFUSED)('the key, where decryption is refused: %s', async (_, request) => {
  let code = 'none';
  const left = await copiesLeftBy(KEY, () => {
    code = codeOf(() => crypto.decryption({ ...request, tag: Buffer.alloc(16), isIvPrefixed: false }));
  });
  expect([left, code]).toEqual([0, expect.not.stringMatching('none')]);
});

test('the key, where the IV that is to stand in front of the ciphertext never comes', async () => {
  const request = { ...cipher(CBC_PKCS5), tag: undefined, isIvPrefixed: true };
  const left = await copiesLeftBy(KEY, () => {
    const decryption = crypto.decryption(request);
    decryption.update(Buffer.alloc(15));
    decryption.destroy();
  });
  expect(left).toBe(0);
});

test('the key of a CMAC, also where the cipher does not take it', async () => {
  const parameters = { blockCipherMode: Mode.CMAC };
  const refused = { value: symmetric(8), algorithm: Algorithm.DES3, parameters };
  expect(
    await copiesLeftBy(KEY, () => {
      expect(codeOf(() => crypto.mac(refused))).toBe('CryptographicFailure');
    }),
  ).toBe(0);
});

test('data that is too short for the mode, too long for the key, or signed as a whole', async () => {
  const data = SecretBytes.copyOf(DATA);
  const short = SecretBytes.copyOf(DATA.subarray(0, 15));
  const rsa = await pairOf(crypto, Algorithm.RSA, { lengthBits: 1024 });
  const ed25519 = await pairOf(crypto, Algorithm.Ed25519);
  const tooShort = () => {
    const encryption = crypto.encryption(cipher({ blockCipherMode: XTS }, 16));
    encryption.update(short);
    expect(codeOf(() => encryption.final())).toBe('CryptographicFailure');
    encryption.destroy();
  };
  const tooLong = () => {
    const value = { objectType: ObjectType.PublicKey, keyBlock: rsa.publicKey };
    const parameters = { paddingMethod: PaddingMethod.OAEP };
    const encryption = crypto.encryption({ ...cipher(parameters), value, algorithm: Algorithm.RSA });
    encryption.update(data);
    expect(codeOf(() => encryption.final())).toBe('CryptographicFailure');
    encryption.destroy();
  };
  const signed = async () => {
    const value = { objectType: ObjectType.PrivateKey, keyBlock: ed25519.privateKey };
    const signing = crypto.signing({ value, algorithm: Algorithm.Ed25519, parameters: {} }, undefined);
    signing.update(data);
    expect(await signing.final()).toHaveLength(64);
    signing.destroy();
  };
  for (const act of [tooShort, tooLong, signed]) expect(await copiesLeftBy(DATA, act)).toBe(0);
});
