import {
  CryptographicAlgorithm,
  CryptographicUsageMask,
  LinkType,
  NameType,
  ObjectType,
  RNGAlgorithm,
  RecommendedCurve,
  State,
  Tag,
  UsageLimitsUnit,
  type Attribute,
  type NewAttributes,
} from '@holdfast/kmip';
import { HoldfastError, ItemType, type ErrorCode } from '@holdfast/ttlv';
import { MAX_ATTRIBUTES, MAX_ATTRIBUTES_BYTES, MAX_INSTANCES } from '../../src/objects/attribute-limits';
import { AttributeSet } from '../../src/objects/attribute-set';
import { describeKeyPair } from '../../src/objects/requested-key';
import { checkRequested, gatherAttributes, type Origin } from '../../src/objects/requested-attributes';
import { NOW, ruleContext } from '../context';
import { refusal } from '../refusal';

const context = ruleContext('1.4');

function named(nameValue: string): Attribute {
  return { key: 'Name', value: { nameValue, nameType: NameType.UninterpretedTextString } };
}
function custom(vendorIdentification: string, attributeName: string, value = 'v'): Attribute {
  const attributeValue = { tag: Tag.AttributeValue, type: ItemType.TextString, value } as const;
  return { key: 'VendorAttribute', value: { vendorIdentification, attributeName, attributeValue } };
}
function source(...attributes: Attribute[]): NewAttributes {
  return { templateNames: [], attributes };
}
async function gatherRefusal(...sources: NewAttributes[]): Promise<ErrorCode | undefined> {
  return gatherAttributes(sources, context).then(
    () => undefined,
    (error: unknown) => (error as HoldfastError).code,
  );
}

describe('gathering', () => {
  test('a later source goes over an earlier one where there is one value, and adds to it where there are several', async () => {
    const attributes = await gatherAttributes(
      [
        source({ key: 'CryptographicLength', value: 128 }, named('common'), {
          key: 'Comment',
          value: 'kept',
        }),
        source({ key: 'CryptographicLength', value: 256 }, named('own'), named('common')),
      ],
      context,
    );
    expect(attributes.get('CryptographicLength')).toBe(256);
    expect(attributes.get('Comment')).toBe('kept');
    expect(attributes.instances('Name').map(({ value }) => value.nameValue)).toEqual(['common', 'own']);
  });

  test('a value that there is one of is given once', async () => {
    const length: Attribute = { key: 'CryptographicLength', value: 128 };
    await expect(gatherRefusal(source(length, length))).resolves.toBe('AttributeSingleValued');
  });

  test('an attribute has a bounded number of instances, counted by vendor and name', async () => {
    const many = Array.from({ length: MAX_INSTANCES }, (_, index) => named(`name ${index}`));
    await expect(gatherRefusal(source(...many))).resolves.toBeUndefined();
    await expect(gatherRefusal(source(...many, named('one more')))).resolves.toBe('IndexOutOfBounds');
    const customs = Array.from({ length: 2 * MAX_INSTANCES }, (_, index) => custom('x', `name ${index}`));
    await expect(gatherRefusal(source(...customs))).resolves.toBeUndefined();
  });

  test('an object has a bounded number of attributes, and of bytes of them, whatever they come from', async () => {
    const customs = (of: string, count = MAX_ATTRIBUTES / 2, value = 'v') =>
      source(...Array.from({ length: count }, (_, index) => custom('x', `${of} ${index}`, value)));
    await expect(gatherRefusal(customs('a'), customs('b'), customs('a'))).resolves.toBeUndefined();
    await expect(gatherRefusal(customs('a'), customs('b'), customs('c', 1))).resolves.toBe(
      'ServerLimitExceeded',
    );
    const long = 'v'.repeat(MAX_ATTRIBUTES_BYTES / 4);
    await expect(gatherRefusal(customs('a', 2, long), customs('b', 1, long))).resolves.toBeUndefined();
    await expect(gatherRefusal(customs('a', 2, long), customs('b', 2, long))).resolves.toBe(
      'ServerLimitExceeded',
    );
  });

  test('instances are numbered in the order in which they come', async () => {
    const set = await gatherAttributes(
      [source(named('a'), custom('x', 'n', '1')), source(custom('x', 'n', '2'), named('a'), named('b'))],
      context,
    );
    const indexes = [...set].map(({ key, index }) => [key, index]);
    expect(indexes).toEqual([
      ['Name', undefined],
      ['VendorAttribute', undefined],
      ['VendorAttribute', 1],
      ['Name', 1],
    ]);
  });
});

describe('what a client may ask for', () => {
  function checked(attribute: Attribute, objectType: ObjectType, origin: Origin): ErrorCode | undefined {
    return refusal(() => checkRequested(new AttributeSet([attribute]), objectType, origin));
  }
  const { SymmetricKey, Certificate, Template, OpaqueObject } = ObjectType;
  const cases: readonly [Attribute, ObjectType, Origin, ErrorCode | undefined][] = [
    [{ key: 'State', value: State.Active }, SymmetricKey, 'generated', 'AttributeReadOnly'],
    [{ key: 'InitialDate', value: NOW }, SymmetricKey, 'registered', 'AttributeReadOnly'],
    [{ key: 'UniqueIdentifier', value: 'mine' }, SymmetricKey, 'registered', 'AttributeReadOnly'],
    [{ key: 'LeaseTime', value: 1 }, SymmetricKey, 'generated', 'AttributeReadOnly'],
    [{ key: 'NeverExtractable', value: true }, SymmetricKey, 'generated', 'AttributeReadOnly'],
    [{ key: 'CertificateLength', value: 1 }, SymmetricKey, 'registered', 'InvalidAttribute'],
    [{ key: 'CryptographicDomainParameters', value: {} }, SymmetricKey, 'generated', 'InvalidAttribute'],
    [
      { key: 'Link', value: { linkType: LinkType.NextLink, linkedObjectIdentifier: 'a' } },
      Template,
      'registered',
      'InvalidAttribute',
    ],
    [{ key: 'CertificateLength', value: 1 }, Certificate, 'registered', undefined],
    [{ key: 'CryptographicLength', value: 0 }, SymmetricKey, 'generated', 'InvalidAttributeValue'],
    [
      { key: 'CryptographicUsageMask', value: CryptographicUsageMask.Sign },
      OpaqueObject,
      'registered',
      undefined,
    ],
    [{ key: 'OperationPolicyName', value: 'default' }, SymmetricKey, 'generated', undefined],
    [{ key: 'Fresh', value: false }, SymmetricKey, 'registered', undefined],
    [{ key: 'Fresh', value: false }, SymmetricKey, 'generated', 'InvalidAttributeValue'],
    [{ key: 'OriginalCreationDate', value: 1 }, SymmetricKey, 'registered', undefined],
    [{ key: 'OriginalCreationDate', value: 1 }, SymmetricKey, 'generated', 'AttributeReadOnly'],
    [
      { key: 'RandomNumberGenerator', value: { rngAlgorithm: RNGAlgorithm.ANSIX9_31 } },
      SymmetricKey,
      'registered',
      undefined,
    ],
    [
      { key: 'RandomNumberGenerator', value: { rngAlgorithm: RNGAlgorithm.ANSIX9_31 } },
      SymmetricKey,
      'generated',
      'InvalidAttributeValue',
    ],
    [
      { key: 'RandomNumberGenerator', value: { rngAlgorithm: RNGAlgorithm.Unspecified } },
      SymmetricKey,
      'generated',
      undefined,
    ],
    [custom('x', 'mine'), SymmetricKey, 'generated', undefined],
    [custom('example.com', 'mine'), SymmetricKey, 'generated', undefined],
    [custom('y', 'theirs'), SymmetricKey, 'generated', 'AttributeReadOnly'],
    [
      { key: 'ApplicationSpecificInformation', value: { applicationNamespace: 'LIBRARY-LTO' } },
      SymmetricKey,
      'generated',
      'ApplicationNamespaceNotSupported',
    ],
  ];
  test.each(cases)('%j of type %s, %s', (attribute, objectType, origin, code) => {
    expect(checked(attribute, objectType, origin)).toBe(code);
  });

  test('usage limits begin unused, whatever the client says', () => {
    const attributes = new AttributeSet([
      {
        key: 'UsageLimits',
        value: { usageLimitsTotal: 10n, usageLimitsCount: 3n, usageLimitsUnit: UsageLimitsUnit.Byte },
      },
    ]);
    checkRequested(attributes, ObjectType.SymmetricKey, 'generated');
    expect(attributes.get('UsageLimits')?.usageLimitsCount).toBe(10n);
  });

  test('dates of the life cycle do not contradict each other', () => {
    const attributes = new AttributeSet([
      { key: 'ActivationDate', value: NOW },
      { key: 'ProcessStartDate', value: NOW - 1 },
    ]);
    expect(refusal(() => checkRequested(attributes, ObjectType.SymmetricKey, 'generated'))).toBeDefined();
  });
});

test('what both keys of a pair have alike is compared without looking at each with each', () => {
  const COUNT = MAX_INSTANCES;
  const looked = jest.fn();
  const half = (...counters: readonly number[]) => {
    const parameters = counters.map((initialCounterValue): Attribute => ({
      key: 'CryptographicParameters',
      get value() {
        looked();
        return { initialCounterValue };
      },
    }));
    return new AttributeSet([
      { key: 'CryptographicAlgorithm', value: CryptographicAlgorithm.EC },
      { key: 'CryptographicDomainParameters', value: { recommendedCurve: RecommendedCurve.P_256 } },
      { key: 'CryptographicUsageMask', value: CryptographicUsageMask.Sign },
      ...parameters,
    ]);
  };
  const counters = Array.from({ length: COUNT }, (_, index) => index);
  const described = (...others: readonly number[]) =>
    refusal(() => describeKeyPair(half(...counters), half(...others), context));
  expect(described(...[...counters].reverse())).toBeUndefined();
  expect(looked.mock.calls.length).toBeLessThan(10 * COUNT);
  expect(described(...counters.slice(1), COUNT)).toBe('InvalidField');
  expect(described(...counters.slice(1))).toBe('InvalidField');
});
