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

/** How long records stay in the database; without days they stay until somebody archives them. */
export interface Retention {
  readonly days?: number;
  /** Folder of the node for archives, absolute. */
  readonly archiveDir?: string;
}

export interface RetentionAnswer extends Retention {
  /** Receivers of syslog that nodes forward to, or did, but not the one that answers: its archives do not wait for them. */
  readonly notAwaited: readonly string[];
}

export interface ArchiveAnswer {
  readonly number: number;
  readonly file: string;
  readonly first: number;
  readonly last: number;
  /** When its records were made, RFC 3339. */
  readonly earliest: string;
  readonly latest: string;
  /** When it was made. */
  readonly time: string;
  /** SHA-256 of the file, lower-case hex. */
  readonly sha256: string;
}

export interface AuditKeyAnswer {
  readonly publicKeyPem: string;
  /** SHA-256 of the SubjectPublicKeyInfo, lower-case hex. */
  readonly keyId: string;
}

/** Checkpoints that were kept, e.g. by a receiver of syslog: the log has to contain them. */
export interface AuditVerificationRequest {
  /** Lines as those of the data folder. */
  readonly checkpoints?: readonly string[];
}

/** How far the log is forwarded to a syslog receiver. */
export interface SyslogAnswer {
  readonly destination: string;
  /** `standby`: another node links the log, and forwards it. */
  readonly state: 'connected' | 'disconnected' | 'standby';
  /** Position of the last record that was sent. */
  readonly forwarded: number;
  /** Records that are linked and were not sent yet. */
  readonly behind: number;
  /** Why it is not connected. */
  readonly problem?: string;
}

/** The last line that the verification of the log answers with; those before it are empty, and say that it goes on. */
export interface AuditVerificationAnswer {
  /** Position of the last record that is linked. */
  readonly position: number;
  /** Checkpoints of the data folder, and those that were given, that were compared. */
  readonly kept: number;
  readonly findings: readonly Finding[];
}
