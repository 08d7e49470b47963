import type { Finding } from '@holdfast/store';

/** Which records are asked for; all conditions hold. Texts are compared whole, without regard to case. */
export interface AuditQuery {
  /** RFC 3339 times. */
  readonly since?: string;
  readonly until?: string;
  /** Name or identifier. */
  readonly actor?: string;
  readonly operation?: string;
  readonly object?: string;
  readonly outcome?: string;
  /** The last so many; default 100, at most 10000. */
  readonly limit?: number;
  /** Records behind this position alone: the first ones of them. */
  readonly after?: number;
}

export interface AuditKeyAnswer {
  readonly publicKeyPem: string;
  /** SHA-256 of the SubjectPublicKeyInfo, lower-case hex. */
  readonly keyId: string;
}

/** The last line that the verification of the log answers with; those before it are empty, and say that it goes on. */
export interface AuditVerificationAnswer {
  /** Position of the last record that is linked. */
  readonly position: number;
  /** Checkpoints of the data folder that were compared. */
  readonly kept: number;
  readonly findings: readonly Finding[];
}
