import {
  create,
  createKeyPair,
  createSplitKey,
  getConstraints,
  joinSplitKey,
  query,
  reKey,
  setConstraints,
  setDefaults,
  type DomainPolicy,
} from '@holdfast/core';
import {
  CryptographicAlgorithm,
  CryptographicUsageMask,
  LinkType,
  ObjectType,
  QueryFunction,
  RecommendedCurve,
  ResultReason,
  SplitKeyMethod,
  Tag,
  UniqueIdentifier,
  UsageLimitsUnit,
  dialectNamed,
  resultReasonOf,
  type Attribute,
  type Constraint,
  type ObjectDefaults,
  type VersionName,
} from '@holdfast/kmip';
import { ItemType } from '@holdfast/ttlv';
import { Harness } from './harness';
import {
  asking,
  createKey,
  custom,
  password,
  rawKey,
  refused,
  registerObject,
  valueOf,
  valuesOf,
} from './requests';

/** Set Defaults, Set Constraints, Get Constraints, what they do to new objects, and what Query tells of them. */

const { SymmetricKey, SecretData, PrivateKey, PublicKey } = ObjectType;
const { Encrypt, Decrypt, WrapKey } = CryptographicUsageMask;

let harness: Harness;
beforeAll(async () => {
  harness = await Harness.start();
});
beforeEach(() => (harness.policy = {}));
afterAll(() => harness.close());

const length = (value: number): Attribute => ({ key: 'CryptographicLength', value });
const algorithm = (value: CryptographicAlgorithm): Attribute => ({ key: 'CryptographicAlgorithm', value });
const mask = (value: number): Attribute => ({ key: 'CryptographicUsageMask', value });
const contact = (value: string): Attribute => ({ key: 'ContactInformation', value });
const group = (value: string): Attribute => ({ key: 'ObjectGroup', value });
const groups = (...objectGroups: string[]) => ({ objectGroups });
const types = (...objectTypes: ObjectType[]) => ({ objectTypes });
const AES_128 = [algorithm(CryptographicAlgorithm.AES), length(128), mask(Encrypt | Decrypt | WrapKey)];

const define = (...objectDefaults: ObjectDefaults[]) =>
  harness.run(setDefaults, { defaultsInformation: { objectDefaults } }, '2.1');
const constrain = (...constraints: Constraint[]) =>
  harness.run(setConstraints, { constraints: { constraints } }, '2.1');

async function make(attributes: readonly Attribute[], version: VersionName = '2.1'): Promise<string> {
  const request = { objectType: SymmetricKey, newAttributes: asking(...attributes) };
  return (await harness.run(create, request, version)).uniqueIdentifier;
}

async function told(version: VersionName, objectGroups?: { objectGroups: string[] }) {
  const request = { queryFunctions: [QueryFunction.QueryDefaultsInformation], objectGroups };
  return (await harness.run(query, request, version)).defaultsInformation?.objectDefaults ?? [];
}

describe('Set Defaults', () => {
  test('fills what a request leaves out', async () => {
    await define({ objectType: SymmetricKey, attributes: [...AES_128, contact('tape team')] });
    const key = await make([]);
    expect(await valueOf(harness, key, 'CryptographicLength')).toBe(128);
    expect(await valueOf(harness, key, 'CryptographicUsageMask')).toBe(Encrypt | Decrypt | WrapKey);
    expect(await valueOf(harness, key, 'ContactInformation')).toBe('tape team');
    const other = await make([
      algorithm(CryptographicAlgorithm.AES),
      length(192),
      mask(Encrypt),
      contact('me'),
    ]);
    expect(await valueOf(harness, other, 'CryptographicLength')).toBe(192);
    expect(await valueOf(harness, other, 'CryptographicUsageMask')).toBe(Encrypt);
    expect(await valueOf(harness, other, 'ContactInformation')).toBe('me');
  });

  test('to nothing leaves none, of which 2.0 is told by nothing and 2.1 by an empty structure', async () => {
    await define();
    const request = { queryFunctions: [QueryFunction.QueryDefaultsInformation] };
    expect((await harness.run(query, request, '2.1')).defaultsInformation).toEqual({ objectDefaults: [] });
    expect((await harness.run(query, request, '2.0')).defaultsInformation).toBeUndefined();
  });

  test('lets those of a group go before those for all', async () => {
    await define(
      { objectTypes: types(SymmetricKey, SecretData), attributes: [...AES_128.slice(2), contact('all')] },
      { objectType: SymmetricKey, attributes: [contact('tapes')], objectGroups: groups('tapes', 'discs') },
    );
    const aes = [algorithm(CryptographicAlgorithm.AES)];
    expect(await valueOf(harness, await make([...aes, group('tapes')]), 'ContactInformation')).toBe('tapes');
    expect(await valueOf(harness, await make([...aes, group('other')]), 'ContactInformation')).toBe('all');
    const secret = await registerObject(harness, password('x'), [], '2.1');
    expect(await valueOf(harness, secret, 'ContactInformation')).toBe('all');
  });

  test('fills in all values of what may have several, also where it says which key it is', async () => {
    await define({ objectType: SymmetricKey, attributes: [...AES_128, group('a'), group('b')] });
    for (const asked of [[], AES_128]) {
      expect(await valuesOf(harness, await make(asked), 'ObjectGroup')).toEqual(['a', 'b']);
    }
    await define({ objectType: SymmetricKey, attributes: [...AES_128, custom('team', 'tape')] });
    const key = await make([custom('product', 'array')]);
    expect(await valuesOf(harness, key, 'VendorAttribute')).toEqual(
      [custom('product', 'array'), custom('team', 'tape')].map(({ value }) => value),
    );
  });

  test('says over which curve a pair is, in both keys', async () => {
    const P_384 = { recommendedCurve: RecommendedCurve.P_384 };
    await define(
      {
        objectType: PrivateKey,
        attributes: [
          algorithm(CryptographicAlgorithm.EC),
          { key: 'CryptographicDomainParameters', value: P_384 },
          mask(CryptographicUsageMask.Sign),
        ],
      },
      { objectType: PublicKey, attributes: [mask(CryptographicUsageMask.Verify)] },
    );
    const none = asking();
    const request = { commonAttributes: none, privateKeyAttributes: none, publicKeyAttributes: none };
    const pair = await harness.run(createKeyPair, request, '2.1');
    for (const key of [pair.privateKeyUniqueIdentifier, pair.publicKeyUniqueIdentifier]) {
      expect(await valueOf(harness, key, 'CryptographicLength')).toBe(384);
      expect(await valueOf(harness, key, 'CryptographicDomainParameters')).toEqual(P_384);
    }
  });

  test('has the length or curve of its algorithm where a request names that alone', async () => {
    await define({ objectType: SymmetricKey, attributes: AES_128 });
    const lengthOf = async (...asked: Attribute[]) =>
      valueOf(harness, await make(asked), 'CryptographicLength');
    expect(await lengthOf(algorithm(CryptographicAlgorithm.AES))).toBe(128);
    expect(await lengthOf(algorithm(CryptographicAlgorithm.AES), length(192))).toBe(192);
    expect(await lengthOf(algorithm(CryptographicAlgorithm.DES3))).toBe(168);
    await define({
      objectType: SymmetricKey,
      attributes: AES_128.filter(({ key }) => !key.endsWith('Length')),
    });
    expect(await lengthOf()).toBe(256);
    await define({
      objectType: PrivateKey,
      attributes: [
        algorithm(CryptographicAlgorithm.EC),
        { key: 'CryptographicDomainParameters', value: { recommendedCurve: RecommendedCurve.P_384 } },
      ],
    });
    const pair = await harness.run(
      createKeyPair,
      {
        commonAttributes: asking(algorithm(CryptographicAlgorithm.ECDSA)),
        privateKeyAttributes: asking(mask(CryptographicUsageMask.Sign)),
        publicKeyAttributes: asking(mask(CryptographicUsageMask.Verify)),
      },
      '2.1',
    );
    expect(await valueOf(harness, pair.privateKeyUniqueIdentifier, 'CryptographicLength')).toBe(384);
  });

  test('does not contradict dates of the request', async () => {
    const deactivation: Attribute = { key: 'DeactivationDate', value: harness.nowSeconds + 100 };
    await define({ objectType: SymmetricKey, attributes: [...AES_128, deactivation] });
    const stop = (value: number): Attribute => ({ key: 'ProtectStopDate', value });
    expect(await refused(make([stop(harness.nowSeconds + 101)]))).toBe('InvalidField');
    expect(await valueOf(harness, await make([stop(harness.nowSeconds + 100)]), 'DeactivationDate')).toBe(
      deactivation.value,
    );
  });

  test('makes no parts of a key that nothing could join', async () => {
    await define({ objectType: ObjectType.SplitKey, attributes: [{ key: 'Extractable', value: false }] });
    const split = (splitKeyMethod: SplitKeyMethod) =>
      harness.run(
        createSplitKey,
        {
          objectType: ObjectType.SplitKey,
          uniqueIdentifier: undefined,
          splitKeyParts: 3,
          splitKeyThreshold: 2,
          splitKeyMethod,
          newAttributes: asking(...AES_128),
        },
        '2.1',
      );
    expect(await refused(split(SplitKeyMethod.PolynomialSharingPrimeField))).toBe(
      'BadCryptographicParameters',
    );
    const { uniqueIdentifiers } = await split(SplitKeyMethod.PolynomialSharingGF2_8);
    const joined = harness.run(joinSplitKey, {
      objectType: SymmetricKey,
      uniqueIdentifiers: uniqueIdentifiers.slice(1),
      newAttributes: asking(),
    });
    expect(await refused(joined)).toBeUndefined();
  });

  test('says nothing of where keys are: that is for officers', async () => {
    const attributeValue = { tag: Tag.AttributeValue, type: ItemType.Boolean, value: true } as const;
    const inHsm: Attribute = {
      key: 'VendorAttribute',
      value: { vendorIdentification: 'x', attributeName: 'KeyInHSM', attributeValue },
    };
    expect(await refused(define({ objectType: SymmetricKey, attributes: [inHsm] }))).toBe('InvalidField');
  });

  test('keeps values as they would be kept of an object', async () => {
    const limits = { usageLimitsTotal: 5n, usageLimitsUnit: UsageLimitsUnit.Object } as const;
    const attributes: Attribute[] = [
      ...AES_128,
      { key: 'UsageLimits', value: { ...limits, usageLimitsCount: 1000n } },
    ];
    await define({ objectType: SymmetricKey, attributes });
    expect(await valueOf(harness, await make([]), 'UsageLimits')).toEqual({
      ...limits,
      usageLimitsCount: 5n,
    });
    const wrong: Attribute = { key: 'UsageLimits', value: { ...limits, usageLimitsTotal: -1n } };
    expect(await refused(define({ objectType: SymmetricKey, attributes: [wrong] }))).toBe(
      'InvalidAttributeValue',
    );
    const linkedObjectIdentifier = { from: UniqueIdentifier.IDPlaceholder };
    const link: Attribute = { key: 'Link', value: { linkType: LinkType.ParentLink, linkedObjectIdentifier } };
    expect(await refused(define({ objectType: SymmetricKey, attributes: [link] }))).toBe('ItemNotFound');
  });

  test('removes all where nothing is given: requests then say it themselves', async () => {
    await harness.run(setDefaults, {}, '2.1');
    expect(await told('2.1')).toEqual([]);
    expect(await refused(make([]))).toBe('InvalidField');
    expect(await make(AES_128)).toEqual(expect.any(String));
  });

  test('is told by Query, as far as the version knows groups', async () => {
    expect((await told('2.0')).map(({ objectType }) => objectType)).toContain(PrivateKey);
    await define(
      { objectTypes: types(SymmetricKey, SecretData), attributes: [contact('all')] },
      { objectType: SymmetricKey, attributes: [contact('tapes')], objectGroups: groups('ruled') },
    );
    expect(await told('2.1')).toMatchObject([
      { objectType: SymmetricKey, attributes: [contact('all')] },
      { objectType: SecretData, attributes: [contact('all')] },
      { objectType: SymmetricKey, objectGroups: groups('ruled') },
    ]);
    expect(await told('2.0')).toHaveLength(2);
    expect(await told('2.1', groups('ruled'))).toHaveLength(3);
    await make([...AES_128, group('held')]);
    expect(await told('2.1', groups('held'))).toHaveLength(3);
    expect(await refused(told('2.1', groups('nobody')))).toBe('UnknownObjectGroup');
    // Each group is looked for once, however often it is named, and not any number of them.
    const many = (count: number) => Array.from({ length: count }, (_, index) => `held ${index}`);
    await make([...AES_128, ...many(256).map(group)]);
    expect(await told('2.1', groups(...many(256), ...many(256)))).toHaveLength(3);
    expect(await refused(told('2.1', groups(...many(257))))).toBe('InvalidField');
  });

  test('refuses what no object can have', async () => {
    expect(await refused(define({ attributes: [] }))).toBe('InvalidField');
    const curve = { key: 'CryptographicDomainParameters', value: { recommendedCurve: 6 } } as const;
    expect(await refused(define({ objectType: SymmetricKey, attributes: [curve] }))).toBe(
      'InvalidObjectType',
    );
    const state = { key: 'State', value: 2 } as const;
    expect(await refused(define({ objectType: SymmetricKey, attributes: [state] }))).toBe('InvalidField');
    expect(
      await refused(
        define({ objectType: SecretData, attributes: [length(1), { key: 'CertificateLength', value: 5 }] }),
      ),
    ).toBe('InvalidObjectType');
    expect(harness.policy).toEqual({});
  });
});

describe('Set Constraints', () => {
  test('refuses other objects than those allowed, in every version', async () => {
    await constrain({ objectTypes: types(SymmetricKey), attributes: [length(256), length(192)] });
    expect(await refused(make(AES_128))).toBe('ConstraintViolation');
    expect(await refused(make(AES_128, '1.0'))).toBe('ConstraintViolation');
    expect(await make([])).toEqual(expect.any(String));
    await createKey(harness, length(192));
    expect(await refused(registerObject(harness, rawKey('00'.repeat(16)), [mask(Encrypt)]))).toBe(
      'ConstraintViolation',
    );
    // What it does not name is free.
    await registerObject(harness, password('x'), [], '2.1');
    await harness.run(createKeyPair, {
      commonAttributes: asking(algorithm(CryptographicAlgorithm.RSA), length(2048)),
      privateKeyAttributes: asking(mask(CryptographicUsageMask.Sign)),
      publicKeyAttributes: asking(mask(CryptographicUsageMask.Verify)),
    });
  });

  test('holds for replacements too', async () => {
    const key = await make(AES_128);
    await constrain({ attributes: [length(256)] });
    expect(await refused(harness.run(reKey, { uniqueIdentifier: key, newAttributes: asking() }))).toBe(
      'ConstraintViolation',
    );
  });

  test('may be for some groups, demand what may be missing, and limit the uses', async () => {
    await constrain(
      { objectGroups: groups('tapes'), attributes: [contact('tape team')] },
      { objectTypes: types(SymmetricKey), attributes: [mask(Encrypt | Decrypt)] },
    );
    expect(await refused(createKey(harness, group('tapes')))).toBe('ConstraintViolation');
    expect(await refused(createKey(harness, group('tapes'), contact('other')))).toBe('ConstraintViolation');
    await createKey(harness, group('tapes'), contact('tape team'));
    await createKey(harness, group('discs'));
    await createKey(harness, mask(Encrypt));
    expect(await refused(createKey(harness, mask(Encrypt | WrapKey)))).toBe('ConstraintViolation');
  });

  test('demands each of several custom attributes', async () => {
    await constrain({ attributes: [custom('team', 'tape'), custom('site', 'here')] });
    expect(await refused(createKey(harness, custom('team', 'tape')))).toBe('ConstraintViolation');
    expect(await refused(createKey(harness, custom('site', 'tape'), custom('team', 'here')))).toBe(
      'ConstraintViolation',
    );
    await createKey(harness, custom('team', 'tape'), custom('site', 'here'));
  });

  test('is met by what defaults fill in', async () => {
    await define({ objectType: SymmetricKey, attributes: [...AES_128, contact('tape team')] });
    await constrain({ objectTypes: types(SymmetricKey), attributes: [contact('tape team'), length(128)] });
    await make([]);
    expect(await refused(make([contact('me')]))).toBe('ConstraintViolation');
  });

  test('is told by Get Constraints, and lifted by none', async () => {
    const constraint = {
      objectTypes: types(PublicKey),
      objectGroups: groups('a'),
      attributes: [length(2048)],
    };
    await constrain(constraint);
    const { constraints } = await harness.run(getConstraints, {}, '2.1');
    expect(constraints.constraints).toEqual([constraint]);
    await constrain();
    expect(await harness.run(getConstraints, {}, '2.1')).toEqual({ constraints: { constraints: [] } });
  });

  test('refuses what no object can have', async () => {
    const curve = { key: 'CryptographicDomainParameters', value: { recommendedCurve: 6 } } as const;
    const curved = { objectTypes: types(SymmetricKey), attributes: [curve] };
    expect(await refused(constrain(curved))).toBe('InvalidObjectType');
    const wrong = { objectTypes: types(SymmetricKey), attributes: [{ key: 'State', value: 2 }] } as const;
    expect(await refused(constrain(wrong))).toBe('InvalidField');
  });

  test('is called what the version calls it', () => {
    const reason = (version: VersionName) =>
      resultReasonOf('ConstraintViolation', 'Create', dialectNamed(version));
    expect(reason('2.1')).toBe(ResultReason.ConstraintViolation);
    expect(reason('2.0')).toBe(ResultReason.PermissionDenied);
    expect(reason('1.4')).toBe(ResultReason.PermissionDenied);
  });
});

test('a reader sets no rules, and sees them', async () => {
  const reader = harness.as('reader');
  const policy: DomainPolicy = { constraints: [{ attributes: [length(256)] }] };
  reader.policy = policy;
  const constraints = { constraints: [] };
  expect(await refused(reader.run(setConstraints, { constraints }, '2.1'))).toBe('PermissionDenied');
  expect(await refused(reader.run(setDefaults, {}, '2.1'))).toBe('PermissionDenied');
  expect(await reader.run(getConstraints, {}, '2.1')).toEqual({
    constraints: { constraints: policy.constraints },
  });
  expect(reader.policy).toBe(policy);
});
