import {
  actorOf,
  type DomainPolicy,
  type ObjectAccess,
  type OperationContext,
  type Principal,
  type TicketOffice,
} from '@holdfast/core';
import type { Request } from '@holdfast/kmip';
import type { BatchPorts } from './batch-ports';
import type { Logger } from './log';
import type { Notes } from './notes';
import type { BatchReferences } from './references';
import { PROTOCOL_VERSIONS } from './server-identity';

/** What the items of a batch share. */
export interface Surroundings {
  readonly request: Request;
  readonly principal: Principal;
  readonly ports: BatchPorts;
  readonly log: Logger;
  readonly nowSeconds: number;
  /** Aborts once nobody waits for the answer. */
  readonly signal: AbortSignal | undefined;
  readonly references: BatchReferences;
  /** Of the transaction, where there is one. */
  readonly tickets: TicketOffice;
  /** Whether what an item does may be undone with its batch. */
  readonly mayBeUndone: boolean;
  becomeClient(): void;
}

/** What one attempt at one item of a batch is given. */
export function itemContext(
  surroundings: Surroundings,
  objects: ObjectAccess,
  policy: DomainPolicy,
  notes: Notes,
): OperationContext {
  const { request, principal, ports, nowSeconds, references } = surroundings;
  return {
    principal,
    dialect: request.dialect,
    nowSeconds,
    objects,
    policy,
    changePolicy: (change) => ports.policies.change(principal.domainId, change, actorOf(principal)),
    crypto: ports.crypto,
    asker: { principalId: principal.clientId, signal: surroundings.signal },
    hsmKeys: ports.hsmKeyMaking?.makerFor(principal, surroundings.mayBeUndone),
    certificates: ports.certificates,
    tickets: surroundings.tickets,
    issuingAuthority: ports.issuingAuthority,
    server: ports.server,
    catalogue: ports.catalogue.all,
    protocolVersions: PROTOCOL_VERSIONS,
    identify: (reference) => references.one(reference),
    produced: (uniqueIdentifier, role) => void notes.produced.push({ uniqueIdentifier, role }),
    becomeClient: () => surroundings.becomeClient(),
    provisioner: ports.provisioner,
    needsOfficers: (action, object) => ports.approvals.areNeeded(action, object),
    afterwards: (work) => notes.doAfterwards(work),
    log: (message) => {
      const { clientName, peer } = principal;
      surroundings.log.info({ client: clientName, peer, message }, 'a client had this logged');
    },
    emptyPlaceholder: () => {
      notes.emptied = true;
    },
    asynchronousRequests: ports.asynchronous,
    answerFor: (asked, outcome) => {
      notes.answer = { request: asked, outcome };
    },
  };
}
