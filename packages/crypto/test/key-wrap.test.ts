import fc from 'fast-check';
import type { KeyUseRequest } from '@holdfast/core';
import {
  BlockCipherMode,
  CryptographicAlgorithm,
  HashingAlgorithm,
  KeyFormatType,
  ObjectType,
  PaddingMethod,
  type CryptographicParameters,
} from '@holdfast/kmip';
import { SecretBytes } from '@holdfast/ttlv';
import { createCrypto } from '../src';
import { atOnce, codeOf, rejectionOf, secret } from './support';

const crypto = createCrypto();
const PLAIN = { blockCipherMode: BlockCipherMode.NISTKeyWrap };
const PADDING = { blockCipherMode: BlockCipherMode.AESKeyWrapPadding };
const KEK = '000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F';
const KEY = '00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F';

/** An AES key as it is stored, and how it wraps. */
function under(kek: string, parameters: CryptographicParameters = {}): KeyUseRequest {
  const algorithm = CryptographicAlgorithm.AES;
  const keyValue = { keyMaterial: secret(kek), attributes: [] };
  return {
    value: { objectType: ObjectType.SymmetricKey, keyBlock: { keyFormatType: KeyFormatType.Raw, keyValue } },
    algorithm,
    parameters,
  };
}
const wrap = (request: KeyUseRequest, content: SecretBytes) =>
  atOnce(crypto.wrapBytes(request, content)).data;
const unwrap = async (request: KeyUseRequest, data: Buffer, ivCounterNonce?: Buffer) =>
  crypto.unwrapBytes(request, { data, ivCounterNonce });

describe('AES Key Wrap, RFC 3394 section 4', () => {
  it.each([
    [128, 128, '1FA68B0A8112B447AEF34BD8FB5A7B829D3E862371D2CFE5'],
    [192, 128, '96778B25AE6CA435F92B5B97C050AED2468AB8A17AD84E5D'],
    [256, 128, '64E8C3F9CE0F5BA263E9777905818A2A93C8191E7D6E8AE7'],
    [192, 192, '031D33264E15D33268F24EC260743EDCE1C6C7DDEE725A936BA814915C6762D2'],
    [256, 192, 'A8F9BC1612C68B3FF6E6F4FBE30E71E4769C8B80A32CB8958CD5D17D6B254DA1'],
    [256, 256, '28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9B7A02DD21'],
  ])('KEK of %d bits, key of %d bits', async (kekBits, keyBits, wrapped) => {
    const kek = KEK.slice(0, kekBits / 4);
    const key = secret(KEY.slice(0, keyBits / 4));
    const expected = Buffer.from(wrapped, 'hex');
    expect(wrap(under(kek), key)).toEqual(expected);
    expect(wrap(under(kek, PLAIN), key)).toEqual(expected);
    expect((await unwrap(under(kek), expected)).equals(key)).toBe(true);
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
  ])('%s', async (key, wrapped) => {
    expect(wrap(under(kek, PADDING), secret(key)).toString('hex')).toBe(wrapped);
    const unwrapped = await unwrap(under(kek, PADDING), Buffer.from(wrapped, 'hex'));
    expect(unwrapped.reveal().toString('hex')).toBe(key);
  });

  it('takes content of any length', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 200 }), async (content) => {
        const wrapped = wrap(under(kek, PADDING), SecretBytes.copyOf(content));
        expect((await unwrap(under(kek, PADDING), wrapped)).reveal().equals(content)).toBe(true);
      }),
      { numRuns: 50 },
    );
  });
});

describe('the modes of data encryption', () => {
  /** NIST SP 800-38A appendix F.2.5; GCM: McGrew and Viega, test case 15. */
  it.each([
    [
      'AES-256-CBC',
      '603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4',
      { blockCipherMode: BlockCipherMode.CBC },
      '000102030405060708090a0b0c0d0e0f',
      '6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51',
      'f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d',
    ],
    [
      'AES-256-GCM',
      'feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308',
      { blockCipherMode: BlockCipherMode.GCM },
      'cafebabefacedbaddecaf888',
      'd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255',
      '522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad' +
        'b094dac5d93471bdec1a502270e3cc6c',
    ],
  ])('%s', async (_name, kek, parameters, iv, key, wrapped) => {
    const request = under(kek, parameters);
    const opened = await unwrap(request, Buffer.from(wrapped, 'hex'), Buffer.from(iv, 'hex'));
    expect(opened.reveal().toString('hex')).toBe(key);
    const again = atOnce(crypto.wrapBytes(request, secret(key)));
    expect(again.data).toHaveLength(wrapped.length / 2);
    expect(again.ivCounterNonce).toHaveLength(iv.length / 2);
    expect((await crypto.unwrapBytes(request, again)).reveal().toString('hex')).toBe(key);
  });

  it('RSA-OAEP, for the holder of the private key', async () => {
    const lengthBits = 2048;
    const algorithm = CryptographicAlgorithm.RSA;
    const pair = await crypto.generateKeyPair({ algorithm, lengthBits, curve: undefined });
    const parameters = { paddingMethod: PaddingMethod.OAEP, hashingAlgorithm: HashingAlgorithm.SHA_256 };
    const request = (half: 'privateKey' | 'publicKey'): KeyUseRequest => {
      const { keyFormatType, keyMaterial } = pair[half];
      const objectType = half === 'privateKey' ? ObjectType.PrivateKey : ObjectType.PublicKey;
      const keyBlock = { keyFormatType, keyValue: { keyMaterial, attributes: [] } };
      return { value: { objectType, keyBlock }, algorithm, parameters };
    };
    const wrapped = atOnce(crypto.wrapBytes(request('publicKey'), secret(KEY)));
    expect(wrapped.data).toHaveLength(lengthBits / 8);
    expect((await crypto.unwrapBytes(request('privateKey'), wrapped)).equals(secret(KEY))).toBe(true);
  });
});

describe('what cannot be wrapped or unwrapped', () => {
  const kek = KEK;

  it.each([0, 1, 8, 15, 17, 31])('content of %d bytes in NIST Key Wrap', (length) => {
    const content = new SecretBytes(Buffer.alloc(length));
    expect(codeOf(() => wrap(under(kek), content))).toBe('CryptographicFailure');
  });

  it('nothing at all', async () => {
    const nothing = Buffer.alloc(0);
    expect(codeOf(() => wrap(under(kek, PADDING), new SecretBytes(nothing)))).toBe('CryptographicFailure');
    for (const parameters of [PLAIN, PADDING]) {
      expect(await rejectionOf(unwrap(under(kek, parameters), nothing))).toBe('CryptographicFailure');
    }
  });

  it('a wrapped key with any byte changed, cut, made longer, or under another key or mode', async () => {
    for (const parameters of [PLAIN, PADDING]) {
      const wrapped = wrap(under(kek, parameters), secret(KEY));
      const failure = (bytes: Buffer, by = kek, mode = parameters) =>
        rejectionOf(unwrap(under(by, mode), bytes));
      for (let index = 0; index < wrapped.length; index++) {
        const changed = Buffer.from(wrapped);
        changed[index] = (changed[index] ?? 0) ^ 0x80;
        expect(await failure(changed)).toBe('CryptographicFailure');
        expect(await failure(wrapped.subarray(0, index))).toBe('CryptographicFailure');
      }
      expect(await failure(Buffer.concat([wrapped, Buffer.alloc(8)]))).toBe('CryptographicFailure');
      expect(await failure(wrapped, KEY)).toBe('CryptographicFailure');
      expect(await failure(wrapped, kek, parameters === PLAIN ? PADDING : PLAIN)).toBe(
        'CryptographicFailure',
      );
    }
  });

  it('without an IV where the mode has one', async () => {
    const request = under(KEK, { blockCipherMode: BlockCipherMode.GCM });
    expect(await rejectionOf(unwrap(request, Buffer.alloc(32)))).toBe('MissingInitializationVector');
  });

  it.each([
    ['a mode that only makes MACs', KEK, { blockCipherMode: BlockCipherMode.CMAC }],
    ['a key that is not an AES key', KEK.slice(0, 40), undefined],
  ])('by %s', async (_what, key, parameters) => {
    const code = 'UnsupportedCryptographicParameters';
    expect(codeOf(() => wrap(under(key, parameters), secret(KEY)))).toBe(code);
    expect(await rejectionOf(unwrap(under(key, parameters), Buffer.alloc(24)))).toBe(code);
  });

  it('by another algorithm than that of the key', () => {
    const request = under(KEK, { cryptographicAlgorithm: CryptographicAlgorithm.DES3 });
    expect(codeOf(() => wrap(request, secret(KEY)))).toBe('BadCryptographicParameters');
  });
});
