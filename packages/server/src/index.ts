export { restoreBackup, verifyBackup } from './backup';
export {
  openPackage,
  readPackage,
  sealPackage,
  type EscrowPackage,
  type ManifestObject,
  type PackageEntry,
} from './escrow/package-file';
export { clearTextOf } from './escrow/records';
export { drillBackup, nameOfState, type DrillReport, type DrilledTable } from './drill';
export { handShareOn, openerFrom } from './holders';
export { ExportWalk, verifyExport, type ExportVerdict } from './audit/verify-export';
export { checkpointIn, lineOf } from './audit/outside-checkpoints';
export { Node } from './node';
export {
  isForNode,
  newSharedKey,
  reshare,
  shareIn,
  shareForNode,
  type Ceremony,
  type ShareFile,
  type ShareToOpen,
} from './shared-root';
export {
  encodeShare,
  isSealedTo,
  privateKeyFrom,
  recipientFrom,
  requireScheme,
  type Custodian,
  type ShareOpener,
} from '@holdfast/crypto';
export { listenText, parseListen } from './address';
export {
  DEFAULT_AUDIT_GRACE_SECONDS,
  DEFAULT_LIMITS,
  LOG_LEVELS,
  parsePolicy,
  readLimits,
  type LogLevel,
  type NodeConfig,
  type RootConfig,
  type ServerLimits,
} from './config';
export { FIRST_CLIENT_FOLDER } from './bootstrap';
export { createLogger } from './log';
export { VERSION } from './version';
