import { ObjectType, Operation, QueryFunction, State, Tag } from '@holdfast/kmip';
import {
  attribute,
  attributeValues,
  child,
  children,
  enumeration,
  structure,
  text,
  textAt,
  uniqueIdentifier,
  valueAt,
  versionsOf,
} from '@holdfast/testkit';
import { aesAttributes, type Site } from './site';

/** vCenter's standard key provider: KMIP 1.1, a new session for every call. */
export function vCenter(site: Site): void {
  const wanted = (identifier: string, name: string) => [
    uniqueIdentifier(identifier),
    text(Tag.AttributeName, name),
  ];

  test('asks for all versions with an empty payload, and for objects', async () => {
    const versions = await site.session('1.1', (peer) => peer.call(Operation.DiscoverVersions, []));
    expect(versionsOf(versions)).toEqual(['2.1', '2.0', '1.4', '1.3', '1.2', '1.1', '1.0']);
    const objects = await site.session('1.1', (peer) =>
      peer.call(Operation.Query, [enumeration(Tag.QueryFunction, QueryFunction.QueryObjects)]),
    );
    const types = children(objects, Tag.ObjectType).map(({ value }) => value);
    expect(types).toContain(ObjectType.SymmetricKey);
    // A type that came with a later version would be unknown to it.
    expect(types).not.toContain(ObjectType.CertificateRequest);
  });

  test('makes a key without a name, marks it and finds it by its identifier ever after', async () => {
    const created = await site.session('1.1', (peer) =>
      peer.call(Operation.Create, [
        enumeration(Tag.ObjectType, ObjectType.SymmetricKey),
        structure(Tag.TemplateAttribute, ...aesAttributes(256)),
      ]),
    );
    const identifier = textAt(created, Tag.UniqueIdentifier);
    expect(identifier.length).toBeLessThanOrEqual(64);

    const unset = await site.session('1.1', (peer) =>
      peer.call(Operation.GetAttributes, wanted(identifier, 'x-Product_Version')),
    );
    expect(children(unset, Tag.Attribute)).toEqual([]);

    const marks = {
      'x-Product_Version': '8.0.2 build-22617221',
      'x-Vendor': 'VMware, Inc.',
      'x-Product': 'vSphere',
    };
    for (const [name, value] of Object.entries(marks)) {
      const added = await site.session('1.1', (peer) =>
        peer.call(Operation.AddAttribute, [
          uniqueIdentifier(identifier),
          attribute(name, text(Tag.AttributeValue, value)),
        ]),
      );
      expect(attributeValues(added)).toEqual({ [name]: value });
    }
    for (const [name, value] of Object.entries(marks)) {
      const got = await site.session('1.1', (peer) =>
        peer.call(Operation.GetAttributes, wanted(identifier, name)),
      );
      expect(attributeValues(got)).toEqual({ [name]: value });
    }
    const state = await site.session('1.1', (peer) =>
      peer.call(Operation.GetAttributes, wanted(identifier, 'State')),
    );
    expect(attributeValues(state)).toEqual({ State: State.PreActive });

    const got = await site.session('1.1', (peer) => peer.call(Operation.Get, [uniqueIdentifier(identifier)]));
    expect(textAt(got, Tag.UniqueIdentifier)).toBe(identifier);
    const keyBlock = child(got, Tag.SymmetricKey, Tag.KeyBlock);
    expect(valueAt(keyBlock, Tag.KeyValue, Tag.KeyMaterial)).toHaveLength(32);
    expect(children(child(keyBlock, Tag.KeyValue), Tag.Attribute)).toEqual([]);
  });
}
