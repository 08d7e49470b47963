import type {
  AuditLog,
  CertificatesPort,
  Clock,
  CryptoPort,
  IssuingAuthority,
  KeyStore,
  Provisioner,
  ServerIdentity,
  Tickets,
} from '@holdfast/core';
import type { Approvals } from './approvals';
import type { Catalogue } from './catalogue';
import type { Channels } from './channels';
import type { DomainPolicies } from './domain-policies';
import type { HsmKeyMaking } from './hsm-keys';
import type { LargeAnswers } from './large-answers';
import type { NotifiedClients } from './notified-clients';
import type { AsynchronousProcessing } from './pending';

/** What the items of batches are carried out with. */
export interface BatchPorts {
  readonly keyStore: KeyStore;
  readonly auditLog: AuditLog;
  readonly clock: Clock;
  readonly crypto: CryptoPort;
  readonly certificates: CertificatesPort;
  readonly issuingAuthority: IssuingAuthority;
  readonly catalogue: Catalogue;
  readonly server: ServerIdentity;
  readonly policies: DomainPolicies;
  readonly channels: Channels;
  readonly largeAnswers: LargeAnswers;
  readonly notifiedClients: NotifiedClients;
  readonly tickets: Tickets;
  readonly asynchronous: AsynchronousProcessing;
  readonly provisioner: Provisioner;
  readonly approvals: Approvals;
  /** Undefined where there is no HSM. */
  readonly hsmKeyMaking: HsmKeyMaking | undefined;
}

export interface BatchOptions {
  /** Whether this server can take the client's role on the connection. */
  readonly canTurn?: boolean;
  /** Whether it may be carried out on what is in memory: see `run`. */
  readonly mayPresume?: boolean;
  /** Number of the approval that a pending item waited for. */
  readonly approval?: number | undefined;
  /** Aborts once nobody waits for the answer. */
  readonly signal?: AbortSignal;
  /** @throws HoldfastError AuthenticationNotSuccessful where who asked was revoked, and has had its time to finish */
  readonly requireStanding?: () => void;
}
