import { createPublicKey } from 'node:crypto';
import { HoldfastError, type Actor } from '@holdfast/core';
import type { ManagedKeyring } from '@holdfast/crypto';
import {
  decodeEntry,
  statementOf,
  verifierOf,
  type ArchiveStatement,
  type Checkpoint,
  type PackedEntry,
  type Store,
} from '@holdfast/store';
import type {
  ArchiveAnswer,
  AuditKeyAnswer,
  AuditQuery,
  AuditVerificationAnswer,
  AuditVerificationRequest,
  Retention,
  RetentionAnswer,
} from './protocol';
import type { AuditKeeper } from './audit-keeper';
import { exportLog } from './export';
import { checkpointIn } from './outside-checkpoints';
import { LINE_FORMATS, auditLine, timeText, type AuditLine, type LineFormatName } from './lines';
import { DEFAULT_SEARCH_LIMIT, matcherOf, timeUs } from './matching';
import { checkRetention, readRetention, writeRetention } from './retention';

const MAX_LIMIT = 10_000;
const SECONDS_PER_DAY = 86_400;
/** Whoever waits for a long answer hears of it so often. */
const SIGN_OF_LIFE_MS = 5_000;

/** Reading the audit log: by officers and auditors, each of whom leaves a record of it. */
export class AuditAdministration {
  /** Up to which position each of them was told what there is, by identifiers. */
  readonly #told = new Map<string, number>();

  constructor(
    private readonly store: Pick<
      Store,
      'auditChain' | 'auditLog' | 'verifyAuditChain' | 'clock' | 'directory'
    >,
    private readonly keeper: AuditKeeper,
    private readonly newKeyring: () => ManagedKeyring,
  ) {}

  key(): AuditKeyAnswer {
    const { publicKeyPem, keyId } = this.keeper.signer;
    return { publicKeyPem, keyId };
  }

  /** @throws HoldfastError InvalidField */
  async search(query: AuditQuery, actor: Actor): Promise<readonly AuditLine[]> {
    const { after, limit = DEFAULT_SEARCH_LIMIT } = query;
    if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT) {
      throw new HoldfastError('InvalidField', `the limit is a whole number from 1 to ${MAX_LIMIT}`);
    }
    const matches = matcherOf(query);
    // Who follows the log has left a record when that began.
    if (after === undefined || after !== this.#told.get(actor.id)) await this.#record('audit.search', actor);
    await this.keeper.advance();
    const found =
      after === undefined
        ? await this.#last(query, matches, limit)
        : await this.#firstAfter(after, query, matches, limit);
    this.#told.set(actor.id, found.at(-1)?.position ?? after ?? 0);
    return found;
  }

  async export(
    { from = 1, format = 'json' }: { readonly from?: number; readonly format?: LineFormatName },
    actor: Actor,
  ): Promise<AsyncIterable<Buffer>> {
    if (!Number.isInteger(from) || from < 1) {
      throw new HoldfastError('InvalidField', 'the first position is a whole number from 1');
    }
    if (!Object.hasOwn(LINE_FORMATS, format)) {
      throw new HoldfastError('InvalidField', `the format is ${Object.keys(LINE_FORMATS).join(' or ')}`);
    }
    await this.#record('audit.export', actor);
    await this.keeper.advance();
    const time = new Date(this.store.clock.nowSeconds() * 1000).toISOString();
    return exportLog(this.store.auditChain, this.keeper.signer, { from, format, time });
  }

  /** @throws HoldfastError InvalidField where a given checkpoint was not signed with the key of the log */
  async verify({ checkpoints = [] }: AuditVerificationRequest, actor: Actor): Promise<AsyncIterable<Buffer>> {
    const isSigned = verifierOf(createPublicKey(this.keeper.signer.publicKeyPem));
    const given = checkpoints.flatMap((line) => checkpointIn(line) ?? []);
    if (given.length < checkpoints.length || !given.every(isSigned)) {
      throw new HoldfastError('InvalidField', 'a checkpoint was not signed with the key of this log');
    }
    await this.#record('audit.verify', actor);
    return answered(this.#verification(given));
  }

  async #verification(given: readonly Checkpoint[]): Promise<AuditVerificationAnswer> {
    const keyring = this.newKeyring();
    try {
      const outside = [...(await this.keeper.outside.kept()), ...given];
      const findings = await this.store.verifyAuditChain(keyring, outside);
      const newest = await this.store.auditChain.newest();
      const position = newest === undefined ? 0 : statementOf(newest).position;
      return { position, kept: outside.length, findings };
    } finally {
      keyring.close();
    }
  }

  async retention(): Promise<RetentionAnswer> {
    const forwarding = this.keeper.forwarding?.destination;
    const notAwaited = (await this.store.auditChain.marks()).filter((each) => each !== forwarding);
    return { ...(await readRetention(this.store.directory)), notAwaited };
  }

  async setRetention(retention: Retention, actor: Actor): Promise<RetentionAnswer> {
    await writeRetention(this.store.directory, retention, actor);
    return this.retention();
  }

  /** @throws HoldfastError as `setRetention` would */
  requireRetention(retention: Retention): void {
    checkRetention(retention);
  }

  async archives(): Promise<readonly ArchiveAnswer[]> {
    return (await this.keeper.archiver.list()).map(archiveAnswer);
  }

  /** @param before RFC 3339; default: what was set. @throws HoldfastError InvalidField */
  async archive(before: string | undefined, actor: Actor): Promise<AsyncIterable<Buffer>> {
    const beforeUs = await this.#archivedBeforeUs(before);
    await this.keeper.advance();
    const made = this.keeper.archiver.archive(beforeUs / 1000, actor);
    return answered(made.then((files) => files.map(archiveAnswer)));
  }

  /** @throws HoldfastError as `archive` would now */
  async requireArchivable(before: string | undefined): Promise<void> {
    await this.#archivedBeforeUs(before);
    await this.keeper.archiver.requireFolder();
  }

  async #archivedBeforeUs(before: string | undefined): Promise<number> {
    const { days } = await this.retention();
    if (before === undefined && days === undefined) {
      throw new HoldfastError('InvalidField', 'nothing says how long records are to stay: give a time');
    }
    const daysMs = (days ?? 0) * SECONDS_PER_DAY * 1000;
    return timeUs(before) ?? (this.store.clock.nowSeconds() * 1000 - daysMs) * 1000;
  }

  /** The export in an archive. */
  async openArchive(file: AsyncIterable<Buffer>, actor: Actor): Promise<AsyncIterable<Buffer>> {
    await this.#record('audit.export', actor);
    return this.keeper.archiver.open(file);
  }

  /** The last lines that match, in their order. The log is walked from its end. */
  async #last(
    query: AuditQuery,
    matches: (line: AuditLine) => boolean,
    limit: number,
  ): Promise<readonly AuditLine[]> {
    const { auditChain } = this.store;
    const found: AuditLine[] = [];
    const take = (entries: readonly PackedEntry[], before: number): void => {
      for (let index = entries.length; index > 0 && found.length < limit; index--) {
        const line = lineAt(before + index, entries[index - 1] as PackedEntry);
        if (matches(line)) found.push(line);
      }
    };
    const newest = await auditChain.newest();
    const linked = newest === undefined ? 0 : statementOf(newest).position;
    take(await auditChain.recordsSince(newest), linked);
    const mayMatch = possible(query, auditChain.checkpointsBack(linked));
    for await (const { checkpoint, entries } of auditChain.withRecords(mayMatch)) {
      if (found.length === limit) break;
      const { position, records } = statementOf(checkpoint);
      take(entries, position - records);
    }
    return found.reverse();
  }

  /** The first lines behind a position that match. */
  async #firstAfter(
    after: number,
    query: AuditQuery,
    matches: (line: AuditLine) => boolean,
    limit: number,
  ): Promise<readonly AuditLine[]> {
    const found: AuditLine[] = [];
    for await (const line of this.#linesAfter(after, query)) {
      if (matches(line)) found.push(line);
      if (found.length === limit) break;
    }
    return found;
  }

  /** The lines of the checkpoints that may have some of what is asked for, and of what no checkpoint covers. */
  async *#linesAfter(after: number, query: AuditQuery): AsyncGenerator<AuditLine> {
    const { auditChain } = this.store;
    const newest = await auditChain.newest();
    const linked = newest === undefined ? 0 : statementOf(newest).position;
    for await (const checkpoint of possible(query, auditChain.checkpoints(after + 1))) {
      const { position, records } = statementOf(checkpoint);
      if (position > linked) break;
      yield* linesOf(await auditChain.recordsOf(checkpoint), position - records, after);
    }
    yield* linesOf(await auditChain.recordsSince(newest), linked, after);
  }

  #record(action: string, actor: Actor): Promise<void> {
    return this.store.auditLog.append({ actor, action, outcome: 'success' });
  }
}

/** An answer that takes long, as a line; those before it are empty, and say that it goes on. */
function answered(work: Promise<unknown>): AsyncIterable<Buffer> {
  // What fails before somebody reads is told then.
  work.catch(() => undefined);
  return whenOver(work);
}

async function* whenOver(work: Promise<unknown>): AsyncGenerator<Buffer> {
  let isOver = false as boolean;
  const end = work.then(
    () => (isOver = true),
    () => (isOver = true),
  );
  do {
    const pause = new Promise((resolve) => setTimeout(resolve, SIGN_OF_LIFE_MS).unref());
    await Promise.race([end, pause]);
    if (!isOver) yield Buffer.from('\n');
  } while (!isOver);
  yield Buffer.from(`${JSON.stringify(await work)}\n`);
}

function archiveAnswer({
  number,
  file,
  first,
  last,
  recorded: [earliestUs, latestUs],
  time,
  sha256,
}: ArchiveStatement): ArchiveAnswer {
  const [earliest, latest] = [timeText(earliestUs), timeText(latestUs)];
  return { number, file, first, last, earliest, latest, time, sha256 };
}

/** The checkpoints that may be over records of the time that is asked for. @throws HoldfastError InvalidField */
async function* possible(
  { since, until }: AuditQuery,
  checkpoints: AsyncIterable<Checkpoint>,
): AsyncGenerator<Checkpoint> {
  const [fromUs, toUs] = [timeUs(since) ?? -Infinity, timeUs(until) ?? Infinity];
  for await (const checkpoint of checkpoints) {
    const [earliestUs, latestUs] = statementOf(checkpoint).recorded;
    if (latestUs >= fromUs && earliestUs <= toUs) yield checkpoint;
  }
}

function lineAt(position: number, { who, what }: PackedEntry): AuditLine {
  return auditLine(position, decodeEntry(who, what));
}

function* linesOf(entries: readonly PackedEntry[], before: number, after: number): Generator<AuditLine> {
  for (const [index, entry] of entries.entries()) {
    const position = before + index + 1;
    if (position > after) yield lineAt(position, entry);
  }
}
