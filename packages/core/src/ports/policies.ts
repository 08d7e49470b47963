import type { Actor } from '../identity';
import type { DomainPolicy } from '../objects/domain-policy';

/** What the clients of domains have set for new objects. A part of the domain's row in the directory. */
export interface Policies {
  /** @throws HoldfastError ItemNotFound where there is no such domain, IntegrityViolation */
  domainPolicy(domainId: string): Promise<DomainPolicy>;
  /**
   * Replaces the parts of the policy that `change` has, also those that it has as undefined.
   * @throws HoldfastError InvalidField where the whole is too long to be kept
   */
  changeDomainPolicy(domainId: string, change: DomainPolicy, actor: Actor): Promise<void>;
}
