import type { Actor, DirectoryChange, DomainPolicy, Policies } from '@holdfast/core';

/** The policies of domains, as this process knows them: read once, and again after each change on any node. */
export class DomainPolicies {
  readonly #known = new Map<string, DomainPolicy>();
  /** Counts changes, so that one that falls into a reading is not missed. */
  #epoch = 0;

  constructor(private readonly policies: Policies) {}

  known(domainId: string): DomainPolicy | undefined {
    return this.#known.get(domainId);
  }

  async load(domainId: string): Promise<DomainPolicy> {
    const epoch = this.#epoch;
    const policy = await this.policies.domainPolicy(domainId);
    if (epoch === this.#epoch) this.#known.set(domainId, policy);
    return policy;
  }

  async change(domainId: string, change: DomainPolicy, actor: Actor): Promise<void> {
    await this.policies.changeDomainPolicy(domainId, change, actor);
    this.forget({ kind: 'domain', id: domainId });
  }

  forget({ kind, id }: DirectoryChange): void {
    if (kind !== 'domain' && kind !== 'any') return;
    this.#epoch++;
    if (id === '*') this.#known.clear();
    else this.#known.delete(id);
  }
}
