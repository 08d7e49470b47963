import type { UniqueIdentifier, IdentifierReference } from '@holdfast/kmip';
import { Operation, UniqueIdentifier as Reference } from '@holdfast/kmip';
import { HoldfastError, type ProducedRole } from '@holdfast/core';

export interface Produced {
  readonly uniqueIdentifier: string;
  readonly role: ProducedRole | undefined;
}

/** Which results a 2.x identifier by operation means (KMIP 2.1 section 11.58). */
const MEANING: Partial<
  Record<UniqueIdentifier, { readonly operation: Operation; readonly role?: Produced['role'] }>
> = {
  [Reference.Certify]: { operation: Operation.Certify },
  [Reference.Create]: { operation: Operation.Create },
  [Reference.CreateKeyPair]: { operation: Operation.CreateKeyPair },
  [Reference.CreateKeyPairPrivateKey]: { operation: Operation.CreateKeyPair, role: 'private-key' },
  [Reference.CreateKeyPairPublicKey]: { operation: Operation.CreateKeyPair, role: 'public-key' },
  [Reference.CreateSplitKey]: { operation: Operation.CreateSplitKey },
  [Reference.DeriveKey]: { operation: Operation.DeriveKey },
  [Reference.Import]: { operation: Operation.Import },
  [Reference.JoinSplitKey]: { operation: Operation.JoinSplitKey },
  [Reference.Locate]: { operation: Operation.Locate },
  [Reference.Register]: { operation: Operation.Register },
  [Reference.ReKey]: { operation: Operation.ReKey },
  [Reference.ReCertify]: { operation: Operation.ReCertify },
  [Reference.ReKeyKeyPair]: { operation: Operation.ReKeyKeyPair },
  [Reference.ReKeyKeyPairPrivateKey]: { operation: Operation.ReKeyKeyPair, role: 'private-key' },
  [Reference.ReKeyKeyPairPublicKey]: { operation: Operation.ReKeyKeyPair, role: 'public-key' },
};

/** What the items of one batch have produced so far: the ID Placeholder and the 2.x references are read from it. */
export class BatchReferences {
  #placeholder: string | undefined;
  readonly #latest = new Map<number, readonly Produced[]>();
  /** Every identifier that the response names, in its order. */
  readonly #named: string[] = [];

  /** Takes note of what an item that succeeded produced and named. */
  record(
    operation: number,
    produced: readonly Produced[],
    emptied: boolean,
    named: string | undefined,
  ): void {
    if (emptied) this.#placeholder = undefined;
    if (produced.length > 0) {
      const chosen = produced.find(({ role }) => role === 'private-key' || role === 'first-part');
      if (!emptied) this.#placeholder = (chosen ?? produced[0])?.uniqueIdentifier;
      this.#latest.set(operation, produced);
      this.#named.push(...produced.map((each) => each.uniqueIdentifier));
    } else if (named !== undefined) this.#named.push(named);
  }

  /** What an item that was made pending will produce is not known: no reference means it, nor what was before it. */
  forget(operation: number): void {
    this.#placeholder = undefined;
    this.#latest.delete(operation);
  }

  /**
   * All identifiers that a reference means; without a reference, the ID Placeholder.
   * @throws HoldfastError ItemNotFound where it means none
   */
  all(reference: IdentifierReference | undefined): readonly string[] {
    const found = this.#find(reference);
    if (found.length === 0) {
      throw new HoldfastError(
        'ItemNotFound',
        'no unique identifier is given and no earlier item of the batch left one',
      );
    }
    return found;
  }

  /** The objects for each of which an operation is run, where its identifier is a reference to earlier results. */
  repetitions(payload: Readonly<Record<string, unknown>>): readonly string[] | undefined {
    const reference = payload['uniqueIdentifier'] as IdentifierReference | undefined;
    return typeof reference === 'object' ? this.all(reference) : undefined;
  }

  /** The one identifier that a reference means. @throws HoldfastError ItemNotFound where there is none or several */
  one(reference: IdentifierReference | undefined): string {
    if (typeof reference === 'string') return reference;
    const [first, ...others] = this.all(reference);
    if (first === undefined || others.length > 0) {
      throw new HoldfastError(
        'ItemNotFound',
        'the earlier item that the identifier refers to left several objects',
      );
    }
    return first;
  }

  #find(reference: IdentifierReference | undefined): readonly string[] {
    if (typeof reference === 'string') return [reference];
    if (reference === undefined || ('from' in reference && reference.from === Reference.IDPlaceholder))
      return this.#placeholder === undefined ? [] : [this.#placeholder];
    if ('nth' in reference) {
      const identifier = this.#named.at(reference.nth);
      return identifier === undefined ? [] : [identifier];
    }
    const meaning = MEANING[reference.from];
    if (meaning === undefined) return [];
    return (this.#latest.get(meaning.operation) ?? [])
      .filter(({ role }) => meaning.role === undefined || role === meaning.role)
      .map((each) => each.uniqueIdentifier);
  }
}
