import { randomUUID } from 'node:crypto';
import {
  BatchErrorContinuationOption,
  ResultStatus,
  type Request,
  type RequestBatchItem,
} from '@holdfast/kmip';
import type { ResponseBatchItem } from '@holdfast/kmip';
import {
  HoldfastError,
  type AsynchronousRequests,
  type Chain,
  type NewAsynchronousRequest,
  type Principal,
} from '@holdfast/core';
import { SecretBytes, encodeTtlv } from '@holdfast/ttlv';
import type { AnyOperation } from './catalogue';

/** Takes in batch items that are carried out later, and knows what became of them. */
export interface AsynchronousProcessing extends AsynchronousRequests {
  /** @returns the Asynchronous Correlation Value. @throws HoldfastError ServerLimitExceeded */
  submit(request: NewAsynchronousRequest): Promise<Buffer>;
}

/** Which items are made pending. */
type Takes = 'always' | 'where it waits for officers' | 'never';

/** The items of one batch that are made pending. KMIP 1.4 section 6.7, KMIP 2.1 section 11.3. */
export class PendingItems {
  /** Names the batch. */
  #id: string | undefined;

  constructor(
    private readonly request: Request,
    private readonly principal: Principal,
    private readonly processing: AsynchronousProcessing,
  ) {}

  /**
   * A client that insists has everything made pending; for one that leaves it to the server, what nothing in its batch
   * waits for, where it is slow or waits for officers.
   * @throws HoldfastError FeatureNotSupported where the client insists on what cannot be carried out later
   */
  takes(definition: AnyOperation, payload: Record<string, unknown>, index: number): Takes {
    const { header, items } = this.request;
    if (header.asynchronousIndicator === 'prohibited' || definition.isSynchronous === true) return 'never';
    const isUndone =
      header.batchErrorContinuationOption === BatchErrorContinuationOption.Undo && items.length > 1;
    if (header.asynchronousIndicator === 'optional') {
      if (isUndone || this.principal.ticket !== undefined || index < items.length - 1) return 'never';
      return definition.isSlow?.(payload) === true ? 'always' : 'where it waits for officers';
    }
    if (isUndone) {
      throw new HoldfastError(
        'FeatureNotSupported',
        'a batch that is to be undone is not processed asynchronously',
      );
    }
    if (this.principal.ticket !== undefined) {
      throw new HoldfastError('FeatureNotSupported', 'what a ticket allows is not processed asynchronously');
    }
    if (payload['initIndicator'] === true || payload['correlationValue'] !== undefined) {
      throw new HoldfastError('FeatureNotSupported', 'data in parts are not processed asynchronously');
    }
    return 'always';
  }

  /**
   * Hands an item over.
   * @param approval number of the approval that it waits for
   * @throws HoldfastError ServerLimitExceeded
   */
  async submit(
    item: RequestBatchItem,
    { name }: AnyOperation,
    index: number,
    approval: number | undefined,
  ): Promise<ResponseBatchItem> {
    const { operation, uniqueBatchItemID } = item;
    const payload = new SecretBytes(encodeTtlv(item.payload));
    try {
      const asynchronousCorrelationValue = await this.processing.submit({
        principal: this.principal,
        operation,
        operationName: name,
        dialect: this.request.dialect,
        isEphemeral: item.ephemeral,
        payload,
        chain: this.#chain(index),
        approval,
      });
      const resultStatus = ResultStatus.OperationPending;
      const resultMessage = approval === undefined ? undefined : `this waits for approval ${approval}`;
      return { operation, uniqueBatchItemID, resultStatus, resultMessage, asynchronousCorrelationValue };
    } finally {
      payload.destroy();
    }
  }

  #chain(position: number): Chain | undefined {
    const { header, items } = this.request;
    const stopsAtFailure = header.batchErrorContinuationOption === BatchErrorContinuationOption.Stop;
    if (items.length === 1 || !(stopsAtFailure || header.batchOrderOption)) return undefined;
    this.#id ??= randomUUID();
    return { id: this.#id, position, stopsAtFailure };
  }
}
