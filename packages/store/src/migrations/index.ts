import { initial } from './0001-initial';
import { users } from './0002-users';
import { policy } from './0003-policy';
import { asynchronousRequests } from './0004-asynchronous-requests';
import { auditBatches } from './0005-audit-batches';
import { domainKeyWrappings } from './0006-domain-key-wrappings';
import { hsmKeys } from './0007-hsm-keys';
import { auditChain } from './0008-audit-chain';
import { custodyCopies } from './0009-custody-copies';
import { approvals } from './0010-approvals';
import { auditors } from './0011-auditors';
import { pendingApprovals } from './0012-pending-approvals';
import { announcements } from './0013-announcements';
import { auditArchives } from './0014-audit-archives';
import { rotationDates } from './0015-rotation-dates';
import { locate } from './0016-locate';

/** One step of the schema. Its text never changes once released: a later step corrects it. */
export interface Migration {
  readonly version: number;
  readonly name: string;
  readonly sql: string;
}

/** All steps in their order; the last one's version is that of this program. */
export const MIGRATIONS: readonly Migration[] = [
  { version: 1, name: 'initial', sql: initial },
  { version: 2, name: 'users', sql: users },
  { version: 3, name: 'policy', sql: policy },
  { version: 4, name: 'asynchronous-requests', sql: asynchronousRequests },
  { version: 5, name: 'audit-batches', sql: auditBatches },
  { version: 6, name: 'domain-key-wrappings', sql: domainKeyWrappings },
  { version: 7, name: 'hsm-keys', sql: hsmKeys },
  { version: 8, name: 'audit-chain', sql: auditChain },
  { version: 9, name: 'custody-copies', sql: custodyCopies },
  { version: 10, name: 'approvals', sql: approvals },
  { version: 11, name: 'auditors', sql: auditors },
  { version: 12, name: 'pending-approvals', sql: pendingApprovals },
  { version: 13, name: 'announcements', sql: announcements },
  { version: 14, name: 'audit-archives', sql: auditArchives },
  { version: 15, name: 'rotation-dates', sql: rotationDates },
  { version: 16, name: 'locate', sql: locate },
];
