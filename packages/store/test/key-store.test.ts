import { randomUUID } from 'node:crypto';
import type { NewObject, StoredObject } from '@holdfast/core';
import { NameType } from '@holdfast/kmip';
import { CAUSE, KEY_BYTES, keyBytesOf, newObject, openFixture, type Fixture } from './support/fixture';

let fixture: Fixture;
beforeAll(async () => {
  fixture = await openFixture();
}, 60_000);
afterAll(() => fixture.close());

const create = async (object: NewObject): Promise<void> =>
  fixture.store.keyStore.commit([{ kind: 'create', object }], CAUSE);
const fetch = async ({ domainId, uniqueIdentifier }: NewObject): Promise<StoredObject> => {
  const stored = await fixture.store.keyStore.fetch(domainId, uniqueIdentifier);
  if (stored === undefined) throw new Error('the object is not there');
  return stored;
};

test('what was created is fetched, and its value opens', async () => {
  const object = newObject({ domainId: randomUUID(), name: 'first' });
  await create(object);
  const stored = await fetch(object);
  expect(stored.revision).toBe(1);
  expect(stored.attributes.toBytes()).toEqual(object.attributes.toBytes());
  expect(keyBytesOf(stored.openValue())).toEqual(KEY_BYTES);
});

test('an update is seen, and its names move', async () => {
  const object = newObject({ domainId: randomUUID(), name: 'before' });
  await create(object);
  const stored = await fetch(object);
  const attributes = stored.attributes.clone();
  attributes.clear('Name');
  attributes.add({ key: 'Name', value: { nameValue: 'after', nameType: NameType.UninterpretedTextString } });
  await fixture.store.keyStore.commit([{ kind: 'update', object: stored, attributes, value: 'keep' }], CAUSE);
  expect((await fetch(object)).attributes.get('Name')?.nameValue).toBe('after');
  await create(newObject({ domainId: object.domainId, name: 'before' }));
  await expect(create(newObject({ domainId: object.domainId, name: 'after' }))).rejects.toMatchObject({
    code: 'NonUniqueNameAttribute',
  });
});
