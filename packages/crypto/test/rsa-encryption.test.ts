import {
  constants,
  createHash,
  privateDecrypt,
  publicEncrypt,
  createPrivateKey,
  createPublicKey,
} from 'node:crypto';
import {
  CryptographicAlgorithm,
  HashingAlgorithm,
  ObjectType,
  PaddingMethod,
  type CryptographicParameters,
  type KeyBlock,
} from '@holdfast/kmip';
import { SecretBytes } from '@holdfast/ttlv';
import { createCrypto } from '../src';
import { atOnce, codeOf, rejectionOf, hexOf, pairOf } from './support';

const crypto = createCrypto();
const { RSA } = CryptographicAlgorithm;
const { SHA_1, SHA_256, SHA_384, SHA_512 } = HashingAlgorithm;

let pair: { privateKey: KeyBlock; publicKey: KeyBlock };
beforeAll(async () => {
  pair = await pairOf(crypto, RSA, { lengthBits: 2048 });
});

const common = { ivCounterNonce: undefined, additionalData: undefined, isTagAppended: false };

function encrypted(parameters: CryptographicParameters, message: Buffer): Buffer {
  const value = { objectType: ObjectType.PublicKey, keyBlock: pair.publicKey };
  const running = crypto.encryption({ value, algorithm: RSA, parameters, ...common });
  running.update(SecretBytes.copyOf(message));
  return atOnce(running.final()).data;
}
async function decrypted(parameters: CryptographicParameters, ciphertext: Buffer): Promise<Buffer> {
  const value = { objectType: ObjectType.PrivateKey, keyBlock: pair.privateKey };
  const use = { value, algorithm: RSA, parameters, ...common, tag: undefined, isIvPrefixed: false };
  const running = crypto.decryption(use);
  running.update(ciphertext);
  return (await running.final()).reveal();
}
/** The same key for Node itself. */
const theirs = () => {
  const options = (block: KeyBlock) => ({
    key: Buffer.from(hexOf(block), 'hex'),
    format: 'der' as const,
    type: 'pkcs1' as const,
  });
  return {
    privateKey: createPrivateKey(options(pair.privateKey)),
    publicKey: createPublicKey(options(pair.publicKey)),
  };
};

const PKCS1: CryptographicParameters = { paddingMethod: PaddingMethod.PKCS1V1_5 };
const oaep = (
  hashingAlgorithm: HashingAlgorithm | undefined,
  more: CryptographicParameters = {},
): CryptographicParameters => ({ paddingMethod: PaddingMethod.OAEP, hashingAlgorithm, ...more });

const LENGTHS = [0, 1, 32, 62];

describe('OAEP', () => {
  const label = Buffer.from('label');

  test.each([
    [undefined, 'sha1'],
    [SHA_1, 'sha1'],
    [SHA_256, 'sha256'],
    [SHA_384, 'sha384'],
    [SHA_512, 'sha512'],
  ])('with the hash %p is what OpenSSL does', async (hash, oaepHash) => {
    for (const length of LENGTHS) {
      const message = Buffer.alloc(length, 7);
      const options = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash, oaepLabel: label };
      const parameters = oaep(hash, { pSource: label });
      const { privateKey, publicKey } = theirs();
      expect(privateDecrypt({ key: privateKey, ...options }, encrypted(parameters, message))).toEqual(
        message,
      );
      const ciphertext = publicEncrypt({ key: publicKey, ...options }, message);
      expect(await decrypted(parameters, ciphertext)).toEqual(message);
    }
  });

  test('takes another hash for the mask, and each has to be the right one', async () => {
    const message = Buffer.from('message');
    const parameters = oaep(SHA_384, { maskGeneratorHashingAlgorithm: SHA_256, pSource: label });
    const ciphertext = encrypted(parameters, message);
    expect(await decrypted(parameters, ciphertext)).toEqual(message);
    const wrong = [
      { ...parameters, maskGeneratorHashingAlgorithm: SHA_384 },
      { ...parameters, hashingAlgorithm: SHA_256 },
      { ...parameters, pSource: Buffer.from('Label') },
      PKCS1,
    ];
    for (const each of wrong)
      expect(await rejectionOf(decrypted(each, ciphertext))).toBe('CryptographicFailure');
  });

  /** RFC 8017 section 7.1.2 step 3 g: each fault on its own. */
  test.each<[string, string, (block: Buffer) => void]>([
    ['a leading octet that is not zero', '01', () => undefined],
    ['another label', '00', (block) => void (block[0] = (block[0] ?? 0) ^ 1)],
    ['another octet than 1 behind the zeros', '00', (block) => void (block[100] = 2)],
    ['nothing behind the zeros', '00', (block) => void block.fill(0, 32)],
  ])('%s does not decrypt', async (_what, first, spoil) => {
    const sha256 = (...parts: readonly Buffer[]) =>
      createHash('sha256').update(Buffer.concat(parts)).digest();
    const masked = (block: Buffer, by: Buffer): Buffer =>
      Buffer.from(block.map((octet, at) => octet ^ (sha256(by, Buffer.of(0, 0, 0, at >> 5))[at & 31] ?? 0)));
    const encoded = (leading: string, block: Buffer): Buffer => {
      const maskedBlock = masked(block, Buffer.alloc(32, 5));
      const maskedSeed = masked(Buffer.alloc(32, 5), maskedBlock);
      return Buffer.concat([Buffer.from(leading, 'hex'), maskedSeed, maskedBlock]);
    };
    const raw = { key: theirs().publicKey, padding: constants.RSA_NO_PADDING };
    const block = Buffer.concat([sha256(), Buffer.alloc(68), Buffer.of(1), Buffer.alloc(122, 7)]);
    const right = publicEncrypt(raw, encoded('00', block));
    expect(await decrypted(oaep(SHA_256), right)).toEqual(Buffer.alloc(122, 7));
    spoil(block);
    const wrong = publicEncrypt(raw, encoded(first, block));
    expect(await rejectionOf(decrypted(oaep(SHA_256), wrong))).toBe('CryptographicFailure');
  });

  test('holds what the hashes leave', async () => {
    expect(await decrypted(oaep(SHA_256), encrypted(oaep(SHA_256), Buffer.alloc(190)))).toEqual(
      Buffer.alloc(190),
    );
    expect(codeOf(() => encrypted(oaep(SHA_256), Buffer.alloc(191)))).toBe('CryptographicFailure');
  });
});

describe('PKCS1 v1.5', () => {
  test('is what OpenSSL does', async () => {
    for (const length of [...LENGTHS, 245]) {
      const message = Buffer.alloc(length, 7);
      const ciphertext = publicEncrypt(
        { key: theirs().publicKey, padding: constants.RSA_PKCS1_PADDING },
        message,
      );
      expect(await decrypted(PKCS1, ciphertext)).toEqual(message);
      expect(await decrypted(PKCS1, encrypted(PKCS1, message))).toEqual(message);
    }
    expect(codeOf(() => encrypted(PKCS1, Buffer.alloc(246)))).toBe('CryptographicFailure');
  });

  /** RFC 8017 section 7.2.2: each fault on its own. */
  test.each<[string, (encoded: Buffer) => void]>([
    ['no leading zero', (encoded) => void (encoded[0] = 1)],
    ['block type 1', (encoded) => void (encoded[1] = 1)],
    ['seven octets of padding', (encoded) => void (encoded[9] = 0)],
    ['no end of the padding', (encoded) => void encoded.fill(7, 2)],
  ])('%s does not decrypt', async (_what, spoil) => {
    const encoded = Buffer.concat([
      Buffer.from([0, 2]),
      Buffer.alloc(8, 9),
      Buffer.alloc(1),
      Buffer.alloc(245, 7),
    ]);
    const raw = { key: theirs().publicKey, padding: constants.RSA_NO_PADDING };
    expect(await decrypted(PKCS1, publicEncrypt(raw, encoded))).toEqual(Buffer.alloc(245, 7));
    spoil(encoded);
    // As a number it has to stay below the modulus.
    expect(await rejectionOf(decrypted(PKCS1, publicEncrypt(raw, encoded)))).toBe('CryptographicFailure');
  });
});

test.each([
  [{}, 'BadCryptographicParameters'],
  [{ paddingMethod: PaddingMethod.None }, 'UnsupportedCryptographicParameters'],
  [{ paddingMethod: PaddingMethod.PSS }, 'UnsupportedCryptographicParameters'],
])('%p does not encrypt', (parameters, code) => {
  expect(codeOf(() => encrypted(parameters, Buffer.alloc(1)))).toBe(code);
});

test('a ciphertext of another length does not decrypt', async () => {
  for (const length of [0, 255, 257]) {
    expect(await rejectionOf(decrypted(PKCS1, Buffer.alloc(length)))).toBe('CryptographicFailure');
  }
  expect(await rejectionOf(decrypted(PKCS1, Buffer.alloc(256, 0xff)))).toBe('CryptographicFailure');
});
