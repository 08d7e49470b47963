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
  const kept = new Set(after.map(nameOf));
  const keptInstances = new Set(after.map(instanceName));
  const gone = new Map<string, AttributeReference>();
  const lessened = new Set<string>();
  for (const old of before) {
    const reference = referenceTo(old);
    if (!kept.has(nameOf(old))) gone.set(nameOf(old), reference);
    else if (!keptInstances.has(instanceName(old))) {
      gone.set(instanceName(old), { ...reference, index: old.index ?? 0 });
      lessened.add(nameOf(old));
    }
  }
  const was = new Map(before.map((old) => [instanceName(old), old]));
  // Last Change Date is always told: it may be that of another change in the same second. Of several instances of which one is
  // gone the others are told, since 2.x has no words for the one.
  const changed = after.filter(
    (each) =>
      each.key === 'LastChangeDate' ||
      lessened.has(nameOf(each)) ||
      !isSame(was.get(instanceName(each)), each),
  );
  return { changed, deleted: [...gone.values()] };
}

const nameOf = (attribute: Attribute): string => referenceKey(referenceTo(attribute));
const instanceName = (attribute: Attribute): string => `${nameOf(attribute)} ${attribute.index ?? 0}`;

function isSame(old: Attribute | undefined, now: Attribute): boolean {
  return old === now || (old !== undefined && sameValue(old, now));
}
