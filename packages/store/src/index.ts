export type { BackupFacts } from './backup/frames';
export { BACKED_UP_TABLES } from './backup/tables';
export { backupFacts, isEmptyStore, loadStore, type RestoringRoot } from './backup/load';
export type { DomainKeyStore, WrappedDomainKey } from './domain-keys';
export * from './embedded';
export { migrate, type MigrationResult } from './migrate';
export type { StoreLog } from './postgres/database';
export type { Finding, Progress } from './verify/finding';
export { openStore, type Store, type StoreOptions } from './store';
