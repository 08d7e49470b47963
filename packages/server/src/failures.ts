import {
  ResultStatus,
  resultReasonOf,
  type Dialect,
  type OperationName,
  type ResponseBatchItem,
} from '@holdfast/kmip';
import { HoldfastError, type ErrorCode, type Principal } from '@holdfast/core';
import type { StructureItem } from '@holdfast/ttlv';
import type { Catalogue } from './catalogue';
import { isInternal } from './errors';
import type { ItemRecords } from './item-records';
import { describeError, type Logger } from './log';

/** What the peer is told of an error. */
export interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
}

/** Items of one batch that failed: what is recorded of them, and what the peer is told. */
export class Failures {
  constructor(
    private readonly catalogue: Catalogue,
    private readonly dialect: Dialect,
    private readonly principal: Principal,
    private readonly records: ItemRecords,
    private readonly log: Logger,
  ) {}

  /** Records an error, and says what the peer is told of it. */
  note(operation: number | undefined, payload: StructureItem | undefined, error: unknown): Failure {
    const { code, message } =
      error instanceof HoldfastError
        ? error
        : new HoldfastError('InternalServerError', 'unexpected', { cause: error });
    if (isInternal(code)) {
      this.log.error(
        { peer: this.principal.peer, operation, error: describeError(error) },
        'operation failed',
      );
    }
    this.records.noteFailure(this.#actionOf(operation), payload, code);
    return { code, message: isInternal(code) ? 'the server could not complete the operation' : message };
  }

  noteUndone(operation: number | undefined): void {
    this.records.note(this.#actionOf(operation), 'undone');
  }

  answer(
    operation: number | undefined,
    uniqueBatchItemID: Buffer | undefined,
    { code, message }: Failure,
  ): ResponseBatchItem {
    return {
      operation,
      uniqueBatchItemID,
      resultStatus: ResultStatus.OperationFailed,
      resultReason: resultReasonOf(code, this.#nameOf(operation), this.dialect),
      resultMessage: message,
    };
  }

  #nameOf(operation: number | undefined): OperationName | undefined {
    return operation === undefined ? undefined : this.catalogue.byCode.get(operation)?.name;
  }

  #actionOf(operation: number | undefined): string {
    return this.#nameOf(operation) ?? `operation ${operation ?? 'unknown'}`;
  }
}
