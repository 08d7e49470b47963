import {
  Operation,
  Tag,
  byteString,
  dateTimeExtended,
  enumerated,
  openEnumeration,
  operationEnum,
  operationsStructure,
  optional,
  processingStageEnum,
  repeated,
  required,
  structure,
} from '@holdfast/kmip';
import { operation } from '../operation';
import type { AsynchronousRequest } from '../ports/asynchronous-requests';
import { GENERAL_REASONS } from './general-reasons';

const correlationValuesStructure = structure({
  asynchronousCorrelationValues: repeated(Tag.AsynchronousCorrelationValue, byteString),
});

/** KMIP 2.1 section 7.2. */
const asynchronousRequestStructure = structure({
  asynchronousCorrelationValue: required(Tag.AsynchronousCorrelationValue, byteString),
  operation: required(Tag.Operation, { ...openEnumeration, table: operationEnum }),
  submissionDate: required(Tag.SubmissionDate, dateTimeExtended),
  processingStage: required(Tag.ProcessingStage, enumerated(processingStageEnum)),
});

/** Lists the client's pending items whose results it has not obtained, from whatever node they were made on. */
export const queryAsynchronousRequests = operation({
  name: 'QueryAsynchronousRequests',
  code: Operation.QueryAsynchronousRequests,
  window: { since: '2.1' },
  section: { v2: '6.1.41' },
  request: structure({
    asynchronousCorrelationValues: optional(Tag.AsynchronousCorrelationValues, correlationValuesStructure),
    operations: optional(Tag.Operations, operationsStructure),
  }),
  response: structure({
    asynchronousRequests: repeated(Tag.AsynchronousRequest, asynchronousRequestStructure),
  }),
  access: undefined,
  reasons: GENERAL_REASONS.filter((reason) => reason !== 'InvalidField'),

  async execute({ asynchronousCorrelationValues, operations }, { asynchronousRequests, principal }) {
    const values = asynchronousCorrelationValues?.asynchronousCorrelationValues;
    const codes: readonly number[] | undefined = operations?.operations;
    // What is asked for by one of the two lists is told, whichever it is.
    const isWanted = ({ correlationValue, operation: code }: AsynchronousRequest): boolean =>
      (values === undefined && codes === undefined) ||
      values?.some((value) => value.equals(correlationValue)) === true ||
      codes?.includes(code) === true;
    const outstanding = await asynchronousRequests.outstanding(principal);
    return {
      asynchronousRequests: outstanding.filter(isWanted).map((request) => ({
        asynchronousCorrelationValue: request.correlationValue,
        operation: request.operation,
        submissionDate: request.submissionDate,
        processingStage: request.stage,
      })),
    };
  },
});
