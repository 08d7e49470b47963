import fc from 'fast-check';
import { BlockCipherMode, CryptographicAlgorithm } from '@holdfast/kmip';
import { SecretBytes } from '@holdfast/ttlv';
import { createCrypto } from '../src';
import { codeOf, secret } from './support';

const crypto = createCrypto();
const PLAIN = { blockCipherMode: BlockCipherMode.NISTKeyWrap };
const PADDING = { blockCipherMode: BlockCipherMode.AESKeyWrapPadding };
const KEK = '000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F';
const KEY = '00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F';

describe('AES Key Wrap, RFC 3394 section 4', () => {
  it.each([
    [128, 128, '1FA68B0A8112B447AEF34BD8FB5A7B829D3E862371D2CFE5'],
    [192, 128, '96778B25AE6CA435F92B5B97C050AED2468AB8A17AD84E5D'],
    [256, 128, '64E8C3F9CE0F5BA263E9777905818A2A93C8191E7D6E8AE7'],
    [192, 192, '031D33264E15D33268F24EC260743EDCE1C6C7DDEE725A936BA814915C6762D2'],
    [256, 192, 'A8F9BC1612C68B3FF6E6F4FBE30E71E4769C8B80A32CB8958CD5D17D6B254DA1'],
    [256, 256, '28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9B7A02DD21'],
  ])('KEK of %d bits, key of %d bits', (kekBits, keyBits, wrapped) => {
    const kek = secret(KEK.slice(0, kekBits / 4));
    const key = secret(KEY.slice(0, keyBits / 4));
    const expected = Buffer.from(wrapped, 'hex');
    expect(crypto.wrapBytes(kek, undefined, key)).toEqual(expected);
    expect(crypto.wrapBytes(kek, { blockCipherMode: BlockCipherMode.NISTKeyWrap }, key)).toEqual(expected);
    expect(crypto.unwrapBytes(kek, undefined, expected).equals(key)).toBe(true);
  });
});

describe('AES Key Wrap with Padding, RFC 5649 section 6', () => {
  const kek = '5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8';
  it.each([
    [
      'c37b7e6492584340bed12207808941155068f738',
      '138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a',
    ],
    ['466f7250617369', 'afbeb0f07dfbf5419200f2ccb50bb24f'],
  ])('%s', (key, wrapped) => {
    expect(crypto.wrapBytes(secret(kek), PADDING, secret(key)).toString('hex')).toBe(wrapped);
    const unwrapped = crypto.unwrapBytes(secret(kek), PADDING, Buffer.from(wrapped, 'hex'));
    expect(unwrapped.reveal().toString('hex')).toBe(key);
  });

  it('takes content of any length', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), (content) => {
        const wrapped = crypto.wrapBytes(secret(kek), PADDING, SecretBytes.copyOf(content));
        expect(crypto.unwrapBytes(secret(kek), PADDING, wrapped).reveal().equals(content)).toBe(true);
      }),
      { numRuns: 50 },
    );
  });
});

describe('what cannot be wrapped or unwrapped', () => {
  const kek = secret(KEK);

  it.each([0, 1, 8, 15, 17, 31])('content of %d bytes in NIST Key Wrap', (length) => {
    const content = new SecretBytes(Buffer.alloc(length));
    expect(codeOf(() => crypto.wrapBytes(kek, undefined, content))).toBe('CryptographicFailure');
  });

  it('nothing at all', () => {
    const nothing = Buffer.alloc(0);
    expect(codeOf(() => crypto.wrapBytes(kek, PADDING, new SecretBytes(nothing)))).toBe(
      'CryptographicFailure',
    );
    for (const parameters of [undefined, PADDING]) {
      expect(codeOf(() => crypto.unwrapBytes(kek, parameters, nothing))).toBe('CryptographicFailure');
    }
  });

  it('a wrapped key with any byte changed, cut, made longer, or under another key or mode', () => {
    for (const parameters of [PLAIN, PADDING]) {
      const wrapped = crypto.wrapBytes(kek, parameters, secret(KEY));
      const failure = (bytes: Buffer, by = kek, mode = parameters) =>
        codeOf(() => crypto.unwrapBytes(by, mode, bytes));
      for (let index = 0; index < wrapped.length; index++) {
        const changed = Buffer.from(wrapped);
        changed[index] = (changed[index] ?? 0) ^ 0x80;
        expect(failure(changed)).toBe('CryptographicFailure');
        expect(failure(wrapped.subarray(0, index))).toBe('CryptographicFailure');
      }
      expect(failure(Buffer.concat([wrapped, Buffer.alloc(8)]))).toBe('CryptographicFailure');
      expect(failure(wrapped, secret(KEY))).toBe('CryptographicFailure');
      expect(failure(wrapped, kek, parameters === PLAIN ? PADDING : PLAIN)).toBe('CryptographicFailure');
    }
  });

  it.each([
    ['another mode', kek, { blockCipherMode: BlockCipherMode.CBC }],
    ['another algorithm', kek, { cryptographicAlgorithm: CryptographicAlgorithm.DES3 }],
    ['a key that is not an AES key', secret(KEK.slice(0, 40)), undefined],
  ])('%s', (_what, key, parameters) => {
    const code = 'UnsupportedCryptographicParameters';
    expect(codeOf(() => crypto.wrapBytes(key, parameters, secret(KEY)))).toBe(code);
    expect(codeOf(() => crypto.unwrapBytes(key, parameters, Buffer.alloc(24)))).toBe(code);
  });
});
