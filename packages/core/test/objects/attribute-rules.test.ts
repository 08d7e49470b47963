import {
  BlockCipherMode,
  CryptographicUsageMask,
  LinkType,
  NameType,
  ObjectType,
  PaddingMethod,
  State,
  Tag,
  UsageLimitsUnit,
  attributeDefinitions,
  type Attribute,
} from '@holdfast/kmip';
import { ItemType } from '@holdfast/ttlv';
import { MAX_ATTRIBUTES_BYTES, MAX_INSTANCES } from '../../src/objects/attribute-limits';
import {
  addAttribute,
  deleteAttribute,
  includesValue,
  instanceAt,
  instanceOfValue,
  modifyAttribute,
  withResolvedLink,
} from '../../src/objects/attribute-rules';
import { AttributeSet } from '../../src/objects/attribute-set';
import { refusal } from '../refusal';

const NOW = 1_800_000_000;

/** A symmetric key in a state, as the rules see it. */
function key(state: State, ...attributes: Attribute[]) {
  return {
    state,
    attributes: new AttributeSet([
      { key: 'UniqueIdentifier', value: 'one' },
      { key: 'ObjectType', value: ObjectType.SymmetricKey },
      { key: 'State', value: state },
      ...attributes,
    ]),
  };
}

function named(nameValue: string): Attribute {
  return { key: 'Name', value: { nameValue, nameType: NameType.UninterpretedTextString } };
}

function custom(vendorIdentification: string, attributeName: string, value: string): Attribute {
  const attributeValue = { tag: Tag.AttributeValue, type: ItemType.TextString, value } as const;
  return { key: 'VendorAttribute', value: { vendorIdentification, attributeName, attributeValue } };
}

const first = (instances: readonly Attribute[]) => instanceAt(instances, 0);

describe('adding', () => {
  test('counts the instances of an attribute on, and leaves the first index out', () => {
    const object = key(State.Active);
    expect(addAttribute(object, named('a'), NOW).index).toBeUndefined();
    expect(addAttribute(object, named('b'), NOW).index).toBe(1);
    expect(addAttribute(object, custom('x', 'a', '1'), NOW).index).toBeUndefined();
    expect(addAttribute(object, custom('x', 'b', '1'), NOW).index).toBeUndefined();
    expect(addAttribute(object, custom('x', 'a', '2'), NOW).index).toBe(1);
  });

  test('keeps the indexes of the others when an instance goes', () => {
    const object = key(State.Active, named('a'));
    addAttribute(object, named('b'), NOW);
    deleteAttribute(object, { key: 'Name' }, (instances) => [first(instances)], NOW);
    expect(object.attributes.instances('Name').map(({ index }) => index)).toEqual([1]);
    expect(addAttribute(object, named('c'), NOW).index).toBe(2);
  });

  test('refuses a second value of what has one', () => {
    const object = key(State.Active);
    addAttribute(object, { key: 'ContactInformation', value: 'a' }, NOW);
    const again = () => addAttribute(object, { key: 'ContactInformation', value: 'a' }, NOW);
    expect(refusal(again)).toBe('AttributeSingleValued');
  });

  test('refuses what only the server sets, for every such attribute', () => {
    const samples: Attribute[] = [
      { key: 'State', value: State.Active },
      { key: 'LeaseTime', value: 1 },
      { key: 'InitialDate', value: 1 },
      { key: 'UniqueIdentifier', value: 'x' },
      { key: 'CryptographicLength', value: 1 },
    ];
    for (const sample of samples) {
      expect(refusal(() => addAttribute(key(State.Active), sample, NOW))).toBe('ReadOnlyAttribute');
    }
    expect(refusal(() => addAttribute(key(State.Active), custom('y', 'a', '1'), NOW))).toBe(
      'ReadOnlyAttribute',
    );
  });

  test('refuses what objects of the type do not have', () => {
    const domain: Attribute = { key: 'CryptographicDomainParameters', value: { qLengthBits: 256 } };
    expect(refusal(() => addAttribute(key(State.Active), domain, NOW))).toBe('InvalidAttribute');
  });

  test('takes the policy name that is there once more, and no other', () => {
    const object = key(State.Active, { key: 'OperationPolicyName', value: 'default' });
    expect(addAttribute(object, { key: 'OperationPolicyName', value: 'default' }, NOW).value).toBe('default');
    const other = () => addAttribute(object, { key: 'OperationPolicyName', value: 'other' }, NOW);
    expect(refusal(other)).toBe('AttributeSingleValued');
  });

  test('refuses a name that the object has', () => {
    const again = () => addAttribute(key(State.Active, named('a')), named('a'), NOW);
    expect(refusal(again)).toBe('NonUniqueNameAttribute');
  });

  test('bounds the number of instances', () => {
    const object = key(State.Active);
    for (let count = 0; count < MAX_INSTANCES; count++) {
      addAttribute(object, { key: 'ObjectGroup', value: `group ${count}` }, NOW);
    }
    const more = () => addAttribute(object, { key: 'ObjectGroup', value: 'more' }, NOW);
    expect(refusal(more)).toBe('ServerLimitExceeded');
  });

  test('bounds how long all attributes are together, also as they change', () => {
    const object = key(State.Active);
    const long = (name: string) => custom('x', name, 'v'.repeat(MAX_ATTRIBUTES_BYTES / 4));
    for (const name of ['a', 'b', 'c']) addAttribute(object, long(name), NOW);
    addAttribute(object, custom('x', 'd', 'short'), NOW);
    const modify = (attribute: Attribute) => modifyAttribute(object, attribute, first, NOW);
    expect(refusal(() => addAttribute(object, long('e'), NOW))).toBe('ServerLimitExceeded');
    expect(refusal(() => modify(long('d')))).toBe('ServerLimitExceeded');
    // Where there are more of them than there may be, they can still become fewer.
    expect(refusal(() => modify(custom('x', 'a', 'short')))).toBeUndefined();
  });

  test('begins usage limits unused, whatever count comes with them', () => {
    const limits = { usageLimitsTotal: 10n, usageLimitsCount: 3n, usageLimitsUnit: UsageLimitsUnit.Byte };
    const object = key(State.Active);
    addAttribute(object, { key: 'UsageLimits', value: limits }, NOW);
    expect(object.attributes.get('UsageLimits')?.usageLimitsCount).toBe(10n);
  });

  test('generates no application data', () => {
    const attribute: Attribute = {
      key: 'ApplicationSpecificInformation',
      value: { applicationNamespace: 'ssl' },
    };
    const code = refusal(() => addAttribute(key(State.Active), attribute, NOW));
    expect(code).toBe('ApplicationNamespaceNotSupported');
  });

  test('wants vendors that can be named in every version', () => {
    for (const attribute of [custom('a b', 'n', ''), custom('', 'n', ''), custom('x', '', '')]) {
      expect(refusal(() => addAttribute(key(State.Active), attribute, NOW))).toBe('InvalidAttribute');
    }
  });
});

describe('dates', () => {
  test('an Activation Date that has come activates, one to come does not', () => {
    for (const [value, state] of [
      [NOW, State.Active],
      [NOW + 1, State.PreActive],
    ] as const) {
      const object = key(State.PreActive);
      addAttribute(object, { key: 'ActivationDate', value }, NOW);
      expect(object.attributes.get('State')).toBe(state);
    }
  });

  test('a Deactivation Date moved to the past deactivates', () => {
    const object = key(
      State.Active,
      { key: 'ActivationDate', value: NOW - 10 },
      { key: 'DeactivationDate', value: NOW + 10 },
    );
    modifyAttribute(object, { key: 'DeactivationDate', value: NOW - 5 }, first, NOW);
    expect(object.attributes.get('State')).toBe(State.Deactivated);
  });

  test('the Activation Date of an active key stays', () => {
    const object = key(State.Active, { key: 'ActivationDate', value: NOW - 10 });
    const modify = () => modifyAttribute(object, { key: 'ActivationDate', value: NOW }, first, NOW);
    expect(refusal(modify)).toBe('WrongKeyLifecycleState');
  });

  test('a Protect Stop Date changes until it is reached', () => {
    const change = (value: number) =>
      refusal(() =>
        modifyAttribute(
          key(State.Active, { key: 'ProtectStopDate', value }),
          { key: 'ProtectStopDate', value: NOW + 100 },
          first,
          NOW,
        ),
      );
    expect(change(NOW + 1)).toBeUndefined();
    expect(change(NOW)).toBe('AttributeReadOnly');
  });

  test('dates do not contradict each other', () => {
    const start = key(State.PreActive, { key: 'ActivationDate', value: NOW + 10 });
    const early: Attribute = { key: 'ProcessStartDate', value: NOW + 5 };
    expect(refusal(() => addAttribute(start, early, NOW))).toBe('InvalidField');
    const stop = key(State.PreActive, { key: 'DeactivationDate', value: NOW + 10 });
    const late: Attribute = { key: 'ProtectStopDate', value: NOW + 15 };
    expect(refusal(() => addAttribute(stop, late, NOW))).toBe('InvalidField');
  });

  test('an activation later than planned leaves the dates of the end free', () => {
    const object = key(
      State.Active,
      { key: 'ProcessStartDate', value: NOW - 20 },
      { key: 'ActivationDate', value: NOW - 10 },
    );
    addAttribute(object, { key: 'ProtectStopDate', value: NOW + 10 }, NOW);
    const end = (value: number): Attribute => ({ key: 'DeactivationDate', value });
    addAttribute(object, end(NOW + 20), NOW);
    expect(refusal(() => modifyAttribute(object, end(NOW + 5), first, NOW))).toBe('InvalidField');
  });
});

describe('modifying', () => {
  test('changes the instance of an index and no other', () => {
    const object = key(State.Active, named('a'), { ...named('b'), index: 1 });
    const pick = (instances: readonly Attribute[]) => instanceAt(instances, 1);
    expect(modifyAttribute(object, named('c'), pick, NOW).index).toBe(1);
    expect(object.attributes.instances('Name').map(({ value }) => value.nameValue)).toEqual(['a', 'c']);
  });

  test('tells a missing attribute from a missing instance', () => {
    const object = key(State.Active, named('a'));
    expect(refusal(() => modifyAttribute(key(State.Active), named('b'), first, NOW))).toBe(
      'AttributeNotFound',
    );
    const byIndex = (instances: readonly Attribute[]) => instanceAt(instances, 7);
    expect(refusal(() => modifyAttribute(object, named('b'), byIndex, NOW))).toBe(
      'AttributeInstanceNotFound',
    );
    const byValue = (instances: readonly Attribute[]) => instanceOfValue(instances, named('z'));
    expect(refusal(() => modifyAttribute(object, named('b'), byValue, NOW))).toBe(
      'AttributeInstanceNotFound',
    );
  });

  test('leaves to the server what is the server’s', () => {
    const mask: Attribute = { key: 'CryptographicUsageMask', value: CryptographicUsageMask.Sign };
    expect(refusal(() => modifyAttribute(key(State.Active, mask), mask, first, NOW))).toBe(
      'AttributeReadOnly',
    );
    const code = refusal(() =>
      modifyAttribute(key(State.Active, mask), mask, first, NOW, 'ReadOnlyAttribute'),
    );
    expect(code).toBe('ReadOnlyAttribute');
  });

  test('a name may be given again to the instance that has it', () => {
    const object = key(State.Active, named('a'));
    expect(refusal(() => modifyAttribute(object, named('a'), first, NOW))).toBeUndefined();
  });

  test('what protects the object is not taken back', () => {
    for (const [attribute, code] of [
      [{ key: 'Sensitive', value: false }, 'PermissionDenied'],
      [{ key: 'Sensitive', value: true }, undefined],
      [{ key: 'Extractable', value: true }, 'PermissionDenied'],
      [{ key: 'Extractable', value: false }, undefined],
    ] as const) {
      const object = key(
        State.Active,
        { key: 'Sensitive', value: true },
        { key: 'Extractable', value: false },
      );
      expect(refusal(() => modifyAttribute(object, attribute, first, NOW))).toBe(code);
    }
  });

  test('usage limits are corrected only before use', () => {
    const limits = { usageLimitsTotal: 10n, usageLimitsCount: 10n, usageLimitsUnit: UsageLimitsUnit.Byte };
    const change = (usageLimitsCount: bigint) =>
      refusal(() =>
        modifyAttribute(
          key(State.Active, { key: 'UsageLimits', value: { ...limits, usageLimitsCount } }),
          { key: 'UsageLimits', value: { ...limits, usageLimitsTotal: 20n } },
          first,
          NOW,
        ),
      );
    expect(change(10n)).toBeUndefined();
    expect(change(9n)).toBe('AttributeReadOnly');
  });
});

describe('deleting', () => {
  const all = (instances: readonly Attribute[]) => instances;

  test('takes what the rules let go', () => {
    const object = key(State.Active, named('a'), { ...named('b'), index: 1 });
    expect(deleteAttribute(object, { key: 'Name' }, all, NOW)).toHaveLength(2);
    expect(object.attributes.has('Name')).toBe(false);
  });

  test('refuses what an object always has and what no client deletes, for every attribute of the table', () => {
    for (const { key: attributeKey, deletableByClient, alwaysHasValue } of attributeDefinitions) {
      if (attributeKey === 'VendorAttribute') continue;
      const isFixed = deletableByClient === 'no' || alwaysHasValue.includes(ObjectType.SymmetricKey);
      const code = refusal(() => deleteAttribute(key(State.Active), { key: attributeKey }, all, NOW));
      const isThere = key(State.Active).attributes.has(attributeKey);
      expect([attributeKey, code]).toEqual([
        attributeKey,
        isFixed || isThere ? 'AttributeReadOnly' : 'AttributeNotFound',
      ]);
    }
  });

  test('knows no attribute of an unknown name, and leaves the server its own', () => {
    expect(refusal(() => deleteAttribute(key(State.Active), { unknownName: 'z' }, all, NOW))).toBe(
      'AttributeNotFound',
    );
    const own = { key: 'VendorAttribute', vendorIdentification: 'y', attributeName: 'a' } as const;
    const object = key(State.Active, custom('y', 'a', '1'));
    expect(refusal(() => deleteAttribute(object, own, all, NOW))).toBe('AttributeReadOnly');
  });
});

test('a Link is kept with the identifier that its reference stands for', () => {
  const link: Attribute = {
    key: 'Link',
    value: { linkType: LinkType.NextLink, linkedObjectIdentifier: { nth: 0 } },
  };
  expect(withResolvedLink(link, () => 'two').value).toEqual({
    linkType: LinkType.NextLink,
    linkedObjectIdentifier: 'two',
  });
});

describe('a condition of Locate', () => {
  const parameters: Attribute = {
    key: 'CryptographicParameters',
    value: { blockCipherMode: BlockCipherMode.CBC, paddingMethod: PaddingMethod.PKCS5 },
  };
  const withMode = (blockCipherMode: BlockCipherMode): Attribute => ({
    key: 'CryptographicParameters',
    value: { blockCipherMode },
  });

  test('names some members of a structure', () => {
    expect(includesValue(parameters, withMode(BlockCipherMode.CBC))).toBe(true);
    expect(includesValue(parameters, withMode(BlockCipherMode.GCM))).toBe(false);
    expect(includesValue(withMode(BlockCipherMode.CBC), parameters)).toBe(false);
    expect(includesValue(named('a'), parameters)).toBe(false);
  });

  test('asks for usage limits that are no smaller', () => {
    const limits = (total: bigint, count: bigint): Attribute => ({
      key: 'UsageLimits',
      value: { usageLimitsTotal: total, usageLimitsCount: count, usageLimitsUnit: UsageLimitsUnit.Byte },
    });
    expect(includesValue(limits(10n, 5n), limits(10n, 5n))).toBe(true);
    expect(includesValue(limits(11n, 6n), limits(10n, 5n))).toBe(true);
    expect(includesValue(limits(10n, 4n), limits(10n, 5n))).toBe(false);
    expect(includesValue(limits(9n, 5n), limits(10n, 5n))).toBe(false);
  });
});
