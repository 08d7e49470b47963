import { randomBytes, randomUUID } from 'node:crypto';
import {
  attributeTable,
  customAttributeName,
  definitionNamed,
  definitionTagged,
  Operation,
  ResultStatus,
  Tag,
} from '@holdfast/kmip';
import { HoldfastError, ItemType, type Item } from '@holdfast/ttlv';
import { itemAt, itemsOf, walk, type Expectation, type ExpectedValue, type LeafItem } from './expectation';

export type LeafValue = LeafItem['value'];

/** An identifier that a request and its response name. */
const IDENTIFIERS: ReadonlySet<number> = new Set([
  Tag.UniqueIdentifier,
  Tag.PrivateKeyUniqueIdentifier,
  Tag.PublicKeyUniqueIdentifier,
]);

/** Operations that make objects, and where the key of such an object comes from. */
const MAKERS: ReadonlyMap<number, 'server' | 'client' | 'parents'> = new Map([
  [Operation.Create, 'server'],
  [Operation.CreateKeyPair, 'server'],
  [Operation.ReKey, 'server'],
  [Operation.ReKeyKeyPair, 'server'],
  [Operation.Certify, 'server'],
  [Operation.ReCertify, 'server'],
  [Operation.CreateSplitKey, 'server'],
  [Operation.Register, 'client'],
  [Operation.Import, 'client'],
  [Operation.DeriveKey, 'parents'],
  [Operation.JoinSplitKey, 'parents'],
]);

export function isMaker(operation: number): boolean {
  return MAKERS.has(operation);
}

/** What is known of a server's objects, over all cases that are played against it. */
export class ServerMemory {
  /** Identifiers of objects whose key the server made: nobody can foretell it. */
  readonly generated = new Set<string>();
  /** Cryptographic Parameters that requests gave to the objects they made: uses of the keys go by them. */
  readonly parameters = new Map<string, Item>();
  /** Identifiers of objects that the cases made and have not destroyed, with the header of the request that made them. */
  readonly left = new Map<string, Item>();
}

export function enumerationAt(item: Item | undefined, ...tags: readonly number[]): number | undefined {
  const found = itemAt(item, ...tags);
  return found?.type === ItemType.Enumeration ? found.value : undefined;
}

export function textAt(item: Item | undefined, ...tags: readonly number[]): string | undefined {
  const found = itemAt(item, ...tags);
  return found?.type === ItemType.TextString ? found.value : undefined;
}

/** The attribute that an item is, or names, under one name for all versions; undefined where it is none. */
export function attributeNameOf(item: Item): string | undefined {
  if (item.tag === Tag.AttributeName)
    return item.type === ItemType.TextString ? printedName(item.value) : undefined;
  if (
    item.tag === Tag.Attribute ||
    (item.tag === Tag.AttributeReference && item.type === ItemType.Structure)
  ) {
    const vendor = textAt(item, Tag.VendorIdentification);
    const name = textAt(item, Tag.AttributeName);
    if (name === undefined) return undefined;
    return vendor === undefined ? printedName(name) : customAttributeName(vendor, name);
  }
  const tag =
    item.tag === Tag.AttributeReference && item.type === ItemType.Enumeration ? item.value : item.tag;
  return definitionTagged(tag)?.key;
}

function printedName(name: string): string {
  return definitionNamed(name)?.key ?? name;
}

/** What one case has learnt so far: its names, and what its requests said. */
export class CaseMemory {
  readonly startedAtSeconds: number;
  /** Attributes that successful requests stated. */
  readonly stated = new Set<string>();
  /** Operations that succeeded. */
  readonly ran = new Set<number>();
  #values = new Map<string, LeafValue>();
  /** What the server answered where the case shows an example that nobody can foretell. */
  #examples = new Map<string, LeafItem>();
  readonly #lastByTag = new Map<number, LeafValue>();

  constructor(
    readonly server: ServerMemory,
    private readonly clock: () => number,
  ) {
    this.startedAtSeconds = clock();
  }

  get nowSeconds(): number {
    return this.clock();
  }

  /**
   * Makes the item to send.
   * @throws HoldfastError InvalidField where a name stands for what no response has carried
   */
  fill(expectation: Expectation): Item {
    switch (expectation.kind) {
      case 'structure': {
        const value = expectation.children.map((child) => this.fill(child));
        return { tag: expectation.tag, type: ItemType.Structure, value };
      }
      case 'literal':
        return this.#exampleFor(expectation.item) ?? expectation.item;
      default:
        return leaf(expectation, this.#valueFor(expectation));
    }
  }

  #valueFor(expectation: Exclude<ExpectedValue, { kind: 'literal' }>): LeafValue {
    if (expectation.kind === 'moment') return BigInt(this.nowSeconds + expectation.offsetSeconds);
    const { name, tag, type } = expectation;
    const known = this.#values.get(name) ?? this.#lastByTag.get(tag);
    if (isIdentifierName(name)) {
      const value = this.#values.get(name) ?? (type === ItemType.ByteString ? randomBytes(32) : randomUUID());
      this.#values.set(name, value);
      return value;
    }
    if (known === undefined)
      throw new HoldfastError('InvalidField', `no response has carried a value for $${name}`);
    return known;
  }

  /** Takes a value from a response under its name, or compares it with what the name stands for already. */
  bind({ name }: { readonly name: string }, value: LeafValue): 'same' | 'different' | 'taken' {
    const known = this.#values.get(name);
    // A name without a number stands for the latest such value.
    if (known !== undefined && /_\d+X?$/.test(name)) return sameValue(known, value) ? 'same' : 'different';
    if (
      isIdentifierName(name) &&
      [...this.#values].some(([other, held]) => isIdentifierName(other) && sameValue(held, value))
    )
      return 'taken';
    this.#values.set(name, value);
    return 'same';
  }

  /** What a name stands for so far. */
  valueOf(name: string): LeafValue | undefined {
    return this.#values.get(name);
  }

  /** Remembers what stands for an example of the case; false where something else stood for it before. */
  keepExample(owner: string, example: LeafItem, actual: LeafItem): boolean {
    const key = `${owner} ${exampleKey(example)}`;
    const known = this.#examples.get(key);
    if (known !== undefined) return sameValue(known.value, actual.value);
    this.#examples.set(key, actual);
    return true;
  }

  /** Remembers what a later request has to send instead of the example. */
  replaceExample(example: LeafItem, actual: LeafItem): void {
    if (example.type === ItemType.ByteString && example.value.length > 0) {
      this.#examples.set(exampleKey(example), actual);
    }
  }

  #exampleFor(example: LeafItem): LeafItem | undefined {
    if (example.type !== ItemType.ByteString) return undefined;
    return this.#examples.get(exampleKey(example));
  }

  /** Tries something out: what it learnt is kept only if it went well. */
  attempt(compare: () => boolean): boolean {
    const values = new Map(this.#values);
    const examples = new Map(this.#examples);
    if (compare()) return true;
    this.#values = values;
    this.#examples = examples;
    return false;
  }

  #statedIn(batchItem: Item): void {
    for (const item of walk(batchItem)) {
      if (STATING.has(item.tag)) for (const child of itemsOf(item)) this.#state(child);
      else if (item.tag === Tag.Attribute || item.type === ItemType.DateTime) this.#state(item);
    }
  }

  #state(item: Item): void {
    const name = attributeNameOf(item);
    if (name !== undefined) this.stated.add(name);
  }

  /** Learns from a batch item and its answer: before the answer's payload is compared. */
  received(header: Item, request: Item | undefined, answer: Item): void {
    for (const item of walk(answer))
      if (item.type !== ItemType.Structure) this.#lastByTag.set(item.tag, item.value);
    const operation = enumerationAt(answer, Tag.Operation);
    if (operation === undefined || enumerationAt(answer, Tag.ResultStatus) !== ResultStatus.Success) return;
    this.ran.add(operation);
    // What Locate asks for states nothing.
    if (request !== undefined && operation !== Operation.Locate) this.#statedIn(request);
    const identifiers = identifiersIn(itemAt(answer, Tag.ResponsePayload));
    if (operation === Operation.Destroy)
      for (const identifier of identifiers) this.server.left.delete(identifier);
    const origin = MAKERS.get(operation);
    if (origin === undefined) return;
    const parents = identifiersIn(itemAt(request, Tag.RequestPayload));
    const isGenerated =
      origin === 'server' ||
      (origin === 'parents' && parents.some((parent) => this.server.generated.has(parent)));
    const parameters = parametersIn(request);
    for (const identifier of identifiers) {
      if (operation === Operation.CreateSplitKey && parents.includes(identifier)) continue;
      this.server.left.set(identifier, header);
      if (parameters !== undefined) this.server.parameters.set(identifier, parameters);
      if (isGenerated) this.server.generated.add(identifier);
      else this.server.generated.delete(identifier);
    }
  }
}

/** A structure that names a padding is one of Cryptographic Parameters, under the tag of its version. */
function parametersIn(request: Item | undefined): Item | undefined {
  if (request === undefined) return undefined;
  for (const item of walk(request)) {
    if (itemsOf(item).some(({ tag }) => tag === Tag.PaddingMethod)) return item;
  }
  return undefined;
}

/** Structures of requests whose children are attributes of 2.x. */
const STATING: ReadonlySet<number> = new Set([
  Tag.Attributes,
  Tag.CommonAttributes,
  Tag.PrivateKeyAttributes,
  Tag.PublicKeyAttributes,
  Tag.NewAttribute,
]);

export function identifiersIn(payload: Item | undefined): readonly string[] {
  return itemsOf(payload).flatMap((item) =>
    IDENTIFIERS.has(item.tag) && item.type === ItemType.TextString ? [item.value] : [],
  );
}

function isIdentifierName(name: string): boolean {
  return name.includes('UNIQUE_IDENTIFIER');
}

function exampleKey(example: LeafItem): string {
  const value = Buffer.isBuffer(example.value) ? example.value.toString('hex') : String(example.value);
  return `${example.tag} ${value}`;
}

export function sameValue(one: LeafValue, other: LeafValue): boolean {
  return Buffer.isBuffer(one) ? Buffer.isBuffer(other) && one.equals(other) : one === other;
}

function leaf(
  { tag, type }: ExpectedValue & { readonly type: LeafItem['type'] },
  value: LeafValue,
): LeafItem {
  return { tag, type, value } as LeafItem;
}

/** The row of the attribute table, where the attribute is no custom one. */
export function definitionOfName(name: string) {
  return Object.hasOwn(attributeTable, name)
    ? attributeTable[name as keyof typeof attributeTable]
    : undefined;
}
