import {
  LinkType,
  PutFunction,
  type Attribute,
  type AttributeReference,
  type NotifiedAttributes,
} from '@holdfast/kmip';
import type { ObjectChange } from './ports/key-store';
import { referenceKey, referenceTo, sameValue } from './objects/attribute-rules';
import type { AttributeSet } from './objects/attribute-set';

/** What clients that listen are told of a change. KMIP 2.1 sections 6.2.2 and 6.2.3 */
export interface Announcement {
  readonly uniqueIdentifier: string;
  /** There where the object has a new value: it is handed over to who may have it, else only its attributes are told. */
  readonly put?: PutKind | undefined;
  readonly attributes: NotifiedAttributes;
}

export interface PutKind {
  readonly putFunction: PutFunction;
  readonly replacedUniqueIdentifier?: string | undefined;
}

/** A new value is put, with all attributes; everything else is told by the attributes that changed. */
export function announcementOf(change: ObjectChange): Announcement {
  const { uniqueIdentifier } = change.object;
  const attributes = change.kind === 'create' ? change.object.attributes : change.attributes;
  const before = change.kind === 'create' ? [] : [...change.object.attributes];
  const { changed, deleted } = difference(before, attributes);
  if (!hasNewValue(change)) return { uniqueIdentifier, attributes: { changed, deleted } };
  const replacedUniqueIdentifier = change.kind === 'update' ? uniqueIdentifier : replacedBy(attributes);
  const putFunction = replacedUniqueIdentifier === undefined ? PutFunction.New : PutFunction.Replace;
  return {
    uniqueIdentifier,
    put: { putFunction, replacedUniqueIdentifier },
    attributes: { changed: [...attributes], deleted },
  };
}

function hasNewValue(change: ObjectChange): boolean {
  return change.kind === 'create' ? change.object.value !== undefined : typeof change.value === 'object';
}

function replacedBy(attributes: AttributeSet): string | undefined {
  const link = attributes
    .instances('Link')
    .find(({ value }) => value.linkType === LinkType.ReplacedObjectLink)?.value;
  return typeof link?.linkedObjectIdentifier === 'string' ? link.linkedObjectIdentifier : undefined;
}

/** An attribute with what it is called: its name, and with its index that of the instance. */
interface Named {
  readonly attribute: Attribute;
  readonly name: string;
  readonly instance: string;
}

function named(attribute: Attribute): Named {
  const name = referenceKey(referenceTo(attribute));
  return { attribute, name, instance: `${name} ${attribute.index ?? 0}` };
}

function difference(before: readonly Attribute[], attributes: AttributeSet): NotifiedAttributes {
  const now = [...attributes].map(named);
  const old = new Map(before.map(named).map((each) => [each.instance, each]));
  const kept = new Set(now.map(({ name }) => name));
  const keptInstances = new Set(now.map(({ instance }) => instance));
  const gone = new Map<string, AttributeReference>();
  const lessened = new Set<string>();
  for (const { attribute, name, instance } of old.values()) {
    const reference = referenceTo(attribute);
    if (!kept.has(name)) gone.set(name, reference);
    else if (!keptInstances.has(instance)) {
      gone.set(instance, { ...reference, index: attribute.index ?? 0 });
      lessened.add(name);
    }
  }
  // Last Change Date is always told: it may be that of another change in the same second. Of several instances of which one is
  // gone the others are told, since 2.x has no words for the one.
  const changed = now.filter(
    ({ attribute, name, instance }) =>
      attribute.key === 'LastChangeDate' ||
      lessened.has(name) ||
      !isSame(old.get(instance)?.attribute, attribute),
  );
  return { changed: changed.map(({ attribute }) => attribute), deleted: [...gone.values()] };
}

function isSame(old: Attribute | undefined, now: Attribute): boolean {
  return old === now || (old !== undefined && sameValue(old, now));
}
