/** The entry for programs that administer a running server: nothing here loads what serving needs. */
export { listenText, parseListen } from './address';
export { AdminClient } from './admin-client';
export * from './admin-protocol';
export * from './admin-protocol-keys';
export { readOfficerFile, writeClientFiles } from './client-files';
export { makeFolder, syncFolder } from './folder';
export { AUTHENTICATION_POLICIES, type AuthenticationPolicy } from '@holdfast/core/names';
export { DEFAULT_ROOT_KEY_LABEL } from '@holdfast/hsm/names';
export { VERSION } from './version';
export { DEFAULT_SEARCH_LIMIT, matcherOf } from './audit/matching';
export type { AuditLine, LineFormatName } from './audit/lines';
export type { ArchiveAnswer, AuditKeyAnswer, AuditQuery, AuditVerificationAnswer } from './audit/protocol';
