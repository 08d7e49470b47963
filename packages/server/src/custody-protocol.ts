/** What administrative calls about copies of keys and their approval take and answer. */

/** Who can open a sealed file. */
export interface HoldersRequest {
  /** Certificates or public keys, PEM. */
  readonly recipients: readonly { readonly name: string; readonly pem: string }[];
  /** How many of them are needed; undefined: any one. */
  readonly threshold?: number;
}

export interface BackupRequest extends HoldersRequest {
  /** By which it is confirmed once it is in its file. */
  readonly id?: string;
}

export interface EscrowRequest extends BackupRequest {
  readonly domain: string;
  /** Which objects: by identifier, by name, or all that have a value. */
  readonly identifiers?: readonly string[];
  readonly names?: readonly string[];
  readonly all?: boolean;
}

/** A backup or escrow package that was made. */
export interface CustodyCopyAnswer {
  readonly id: string;
  readonly kind: 'backup' | 'escrow';
  readonly custodians: readonly string[];
  readonly threshold?: number | undefined;
  readonly domain?: string | undefined;
  /** In the package; of a backup, those that waited for one. */
  readonly objects: number;
  readonly sha256: string;
  readonly createdAt: string;
}

/** One that is whole in its file. */
export interface ConfirmedCopyAnswer extends CustodyCopyAnswer {
  /** How many keys that it is about are inside the HSM, and therefore not in it. */
  readonly inHsm: number;
}

/** How the objects of a package stand to those of the server. */
export interface ComparedAnswer {
  readonly same: number;
  /** Attributes changed; the value is the escrowed one. */
  readonly changedSince: number;
  readonly valueReplaced: number;
  readonly destroyed: number;
  readonly gone: number;
  /** Not what was escrowed, although no change was recorded since. */
  readonly different: number;
}

export interface RecoveryRequest {
  /** Of the package's file, in hex. */
  readonly sha256: string;
  readonly objects: number;
  /** Whose keys or shares opened it, as the package calls them. */
  readonly custodians: readonly string[];
  readonly into: 'store' | 'file';
  /** Another domain than that of the objects. */
  readonly domain?: string;
  /** Whether objects that were destroyed here come back. */
  readonly replacesDestroyed?: boolean;
  /** Whether objects are taken that another installation escrowed. */
  readonly takesForeign?: boolean;
}

export interface RecoveryAnswer {
  readonly recovery: string;
}

export interface ImportRequest {
  readonly recovery: string;
  /** Base64. */
  readonly record: string;
  readonly keyVersion: number;
  readonly mac: string;
}

/** So many officers are needed for an action; 0 takes the rule back. */
export interface ApprovalRuleRequest {
  readonly action: string;
  readonly domain?: string;
  readonly officers: number;
}

export interface ApprovalRuleAnswer {
  readonly action: string;
  /** Undefined: every domain, or none. */
  readonly domain?: string | undefined;
  readonly officers: number;
}

export interface ApprovalAnswer {
  readonly number: number;
  readonly action: string;
  readonly requester: string;
  readonly domain?: string | undefined;
  readonly operation: string;
  readonly subject: string;
  readonly needed: number;
  /** Names of officers; with "not" before it, of one who has denied it. */
  readonly votes: readonly string[];
  readonly state: 'open' | 'approved' | 'denied' | 'used' | 'withdrawn' | 'expired';
  readonly createdAt: string;
  readonly expiresAt: string;
}

export interface ImportAnswer {
  readonly outcome: 'restored' | 'replaced' | 'there already' | 'destroyed';
}
