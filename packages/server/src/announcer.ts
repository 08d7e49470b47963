import {
  HoldfastError,
  ObjectAccess,
  actorOf,
  isDestroyed,
  notify,
  put,
  type Announcement,
  type AuditLog,
  type Clock,
  type KeyStoreSession,
  type Principal,
} from '@holdfast/core';
import { Operation, Tag, encodeRequest, type Dialect, type ManagedObjectValue } from '@holdfast/kmip';
import { ItemType, encodeTtlv, type Item } from '@holdfast/ttlv';
import type { Approvals } from './approvals';
import type { AuditGate } from './audit/gate';
import type { DomainPolicies } from './domain-policies';
import { isTransient } from './errors';

export interface AnnouncerPorts {
  readonly keyStore: KeyStoreSession;
  readonly auditLog: AuditLog;
  readonly clock: Clock;
  readonly policies: DomainPolicies;
  readonly approvals: Approvals;
  readonly gate: AuditGate;
}

/** Puts into words what a client is told, and sees to it that it is given no key that it could not get. */
export class Announcer {
  constructor(private readonly ports: AnnouncerPorts) {}

  /**
   * The request that tells a client of a change: Put where there is a new value that the client may have, which is
   * recorded first; else Notify.
   * @returns undefined where the client's version has no words for it
   * @throws HoldfastError where the store failed or nothing may be disclosed at the moment: to be tried again
   */
  async message(
    { uniqueIdentifier, put: kind, attributes }: Announcement,
    principal: Principal,
    dialect: Dialect,
  ): Promise<Buffer | undefined> {
    const object = kind === undefined ? undefined : await this.#disclosed(uniqueIdentifier, principal);
    if (kind === undefined || object === undefined) {
      const payload = notify.request.encode(Tag.RequestPayload, { uniqueIdentifier, attributes }, dialect);
      return requestOf(Operation.Notify, payload, dialect);
    }
    const told = { uniqueIdentifier, ...kind, object, attributes: attributes.changed };
    return requestOf(Operation.Put, put.request.encode(Tag.RequestPayload, told, dialect), dialect);
  }

  /** The object's value as it is now, where Get would give it to the client in clear and without further ado. */
  async #disclosed(uniqueIdentifier: string, principal: Principal): Promise<ManagedObjectValue | undefined> {
    const { keyStore, auditLog, clock, policies, approvals, gate } = this.ports;
    gate.requireOpen();
    const { domainId } = principal;
    const policy = policies.known(domainId) ?? (await policies.load(domainId));
    const objects = new ObjectAccess(keyStore, principal, 'obtain', clock.nowSeconds(), policy);
    const record = { actor: actorOf(principal), action: 'Put', domainId, subject: uniqueIdentifier } as const;
    try {
      const { stored, attributes, state } = await objects.fetch(uniqueIdentifier);
      const isHidden = attributes.get('Sensitive') === true || attributes.get('Extractable') === false;
      if (isHidden || isDestroyed(state) || !stored.hasValue || (await approvals.areNeeded('export', stored)))
        return undefined;
      const value = stored.openValue();
      await auditLog.append({ ...record, outcome: 'success' });
      return value;
    } catch (error) {
      if (!(error instanceof HoldfastError) || isTransient(error.code)) throw error;
      await auditLog.append({ ...record, outcome: 'failure', reason: error.code });
      return undefined;
    }
  }
}

function requestOf(operation: Operation, payload: Item | undefined, dialect: Dialect): Buffer | undefined {
  if (payload?.type !== ItemType.Structure) return undefined;
  return encodeTtlv(encodeRequest({ dialect, items: [{ operation, payload }] }));
}
