import type { AttributeKey } from './table';

/** Names an attribute without a value. The index is that of 1.x Delete Attribute. */
export type AttributeReference =
  | { readonly key: Exclude<AttributeKey, 'VendorAttribute'>; readonly index?: number | undefined }
  | {
      readonly key: 'VendorAttribute';
      readonly vendorIdentification: string;
      readonly attributeName: string;
      readonly index?: number | undefined;
    }
  /** No attribute of the version at hand is called so. */
  | { readonly unknownName: string; readonly index?: number | undefined };
