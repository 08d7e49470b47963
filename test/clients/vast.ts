import { ObjectType, Operation, RevocationReasonCode, State, Tag } from '@holdfast/kmip';
import {
  attribute,
  attributeValues,
  enumeration,
  integer,
  structure,
  text,
  textAt,
  textsOf,
  uniqueIdentifier,
  valueAt,
} from '@holdfast/testkit';
import { aesAttributes, nameAttribute, type Site } from './site';

/** VAST Data: KMIP 1.4, as HTTP POST to /kmip. It polls the state of every key for ever, and reads with the old key after Re-key. */
export function vast(site: Site): void {
  const policy = (value: string) => attribute('Operation Policy Name', text(Tag.AttributeValue, value));

  test('makes, describes, finds, rotates and at last destroys a key', async () => {
    const peer = await site.connectHttps('1.4');
    const add = (identifier: string, item: Parameters<typeof structure>[1]) =>
      peer.call(Operation.AddAttribute, [uniqueIdentifier(identifier), item]);
    const located = async () =>
      textsOf(
        await peer.call(Operation.Locate, [
          integer(Tag.MaximumItems, 1),
          structure(Tag.TemplateAttribute, nameAttribute('vast-tenant-7')),
        ]),
        Tag.UniqueIdentifier,
      );
    const polled = async (identifier: string) =>
      attributeValues(
        await peer.call(Operation.GetAttributes, [
          uniqueIdentifier(identifier),
          text(Tag.AttributeName, 'State'),
          text(Tag.AttributeName, 'Activation Date'),
        ]),
      );
    const material = async (identifier: string) =>
      valueAt(
        await peer.call(Operation.Get, [uniqueIdentifier(identifier)]),
        ...[Tag.SymmetricKey, Tag.KeyBlock, Tag.KeyValue, Tag.KeyMaterial],
      );

    const created = await peer.call(Operation.Create, [
      enumeration(Tag.ObjectType, ObjectType.SymmetricKey),
      structure(Tag.TemplateAttribute, ...aesAttributes(256), policy('vast-policy')),
    ]);
    const first = textAt(created, Tag.UniqueIdentifier);
    await add(first, nameAttribute('vast-tenant-7'));
    await add(first, attribute('Object Group', text(Tag.AttributeValue, 'vast-cluster-1')));
    // The key was created under that policy: stating it once more is no mistake.
    await add(first, policy('vast-policy'));
    expect(await peer.refused(Operation.AddAttribute, [uniqueIdentifier(first), policy('another')])).toBe(
      'IllegalOperation',
    );
    expect(
      attributeValues(
        await peer.call(Operation.GetAttributes, [
          uniqueIdentifier(first),
          text(Tag.AttributeName, 'Operation Policy Name'),
        ]),
      ),
    ).toEqual({ 'Operation Policy Name': 'vast-policy' });
    await peer.call(Operation.Activate, [uniqueIdentifier(first)]);
    expect(await located()).toEqual([first]);
    const poll = await polled(first);
    expect(poll['State']).toBe(State.Active);
    expect(typeof poll['Activation Date']).toBe('bigint');
    expect(await polled(first)).toEqual(poll);

    const bytes = await material(first);
    const second = textAt(await peer.call(Operation.ReKey, [uniqueIdentifier(first)]), Tag.UniqueIdentifier);
    expect(second).not.toBe(first);
    expect(await located()).toEqual([second]);
    expect(await polled(first)).toEqual(poll);
    expect(await material(first)).toEqual(bytes);
    expect(await material(second)).not.toEqual(bytes);

    await peer.call(Operation.Revoke, [
      uniqueIdentifier(first),
      structure(
        Tag.RevocationReason,
        enumeration(Tag.RevocationReasonCode, RevocationReasonCode.CessationOfOperation),
      ),
    ]);
    await peer.call(Operation.Destroy, [uniqueIdentifier(first)]);
    expect(await located()).toEqual([second]);
    expect((await polled(first))['State']).toBe(State.Destroyed);
    await peer.close();
  });

  test('a policy name may also be added to a key that has none', async () => {
    const peer = await site.connectHttps('1.4');
    const created = await peer.call(Operation.Create, [
      enumeration(Tag.ObjectType, ObjectType.SymmetricKey),
      structure(Tag.TemplateAttribute, ...aesAttributes(256)),
    ]);
    const identifier = textAt(created, Tag.UniqueIdentifier);
    const added = await peer.call(Operation.AddAttribute, [uniqueIdentifier(identifier), policy('later')]);
    expect(attributeValues(added)).toEqual({ 'Operation Policy Name': 'later' });
    await peer.close();
  });
}
