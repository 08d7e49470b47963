import {
  STORAGE_DIALECT,
  Tag,
  definitionOf,
  definitionTagged,
  type Attribute,
  type AttributeKey,
} from '@holdfast/kmip';
import { HoldfastError, ItemType, type Item } from '@holdfast/ttlv';

/**
 * One instance of an attribute in a set. One that comes from storage is kept as it was read until somebody looks at it:
 * most requests look at few, and what does not change goes back as it came.
 */
export class AttributeInstance {
  private constructor(
    readonly key: AttributeKey,
    private readonly index: number | undefined,
    private readonly item: Item | undefined,
    private decoded: Attribute | undefined,
  ) {}

  static of(attribute: Attribute): AttributeInstance {
    return new AttributeInstance(attribute.key, attribute.index, undefined, attribute);
  }

  /** @param item the value in the storage dialect */
  static stored(key: AttributeKey, index: number | undefined, item: Item): AttributeInstance {
    return new AttributeInstance(key, index, item, undefined);
  }

  /** The same object each time. @throws HoldfastError IntegrityViolation where it was stored and cannot be read */
  get attribute(): Attribute {
    this.decoded ??= this.#decode(this.item as Item);
    return this.decoded;
  }

  /** Appends the instance as it is stored: its index where that is not 0, and its value. */
  appendTo(items: Item[]): void {
    if (this.index !== undefined && this.index !== 0) {
      items.push({ tag: Tag.AttributeIndex, type: ItemType.Integer, value: this.index });
    }
    items.push(this.item ?? this.#encode(this.attribute));
  }

  #decode(item: Item): Attribute {
    const { key, index } = this;
    let value: unknown;
    try {
      value = definitionOf(key).codec.decode(item, STORAGE_DIALECT);
    } catch (cause) {
      throw unreadable(cause);
    }
    return (index === undefined ? { key, value } : { key, index, value }) as Attribute;
  }

  #encode({ key, value }: Attribute): Item {
    const { tag, codec } = definitionOf(key);
    const item = codec.encode(tag, value, STORAGE_DIALECT);
    if (item === undefined) throw new HoldfastError('InternalServerError', `${key} cannot be stored`);
    return item;
  }
}

/** The instances of a stored set. @throws HoldfastError IntegrityViolation */
export function storedInstances(set: Item): AttributeInstance[] {
  if (set.type !== ItemType.Structure) throw unreadable('not a structure');
  const instances: AttributeInstance[] = [];
  let index: number | undefined;
  for (const item of set.value) {
    if (item.tag === Tag.AttributeIndex && item.type === ItemType.Integer) {
      index = item.value;
      continue;
    }
    const definition = definitionTagged(item.tag);
    if (definition === undefined) throw unreadable('unknown attribute');
    instances.push(AttributeInstance.stored(definition.key, index, item));
    index = undefined;
  }
  return instances;
}

export function unreadable(cause: unknown): HoldfastError {
  return new HoldfastError('IntegrityViolation', 'stored attributes cannot be read', { cause });
}
