import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CryptoPort, GeneratedKey } from '@holdfast/core';
import {
  CryptographicAlgorithm as Algorithm,
  cryptographicAlgorithmEnum,
  DerivationMethod,
  HashingAlgorithm,
  KeyFormatType as Format,
  ObjectType,
  type CryptographicParameters,
  type KeyBlock,
} from '@holdfast/kmip';
import { SecretBytes } from '@holdfast/ttlv';
import { createCrypto } from '../src';
import { blockOf, codeOf, hexOf, keyBlock, pairOf, rejectionOf } from './support';

const crypto = createCrypto();
const approved = createCrypto(true);
const named = (algorithm: Algorithm): string => cryptographicAlgorithmEnum.byValue.get(algorithm)?.name ?? '';
const bytes = (text: string): SecretBytes => new SecretBytes(Buffer.from(text));

const KEMS = [Algorithm.ML_KEM_512, Algorithm.ML_KEM_768, Algorithm.ML_KEM_1024];
/** Of the slow sets one signs here, and the others are generated: each signature of theirs takes many seconds. */
const SIGNERS = [
  Algorithm.ML_DSA_44,
  Algorithm.ML_DSA_65,
  Algorithm.ML_DSA_87,
  Algorithm.SLH_DSA_SHA2_128f,
  Algorithm.SLH_DSA_SHA2_256f,
  Algorithm.SLH_DSA_SHAKE_192f,
];

function sign(keyBlockOfPrivate: KeyBlock, message: string, port: CryptoPort = crypto): Promise<Buffer> {
  const value = { objectType: ObjectType.PrivateKey, keyBlock: keyBlockOfPrivate } as const;
  const signing = port.signing({ value, algorithm: undefined, parameters: {} }, undefined);
  signing.update(bytes(message));
  return Promise.resolve(signing.final());
}

function verify(
  keyBlockOfPublic: KeyBlock,
  message: string,
  signature: Buffer,
  port: CryptoPort = crypto,
): Promise<boolean> {
  const value = { objectType: ObjectType.PublicKey, keyBlock: keyBlockOfPublic } as const;
  const verification = port.verification({ value, algorithm: undefined, parameters: {} }, undefined);
  verification.update(bytes(message));
  return Promise.resolve(verification.verify(signature));
}

function encapsulate(publicKey: KeyBlock, lengthBytes = 32, port: CryptoPort = crypto) {
  const value = { objectType: ObjectType.PublicKey, keyBlock: publicKey } as const;
  return port.encapsulate({ value, algorithm: undefined, parameters: {} }, lengthBytes);
}

function decapsulate(
  privateKey: KeyBlock,
  ciphertext: Buffer,
  port: CryptoPort = crypto,
  parameters: CryptographicParameters = {},
): Promise<SecretBytes> {
  return port.deriveBytes(
    {
      method: DerivationMethod.AsymmetricKey,
      value: { objectType: ObjectType.PrivateKey, keyBlock: privateKey },
      algorithm: undefined,
      parameters,
      peer: undefined,
      data: [SecretBytes.copyOf(ciphertext)],
      initializationVector: undefined,
      salt: undefined,
      iterationCount: undefined,
    },
    32,
  );
}

const raw = (objectType: ObjectType, block: KeyBlock) => crypto.convertKey(objectType, block, Format.Raw);

describe('signatures', () => {
  test.each(SIGNERS.map((each) => [named(each), each] as const))(
    '%s signs, and says what it did not sign',
    async (_name, algorithm) => {
      const { privateKey, publicKey } = await pairOf(crypto, algorithm);
      const signature = await sign(raw(ObjectType.PrivateKey, privateKey), 'message');
      expect(await verify(publicKey, 'message', signature)).toBe(true);
      expect(await verify(raw(ObjectType.PublicKey, publicKey), 'message', signature, approved)).toBe(true);
      expect(await verify(publicKey, 'another', signature)).toBe(false);
      expect(await verify(publicKey, 'message', signature.subarray(1))).toBe(false);
      expect(await sign(privateKey, 'message', approved)).not.toEqual(signature);
    },
  );

  test('are of the data itself: neither of a digest nor with a Hashing Algorithm', async () => {
    const { privateKey } = await pairOf(crypto, Algorithm.ML_DSA_44);
    const value = { objectType: ObjectType.PrivateKey, keyBlock: privateKey } as const;
    const request = { value, algorithm: undefined, parameters: {} };
    const hashing = { hashingAlgorithm: HashingAlgorithm.SHA_256 };
    expect(codeOf(() => crypto.signing(request, bytes('digest')))).toBe('UnsupportedCryptographicParameters');
    expect(codeOf(() => crypto.signing({ ...request, parameters: hashing }, undefined))).toBe(
      'UnsupportedCryptographicParameters',
    );
  });

  test('are not made with keys of ML-KEM', async () => {
    const { privateKey } = await pairOf(crypto, Algorithm.ML_KEM_512);
    expect(codeOf(() => sign(privateKey, 'message'))).toBe('BadCryptographicParameters');
  });
});

describe('encapsulation', () => {
  test.each(KEMS.map((each) => [named(each), each] as const))(
    '%s gives both sides the same secret',
    async (_name, algorithm) => {
      const { privateKey, publicKey } = await pairOf(crypto, algorithm);
      const { secret, ciphertext } = await encapsulate(publicKey, 32, approved);
      expect((await decapsulate(privateKey, ciphertext, approved)).equals(secret)).toBe(true);
      const encoded = raw(ObjectType.PrivateKey, privateKey);
      expect((await decapsulate(encoded, ciphertext)).equals(secret)).toBe(true);
      const other = await pairOf(crypto, algorithm);
      // Implicit rejection: another secret, not an error (FIPS 203 section 7.3).
      expect((await decapsulate(other.privateKey, ciphertext)).equals(secret)).toBe(false);
    },
  );

  test('refuses what cannot be', async () => {
    const kem = await pairOf(crypto, Algorithm.ML_KEM_512);
    const { ciphertext } = await encapsulate(kem.publicKey);
    expect(await rejectionOf(encapsulate(kem.publicKey, 33))).toBe('CryptographicFailure');
    expect(await rejectionOf(encapsulate(kem.publicKey, 8, approved))).toBe(
      'UnsupportedCryptographicParameters',
    );
    expect(await rejectionOf(decapsulate(kem.privateKey, ciphertext.subarray(1)))).toBe(
      'CryptographicFailure',
    );
    const hashed = { hashingAlgorithm: HashingAlgorithm.SHA_256 };
    expect(await rejectionOf(decapsulate(kem.privateKey, ciphertext, crypto, hashed))).toBe(
      'BadCryptographicParameters',
    );
    // Numbers beyond the modulus: no public key (FIPS 203 section 7.2).
    const wrong = keyBlock(Format.Raw, new SecretBytes(Buffer.alloc(800, 0xff)), Algorithm.ML_KEM_512);
    expect(await rejectionOf(encapsulate(wrong))).toBe('CryptographicFailure');
    const signer = await pairOf(crypto, Algorithm.ML_DSA_44);
    expect(await rejectionOf(encapsulate(signer.publicKey))).toBe('BadCryptographicParameters');
    expect(await rejectionOf(decapsulate(signer.privateKey, ciphertext))).toBe('BadCryptographicParameters');
  });
});

describe('key formats', () => {
  const generate = (algorithm: Algorithm): Promise<{ privateKey: GeneratedKey; publicKey: GeneratedKey }> =>
    crypto.generateKeyPair({ algorithm, lengthBits: undefined, curve: undefined });

  test.each(
    [Algorithm.ML_KEM_768, Algorithm.ML_DSA_65, Algorithm.SLH_DSA_SHAKE_128f].map(
      (each) => [named(each), each] as const,
    ),
  )('%s is what it says in Raw, PKCS#8 and X.509, and nothing else', async (_name, algorithm) => {
    const pair = await generate(algorithm);
    for (const [objectType, key, der] of [
      [ObjectType.PrivateKey, pair.privateKey, Format.PKCS_8],
      [ObjectType.PublicKey, pair.publicKey, Format.X_509],
    ] as const) {
      const block = blockOf(key);
      expect(key.keyFormatType).toBe(der);
      const bare = { ...block, cryptographicAlgorithm: undefined, cryptographicLengthBits: undefined };
      const facts = { algorithm, lengthBits: key.lengthBits, curve: undefined };
      expect(crypto.inspectKey(objectType, bare)).toEqual(facts);
      const encoded = raw(objectType, block);
      expect(crypto.inspectKey(objectType, encoded)).toEqual(facts);
      const back = crypto.convertKey(objectType, encoded, der);
      expect(crypto.inspectKey(objectType, back)).toEqual(facts);
      expect(hexOf(raw(objectType, back))).toBe(hexOf(encoded));
      expect(codeOf(() => crypto.convertKey(objectType, block, Format.PKCS_1))).toBe(
        'KeyFormatTypeNotSupported',
      );
      const shorter = SecretBytes.copyOf(Buffer.from(hexOf(encoded), 'hex').subarray(1));
      expect(codeOf(() => crypto.inspectKey(objectType, keyBlock(Format.Raw, shorter, algorithm)))).toBe(
        'InvalidField',
      );
      expect(
        codeOf(() =>
          crypto.inspectKey(objectType, { ...block, cryptographicAlgorithm: Algorithm.ML_DSA_44 }),
        ),
      ).toBe('InvalidField');
      expect(codeOf(() => crypto.inspectKey(objectType, { ...block, cryptographicLengthBits: 128 }))).toBe(
        'InvalidField',
      );
    }
  });
});

interface Vector {
  readonly algorithm: string;
  /** Base64, as all that follows. */
  readonly seed: string;
  readonly publicKey: string;
  readonly privateKey?: string;
}
interface Vectors {
  /** The first answers of the files kat_MLKEM_* that go with the final FIPS 203. */
  readonly encapsulation: readonly (Vector & { readonly ciphertext: string; readonly secret: string })[];
  /** Those of kat_MLDSA_*_det_pure, of FIPS 204; their signatures have a context, which KMIP has no place for. */
  readonly keys: readonly Vector[];
  /** Of OpenSSL 3.5, without a context. */
  readonly signatures: readonly {
    readonly algorithm: string;
    readonly message: string;
    readonly publicKey: string;
    readonly signature: string;
  }[];
}

describe('known answers', () => {
  const vectors = JSON.parse(readFileSync(join(__dirname, 'quantum-safe-vectors.json'), 'utf8')) as Vectors;
  const read = (text: string): Buffer => Buffer.from(text, 'base64');
  const algorithmOf = (name: string): Algorithm =>
    [...cryptographicAlgorithmEnum.byValue.values()].find((entry) => entry.name === name)?.value as Algorithm;
  const rawKey = (text: string, algorithm: string): KeyBlock =>
    keyBlock(Format.Raw, new SecretBytes(read(text)), algorithmOf(algorithm));
  /** A private key that is its seed alone: [0] within PKCS#8, around the header that goes with the public key's OID. */
  const fromSeed = async (seed: string, algorithm: string): Promise<KeyBlock> => {
    const { privateKey } = await pairOf(crypto, algorithmOf(algorithm));
    const identifier = Buffer.from(hexOf(privateKey), 'hex').subarray(7, 20);
    const octets = read(seed);
    const inner = Buffer.concat([Buffer.from([0x80, octets.length]), octets]);
    const key = Buffer.concat([Buffer.from([0x04, inner.length]), inner]);
    const content = Buffer.concat([Buffer.from([2, 1, 0]), identifier, key]);
    const der = Buffer.concat([Buffer.from([0x30, content.length]), content]);
    return keyBlock(Format.PKCS_8, new SecretBytes(der));
  };

  test.each(vectors.encapsulation.map((each) => [each.algorithm, each] as const))(
    '%s decapsulates the published secret, with the seed and with the key',
    async (_name, { algorithm, seed, publicKey, privateKey, ciphertext, secret }) => {
      const small = await fromSeed(seed, algorithm);
      expect((await decapsulate(small, read(ciphertext))).reveal().toString('base64')).toBe(secret);
      const own = await encapsulate(rawKey(publicKey, algorithm));
      expect((await decapsulate(small, own.ciphertext)).equals(own.secret)).toBe(true);
      if (privateKey === undefined) return;
      const large = rawKey(privateKey, algorithm);
      expect((await decapsulate(large, read(ciphertext))).reveal().toString('base64')).toBe(secret);
    },
  );

  test.each(vectors.keys.map((each) => [each.algorithm, each] as const))(
    '%s has the published public key for the seed, and for the private key',
    async (_name, { algorithm, seed, publicKey, privateKey }) => {
      const published = rawKey(publicKey, algorithm);
      const small = await fromSeed(seed, algorithm);
      expect(await verify(published, 'text', await sign(small, 'text'))).toBe(true);
      expect(codeOf(() => raw(ObjectType.PrivateKey, small))).toBe('KeyFormatTypeNotSupported');
      if (privateKey === undefined) return;
      expect(await verify(published, 'text', await sign(rawKey(privateKey, algorithm), 'text'))).toBe(true);
    },
  );

  test.each(vectors.signatures.map((each) => [each.algorithm, each] as const))(
    '%s takes the signature of another implementation',
    async (_name, { algorithm, message, publicKey, signature }) => {
      const block = keyBlock(Format.X_509, new SecretBytes(read(publicKey)));
      expect(crypto.inspectKey(ObjectType.PublicKey, block).algorithm).toBe(algorithmOf(algorithm));
      expect(await verify(block, message, read(signature))).toBe(true);
      expect(await verify(block, `${message}.`, read(signature))).toBe(false);
    },
  );
});
