import {
  STORAGE_DIALECT,
  Tag,
  definitionOf,
  definitionTagged,
  type Attribute,
  type AttributeKey,
  type AttributeValue,
} from '@holdfast/kmip';
import { HoldfastError, ItemType, decodeTtlv, encodeTtlv, type Item } from '@holdfast/ttlv';

/**
 * The attributes of one object. Instances of a multi-instance attribute carry the index under which KMIP 1.x knows
 * them: it stays the same while other instances come and go (KMIP 1.4 section 2.1.1). Index 0 is left out, as in answers.
 *
 * At rest the set is one TTLV structure in the storage dialect, each value preceded by its index where that is not 0.
 * The bytes are canonical: equal sets in equal order give equal bytes, and the object's MAC covers them.
 */
export class AttributeSet implements Iterable<Attribute> {
  readonly #instances: Attribute[];

  constructor(instances: Iterable<Attribute> = []) {
    this.#instances = [...instances];
  }

  [Symbol.iterator](): Iterator<Attribute> {
    return this.#instances[Symbol.iterator]();
  }

  clone(): AttributeSet {
    return new AttributeSet(this.#instances);
  }

  /** The value of the attribute's first instance. */
  get<K extends AttributeKey>(key: K): AttributeValue<K> | undefined {
    for (const instance of this.#instances)
      if (instance.key === key) return instance.value as AttributeValue<K>;
    return undefined;
  }

  has(key: AttributeKey): boolean {
    return this.#instances.some((instance) => instance.key === key);
  }

  /** All instances, in the order in which they were added. */
  instances<K extends AttributeKey>(key: K): readonly Extract<Attribute, { key: K }>[] {
    return this.#instances.filter((instance) => instance.key === key) as Extract<Attribute, { key: K }>[];
  }

  /** The instances of one vendor (custom) attribute. */
  vendorInstances(vendorIdentification: string, attributeName: string): readonly Attribute[] {
    return this.instances('VendorAttribute').filter(
      ({ value }) =>
        value.vendorIdentification === vendorIdentification && value.attributeName === attributeName,
    );
  }

  /** Sets a single-instance attribute, in its place where it was there before. */
  set<K extends AttributeKey>(key: K, value: AttributeValue<K>): void {
    const position = this.#instances.findIndex((instance) => instance.key === key);
    const next = { key, value } as Attribute;
    if (position === -1) this.#instances.push(next);
    else this.#instances[position] = next;
  }

  /** Adds an instance under the next index (whatever index it came with) and returns it. */
  add(attribute: Attribute): Attribute {
    const siblings = this.#siblingsOf(attribute);
    const index = siblings.reduce((next, sibling) => Math.max(next, (sibling.index ?? 0) + 1), 0);
    const added = {
      key: attribute.key,
      ...(index === 0 ? {} : { index }),
      value: attribute.value,
    } as Attribute;
    this.#instances.push(added);
    return added;
  }

  /** Puts another value into an instance; its index stays. */
  replace(instance: Attribute, value: Attribute['value']): Attribute {
    const position = this.#instances.indexOf(instance);
    if (position === -1) throw new HoldfastError('AttributeInstanceNotFound', 'no such attribute instance');
    const next = { ...instance, value } as Attribute;
    this.#instances[position] = next;
    return next;
  }

  /** Takes one instance out. */
  remove(instance: Attribute): void {
    const position = this.#instances.indexOf(instance);
    if (position !== -1) this.#instances.splice(position, 1);
  }

  /** Takes all instances of an attribute out. */
  clear(key: AttributeKey): void {
    for (const instance of this.instances(key)) this.remove(instance);
  }

  /** The canonical bytes of the set. */
  toBytes(): Buffer {
    const items: Item[] = [];
    for (const { key, index, value } of this.#instances) {
      if (index !== undefined && index !== 0) {
        items.push({ tag: Tag.AttributeIndex, type: ItemType.Integer, value: index });
      }
      const { tag, codec } = definitionOf(key);
      const item = codec.encode(tag, value, STORAGE_DIALECT);
      if (item === undefined) throw new HoldfastError('InternalServerError', `${key} cannot be stored`);
      items.push(item);
    }
    return encodeTtlv({ tag: Tag.Attributes, type: ItemType.Structure, value: items });
  }

  /** @throws HoldfastError IntegrityViolation where the bytes are not a set of attributes */
  static fromBytes(bytes: Buffer): AttributeSet {
    try {
      return AttributeSet.#decode(decodeTtlv(bytes));
    } catch (cause) {
      throw new HoldfastError('IntegrityViolation', 'stored attributes cannot be read', { cause });
    }
  }

  static #decode(structure: Item): AttributeSet {
    if (structure.type !== ItemType.Structure) throw new HoldfastError('CodecError', 'not a structure');
    const instances: Attribute[] = [];
    let index: number | undefined;
    for (const item of structure.value) {
      if (item.tag === Tag.AttributeIndex && item.type === ItemType.Integer) {
        index = item.value;
        continue;
      }
      const definition = definitionTagged(item.tag);
      if (definition === undefined) throw new HoldfastError('CodecError', 'unknown attribute');
      const value = definition.codec.decode(item, STORAGE_DIALECT);
      const { key } = definition;
      instances.push((index === undefined ? { key, value } : { key, index, value }) as Attribute);
      index = undefined;
    }
    return new AttributeSet(instances);
  }

  #siblingsOf(attribute: Attribute): readonly Attribute[] {
    if (attribute.key !== 'VendorAttribute') return this.instances(attribute.key);
    return this.vendorInstances(attribute.value.vendorIdentification, attribute.value.attributeName);
  }
}
