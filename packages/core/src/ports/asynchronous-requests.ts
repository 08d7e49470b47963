import type { CancellationResult, Dialect, ProcessingStage } from '@holdfast/kmip';
import type { ErrorCode, Item, SecretBytes } from '@holdfast/ttlv';
import type { Principal } from '../identity';
import type { KeyStoreTransaction } from './key-store';

/** What became of a batch item: what its answer holds. */
export type ItemOutcome =
  /** The Response Payload, in the words of the request's version. */
  | { readonly status: 'success'; readonly payload: Item | undefined }
  | { readonly status: 'failure'; readonly code: ErrorCode; readonly message: string };

/** A batch item that was answered with Operation Pending (KMIP 1.4 section 6.8, KMIP 2.1 section 7.2). */
export interface AsynchronousRequest {
  readonly correlationValue: Buffer;
  readonly operation: number;
  /** The version that the request was made in. */
  readonly dialect: Dialect;
  /** Microseconds since 1970. */
  readonly submissionDate: bigint;
  readonly stage: ProcessingStage;
  /** There where the stage is Completed. @throws HoldfastError IntegrityViolation */
  outcome(): ItemOutcome | undefined;
}

/** The pending items of clients, as the operations see them: those of one principal, on whatever node they were made. */
export interface AsynchronousRequests {
  /** Undefined where the principal's client has none of that value, or it has expired. */
  find(principal: Principal, correlationValue: Buffer): Promise<AsynchronousRequest | undefined>;
  /** Those whose results have not been obtained, the oldest first. */
  outstanding(principal: Principal): Promise<readonly AsynchronousRequest[]>;
  /** The result is on its way to the client: it is not outstanding any more. */
  obtained(principal: Principal, correlationValue: Buffer): Promise<void>;
  cancel(principal: Principal, correlationValue: Buffer): Promise<CancellationResult>;
  /**
   * Carries the item out now, and before it what precedes it in its batch; resolves once it is completed.
   * @returns false where the same was asked before
   */
  process(principal: Principal, correlationValue: Buffer): Promise<boolean>;
}

/** A batch item that is to be carried out later. */
export interface NewAsynchronousRequest {
  readonly principal: Principal;
  readonly operation: number;
  readonly operationName: string;
  readonly dialect: Dialect;
  readonly isEphemeral: boolean;
  /** TTLV encoding of the Request Payload. */
  readonly payload: SecretBytes;
  /** Set where the items of a batch are carried out one after the other. */
  readonly chain: Chain | undefined;
  /** Number of the approval that it waits for. */
  readonly approval: number | undefined;
}

export interface Chain {
  /** UUID of the batch. */
  readonly id: string;
  readonly position: number;
  /** Whether nothing is done any more after an item of it has failed. */
  readonly stopsAtFailure: boolean;
}

/** One attempt at a request: nobody else makes one, or this one comes to nothing. */
export interface ClaimedRequest {
  readonly id: string;
  readonly revision: number;
  readonly kind: Principal['kind'];
  readonly clientId: string;
  readonly credentialId: string;
  readonly domainId: string;
  readonly peer: string;
  readonly operation: number;
  readonly dialect: Dialect;
  readonly isEphemeral: boolean;
  /** From 1. */
  readonly attempt: number;
  /** An earlier item of the batch failed, and the rest of it is not to be carried out. */
  readonly isStopped: boolean;
  /** Number of the approval that it waited for. */
  readonly approval: number | undefined;
  /** TTLV encoding of the Request Payload. @throws HoldfastError IntegrityViolation */
  openPayload(): SecretBytes;
}

/** What is written down of an outcome. */
export interface StoredOutcome {
  /** Undefined: success. */
  readonly failure: ErrorCode | undefined;
  /** TTLV encoding of the Response Payload (empty: none); of a failure its message. */
  readonly content: SecretBytes;
}

/** Where pending items are kept: sealed, authenticated, bound to their client. */
export interface AsynchronousRequestStore {
  /**
   * @returns the correlation value
   * @throws HoldfastError ServerLimitExceeded where the client has `maxPerClient` outstanding
   */
  submit(request: NewAsynchronousRequest, maxPerClient: number): Promise<Buffer>;
  find(clientId: string, correlationValue: Buffer): Promise<KeptRequest | undefined>;
  outstanding(clientId: string): Promise<readonly KeptRequest[]>;
  obtained(principal: Principal, correlationValue: Buffer): Promise<void>;
  cancel(principal: Principal, correlationValue: Buffer): Promise<CancellationResult>;
  /**
   * Notes that the client asked for it to be carried out now.
   * @returns what has to be carried out for it, in this order, and whether it is the first time that it asks
   * @throws HoldfastError PermissionDenied where one of them waits for officers
   */
  askForProcessing(
    principal: Principal,
    correlationValue: Buffer,
  ): Promise<{ readonly isFirst: boolean; readonly ids: readonly string[] }>;
  /**
   * Takes a request that nobody works on and no officer is to decide on: the one named, else the oldest. A row that is not
   * what was written stays.
   */
  claim(id?: string): Promise<ClaimedRequest | undefined>;
  /**
   * Runs `work` and writes its outcome, in one transaction with what `work` changes. Does nothing where the claim was
   * lost meanwhile (to a cancellation, or to another attempt).
   * @throws what `work` throws: the request then waits for its next attempt
   */
  complete(
    claimed: ClaimedRequest,
    work: (session: KeyStoreTransaction) => Promise<StoredOutcome>,
  ): Promise<boolean>;
  /** Whether it is completed, or gone. */
  isCompleted(id: string): Promise<boolean>;
  /** @returns how many were removed */
  removeExpired(): Promise<number>;
}

/** A request as it is kept. */
export interface KeptRequest extends Omit<AsynchronousRequest, 'outcome'> {
  /** There where the stage is Completed. @throws HoldfastError IntegrityViolation */
  outcome(): StoredOutcome | undefined;
}
