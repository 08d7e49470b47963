import { Tag, type Dialect } from '@holdfast/kmip';
import { ItemType, type Item } from '@holdfast/ttlv';
import { expectationText, valueText, pathText } from './describe';
import {
  childrenOf,
  itemAt,
  itemsOf,
  type Expectation,
  type ExpectedStructure,
  type ExpectedValue,
  type LeafItem,
} from './expectation';
import { attributeNameOf, sameValue, type CaseMemory } from './memory';
import {
  askedFactsOf,
  factsOf,
  isOpaque,
  isUnordered,
  mayBeAdditional,
  mayBeMissing,
  variationOf,
  type Place,
  type Variation,
} from './rules';

/** Where an answer is not what the case expects. */
export interface Difference {
  /** Batch item, counted from 1, and the names of the items down to the one that differs. */
  readonly path: string;
  readonly expected: string;
  readonly actual: string;
}

const NOTHING = 'nothing';
/** How far the clocks of both sides may be apart, and dates be rounded. */
const CLOCK_TOLERANCE_SECONDS = 5;

/** Compares one answer with what the case expects, learning the values that the case has names for. */
export class Comparison {
  readonly #differences: Difference[] = [];
  #batchItem = 0;

  constructor(
    private readonly memory: CaseMemory,
    private readonly dialect: Dialect,
  ) {}

  /** @returns what differs; nothing where the answer conforms */
  compare(expected: ExpectedStructure, request: Item, actual: Item): readonly Difference[] {
    const place: Place = {
      memory: this.memory,
      dialect: this.dialect,
      tags: [Tag.ResponseMessage],
      attribute: undefined,
      item: undefined,
    };
    if (actual.tag !== expected.tag) {
      this.#differ(place, expectationText(expected, []), valueText(actual, []));
      return this.#differences;
    }
    const [header, ...items] = itemsOf(actual);
    const [expectedHeader, ...expectedItems] = expected.children;
    this.#child(place, expectedHeader, header);
    const requestHeader = itemAt(request, Tag.RequestHeader);
    const requests = itemsOf(request).filter((item) => item.tag === Tag.BatchItem);
    for (let index = 0; index < Math.max(items.length, expectedItems.length); index++) {
      this.#batchItem = index + 1;
      const answer = items[index];
      let facts: Place['item'];
      if (answer !== undefined && requestHeader !== undefined) {
        this.memory.received(requestHeader, requests[index], answer);
        facts = factsOf(this.memory, requests[index], answer);
      }
      this.#child({ ...place, item: facts }, expectedItems[index], answer);
    }
    return this.#differences;
  }

  /** Compares what the server asks (Notify, Put) with what the case has it ask. */
  compareAsked(expected: ExpectedStructure, actual: Item): readonly Difference[] {
    const place: Place = {
      memory: this.memory,
      dialect: this.dialect,
      tags: [Tag.RequestMessage],
      attribute: undefined,
      item: undefined,
    };
    const [header, ...items] = itemsOf(actual);
    const [expectedHeader, ...expectedItems] = expected.children;
    this.#child(place, expectedHeader, header);
    for (let index = 0; index < Math.max(items.length, expectedItems.length); index++) {
      this.#batchItem = index + 1;
      const item = items[index];
      const facts = item === undefined ? undefined : askedFactsOf(this.memory, item);
      this.#child({ ...place, item: facts }, expectedItems[index], item);
    }
    return this.#differences;
  }

  #differ({ tags }: Place, expected: string, actual: string): void {
    const path = pathText(tags.slice(1));
    this.#differences.push({
      path: this.#batchItem === 0 ? path : `item ${this.#batchItem}: ${path}`,
      expected,
      actual,
    });
  }

  #below(parent: Place, tag: number, named: Item | undefined): Place {
    const holder = parent.tags.at(-1);
    const isAttribute = tag === Tag.Attribute || holder === Tag.Attributes;
    const attribute = isAttribute && named !== undefined ? attributeNameOf(named) : parent.attribute;
    return { ...parent, tags: [...parent.tags, tag], attribute };
  }

  /** One child, present on both sides or missing on one. */
  #child(
    parent: Place,
    expected: Expectation | undefined,
    actual: Item | undefined,
    siblings: readonly Item[] = [],
  ): void {
    if (expected === undefined) {
      if (actual === undefined || mayBeAdditional(parent, actual)) return;
      this.#differ(
        this.#below(parent, actual.tag, actual),
        NOTHING,
        valueText(actual, parent.tags, siblings),
      );
      return;
    }
    if (actual === undefined) {
      if (mayBeMissing(parent, expected, attributeOf(expected))) return;
      const place = this.#below(parent, expected.tag, undefined);
      this.#differ(place, labelled(expected, parent.tags), NOTHING);
      return;
    }
    this.#present(this.#below(parent, expected.tag, actual), expected, actual, siblings);
  }

  #present(place: Place, expected: Expectation, actual: Item, siblings: readonly Item[]): void {
    if (place.tags.at(-1) === Tag.ResultMessage) return;
    if (expected.kind !== 'structure' && actual.type !== ItemType.Structure) {
      this.#value(place, expected, actual, siblings);
    } else if (expected.kind === 'structure' && actual.type === ItemType.Structure) {
      if (!isOpaque(place)) this.#structure(place, expected, actual);
    } else {
      this.#differ(place, expectationText(expected, place.tags), valueText(actual, place.tags, siblings));
    }
  }

  #structure(place: Place, expected: ExpectedStructure, actual: Item): void {
    const unordered = (tag: number) => isUnordered(place, tag);
    const rest = this.#inOrder(
      place,
      expected.children.filter(({ tag }) => !unordered(tag)),
      itemsOf(actual).filter(({ tag }) => !unordered(tag)),
    );
    const others = this.#inAnyOrder(
      place,
      expected.children.filter(({ tag }) => unordered(tag)),
      itemsOf(actual).filter(({ tag }) => unordered(tag)),
    );
    for (const child of [...rest, ...others]) this.#child(place, undefined, child, itemsOf(actual));
  }

  /** @returns the actual children that nothing was expected for */
  #inOrder(place: Place, expected: readonly Expectation[], actual: readonly Item[]): readonly Item[] {
    const unexpected: Item[] = [];
    let at = 0;
    for (const child of expected) {
      const found = actual.findIndex(({ tag }, index) => index >= at && tag === child.tag);
      if (found === -1) {
        this.#child(place, child, undefined);
        continue;
      }
      unexpected.push(...actual.slice(at, found));
      this.#child(place, child, actual[found], actual.slice(0, found));
      at = found + 1;
    }
    return [...unexpected, ...actual.slice(at)];
  }

  /** @returns the actual children that nothing was expected for */
  #inAnyOrder(place: Place, expected: readonly Expectation[], actual: readonly Item[]): readonly Item[] {
    const left = [...actual];
    for (const child of expected) {
      const alike = left.filter((item) => isAlike(child, item));
      const match = alike.find((item) => this.#matches(place, child, item));
      if (match === undefined) this.#child(place, child, alike[0]);
      const taken = match ?? alike[0];
      if (taken !== undefined) left.splice(left.indexOf(taken), 1);
    }
    return left;
  }

  /** Whether a child is as expected; what this teaches is kept then. */
  #matches(place: Place, expected: Expectation, actual: Item): boolean {
    return this.memory.attempt(() => {
      const before = this.#differences.length;
      this.#child(place, expected, actual);
      return this.#differences.splice(before).length === 0;
    });
  }

  #value(place: Place, expected: ExpectedValue, actual: LeafItem, siblings: readonly Item[]): void {
    const type = expected.kind === 'literal' ? expected.item.type : expected.type;
    if (type === actual.type && this.#isAsExpected(place, expected, actual)) return;
    this.#differ(
      place,
      this.#expectedText(place, expected, siblings),
      valueText(actual, place.tags, siblings),
    );
  }

  #expectedText(place: Place, expected: ExpectedValue, siblings: readonly Item[]): string {
    const text = expectationText(expected, place.tags, siblings);
    const value = expected.kind === 'variable' ? this.memory.valueOf(expected.name) : undefined;
    if (expected.kind !== 'variable' || value === undefined) return text;
    return `${text}, which is ${valueText({ tag: expected.tag, type: expected.type, value } as Item, place.tags)}`;
  }

  #isAsExpected(place: Place, expected: ExpectedValue, actual: LeafItem): boolean {
    switch (expected.kind) {
      case 'moment':
        return this.#isNear(expected.offsetSeconds, actual);
      case 'variable':
        return this.memory.bind(expected, actual.value) === 'same';
      case 'literal':
        return this.#isVariationOf(place, variationOf(place, expected.item), expected.item, actual);
    }
  }

  #isVariationOf(place: Place, variation: Variation, expected: LeafItem, actual: LeafItem): boolean {
    const owner = `${place.item?.subject ?? ''} ${place.tags.join('/')}`;
    switch (variation) {
      case 'none':
        return sameValue(expected.value, actual.value);
      case 'any':
        return true;
      case 'output':
        this.memory.replaceExample(expected, actual);
        return isEmpty(expected) === isEmpty(actual);
      case 'example':
        return !isEmpty(actual) && this.memory.keepExample(owner, expected, actual);
      case 'example-of-length':
        this.memory.replaceExample(expected, actual);
        return lengthOf(expected) === lengthOf(actual) && this.memory.keepExample(owner, expected, actual);
    }
  }

  #isNear(offsetSeconds: number, actual: LeafItem): boolean {
    if (actual.type !== ItemType.DateTime) return false;
    const seconds = Number(actual.value) - offsetSeconds;
    return (
      seconds >= this.memory.startedAtSeconds - CLOCK_TOLERANCE_SECONDS &&
      seconds <= this.memory.nowSeconds + CLOCK_TOLERANCE_SECONDS
    );
  }
}

function lengthOf({ value }: LeafItem): number | undefined {
  return Buffer.isBuffer(value) || typeof value === 'string' ? value.length : undefined;
}

function isEmpty(item: LeafItem): boolean {
  return lengthOf(item) === 0;
}

/** The text that a child of an expected structure holds. */
function expectedText(expected: Expectation, tag: number): string | undefined {
  const child = childrenOf(expected).find((found) => found.tag === tag);
  return child?.kind === 'literal' && child.item.type === ItemType.TextString ? child.item.value : undefined;
}

/** An expectation with its literal values alone, which is enough to see what attribute it is. */
function literalsOf(expected: Expectation): Item | undefined {
  if (expected.kind === 'literal') return expected.item;
  if (expected.kind !== 'structure') return undefined;
  const value = expected.children.flatMap((child) => literalsOf(child) ?? []);
  return { tag: expected.tag, type: ItemType.Structure, value };
}

function attributeOf(expected: Expectation): string | undefined {
  const literals = literalsOf(expected);
  return literals === undefined ? undefined : attributeNameOf(literals);
}

/** Whether two children that come in any order are about the same thing: the same attribute, or the same value. */
function isAlike(expected: Expectation, actual: Item): boolean {
  if (expected.tag !== actual.tag) return false;
  if (
    expected.tag === Tag.AttributeName ||
    expected.tag === Tag.AttributeReference ||
    expected.tag === Tag.Attribute
  )
    return attributeOf(expected) === attributeNameOf(actual);
  const isListed = expected.kind === 'literal' && attributeNameOf(actual) === undefined;
  return !isListed || (actual.type !== ItemType.Structure && sameValue(expected.item.value, actual.value));
}

function labelled(expected: Expectation, tags: readonly number[]): string {
  const name = expectedText(expected, Tag.AttributeName);
  return name === undefined
    ? expectationText(expected, tags)
    : `${expectationText(expected, tags)} (${name})`;
}
