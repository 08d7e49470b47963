import type { Attribute } from '@holdfast/kmip';
import type { AttributeSet } from './attribute-set';

/** The vendor attribute (1.x: the custom attribute x-KeyInHSM) with which a request asks for a key inside the HSM. */

const VENDOR_IDENTIFICATION = 'x';
const ATTRIBUTE_NAME = 'KeyInHSM';

/** Whether the attribute says where a key is to live: that is said when it is made, and never changes. */
export function isKeyInHsm(attribute: Attribute): boolean {
  if (attribute.key !== 'VendorAttribute') return false;
  const { vendorIdentification, attributeName } = attribute.value;
  return vendorIdentification === VENDOR_IDENTIFICATION && attributeName === ATTRIBUTE_NAME;
}

/** What the attributes say of it. */
export function keyInHsm(attributes: AttributeSet): Attribute | undefined {
  return attributes.vendorInstances(VENDOR_IDENTIFICATION, ATTRIBUTE_NAME)[0];
}

/** Takes the word for a place inside the HSM off an object that is not there. */
export function forgetKeyInHsm(attributes: AttributeSet): void {
  for (const attribute of [...attributes].filter(isKeyInHsm)) attributes.remove(attribute);
}
