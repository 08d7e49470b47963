import {
  activate,
  archive,
  check,
  destroy,
  encrypt,
  get,
  getAttributeList,
  getAttributes,
  getUsageAllocation,
  locate,
  obtainLease,
  recover,
  revoke,
  addAttribute,
  setAttribute,
  type OperationDefinition,
} from '@holdfast/core';
import {
  BlockCipherMode,
  CryptographicUsageMask,
  ObjectType,
  ResultReason,
  RevocationReasonCode,
  UsageLimitsUnit,
  dialectNamed,
  resultReasonOf,
  type Attribute,
} from '@holdfast/kmip';
import { SecretBytes } from '@holdfast/ttlv';
import { Harness } from './harness';
import { createKey, custom, named, password, rawKey, refused, registerObject, valueOf } from './requests';

/** Obtain Lease, Get Usage Allocation, Archive and Recover, with each row of their error tables. */

let harness: Harness;
beforeAll(async () => {
  harness = await Harness.start();
});
afterAll(() => harness.close());

function limits(total: bigint, usageLimitsUnit: UsageLimitsUnit = UsageLimitsUnit.Object): Attribute {
  return { key: 'UsageLimits', value: { usageLimitsTotal: total, usageLimitsUnit } };
}

async function activeKey(...attributes: Attribute[]): Promise<string> {
  const key = await createKey(harness, ...attributes);
  await harness.run(activate, { uniqueIdentifier: key });
  return key;
}

const allocate = (uniqueIdentifier: string, usageLimitsCount: bigint) =>
  harness.run(getUsageAllocation, { uniqueIdentifier, usageLimitsCount });
const countOf = async (key: string) => (await valueOf(harness, key, 'UsageLimits'))?.usageLimitsCount;
const lease = (uniqueIdentifier: string) => harness.run(obtainLease, { uniqueIdentifier });
const archiveObject = (uniqueIdentifier: string) => harness.run(archive, { uniqueIdentifier });
const recoverObject = (uniqueIdentifier: string) => harness.run(recover, { uniqueIdentifier });

describe('Obtain Lease', () => {
  test('tells the lease of the object and when it changed last', async () => {
    const key = await createKey(harness);
    harness.nowSeconds += 7;
    await harness.run(addAttribute, { uniqueIdentifier: key, newAttribute: custom('a', 'b') });
    expect(await lease(key)).toEqual({
      uniqueIdentifier: key,
      leaseTimeSeconds: 3600,
      lastChangeDate: harness.nowSeconds,
    });
    expect(await harness.as('reader').run(obtainLease, { uniqueIdentifier: key })).toMatchObject({
      leaseTimeSeconds: 3600,
    });
  });

  test('is refused where there is nothing to use', async () => {
    expect(await refused(lease('no such object'))).toBe('ObjectNotFound');
    const destroyed = await createKey(harness);
    await harness.run(destroy, { uniqueIdentifier: destroyed });
    expect(await refused(lease(destroyed))).toBe('PermissionDenied');
    const template = await registerObject(harness, { objectType: ObjectType.Template, attributes: [] });
    expect(await refused(lease(template))).toBe('PermissionDenied');
    const spent = await activeKey(limits(2n));
    await allocate(spent, 2n);
    expect(await refused(lease(spent))).toBe('UsageLimitExceeded');
    const archived = await createKey(harness);
    await archiveObject(archived);
    expect(await refused(lease(archived))).toBe('ObjectArchived');
  });
});

describe('Get Usage Allocation', () => {
  test('takes units off until there are none', async () => {
    const key = await activeKey(limits(10n));
    expect(await allocate(key, 4n)).toEqual({ uniqueIdentifier: key });
    expect(await countOf(key)).toBe(6n);
    expect(await refused(allocate(key, 7n))).toBe('UsageLimitExceeded');
    expect(await countOf(key)).toBe(6n);
    await allocate(key, 6n);
    expect(await refused(allocate(key, 1n))).toBe('UsageLimitExceeded');
    expect(await refused(harness.run(check, { uniqueIdentifier: key, usageLimitsCount: 1n }))).toBe(
      'UsageLimitExceeded',
    );
  });

  test('shares the limits with what the server itself protects', async () => {
    const key = await activeKey(limits(40n, UsageLimitsUnit.Byte));
    const request = () => ({
      uniqueIdentifier: key,
      cryptographicParameters: { blockCipherMode: BlockCipherMode.GCM, randomIV: true },
      data: new SecretBytes(Buffer.alloc(16)),
    });
    await harness.run(encrypt, request());
    expect(await countOf(key)).toBe(24n);
    await allocate(key, 10n);
    expect(await refused(harness.run(encrypt, request()))).toBe('UsageLimitExceeded');
    expect(await countOf(key)).toBe(14n);
  });

  test('has the last word on the total', async () => {
    const key = await activeKey(limits(10n));
    await harness.run(setAttribute, { uniqueIdentifier: key, newAttribute: limits(20n) }, '2.1');
    await allocate(key, 1n);
    const more = harness.run(setAttribute, { uniqueIdentifier: key, newAttribute: limits(30n) }, '2.1');
    expect(await refused(more)).toBe('ReadOnlyAttribute');
  });

  test('is refused', async () => {
    expect(await refused(allocate('no such object', 1n))).toBe('ObjectNotFound');
    expect(await refused(allocate(await activeKey(), 1n))).toBe('AttributeNotFound');
    const key = await activeKey(limits(10n));
    expect(await refused(allocate(key, 0n))).toBe('InvalidField');
    expect(await refused(allocate(key, -1n))).toBe('InvalidField');
    expect(await refused(allocate(await registerObject(harness, password('x'), [limits(5n)]), 1n))).toBe(
      'InvalidObjectType',
    );
    const usage = { key: 'CryptographicUsageMask', value: CryptographicUsageMask.Decrypt } as const;
    expect(await refused(allocate(await activeKey(limits(5n), usage), 1n))).toBe('InvalidObjectType');
    expect(await refused(allocate(await createKey(harness, limits(5n)), 1n))).toBe('WrongKeyLifecycleState');
    const stopped = await activeKey(limits(5n), { key: 'ProtectStopDate', value: harness.nowSeconds + 5 });
    harness.nowSeconds += 5;
    expect(await refused(allocate(stopped, 1n))).toBe('WrongKeyLifecycleState');
    await archiveObject(key);
    expect(await refused(allocate(key, 1n))).toBe('ObjectArchived');
  });

  test('under the names that the tables have', () => {
    const reason = (code: Parameters<typeof resultReasonOf>[0], version: '1.4' | '2.1') =>
      resultReasonOf(code, 'GetUsageAllocation', dialectNamed(version));
    expect(reason('AttributeNotFound', '1.4')).toBe(ResultReason.IllegalOperation);
    expect(reason('InvalidObjectType', '1.4')).toBe(ResultReason.IllegalOperation);
    expect(reason('UsageLimitExceeded', '1.4')).toBe(ResultReason.PermissionDenied);
    expect(reason('WrongKeyLifecycleState', '1.4')).toBe(ResultReason.IllegalOperation);
    expect(reason('ObjectNotFound', '1.4')).toBe(ResultReason.ItemNotFound);
    expect(reason('AttributeNotFound', '2.1')).toBe(ResultReason.AttributeNotFound);
    expect(reason('WrongKeyLifecycleState', '2.1')).toBe(ResultReason.PermissionDenied);
  });
});

describe('Archive and Recover', () => {
  const found = async (name: string, storageStatusMask?: number) => {
    const answer = await harness.run(locate, { storageStatusMask, attributes: [named(name)] });
    return answer.uniqueIdentifiers;
  };
  const ONLINE = 1;
  const ARCHIVAL = 2;

  test('take an object off-line and bring it back as it was', async () => {
    const key = await createKey(harness, named('to and fro'));
    const value = (await harness.run(get, { uniqueIdentifier: key })).object;
    expect(await archiveObject(key)).toEqual({ uniqueIdentifier: key });
    expect(await found('to and fro')).toEqual([]);
    expect(await found('to and fro', ONLINE)).toEqual([]);
    expect(await found('to and fro', ARCHIVAL)).toEqual([key]);
    expect(await found('to and fro', ONLINE | ARCHIVAL)).toEqual([key]);
    expect(await refused(archiveObject(key))).toBe('ObjectArchived');
    // Its name stays its own.
    expect(await refused(createKey(harness, named('to and fro')))).toBe('NonUniqueNameAttribute');
    expect(await recoverObject(key)).toEqual({ uniqueIdentifier: key });
    expect(await recoverObject(key)).toEqual({ uniqueIdentifier: key });
    expect(await found('to and fro')).toEqual([key]);
    expect(await valueOf(harness, key, 'ArchiveDate')).toBeUndefined();
    expect((await harness.run(get, { uniqueIdentifier: key })).object).toEqual(value);
  });

  const using = <Request>(definition: OperationDefinition<Request>, request: object = {}) => {
    const on = (uniqueIdentifier: string) =>
      harness.run(definition, { uniqueIdentifier, ...request } as Request, '2.1');
    return [definition.name, on] as const;
  };

  test.each([
    using(get),
    using(getAttributes, { attributeReferences: [] }),
    using(getAttributeList),
    using(addAttribute, { newAttribute: custom('a', 'b') }),
    using(setAttribute, { newAttribute: { key: 'Comment', value: 'c' } }),
    using(activate),
    using(check),
    using(revoke, { revocationReason: { revocationReasonCode: RevocationReasonCode.KeyCompromise } }),
    using(destroy),
    using(encrypt, { data: new SecretBytes(Buffer.alloc(16)) }),
  ])('leave nothing for %s', async (_name, on) => {
    const key = await createKey(harness);
    await archiveObject(key);
    expect(await refused(on(key))).toBe('ObjectArchived');
  });

  test('leave nothing to wrap with', async () => {
    const wrapping = await registerObject(harness, rawKey('00'.repeat(16)), [
      { key: 'CryptographicUsageMask', value: CryptographicUsageMask.WrapKey },
    ]);
    await archiveObject(wrapping);
    const keyWrappingSpecification = {
      wrappingMethod: 1,
      encryptionKeyInformation: { uniqueIdentifier: wrapping },
      attributeNames: [],
    } as const;
    const key = await createKey(harness);
    expect(await refused(harness.run(get, { uniqueIdentifier: key, keyWrappingSpecification }))).toBe(
      'WrappingObjectArchived',
    );
  });

  test('are for those who govern, and for what is there', async () => {
    const key = await createKey(harness);
    const reader = harness.as('reader');
    for (const definition of [archive, recover]) {
      expect(await refused(reader.run(definition, { uniqueIdentifier: key }))).toBe('PermissionDenied');
      expect(await refused(harness.run(definition, { uniqueIdentifier: 'no such' }))).toBe('ObjectNotFound');
    }
  });
});
