import { generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto';
import { HoldfastError, SecretBytes } from '@holdfast/ttlv';
import fc from 'fast-check';
import {
  decodeShare,
  encodeShare,
  openShare,
  recipientFrom,
  ShareCollection,
  splitKey,
  type Custodian,
  type OpenedShare,
  type SealedShare,
  type SplitFacts,
} from '../src/index';
import { sealShare } from '../src/custody/sealing';
import { codeOf, rejectionOf } from './support';

interface Keeper {
  readonly custodian: Custodian;
  readonly privateKey: KeyObject;
}

function keeper(
  name: string,
  pair: { readonly publicKey: KeyObject; readonly privateKey: KeyObject },
): Keeper {
  const pem = pair.publicKey.export({ type: 'spki', format: 'pem' }).toString();
  return { custodian: recipientFrom(name, pem), privateKey: pair.privateKey };
}

const keepers: readonly Keeper[] = [
  keeper('alice', generateKeyPairSync('ec', { namedCurve: 'prime256v1' })),
  keeper('Bob B. Möller', generateKeyPairSync('x25519')),
  keeper('carol', generateKeyPairSync('rsa', { modulusLength: 2048 })),
  keeper('dave', generateKeyPairSync('ec', { namedCurve: 'secp384r1' })),
  keeper('erin', generateKeyPairSync('x448')),
];
const custodians = keepers.map(({ custodian }) => custodian);
const key = SecretBytes.copyOf(randomBytes(32));

let split: SplitFacts;
let shares: readonly SealedShare[];

beforeAll(async () => {
  ({ split, shares } = await splitKey('root-key', key, 3, custodians));
});

function opened(index: number, share = shares[index - 1] as SealedShare): Promise<OpenedShare> {
  return openShare(share, { privateKey: (keepers[index - 1] as Keeper).privateKey });
}

function messageOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    return error instanceof HoldfastError ? error.message : String(error);
  }
  return 'none';
}

test('any three of five shares make the key, in any order and with repetitions, fewer never', () =>
  fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: 8 }), async (order) => {
      const collection = new ShareCollection(split);
      const different = new Set<number>();
      for (const index of order) {
        expect(collection.add(await opened(index))).toBe(!different.has(index));
        different.add(index);
        expect(collection.given).toBe(different.size);
      }
      if (different.size < 3) expect(codeOf(() => collection.join())).toBe('PermissionDenied');
      else expect(collection.join().equals(key)).toBe(true);
    }),
    { numRuns: 60 },
  ));

test('a share file is read as it was written, and what is no share or a damaged one is refused', () => {
  for (const share of shares) expect(decodeShare(encodeShare(share))).toEqual(share);
  expect(codeOf(() => decodeShare(Buffer.from('')))).toBe('InvalidField');
  expect(codeOf(() => decodeShare(Buffer.from('{"format":"another"}')))).toBe('InvalidField');
  expect(codeOf(() => decodeShare(Buffer.from('[1]')))).toBe('InvalidField');
  const [share] = shares;
  for (const changed of [
    { ...share, index: 6 },
    { ...share, index: 0 },
    { ...share, nonce: '%' },
    { ...share, sealing: { scheme: 'rot13' } },
    { ...share, split: { ...split, threshold: 1 } },
    { ...share, split: { ...split, custodians: 'all' } },
    { ...share, split: undefined },
  ]) {
    const file = encodeShare(changed as SealedShare);
    expect(codeOf(() => decodeShare(file))).toBe('IntegrityViolation');
  }
});

test('whatever is altered in a share is found when it is opened', async () => {
  const otherBase64 = (text: string) => `${text.startsWith('A') ? 'B' : 'A'}${text.slice(1)}`;
  const otherHex = (text: string) => `${text.startsWith('0') ? '1' : '0'}${text.slice(1)}`;
  for (const [place, share] of shares.entries()) {
    const { sealing } = share;
    if (sealing.scheme === 'scrypt') throw new Error('all have keys');
    const [first, ...others] = split.custodians;
    const alterations: readonly SealedShare[] = [
      { ...share, sealed: otherBase64(share.sealed) },
      { ...share, sealed: share.sealed.slice(4) },
      { ...share, nonce: otherBase64(share.nonce) },
      { ...share, index: (share.index % 5) + 1 },
      { ...share, sealing: { ...sealing, wrapped: otherBase64(sealing.wrapped) } },
      { ...share, split: { ...split, threshold: 2 } },
      { ...share, split: { ...split, id: otherHex(split.id) } },
      { ...share, split: { ...split, keyId: otherHex(split.keyId) } },
      { ...share, split: { ...split, content: 'backup' } },
      { ...share, split: { ...split, mac: otherHex(split.mac) } },
      { ...share, split: { ...split, createdAt: '2001-01-01T00:00:00.000Z' } },
      {
        ...share,
        split: {
          ...split,
          custodians: [{ name: 'mallory', shareSha256: first?.shareSha256 ?? '' }, ...others],
        },
      },
    ];
    for (const altered of alterations) {
      expect(await rejectionOf(opened(place + 1, altered))).toBe('IntegrityViolation');
    }
    const foreign = { ...share, sealing: { ...sealing, keySha256: otherHex(sealing.keySha256) } };
    expect(await rejectionOf(opened(place + 1, foreign))).toBe('PermissionDenied');
  }
  await expect(
    opened(2, { ...(shares[1] as SealedShare), sealed: (shares[0] as SealedShare).sealed }),
  ).rejects.toThrow('share 2 (Bob B. Möller) was altered');
});

test('a share that somebody else made and sealed to a custodian is named, and the others still make the key', async () => {
  const collection = new ShareCollection(split);
  collection.add(await opened(1));
  const forged = await sealShare(
    { split, index: 3, share: SecretBytes.copyOf(randomBytes(32)) },
    custodians[2] as Custodian,
  );
  const given = await opened(3, forged);
  expect(messageOf(() => collection.add(given))).toBe(
    'share 3 (carol) is wrong: it is not the one that was made for this custodian',
  );
  expect(collection.given).toBe(1);
  collection.add(await opened(3));
  collection.add(await opened(5));
  expect(collection.join().equals(key)).toBe(true);
});

test('shares of another splitting, of another key and of another kind are named as such', async () => {
  const collection = new ShareCollection(split);
  const again = await splitKey('root-key', key, 3, custodians);
  const another = await splitKey('root-key', SecretBytes.copyOf(randomBytes(32)), 3, custodians);
  const backup = await splitKey('backup', key, 3, custodians);
  const refusalOf = async (other: typeof again) => {
    const share = await opened(1, other.shares[0]);
    return messageOf(() => collection.add(share));
  };
  expect(await refusalOf(again)).toContain('is one of another splitting of the same key');
  expect(await refusalOf(another)).toContain('is one of another root-key');
  expect(await refusalOf(backup)).toContain('is one of a backup');
  expect(collection.given).toBe(0);
});

test.each<[string, () => Partial<SplitFacts>]>([
  ['threshold', () => ({ threshold: 2 })],
  ['time', () => ({ createdAt: '2001-01-01T00:00:00.000Z' })],
  [
    'custodians',
    () => ({
      custodians: split.custodians.map((each, index) => (index === 2 ? { ...each, name: 'mallory' } : each)),
    }),
  ],
])(
  'facts of which the %s was altered where they are kept do not pass for those of the splitting',
  async (_which, altered) => {
    const facts = { ...split, ...altered() };
    const collection = new ShareCollection(facts);
    const share = await opened(1);
    expect(codeOf(() => collection.add(share))).toBe('IntegrityViolation');
    for (const index of [1, 2, 3]) collection.add({ ...(await opened(index)), split: facts });
    expect(codeOf(() => collection.join())).toBe('IntegrityViolation');
  },
);

test('passphrases seal shares as well; another passphrase opens none', async () => {
  const passphrase = SecretBytes.copyOf(Buffer.from('correct horse battery'));
  const mixed = [...custodians.slice(0, 2), { name: 'zoe', passphrase }];
  const { split: facts, shares: some } = await splitKey('root-key', key, 2, mixed);
  const zoes = decodeShare(encodeShare(some[2] as SealedShare));
  const collection = new ShareCollection(facts);
  collection.add(await opened(2, some[1]));
  collection.add(await openShare(zoes, { passphrase }));
  expect(collection.join().equals(key)).toBe(true);
  const wrong = SecretBytes.copyOf(Buffer.from('incorrect horse'));
  await expect(openShare(zoes, { passphrase: wrong })).rejects.toThrow('share 3 (zoe) does not open');
  expect(await rejectionOf(openShare(zoes, { privateKey: (keepers[0] as Keeper).privateKey }))).toBe(
    'InvalidField',
  );
  expect(await rejectionOf(openShare(some[0] as SealedShare, { passphrase }))).toBe('InvalidField');
  const costly = { ...zoes, sealing: { ...zoes.sealing, cost: 2 ** 30 } } as SealedShare;
  expect(await rejectionOf(openShare(costly, { passphrase }))).toBe('IntegrityViolation');
});

test.each([
  ['a threshold of one', 1, custodians],
  ['a threshold that is no whole number', 2.5, custodians],
  ['a threshold above the number of shares', 6, custodians],
  [
    'two custodians of one name',
    2,
    [...custodians, { ...keeper('alice', generateKeyPairSync('x25519')).custodian }],
  ],
  ['one key twice', 2, [...custodians, { ...(custodians[0] as Custodian), name: 'alice again' }]],
  ['a name that is none', 2, [...custodians, keeper('../x', generateKeyPairSync('x25519')).custodian]],
  [
    'a short passphrase',
    2,
    [...custodians, { name: 'zoe', passphrase: SecretBytes.copyOf(Buffer.from('short')) }],
  ],
])('%s is refused', async (_what, threshold, those) => {
  expect(await rejectionOf(splitKey('root-key', key, threshold, those))).toBe('InvalidField');
});
