import { Tag, type Attribute } from '@holdfast/kmip';
import { ItemType } from '@holdfast/ttlv';
import { announcementOf } from '../../src/announcement';
import { AttributeSet } from '../../src/objects/attribute-set';
import type { StoredObject } from '../../src/ports/key-store';

const COUNT = 500;

test('each attribute of a change is compared with the one that it was, and with no other', () => {
  const looked = jest.fn();
  const custom = (name: number, text: string): Attribute => ({
    key: 'VendorAttribute',
    get value() {
      looked();
      const attributeValue = { tag: Tag.AttributeValue, type: ItemType.TextString, value: text } as const;
      return { vendorIdentification: 'x', attributeName: `name ${name}`, attributeValue };
    },
  });
  const set = (changed: number) =>
    new AttributeSet(
      Array.from({ length: COUNT }, (_, name) => custom(name, name < changed ? 'new' : 'old')),
    );
  const object = { uniqueIdentifier: 'one', attributes: set(0) } as unknown as StoredObject;
  const change = { kind: 'update', object, attributes: set(3), value: 'keep' } as const;
  const { changed, deleted } = announcementOf(change).attributes;
  expect(changed).toHaveLength(3);
  expect(deleted).toEqual([]);
  expect(looked.mock.calls.length).toBeLessThan(20 * COUNT);
});
