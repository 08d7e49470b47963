import { HoldfastError } from '@holdfast/ttlv';
import type { OperationContext } from '../operation';
import type { AsynchronousRequest } from '../ports/asynchronous-requests';

/** Length of the Asynchronous Correlation Values that are given out here. */
export const CORRELATION_VALUE_LENGTH_BYTES = 16;

/**
 * The principal's request of that value.
 * @throws HoldfastError InvalidAsynchronousCorrelationValue where there is none
 */
export async function requirePending(
  correlationValue: Buffer,
  { asynchronousRequests, principal }: OperationContext,
): Promise<AsynchronousRequest> {
  const request = await asynchronousRequests.find(principal, correlationValue);
  if (request !== undefined) return request;
  throw new HoldfastError(
    'InvalidAsynchronousCorrelationValue',
    'no outstanding operation has this Asynchronous Correlation Value',
  );
}
