import { adjustAttribute, getAttributes } from '@holdfast/core';
import {
  AdjustmentType,
  Tag,
  dialectNamed,
  resultReasonOf,
  ResultReason,
  type AttributeReference,
} from '@holdfast/kmip';
import { ItemType, type Item } from '@holdfast/ttlv';
import { Harness } from './harness';
import { createKey, custom, named, refused, valueOf } from './requests';

/** Adjust Attribute: what is counted, from where, and each row of its error table (KMIP 2.1 section 6.1.3.1). */

const { Increment, Decrement, Negate } = AdjustmentType;
const tag = Tag.AdjustmentValue;
const integer = (value: number): Item => ({ tag, type: ItemType.Integer, value });
const interval = (value: number): Item => ({ tag, type: ItemType.Interval, value });

let harness: Harness;
beforeAll(async () => {
  harness = await Harness.start();
});
afterAll(() => harness.close());

function adjust(
  uniqueIdentifier: string,
  attributeReference: AttributeReference | undefined,
  adjustmentType: AdjustmentType,
  adjustmentValue?: Item,
): Promise<unknown> {
  const request = { uniqueIdentifier, attributeReference, adjustmentType, adjustmentValue };
  return harness.run(adjustAttribute, request, '2.1');
}

test('counts intervals from nothing, up and down, by one or by more', async () => {
  const id = await createKey(harness);
  const period = { key: 'ProtectionPeriod' } as const;
  await adjust(id, period, Increment);
  expect(await valueOf(harness, id, 'ProtectionPeriod')).toBe(1);
  await adjust(id, period, Increment, interval(60));
  await adjust(id, period, Decrement, integer(10));
  await adjust(id, period, Decrement);
  expect(await valueOf(harness, id, 'ProtectionPeriod')).toBe(50);
});

test('moves dates by seconds', async () => {
  const later = harness.nowSeconds + 1000;
  const id = await createKey(harness, { key: 'ActivationDate', value: later });
  await adjust(id, { key: 'ActivationDate' }, Increment);
  await adjust(id, { key: 'ActivationDate' }, Decrement, interval(500));
  expect(await valueOf(harness, id, 'ActivationDate')).toBe(later - 499);
});

test('turns what is false, or not there, into true', async () => {
  const id = await createKey(harness);
  await adjust(id, { key: 'Sensitive' }, Negate);
  expect(await valueOf(harness, id, 'Sensitive')).toBe(true);
  // What protects an object is not taken back in this way either.
  expect(await refused(adjust(id, { key: 'Sensitive' }, Negate))).toBe('PermissionDenied');
});

test('counts the numbers of vendors', async () => {
  const id = await createKey(harness, {
    key: 'VendorAttribute',
    value: {
      vendorIdentification: 'x',
      attributeName: 'count',
      attributeValue: { tag: Tag.AttributeValue, type: ItemType.LongInteger, value: 5n },
    },
  });
  const reference = { key: 'VendorAttribute', vendorIdentification: 'x', attributeName: 'count' } as const;
  await adjust(id, reference, Increment, integer(3));
  await adjust(id, reference, Negate);
  const { attributes } = await harness.run(getAttributes, {
    uniqueIdentifier: id,
    attributeReferences: [reference],
  });
  expect(attributes).toMatchObject([{ value: { attributeValue: { value: -8n } } }]);
});

const NAME = { key: 'Name' } as const;
const NOTE = { key: 'VendorAttribute', vendorIdentification: 'x', attributeName: 'note' } as const;

describe('is refused', () => {
  test.each<[string, AttributeReference | undefined, AdjustmentType, Item | undefined, string]>([
    ['without a reference', undefined, Increment, undefined, 'InvalidMessage'],
    ['for what nobody can count', { key: 'Comment' }, Increment, undefined, 'InvalidDataType'],
    ['for a text of a vendor', NOTE, Increment, undefined, 'InvalidDataType'],
    ['to negate a date', { key: 'DeactivationDate' }, Negate, undefined, 'InvalidDataType'],
    ['to count a truth value', { key: 'Sensitive' }, Increment, undefined, 'InvalidDataType'],
    [
      'with an amount that is none',
      { key: 'ProtectionPeriod' },
      Increment,
      { tag, type: ItemType.TextString, value: '1' },
      'InvalidDataType',
    ],
    ['for a date that is not there', { key: 'ProtectStopDate' }, Increment, undefined, 'ItemNotFound'],
    [
      'for an unknown attribute of a vendor',
      { ...NOTE, attributeName: 'no' },
      Increment,
      undefined,
      'ItemNotFound',
    ],
    ['for several instances', NAME, Increment, undefined, 'MultiValuedAttribute'],
    ['below the range', { key: 'ProtectionPeriod' }, Decrement, undefined, 'NumericRange'],
    [
      'above the range',
      { key: 'ProtectionPeriod' },
      Increment,
      { tag, type: ItemType.LongInteger, value: 2n ** 32n },
      'NumericRange',
    ],
    [
      'to a date that no calendar has',
      { key: 'DeactivationDate' },
      Increment,
      { tag, type: ItemType.LongInteger, value: 2n ** 62n },
      'NumericRange',
    ],
    ['for what only the server changes', { key: 'LeaseTime' }, Increment, undefined, 'ReadOnlyAttribute'],
    ['for what is fixed', { key: 'CryptographicLength' }, Increment, undefined, 'ReadOnlyAttribute'],
    [
      'for an attribute that is none',
      { unknownName: 'Colour' },
      Increment,
      undefined,
      'UnsupportedAttribute',
    ],
    ['for what keys do not have', { key: 'CertificateLength' }, Increment, undefined, 'ReadOnlyAttribute'],
  ])('%s', async (_title, reference, type, amount, code) => {
    const id = await createKey(
      harness,
      named(`one of ${_title}`),
      named(`two of ${_title}`),
      custom('note', 'x'),
      { key: 'DeactivationDate', value: harness.nowSeconds + 1000 },
    );
    expect(await refused(adjust(id, reference, type, amount))).toBe(code);
  });

  test('for objects that are not there, or not the reader’s to change', async () => {
    expect(await refused(adjust('no such', { key: 'Sensitive' }, Negate))).toBe('ObjectNotFound');
    const id = await createKey(harness);
    const request = {
      uniqueIdentifier: id,
      attributeReference: { key: 'Sensitive' },
      adjustmentType: Negate,
    } as const;
    expect(await refused(harness.as('reader').run(adjustAttribute, request, '2.1'))).toBe('PermissionDenied');
  });

  test('under the names that its table has', () => {
    const reason = (code: 'ObjectNotFound' | 'InvalidAttribute') =>
      resultReasonOf(code, 'AdjustAttribute', dialectNamed('2.1'));
    expect(reason('ObjectNotFound')).toBe(ResultReason.ItemNotFound);
    expect(reason('InvalidAttribute')).toBe(ResultReason.UnsupportedAttribute);
  });
});
