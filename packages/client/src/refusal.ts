import { ResultStatus, operationEnum, resultReasonEnum, type ResponseBatchItem } from '@holdfast/kmip';

/** The server understood an operation and did not carry it out, or not yet. KMIP 1.4 section 6.10, KMIP 2.1 section 9.19. */
export class KmipRefusal extends Error {
  /** The printed name of the operation, as asked for. */
  readonly operation: string;
  readonly resultStatus: ResultStatus;
  readonly resultReason: number | undefined;
  /** The key of the Result Reason enumeration (`ItemNotFound`), or its number where the standard lists no such reason. */
  readonly resultReasonName: string | undefined;
  /** The text that the server sent along. It comes from elsewhere: escape it before it is shown on a terminal. */
  readonly resultMessage: string | undefined;
  /** Where the operation is pending: what `KmipClient.poll` fetches its answer by. */
  readonly asynchronousCorrelationValue: Buffer | undefined;

  constructor(
    operation: number | undefined,
    item: Pick<
      ResponseBatchItem,
      'resultStatus' | 'resultReason' | 'resultMessage' | 'asynchronousCorrelationValue'
    >,
  ) {
    const name =
      operation === undefined
        ? 'The request'
        : (operationEnum.byValue.get(operation)?.name ?? `Operation ${operation}`);
    const reason =
      item.resultReason === undefined ? undefined : resultReasonEnum.byValue.get(item.resultReason);
    const reasonText = reason?.name ?? (item.resultReason === undefined ? undefined : hex(item.resultReason));
    super(
      `${name} ${VERBS[item.resultStatus]}` +
        (reasonText === undefined ? '' : ` (${reasonText})`) +
        (item.resultMessage === undefined ? '' : `: ${item.resultMessage}`),
    );
    this.name = 'KmipRefusal';
    this.operation = name;
    this.resultStatus = item.resultStatus;
    this.resultReason = item.resultReason;
    this.resultReasonName = reason?.key ?? reasonText;
    this.resultMessage = item.resultMessage;
    this.asynchronousCorrelationValue = item.asynchronousCorrelationValue;
  }
}

const VERBS: Readonly<Record<ResultStatus, string>> = {
  [ResultStatus.Success]: 'succeeded',
  [ResultStatus.OperationFailed]: 'was refused',
  [ResultStatus.OperationPending]: 'is pending',
  [ResultStatus.OperationUndone]: 'was undone',
};

function hex(value: number): string {
  return `0x${value.toString(16).padStart(8, '0')}`;
}
