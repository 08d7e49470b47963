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

function difference(before: readonly Attribute[], attributes: AttributeSet): NotifiedAttributes {
  const after = [...attributes];
  // Last Change Date is always told: it may be that of another change in the same second.
  const changed = after.filter(
    (each) => each.key === 'LastChangeDate' || !before.some((old) => sameInstance(old, each)),
  );
  const kept = new Set(after.map((each) => referenceKey(referenceTo(each))));
  const gone = new Map<string, AttributeReference>();
  for (const old of before) {
    const reference = referenceTo(old);
    if (!kept.has(referenceKey(reference))) gone.set(referenceKey(reference), reference);
  }
  return { changed, deleted: [...gone.values()] };
}

function sameInstance(old: Attribute, now: Attribute): boolean {
  return old === now || ((old.index ?? 0) === (now.index ?? 0) && sameValue(old, now));
}
