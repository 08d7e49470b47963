import {
  STORAGE_DIALECT,
  Tag,
  definitionOf,
  definitionTagged,
  type Attribute,
  type AttributeKey,
} from '@holdfast/kmip';
import {
  HoldfastError,
  ItemType,
  decodeTtlvWithin,
  encodeTtlv,
  encodedLength,
  itemEnd,
  itemTag,
  itemText,
  itemType,
  itemValueStart,
  writeTtlv,
  type Item,
} from '@holdfast/ttlv';

/** The value as it is stored: in the storage dialect; undefined where it cannot be. */
export function storedItem({ key, value }: Attribute): Item | undefined {
  const { tag, codec } = definitionOf(key);
  return codec.encode(tag, value, STORAGE_DIALECT);
}

/** Equal for instances of one attribute with one value; indexes do not matter. */
export function fingerprint(attribute: Attribute): string {
  const item = storedItem(attribute);
  return item === undefined ? attribute.key : encodeTtlv(item).toString('base64');
}

/** One instance of an attribute in a set. */
export interface AttributeInstance {
  readonly key: AttributeKey;
  /** The same object each time. @throws HoldfastError IntegrityViolation where it was stored and cannot be read */
  readonly attribute: Attribute;
  /** Whether its value is the one that these bytes are: those of a `storedItem`. */
  hasValue(encoded: Buffer): boolean;
  /** Whether a VendorAttribute is one of this vendor and name. @throws HoldfastError IntegrityViolation */
  isOfVendor(vendorIdentification: string, attributeName: string): boolean;
  /** The bytes that it takes where it is stored: its index, where that is not 0, and its value. */
  storedLength(): number;
  /** Writes these bytes. Returns the offset after them. */
  store(target: Buffer, offset: number): number;
}

/** An instance that somebody gave a value. */
export class GivenInstance implements AttributeInstance {
  readonly key: AttributeKey;
  /** What is stored, once it was asked for. */
  #item: Item | undefined;

  constructor(readonly attribute: Attribute) {
    this.key = attribute.key;
  }

  hasValue(encoded: Buffer): boolean {
    return encodeTtlv(this.#value()).equals(encoded);
  }

  isOfVendor(vendorIdentification: string, attributeName: string): boolean {
    const { key, value } = this.attribute;
    if (key !== 'VendorAttribute') return false;
    return value.vendorIdentification === vendorIdentification && value.attributeName === attributeName;
  }

  storedLength(): number {
    const index = this.#index();
    const item = (this.#item = this.#value());
    return index === undefined ? encodedLength(item) : encodedLength(index) + encodedLength(item);
  }

  store(target: Buffer, offset: number): number {
    const index = this.#index();
    const start = index === undefined ? offset : writeTtlv(target, index, offset);
    return writeTtlv(target, this.#item ?? this.#value(), start);
  }

  #index(): Item | undefined {
    const { index } = this.attribute;
    if (index === undefined || index === 0) return undefined;
    return { tag: Tag.AttributeIndex, type: ItemType.Integer, value: index };
  }

  #value(): Item {
    const item = storedItem(this.attribute);
    if (item === undefined) {
      throw new HoldfastError('InternalServerError', `${this.key} cannot be stored`);
    }
    return item;
  }
}

/**
 * An instance that comes from storage. It is kept as it was read until somebody looks at it: most requests look at few,
 * and what does not change goes back as it came.
 */
class StoredInstance implements AttributeInstance {
  #attribute: Attribute | undefined;

  /**
   * @param bytes the bytes of the set
   * @param start where the instance begins in them: at its index, where it has one
   * @param valueStart where its value begins
   */
  constructor(
    readonly key: AttributeKey,
    private readonly bytes: Buffer,
    private readonly start: number,
    private readonly valueStart: number,
    private readonly end: number,
  ) {}

  get attribute(): Attribute {
    return (this.#attribute ??= this.#decode());
  }

  hasValue(encoded: Buffer): boolean {
    const { bytes, valueStart, end } = this;
    return bytes.compare(encoded, 0, encoded.length, valueStart, end) === 0;
  }

  /** Vendor and name stand first in the value. Most requests look for one of few names among all custom attributes of an object. */
  isOfVendor(vendorIdentification: string, attributeName: string): boolean {
    const { bytes, valueStart } = this;
    const vendor = itemValueStart(valueStart);
    try {
      return (
        itemText(bytes, vendor) === vendorIdentification &&
        itemText(bytes, itemEnd(bytes, vendor)) === attributeName
      );
    } catch (cause) {
      throw unreadable(cause);
    }
  }

  storedLength(): number {
    return this.end - this.start;
  }

  store(target: Buffer, offset: number): number {
    return offset + this.bytes.copy(target, offset, this.start, this.end);
  }

  #decode(): Attribute {
    const { key, bytes, start, valueStart, end } = this;
    try {
      const item = decodeTtlvWithin(bytes, valueStart, end);
      const value = definitionOf(key).codec.decode(item, STORAGE_DIALECT);
      const index = start === valueStart ? undefined : decodeTtlvWithin(bytes, start, valueStart).value;
      return (index === undefined ? { key, value } : { key, index, value }) as Attribute;
    } catch (cause) {
      throw unreadable(cause);
    }
  }
}

/** The instances of a stored set. @throws HoldfastError IntegrityViolation */
export function storedInstances(bytes: Buffer): AttributeInstance[] {
  const instances: AttributeInstance[] = [];
  try {
    if (itemType(bytes, 0) !== ItemType.Structure || itemEnd(bytes, 0) !== bytes.length) {
      throw unreadable('not a structure');
    }
    let start = itemValueStart(0);
    let valueStart = start;
    while (valueStart < bytes.length) {
      const end = itemEnd(bytes, valueStart);
      const tag = itemTag(bytes, valueStart);
      if (tag !== Tag.AttributeIndex) {
        const definition = definitionTagged(tag);
        if (definition === undefined) throw unreadable('unknown attribute');
        instances.push(new StoredInstance(definition.key, bytes, start, valueStart, end));
        start = end;
      }
      valueStart = end;
    }
  } catch (cause) {
    throw unreadable(cause);
  }
  return instances;
}

function unreadable(cause: unknown): HoldfastError {
  return new HoldfastError('IntegrityViolation', 'stored attributes cannot be read', { cause });
}
