import {
  BlockCipherMode,
  CryptographicAlgorithm,
  DigitalSignatureAlgorithm,
  HashingAlgorithm,
  KeyFormatType,
  ObjectType,
  PaddingMethod,
  RecommendedCurve,
  type CryptographicParameters,
  type KeyBlock,
} from '@holdfast/kmip';
import { ERROR_CODES, HoldfastError, SecretBytes, type ErrorCode } from '@holdfast/ttlv';
import { createCrypto } from '../src';
import { atOnce, codeOf, keyBlock, pairOf, rejectionOf } from './support';

/** Whatever the parameters are, there is a result or a refusal of ours: no error of OpenSSL comes through. */

const crypto = createCrypto();
const OURS = new Set<string>(['none', ...ERROR_CODES]);
const numbers = <V extends number>(values: Readonly<Record<string, V>>) => Object.values(values);
const ALGORITHMS = [undefined, ...numbers(CryptographicAlgorithm)];
const MODES = [undefined, ...numbers(BlockCipherMode)];
const PADDINGS = [undefined, ...numbers(PaddingMethod)];
const HASHES = [undefined, ...numbers(HashingAlgorithm)];
const IVS = [undefined, ...[0, 1, 7, 8, 12, 16, 17].map((length) => Buffer.alloc(length))];
const data = SecretBytes.copyOf(Buffer.alloc(16));

/** Codes that are none of ours, each with what led to it. */
const strangers = new Map<string, string>();
const tally = new Map<string, number>();
function attempt(what: () => string, work: () => unknown): void {
  const code = codeOf(work);
  tally.set(code, (tally.get(code) ?? 0) + 1);
  if (!OURS.has(code)) strangers.set(code, what());
}
async function attemptLater(what: () => string, work: () => unknown): Promise<void> {
  const code = await rejectionOf(Promise.resolve().then(work));
  attempt(what, () => {
    if (code !== 'none') throw new HoldfastError(code as ErrorCode, code);
  });
}
beforeEach(() => {
  strangers.clear();
  tally.clear();
});
function expectOurs(): void {
  expect([...strangers]).toEqual([]);
  expect(tally.get('none')).toBeGreaterThan(0);
}

test('of symmetric keys of any length', () => {
  for (const lengthBytes of [1, 8, 16, 20, 24, 32, 33, 64]) {
    const material = new SecretBytes(Buffer.from(Array.from({ length: lengthBytes }, (_, i) => i)));
    for (const algorithm of ALGORITHMS) {
      const value = { objectType: ObjectType.SymmetricKey, keyBlock: keyBlock(KeyFormatType.Raw, material) };
      for (const blockCipherMode of MODES) {
        for (const ivCounterNonce of IVS) {
          const parameters = { blockCipherMode, paddingMethod: PaddingMethod.PKCS5, randomIV: true };
          const request = {
            value,
            algorithm,
            parameters,
            ivCounterNonce,
            additionalData: undefined,
            isTagAppended: false,
          };
          const what = () =>
            JSON.stringify({ lengthBytes, algorithm, blockCipherMode, iv: ivCounterNonce?.length });
          attempt(what, () => {
            const running = crypto.encryption(request);
            running.update(data);
            atOnce(running.final());
          });
          attempt(what, () => {
            const running = crypto.decryption({ ...request, tag: Buffer.alloc(16), isIvPrefixed: true });
            running.update(Buffer.alloc(48));
            atOnce(running.final());
          });
        }
        attempt(
          () => JSON.stringify({ lengthBytes, algorithm, blockCipherMode, mac: true }),
          () => {
            const running = crypto.mac({ value, algorithm, parameters: { blockCipherMode } });
            running.update(data);
            atOnce(running.final());
          },
        );
      }
    }
  }
  expectOurs();
});

describe('of key pairs', () => {
  const pairs: { privateKey: KeyBlock; publicKey: KeyBlock }[] = [];
  beforeAll(async () => {
    const { RSA, EC, DSA, DH, Ed25519 } = CryptographicAlgorithm;
    const { P_256, CURVE25519, SECP112R2 } = RecommendedCurve;
    const made = [
      pairOf(crypto, RSA, { lengthBits: 1024 }),
      pairOf(crypto, DSA, { lengthBits: 1024 }),
      pairOf(crypto, DH, { lengthBits: 2048 }),
      pairOf(crypto, Ed25519),
      ...[P_256, CURVE25519, SECP112R2].map((curve) => pairOf(crypto, EC, { curve })),
    ];
    pairs.push(...(await Promise.all(made)));
  });

  test('that sign, verify, encrypt and decrypt', async () => {
    const signatureAlgorithms = [undefined, ...numbers(DigitalSignatureAlgorithm)];
    const combinations: CryptographicParameters[] = [
      ...PADDINGS.map((paddingMethod) => ({ hashingAlgorithm: HashingAlgorithm.SHA_256, paddingMethod })),
      ...HASHES.flatMap((hashingAlgorithm) =>
        [undefined, PaddingMethod.PSS, PaddingMethod.OAEP].map((paddingMethod) => ({
          hashingAlgorithm,
          paddingMethod,
        })),
      ),
      ...signatureAlgorithms.map((digitalSignatureAlgorithm) => ({ digitalSignatureAlgorithm })),
    ];
    for (const { privateKey, publicKey } of pairs) {
      const secret = { objectType: ObjectType.PrivateKey, keyBlock: privateKey };
      const open = { objectType: ObjectType.PublicKey, keyBlock: publicKey };
      for (const parameters of combinations) {
        const what = () => JSON.stringify({ algorithm: privateKey.cryptographicAlgorithm, ...parameters });
        for (const digest of [undefined, SecretBytes.copyOf(Buffer.alloc(32, 1))]) {
          await attemptLater(what, () => {
            const running = crypto.signing({ value: secret, algorithm: undefined, parameters }, digest);
            running.update(data);
            return running.final();
          });
          await attemptLater(what, () => {
            const use = { value: open, algorithm: undefined, parameters };
            const running = crypto.verification(use, digest);
            running.update(data);
            return running.verify(Buffer.alloc(128, 1));
          });
        }
        const common = {
          algorithm: undefined,
          parameters,
          ivCounterNonce: undefined,
          additionalData: undefined,
        };
        attempt(what, () => {
          const running = crypto.encryption({ ...common, value: open, isTagAppended: false });
          running.update(data);
          atOnce(running.final());
        });
        await attemptLater(what, () => {
          const request = {
            ...common,
            value: secret,
            tag: undefined,
            isTagAppended: false,
            isIvPrefixed: false,
          };
          const running = crypto.decryption(request);
          running.update(Buffer.alloc(128, 1));
          return running.final();
        });
      }
    }
    expectOurs();
  });
});
