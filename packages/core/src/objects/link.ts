import type { LinkType } from '@holdfast/kmip';
import { MAX_INSTANCES } from './attribute-limits';
import type { AttributeSet } from './attribute-set';

/** Links that operations set. KMIP 1.4 section 3.35, KMIP 2.1 section 4.31. */

export function addLink(attributes: AttributeSet, linkType: LinkType, linkedObjectIdentifier: string): void {
  attributes.add({ key: 'Link', value: { linkType, linkedObjectIdentifier } });
}

/**
 * Links a key to one more of the objects that were made from it. One that has as many links as an object may have keeps
 * those: the links of what was made tell the same.
 */
export function addLinkWhereRoom(
  attributes: AttributeSet,
  linkType: LinkType,
  linkedObjectIdentifier: string,
): void {
  if (attributes.instances('Link').length >= MAX_INSTANCES) return;
  addLink(attributes, linkType, linkedObjectIdentifier);
}
