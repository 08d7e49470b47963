import { NameType, State, Tag, type Attribute } from '@holdfast/kmip';
import { ItemType } from '@holdfast/ttlv';
import { AttributeSet } from '../../src/objects/attribute-set';

const name = (nameValue: string): Attribute => ({
  key: 'Name',
  value: { nameValue, nameType: NameType.UninterpretedTextString },
});

function sample(): AttributeSet {
  const set = new AttributeSet([{ key: 'State', value: State.Active }]);
  for (const each of ['one', 'two', 'three']) set.add(name(each));
  set.set('InitialDate', 1_700_000_000);
  set.set('Fresh', true);
  return set;
}

describe('stored attributes', () => {
  it('come back as they were, with their indexes', () => {
    expect([...AttributeSet.fromBytes(sample().toBytes())]).toEqual([...sample()]);
  });

  it('go back as the same bytes where nothing changed, and with what changed', () => {
    const stored = AttributeSet.fromBytes(sample().toBytes());
    expect(stored.toBytes()).toEqual(sample().toBytes());
    const expected = sample();
    for (const set of [stored, expected]) {
      const [, second] = set.instances('Name');
      if (second !== undefined) set.remove(second);
      set.set('State', State.Deactivated);
    }
    expect(stored.toBytes()).toEqual(expected.toBytes());
  });

  it.each([
    ['as they were stored', AttributeSet.fromBytes(sample().toBytes())],
    ['as they were given', sample()],
  ])('are found by their values, %s', (_, set) => {
    expect(set.hasValue(name('two'))).toBe(true);
    expect(set.hasValue({ ...name('three'), index: 7 })).toBe(true);
    expect(set.hasValue(name('four'))).toBe(false);
    expect(set.hasValue({ key: 'State', value: State.Active })).toBe(true);
    expect(set.hasValue({ key: 'LeaseTime', value: 1 })).toBe(false);
  });

  it('are found by vendor and name, whatever the others of the vendor are', () => {
    const custom = (vendorIdentification: string, attributeName: string, value: string): Attribute => ({
      key: 'VendorAttribute',
      value: {
        vendorIdentification,
        attributeName,
        attributeValue: { tag: Tag.AttributeValue, type: ItemType.TextString, value },
      },
    });
    const set = sample();
    const [first, other, second] = [
      custom('x', 'früh', 'a'),
      custom('x', 'zz', 'b'),
      custom('x', 'früh', 'c'),
    ];
    for (const each of [first, other, custom('früh', 'x', 'd'), second]) set.add(each);
    const bytes = set.toBytes();
    const found = [first, { ...second, index: 1 }];
    for (const each of [set, AttributeSet.fromBytes(bytes)]) {
      expect(each.vendorInstances('x', 'früh')).toEqual(found);
      expect(each.vendorInstances('x', 'fr')).toEqual([]);
      expect(each.vendorInstances('x', 'früh\0')).toEqual([]);
    }
    // One that cannot be read is found by whoever looks at it.
    bytes.writeUInt8(ItemType.Integer, bytes.indexOf('zz') - 5);
    const damaged = AttributeSet.fromBytes(bytes);
    expect(damaged.vendorInstances('x', 'früh')).toEqual(found);
    expect(() => damaged.vendorInstances('x', 'zz')).toThrow('stored attributes cannot be read');
  });

  it.each([
    ['cut short', (bytes: Buffer) => bytes.subarray(0, bytes.length - 8)],
    ['of a wrong length inside', (bytes: Buffer) => bytes.fill(0xff, 12, 16)],
    ['no attributes', (bytes: Buffer) => bytes.fill(0x42, 8, 11)],
    ['no structure', (bytes: Buffer) => bytes.fill(2, 3, 4)],
    ['nothing', () => Buffer.alloc(0)],
  ])('are refused where they are %s', (_, damage) => {
    const bytes = damage(sample().toBytes());
    expect(() => AttributeSet.fromBytes(bytes)).toThrow('stored attributes cannot be read');
  });
});
