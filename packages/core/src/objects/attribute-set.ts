import { Tag, type Attribute, type AttributeKey, type AttributeValue } from '@holdfast/kmip';
import { HoldfastError, encodeTtlv, itemValueStart, writeStructureHeader } from '@holdfast/ttlv';
import { GivenInstance, storedInstances, storedItem, type AttributeInstance } from './attribute-instance';

/** The same text for custom attributes of one name, another for others. */
export function customKey(name: {
  readonly vendorIdentification: string;
  readonly attributeName: string;
}): string {
  return JSON.stringify([name.vendorIdentification, name.attributeName]);
}

/**
 * The attributes of one object. Instances of a multi-instance attribute carry the index under which KMIP 1.x knows
 * them: it stays the same while other instances come and go (KMIP 1.4 section 2.1.1). Index 0 is left out, as in answers.
 *
 * At rest the set is one TTLV structure in the storage dialect, each value preceded by its index where that is not 0.
 * The bytes are canonical: equal sets in equal order give equal bytes, and the object's MAC covers them.
 */
export class AttributeSet implements Iterable<Attribute> {
  #instances: AttributeInstance[] = [];

  constructor(attributes: Iterable<Attribute> = []) {
    for (const attribute of attributes) this.#instances.push(new GivenInstance(attribute));
  }

  /**
   * The set that `toBytes` gave.
   * @throws HoldfastError IntegrityViolation where the bytes are not a set of attributes. A single value that cannot be
   * read is found by whoever looks at it.
   */
  static fromBytes(bytes: Buffer): AttributeSet {
    return AttributeSet.#of(storedInstances(bytes));
  }

  static #of(instances: AttributeInstance[]): AttributeSet {
    const set = new AttributeSet();
    set.#instances = instances;
    return set;
  }

  [Symbol.iterator](): Iterator<Attribute> {
    return this.#instances.map(({ attribute }) => attribute)[Symbol.iterator]();
  }

  /** How many instances there are in all. */
  get size(): number {
    return this.#instances.length;
  }

  /** How long the canonical bytes of the set are. */
  get storedLength(): number {
    return this.#instances.reduce((sum, instance) => sum + instance.storedLength(), itemValueStart(0));
  }

  clone(): AttributeSet {
    return AttributeSet.#of([...this.#instances]);
  }

  /** The value of the attribute's first instance. */
  get<K extends AttributeKey>(key: K): AttributeValue<K> | undefined {
    for (const instance of this.#instances) {
      if (instance.key === key) return instance.attribute.value as AttributeValue<K>;
    }
    return undefined;
  }

  has(key: AttributeKey): boolean {
    return this.#instances.some((instance) => instance.key === key);
  }

  /** All instances, in the order in which they were added. */
  instances<K extends AttributeKey>(key: K): readonly Extract<Attribute, { key: K }>[] {
    const found: Attribute[] = [];
    for (const instance of this.#instances) if (instance.key === key) found.push(instance.attribute);
    return found as Extract<Attribute, { key: K }>[];
  }

  /** Whether an instance of the attribute has exactly this value; indexes do not matter. */
  hasValue(attribute: Attribute): boolean {
    const item = storedItem(attribute);
    if (item === undefined) return false;
    const encoded = encodeTtlv(item);
    for (const instance of this.#instances) {
      if (instance.key === attribute.key && instance.hasValue(encoded)) return true;
    }
    return false;
  }

  /** The instances of one vendor (custom) attribute. */
  vendorInstances(vendorIdentification: string, attributeName: string): readonly Attribute[] {
    const found: Attribute[] = [];
    for (const instance of this.#instances) {
      if (instance.key !== 'VendorAttribute') continue;
      if (instance.isOfVendor(vendorIdentification, attributeName)) found.push(instance.attribute);
    }
    return found;
  }

  /** Sets a single-instance attribute, in its place where it was there before. */
  set<K extends AttributeKey>(key: K, value: AttributeValue<K>): void {
    const position = this.#instances.findIndex((instance) => instance.key === key);
    const next = new GivenInstance({ key, value } as Attribute);
    if (position === -1) this.#instances.push(next);
    else this.#instances[position] = next;
  }

  /** Adds an instance under the next index (whatever index it came with) and returns it. */
  add(attribute: Attribute): Attribute {
    const siblings = this.#siblingsOf(attribute);
    const index = siblings.reduce((next, sibling) => Math.max(next, (sibling.index ?? 0) + 1), 0);
    return this.#push(attribute, index);
  }

  /**
   * For many instances: adds as `add` does, in a time that does not grow with what is there.
   * Nothing else may add to the set or take from it meanwhile, but single-instance attributes.
   * @returns adds one; answers how many the attribute has then
   */
  adder(): (attribute: Attribute) => number {
    const found = new Map<string, { count: number; nextIndex: number }>();
    const looked = new Set<AttributeKey>();
    const siblingsOf = (attribute: Attribute) => {
      const siblings = found.get(keyOf(attribute)) ?? { count: 0, nextIndex: 0 };
      found.set(keyOf(attribute), siblings);
      return siblings;
    };
    const look = (key: AttributeKey): void => {
      looked.add(key);
      for (const instance of this.#instances) {
        if (instance.key !== key) continue;
        const siblings = siblingsOf(instance.attribute);
        siblings.count++;
        siblings.nextIndex = Math.max(siblings.nextIndex, (instance.attribute.index ?? 0) + 1);
      }
    };
    return (attribute) => {
      if (!looked.has(attribute.key)) look(attribute.key);
      const siblings = siblingsOf(attribute);
      this.#push(attribute, siblings.nextIndex++);
      return ++siblings.count;
    };
  }

  /** Puts another value into an instance; its index stays. */
  replace(instance: Attribute, value: Attribute['value']): Attribute {
    const position = this.#positionOf(instance);
    if (position === -1) throw new HoldfastError('AttributeInstanceNotFound', 'no such attribute instance');
    const next = { ...instance, value } as Attribute;
    this.#instances[position] = new GivenInstance(next);
    return next;
  }

  /** Takes one instance out. */
  remove(instance: Attribute): void {
    const position = this.#positionOf(instance);
    if (position !== -1) this.#instances.splice(position, 1);
  }

  /** Takes all instances of an attribute out. */
  clear(key: AttributeKey): void {
    this.#instances = this.#instances.filter((instance) => instance.key !== key);
  }

  /** The canonical bytes of the set. */
  toBytes(): Buffer {
    const head = itemValueStart(0);
    let length = head;
    for (const instance of this.#instances) length += instance.storedLength();
    const bytes = Buffer.allocUnsafe(length);
    writeStructureHeader(bytes, Tag.Attributes, length - head);
    let offset = head;
    for (const instance of this.#instances) offset = instance.store(bytes, offset);
    return bytes;
  }

  #push(attribute: Attribute, index: number): Attribute {
    const added = {
      key: attribute.key,
      ...(index === 0 ? {} : { index }),
      value: attribute.value,
    } as Attribute;
    this.#instances.push(new GivenInstance(added));
    return added;
  }

  #positionOf(attribute: Attribute): number {
    return this.#instances.findIndex(
      (instance) => instance.key === attribute.key && instance.attribute === attribute,
    );
  }

  #siblingsOf(attribute: Attribute): readonly Attribute[] {
    if (attribute.key !== 'VendorAttribute') return this.instances(attribute.key);
    return this.vendorInstances(attribute.value.vendorIdentification, attribute.value.attributeName);
  }
}

function keyOf(attribute: Attribute): string {
  return attribute.key === 'VendorAttribute' ? customKey(attribute.value) : attribute.key;
}
