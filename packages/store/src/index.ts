export type { BackupFacts } from './backup/frames';
export { BACKED_UP_TABLES } from './backup/tables';
export {
  contentsOfBackup,
  contentsOfDatabase,
  objectDigestLines,
  statesOf,
  type StateCount,
} from './backup/contents';
export { isEmptyStore, loadStore, type RestoringRoot } from './backup/load';
export { compareObjects, type ObjectComparison } from './backup/object-comparison';
export { createScratchSchema } from './backup/scratch-schema';
export { piecesOf } from './backup/pieces';
export type { CustodyStore } from './custody';
export { given, isOpen, requireApproved } from './approvals';
export type { Approval, ApprovalStore, ApprovalVote, ApprovedRequest } from './approvals';
export type { CustodyCopy, CustodyCopyStore } from './custody-copies';
export {
  requireAuthentic,
  type DomainKeyStatus,
  type DomainKeyStore,
  type StatementMac,
  type StoredDomainKey,
  type Wrapping,
} from './domain-keys';
export { archiveStatementOf, type ArchiveFile, type ArchiveStatement } from './chain/archive';
export type { AuditChainStore, Linked } from './chain/audit-chain';
export type { AuditLosses } from './chain/loss-watch';
export {
  GENESIS,
  checkpointHash,
  linkHash,
  statementOf,
  type ChainState,
  type Checkpoint,
  type CheckpointSigner,
  type CheckpointStatement,
} from './chain/checkpoint';
export {
  AUDIT_ARCHIVE_KEY,
  AUDIT_SIGNING_KEY,
  keyIdOf,
  newArchiveKey,
  newSigningKey,
  privateKeyFrom,
  signerOf,
  verifierOf,
} from './chain/signing';
export * from './embedded';
export type { HsmKeyStore } from './hsm-keys';
export type { KeyRotationStore, KeyVersionUse } from './key-rotation';
export { migrate, type MigrationResult } from './migrate';
export type { DueRotation, RotationStore } from './objects/rotations';
export type { RootKeyState, RootKeyStore } from './root-keys';
export { pauses } from './pauses';
export type { StoreLog } from './postgres/database';
export type { Finding, Progress } from './verify/finding';
export { decodeEntry, encodeEntry, type RecordEntry } from './records/entry';
export { unpackRecords, type PackedEntry } from './records/audit-batch';
export { DEFAULT_MAX_KEPT_BYTES, openStore, type Store, type StoreOptions } from './store';
export { encodeValue, readValue } from './objects/value-codec';
