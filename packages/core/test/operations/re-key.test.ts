import {
  CryptographicUsageMask,
  LinkType,
  ObjectType,
  RevocationReasonCode,
  State,
  UsageLimitsUnit,
  type Attribute,
} from '@holdfast/kmip';
import { activate, destroy, get, importObject, reKey, revoke } from '@holdfast/core';
import { Harness } from './harness';
import {
  asking,
  createKey,
  custom,
  named,
  password,
  rawKey,
  refused,
  registerObject,
  valueOf,
  valuesOf,
} from './requests';

let harness: Harness;
beforeAll(async () => {
  harness = await Harness.start();
});
afterAll(() => harness.close());

async function replace(uniqueIdentifier: string, offsetSeconds?: number, ...attributes: Attribute[]) {
  const request = { uniqueIdentifier, offsetSeconds, newAttributes: asking(...attributes) };
  return (await harness.run(reKey, request)).uniqueIdentifier;
}
const date = (key: 'ActivationDate' | 'DeactivationDate' | 'ProtectStopDate', value: number): Attribute => ({
  key,
  value,
});

test('the replacement takes over names and attributes, and both keys know of each other', async () => {
  const old = await createKey(harness, named('rotated'), custom('group', 'a'), {
    key: 'ObjectGroup',
    value: 'g',
  });
  const recent = await replace(old);
  expect(harness.produced).toEqual([recent]);
  expect(await valueOf(harness, recent, 'Name')).toEqual(named('rotated').value);
  expect(await valueOf(harness, old, 'Name')).toBeUndefined();
  expect(await valueOf(harness, recent, 'ObjectGroup')).toBe('g');
  expect(await valuesOf(harness, recent, 'VendorAttribute')).toEqual([custom('group', 'a').value]);
  expect(await valuesOf(harness, recent, 'Link')).toEqual([
    { linkType: LinkType.ReplacedObjectLink, linkedObjectIdentifier: old },
  ]);
  expect(await valuesOf(harness, old, 'Link')).toEqual([
    { linkType: LinkType.ReplacementObjectLink, linkedObjectIdentifier: recent },
  ]);
  expect(await valueOf(harness, recent, 'Digest')).not.toEqual(await valueOf(harness, old, 'Digest'));
});

test('the old key stays Active and the new one is usable at once', async () => {
  const old = await createKey(harness);
  await harness.run(activate, { uniqueIdentifier: old });
  const recent = await replace(old);
  expect(await valueOf(harness, old, 'State')).toBe(State.Active);
  expect(await valueOf(harness, recent, 'State')).toBe(State.Active);
});

test('the new key is fresh and neither compromised nor counted down', async () => {
  const limits = { usageLimitsTotal: 10n, usageLimitsUnit: UsageLimitsUnit.Byte } as const;
  const old = await createKey(harness, { key: 'UsageLimits', value: limits });
  await harness.run(get, { uniqueIdentifier: old });
  const revocationReason = { revocationReasonCode: RevocationReasonCode.KeyCompromise };
  await harness.run(revoke, { uniqueIdentifier: old, revocationReason });
  const recent = await replace(old);
  expect(await valueOf(harness, recent, 'Fresh')).toBe(true);
  expect(await valueOf(harness, recent, 'State')).toBe(State.PreActive);
  for (const key of ['CompromiseDate', 'CompromiseOccurrenceDate', 'RevocationReason'] as const) {
    expect(await valueOf(harness, recent, key)).toBeUndefined();
  }
  expect(await valueOf(harness, recent, 'UsageLimits')).toEqual({ ...limits, usageLimitsCount: 10n });
  expect(await valueOf(harness, old, 'State')).toBe(State.Compromised);
});

describe('dates', () => {
  test('without an Offset are those of the old key', async () => {
    const now = harness.nowSeconds;
    const old = await createKey(
      harness,
      date('ActivationDate', now - 10),
      date('DeactivationDate', now + 100),
    );
    const recent = await replace(old);
    expect(await valueOf(harness, recent, 'ActivationDate')).toBe(now - 10);
    expect(await valueOf(harness, recent, 'DeactivationDate')).toBe(now + 100);
  });

  test('with an Offset keep their distance from the activation', async () => {
    const now = harness.nowSeconds;
    const old = await createKey(
      harness,
      date('ActivationDate', now - 10),
      date('ProtectStopDate', now + 50),
      date('DeactivationDate', now + 100),
    );
    const recent = await replace(old, 1000);
    expect(await valueOf(harness, recent, 'ActivationDate')).toBe(now + 1000);
    expect(await valueOf(harness, recent, 'ProtectStopDate')).toBe(now + 1060);
    expect(await valueOf(harness, recent, 'DeactivationDate')).toBe(now + 1110);
    expect(await valueOf(harness, recent, 'State')).toBe(State.PreActive);
    expect(await valueOf(harness, old, 'State')).toBe(State.Active);
  });

  test.each([
    ['that never comes', 253_402_300_799],
    ['before the calendar', -377_705_116_800],
  ])('do not move beyond the calendar, so that the key can be used: one %s', async (_which, last) => {
    const distance = last > 0 ? -10 : 10;
    const activation = harness.nowSeconds + distance;
    const old = await createKey(harness, date('ActivationDate', activation), date('ProtectStopDate', last));
    const recent = await replace(old, 0);
    expect(await valueOf(harness, recent, 'ProtectStopDate')).toBe(last);
    expect(await valueOf(harness, recent, 'State')).toBe(State.Active);
  });

  test('an Offset of nothing activates a key that had no Activation Date', async () => {
    const recent = await replace(await createKey(harness), 0);
    expect(await valueOf(harness, recent, 'State')).toBe(State.Active);
  });

  test('an Offset comes without dates, and needs an activation to count from', async () => {
    const now = harness.nowSeconds;
    const old = await createKey(harness, date('ActivationDate', now + 10));
    expect(await refused(replace(old, 5, date('DeactivationDate', now + 50)))).toBe('InvalidMessage');
    const lone = await createKey(harness, date('DeactivationDate', now + 50));
    expect(await refused(replace(lone, 5))).toBe('MissingData');
  });
});

test('dates of the request that do not go with those of the old key are refused, what became of that one is not', async () => {
  const now = harness.nowSeconds;
  const old = await createKey(harness, date('DeactivationDate', now + 50), date('ProtectStopDate', now + 40));
  expect(await refused(replace(old, undefined, date('ProtectStopDate', now + 60)))).toBe('InvalidField');
  await harness.run(activate, { uniqueIdentifier: old });
  const revocationReason = { revocationReasonCode: RevocationReasonCode.CessationOfOperation };
  await harness.run(revoke, { uniqueIdentifier: old, revocationReason });
  const recent = await replace(old, 1000);
  expect(await valueOf(harness, recent, 'ProtectStopDate')).toBe(now + 1040);
});

test('what the request says goes over what the old key had', async () => {
  const old = await createKey(harness, { key: 'Comment', value: 'old' });
  const recent = await replace(
    old,
    undefined,
    { key: 'CryptographicLength', value: 128 },
    { key: 'Comment', value: 'new' },
  );
  expect(await valueOf(harness, recent, 'CryptographicLength')).toBe(128);
  expect(await valueOf(harness, recent, 'Comment')).toBe('new');
});

test('a key is replaced once, the replacement again', async () => {
  const old = await createKey(harness, named('chain'));
  const recent = await replace(old);
  expect(await refused(replace(old))).toBe('PermissionDenied');
  const latest = await replace(recent);
  expect(await valueOf(harness, latest, 'Name')).toEqual(named('chain').value);
  expect(await valueOf(harness, latest, 'RotateGeneration')).toBe(2);
  expect(await valueOf(harness, recent, 'RotateLatest')).toBe(false);
});

test('generations are counted as far as an Integer goes', async () => {
  const most = 2 ** 31 - 1;
  const uniqueIdentifier = 'of-the-last-generation';
  const object = rawKey('00112233445566778899aabbccddeeff');
  const attributes: Attribute[] = [
    { key: 'CryptographicUsageMask', value: CryptographicUsageMask.Encrypt },
    { key: 'RotateGeneration', value: most },
  ];
  const request = { uniqueIdentifier, objectType: ObjectType.SymmetricKey, attributes, object };
  await harness.run(importObject, request, '2.1');
  expect(await valueOf(harness, await replace(uniqueIdentifier), 'RotateGeneration')).toBe(most);
});

test('of two who replace a key at once, one does', async () => {
  const old = await createKey(harness, named('contested'));
  const outcomes = await Promise.all([refused(replace(old)), refused(replace(old))]);
  expect(outcomes.sort()).toEqual(['PermissionDenied', undefined]);
});

test('is for symmetric keys whose value is here', async () => {
  const secret = await registerObject(harness, password('p'));
  expect(await refused(replace(secret))).toBe('InvalidObjectType');
  const elsewhere = await registerObject(harness, rawKey('00'.repeat(16), { keyValue: undefined }));
  expect(await refused(replace(elsewhere))).toBe('KeyValueNotPresent');
  const gone = await createKey(harness);
  await harness.run(destroy, { uniqueIdentifier: gone });
  expect(await refused(replace(gone))).toBe('ObjectDestroyed');
});
