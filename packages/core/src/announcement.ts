import { LinkType, PutFunction, type Attribute, type AttributeReference, type Infer } from '@holdfast/kmip';
import type { notify } from './operations/notify';
import type { put } from './operations/put';
import type { ObjectChange } from './ports/key-store';
import { referenceKey, referenceTo, sameValue } from './objects/attribute-rules';
import type { AttributeSet } from './objects/attribute-set';

/** What clients that listen are told of a change. */
export type Announcement =
  | { readonly operation: 'Notify'; readonly payload: Infer<typeof notify.request> }
  | { readonly operation: 'Put'; readonly payload: Infer<typeof put.request> };

/** A new value is handed over, unless it may not leave the server in clear; everything else is told by its attributes. */
export function announcementOf(change: ObjectChange): Announcement {
  const { object } = change;
  const { uniqueIdentifier } = object;
  const attributes = change.kind === 'create' ? change.object.attributes : change.attributes;
  const value =
    change.kind === 'create'
      ? change.object.value
      : typeof change.value === 'object'
        ? change.value.replace
        : undefined;
  if (value !== undefined && mayLeave(attributes)) {
    const replaced = change.kind === 'update' ? uniqueIdentifier : replacedBy(attributes);
    return {
      operation: 'Put',
      payload: {
        uniqueIdentifier,
        putFunction: replaced === undefined ? PutFunction.New : PutFunction.Replace,
        replacedUniqueIdentifier: replaced,
        object: value,
        attributes: [...attributes],
      },
    };
  }
  const before = change.kind === 'create' ? [] : [...change.object.attributes];
  return { operation: 'Notify', payload: { uniqueIdentifier, attributes: difference(before, attributes) } };
}

function mayLeave(attributes: AttributeSet): boolean {
  return attributes.get('Sensitive') !== true && attributes.get('Extractable') !== false;
}

function replacedBy(attributes: AttributeSet): string | undefined {
  const link = attributes
    .instances('Link')
    .find(({ value }) => value.linkType === LinkType.ReplacedObjectLink)?.value;
  return typeof link?.linkedObjectIdentifier === 'string' ? link.linkedObjectIdentifier : undefined;
}

function difference(before: readonly Attribute[], attributes: AttributeSet) {
  const after = [...attributes];
  const changed = after.filter((each) => !before.some((old) => sameInstance(old, each)));
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
