import { Data, Operation, Tag, dataEnum, enumerated, type Dialect, type Request } from '@holdfast/kmip';
import { HoldfastError, ItemType, type Item, type StructureItem } from '@holdfast/ttlv';

/** Whose results a Data enumeration means. KMIP 2.1 section 11.13. */
const OPERATIONS: Readonly<Record<Data, Operation>> = {
  [Data.Decrypt]: Operation.Decrypt,
  [Data.Encrypt]: Operation.Encrypt,
  [Data.Hash]: Operation.Hash,
  [Data.MACMACData]: Operation.MAC,
  [Data.RNGRetrieve]: Operation.RNGRetrieve,
  [Data.SignSignatureData]: Operation.Sign,
  [Data.SignatureVerify]: Operation.SignatureVerify,
};

/** What the enumeration counts as the data that an operation puts out. */
const OUTPUTS: ReadonlySet<number> = new Set<number>([Tag.Data, Tag.MACData, Tag.SignatureData]);
const REFERENCES = { since: '2.0' } as const;
const dataReference = enumerated(dataEnum);

/** Ephemeral: "the Data output of the operation should not be returned" (KMIP 2.1 section 8.3). */
export function withoutData(payload: Item | undefined): Item | undefined {
  if (payload?.type !== ItemType.Structure) return payload;
  return { ...payload, value: payload.value.filter(({ tag }) => !OUTPUTS.has(tag)) };
}

/**
 * The data that the items of one batch have put out so far, for later ones that take it by reference: in 2.x Data may be
 * the result of an operation, or the nth of the batch. KMIP 2.1 section 7.9.
 */
export class DataResults {
  /** Nothing is remembered that nobody asks for. */
  readonly areAskedFor: boolean;
  readonly #dialect: Dialect;
  readonly #results: { readonly operation: number; readonly data: Buffer }[] = [];
  /** What took the place of references. */
  readonly #handedOut: Buffer[] = [];

  constructor({ dialect, items }: Pick<Request, 'dialect' | 'items'>) {
    this.#dialect = dialect;
    this.areAskedFor =
      dialect.knows(REFERENCES) &&
      items.some((item) => 'payload' in item && item.payload.value.some(isReference));
  }

  /** Remembers what an item that succeeded put out. */
  record(operation: number, payload: Item | undefined): void {
    if (!this.areAskedFor || payload?.type !== ItemType.Structure) return;
    for (const item of payload.value) {
      if (!OUTPUTS.has(item.tag) || item.type !== ItemType.ByteString) continue;
      this.#results.push({ operation, data: Buffer.from(item.value) });
    }
  }

  /**
   * The payload with the data itself in place of a reference to it.
   * @throws HoldfastError ItemNotFound where no earlier item left such data, InvalidField
   */
  resolved(payload: StructureItem): StructureItem {
    if (!this.areAskedFor || !payload.value.some(isReference)) return payload;
    const value = payload.value.map((item): Item => {
      if (!isReference(item)) return item;
      // A copy: whoever works with it may use it up.
      const data = Buffer.from(this.#find(item));
      this.#handedOut.push(data);
      return { tag: Tag.Data, type: ItemType.ByteString, value: data };
    });
    return { ...payload, value };
  }

  /** Nothing of it is needed any more. */
  destroy(): void {
    for (const { data } of this.#results.splice(0)) data.fill(0);
    for (const data of this.#handedOut.splice(0)) data.fill(0);
  }

  #find(reference: Item): Buffer {
    const found =
      reference.type === ItemType.Integer
        ? this.#results.at(reference.value)
        : this.#latestOf(OPERATIONS[dataReference.decode(reference, this.#dialect)]);
    if (found !== undefined) return found.data;
    throw new HoldfastError('ItemNotFound', 'no earlier item of the batch left the data that is referred to');
  }

  #latestOf(operation: Operation) {
    return this.#results.findLast((result) => result.operation === operation);
  }
}

function isReference({ tag, type }: Item): boolean {
  return tag === Tag.Data && (type === ItemType.Enumeration || type === ItemType.Integer);
}
