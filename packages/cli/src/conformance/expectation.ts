import { ItemType, type Item } from '@holdfast/ttlv';

/** A value of a test case: as it is printed, or a name that stands for a value of the moment. */
export type ExpectedValue =
  | { readonly kind: 'literal'; readonly tag: number; readonly item: LeafItem }
  | {
      readonly kind: 'variable';
      readonly tag: number;
      readonly type: LeafItem['type'];
      readonly name: string;
    }
  /** The present time, or as many seconds later (earlier, where negative). */
  | {
      readonly kind: 'moment';
      readonly tag: number;
      readonly type: LeafItem['type'];
      readonly offsetSeconds: number;
    };

export interface ExpectedStructure {
  readonly kind: 'structure';
  readonly tag: number;
  readonly children: readonly Expectation[];
}

/** An item of a test case. */
export type Expectation = ExpectedValue | ExpectedStructure;
export type LeafItem = Exclude<Item, { readonly type: typeof ItemType.Structure }>;

const MOMENT = /^\$NOW(?:([+-])(\d{1,9}))?$/;
const VARIABLE = /^\$([A-Z][A-Z0-9_]*)$/;

/** What is read in the place of a name, so that the item that carries it is well-formed. */
const PLACEHOLDERS: Partial<Record<ItemType, string>> = {
  [ItemType.DateTime]: '1970-01-01T00:00:00Z',
  [ItemType.ByteString]: '',
  [ItemType.TextString]: '',
  [ItemType.Enumeration]: '0x00000000',
  [ItemType.BigInteger]: '0000000000000000',
  [ItemType.Boolean]: 'false',
};

/** Whether a value of a test case is the name of a value of the moment. */
export function isVariable(text: string): boolean {
  return MOMENT.test(text) || VARIABLE.test(text);
}

export function placeholder(type: ItemType): string {
  return PLACEHOLDERS[type] ?? '0';
}

function valueOf(item: LeafItem, text: string): ExpectedValue {
  const { tag, type } = item;
  const moment = MOMENT.exec(text);
  if (moment !== null) {
    const seconds = Number(moment[2] ?? 0);
    return { kind: 'moment', tag, type, offsetSeconds: moment[1] === '-' ? -seconds : seconds };
  }
  const name = VARIABLE.exec(text)?.[1];
  return name === undefined ? { kind: 'literal', tag, item } : { kind: 'variable', tag, type, name };
}

/**
 * Puts the names back where placeholders were read.
 * @param texts the values as they are written, in the order of the document; the item takes its own from the front
 */
export function expectationOf(item: Item, texts: string[]): Expectation {
  if (item.type !== ItemType.Structure) return valueOf(item, texts.shift() ?? '');
  return {
    kind: 'structure',
    tag: item.tag,
    children: item.value.map((child) => expectationOf(child, texts)),
  };
}

/** The children of a structure; none of a value. */
export function childrenOf(expectation: Expectation | undefined): readonly Expectation[] {
  return expectation?.kind === 'structure' ? expectation.children : [];
}

/** The first descendant along a path of tags. */
export function descendant(
  expectation: Expectation | undefined,
  ...tags: readonly number[]
): Expectation | undefined {
  return tags.reduce<Expectation | undefined>(
    (found, tag) => childrenOf(found).find((child) => child.tag === tag),
    expectation,
  );
}

/** The children of an item; none of a value. */
export function itemsOf(item: Item | undefined): readonly Item[] {
  return item?.type === ItemType.Structure ? item.value : [];
}

/** The first descendant of an item along a path of tags. */
export function itemAt(item: Item | undefined, ...tags: readonly number[]): Item | undefined {
  return tags.reduce<Item | undefined>(
    (found, tag) => itemsOf(found).find((child) => child.tag === tag),
    item,
  );
}

/** Every item below and including this one. */
export function* walk(item: Item): Generator<Item> {
  yield item;
  for (const child of itemsOf(item)) yield* walk(child);
}
