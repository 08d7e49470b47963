import { createPublicKey } from 'node:crypto';
import { HoldfastError, type Actor } from '@holdfast/core';
import type { ManagedKeyring } from '@holdfast/crypto';
import {
  decodeEntry,
  statementOf,
  verifierOf,
  type Checkpoint,
  type PackedEntry,
  type Store,
} from '@holdfast/store';
import type {
  AuditKeyAnswer,
  AuditQuery,
  AuditVerificationAnswer,
  AuditVerificationRequest,
} from './protocol';
import type { AuditKeeper } from './audit-keeper';
import { exportLog } from './export';
import { checkpointIn } from './outside-checkpoints';
import { LINE_FORMATS, auditLine, type AuditLine, type LineFormatName } from './lines';

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 10_000;
/** Whoever waits for a long answer hears of it so often. */
const SIGN_OF_LIFE_MS = 5_000;

/** Reading the audit log: by officers, each of whom leaves a record of it. */
export class AuditAdministration {
  constructor(
    private readonly store: Pick<Store, 'auditChain' | 'auditLog' | 'verifyAuditChain' | 'clock'>,
    private readonly keeper: AuditKeeper,
    private readonly newKeyring: () => ManagedKeyring,
  ) {}

  key(): AuditKeyAnswer {
    const { publicKeyPem, keyId } = this.keeper.signer;
    return { publicKeyPem, keyId };
  }

  /** @throws HoldfastError InvalidField */
  async search(query: AuditQuery, actor: Actor): Promise<readonly AuditLine[]> {
    const { after, limit = DEFAULT_LIMIT } = query;
    if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT) {
      throw new HoldfastError('InvalidField', `the limit is a whole number from 1 to ${MAX_LIMIT}`);
    }
    const matches = matcherOf(query);
    // Who follows the log has left a record when that began.
    if (after === undefined) await this.#record('audit.search', actor);
    await this.keeper.advance();
    const found: AuditLine[] = [];
    for await (const line of this.#lines(query)) {
      if (!matches(line)) continue;
      found.push(line);
      if (after === undefined && found.length > limit) found.shift();
      else if (after !== undefined && found.length === limit) break;
    }
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
    return this.#verification(given);
  }

  async *#verification(given: readonly Checkpoint[]): AsyncGenerator<Buffer> {
    const keyring = this.newKeyring();
    try {
      const outside = [...(await this.keeper.outside.kept()), ...given];
      const walk = this.store.verifyAuditChain(keyring, outside);
      let isOver = false;
      const end = walk.then(
        () => (isOver = true),
        () => (isOver = true),
      );
      while (!isOver) {
        const pause = new Promise((resolve) => setTimeout(resolve, SIGN_OF_LIFE_MS).unref());
        await Promise.race([end, pause]);
        yield Buffer.from('\n');
      }
      const findings = await walk;
      const newest = await this.store.auditChain.newest();
      const position = newest === undefined ? 0 : statementOf(newest).position;
      const answer: AuditVerificationAnswer = { position, kept: outside.length, findings };
      yield Buffer.from(`${JSON.stringify(answer)}\n`);
    } finally {
      keyring.close();
    }
  }

  /** The lines of the checkpoints that may have some of what is asked for, and of what no checkpoint covers. */
  async *#lines({ since, until, after = 0 }: AuditQuery): AsyncGenerator<AuditLine> {
    const { auditChain } = this.store;
    const [fromUs, toUs] = [timeUs(since) ?? -Infinity, timeUs(until) ?? Infinity];
    let position = 0;
    let last: Parameters<typeof auditChain.recordsSince>[0];
    for await (const checkpoint of auditChain.checkpoints(after + 1)) {
      const statement = statementOf(checkpoint);
      const [earliestUs, latestUs] = statement.recorded;
      if (latestUs >= fromUs && earliestUs <= toUs) {
        const first = statement.position - statement.records;
        yield* linesOf(await auditChain.recordsOf(checkpoint), first, after);
      }
      ({ position } = statement);
      last = checkpoint;
    }
    last ??= await auditChain.newest();
    if (last !== undefined) ({ position } = statementOf(last));
    yield* linesOf(await auditChain.recordsSince(last), position, after);
  }

  #record(action: string, actor: Actor): Promise<void> {
    return this.store.auditLog.append({ actor, action, outcome: 'success' });
  }
}

function* linesOf(entries: readonly PackedEntry[], before: number, after: number): Generator<AuditLine> {
  for (const [index, { who, what }] of entries.entries()) {
    const position = before + index + 1;
    if (position > after) yield auditLine(position, decodeEntry(who, what));
  }
}

/** @throws HoldfastError InvalidField */
function timeUs(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) throw new HoldfastError('InvalidField', `"${text}" is no time`);
  return ms * 1000;
}

function matcherOf({
  since,
  until,
  actor,
  operation,
  object,
  outcome,
}: AuditQuery): (line: AuditLine) => boolean {
  const [fromUs, toUs] = [timeUs(since), timeUs(until)];
  const same = (one: string, other: string): boolean => one.toLowerCase() === other.toLowerCase();
  return (line) => {
    const us = Date.parse(line.time) * 1000;
    return (
      (fromUs === undefined || us >= fromUs) &&
      (toUs === undefined || us <= toUs) &&
      (actor === undefined || same(line.actor.name, actor) || same(line.actor.id, actor)) &&
      (operation === undefined || same(line.action, operation)) &&
      (object === undefined || line.objects.some((each) => same(each, object))) &&
      (outcome === undefined || same(line.outcome, outcome))
    );
  };
}
