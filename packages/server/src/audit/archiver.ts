import { createPublicKey } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { HoldfastError, type Actor } from '@holdfast/core';
import {
  archiveStatementOf,
  statementOf,
  verifierOf,
  type ArchiveFile,
  type ArchiveStatement,
  type ChainState,
  type signerOf,
  type Store,
} from '@holdfast/store';
import { describeError, type Logger } from '../log';
import { ArchiveFiles, digested, fileNameOf, leftIn, prepareFolder } from './archive-files';
import { exportLog } from './export';
import { readRetention } from './retention';
import { verifyExport } from './verify-export';

const DAY_SECONDS = 86_400;
/** Records of one file, but for those of its last checkpoint. */
const MAX_RECORDS = 100_000;
const LOOK_EVERY_MS = 60_000;
const SYSTEM: Actor = { kind: 'system', id: 'system', name: 'audit retention' };

/** What is archived: what was recorded before a time, in microseconds since 1970, up to a position. */
interface Old {
  readonly beforeUs: number;
  readonly until: number;
}

/** Moves old records of the audit log out of the database, into sealed files. The node that links the log does it. */
export class Archiver {
  readonly #files: ArchiveFiles;
  #timer: NodeJS.Timeout | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  /** @param limit position of the last record that may be archived: those behind are to be forwarded yet */
  constructor(
    private readonly store: Pick<Store, 'auditChain' | 'auditLog' | 'directory' | 'clock'>,
    private readonly signer: ReturnType<typeof signerOf>,
    private readonly isInCharge: () => boolean,
    private readonly limit: () => number,
    private readonly log: Logger,
  ) {
    this.#files = new ArchiveFiles(store.directory);
  }

  start(): void {
    this.#timer = setInterval(() => this.#lookSoon(), LOOK_EVERY_MS);
    this.#timer.unref();
    this.#lookSoon();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#timer);
    await this.#turn;
  }

  /** What was signed of the archives there are. */
  async list(): Promise<readonly ArchiveStatement[]> {
    return (await this.store.auditChain.archives()).map(archiveStatementOf);
  }

  /** The export in a file. */
  open(file: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
    return this.#files.open(file);
  }

  /**
   * Archives what was recorded before a time, but for the newest checkpoint.
   * @throws HoldfastError PermissionDenied where another node links the log, Configuration, IntegrityViolation
   */
  archive(beforeMs: number, actor: Actor): Promise<readonly ArchiveStatement[]> {
    return this.#inTurn(async () => {
      const archiveDir = await this.requireFolder();
      await this.#tidy(archiveDir);
      // What is recorded meanwhile, that it was archived among it, is for the next time: there would be no end of it.
      const old: Old = { beforeUs: beforeMs * 1000, until: await this.#end() };
      const made: ArchiveStatement[] = [];
      while (!this.#isClosed) {
        const next = await this.#next(archiveDir, old);
        if (next === undefined) break;
        made.push(next);
        const subject = next.file;
        await this.store.auditLog.append({ actor, action: 'audit.archive', subject, outcome: 'success' });
        this.log.info({ file: next.file, first: next.first, last: next.last }, 'the audit log was archived');
      }
      return made;
    });
  }

  /**
   * The folder to which this node archives.
   * @throws HoldfastError PermissionDenied where another node links the log, InvalidField where no folder was named
   */
  async requireFolder(): Promise<string> {
    if (!this.isInCharge()) {
      throw new HoldfastError('PermissionDenied', 'another node links the audit log: archive on that one');
    }
    const { archiveDir } = await readRetention(this.store.directory);
    if (archiveDir !== undefined) return archiveDir;
    throw new HoldfastError('InvalidField', 'name a folder first: holdfast audit retention set');
  }

  /** One file; undefined where there is nothing to archive. */
  async #next(folder: string, old: Old): Promise<ArchiveStatement | undefined> {
    const { auditChain, clock } = this.store;
    const begin = await auditChain.beginning();
    const range = await this.#range(begin, old);
    if (range === undefined) return undefined;
    const { last, head } = range;
    const database = await auditChain.databaseId();
    const number = (await auditChain.archives()).length + 1;
    const first = begin.position + 1;
    const file = fileNameOf({ database, number, first, last, head });
    const path = join(folder, file);
    const time = new Date(clock.nowSeconds() * 1000).toISOString();
    const options = { from: first, until: last, format: 'json', time } as const;
    await this.#files.write(path, exportLog(auditChain, this.signer, options));
    const sha256 = await this.#verified(path, first, last);
    const { recorded } = range;
    return this.#take({ file, sha256, first, last, recorded });
  }

  /** Position of the last record that may be archived now. */
  async #end(): Promise<number> {
    const newest = await this.store.auditChain.newest();
    return Math.min(newest === undefined ? 0 : statementOf(newest).position - 1, this.limit());
  }

  /** The checkpoints from the beginning on that are old enough: how far they go. */
  async #range(begin: ChainState, { beforeUs, until }: Old) {
    const { auditChain } = this.store;
    let found: (Pick<ArchiveFile, 'last' | 'recorded'> & { readonly head: string }) | undefined;
    let [earliestUs, latestUs] = [Infinity, -Infinity];
    for await (const checkpoint of auditChain.checkpoints(begin.position + 1)) {
      const { position: last, recorded, head } = statementOf(checkpoint);
      if (last > until || recorded[1] >= beforeUs) break;
      if (found !== undefined && last - begin.position > MAX_RECORDS) break;
      earliestUs = Math.min(earliestUs, recorded[0]);
      latestUs = Math.max(latestUs, recorded[1]);
      found = { last, head, recorded: [earliestUs, latestUs] };
    }
    return found;
  }

  /** Reads a file back, as whoever needs it later. @returns its SHA-256 */
  async #verified(path: string, first: number, last: number): Promise<string> {
    const { content, sha256 } = digested(path);
    const verdict = await verifyExport(this.#files.open(content), this.signer.publicKeyPem);
    if (verdict.isGenuine && verdict.first === first && verdict.last === last) return sha256();
    await rm(path);
    const problem = verdict.problem?.text ?? 'other records are in the file';
    throw new HoldfastError(
      'IntegrityViolation',
      `nothing is archived of a log that is not genuine: ${problem}`,
    );
  }

  async #take(file: ArchiveFile): Promise<ArchiveStatement> {
    const isSigned = verifierOf(createPublicKey(this.signer.publicKeyPem));
    return archiveStatementOf(await this.store.auditChain.archive(file, this.signer, isSigned));
  }

  /** A node that ended between writing a file and taking its records away has left the file: the records are archived anew. */
  async #tidy(folder: string): Promise<void> {
    await prepareFolder(folder);
    const { auditChain } = this.store;
    const database = await auditChain.databaseId();
    const { partial, whole } = await leftIn(folder, database, (await auditChain.archives()).length + 1);
    for (const file of partial) await rm(join(folder, file), { force: true });
    for (const { file, last, head } of whole) {
      if (await this.#isInDatabase(last, head)) await rm(join(folder, file));
      else this.log.warn({ file }, 'an archive of records that are not in the database, nor known to it');
    }
  }

  async #isInDatabase(last: number, head: string): Promise<boolean> {
    for await (const checkpoint of this.store.auditChain.checkpoints(last)) {
      const statement = statementOf(checkpoint);
      return statement.position === last && statement.head.startsWith(head);
    }
    return false;
  }

  #lookSoon(): void {
    this.look().catch((error: unknown) => {
      this.log.error({ error: describeError(error) }, 'the audit log could not be archived');
    });
  }

  /** Archives what is older than it is to stay; about once a day, so that there are not too many files. */
  async look(): Promise<void> {
    if (!this.isInCharge()) return;
    const { days } = await readRetention(this.store.directory);
    if (days === undefined) return;
    const beforeMs = (this.store.clock.nowSeconds() - days * DAY_SECONDS) * 1000;
    const { auditChain } = this.store;
    const old: Old = { beforeUs: (beforeMs - DAY_SECONDS * 1000) * 1000, until: await this.#end() };
    const due = await this.#range(await auditChain.beginning(), old);
    if (due !== undefined) await this.archive(beforeMs, SYSTEM);
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined);
    return result;
  }
}
