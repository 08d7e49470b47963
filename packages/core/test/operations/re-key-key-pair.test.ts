import { generateKeyPairSync } from 'node:crypto';
import {
  CryptographicAlgorithm,
  CryptographicUsageMask,
  KeyFormatType,
  LinkType,
  ObjectType,
  ProtectionStorageMask,
  RecommendedCurve,
  State,
  UsageLimitsUnit,
  type Attribute,
  type VersionName,
} from '@holdfast/kmip';
import { addAttribute, archive, createKeyPair, destroy, reKeyKeyPair } from '@holdfast/core';
import { SecretBytes } from '@holdfast/ttlv';
import { Harness } from './harness';
import { asking, createKey, custom, named, refused, registerObject, valueOf, valuesOf } from './requests';

let harness: Harness;
beforeAll(async () => {
  harness = await Harness.start();
});
afterAll(() => harness.close());

const { EC, RSA } = CryptographicAlgorithm;
const { Sign, Verify } = CryptographicUsageMask;
const usage = (value: number): Attribute => ({ key: 'CryptographicUsageMask', value });
const curve = (recommendedCurve: RecommendedCurve): Attribute => ({
  key: 'CryptographicDomainParameters',
  value: { recommendedCurve },
});
const P_256: readonly Attribute[] = [
  { key: 'CryptographicAlgorithm', value: EC },
  curve(RecommendedCurve.P_256),
];

interface Pair {
  readonly privateKeyUniqueIdentifier: string;
  readonly publicKeyUniqueIdentifier: string;
}
interface Asked {
  readonly offsetSeconds?: number;
  readonly common?: readonly Attribute[];
  readonly forPrivate?: readonly Attribute[];
  readonly forPublic?: readonly Attribute[];
  readonly version?: VersionName;
}

function makePair({ common = P_256, forPrivate = [], forPublic = [] }: Asked = {}): Promise<Pair> {
  return harness.run(createKeyPair, {
    commonAttributes: asking(...common),
    privateKeyAttributes: asking(usage(Sign), ...forPrivate),
    publicKeyAttributes: asking(usage(Verify), ...forPublic),
  });
}

function replace(pair: Pair, asked: Asked = {}): Promise<Pair> {
  const { privateKeyUniqueIdentifier } = pair;
  const { offsetSeconds, common = [], forPrivate = [], forPublic = [], version = '1.4' } = asked;
  const request = {
    privateKeyUniqueIdentifier,
    offsetSeconds,
    commonAttributes: asking(...common),
    privateKeyAttributes: asking(...forPrivate),
    publicKeyAttributes: asking(...forPublic),
  };
  return harness.run(reKeyKeyPair, request, version);
}

/** Both keys as they are registered. */
function ecPair(namedCurve: string) {
  const pair = generateKeyPairSync('ec', { namedCurve });
  const keyBlock = (keyFormatType: KeyFormatType, der: Buffer) => ({
    keyFormatType,
    keyValue: { keyMaterial: new SecretBytes(der), attributes: [] },
  });
  return {
    privateKey: {
      objectType: ObjectType.PrivateKey,
      keyBlock: keyBlock(KeyFormatType.PKCS_8, pair.privateKey.export({ format: 'der', type: 'pkcs8' })),
    },
    publicKey: {
      objectType: ObjectType.PublicKey,
      keyBlock: keyBlock(KeyFormatType.X_509, pair.publicKey.export({ format: 'der', type: 'spki' })),
    },
  } as const;
}

async function linksOf(uniqueIdentifier: string): Promise<Record<number, unknown>> {
  const links = await valuesOf(harness, uniqueIdentifier, 'Link');
  return Object.fromEntries(links.map((each) => [each.linkType, each.linkedObjectIdentifier]));
}

test('the new pair takes over names and attributes of the old one, and all four keys know of each other', async () => {
  const old = await makePair({
    forPrivate: [named('pair-private'), custom('array', '7')],
    forPublic: [named('pair-public')],
  });
  const recent = await replace(old);
  expect(harness.produced).toEqual([recent.privateKeyUniqueIdentifier, recent.publicKeyUniqueIdentifier]);
  for (const [half, other, otherLink] of [
    ['privateKeyUniqueIdentifier', 'publicKeyUniqueIdentifier', LinkType.PublicKeyLink],
    ['publicKeyUniqueIdentifier', 'privateKeyUniqueIdentifier', LinkType.PrivateKeyLink],
  ] as const) {
    expect(await linksOf(recent[half])).toEqual({
      [otherLink]: recent[other],
      [LinkType.ReplacedObjectLink]: old[half],
    });
    expect(await linksOf(old[half])).toEqual({
      [otherLink]: old[other],
      [LinkType.ReplacementObjectLink]: recent[half],
    });
    expect(await valueOf(harness, old[half], 'Name')).toBeUndefined();
    expect(await valueOf(harness, recent[half], 'Digest')).not.toEqual(
      await valueOf(harness, old[half], 'Digest'),
    );
    expect(await valueOf(harness, recent[half], 'CryptographicDomainParameters')).toEqual({
      recommendedCurve: RecommendedCurve.P_256,
    });
  }
  const { privateKeyUniqueIdentifier, publicKeyUniqueIdentifier } = recent;
  expect(await valueOf(harness, privateKeyUniqueIdentifier, 'Name')).toEqual(named('pair-private').value);
  expect(await valueOf(harness, publicKeyUniqueIdentifier, 'Name')).toEqual(named('pair-public').value);
  expect(await valueOf(harness, privateKeyUniqueIdentifier, 'CryptographicUsageMask')).toBe(Sign);
  expect(await valueOf(harness, publicKeyUniqueIdentifier, 'CryptographicUsageMask')).toBe(Verify);
  expect(await valuesOf(harness, privateKeyUniqueIdentifier, 'VendorAttribute')).toEqual([
    custom('array', '7').value,
  ]);
});

test('the dates move with the Offset, those of each key from its own', async () => {
  const now = harness.nowSeconds;
  const date = (key: 'ActivationDate' | 'DeactivationDate', value: number): Attribute => ({ key, value });
  const old = await makePair({
    common: [...P_256, date('ActivationDate', now - 10)],
    forPrivate: [date('DeactivationDate', now + 100)],
  });
  expect(
    await refused(replace(old, { offsetSeconds: 5, forPublic: [date('DeactivationDate', now + 1)] })),
  ).toBe('InvalidMessage');
  const recent = await replace(old, { offsetSeconds: 1000 });
  expect(await valueOf(harness, recent.privateKeyUniqueIdentifier, 'ActivationDate')).toBe(now + 1000);
  expect(await valueOf(harness, recent.privateKeyUniqueIdentifier, 'DeactivationDate')).toBe(now + 1110);
  expect(await valueOf(harness, recent.publicKeyUniqueIdentifier, 'ActivationDate')).toBe(now + 1000);
  expect(await valueOf(harness, recent.publicKeyUniqueIdentifier, 'DeactivationDate')).toBeUndefined();
  expect(await valueOf(harness, recent.publicKeyUniqueIdentifier, 'State')).toBe(State.PreActive);
  expect(await valueOf(harness, old.publicKeyUniqueIdentifier, 'State')).toBe(State.Active);
  const lone = await makePair({ forPublic: [date('DeactivationDate', now + 50)] });
  expect(await refused(replace(lone, { offsetSeconds: 5 }))).toBe('MissingData');
});

test('Usage Limits begin anew', async () => {
  const limits = { usageLimitsTotal: 10n, usageLimitsUnit: UsageLimitsUnit.Object } as const;
  const old = await makePair({ forPrivate: [{ key: 'UsageLimits', value: limits }] });
  const { privateKeyUniqueIdentifier } = await replace(old);
  expect(await valueOf(harness, privateKeyUniqueIdentifier, 'UsageLimits')).toEqual({
    ...limits,
    usageLimitsCount: 10n,
  });
});

describe('what describes the keys', () => {
  const described = async ({ privateKeyUniqueIdentifier: key }: Pair) => [
    await valueOf(harness, key, 'CryptographicAlgorithm'),
    await valueOf(harness, key, 'CryptographicLength'),
    (await valueOf(harness, key, 'CryptographicDomainParameters'))?.recommendedCurve,
  ];

  test('may change, also for one key of the two alone', async () => {
    const first = await makePair();
    const second = await replace(first, { forPublic: [curve(RecommendedCurve.P_384)] });
    expect(await described(second)).toEqual([EC, 384, RecommendedCurve.P_384]);
    const third = await replace(second, { common: [{ key: 'CryptographicLength', value: 521 }] });
    expect((await described(third)).slice(0, 2)).toEqual([EC, 521]);
    const fourth = await replace(third, { common: [{ key: 'CryptographicAlgorithm', value: RSA }] });
    expect(await described(fourth)).toEqual([RSA, 2048, undefined]);
    const fifth = await replace(fourth, {
      common: [
        { key: 'CryptographicAlgorithm', value: RSA },
        { key: 'CryptographicLength', value: 2048 },
      ],
    });
    expect(await described(fifth)).toEqual([RSA, 2048, undefined]);
  });

  test.each([
    ['without saying their curve', undefined],
    ['so, and were said to be over another one later', RecommendedCurve.P_256],
  ])('stays as it is in keys that were registered %s', async (_how, saidLater) => {
    const { privateKey, publicKey } = ecPair('secp256k1');
    const publicKeyUniqueIdentifier = await registerObject(harness, publicKey, [usage(Verify)]);
    const privateKeyUniqueIdentifier = await registerObject(harness, privateKey, [
      usage(Sign),
      {
        key: 'Link',
        value: { linkType: LinkType.PublicKeyLink, linkedObjectIdentifier: publicKeyUniqueIdentifier },
      },
    ]);
    if (saidLater !== undefined) {
      for (const uniqueIdentifier of [privateKeyUniqueIdentifier, publicKeyUniqueIdentifier]) {
        await harness.run(addAttribute, { uniqueIdentifier, newAttribute: curve(saidLater) });
      }
    }
    const recent = await replace({ privateKeyUniqueIdentifier, publicKeyUniqueIdentifier });
    expect(await described(recent)).toEqual([EC, 256, RecommendedCurve.SECP256K1]);
  });

  test('is in the default format of the version', async () => {
    const { privateKeyUniqueIdentifier: key } = await replace(await makePair(), { version: '2.1' });
    expect(await valueOf(harness, key, 'KeyFormatType')).toBe(KeyFormatType.TransparentECPrivateKey);
  });
});

test('a pair is replaced once, the replacement again; of two who do it at once, one does', async () => {
  const old = await makePair();
  const outcomes = await Promise.all([refused(replace(old)), refused(replace(old))]);
  expect(outcomes.sort()).toEqual(['PermissionDenied', undefined]);
});

test('what is no pair cannot be replaced', async () => {
  const pair = await makePair();
  const by = (privateKeyUniqueIdentifier: string) =>
    refused(replace({ ...pair, privateKeyUniqueIdentifier }));
  expect(await by('nothing')).toBe('ObjectNotFound');
  expect(await by(await createKey(harness))).toBe('InvalidObjectType');
  expect(await by(pair.publicKeyUniqueIdentifier)).toBe('InvalidObjectType');
  const { privateKey } = ecPair('prime256v1');
  expect(await by(await registerObject(harness, privateKey, [usage(Sign)]))).toBe('PermissionDenied');
  const elsewhere = await registerObject(
    harness,
    {
      ...privateKey,
      keyBlock: {
        ...privateKey.keyBlock,
        keyValue: undefined,
        cryptographicAlgorithm: EC,
        cryptographicLengthBits: 256,
      },
    },
    [usage(Sign)],
  );
  expect(await by(elsewhere)).toBe('KeyValueNotPresent');
  const archived = await makePair();
  await harness.run(archive, { uniqueIdentifier: archived.publicKeyUniqueIdentifier });
  expect(await refused(replace(archived))).toBe('ObjectArchived');
  const information = {
    key: 'ApplicationSpecificInformation',
    value: { applicationNamespace: 'ssl' },
  } as const;
  expect(await refused(replace(pair, { common: [information] }))).toBe('ApplicationNamespaceNotSupported');
  await harness.run(destroy, { uniqueIdentifier: pair.publicKeyUniqueIdentifier });
  expect(await refused(replace(pair))).toBe('ObjectDestroyed');
});

test('without an HSM keys are kept in software alone', async () => {
  const pair = await makePair();
  const masks = { protectionStorageMasks: [ProtectionStorageMask.Hardware] };
  const ask = (extra: object) =>
    refused(
      harness.run(
        reKeyKeyPair,
        {
          privateKeyUniqueIdentifier: pair.privateKeyUniqueIdentifier,
          commonAttributes: asking(),
          privateKeyAttributes: asking(),
          publicKeyAttributes: asking(),
          ...extra,
        },
        '2.1',
      ),
    );
  expect(await ask({ commonProtectionStorageMasks: masks })).toBe('PublicProtectionStorageUnavailable');
  expect(await ask({ privateProtectionStorageMasks: masks })).toBe('PrivateProtectionStorageUnavailable');
  expect(await ask({ publicProtectionStorageMasks: masks })).toBe('PublicProtectionStorageUnavailable');
});

test('a reader replaces nothing', async () => {
  const pair = await makePair();
  const reader = harness.as('reader');
  const request = {
    privateKeyUniqueIdentifier: pair.privateKeyUniqueIdentifier,
    commonAttributes: asking(),
    privateKeyAttributes: asking(),
    publicKeyAttributes: asking(),
  };
  expect(await refused(reader.run(reKeyKeyPair, request))).toBe('PermissionDenied');
  expect(await refused(harness.as('user', 'elsewhere').run(reKeyKeyPair, request))).toBe('ObjectNotFound');
});
