import type {
  DestroyRootKeyRequest,
  DomainKeyAnswer,
  MoveRootRequest,
  RootAnswer,
  RotationAnswer,
} from './admin-protocol-keys';
import type {
  ApprovalAnswer,
  ApprovalRuleAnswer,
  ApprovalRuleRequest,
  BackupRequest,
  ComparedAnswer,
  ConfirmedCopyAnswer,
  CustodyCopyAnswer,
  EscrowRequest,
  HoldersRequest,
  ImportAnswer,
  ImportRequest,
  RecoveryAnswer,
  RecoveryRequest,
} from './custody-protocol';
import type { ManifestObject } from './escrow/package-file';
import type { ClientSettings, DeviceIdentifiers, DomainSettings, OfficerRole, Role } from '@holdfast/core';
import type { SealedShare, SplitFacts } from '@holdfast/crypto';
import type { AuditLine, LineFormatName } from './audit/lines';
import type {
  ArchiveAnswer,
  AuditKeyAnswer,
  AuditQuery,
  AuditVerificationRequest,
  Retention,
  RetentionAnswer,
  SyslogAnswer,
} from './audit/protocol';

export type * from './custody-protocol';

/**
 * Administration speaks JSON over HTTP on a Unix socket in the data folder. Reaching the socket (mode 0600) proves the
 * operator of the machine, who may see the status, drain and seal, and hand over shares; reading the audit log needs an
 * officer's or auditor's token besides, everything else an officer's.
 */
export const ADMIN_SOCKET_NAME = 'admin.sock';
/** Where the evaluation set-up leaves the first officer's credential. */
export const OFFICER_FILE_NAME = 'officer.json';

/** An officer's or auditor's credential as it lies in a file (mode 0600). */
export interface OfficerCredential {
  readonly officer: string;
  readonly token: string;
}

export interface StatusAnswer {
  readonly version: string;
  /** `refusing`: it runs, and every request is refused for the time being. */
  readonly state: 'sealed' | 'serving' | 'refusing' | 'draining';
  /** Why requests are refused, or would be once it is unsealed. */
  readonly problem?: string;
  /** What is not as it should be while requests are served. */
  readonly warning?: string;
  readonly pid: number;
  readonly startedAt: string;
  /** Unless it is sealed. */
  readonly kmip?: { readonly host: string; readonly port: number };
  readonly https?: { readonly host: string; readonly port: number };
  /** Processes that serve now. */
  readonly workers: number;
  readonly connections: number;
  readonly database: {
    readonly kind: 'embedded' | 'external';
    readonly version: string;
    readonly isReachable: boolean;
    /** How what goes to it is protected; absent where that does not leave the machine. `unverified`: TLS with whoever answers. */
    readonly transport: 'verified' | 'unverified' | 'unencrypted' | undefined;
  };
  /** Whether clients can remove all objects of their domains at once (Interop). */
  readonly testMode: boolean;
  /** Whether cryptography that NIST SP 800-131A disallows is refused. */
  readonly approvedOnly: boolean;
  readonly root: {
    readonly kind: string;
    readonly forEvaluation: boolean;
    /** Processes of the HSM that are ready. */
    readonly processIds: readonly number[];
    /** How many requests of each kind the HSM was sent since the start; absent where there is none. */
    readonly requests?: Readonly<Record<string, number>>;
  };
  /** Where custodians hold the root key. */
  readonly custody?: CustodyAnswer;
  /** Where the audit log is forwarded. */
  readonly syslog?: SyslogAnswer;
}

/** Who holds the root key of a node, and how far they are with unsealing it. */
export interface CustodyAnswer {
  /** Identifies the splitting whose shares count. */
  readonly split: string;
  /** Shares that are needed. */
  readonly threshold: number;
  /** Shares that there are. */
  readonly shares: number;
  /** Shares that were given; 0 where it is unsealed. */
  readonly given: number;
  /** What shares are sealed to on their way to the node. */
  readonly publicKeyPem: string;
}

/** Another splitting of the same root key. */
export interface ReshareRequest {
  /** As many as are needed of the splitting in force, sealed to the node's public key. */
  readonly shares: readonly SealedShare[];
  readonly split: SplitFacts;
}

export type UnsealAnswer =
  | {
      readonly state: 'sealed';
      /** False where it was given before. */
      readonly isNew: boolean;
      readonly given: number;
      readonly threshold: number;
    }
  | { readonly state: 'unsealed'; readonly isNew: boolean };

export interface DomainAnswer {
  readonly name: string;
  readonly settings: DomainSettings;
  readonly createdAt: string;
}

export interface CredentialAnswer {
  readonly id: string;
  readonly rule: string;
  readonly subject?: string | undefined;
  readonly serial?: string | undefined;
  readonly authority?: string | undefined;
  readonly notAfter?: string | undefined;
  readonly status: 'valid' | 'revoked' | 'expired';
}

export interface ClientAnswer {
  readonly name: string;
  readonly domain: string;
  readonly role: Role;
  readonly settings: ClientSettings;
  readonly status: 'valid' | 'revoked';
  readonly createdAt: string;
  readonly credentials?: readonly CredentialAnswer[];
}

/** How a client is to be recognised; with none of these a key pair and a certificate are made. */
export interface CredentialRequest {
  /** PKCS#10, PEM. */
  readonly csrPem?: string;
  /** A certificate that the client has already, PEM. */
  readonly certificatePem?: string;
  /** RFC 4514 subject of certificates of `authority`. */
  readonly subject?: string;
  /** E.g. "dns:host.example.org", of certificates of `authority`. */
  readonly alternativeName?: string;
  /** Name of the built-in or a trusted CA. */
  readonly authority?: string;
  readonly validityDays?: number;
  readonly keyAlgorithm?: string;
}

export interface AddClientRequest {
  readonly name: string;
  readonly domain?: string;
  readonly role?: Role;
  readonly settings?: ClientSettings;
  readonly credential: CredentialRequest;
}

export interface AddUserRequest {
  readonly name: string;
  readonly domain?: string;
  readonly role?: Role;
  /** Names of the clients on whose connections alone it may be used. */
  readonly clients?: readonly string[];
  /** At least 8 characters; only a device may have none. */
  readonly password?: string;
  /** Whether the Hashed Password credential is taken. */
  readonly hashedPassword?: boolean;
  /** Whether one time passwords are needed. */
  readonly oneTimePassword?: boolean;
  /** What a device says of itself. */
  readonly device?: DeviceIdentifiers;
}

export interface UserAnswer {
  readonly name: string;
  readonly domain: string;
  readonly role: Role;
  readonly clients: readonly string[];
  readonly device?: DeviceIdentifiers | undefined;
  /** What it proves its identity by. */
  readonly proofs: readonly string[];
  readonly createdAt: string;
}

/** The key of one time passwords is told this once. */
export interface AddedUserAnswer extends UserAnswer {
  readonly oneTimePasswordUri?: string;
}

/** What was issued: the key only where it was made here, and only this once. */
export interface IssuedAnswer {
  readonly client: ClientAnswer;
  readonly certificatePem?: string;
  readonly privateKeyPem?: string;
  /** The authorities that sign server certificates. */
  readonly caPem: string;
}

export interface AuthorityAnswer {
  readonly name: string;
  readonly subject: string;
  /** `kmip`: what Certify signs with; it identifies no client of the server. */
  readonly kind: 'built-in' | 'trusted' | 'kmip';
  readonly notAfter: string;
  readonly sha256: string;
  /** Whether the server certificates come from it. */
  readonly isServing: boolean;
  readonly status: 'valid' | 'revoked';
}

export interface AuthorityDetails extends AuthorityAnswer {
  /** Its certificate; of a KMIP authority also those of earlier generations, newest first. */
  readonly certificatePem: string;
}

export interface RollRequest {
  /** A built-in authority, or `kmip-ec`, `kmip-rsa`. */
  readonly name: string;
  /** Of the new key; default EC-P256. */
  readonly keyAlgorithm?: string;
}

/** A CRL of the built-in authority, over the client certificates that it issued and that were revoked. */
export interface CrlAnswer {
  readonly pem: string;
  readonly derBase64: string;
  readonly nextUpdate: string;
}

export interface OfficerAnswer {
  readonly name: string;
  readonly createdAt: string;
  readonly status: 'valid' | 'revoked';
}

/** A walk through the whole store. */
export interface VerificationAnswer {
  readonly state: 'running' | 'done' | 'failed';
  readonly startedAt: string;
  /** Rows looked at, of those that there are. */
  readonly progress: { readonly done: number; readonly total: number };
  readonly findings: readonly FindingAnswer[];
  /** Why it failed. */
  readonly problem?: string;
}

export interface FindingAnswer {
  readonly table: string;
  readonly row: string;
  readonly domainId?: string | undefined;
  readonly problem: string;
  /** A notice may be the doing of a client; a fault is none that this program makes. */
  readonly severity: 'fault' | 'notice';
}

export interface AdminErrorAnswer {
  readonly error: { readonly code: string; readonly message: string };
}

/** Stands behind a stream that could not be finished: an AdminErrorAnswer in JSON, percent-encoded. */
export const BROKEN_OFF_TRAILER = 'holdfast-broken-off';

/** The answer of a call that has nothing to tell. */
export interface Done {
  readonly done: true;
}

/** The calls: method and path → request and answer. `:name` stands for one path segment. */
export interface AdminCalls {
  'GET /status': { request: undefined; answer: StatusAnswer };
  'POST /drain': { request: undefined; answer: Done };
  /** The share is opened by its custodian and sealed to the node's public key. */
  'POST /unseal': { request: SealedShare; answer: UnsealAnswer };
  'POST /seal': { request: undefined; answer: Done };
  'GET /domains': { request: undefined; answer: readonly DomainAnswer[] };
  'POST /domains': {
    request: { readonly name: string; readonly settings?: DomainSettings };
    answer: DomainAnswer;
  };
  /** Settings that are left out stay as they are; null takes one back. */
  'POST /domains/:name/settings': {
    request: { readonly [S in keyof DomainSettings]: DomainSettings[S] | null };
    answer: DomainAnswer;
  };
  'GET /clients': { request: undefined; answer: readonly ClientAnswer[] };
  'POST /clients': { request: AddClientRequest; answer: IssuedAnswer };
  'POST /clients/:name/settings': {
    request: { readonly [S in keyof ClientSettings]?: ClientSettings[S] | boolean | null };
    answer: ClientAnswer;
  };
  'GET /users': { request: undefined; answer: readonly UserAnswer[] };
  'POST /users': { request: AddUserRequest; answer: AddedUserAnswer };
  'POST /users/:name/password': { request: { readonly password: string }; answer: Done };
  'POST /users/:name/remove': { request: undefined; answer: Done };
  'GET /clients/:name': { request: undefined; answer: ClientAnswer };
  'POST /clients/:name/credentials': { request: CredentialRequest; answer: IssuedAnswer };
  'POST /clients/:name/revoke': { request: { readonly credentialId?: string }; answer: ClientAnswer };
  'GET /authorities': { request: undefined; answer: readonly AuthorityAnswer[] };
  'POST /authorities': {
    request: { readonly name: string; readonly certificatePem: string };
    answer: AuthorityAnswer;
  };
  'POST /verification': { request: undefined; answer: VerificationAnswer };
  'GET /verification': { request: undefined; answer: VerificationAnswer };
  'POST /backup': { request: BackupRequest; answer: AsyncIterable<Buffer> };
  'POST /escrow': { request: EscrowRequest; answer: AsyncIterable<Buffer> };
  'GET /copies': { request: undefined; answer: readonly CustodyCopyAnswer[] };
  'POST /copies/:name/confirm': { request: { readonly sha256: string }; answer: ConfirmedCopyAnswer };
  'POST /escrow/compare': {
    request: { readonly objects: readonly ManifestObject[] };
    answer: ComparedAnswer;
  };
  'POST /escrow/recover': { request: RecoveryRequest; answer: RecoveryAnswer };
  'POST /escrow/import': { request: ImportRequest; answer: ImportAnswer };
  /** A line for each object: see objectDigestLines of the store. */
  'GET /objects/digests': { request: undefined; answer: AsyncIterable<Buffer> };
  'GET /approvals': { request: undefined; answer: readonly ApprovalAnswer[] };
  'POST /approvals/:name/approve': { request: undefined; answer: ApprovalAnswer };
  'POST /approvals/:name/deny': { request: undefined; answer: ApprovalAnswer };
  'GET /approval-rules': { request: undefined; answer: readonly ApprovalRuleAnswer[] };
  'POST /approval-rules': { request: ApprovalRuleRequest; answer: readonly ApprovalRuleAnswer[] };
  'POST /reindex': { request: undefined; answer: { readonly objects: number } };
  'POST /authorities/roll': { request: RollRequest; answer: AuthorityAnswer };
  'GET /authorities/:name': { request: undefined; answer: AuthorityDetails };
  'POST /authorities/:name/serve': { request: undefined; answer: AuthorityAnswer };
  'GET /crl': { request: undefined; answer: CrlAnswer };
  'GET /authorities/:name/crl': { request: undefined; answer: CrlAnswer };
  'POST /authorities/:name/revoke': { request: undefined; answer: Done };
  'GET /root': { request: undefined; answer: RootAnswer };
  'POST /root/move': { request: MoveRootRequest; answer: RootAnswer };
  'POST /root/retire': { request: { readonly destroyFile?: boolean }; answer: RootAnswer };
  'POST /root/destroy': { request: DestroyRootKeyRequest; answer: Done };
  'POST /root/cancel': { request: undefined; answer: RootAnswer };
  'GET /domain-keys': { request: undefined; answer: readonly DomainKeyAnswer[] };
  'GET /domain-keys/rotation': { request: undefined; answer: RotationAnswer };
  /** Of one domain, or of all. */
  'POST /domain-keys/rotate': {
    request: { readonly domain?: string };
    answer: readonly DomainKeyAnswer[];
  };
  'POST /root/reshare': { request: ReshareRequest; answer: Done };
  'POST /audit/search': { request: AuditQuery; answer: readonly AuditLine[] };
  'POST /audit/export': {
    request: { readonly from?: number; readonly format?: LineFormatName };
    answer: AsyncIterable<Buffer>;
  };
  /** Lines, the last of which is an AuditVerificationAnswer. */
  'POST /audit/verification': { request: AuditVerificationRequest; answer: AsyncIterable<Buffer> };
  'GET /audit/retention': { request: undefined; answer: RetentionAnswer };
  'POST /audit/retention': { request: Retention; answer: RetentionAnswer };
  'GET /audit/archives': { request: undefined; answer: readonly ArchiveAnswer[] };
  /** What was recorded before a time, RFC 3339; default: what is older than was set. Lines, the last of which is a list of ArchiveAnswer. */
  'POST /audit/archive': { request: { readonly before?: string }; answer: AsyncIterable<Buffer> };
  /** An archive in, the export that it holds out. */
  'POST /audit/archives/open': { request: AsyncIterable<Buffer>; answer: AsyncIterable<Buffer> };
  'GET /audit/key': { request: undefined; answer: AuditKeyAnswer };
  'GET /officers': { request: undefined; answer: readonly OfficerAnswer[] };
  'POST /officers': { request: { readonly name: string }; answer: OfficerCredential };
  'POST /officers/:name/revoke': { request: undefined; answer: Done };
  'GET /auditors': { request: undefined; answer: readonly OfficerAnswer[] };
  'POST /auditors': { request: { readonly name: string }; answer: OfficerCredential };
  'POST /auditors/:name/revoke': { request: undefined; answer: Done };
  'GET /backup-operators': { request: undefined; answer: readonly OfficerAnswer[] };
  'POST /backup-operators': {
    request: HoldersRequest & { readonly name: string };
    answer: OfficerCredential;
  };
  'POST /backup-operators/:name/revoke': { request: undefined; answer: Done };
}
export type AdminCall = keyof AdminCalls;
/** The calls whose answer is a stream of bytes. */
export type AdminStream =
  | 'POST /audit/export'
  | 'POST /audit/verification'
  | 'POST /audit/archive'
  | 'POST /audit/archives/open'
  | 'POST /backup'
  | 'POST /escrow'
  | 'GET /objects/digests';

/** The calls whose request is a stream of bytes. */
export const STREAMED_REQUESTS: readonly AdminCall[] = ['POST /audit/archives/open'];

/** What the proof of the operator alone allows. */
export const OPERATOR_CALLS: readonly AdminCall[] = [
  'GET /status',
  'POST /drain',
  'POST /unseal',
  'POST /seal',
];

/** What an auditor may call besides. */
const AUDITOR_CALLS: readonly AdminCall[] = [
  'POST /audit/search',
  'POST /audit/export',
  'POST /audit/verification',
  'GET /audit/key',
  'GET /audit/retention',
  'GET /audit/archives',
  'POST /audit/archives/open',
];

/** What a backup operator may call besides: the backup is for the holders that were set, and for no others. */
const BACKUP_OPERATOR_CALLS: readonly AdminCall[] = ['POST /backup', 'POST /copies/:name/confirm'];

/** What those may call who have no other rights; officers may call everything. */
export const CALLS_OF_ROLES: Readonly<Record<Exclude<OfficerRole, 'officer'>, readonly AdminCall[]>> = {
  auditor: AUDITOR_CALLS,
  'backup-operator': BACKUP_OPERATOR_CALLS,
};

/** What a sealed node answers. */
export const SEALED_CALLS: readonly AdminCall[] = [
  'GET /status',
  'POST /drain',
  'POST /unseal',
  'POST /seal',
];

/** Whether a call is answered with a stream of bytes, rather than JSON. */
export function isStream(answer: unknown): answer is AsyncIterable<Buffer> {
  return typeof answer === 'object' && answer !== null && Symbol.asyncIterator in answer;
}
