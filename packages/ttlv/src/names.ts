import type { Item } from './item';

/** Where a name stands: what it means may hang on what comes before it in the same structure. */
export interface NamingContext {
  /**
   * The items that stand before this one in its structure, in order. In KMIP 1.x the Attribute Name among them says what
   * an Attribute Value is; in 2.x a vendor attribute's Vendor Identification and Attribute Name do.
   */
  readonly siblings: readonly Item[];
}

/**
 * The names that the XML and JSON encodings write instead of numbers, in their normalised CamelCase form (KMIP Profiles
 * 2.1 section 5.4.1.1). This package knows no KMIP meaning: who does hands it in. Every lookup answers undefined for what
 * it does not know, and the codec then writes the number, or refuses the name.
 */
export interface Vocabulary {
  tagName(tag: number): string | undefined;
  tagByName(name: string): number | undefined;
  /** The name of an Enumeration's value in an item with this tag. */
  enumName(tag: number, value: number, context: NamingContext): string | undefined;
  enumByName(tag: number, name: string, context: NamingContext): number | undefined;
  /**
   * The names whose bits together are exactly `value`; undefined where an Integer with this tag is no mask, or a bit has
   * no name.
   */
  maskNames(tag: number, value: number, context: NamingContext): readonly string[] | undefined;
  /** The bits of one name of a mask. */
  maskByName(tag: number, name: string, context: NamingContext): number | undefined;
}
