import type { Session } from '../postgres/database';
import { archiveStatementOf, keptBefore, selectArchives, stateBehind } from './archive';
import {
  GENESIS,
  checkpointHash,
  linkHash,
  type ChainState,
  type Checkpoint,
  type CheckpointStatement,
} from './checkpoint';
import { lossIn } from './loss';
import { RECORD_TABLES, allRecords } from './records';
import type { Walk } from '../verify/finding';

/** What the chain is checked against besides itself. */
export interface ChainTrust {
  /** Whether the statement was signed with the key of the log. */
  isSigned(checkpoint: Checkpoint): boolean;
  /** Checkpoints that were kept outside the database. */
  readonly outside: readonly Checkpoint[];
}

interface CheckpointRow extends Checkpoint {
  readonly position: string;
  readonly from_transaction: string;
  readonly to_transaction: string;
}

/**
 * Walks the chain: each checkpoint is signed, follows the one before, and is over the records that are there; those that
 * were kept outside are among them. It begins behind what was archived.
 * @param until position of the last checkpoint to be looked at
 * @param onLoss told of each record that tells of rows which were lost: what was linked is genuine all the same
 */
export async function verifyChain(
  session: Session,
  trust: ChainTrust,
  walk: Walk,
  until = Infinity,
  onLoss: (position: number, loss: string) => void = () => undefined,
): Promise<void> {
  const fault = (row: string, problem: string): void =>
    walk.find({ table: 'audit_checkpoint', row, problem, severity: 'fault' });
  const begin = await verifyArchives(session, trust, walk);
  await verifyNumbers(session, walk);
  // Those of before can be compared with the archives alone.
  const kept = new Map(
    trust.outside
      .map((checkpoint) => [positionOf(checkpoint), checkpoint.statement] as const)
      .filter(([at]) => at > begin.position),
  );
  let { previous, position, horizon, head } = begin;
  for await (const row of rows(session)) {
    if (Number(row.position) > until) break;
    const statement = parsed(row);
    if (statement === undefined || !trust.isSigned(row)) {
      fault(row.position, 'the checkpoint is not what was signed');
      continue;
    }
    const [from, to] = statement.transactions;
    if (
      statement.previous !== previous ||
      from !== horizon ||
      statement.position - statement.records !== position
    ) {
      fault(row.position, `the checkpoint does not follow the one before it, at record ${position}`);
      head = Buffer.alloc(0);
    }
    if (
      String(statement.position) !== row.position ||
      String(from) !== row.from_transaction ||
      String(to) !== row.to_transaction
    ) {
      fault(row.position, 'the row says something else than its checkpoint');
    }
    const problem = await problemOf(session, statement, head, onLoss);
    if (problem !== undefined) fault(row.position, problem);
    const outside = kept.get(statement.position);
    if (outside !== undefined && outside !== row.statement) {
      fault(row.position, 'the checkpoint that was kept outside the database is another one');
    }
    kept.delete(statement.position);
    previous = checkpointHash(row.statement);
    ({ position } = statement);
    horizon = to;
    head = Buffer.from(statement.head, 'hex');
    walk.advance(1);
  }
  for (const missing of kept.keys()) {
    if (missing > 0)
      fault(
        String(missing),
        'a checkpoint that was kept outside the database is not in it: the log was cut or wound back',
      );
  }
}

/**
 * What decides which records a checkpoint is over is under no MAC. Within reach of the checkpoints a wrong number shows;
 * one that no transaction has would keep a record from ever being linked.
 */
async function verifyNumbers(session: Session, walk: Walk): Promise<void> {
  for (const table of RECORD_TABLES) {
    const [row] = await session.query<{ count: number }>(
      `SELECT count(*)::int4 AS count FROM ${table} WHERE transaction_number < $1
        OR transaction_number >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint + record_offset()`,
      [GENESIS.horizon],
    );
    const count = row?.count ?? 0;
    const problem = `${count} records bear the number of no transaction: they would never be linked`;
    if (count > 0) walk.find({ table, row: '', problem, severity: 'fault' });
  }
}

/** Checks what was signed of archives, and what they left. @returns where the chain begins */
async function verifyArchives(session: Session, trust: ChainTrust, walk: Walk): Promise<ChainState> {
  let before: Checkpoint | undefined;
  for (const [index, archive] of (await selectArchives(session)).entries()) {
    const row = String(index + 1);
    const fault = (problem: string): void =>
      walk.find({ table: 'audit_archive', row, problem, severity: 'fault' });
    if (!trust.isSigned(archive)) {
      fault('the statement over the archive is not what was signed');
      continue;
    }
    const { number, first, previous, last, checkpoint } = archiveStatementOf(archive);
    const isNext =
      number === index + 1 && number === archive.number && first === stateBehind(before).position + 1;
    if (!isNext || previous !== checkpointHash(before?.statement ?? '')) {
      fault('the archive does not follow the one before it');
    }
    const outside = trust.outside.find((each) => positionOf(each) === last);
    if (outside !== undefined && checkpointHash(outside.statement) !== checkpoint) {
      fault('the checkpoint that was kept outside the database is another one than that of the archive');
    }
    before = archive;
  }
  if (before !== undefined) {
    const { kept, horizon, number } = archiveStatementOf(before);
    const { records, head } = await keptBefore(session, horizon);
    if (records !== kept.records || head !== kept.head) {
      const problem = `the records of before that stayed: ${kept.records} were there, ${records} are; or they are others`;
      walk.find({ table: 'audit_archive', row: String(number), problem, severity: 'fault' });
    }
  }
  return stateBehind(before);
}

/** @param head of the checkpoint before; of no bytes where that is not there, and only the number of records can be checked */
async function problemOf(
  session: Session,
  { transactions: [from, to], records, head: signed, position }: CheckpointStatement,
  head: Buffer,
  onLoss: (position: number, loss: string) => void,
): Promise<string | undefined> {
  const { entries } = await allRecords(session, from, to);
  const where = `records ${position - records + 1} to ${position}`;
  for (const [index, entry] of entries.entries()) {
    const loss = lossIn(entry);
    if (loss !== undefined) onLoss(position - records + index + 1, loss);
  }
  if (entries.length !== records) return `${where}: ${records} were linked, ${entries.length} are there`;
  if (head.length === 0) return undefined;
  let linked = head;
  for (const { who, what } of entries) linked = linkHash(linked, who, what);
  return linked.toString('hex') === signed ? undefined : `${where} are not those that were linked`;
}

const PAGE_ROWS = 200;

async function* rows(session: Session): AsyncGenerator<CheckpointRow> {
  for (let after: string | undefined = '0'; after !== undefined;) {
    const page: CheckpointRow[] = await session.query<CheckpointRow>(
      `SELECT position::text, from_transaction::text, to_transaction::text, statement, signature FROM audit_checkpoint
        WHERE position > $1 ORDER BY audit_checkpoint.position LIMIT ${PAGE_ROWS}`,
      [after],
    );
    yield* page;
    after = page.length < PAGE_ROWS ? undefined : page.at(-1)?.position;
  }
}

function positionOf(checkpoint: Checkpoint): number {
  return parsed(checkpoint)?.position ?? 0;
}

function parsed({ statement }: Checkpoint): CheckpointStatement | undefined {
  try {
    return JSON.parse(statement) as CheckpointStatement;
  } catch {
    return undefined;
  }
}
