import { randomBytes } from 'node:crypto';
import type { KeyShare, SplitScheme } from '@holdfast/core';
import { SplitKeyMethod as Method } from '@holdfast/kmip';
import { SecretBytes } from '@holdfast/ttlv';
import fc from 'fast-check';
import { createCrypto } from '../src/index';
import { gf256, gf65536 } from '../src/sharing/binary-fields';
import { rejectionOf, secret } from './support';

const crypto = createCrypto();
const METHODS = [
  Method.XOR,
  Method.PolynomialSharingGF2_8,
  Method.PolynomialSharingGF2_16,
  Method.PolynomialSharingPrimeField,
] as const;
const POLYNOMIALS = [283, 285] as const;

const scheme = (method: Method, threshold: number, parts: number, changes: Partial<SplitScheme> = {}) => ({
  method,
  threshold: method === Method.XOR ? parts : threshold,
  parts,
  primeFieldSize: undefined,
  polynomial: 283 as const,
  ...changes,
});

async function sharesOf(content: Buffer, how: SplitScheme) {
  const { shares, primeFieldSize } = await crypto.splitSecret(SecretBytes.copyOf(content), how);
  const numbered = shares.map((share, index) => ({ keyPartIdentifier: index + 1, share }));
  return { shares: numbered, how: { ...how, primeFieldSize } };
}

const contents = fc.uint8Array({ minLength: 1, maxLength: 40 }).map((octets) => Buffer.from(octets));
const counts = fc
  .integer({ min: 1, max: 9 })
  .chain((parts) => fc.tuple(fc.integer({ min: 1, max: parts }), fc.constant(parts)));

test.each(METHODS)('method %d: as many parts as the threshold says, whichever, make the secret', (method) =>
  fc.assert(
    fc.asyncProperty(
      contents,
      counts,
      fc.constantFrom(...POLYNOMIALS),
      fc.infiniteStream(fc.nat()),
      async (content, [threshold, parts], polynomial, order) => {
        const { shares, how } = await sharesOf(content, scheme(method, threshold, parts, { polynomial }));
        expect(shares).toHaveLength(parts);
        const shuffled = shares
          .map((share) => ({ share, place: Number(order.next().value) }))
          .sort((one, other) => one.place - other.place)
          .map(({ share }) => share);
        const some = shuffled.slice(0, how.threshold);
        expect((await crypto.joinShares(some, how, content.length)).reveal()).toEqual(content);
        expect((await crypto.joinShares(shuffled, how, content.length)).reveal()).toEqual(content);
        if (how.threshold > 1) {
          const work = crypto.joinShares(some.slice(1), how, content.length);
          expect(await rejectionOf(work)).toBe('CryptographicFailure');
        }
      },
    ),
    { numRuns: 40 },
  ),
);

/**
 * Fewer parts than the threshold tell nothing: whatever they are, each secret goes with them. Here: for two of three
 * needed shares of one byte and every secret there is a third share that makes it, and never two.
 */
test.each(POLYNOMIALS)('parts that are too few go with every secret (polynomial %d)', async (polynomial) => {
  const how = scheme(Method.PolynomialSharingGF2_8, 3, 5, { polynomial });
  const { shares } = await sharesOf(randomBytes(1), how);
  const secrets = new Set<number | undefined>();
  for (let octet = 0; octet < 256; octet++) {
    const third = { keyPartIdentifier: 5, share: new SecretBytes(Buffer.from([octet])) };
    const joined = await crypto.joinShares([...shares.slice(0, 2), third], how, 1);
    secrets.add(joined.reveal()[0]);
  }
  expect(secrets.size).toBe(256);
});

test('a secret of many bytes is shared byte by byte with polynomials of their own', async () => {
  const { shares } = await sharesOf(Buffer.alloc(64), scheme(Method.PolynomialSharingGF2_8, 2, 2));
  expect(new Set(shares[0]?.share.reveal()).size).toBeGreaterThan(16);
});

/** Worked out by hand-written python3 over the same polynomials: secret + a x + b x^2 at 1, 2, 3. */
const VECTORS: readonly (readonly [string, SplitScheme, string, readonly string[]])[] = [
  [
    'GF(2^8), polynomial 283',
    scheme(Method.PolynomialSharingGF2_8, 3, 3),
    '00112233445566778899aabbccddeeff',
    [
      '7c42d7597eaec41bf2ce12b353c2088d',
      '18f351d072346f920eb49469446b5ac8',
      '64a0a4ba48cfcdfe74e32c61db74bcba',
    ],
  ],
  [
    'GF(2^8), polynomial 285',
    scheme(Method.PolynomialSharingGF2_8, 3, 3, { polynomial: 285 }),
    '00112233445566778899aabbccddeeff',
    [
      '485805ffcbae9cac6eef10fc38be46b7',
      '85751d8282dac202d1bb26f08a3d6b17',
      'cd3c3a4e0d2138d937cd9cb77e5ec35f',
    ],
  ],
  [
    'GF(2^16), polynomial 283',
    scheme(Method.PolynomialSharingGF2_16, 3, 3),
    '00112233445566778899aabbccddeeff',
    [
      'ad99702dcb36ca2de851a7037e5f0492',
      '50a49cac871a67a32127de2af85b891c',
      'fd2cceb20879cbf941efd3924ad96371',
    ],
  ],
  [
    'GF(2^16), polynomial 285',
    scheme(Method.PolynomialSharingGF2_16, 3, 3, { polynomial: 285 }),
    '00112233445566778899aabbccddeeff',
    [
      'de03ba94ea0ead4f152a5962ce2ed991',
      'de82429c9473f4af2f53dbe8f69276b8',
      '0090da3b3a283f97b2e02831f46141d6',
    ],
  ],
  [
    'the prime field of 2^521 - 1',
    scheme(Method.PolynomialSharingPrimeField, 3, 3, { primeFieldSize: 2n ** 521n - 1n }),
    '00112233445566778899aabbccddeeff',
    [
      '01e38a8673109359e7aa3f136b7c30fceeb94a5d2aebc8971a4a85c2a292a9983126f877d096502a326ef763ed836dc337dcc7cbc244a0556e4b5cfc3687d9cf601e',
      '00d37268f1c05455681427abef555a46e6709ae7771408a6086a5cae5e37c9f36f3a3e669ca6fa8d9abe1944d35b28cbf13405ab7255e6b134d9f427f5e7ab75bd49',
      '00cfb7a77c0f42f2813db9c98b8b7bdde725f19ee478c02cca5f84c332ef6111ba39d1cc6431ff2a38ed65a2b187311a2c05b9b032671768ba234e1ce8db41d1067e',
    ],
  ],
];

test.each(VECTORS)('%s joins as python3 has split it', async (_name, how, expected, shares) => {
  const parts: KeyShare[] = shares.map((share, index) => ({
    keyPartIdentifier: index + 1,
    share: secret(share),
  }));
  const joined = await crypto.joinShares(parts, how, expected.length / 2);
  expect(joined.reveal().toString('hex')).toBe(expected);
});

test('GF(2^8) of FIPS 197 multiplies as its section 4.2 says', () => {
  const field = gf256(283, 1);
  expect(field.product(0x57, 0x83)).toBe(0xc1);
  expect(field.product(0x57, 0x13)).toBe(0xfe);
  expect(field.product(0x53, 0xca)).toBe(1);
});

test.each(POLYNOMIALS)('both binary fields are fields (polynomial %d)', (polynomial) => {
  const byte = gf256(polynomial, 1);
  const word = gf65536(polynomial, 2);
  for (let a = 1; a < 256; a++) expect(byte.product(a, byte.inverse(a))).toBe(1);
  for (let a = 1; a < 65_536; a += 7) {
    if (word.product(a, word.inverse(a)) !== 1) throw new Error(`${a} has no inverse`);
  }
  const element = fc.integer({ min: 0, max: 65_535 });
  fc.assert(
    fc.property(element, element, element, (a, b, c) => {
      expect(word.product(a, 1)).toBe(a);
      expect(word.product(a, b)).toBe(word.product(b, a));
      expect(word.product(word.product(a, b), c)).toBe(word.product(a, word.product(b, c)));
      expect(word.product(a, b ^ c)).toBe(word.product(a, b) ^ word.product(a, c));
    }),
  );
});

test('the element y of GF(2^16) has y^2 = y + m', () => {
  expect(gf65536(283, 2).product(0x0100, 0x0100)).toBe(0x013a);
});

describe('the prime', () => {
  const P_256 = 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n;
  const by = (primeFieldSize: bigint) =>
    sharesOf(randomBytes(16), scheme(Method.PolynomialSharingPrimeField, 2, 3, { primeFieldSize }));

  test('may be chosen', async () => {
    const { shares, how } = await by(P_256);
    expect(how.primeFieldSize).toBe(P_256);
    expect(shares.map(({ share }) => share.length)).toEqual([32, 32, 32]);
  });

  test.each([
    ['too small', 2n ** 127n - 1n, 'BadCryptographicParameters'],
    ['no prime', P_256 + 2n, 'BadCryptographicParameters'],
    ['too long to be tested', 2n ** 5000n + 1n, 'UnsupportedCryptographicParameters'],
  ])('is refused where it is %s', async (_what, prime, code) => {
    expect(await rejectionOf(by(prime))).toBe(code);
  });
});

test('as many parts as there can be, of a long key', async () => {
  for (const method of METHODS) {
    const content = randomBytes(250);
    const { shares, how } = await sharesOf(content, scheme(method, 255, 255));
    let othersServed = 0;
    let serving = setImmediate(function serve() {
      othersServed++;
      serving = setImmediate(serve);
    });
    expect((await crypto.joinShares(shares, how, content.length)).reveal()).toEqual(content);
    clearImmediate(serving);
    if (method !== Method.XOR) expect(othersServed).toBeGreaterThan(250);
  }
});

test('what would take too long is refused', async () => {
  const how = scheme(Method.PolynomialSharingGF2_8, 255, 255);
  expect(await rejectionOf(crypto.splitSecret(new SecretBytes(Buffer.alloc(2000)), how))).toBe(
    'ServerLimitExceeded',
  );
  const share = new SecretBytes(Buffer.alloc(2 ** 23 + 1));
  const parts = [1, 2].map((keyPartIdentifier) => ({ keyPartIdentifier, share }));
  expect(await rejectionOf(crypto.joinShares(parts, { ...how, threshold: 2 }, share.length))).toBe(
    'ServerLimitExceeded',
  );
  const prime = {
    ...how,
    threshold: 2,
    method: Method.PolynomialSharingPrimeField,
    primeFieldSize: 1n << 100_000n,
  };
  const short = parts.map(({ keyPartIdentifier }) => ({ keyPartIdentifier, share: secret('00') }));
  expect(await rejectionOf(crypto.joinShares(short, prime, 1))).toBe('UnsupportedCryptographicParameters');
});

describe('parts are refused', () => {
  const how = scheme(Method.PolynomialSharingGF2_8, 2, 300);

  test('that come twice, differ in length, or do not agree', async () => {
    const { shares } = await sharesOf(randomBytes(8), scheme(Method.PolynomialSharingGF2_8, 2, 3));
    const [one, two, three] = shares as [KeyShare, KeyShare, KeyShare];
    const joining = (...some: KeyShare[]) => rejectionOf(crypto.joinShares(some, how, 8));
    expect(await joining(one, two, three)).toBe('none');
    expect(await joining(one, one)).toBe('CryptographicFailure');
    expect(await joining(one, { keyPartIdentifier: 2, share: secret('00') })).toBe('CryptographicFailure');
    const changed = { keyPartIdentifier: 3, share: secret('0011223344556677') };
    expect(await joining(one, two, changed)).toBe('CryptographicFailure');
    expect(await joining({ ...one, keyPartIdentifier: 300 }, two)).toBe('BadCryptographicParameters');
  });

  test('of XOR, where some are missing', async () => {
    const work = crypto.splitSecret(secret('00'), { ...how, method: Method.XOR });
    expect(await rejectionOf(work)).toBe('BadCryptographicParameters');
  });
});
