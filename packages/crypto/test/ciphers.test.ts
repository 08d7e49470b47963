import { createCrypto } from '../src';
import {
  BlockCipherMode,
  CryptographicAlgorithm,
  KeyFormatType,
  ObjectType,
  PaddingMethod,
} from '@holdfast/kmip';
import type { CryptographicParameters } from '@holdfast/kmip';
import { SecretBytes } from '@holdfast/ttlv';
import type { DecryptionRequest } from '@holdfast/core';
import { atOnce, codeOf, keyBlock, secret } from './support';

const crypto = createCrypto();
const { ECB, CBC, CFB, OFB, CTR, GCM, CCM, XTS, AEAD } = BlockCipherMode;
const namesOf = (values: Readonly<Record<string, number>>) =>
  new Map<number | undefined, string>(Object.entries(values).map(([name, value]) => [value, name]));
const [CRYPTOGRAPHIC_ALGORITHMS, MODES] = [namesOf(CryptographicAlgorithm), namesOf(BlockCipherMode)];
const { AES, DES3, Camellia, ARIA, SM4, ChaCha20, ChaCha20Poly1305 } = CryptographicAlgorithm;
const bytes = (hex: string) => Buffer.from(hex.replace(/\s/g, ''), 'hex');

interface Use {
  readonly algorithm: CryptographicAlgorithm;
  readonly key: string;
  readonly parameters?: CryptographicParameters;
  readonly iv?: string | undefined;
  readonly aad?: string | undefined;
  readonly tag?: string | undefined;
  readonly isTagAppended?: boolean;
  readonly isIvPrefixed?: boolean;
}

function request({ algorithm, key, parameters = {}, iv, aad, tag, ...rest }: Use): DecryptionRequest {
  return {
    value: {
      objectType: ObjectType.SymmetricKey,
      keyBlock: keyBlock(KeyFormatType.Raw, secret(key), algorithm),
    },
    algorithm,
    parameters,
    ivCounterNonce: iv === undefined ? undefined : bytes(iv),
    additionalData: aad === undefined ? undefined : bytes(aad),
    tag: tag === undefined ? undefined : bytes(tag),
    isTagAppended: rest.isTagAppended ?? false,
    isIvPrefixed: rest.isIvPrefixed ?? false,
  };
}

/** In parts of so many bytes; everything at once where left out. */
function encrypted(use: Use, plaintext: string, partLength = Infinity) {
  const running = crypto.encryption(request(use));
  const out = parts(bytes(plaintext), partLength).map((part) => running.update(SecretBytes.copyOf(part)));
  const { data, tag } = atOnce(running.final());
  running.destroy();
  return { data: Buffer.concat([...out, data]).toString('hex'), tag: tag?.toString('hex') };
}

function decrypted(use: Use, ciphertext: string, partLength = Infinity): string {
  const running = crypto.decryption(request(use));
  const out = parts(bytes(ciphertext), partLength).map((part) =>
    running.update(part).reveal().toString('hex'),
  );
  out.push(atOnce(running.final()).reveal().toString('hex'));
  running.destroy();
  return out.join('');
}

function parts(data: Buffer, length: number): Buffer[] {
  if (data.length <= length) return [data];
  return [data.subarray(0, length), ...parts(data.subarray(length), length)];
}

const SP800_38A = '2b7e151628aed2a6abf7158809cf4f3c';
const TWO_BLOCKS = '6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51';
/** The plaintext of FIPS 197 appendix C, which RFC 5794 has taken over. */
const FIPS_197 = '00112233445566778899aabbccddeeff';
const IV = '000102030405060708090a0b0c0d0e0f';

/** So many octets from 0 on. */
const counting = (lengthBytes: number) =>
  Buffer.from(Array.from({ length: lengthBytes }, (_, i) => i)).toString('hex');
const lengthOf = ({ key }: Use) => key.length / 2;
const titleOf = (use: Use) =>
  [
    CRYPTOGRAPHIC_ALGORITHMS.get(use.algorithm),
    lengthOf(use) * 8,
    MODES.get(use.parameters?.blockCipherMode),
  ].join('-');

/** Name and source, use, plaintext, ciphertext, tag. */
const VECTORS: readonly (readonly [string, Use, string, string, string?])[] = [
  [
    'AES-128-ECB: NIST SP 800-38A F.1.1',
    { algorithm: AES, key: SP800_38A, parameters: { blockCipherMode: ECB } },
    TWO_BLOCKS,
    '3ad77bb40d7a3660a89ecaf32466ef97f5d3d58503b9699de785895a96fdbaaf',
  ],
  [
    'AES-128-CBC: NIST SP 800-38A F.2.1',
    { algorithm: AES, key: SP800_38A, parameters: { blockCipherMode: CBC }, iv: IV },
    TWO_BLOCKS,
    '7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2',
  ],
  [
    'AES-128-CFB: NIST SP 800-38A F.3.13',
    { algorithm: AES, key: SP800_38A, parameters: { blockCipherMode: CFB }, iv: IV },
    TWO_BLOCKS,
    '3b3fd92eb72dad20333449f8e83cfb4ac8a64537a0b3a93fcde3cdad9f1ce58b',
  ],
  [
    'AES-128-OFB: NIST SP 800-38A F.4.1',
    { algorithm: AES, key: SP800_38A, parameters: { blockCipherMode: OFB }, iv: IV },
    TWO_BLOCKS,
    '3b3fd92eb72dad20333449f8e83cfb4a7789508d16918f03f53c52dac54ed825',
  ],
  [
    'AES-128-CTR: NIST SP 800-38A F.5.1',
    {
      algorithm: AES,
      key: SP800_38A,
      parameters: { blockCipherMode: CTR },
      iv: 'f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff',
    },
    TWO_BLOCKS,
    '874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff',
  ],
  [
    'AES-128-CTR with a nonce and a counter: RFC 3686 test vector 1',
    {
      algorithm: AES,
      key: 'ae6852f8121067cc4bf7a5765577f39e',
      parameters: { blockCipherMode: CTR, initialCounterValue: 1 },
      iv: '000000300000000000000000',
    },
    '53696e676c6520626c6f636b206d7367',
    'e4095d4fb7a7b3792d6175a3261311b8',
  ],
  [
    'AES-128-GCM: GCM specification, test case 4',
    {
      algorithm: AES,
      key: 'feffe9928665731c6d6a8f9467308308',
      parameters: { blockCipherMode: GCM, tagLengthBytes: 16 },
      iv: 'cafebabefacedbaddecaf888',
      aad: 'feedfacedeadbeeffeedfacedeadbeefabaddad2',
    },
    `d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72
     1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39`,
    `42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e
     21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091`,
    '5bc94fbc3221a5db94fae95ae7121a47',
  ],
  [
    'AES-128-CCM: NIST SP 800-38C example 1',
    {
      algorithm: AES,
      key: '404142434445464748494a4b4c4d4e4f',
      parameters: { blockCipherMode: CCM, tagLengthBytes: 4 },
      iv: '10111213141516',
      aad: '0001020304050607',
    },
    '20212223',
    '7162015b',
    '4dac255d',
  ],
  [
    'AES-128-XTS: IEEE 1619-2007 vector 2',
    {
      algorithm: AES,
      key: '1111111111111111111111111111111122222222222222222222222222222222',
      parameters: { blockCipherMode: XTS },
      iv: '33333333330000000000000000000000',
    },
    '4444444444444444444444444444444444444444444444444444444444444444',
    'c454185e6a16936e39334038acef838bfb186fff7480adc4289382ecd6d394f0',
  ],
  [
    '3DES with three keys: NIST SP 800-67 B.1',
    {
      algorithm: DES3,
      key: '0123456789abcdef23456789abcdef01456789abcdef0123',
      parameters: { blockCipherMode: ECB },
    },
    '54686520717566636b2062726f776e20666f78206a756d70',
    'a826fd8ce53b855fcce21c8112256fe668d5c05dd9b6b900',
  ],
  [
    'Camellia-128: RFC 3713 appendix A',
    {
      algorithm: Camellia,
      key: '0123456789abcdeffedcba9876543210',
      parameters: { blockCipherMode: ECB },
    },
    '0123456789abcdeffedcba9876543210',
    '67673138549669730857065648eabe43',
  ],
  [
    'ARIA-128: RFC 5794 appendix A.1',
    { algorithm: ARIA, key: IV, parameters: { blockCipherMode: ECB } },
    '00112233445566778899aabbccddeeff',
    'd718fbd6ab644c739da95f3be6451778',
  ],
  ...(
    [
      ['AES-192: FIPS 197 appendix C.2', AES, 24, FIPS_197, 'dda97ca4864cdfe06eaf70a0ec0d7191'],
      ['AES-256: FIPS 197 appendix C.3', AES, 32, FIPS_197, '8ea2b7ca516745bfeafc49904b496089'],
      ['ARIA-192: RFC 5794 appendix A.2', ARIA, 24, FIPS_197, '26449c1805dbe7aa25a468ce263a9e79'],
      ['ARIA-256: RFC 5794 appendix A.3', ARIA, 32, FIPS_197, 'f92bd7c79fb72e2f2b8f80c1972d24fc'],
    ] as const
  ).map(([name, algorithm, keyLengthBytes, plaintext, ciphertext]) => {
    const key = Buffer.from(Array.from({ length: keyLengthBytes }, (_, index) => index)).toString('hex');
    return [name, { algorithm, key, parameters: { blockCipherMode: ECB } }, plaintext, ciphertext] as const;
  }),
  ...(
    [
      ['Camellia-192', '0011223344556677', 'b4993401b3e996f84ee5cee7d79b09b9'],
      ['Camellia-256', '00112233445566778899aabbccddeeff', '9acc237dff16d76c20ef7c919e3a7509'],
    ] as const
  ).map(([name, rest, ciphertext]) => {
    const use = {
      algorithm: Camellia,
      key: `0123456789abcdeffedcba9876543210${rest}`,
      parameters: { blockCipherMode: ECB },
    };
    return [`${name}: RFC 3713 appendix A`, use, '0123456789abcdeffedcba9876543210', ciphertext] as const;
  }),
  [
    'SM4: GB/T 32907 example 1',
    { algorithm: SM4, key: '0123456789abcdeffedcba9876543210', parameters: { blockCipherMode: ECB } },
    '0123456789abcdeffedcba9876543210',
    '681edf34d206965e86b3e94f536e4246',
  ],
  [
    'ChaCha20: RFC 8439 section 2.4.2',
    {
      algorithm: ChaCha20,
      key: '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f',
      parameters: { initialCounterValue: 1 },
      iv: '000000000000004a00000000',
    },
    '4c616469657320616e642047656e746c',
    '6e2e359a2568f98041ba0728dd0d6981',
  ],
  [
    'ChaCha20-Poly1305: RFC 8439 section 2.8.2',
    {
      algorithm: ChaCha20Poly1305,
      key: '808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f',
      iv: '070000004041424344454647',
      aad: '50515253c0c1c2c3c4c5c6c7',
    },
    Buffer.from(
      "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
    ).toString('hex'),
    `d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6
     3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36
     92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc
     3ff4def08e4b7a9de576d26586cec64b6116`,
    '1ae10b594f09e26a7e902ecbd0600691',
  ],
  [
    'AES-256-XTS with a part of a block: IEEE 1619-2007 vector 10 begins so, python3-cryptography goes on so',
    {
      algorithm: AES,
      key: `27182818284590452353602874713526624977572470936999595749669676273141592653589793238462643383279502884197169399375105820974944592`,
      parameters: { blockCipherMode: XTS },
      iv: 'ff000000000000000000000000000000',
    },
    '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20',
    '1c3b3a102f770386e4836c99e370cf9b9bee4cdc56e3a896a412a76f007c85f9ea',
  ],
  [
    'AES-256-CCM with a tag of 10 bytes, as python3-cryptography has it',
    {
      algorithm: AES,
      key: '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f',
      parameters: { blockCipherMode: CCM, tagLengthBytes: 10 },
      iv: '000102030405060708090a0b0c',
      aad: '000102030405060708090a0b0c0d0e0f10111213',
    },
    '6bc1bee22e409f96e93d7e117393172aae2d8a571e',
    '77c6158422e8e51e28eda821694902c211d29e6e8c',
    'fe345390800c8107757d',
  ],
  [
    'AES-192-GCM, as python3-cryptography has it',
    {
      algorithm: AES,
      key: '000102030405060708090a0b0c0d0e0f1011121314151617',
      parameters: { blockCipherMode: GCM, tagLengthBytes: 16 },
      iv: '000102030405060708090a0b',
      aad: '000102030405060708090a0b0c0d0e0f10111213',
    },
    '6bc1bee22e409f96e93d7e117393172aae2d8a571e',
    '8d389c79b7f95698390ea2938c3acb5aa0b2b95c26',
    '5a0fadb68bc22cc30d7de6edfd9bc5b0',
  ],
  [
    'camellia-192-cbc, as openssl enc has it',
    {
      algorithm: Camellia,
      key: '000102030405060708090a0b0c0d0e0f1011121314151617',
      parameters: { blockCipherMode: CBC },
      iv: '000102030405060708090a0b0c0d0e0f',
    },
    TWO_BLOCKS,
    'bd45d53874fc3b96e528f3cec25b4083c5ff32e57838072c2f0c30bba1f0fcd8',
  ],
  [
    'camellia-256-ctr, as openssl enc has it',
    {
      algorithm: Camellia,
      key: '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f',
      parameters: { blockCipherMode: CTR },
      iv: '000102030405060708090a0b0c0d0e0f',
    },
    TWO_BLOCKS,
    '34b662a6cba6ef886e68bfeb64fd331e14224da16ff58d0b2b14a5b53d4a114b',
  ],
  [
    'camellia-256-cfb, as openssl enc has it',
    {
      algorithm: Camellia,
      key: '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f',
      parameters: { blockCipherMode: CFB },
      iv: '000102030405060708090a0b0c0d0e0f',
    },
    TWO_BLOCKS,
    '34b662a6cba6ef886e68bfeb64fd331e4e8212dfe7ac3e88d24bcf47e79ddd78',
  ],
  [
    'camellia-256-ofb, as openssl enc has it',
    {
      algorithm: Camellia,
      key: '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f',
      parameters: { blockCipherMode: OFB },
      iv: '000102030405060708090a0b0c0d0e0f',
    },
    TWO_BLOCKS,
    '34b662a6cba6ef886e68bfeb64fd331e4fed24f8bbf2ea8a819999ccb8e96cd1',
  ],
  [
    'aria-192-cbc, as openssl enc has it',
    {
      algorithm: ARIA,
      key: '000102030405060708090a0b0c0d0e0f1011121314151617',
      parameters: { blockCipherMode: CBC },
      iv: '000102030405060708090a0b0c0d0e0f',
    },
    TWO_BLOCKS,
    'f7986c9f8cbf34a7dcb4b304e79176d50c2c40abe6c5c129806160d870e9da0a',
  ],
  [
    'aria-256-ctr, as openssl enc has it',
    {
      algorithm: ARIA,
      key: '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f',
      parameters: { blockCipherMode: CTR },
      iv: '000102030405060708090a0b0c0d0e0f',
    },
    TWO_BLOCKS,
    '11442b83d12fdd49ed9f3cae99dcfef62cfb0335b68efe7a779b8d0da9b23ef4',
  ],
  [
    'aria-256-cfb, as openssl enc has it',
    {
      algorithm: ARIA,
      key: '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f',
      parameters: { blockCipherMode: CFB },
      iv: '000102030405060708090a0b0c0d0e0f',
    },
    TWO_BLOCKS,
    '11442b83d12fdd49ed9f3cae99dcfef66ca12a839db1e5745d446f19ee655152',
  ],
  [
    'des-ede3-cbc, as openssl enc has it',
    {
      algorithm: DES3,
      key: '0123456789abcdef23456789abcdef01456789abcdef0123',
      parameters: { blockCipherMode: CBC },
      iv: '0001020304050607',
    },
    TWO_BLOCKS,
    'df4fb48a5c3414fa340a1553efae84317b4c6aab8845fb9247ee5e08514dd2bc',
  ],
  [
    'des-ede3-cfb, as openssl enc has it',
    {
      algorithm: DES3,
      key: '0123456789abcdef23456789abcdef01456789abcdef0123',
      parameters: { blockCipherMode: CFB },
      iv: '0001020304050607',
    },
    TWO_BLOCKS,
    '5bf32cb19369fad61bdcf7fae406c8882603f96caf26ba99aca1b4cca093bb07',
  ],
  [
    'des-ede3-ofb, as openssl enc has it',
    {
      algorithm: DES3,
      key: '0123456789abcdef23456789abcdef01456789abcdef0123',
      parameters: { blockCipherMode: OFB },
      iv: '0001020304050607',
    },
    TWO_BLOCKS,
    '5bf32cb19369fad64f7a4ccfd5aaca773eae39ebeb0699f9cac0edd694a0bf15',
  ],
  [
    'sm4-cbc, as openssl enc has it',
    {
      algorithm: SM4,
      key: '000102030405060708090a0b0c0d0e0f',
      parameters: { blockCipherMode: CBC },
      iv: '000102030405060708090a0b0c0d0e0f',
    },
    TWO_BLOCKS,
    'bea5fc5426f9c97fd451ad74cc8600cf43975606c56484fd5f9e2ab84a2d6b52',
  ],
  [
    'sm4-ctr, as openssl enc has it',
    {
      algorithm: SM4,
      key: '000102030405060708090a0b0c0d0e0f',
      parameters: { blockCipherMode: CTR },
      iv: '000102030405060708090a0b0c0d0e0f',
    },
    TWO_BLOCKS,
    'e4b9c8dcce208c765e5f5253fc4345a72008d044d940e10971a37abd9516ee0a',
  ],
  ...(
    [
      [ECB, undefined, '06ede3d82884090aff322c19f0518486730576972a666e58b6c88cf107340d3d'],
      [CBC, '0001020304050607', 'ebbbf774adb48eb5471016d5ff74521d46211aa17ae09cca0f97c8f28c913c1f'],
      [CFB, '0001020304050607', '48a01204eb578fc7d121f38f2d010a10972318a9a89e689a3ebfc653f1871224'],
      [OFB, '0001020304050607', '48a01204eb578fc739d3e4d1230e2e3614c50d3d141e32768af7a9325acbb75b'],
    ] as const
  ).map(([blockCipherMode, iv, ciphertext]) => {
    const use = {
      algorithm: DES3,
      key: '0123456789abcdef23456789abcdef01',
      parameters: { blockCipherMode },
      iv,
    };
    return [`${titleOf(use)} with two keys, as openssl enc has it`, use, TWO_BLOCKS, ciphertext] as const;
  }),
  // Keys, IVs and additional data are 00, 01, 02 and so on.
  ...(
    [
      [AES, 24, CBC, '0a7dcc14ce84209df6bc5d260c117faf270663f7527e794f43d0e825051b3917'],
      [AES, 24, CFB, '6ba1011c68c3d42e336187b76c613784223d587a2e88cc67ef8a22d23d96ce86'],
      [AES, 24, OFB, '6ba1011c68c3d42e336187b76c61378480a94145bd5abb2c0092cd0e785e118d'],
      [AES, 24, CTR, '6ba1011c68c3d42e336187b76c61378487dae9bfbf766a233be3fb25572bcba4'],
      [AES, 32, CBC, 'e07836277c862d6e5be37b990bd2d641a1ec519933e6a93ae5cfd01d9d4f3148'],
      [AES, 32, CFB, '31afbab526bbee0019132b2c7150b1b8b8df68e6122d1da468b3ea587565b4a7'],
      [AES, 32, OFB, '31afbab526bbee0019132b2c7150b1b863d1af622f0859f7b000e50e1f72f900'],
      [AES, 32, CTR, '31afbab526bbee0019132b2c7150b1b8cede9a82dd86f4c1cba194fd374aae9e'],
      [Camellia, 16, CBC, '2ba15d2ab7c6aaf46ee01321ac049a96c2e9f1f8c4df8cd6d1b6d96e7329a662'],
      [Camellia, 16, CFB, '86d966dd1f13899ab3507fbd44844676a2ad6587c56bf46247dd8efaddeef1f1'],
      [Camellia, 16, OFB, '86d966dd1f13899ab3507fbd44844676770005a09185b64b69c7fd4ad81e4bb5'],
      [Camellia, 16, CTR, '86d966dd1f13899ab3507fbd44844676fe558e85af05ac863cd624705f24b82f'],
      [Camellia, 24, CFB, '76dc1167c41c318f1cc8940cb58d4ca91b349437cf67389a26a6a16a512c1e40'],
      [Camellia, 24, OFB, '76dc1167c41c318f1cc8940cb58d4ca91aeee25e4f482f7a0768d9f50a7e97e5'],
      [Camellia, 24, CTR, '76dc1167c41c318f1cc8940cb58d4ca9926b741adc1248121937e7cb7feb8237'],
      [Camellia, 32, CBC, '153eaa9966a16e08f9133a437e17c74f9e99c3fe63879ddfe94f302a96304ed7'],
      [ARIA, 16, CBC, '67a1c9d125df31989fdb98ce0d2b25aa7a4ccd9999e828e958b575680ef1968a'],
      [ARIA, 16, CFB, '5d541a9c2929272ae9b276b91f57e8d2e352c87d4be703be25937e7072b7002a'],
      [ARIA, 16, OFB, '5d541a9c2929272ae9b276b91f57e8d2bdda7e8038045a9f0af041252a9e7fa7'],
      [ARIA, 16, CTR, '5d541a9c2929272ae9b276b91f57e8d284bda3da50663b70443c9b8ba7920519'],
      [ARIA, 24, CFB, '932b974f5f073134f293207ecf943769dba5eaa1e68f08e5b03f54f4457cd4b1'],
      [ARIA, 24, OFB, '932b974f5f073134f293207ecf9437696042d7bd2ba3e61e3bf64fda295e0faa'],
      [ARIA, 24, CTR, '932b974f5f073134f293207ecf943769fca448389a60fb9003455ad5308ebffd'],
      [ARIA, 32, CBC, '2ed37f9ae588f06c5b2af0929648549e1c8f8816a289e5df05ccdbd0c8ec967c'],
      [ARIA, 32, OFB, '11442b83d12fdd49ed9f3cae99dcfef67366b44b2d5d858dcc324bea0774b991'],
      [SM4, 16, CFB, 'e4b9c8dcce208c765e5f5253fc4345a79296f1ffffadcf26134147e09fe80722'],
      [SM4, 16, OFB, 'e4b9c8dcce208c765e5f5253fc4345a70e3174c6b47d5de9f45fd34d10a75420'],
    ] as const
  ).map(([algorithm, keyLengthBytes, blockCipherMode, ciphertext]) => {
    const use = { algorithm, key: counting(keyLengthBytes), parameters: { blockCipherMode }, iv: IV };
    return [`${titleOf(use)}, as openssl enc has it`, use, TWO_BLOCKS, ciphertext] as const;
  }),
  ...(
    [
      [AES, 24, CCM, 'f053a09a8921d25bae139a5ae7de0b34cb2047e302', '386383ff6452bd99e8c8'],
      [AES, 32, GCM, '2cc368f9eba55d8d647ce99ac27a6f472dfb0d63ee', 'fa8368fb15fce1e0c190ccca05c041ad'],
      [ARIA, 16, GCM, 'b0142c0dcece32fd5663b92053d7296ed88d06d4bb', '71e511817aa7f6f7eb60dd9d77feb7b9'],
      [ARIA, 16, CCM, '2622832bf7435af5d56e9757c8bb18d6e218836b57', '59b1dd73da053b4b53bc'],
      [ARIA, 24, GCM, '7e5fcfea626d8410d3c88e95e2d4c625d8fff0bb04', '960fef4c74d46e26c0b75d9bb1f8cb56'],
      [ARIA, 24, CCM, '6077ed1ccbaedf2bdd1d60822261257bd4a7d8fb76', '5f6527d255a0f5f5ff9f'],
      [ARIA, 32, GCM, 'f2cab733d750fbfc8f61ea192ab34710c68e80ff1e', '8fa1334449757f90b8b38b91fa5bbe6e'],
      [ARIA, 32, CCM, '85be45a7e0d31e9877bafb5b0b35af5992464d64e2', '53658d28a617db9cde12'],
    ] as const
  ).map(([algorithm, keyLengthBytes, blockCipherMode, ciphertext, tag]) => {
    const parameters = { blockCipherMode, tagLengthBytes: tag.length / 2 };
    const iv = counting(blockCipherMode === GCM ? 12 : 13);
    const use = { algorithm, key: counting(keyLengthBytes), parameters, iv, aad: counting(20) };
    const name = `${titleOf(use)}, as openssl enc in ECB and a few lines of python3 have it`;
    return [name, use, TWO_BLOCKS.slice(0, 42), ciphertext, tag] as const;
  }),
];

for (const [name, use, plaintext, spaced, tag] of VECTORS) {
  const ciphertext = spaced.replace(/\s/g, '');
  describe(name, () => {
    test.each([Infinity, 16, 7, 1])('encrypts in parts of %d bytes', (partLength) => {
      expect(encrypted(use, plaintext, partLength)).toEqual({ data: ciphertext, tag });
    });
    test.each([Infinity, 16, 7, 1])('decrypts in parts of %d bytes', (partLength) => {
      expect(decrypted({ ...use, tag }, ciphertext, partLength)).toBe(plaintext.replace(/\s/g, ''));
    });
  });
}

const cbc = (paddingMethod: PaddingMethod): Use => ({
  algorithm: AES,
  key: SP800_38A,
  parameters: { blockCipherMode: CBC, paddingMethod },
  iv: IV,
});

test('every cipher that there is, with keys of every length, has a known answer', () => {
  const known = new Set(VECTORS.map(([, use]) => titleOf(use)));
  const found: string[] = [];
  for (const algorithm of Object.values(CryptographicAlgorithm)) {
    for (const blockCipherMode of [undefined, ...Object.values(BlockCipherMode)]) {
      for (const lengthBytes of [16, 24, 32, 64]) {
        const use = {
          algorithm,
          key: counting(lengthBytes),
          parameters: { blockCipherMode, randomIV: true },
        };
        const code = codeOf(() => crypto.encryption(request(use)));
        // ChaCha20-Poly1305 goes by two names: see below.
        if (code === 'none' && blockCipherMode !== AEAD) found.push(titleOf(use));
      }
    }
  }
  expect(found.length).toBeGreaterThan(50);
  expect(found.filter((title) => !known.has(title))).toEqual([]);
});

describe('padding', () => {
  const { None, PKCS5, ANSIX9_23, ISO10126, Zeros, SSL3, OAEP } = PaddingMethod;

  test.each([PKCS5, ANSIX9_23, ISO10126])('method %d brings back data of any length', (method) => {
    for (let length = 0; length <= 33; length++) {
      const plaintext = '5a'.repeat(length);
      const { data } = encrypted(cbc(method), plaintext, 5);
      expect(data).toHaveLength((Math.floor(length / 16) + 1) * 32);
      expect(decrypted(cbc(method), data, 3)).toBe(plaintext);
    }
  });

  test('PKCS5 fills up with the count, ANSI X9.23 with zeros', () => {
    expect(decrypted(cbc(None), encrypted(cbc(PKCS5), '5a').data)).toBe(`5a${'0f'.repeat(15)}`);
    expect(decrypted(cbc(None), encrypted(cbc(ANSIX9_23), '5a').data)).toBe(`5a${'00'.repeat(14)}0f`);
  });

  test.each([
    ['a count of 0', PKCS5, '5a'.repeat(15) + '00'],
    ['a count beyond the block', PKCS5, '5a'.repeat(15) + '11'],
    ['a wrong octet', PKCS5, '5a'.repeat(13) + '000303'],
    ['octets that are no zeros', ANSIX9_23, '5a'.repeat(13) + '000103'],
    ['a count of 0', ISO10126, '5a'.repeat(15) + '00'],
  ])('%s does not decrypt', (_what, method, block) => {
    const { data } = encrypted(cbc(None), block);
    expect(codeOf(() => decrypted(cbc(method), data))).toBe('CryptographicFailure');
  });

  test('without padding the data has to be whole blocks', () => {
    expect(codeOf(() => encrypted(cbc(None), '5a'))).toBe('CryptographicFailure');
    expect(codeOf(() => decrypted(cbc(None), '5a'))).toBe('CryptographicFailure');
    expect(codeOf(() => decrypted(cbc(PKCS5), ''))).toBe('CryptographicFailure');
  });

  test.each([Zeros, SSL3, OAEP])('method %d is none of block ciphers', (method) => {
    expect(codeOf(() => encrypted(cbc(method), '5a'))).toBe('UnsupportedCryptographicParameters');
  });
});

test('3DES with two keys uses the first one twice', () => {
  const ecb = { algorithm: DES3, parameters: { blockCipherMode: ECB } };
  const two = '0123456789abcdef23456789abcdef01';
  const repeated = `${two}0123456789abcdef`;
  expect(encrypted({ ...ecb, key: two }, '5468652071756663')).toEqual(
    encrypted({ ...ecb, key: repeated }, '5468652071756663'),
  );
});

describe('authenticated encryption', () => {
  const gcm = (changes: Partial<Use> = {}, parameters: CryptographicParameters = {}): Use => ({
    algorithm: AES,
    key: SP800_38A,
    parameters: { blockCipherMode: GCM, tagLengthBytes: 16, ...parameters },
    iv: '000000000000000000000000',
    ...changes,
  });

  test.each([4, 8, 12, 13, 14, 15, 16])('has tags of %d bytes', (tagLengthBytes) => {
    const { data, tag } = encrypted(gcm({}, { tagLengthBytes }), TWO_BLOCKS);
    expect(tag).toHaveLength(tagLengthBytes * 2);
    expect(decrypted(gcm({ tag }, { tagLengthBytes }), data)).toBe(TWO_BLOCKS);
  });

  test.each([0, 1, 5, 11, 17, 32, -1])('has no tags of %d bytes', (tagLengthBytes) => {
    expect(codeOf(() => encrypted(gcm({}, { tagLengthBytes }), ''))).toBe('BadCryptographicParameters');
  });

  test('does not take a shorter tag than the parameters say, nor than 16 bytes where they say nothing', () => {
    const { data, tag = '' } = encrypted(gcm(), TWO_BLOCKS);
    const shorter = gcm({ tag: tag.slice(0, 8) });
    expect(codeOf(() => decrypted(shorter, data))).toBe('BadCryptographicParameters');
    const unsaid = { ...shorter, parameters: { blockCipherMode: GCM } };
    expect(codeOf(() => decrypted(unsaid, data))).toBe('BadCryptographicParameters');
    expect(codeOf(() => decrypted(gcm(), data))).toBe('InvalidField');
  });

  test.each([GCM, CCM])('mode %d gives nothing out before a wrong tag is found', (blockCipherMode) => {
    const use = gcm({}, { blockCipherMode });
    const { data } = encrypted(use, TWO_BLOCKS);
    const running = crypto.decryption(request({ ...use, tag: '00'.repeat(16) }));
    expect(running.update(bytes(data))).toHaveLength(0);
    expect(codeOf(() => running.final())).toBe('CryptographicFailure');
  });

  test.each([
    ['GCM', gcm()],
    ['CCM', gcm({}, { blockCipherMode: CCM })],
    ['ChaCha20-Poly1305', { ...gcm(), algorithm: ChaCha20Poly1305, key: '11'.repeat(32), parameters: {} }],
  ])('%s verifies the tag where there is no data', (_name, use) => {
    for (const aad of [undefined, '0102']) {
      const { data, tag = '' } = encrypted({ ...use, aad }, '');
      const forged = tag.replace(/^../, (first) => (first === '00' ? '01' : '00'));
      expect([data, decrypted({ ...use, aad, tag }, '')]).toEqual(['', '']);
      expect(codeOf(() => decrypted({ ...use, aad, tag: forged }, ''))).toBe('CryptographicFailure');
      expect(codeOf(() => decrypted({ ...use, aad: '03', tag }, ''))).toBe('CryptographicFailure');
      const appended = { ...use, aad, isTagAppended: true };
      expect(decrypted(appended, tag)).toBe('');
      expect(codeOf(() => decrypted(appended, forged))).toBe('CryptographicFailure');
    }
  });

  test.each([GCM, CCM])('mode %d covers the additional data', (blockCipherMode) => {
    const use = gcm({ aad: '0102' }, { blockCipherMode });
    const { data, tag } = encrypted(use, TWO_BLOCKS);
    expect(decrypted({ ...use, tag }, data)).toBe(TWO_BLOCKS);
    expect(codeOf(() => decrypted({ ...use, tag, aad: '0103' }, data))).toBe('CryptographicFailure');
    expect(codeOf(() => decrypted({ ...use, tag, aad: undefined }, data))).toBe('CryptographicFailure');
  });

  test.each([GCM, CCM])(
    'mode %d has its tag behind the ciphertext where there is no member for it',
    (blockCipherMode) => {
      const use = gcm({ isTagAppended: true }, { blockCipherMode });
      const apart = encrypted(gcm({}, { blockCipherMode }), TWO_BLOCKS);
      const { data, tag } = encrypted(use, TWO_BLOCKS, 7);
      expect([data, tag]).toEqual([apart.data + (apart.tag ?? ''), undefined]);
      expect(decrypted(use, data, 5)).toBe(TWO_BLOCKS);
      expect(codeOf(() => decrypted(use, `${data.slice(0, -2)}00`))).toBe('CryptographicFailure');
      expect(codeOf(() => decrypted(use, '0102'))).toBe('CryptographicFailure');
    },
  );

  test('only there is additional data', () => {
    expect(codeOf(() => encrypted({ ...cbc(PaddingMethod.PKCS5), aad: '00' }, ''))).toBe(
      'BadCryptographicParameters',
    );
  });

  test('ChaCha20 becomes ChaCha20-Poly1305 by its mode or its name', () => {
    const key = '00'.repeat(32);
    const iv = '00'.repeat(12);
    const expected = encrypted({ algorithm: ChaCha20Poly1305, key, iv }, TWO_BLOCKS);
    const asked: CryptographicParameters[] = [
      { blockCipherMode: AEAD },
      { cryptographicAlgorithm: ChaCha20Poly1305 },
    ];
    for (const parameters of asked) {
      expect(encrypted({ algorithm: ChaCha20, key, iv, parameters }, TWO_BLOCKS)).toEqual(expected);
    }
  });
});

describe('initialization vectors', () => {
  const random = (blockCipherMode: BlockCipherMode, ivLengthBits?: number): Use => ({
    algorithm: AES,
    key: SP800_38A,
    parameters: { blockCipherMode, randomIV: true, ivLengthBits },
  });

  test.each([
    [CBC, undefined, 16],
    [CTR, 128, 16],
    [GCM, undefined, 12],
    [GCM, 256, 32],
    [CCM, 104, 13],
  ])('mode %d with IV Length %p gets %d random bytes', (mode, ivLengthBits, lengthBytes) => {
    const ivs = [1, 2].map(() => crypto.encryption(request(random(mode, ivLengthBits))).generatedIv);
    expect(ivs.map((iv) => iv?.length)).toEqual([lengthBytes, lengthBytes]);
    expect(ivs[0]?.equals(ivs[1] ?? Buffer.alloc(0))).toBe(false);
  });

  test.each([
    ['GCM', GCM],
    ['CCM', CCM],
  ])('of %s are not made shorter than that none comes twice; what has one is decrypted', (_name, mode) => {
    expect(codeOf(() => crypto.encryption(request(random(mode, 88))))).toBe('BadCryptographicParameters');
    const use = { ...random(mode, 64), iv: IV.slice(0, 16) };
    const { data, tag } = encrypted(use, TWO_BLOCKS);
    expect(decrypted({ ...use, tag }, data)).toBe(TWO_BLOCKS);
  });

  test('are not made up where one is given, none is taken or none was asked for', () => {
    expect(crypto.encryption(request({ ...random(CBC), iv: IV })).generatedIv).toBeUndefined();
    expect(crypto.encryption(request(random(ECB))).generatedIv).toBeUndefined();
    expect(codeOf(() => encrypted({ ...cbc(PaddingMethod.PKCS5), iv: undefined }, ''))).toBe(
      'MissingInitializationVector',
    );
    expect(codeOf(() => decrypted({ ...cbc(PaddingMethod.PKCS5), iv: undefined }, ''))).toBe(
      'MissingInitializationVector',
    );
  });

  test.each([
    [CBC, '00'.repeat(8)],
    [CTR, '00'.repeat(12)],
    [GCM, ''],
    [GCM, '00'.repeat(129)],
    [CCM, '00'.repeat(6)],
    [CCM, '00'.repeat(14)],
    [ECB, IV],
  ])('mode %d does not take %p', (blockCipherMode, iv) => {
    expect(
      codeOf(() => encrypted({ algorithm: AES, key: SP800_38A, parameters: { blockCipherMode }, iv }, '')),
    ).toBe('BadCryptographicParameters');
  });

  test.each([CBC, CTR])('mode %d finds them in front of the ciphertext', (blockCipherMode) => {
    const use = { ...random(blockCipherMode), iv: IV };
    const { data } = encrypted(use, TWO_BLOCKS);
    const prefixed = { ...use, iv: undefined, isIvPrefixed: true };
    for (const partLength of [Infinity, 5])
      expect(decrypted(prefixed, IV + data, partLength)).toBe(TWO_BLOCKS);
    expect(codeOf(() => decrypted(prefixed, IV.slice(2)))).toBe('MissingInitializationVector');
  });
});

describe('what cannot be', () => {
  const aes = (parameters: CryptographicParameters, key = SP800_38A): Use => ({
    algorithm: AES,
    key,
    parameters,
    iv: IV,
  });
  test.each<[string, Use, string]>([
    ['no mode', aes({}), 'BadCryptographicParameters'],
    ['an algorithm of another key', aes({ cryptographicAlgorithm: DES3 }), 'BadCryptographicParameters'],
    [
      'a mode that is not here',
      aes({ blockCipherMode: BlockCipherMode.PCBC }),
      'UnsupportedCryptographicParameters',
    ],
    ['a mode of MACs', aes({ blockCipherMode: BlockCipherMode.CMAC }), 'UnsupportedCryptographicParameters'],
    [
      'XTS with keys of 96 bits',
      aes({ blockCipherMode: XTS }, '00'.repeat(24)),
      'UnsupportedCryptographicParameters',
    ],
    ['XTS with equal keys', aes({ blockCipherMode: XTS }, '00'.repeat(32)), 'CryptographicFailure'],
    [
      '3DES in GCM',
      { algorithm: DES3, key: '00'.repeat(24), parameters: { blockCipherMode: GCM }, iv: IV },
      'UnsupportedCryptographicParameters',
    ],
    [
      'a cipher that is not here',
      {
        algorithm: CryptographicAlgorithm.IDEA,
        key: SP800_38A,
        parameters: { blockCipherMode: CBC },
        iv: IV,
      },
      'UnsupportedCryptographicParameters',
    ],
    [
      'a mode of ChaCha20',
      { algorithm: ChaCha20, key: '00'.repeat(32), parameters: { blockCipherMode: CBC }, iv: IV },
      'BadCryptographicParameters',
    ],
  ])('%s is refused', (_what, use, code) => {
    expect(codeOf(() => encrypted(use, '00'.repeat(16)))).toBe(code);
  });

  test('the parts of what has to be whole are bounded', () => {
    const running = crypto.encryption(
      request({ ...aes({ blockCipherMode: CCM, randomIV: true }), iv: undefined }),
    );
    const part = SecretBytes.copyOf(Buffer.alloc(9 * 1024 * 1024));
    running.update(part);
    expect(codeOf(() => running.update(part))).toBe('InvalidField');
    running.destroy();
  });
});
