import { SYSTEM_DOMAIN_ID, type Keyring } from '@holdfast/core';
import type { Checkpoint } from '../chain/checkpoint';
import { signingKeyIn, verifierOf } from '../chain/signing';
import { verifyChain } from '../chain/verify';
import { domainOf, domains } from '../directory/tables';
import { WALK_TIMEOUT_MS, type Database, type Session } from '../postgres/database';
import { storeError } from '../postgres/errors';
import { DIRECTORY_TABLES, verifyDirectory, verifyDomainKeys } from './directory';
import type { Finding, Progress, Walk } from './finding';
import { verifyObjects } from './objects';
import { AUDIT_BATCHES, AUDIT_RECORDS, CHANGE_RECORDS, verifyRecords, verifyReferences } from './records';

/** The finding of one walk: nobody reads more of them. */
const MAX_FINDINGS = 10_000;

/**
 * Walks the whole store as it is at one moment: every MAC, every sealed value, revisions against records, projections,
 * names, links, what is left over of rows that are gone, the keys of all domains. Nothing is changed.
 * @param keyring a new one, so that the wrapped keys are those of the database, not of memory
 * @param outside checkpoints of the audit chain that were kept outside the database
 * @param onProgress told after each page
 * @throws HoldfastError StoreUnavailable, RootOfTrustUnavailable
 */
export function verifyStore(
  database: Database,
  keyring: Keyring,
  outside: readonly Checkpoint[],
  onProgress: (progress: Progress) => void,
): Promise<readonly Finding[]> {
  return walkStore(database, TABLES, onProgress, async (session, walk) => {
    await verifyDomainKeys(session, keyring, walk);
    await verifyDirectory(session, keyring, walk);
    await verifyObjects(session, keyring, await repeatingDomains(session, keyring), walk);
    await verifyRecords(session, keyring, CHANGE_RECORDS, walk);
    await verifyRecords(session, keyring, AUDIT_RECORDS, walk);
    await verifyRecords(session, keyring, AUDIT_BATCHES, walk);
    await verifyReferences(session, walk);
    await verifyLinks(session, keyring, outside, walk);
  });
}

/** Walks the audit chain alone; see verifyStore. */
export function verifyAuditChain(
  database: Database,
  keyring: Keyring,
  outside: readonly Checkpoint[],
): Promise<readonly Finding[]> {
  return walkStore(
    database,
    [CHECKPOINTS],
    () => undefined,
    (session, walk) => verifyLinks(session, keyring, outside, walk),
  );
}

async function verifyLinks(
  session: Session,
  keyring: Keyring,
  outside: readonly Checkpoint[],
  walk: Walk,
): Promise<void> {
  await keyring.ensure(SYSTEM_DOMAIN_ID);
  const key = await signingKeyIn(session, keyring).catch(() => undefined);
  const onLoss = (position: number, loss: string): void => {
    const problem = `records that were acknowledged were altered or taken away before they were linked: ${loss}`;
    walk.find({ table: 'audit_batch', row: `record ${position}`, problem, severity: 'fault' });
  };
  if (key !== undefined)
    await verifyChain(session, { isSigned: verifierOf(key), outside }, walk, Infinity, onLoss);
  else if ((await countRows(session, [CHECKPOINTS])) > 0) {
    const problem = 'nothing can be said: the key that signs cannot be read';
    walk.find({ table: CHECKPOINTS, row: '', problem, severity: 'fault' });
  }
}

/** Reads everything as it is at one moment. */
async function walkStore(
  database: Database,
  tables: readonly string[],
  onProgress: (progress: Progress) => void,
  work: (session: Session, walk: Walk) => Promise<void>,
): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  let progress: Progress = { done: 0, total: 0 };
  const walk = {
    find(finding: Finding): void {
      if (findings.length < MAX_FINDINGS) findings.push(finding);
    },
    advance(rows: number): void {
      progress = { ...progress, done: progress.done + rows };
      onProgress(progress);
    },
  };
  try {
    await database.general(async (session) => {
      await session.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
      try {
        progress = { done: 0, total: await countRows(session, tables) };
        await work(session, walk);
      } finally {
        await session.query('ROLLBACK');
      }
    }, WALK_TIMEOUT_MS);
  } catch (error) {
    throw storeError(error);
  }
  return findings;
}

const CHECKPOINTS = 'audit_checkpoint';
const TABLES = [
  'domain_key',
  ...DIRECTORY_TABLES.map(({ name }) => name),
  'object',
  'change_record',
  'audit_record',
  'audit_batch',
  CHECKPOINTS,
];

async function countRows(session: Session, tables: readonly string[]): Promise<number> {
  const counts = tables.map((table) => `(SELECT count(*) FROM ${table})`).join(' + ');
  const [row] = await session.query<{ total: string }>(`SELECT ${counts} AS total`);
  return Number(row?.total ?? 0);
}

/** A domain whose row is not what was written has been found before; its names are then taken as unique. */
async function repeatingDomains(session: Session, keyring: Keyring): Promise<ReadonlySet<string>> {
  const rows = await domains.select(session, keyring, 'true').catch(() => []);
  return new Set(rows.filter((row) => domainOf(row).settings.namesMayRepeat).map(({ id }) => id));
}
