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
import { codeOf, keyBlock, secret } from './support';

const crypto = createCrypto();
const { AES, DES3, HMAC_SHA256 } = CryptographicAlgorithm;
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
  const mac = running.final().toString('hex');
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

  test('3DES: NIST SP 800-38B D.4', () => {
    const key = '8aa83bf8cbda10620bc1bf19fbb6cd58bc313d4a371ca8b5';
    expect(macOf(DES3, key, CMAC, '')).toBe('b7a688e122ffaf95');
    expect(macOf(DES3, key, CMAC, TEXT.slice(0, 16))).toBe('8e8f293136283797');
  });
});

describe('HMAC', () => {
  test('RFC 4231 test case 2', () => {
    const message = Buffer.from('what do ya want for nothing?').toString('hex');
    const key = Buffer.from('Jefe').toString('hex');
    expect(macOf(HMAC_SHA256, key, {}, message, 3)).toBe(
      '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
    );
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
