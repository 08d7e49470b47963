import { HoldfastError, type HsmKeys, type RootOfTrust, type SecretBytes } from '@holdfast/core';
import type { Wrapping } from '@holdfast/store';

/** Wraps and unwraps keys by the root keys that a node holds. */
export interface KeyWrapper {
  /** Wraps a key by each of them. @param aad as RootOfTrust */
  wrap(key: SecretBytes, aad: Buffer): Promise<readonly Wrapping[]>;
  /**
   * Unwraps a key by one of them.
   * @throws HoldfastError IntegrityViolation where none of the wrappings is by one of them, and as RootOfTrust
   */
  unwrap(wrappings: readonly Wrapping[], aad: Buffer): Promise<SecretBytes>;
}

/** The root keys of a node: one, and while domain keys move to another one, both. */
export class RootKeys implements KeyWrapper {
  #checkValues = new WeakMap<RootOfTrust, string>();
  #others: readonly RootOfTrust[] = [];
  #root: RootOfTrust;

  constructor(root: RootOfTrust) {
    this.#root = root;
  }

  /** The root of trust that this node is known by. */
  get root(): RootOfTrust {
    return this.#root;
  }

  /** Keys of objects inside the HSM of the root of trust that this node is known by; undefined where that is none. */
  get hsmKeys(): HsmKeys | undefined {
    if (this.#root.hsmKeys === undefined) return undefined;
    return {
      request: (call, input) => {
        const { hsmKeys } = this.#root;
        if (hsmKeys !== undefined) return hsmKeys.request(call, input);
        return Promise.reject(
          new HoldfastError('RootOfTrustUnavailable', 'the root of trust is no HSM any more'),
        );
      },
    };
  }

  /** Check value of the root key that this node is known by. @throws HoldfastError RootOfTrustUnavailable */
  own(): Promise<string> {
    return this.#checkValueOf(this.#root);
  }

  /** Whether it holds all of them. */
  async holds(checkValues: readonly string[]): Promise<boolean> {
    const held = new Set(await Promise.all(this.#all.map((root) => this.#checkValueOf(root))));
    return checkValues.every((checkValue) => held.has(checkValue));
  }

  /** Takes a root key besides. */
  add(root: RootOfTrust): void {
    this.#others = [...this.#others, root];
  }

  /** Makes one that was added the one that this node is known by. */
  prefer(root: RootOfTrust): void {
    this.#others = this.#all.filter((each) => each !== root);
    this.#root = root;
  }

  /** Lets go of all: what is left is one that is closed, and can be opened again. */
  async sealTo(root: RootOfTrust): Promise<void> {
    const open = new Set([...this.#all, root]);
    this.#others = [];
    this.#root = root;
    this.#checkValues = new WeakMap();
    await Promise.all([...open].map((each) => each.close()));
  }

  /** Lets go of all but the one that this node is known by. */
  async dropOthers(): Promise<void> {
    const others = this.#others;
    this.#others = [];
    await Promise.all(others.map((root) => root.close()));
  }

  wrap(key: SecretBytes, aad: Buffer): Promise<readonly Wrapping[]> {
    return Promise.all(this.#all.map((root) => this.wrapBy(root, key, aad)));
  }

  /** Wraps a key by one root key alone. */
  async wrapBy(root: RootOfTrust, key: SecretBytes, aad: Buffer): Promise<Wrapping> {
    return { root: await this.#checkValueOf(root), wrapped: await root.wrap(key, aad) };
  }

  async unwrap(wrappings: readonly Wrapping[], aad: Buffer): Promise<SecretBytes> {
    for (const root of this.#all) {
      const checkValue = await this.#checkValueOf(root);
      const wrapping = wrappings.find((each) => each.root === checkValue);
      if (wrapping !== undefined) return root.unwrap(wrapping.wrapped, aad);
    }
    throw new HoldfastError(
      'IntegrityViolation',
      'a domain key does not open under the root of trust: none of its wrappings is by a root key of this node',
    );
  }

  async close(): Promise<void> {
    await Promise.all(this.#all.map((root) => root.close()));
  }

  get #all(): readonly RootOfTrust[] {
    return [this.#root, ...this.#others];
  }

  async #checkValueOf(root: RootOfTrust): Promise<string> {
    const known = this.#checkValues.get(root);
    if (known !== undefined) return known;
    const checkValue = await root.keyCheckValue();
    this.#checkValues.set(root, checkValue);
    return checkValue;
  }
}
