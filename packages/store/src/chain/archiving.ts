import { HoldfastError } from '@holdfast/ttlv';
import type { Session } from '../postgres/database';
import { keptBefore, selectArchives, stateBehind, type ArchiveFile, type ArchiveStatement } from './archive';
import { checkpointHash, statementOf, type Checkpoint, type CheckpointSigner } from './checkpoint';
import { verifyChain } from './verify';

/**
 * Takes the records that are in a file out of the database, but for those that guard rows: the newest of each object and each
 * row, and the destruction of objects, by which domain keys are counted, and what took them back. The transaction sees one moment, and has
 * checked the log up to there as a whole: what was altered is not covered up.
 * @throws HoldfastError IntegrityViolation where the log is not what was linked; RevisionConflict where somebody else has archived
 */
export async function archiveIn(
  session: Session,
  { file, sha256, first, last, recorded }: ArchiveFile,
  signer: CheckpointSigner,
  isSigned: (signed: Checkpoint) => boolean,
): Promise<Checkpoint> {
  await session.query('LOCK TABLE audit_archive IN EXCLUSIVE MODE');
  const archives = await selectArchives(session);
  const before = archives.at(-1);
  const [row] = await session.query<Checkpoint & { database: string; time: string }>(
    `SELECT statement, signature, (SELECT database_id FROM audit_chain) AS database,
        to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS time
      FROM audit_checkpoint WHERE position = $1`,
    [last],
  );
  if (row === undefined || stateBehind(before).position !== first - 1) {
    throw new HoldfastError('RevisionConflict', 'the audit log was archived by somebody else meanwhile');
  }
  await requireGenuine(session, isSigned, last);
  const { head, transactions, key } = { ...statementOf(row), key: signer.keyId };
  const [, horizon] = transactions;
  for (const text of REMOVALS) await session.query(text, [horizon]);
  await session.query('DELETE FROM audit_checkpoint WHERE position <= $1', [last]);
  const statement: ArchiveStatement = {
    format: 1,
    database: row.database,
    number: archives.length + 1,
    file,
    sha256,
    first,
    last,
    recorded,
    head,
    horizon,
    checkpoint: checkpointHash(row.statement),
    kept: await keptBefore(session, horizon),
    time: row.time,
    previous: checkpointHash(before?.statement ?? ''),
    key,
  };
  const text = JSON.stringify(statement);
  const signed = { statement: text, signature: signer.sign(text) };
  await session.query('INSERT INTO audit_archive (number, statement, signature) VALUES ($1, $2, $3)', [
    statement.number,
    text,
    signed.signature,
  ]);
  return signed;
}

async function requireGenuine(
  session: Session,
  isSigned: (signed: Checkpoint) => boolean,
  last: number,
): Promise<void> {
  const problems: string[] = [];
  const walk = {
    find: ({ problem }: { readonly problem: string }) => problems.push(problem),
    advance: () => undefined,
  };
  await verifyChain(session, { isSigned, outside: [] }, walk, last);
  const [problem] = problems;
  if (problem === undefined) return;
  throw new HoldfastError(
    'IntegrityViolation',
    `nothing is archived of a log that is not genuine: ${problem}`,
  );
}

/** $1: the transactions before this number. */
const REMOVALS = [
  `DELETE FROM change_record AS c WHERE transaction_number < $1 AND operation NOT IN ('Destroy', 'EscrowRecover')
    AND EXISTS (SELECT FROM change_record AS n WHERE n.domain_id = c.domain_id
      AND n.unique_identifier = c.unique_identifier AND n.revision > c.revision)`,
  // What tickets, requests and approvals left goes with them: they expire.
  `DELETE FROM audit_record AS a WHERE transaction_number < $1 AND (row_id IS NULL
    OR EXISTS (SELECT FROM audit_record AS n WHERE n.row_id = a.row_id AND n.row_revision > a.row_revision)
    OR action = 'approval.remove'
    OR (action LIKE 'ticket.%' AND NOT EXISTS (SELECT FROM ticket AS t WHERE t.id = a.row_id))
    OR (action LIKE 'asynchronous-request%' AND NOT EXISTS (SELECT FROM asynchronous_request AS r WHERE r.id = a.row_id)))`,
  'DELETE FROM audit_batch WHERE transaction_number < $1',
];
