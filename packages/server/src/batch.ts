import {
  BatchErrorContinuationOption,
  ResultStatus,
  type FaultyBatchItem,
  type Request,
  type RequestBatchItem,
  type ResponseBatchItem,
} from '@holdfast/kmip';
import {
  HoldfastError,
  actorOf,
  execute,
  type DomainPolicy,
  type ItemOutcome,
  type KeyStore,
  type KeyStoreTransaction,
  type ObjectAccess,
  type ObjectChange,
  type OperationContext,
  type PresumingSession,
  type Principal,
  type TicketChanges,
} from '@holdfast/core';
import { pauses } from '@holdfast/store';
import type { Item } from '@holdfast/ttlv';
import type { BatchOptions, BatchPorts } from './batch-ports';
import { ChangesToTell, requireMayTurn } from './channels';
import { operationOf, type AnyOperation } from './catalogue';
import {
  Undone,
  encodeAnswer,
  otherPayload,
  requireRoom,
  roomFor,
  roomForAnswer,
  roomForItem,
  roomToBegin,
  type OtherAnswer,
} from './answers';
import { DataResults, withoutData } from './data-results';
import { isTransient } from './errors';
import { Failures } from './failures';
import { describeError, type Logger } from './log';
import { itemContext } from './item-context';
import type { GrowingAnswer } from './large-answers';
import { ItemRecords } from './item-records';
import { PendingItems } from './pending';
import { Notes } from './notes';
import { BatchReferences } from './references';
import { LONG_TURN_MS } from './turn';

/** One request's batch: runs its items in order (KMIP 1.4 chapters 4 and 6, KMIP 2.1 section 9). */
export class Batch {
  readonly #references = new BatchReferences();
  readonly #data: DataResults;
  readonly #nowSeconds: number;
  readonly #pending: PendingItems;
  #remainingBytes: number;
  #becomesClient = false;
  readonly #records: ItemRecords;
  readonly #failures: Failures;
  #presuming: PresumingSession | undefined;
  readonly changes: ChangesToTell;
  readonly answer: GrowingAnswer;
  readonly #pause = pauses(LONG_TURN_MS);
  /** Room that is kept for the answers of later items: they may fail, but not be left out. */
  #reservedBytes = 0;

  constructor(
    private readonly request: Request,
    private readonly principal: Principal,
    private readonly ports: BatchPorts,
    maxResponseBytes: number,
    private readonly log: Logger,
    private readonly options: BatchOptions = {},
  ) {
    this.#nowSeconds = ports.clock.nowSeconds();
    this.#remainingBytes = maxResponseBytes;
    this.answer = ports.largeAnswers.answer(principal.domainId, options.signal);
    this.#records = new ItemRecords(principal, ports.auditLog);
    this.#failures = new Failures(ports.catalogue, request.dialect, principal, this.#records, log);
    this.#pending = new PendingItems(request, principal, ports.asynchronous);
    this.#data = new DataResults(request);
    this.changes = new ChangesToTell(ports.channels, principal.domainId);
  }

  /**
   * The response's items, all of them recorded; with Stop and Undo those after a failure are missing. Undefined where
   * what is in memory was out of date: nothing was done then, and the batch is to be run on what is in the database.
   * @throws HoldfastError ResponseTooLarge where there is no room to answer every item; nothing was done then
   */
  async run(): Promise<readonly ResponseBatchItem[] | undefined> {
    const running = this.#run();
    const results = await (this.#data.areAskedFor ? running.finally(() => this.#data.destroy()) : running);
    try {
      const presumed = this.#presuming?.presumed ?? [];
      if (presumed.length === 0) await this.#records.write();
      else if (!(await this.#records.writeIf(presumed))) return undefined;
      return results;
    } catch (error) {
      this.log.error({ error: describeError(error) }, 'requests are refused: they cannot be recorded');
      this.#becomesClient = false;
      return results.map((result) => (this.#records.isSettled(result) ? result : this.#unrecorded(result)));
    }
  }

  /** What is answered where nothing may be, since nothing would be known of it. */
  #unrecorded({ operation, uniqueBatchItemID }: ResponseBatchItem): ResponseBatchItem {
    const message = 'the server could not record the request';
    return this.#failures.answer(operation, uniqueBatchItemID, { code: 'GeneralFailure', message });
  }

  #run(): Promise<readonly ResponseBatchItem[]> {
    const { batchErrorContinuationOption: option } = this.request.header;
    const goesOn = option === BatchErrorContinuationOption.Continue;
    if (goesOn && this.request.items.length > 1 && roomFor(this.request.items) > this.#remainingBytes) {
      throw new HoldfastError('ResponseTooLarge', 'not even refusals of all items have room in the response');
    }
    if (option === BatchErrorContinuationOption.Undo && this.request.items.length > 1) return this.#runUndo();
    return this.#runAll(this.ports.keyStore, goesOn);
  }

  /**
   * Runs a batch of one item within the caller's transaction; once that is committed, its changes are to be told of.
   * @throws HoldfastError where the store or the root of trust failed: nothing can be said of the item then
   */
  async runWithin(session: KeyStoreTransaction): Promise<ItemOutcome> {
    const [item] = this.request.items;
    this.changes.hold();
    try {
      if (item === undefined || 'fault' in item) throw new HoldfastError('InternalServerError', 'no item');
      const definition = this.#definition(item);
      const payload = definition.request.decode(item.payload, this.request.dialect);
      if (this.#references.repetitions(payload) !== undefined)
        throw new HoldfastError('ItemNotFound', 'no result is meant');
      const { payload: answer } = await this.#perform(item, definition, payload, session);
      await this.#records.write();
      return { status: 'success', payload: answer };
    } catch (error) {
      const { code, message } = this.#failures.note(item?.operation, undefined, error);
      if (isTransient(code) || code === 'RevisionConflict' || this.options.signal?.aborted === true)
        throw error;
      await this.#records.write();
      return { status: 'failure', code, message };
    }
  }

  /** Whether this server has the client's role on the connection from now on. */
  get becomesClient(): boolean {
    return this.#becomesClient;
  }

  /** All items in one transaction: where one fails, what was done before is undone and says so. */
  async #runUndo(): Promise<readonly ResponseBatchItem[]> {
    this.changes.hold({ mayBeUndone: true });
    try {
      const done = await this.ports.keyStore.transaction(this.principal.domainId, async (session) => {
        const results = await this.#runAll(session, false);
        if (results.some(({ resultStatus }) => resultStatus !== ResultStatus.Success))
          throw new Undone(results);
        // What cannot be recorded is undone.
        await this.#records.write();
        for (const result of results) this.#records.settle(result);
        return results;
      });
      this.changes.tell();
      return done;
    } catch (error) {
      this.#becomesClient = false;
      if (error instanceof Undone) return this.#undone(error.results);
      // The transaction itself failed: nothing of the batch happened.
      const [first] = this.request.items;
      return first === undefined ? [] : [this.#failure(first, error)];
    }
  }

  #undone(results: readonly ResponseBatchItem[]): readonly ResponseBatchItem[] {
    const answers: ResponseBatchItem[] = [];
    for (const result of results) {
      if (result.resultStatus !== ResultStatus.Success) answers.push(result);
      else {
        this.#failures.noteUndone(result.operation);
        const { operation, uniqueBatchItemID } = result;
        answers.push({ operation, uniqueBatchItemID, resultStatus: ResultStatus.OperationUndone });
      }
    }
    return answers;
  }

  async #runAll(
    session: KeyStore | KeyStoreTransaction,
    goesOn: boolean,
  ): Promise<readonly ResponseBatchItem[]> {
    const { items } = this.request;
    const results: ResponseBatchItem[] = [];
    this.#reservedBytes = goesOn ? roomFor(items) : 0;
    for (const [index, item] of items.entries()) {
      const next = items[index + 1];
      if (goesOn) this.#reservedBytes -= roomForItem(item);
      else this.#reservedBytes = next === undefined ? 0 : roomForItem(next);
      if (!(await this.#runItem(item, index, session, results)) && !goesOn) break;
    }
    return results;
  }

  /** Called between objects: others have their turn, and a large answer waits for its own. @throws as `requireStanding` */
  async #goOn(session: KeyStore | KeyStoreTransaction): Promise<void> {
    await this.#pause();
    // Others may wait for what a transaction has locked.
    if ('transaction' in session) await this.answer.place();
    this.options.requireStanding?.();
  }

  /**
   * Appends the item's answer to `results`; several where its identifier means several objects (2.x).
   * @returns whether it succeeded
   */
  async #runItem(
    item: RequestBatchItem | FaultyBatchItem,
    index: number,
    session: KeyStore | KeyStoreTransaction,
    results: ResponseBatchItem[],
  ): Promise<boolean> {
    try {
      if (index > 0) await this.#goOn(session);
      if ('fault' in item) throw item.fault;
      const definition = this.#definition(item);
      const given = this.#data.resolved(item.payload);
      const payload = definition.request.decode(given, this.request.dialect);
      const takes = this.#pending.takes(definition, payload, index);
      const approval =
        takes === 'never'
          ? undefined
          : await this.ports.approvals.toCome(definition.name, payload, this.principal, session);
      if (takes === 'always' || approval?.isOpen === true) {
        requireRoom(roomForAnswer(item, undefined), this.#remainingBytes - this.#reservedBytes);
        const whole = { ...item, payload: given };
        const pending = await this.#pending.submit(whole, definition, index, approval?.number);
        this.#records.settle(pending);
        results.push(pending);
        this.#remainingBytes -= roomForAnswer(item, undefined);
        this.#references.forget(definition.code);
        return true;
      }
      const identifiers = this.#references.repetitions(payload);
      if (identifiers === undefined) results.push(await this.#perform(item, definition, payload, session));
      else {
        for (const uniqueIdentifier of identifiers) {
          await this.#goOn(session);
          results.push(await this.#perform(item, definition, { ...payload, uniqueIdentifier }, session));
        }
      }
      return true;
    } catch (error) {
      // What was done for the objects before it is told of all the same.
      results.push(this.#failure(item, error));
      return false;
    }
  }

  #definition({ operation }: RequestBatchItem): AnyOperation {
    return operationOf(this.ports.catalogue, operation, this.request.dialect, this.changes);
  }

  /** Carries an item out, and uses up with it, in one transaction, the approval that it needs. */
  #perform(
    item: RequestBatchItem,
    definition: AnyOperation,
    payload: Record<string, unknown>,
    session: KeyStore | KeyStoreTransaction,
  ): Promise<ResponseBatchItem> {
    if (this.ports.approvals.mayConcern(definition.name, payload, this.principal))
      return this.#performApproved(item, definition, payload, session);
    if (this.#isRepeatable(definition, payload)) this.#presuming = this.ports.keyStore.presuming();
    return this.#carryOut(item, definition, payload, session);
  }

  async #performApproved(
    item: RequestBatchItem,
    definition: AnyOperation,
    payload: Record<string, unknown>,
    session: KeyStore | KeyStoreTransaction,
  ): Promise<ResponseBatchItem> {
    const approval = await this.ports.approvals.ofItem(
      definition.name,
      payload,
      this.principal,
      session,
      (reference) => this.#references.one(reference),
      this.options.approval,
    );
    if (approval === undefined) return this.#carryOut(item, definition, payload, session);
    approval.require();
    const carryOut = (within: KeyStoreTransaction): Promise<ResponseBatchItem> =>
      this.#carryOut(item, definition, payload, within, () =>
        within.useApproval(approval.number, actorOf(this.principal)),
      );
    if (!('transaction' in session)) return carryOut(session);
    this.changes.hold({ mayBeUndone: true });
    try {
      const answer = await session.transaction(this.principal.domainId, carryOut);
      this.changes.tell();
      return answer;
    } finally {
      this.changes.drop();
    }
  }

  /** Whether the batch may be run twice: it is one item, and nothing comes of it but its answer and changes of objects. */
  #isRepeatable(definition: AnyOperation, payload: Record<string, unknown>): boolean {
    const { ticket } = this.principal;
    const isAlone = this.options.mayPresume === true && this.request.items.length === 1;
    return isAlone && ticket === undefined && definition.isRepeatable?.(payload) === true;
  }

  /** @param useApproval called once the operation has succeeded, before anything is written or answered */
  async #carryOut(
    item: RequestBatchItem,
    definition: AnyOperation,
    payload: Record<string, unknown>,
    session: KeyStore | KeyStoreTransaction,
    useApproval?: () => Promise<void>,
  ): Promise<ResponseBatchItem> {
    const { dialect } = this.request;
    const { policies } = this.ports;
    const { domainId, ticket } = this.principal;
    const policy = policies.known(domainId) ?? (await policies.load(domainId));
    const tickets = 'tickets' in session ? session.tickets : this.ports.tickets;
    let notes = new Notes(session);
    let encoded: Item | undefined;
    let whole: Item | undefined;
    let seen: ObjectAccess | undefined;
    let changed: readonly ObjectChange[] = [];
    let bytes = 0;
    let response: Record<string, unknown>;
    requireRoom(roomToBegin(item, definition), this.#remainingBytes - this.#reservedBytes);
    try {
      response = await execute(definition, payload, {
        session,
        presuming: this.#presuming,
        principal: this.principal,
        policy,
        nowSeconds: this.#nowSeconds,
        spend:
          ticket?.isCounted === true && definition.endsTickets !== true
            ? async (rights) => {
                await useApproval?.();
                await tickets.spend(ticket.id, rights, this.principal);
              }
            : useApproval,
        context: (objects) => {
          notes = new Notes(session);
          seen = objects;
          return this.#context(objects, policy, notes, tickets);
        },
        announce: (changes) => this.ports.notifiedClients.announcements(domainId, changes),
        changed: (changes) => {
          changed = changes;
          this.changes.add(changes);
        },
        accept: (answer) => {
          encoded =
            notes.answer === undefined
              ? encodeAnswer(definition, answer, dialect)
              : otherPayload(notes.answer, this.ports.catalogue, dialect);
          whole = encoded;
          if (item.ephemeral) encoded = withoutData(encoded);
          bytes = roomForAnswer(item, encoded);
          requireRoom(bytes, this.#remainingBytes - this.#reservedBytes);
        },
      });
    } catch (error) {
      // A denied Check leaves no identifier to the items that follow it.
      if (notes.emptied) this.#references.record(definition.code, [], true, undefined);
      throw error;
    }
    if (notes.finish !== undefined) await notes.finish();
    this.#remainingBytes -= bytes;
    this.answer.grow(bytes);
    const isRecorded = this.#records.noteSuccess(definition.name, seen?.seen ?? [], changed);
    if (notes.answer !== undefined) return this.#otherAnswer(item, notes.answer, encoded);
    this.#data.record(definition.code, whole);
    const named = response['uniqueIdentifier'];
    this.#references.record(
      definition.code,
      notes.produced,
      notes.emptied,
      typeof named === 'string' ? named : undefined,
    );
    const { operation, uniqueBatchItemID } = item;
    const answer = { operation, uniqueBatchItemID, resultStatus: ResultStatus.Success, payload: encoded };
    if (isRecorded) this.#records.settle(answer);
    return answer;
  }

  /** What Poll answers with: the answer that another item would have got, as soon as there is one. */
  async #otherAnswer(
    { uniqueBatchItemID, operation: asked }: RequestBatchItem,
    { request, outcome }: OtherAnswer,
    payload: Item | undefined,
  ): Promise<ResponseBatchItem> {
    const { correlationValue, operation } = request;
    if (outcome === undefined) {
      return {
        operation: asked,
        uniqueBatchItemID,
        resultStatus: ResultStatus.OperationPending,
        asynchronousCorrelationValue: correlationValue,
      };
    }
    await this.ports.asynchronous.obtained(this.principal, correlationValue);
    if (outcome.status === 'failure') return this.#failures.answer(operation, uniqueBatchItemID, outcome);
    return { operation, uniqueBatchItemID, resultStatus: ResultStatus.Success, payload };
  }

  #context(
    objects: ObjectAccess,
    policy: DomainPolicy,
    notes: Notes,
    tickets: TicketChanges,
  ): OperationContext {
    const { request, principal, ports, log } = this;
    const surroundings = {
      tickets,
      request,
      principal,
      ports,
      log,
      nowSeconds: this.#nowSeconds,
      signal: this.options.signal,
      references: this.#references,
      mayBeUndone: this.changes.mayBeUndone,
      becomeClient: () => this.#becomeClient(),
    };
    return itemContext(surroundings, objects, policy, notes);
  }

  #becomeClient(): void {
    requireMayTurn(this.principal, this.options.canTurn === true);
    this.#becomesClient = true;
  }

  #failure(item: RequestBatchItem | FaultyBatchItem, error: unknown): ResponseBatchItem {
    const { operation, uniqueBatchItemID } = item;
    this.#remainingBytes -= roomForItem(item);
    const named = 'payload' in item ? item.payload : undefined;
    return this.#failures.answer(operation, uniqueBatchItemID, this.#failures.note(operation, named, error));
  }
}
