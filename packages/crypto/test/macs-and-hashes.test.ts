import { createHash, createHmac } from 'node:crypto';
import {
  BlockCipherMode,
  CryptographicAlgorithm,
  HashingAlgorithm,
  KeyFormatType,
  ObjectType,
  type CryptographicParameters,
} from '@holdfast/kmip';
import { SecretBytes } from '@holdfast/ttlv';
import { createCrypto } from '../src';
import { atOnce, codeOf, keyBlock, secret } from './support';

const crypto = createCrypto();
const { AES, DES3 } = CryptographicAlgorithm;
const CMAC: CryptographicParameters = { blockCipherMode: BlockCipherMode.CMAC };

function macOf(
  algorithm: CryptographicAlgorithm,
  key: string,
  parameters: CryptographicParameters,
  message: string,
  partLength = Infinity,
): string {
  const running = crypto.mac({
    value: {
      objectType: ObjectType.SymmetricKey,
      keyBlock: keyBlock(KeyFormatType.Raw, secret(key), algorithm),
    },
    algorithm,
    parameters,
  });
  const bytes = Buffer.from(message, 'hex');
  for (let at = 0; at < bytes.length; at += partLength) {
    running.update(SecretBytes.copyOf(bytes.subarray(at, at + partLength)));
  }
  const mac = atOnce(running.final()).toString('hex');
  running.destroy();
  return mac;
}

const AES_KEY = '2b7e151628aed2a6abf7158809cf4f3c';
const TEXT =
  '6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51' +
  '30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710';

describe('CMAC', () => {
  test.each([
    ['', 'bb1d6929e95937287fa37d129b756746'],
    [TEXT.slice(0, 32), '070a16b46b4d4144f79bdd9dd04a287c'],
    [TEXT.slice(0, 80), 'dfa66747de9ae63030ca32611497c827'],
    [TEXT, '51f0bebf7e3b9d92fc49741779363cfe'],
  ])('AES-128, RFC 4493 section 4: %s', (message, expected) => {
    for (const partLength of [Infinity, 1, 15, 16, 17]) {
      expect(macOf(AES, AES_KEY, CMAC, message, partLength)).toBe(expected);
    }
  });

  test.each([
    ['AES-192', AES, '8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b', '8a1de5be2eb31aad089a82e6ee908b0e'],
    [
      'AES-256',
      AES,
      '603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4',
      'aaf3d8f1de5640c232f5b169b9c911e6',
    ],
    ['Camellia-128', CryptographicAlgorithm.Camellia, AES_KEY, '5c18d119ccd6766144ac1866131d9f22'],
    [
      'Camellia-192',
      CryptographicAlgorithm.Camellia,
      '000102030405060708090a0b0c0d0e0f1011121314151617',
      '1894217dc17c213c9a4735901dfdb207',
    ],
    [
      'Camellia-256',
      CryptographicAlgorithm.Camellia,
      '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f',
      '1dc0db3b426d59175135df9131390ef6',
    ],
    [
      'ARIA-192',
      CryptographicAlgorithm.ARIA,
      '000102030405060708090a0b0c0d0e0f1011121314151617',
      '102d4220b7ea12f6fdfaf8a9d31480f2',
    ],
    [
      'ARIA-256',
      CryptographicAlgorithm.ARIA,
      '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f',
      '78b61395d8930482297605b691f65d80',
    ],
    ['ARIA-128', CryptographicAlgorithm.ARIA, AES_KEY, '63bb9219781c3f97eb2ec3bb9a0a167a'],
    ['SM4', CryptographicAlgorithm.SM4, AES_KEY, '8e31701927d50b28d53787513b69dd75'],
  ])(
    '%s of 40 bytes: NIST SP 800-38B D.2 and D.3, and as openssl mac has it',
    (_name, algorithm, key, expected) => {
      expect(macOf(algorithm, key, CMAC, TEXT.slice(0, 80), 7)).toBe(expected);
    },
  );

  test('3DES: NIST SP 800-38B D.4', () => {
    const key = '8aa83bf8cbda10620bc1bf19fbb6cd58bc313d4a371ca8b5';
    expect(macOf(DES3, key, CMAC, '')).toBe('b7a688e122ffaf95');
    expect(macOf(DES3, key, CMAC, TEXT.slice(0, 16))).toBe('8e8f293136283797');
  });
});

describe('HMAC', () => {
  test.each([
    ['HMAC_MD5', 'RFC 2202', '750c783e6ab0b503eaa86e310a5db738'],
    ['HMAC_SHA1', 'RFC 2202', 'effcdf6ae5eb2fa2d27416d5f184df9c259a7c79'],
    ['HMAC_SHA224', 'RFC 4231', 'a30e01098bc6dbbf45690f3a7e9e6d0f8bbea2a39e6148008fd05e44'],
    ['HMAC_SHA256', 'RFC 4231', '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843'],
    [
      'HMAC_SHA384',
      'RFC 4231',
      'af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649',
    ],
    [
      'HMAC_SHA512',
      'RFC 4231',
      '164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737',
    ],
    ['HMAC_SHA3_224', 'python3 hmac', '7fdb8dd88bd2f60d1b798634ad386811c2cfc85bfaf5d52bbace5e66'],
    ['HMAC_SHA3_256', 'python3 hmac', 'c7d4072e788877ae3596bbb0da73b887c9171f93095b294ae857fbe2645e1ba5'],
    [
      'HMAC_SHA3_384',
      'python3 hmac',
      'f1101f8cbf9766fd6764d2ed61903f21ca9b18f57cf3e1a23ca13508a93243ce48c045dc007f26a21b3f5e0e9df4c20a',
    ],
    [
      'HMAC_SHA3_512',
      'python3 hmac',
      '5a4bfeab6166427c7a3647b747292b8384537cdb89afb3bf5665e4c5e709350b287baec921fd7ca0ee7a0c31d022a95e1fc92ba9d77df883960275beb4e62024',
    ],
  ] as const)('%s of the second test case of RFC 2202 and 4231: %s', (name, _source, expected) => {
    const message = Buffer.from('what do ya want for nothing?').toString('hex');
    const key = Buffer.from('Jefe').toString('hex');
    expect(macOf(CryptographicAlgorithm[name], key, {}, message, 3)).toBe(expected);
  });

  test('the parameters may name one for any symmetric key', () => {
    const expected = createHmac('sha512', Buffer.from(AES_KEY, 'hex')).update('a').digest('hex');
    const parameters = { cryptographicAlgorithm: CryptographicAlgorithm.HMAC_SHA512 };
    expect(macOf(AES, AES_KEY, parameters, '61')).toBe(expected);
  });
});

test.each<[string, CryptographicAlgorithm, CryptographicParameters, string]>([
  ['a cipher without a mode', AES, {}, 'BadCryptographicParameters'],
  ['CBC-MAC', AES, { blockCipherMode: BlockCipherMode.CBC_MAC }, 'UnsupportedCryptographicParameters'],
  ['the cipher of another key', AES, { cryptographicAlgorithm: DES3, ...CMAC }, 'BadCryptographicParameters'],
])('%s makes no MAC', (_what, algorithm, parameters, code) => {
  expect(codeOf(() => macOf(algorithm, AES_KEY, parameters, '00'))).toBe(code);
});

test('hashes take data in parts', () => {
  const running = crypto.hashing(HashingAlgorithm.SHA3_256);
  for (const part of ['ab', '', 'c']) running.update(SecretBytes.copyOf(Buffer.from(part)));
  expect(running.final()).toEqual(createHash('sha3-256').update('abc').digest());
  expect(codeOf(() => crypto.hashing(HashingAlgorithm.Tiger))).toBe('FeatureNotSupported');
});
