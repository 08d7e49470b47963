import { createPrivateKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  BlockCipherMode,
  CryptographicAlgorithm,
  DerivationMethod,
  encodeTransparentKey,
  HashingAlgorithm,
  KeyFormatType,
  ObjectType,
  PaddingMethod,
  RecommendedCurve,
  STORAGE_DIALECT,
  type CryptographicParameters,
  type KeyBlock,
} from '@holdfast/kmip';
import { SecretBytes } from '@holdfast/ttlv';
import { createCrypto } from '../src';
import { sequence, unsigned } from '../src/keys/der';
import { atOnce, keyBlock, rejectionOf, secret } from './support';

/**
 * Answers that others have published: NIST's of FIPS 186-3 (DSA, ECDSA), SP 800-56A (DH, ECDH) and SP 800-20 (3DES), RFC 7027
 * (Brainpool), RSA Laboratories' of PKCS #1 v1.5, those of pyca/cryptography (OAEP with SHA-2, ECDSA over secp256k1) and
 * BoringSSL (OAEP with a label), OpenSSL (Camellia), draft-ribose-cfrg-sm4 (SM4).
 */

type Hex = string;
interface Point {
  readonly curve: keyof typeof RecommendedCurve;
  readonly x: Hex;
  readonly y: Hex;
}
interface Signed {
  readonly hash: keyof typeof HashingAlgorithm;
  readonly message: Hex;
  readonly r: Hex;
  readonly s: Hex;
  readonly isValid: boolean;
}
interface Encrypted {
  readonly message: Hex;
  readonly ciphertext: Hex;
}
type RsaKey = Readonly<Record<'n' | 'e' | 'd' | 'p' | 'q' | 'dp' | 'dq' | 'qi', Hex>>;
interface Answers {
  readonly dsa: readonly (Signed & Readonly<Record<'p' | 'q' | 'g' | 'y', Hex>>)[];
  readonly ecdsa: readonly (Signed & Point)[];
  readonly dh: readonly Readonly<Record<'p' | 'q' | 'g' | 'x' | 'peer' | 'secret', Hex>>[];
  readonly ecdh: readonly (Point & { readonly d: Hex; readonly secret: Hex })[];
  readonly oaep: readonly (RsaKey &
    Encrypted & { readonly hash: Signed['hash']; readonly maskHash: Signed['hash'] })[];
  readonly oaepLabel: { readonly pkcs8: Hex; readonly label: Hex; readonly ciphertext: Hex };
  readonly pkcs1Encryption: RsaKey & Encrypted;
  readonly ciphers: readonly {
    readonly name: string;
    readonly algorithm: keyof typeof CryptographicAlgorithm;
    readonly mode: keyof typeof BlockCipherMode;
    readonly key: Hex;
    readonly iv: Hex;
    readonly plaintext: Hex;
    readonly ciphertext: Hex;
  }[];
}

const answers = JSON.parse(readFileSync(join(__dirname, 'published-answers.json'), 'utf8')) as Answers;
const crypto = createCrypto();
const bytes = (hex: Hex): Buffer => Buffer.from(hex, 'hex');
const number = (hex: Hex): bigint => BigInt(`0x${hex}`);

/** Some print as many zeros before a coordinate as the field has room for, some none: curves are named by its bits. */
function pointOf({ curve, x, y }: Point): Buffer {
  const digits = 2 * Math.ceil(Number(/\d{3}/.exec(curve)?.[0]) / 8);
  const coordinate = (hex: Hex) => bytes(hex.padStart(digits, '0').slice(-digits));
  return Buffer.concat([Buffer.from([4]), coordinate(x), coordinate(y)]);
}
const ecPublicKey = (point: Point): KeyBlock =>
  keyBlock(
    KeyFormatType.TransparentECPublicKey,
    encodeTransparentKey(
      KeyFormatType.TransparentECPublicKey,
      { recommendedCurve: RecommendedCurve[point.curve], qString: pointOf(point) },
      STORAGE_DIALECT,
    ),
  );

function verifies(publicKey: KeyBlock, { hash, message, r, s }: Signed): boolean {
  const parameters = { hashingAlgorithm: HashingAlgorithm[hash] };
  const value = { objectType: ObjectType.PublicKey, keyBlock: publicKey } as const;
  const running = crypto.verification({ value, algorithm: undefined, parameters }, undefined);
  running.update(secret(message));
  return atOnce(running.verify(sequence(unsigned(number(r)), unsigned(number(s)))));
}

test.each(answers.dsa.map((row) => [`${row.p.length * 4} bits, ${row.hash}`, row.isValid, row] as const))(
  'DSA, %s: %s',
  (_name, isValid, row) => {
    const format = KeyFormatType.TransparentDSAPublicKey;
    const members = { p: number(row.p), q: number(row.q), g: number(row.g), y: number(row.y) };
    const publicKey = keyBlock(format, encodeTransparentKey(format, members, STORAGE_DIALECT));
    expect(verifies(publicKey, row)).toBe(isValid);
  },
);

test.each(answers.ecdsa.map((row) => [row.curve, row.isValid, row] as const))(
  'ECDSA over %s: %s',
  (_curve, isValid, row) => {
    expect(verifies(ecPublicKey(row), row)).toBe(isValid);
  },
);

async function agreed(privateKey: KeyBlock, publicKey: KeyBlock, lengthBytes: number): Promise<Hex> {
  const derived = await crypto.deriveBytes(
    {
      method: DerivationMethod.AsymmetricKey,
      value: { objectType: ObjectType.PrivateKey, keyBlock: privateKey },
      peer: { objectType: ObjectType.PublicKey, keyBlock: publicKey },
      algorithm: undefined,
      parameters: {},
      data: [],
      initializationVector: undefined,
      salt: undefined,
      iterationCount: undefined,
    },
    lengthBytes,
  );
  return derived.reveal().toString('hex');
}

test.each(answers.dh.map((row) => [row.p.length * 4, row] as const))(
  'key agreement with DH of %d bits',
  async (_bits, { p, q, g, x, peer, secret: expected }) => {
    const parameters = { p: number(p), q: number(q), g: number(g) };
    const [forPrivate, forPublic] = [
      KeyFormatType.TransparentDHPrivateKey,
      KeyFormatType.TransparentDHPublicKey,
    ] as const;
    const privateKey = encodeTransparentKey(forPrivate, { ...parameters, x: number(x) }, STORAGE_DIALECT);
    const publicKey = encodeTransparentKey(forPublic, { ...parameters, y: number(peer) }, STORAGE_DIALECT);
    expect(
      await agreed(keyBlock(forPrivate, privateKey), keyBlock(forPublic, publicKey), expected.length / 2),
    ).toBe(expected);
    // A value of order 2: not in the subgroup, though it is below the prime.
    const outside = encodeTransparentKey(forPublic, { ...parameters, y: number(p) - 1n }, STORAGE_DIALECT);
    const refused = agreed(keyBlock(forPrivate, privateKey), keyBlock(forPublic, outside), 32);
    expect(await rejectionOf(refused)).toBe('CryptographicFailure');
  },
);

test.each(answers.ecdh.map((row) => [row.curve, row] as const))(
  'key agreement over %s',
  async (curve, row) => {
    const format = KeyFormatType.TransparentECPrivateKey;
    const members = { recommendedCurve: RecommendedCurve[curve], d: number(row.d) };
    const privateKey = keyBlock(format, encodeTransparentKey(format, members, STORAGE_DIALECT));
    const expected = row.secret.padStart(row.secret.length + (row.secret.length % 2), '0');
    expect(await agreed(privateKey, ecPublicKey(row), expected.length / 2)).toBe(expected);
  },
);

function rsaKey(members: RsaKey): KeyObject {
  const jwk: JsonWebKey = { kty: 'RSA' };
  for (const name of ['n', 'e', 'd', 'p', 'q', 'dp', 'dq', 'qi'] as const) {
    const hex = members[name];
    jwk[name] = bytes(hex.padStart(hex.length + (hex.length % 2), '0')).toString('base64url');
  }
  return createPrivateKey({ key: jwk, format: 'jwk' });
}

async function opened(key: KeyObject, ciphertext: Hex, parameters: CryptographicParameters): Promise<Buffer> {
  const der = new SecretBytes(key.export({ format: 'der', type: 'pkcs8' }));
  const running = crypto.decryption({
    value: { objectType: ObjectType.PrivateKey, keyBlock: keyBlock(KeyFormatType.PKCS_8, der) },
    algorithm: undefined,
    parameters,
    ivCounterNonce: undefined,
    additionalData: undefined,
    isTagAppended: false,
    tag: undefined,
    isIvPrefixed: false,
  });
  running.update(bytes(ciphertext));
  return (await running.final()).reveal();
}

test.each(answers.oaep.map((row) => [row.hash, row.maskHash, row] as const))(
  'RSA-OAEP with %s and a mask of %s',
  async (hash, maskHash, row) => {
    const message = await opened(rsaKey(row), row.ciphertext, {
      paddingMethod: PaddingMethod.OAEP,
      hashingAlgorithm: HashingAlgorithm[hash],
      maskGeneratorHashingAlgorithm: HashingAlgorithm[maskHash],
    });
    expect(message.toString('hex')).toBe(row.message);
  },
);

test('RSA-OAEP with SHA-512 and a label', async () => {
  const { pkcs8, label, ciphertext } = answers.oaepLabel;
  const key = createPrivateKey({ key: bytes(pkcs8), format: 'der', type: 'pkcs8' });
  const oaep = { paddingMethod: PaddingMethod.OAEP, hashingAlgorithm: HashingAlgorithm.SHA_512 };
  expect((await opened(key, ciphertext, { ...oaep, pSource: bytes(label) })).toString()).toBe('Hello World');
});

test('RSA with the padding of PKCS #1 v1.5', async () => {
  const { message, ciphertext, ...members } = answers.pkcs1Encryption;
  const parameters = { paddingMethod: PaddingMethod.PKCS1V1_5 };
  expect((await opened(rsaKey(members), ciphertext, parameters)).toString('hex')).toBe(message);
});

test.each(answers.ciphers.map((row) => [row.name, row] as const))(
  '%s',
  (_name, { algorithm: name, mode, key, iv, plaintext, ciphertext }) => {
    const algorithm = CryptographicAlgorithm[name];
    const request = {
      value: {
        objectType: ObjectType.SymmetricKey,
        keyBlock: keyBlock(KeyFormatType.Raw, secret(key), algorithm),
      },
      algorithm,
      parameters: { blockCipherMode: BlockCipherMode[mode], paddingMethod: PaddingMethod.None },
      ivCounterNonce: bytes(iv),
      additionalData: undefined,
      isTagAppended: false,
    } as const;
    const encryption = crypto.encryption(request);
    const begun = encryption.update(secret(plaintext));
    expect(Buffer.concat([begun, atOnce(encryption.final()).data]).toString('hex')).toBe(ciphertext);
    const decryption = crypto.decryption({ ...request, tag: undefined, isIvPrefixed: false });
    const opening = decryption.update(bytes(ciphertext)).reveal();
    expect(Buffer.concat([opening, atOnce(decryption.final()).reveal()]).toString('hex')).toBe(plaintext);
  },
);
