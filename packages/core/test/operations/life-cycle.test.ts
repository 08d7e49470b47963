import {
  CryptographicUsageMask,
  ObjectType,
  RevocationReasonCode,
  State,
  UsageLimitsUnit,
  isKnownAttribute,
} from '@holdfast/kmip';
import { randomUUID } from 'node:crypto';
import {
  activate,
  addAttribute,
  archive,
  check,
  destroy,
  exportObject,
  get,
  importObject,
  recover,
  revoke,
} from '@holdfast/core';
import { Harness } from './harness';
import { createKey, named, password, refused, registerObject, valueOf } from './requests';

let harness: Harness;
beforeAll(async () => {
  harness = await Harness.start();
});
afterAll(() => harness.close());

const { KeyCompromise, CessationOfOperation, CACompromise } = RevocationReasonCode;

function revokeFor(uniqueIdentifier: string, revocationReasonCode: RevocationReasonCode, date?: number) {
  return harness.run(revoke, {
    uniqueIdentifier,
    revocationReason: { revocationReasonCode },
    compromiseOccurrenceDate: date,
  });
}
const activateKey = (uniqueIdentifier: string) => harness.run(activate, { uniqueIdentifier });
const destroyKey = (uniqueIdentifier: string) => harness.run(destroy, { uniqueIdentifier });
const stateOf = (uniqueIdentifier: string) => valueOf(harness, uniqueIdentifier, 'State');

describe('Activate', () => {
  test('makes a Pre-Active object Active from now on, once', async () => {
    const key = await createKey(harness);
    expect(await stateOf(key)).toBe(State.PreActive);
    expect(await activateKey(key)).toEqual({ uniqueIdentifier: key });
    expect(await stateOf(key)).toBe(State.Active);
    expect(await valueOf(harness, key, 'ActivationDate')).toBe(harness.nowSeconds);
    expect(await refused(activateKey(key))).toBe('WrongKeyLifecycleState');
  });

  test('brings an Activation Date that was to come forward', async () => {
    const key = await createKey(harness, { key: 'ActivationDate', value: harness.nowSeconds + 3600 });
    await activateKey(key);
    expect(await valueOf(harness, key, 'ActivationDate')).toBe(harness.nowSeconds);
  });

  test('is refused where the Deactivation Date has passed, and for what has no life cycle', async () => {
    const late = await createKey(harness, { key: 'DeactivationDate', value: harness.nowSeconds - 1 });
    expect(await refused(activateKey(late))).toBe('WrongKeyLifecycleState');
    const template = await registerObject(harness, { objectType: ObjectType.Template, attributes: [] });
    expect(await refused(activateKey(template))).toBe('InvalidObjectType');
    expect(await refused(activateKey('no such object'))).toBe('ObjectNotFound');
  });
});

describe('Revoke', () => {
  test('without a compromise takes an Active object out of use', async () => {
    const key = await createKey(harness);
    expect(await refused(revokeFor(key, CessationOfOperation))).toBe('WrongKeyLifecycleState');
    await activateKey(key);
    await revokeFor(key, CessationOfOperation);
    expect(await stateOf(key)).toBe(State.Deactivated);
    expect(await valueOf(harness, key, 'DeactivationDate')).toBe(harness.nowSeconds);
    expect(await valueOf(harness, key, 'CompromiseDate')).toBeUndefined();
    expect(await valueOf(harness, key, 'RevocationReason')).toEqual({
      revocationReasonCode: CessationOfOperation,
    });
  });

  test('for a compromise works in every state, and the first report fixes the dates', async () => {
    const key = await createKey(harness);
    await revokeFor(key, KeyCompromise, 6);
    expect(await stateOf(key)).toBe(State.Compromised);
    expect(await valueOf(harness, key, 'CompromiseOccurrenceDate')).toBe(6);
    expect(await valueOf(harness, key, 'CompromiseDate')).toBe(harness.nowSeconds);
    await revokeFor(key, CACompromise, 99);
    expect(await valueOf(harness, key, 'CompromiseOccurrenceDate')).toBe(6);
    await destroyKey(key);
    expect(await stateOf(key)).toBe(State.DestroyedCompromised);
  });

  test('a compromise of unknown date counts from the Initial Date, also after the key was destroyed', async () => {
    const key = await createKey(harness);
    await destroyKey(key);
    await revokeFor(key, KeyCompromise);
    expect(await stateOf(key)).toBe(State.DestroyedCompromised);
    expect(await valueOf(harness, key, 'CompromiseOccurrenceDate')).toBe(harness.nowSeconds);
  });

  test('takes the date of a compromise with a compromise alone', async () => {
    const key = await createKey(harness);
    await activateKey(key);
    expect(await refused(revokeFor(key, CessationOfOperation, 6))).toBe('InvalidField');
    expect(await stateOf(key)).toBe(State.Active);
  });
});

describe('dates that have come', () => {
  test('move an object on from their very second', async () => {
    const value = harness.nowSeconds + 100;
    const begins = await createKey(harness, { key: 'ActivationDate', value });
    const ends = await createKey(harness, { key: 'DeactivationDate', value });
    const both = await createKey(
      harness,
      { key: 'ActivationDate', value },
      { key: 'DeactivationDate', value: value + 1 },
    );
    harness.nowSeconds += 99;
    expect([await stateOf(begins), await stateOf(both)]).toEqual([State.PreActive, State.PreActive]);
    harness.nowSeconds += 1;
    expect([await stateOf(begins), await stateOf(both)]).toEqual([State.Active, State.Active]);
    expect(await refused(activateKey(ends))).toBe('WrongKeyLifecycleState');
    harness.nowSeconds += 1;
    expect(await stateOf(both)).toBe(State.Deactivated);
  });
});

describe('dates that operations set', () => {
  test('do not keep attributes from changing, and are taken by Import', async () => {
    const now = harness.nowSeconds;
    const early = await createKey(harness, { key: 'ProcessStartDate', value: now - 100 });
    const stopping = await createKey(harness, { key: 'ProtectStopDate', value: now + 100 });
    for (const uniqueIdentifier of [early, stopping]) {
      await activateKey(uniqueIdentifier);
      if (uniqueIdentifier === stopping) await revokeFor(uniqueIdentifier, CessationOfOperation);
      const newAttribute = named(`named late: ${uniqueIdentifier}`);
      await harness.run(addAttribute, { uniqueIdentifier, newAttribute });
      expect(await valueOf(harness, uniqueIdentifier, 'Name')).toEqual(newAttribute.value);
      const there = harness.as('user', randomUUID());
      const { attributes, ...exported } = await harness.run(exportObject, { uniqueIdentifier });
      await there.run(importObject, { ...exported, attributes: attributes.filter(isKnownAttribute) });
      expect(await valueOf(there, uniqueIdentifier, 'State')).toBe(await stateOf(uniqueIdentifier));
    }
  });

  test('are no excuse for a client to contradict one date by another', async () => {
    const now = harness.nowSeconds;
    const key = await createKey(harness, { key: 'ProtectStopDate', value: now + 100 });
    const newAttribute = { key: 'DeactivationDate', value: now + 50 } as const;
    expect(await refused(harness.run(addAttribute, { uniqueIdentifier: key, newAttribute }))).toBe(
      'InvalidField',
    );
  });
});

test('Recover names the object for the items that follow', async () => {
  const uniqueIdentifier = await createKey(harness);
  await harness.run(archive, { uniqueIdentifier });
  await harness.run(recover, { uniqueIdentifier });
  expect(harness.produced).toEqual([uniqueIdentifier]);
});

describe('Destroy', () => {
  test('erases the value of an object that was never activated, and leaves its attributes', async () => {
    const key = await createKey(harness, named('destroyed'));
    await destroyKey(key);
    expect(await stateOf(key)).toBe(State.Destroyed);
    expect(await valueOf(harness, key, 'DestroyDate')).toBe(harness.nowSeconds);
    expect(await valueOf(harness, key, 'Name')).toEqual(named('destroyed').value);
    expect(await refused(harness.run(get, { uniqueIdentifier: key }))).toBe('KeyValueNotPresent');
    expect(await refused(destroyKey(key))).toBe('ObjectDestroyed');
  });

  test('frees the names of the object', async () => {
    await destroyKey(await createKey(harness, named('used twice')));
    expect(await refused(createKey(harness, named('used twice')))).toBeUndefined();
    expect(await refused(createKey(harness, named('used twice')))).toBe('NonUniqueNameAttribute');
  });

  test('does not touch an Active object; after Revoke it does', async () => {
    const key = await createKey(harness);
    await activateKey(key);
    expect(await refused(destroyKey(key))).toBe('WrongKeyLifecycleState');
    expect(await refused(harness.run(get, { uniqueIdentifier: key }))).toBeUndefined();
    await revokeFor(key, CessationOfOperation);
    await destroyKey(key);
    expect(await stateOf(key)).toBe(State.Destroyed);
  });

  test('a date that has come counts as the state', async () => {
    const key = await createKey(harness, { key: 'ActivationDate', value: harness.nowSeconds + 5 });
    harness.nowSeconds += 10;
    expect(await refused(destroyKey(key))).toBe('WrongKeyLifecycleState');
    harness.nowSeconds -= 10;
    expect(await refused(destroyKey(key))).toBeUndefined();
  });

  test('leaves nothing of a Template, and frees its name', async () => {
    const template = { objectType: ObjectType.Template, attributes: [] } as const;
    const first = await registerObject(harness, template, [named('template')]);
    await destroyKey(first);
    expect(await refused(valueOf(harness, first, 'Name'))).toBe('ObjectNotFound');
    expect(await refused(destroyKey(first))).toBe('ObjectNotFound');
    expect(await refused(registerObject(harness, template, [named('template')]))).toBeUndefined();
  });

  test('is not for readers', async () => {
    const key = await createKey(harness);
    const reader = harness.as('reader');
    expect(await refused(reader.run(destroy, { uniqueIdentifier: key }))).toBe('PermissionDenied');
    expect(await refused(reader.run(activate, { uniqueIdentifier: key }))).toBe('PermissionDenied');
  });
});

describe('Check', () => {
  const { Encrypt, Sign } = CryptographicUsageMask;

  test('tells whether the object may be used so', async () => {
    const key = await createKey(harness, {
      key: 'UsageLimits',
      value: { usageLimitsTotal: 100n, usageLimitsUnit: UsageLimitsUnit.Byte },
    });
    const uniqueIdentifier = key;
    const checked = (values: object) => refused(harness.run(check, { uniqueIdentifier, ...values }));
    expect(await harness.run(check, { uniqueIdentifier })).toEqual({ uniqueIdentifier });
    expect(await checked({ cryptographicUsageMask: Encrypt, usageLimitsCount: 100n })).toBeUndefined();
    expect(harness.emptied).toBe(false);
    expect(await checked({ cryptographicUsageMask: Sign })).toBe('IncompatibleCryptographicUsageMask');
    expect(harness.emptied).toBe(true);
    expect(await checked({ usageLimitsCount: 101n })).toBe('UsageLimitExceeded');
    expect(await checked({ leaseTimeSeconds: 3600 })).toBeUndefined();
    expect(await checked({ leaseTimeSeconds: 3601 })).toBe('PermissionDenied');
  });

  test('is not for Templates, nor for what is gone', async () => {
    const template = await registerObject(harness, { objectType: ObjectType.Template, attributes: [] });
    expect(await refused(harness.run(check, { uniqueIdentifier: template }))).toBe('IllegalObjectType');
    const secret = await registerObject(harness, password('p'));
    await destroyKey(secret);
    expect(await refused(harness.run(check, { uniqueIdentifier: secret }))).toBe('ObjectDestroyed');
  });
});
