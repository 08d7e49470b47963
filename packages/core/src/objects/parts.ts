import { Tag, boolean, byteString, optional, type IdentifierReference } from '@holdfast/kmip';
import { HoldfastError, SecretBytes } from '@holdfast/ttlv';
import { whenThere, type Awaitable } from '../awaitable';
import type { ManagedObject } from '../object-access';
import type { OperationContext } from '../operation';
import type { CryptoStream } from '../ports/crypto';

/** No data, as a part may have it. */
export const NO_DATA = new SecretBytes(Buffer.alloc(0));

/** Operations whose data may come in parts. KMIP 1.4 sections 2.1.15 to 2.1.17, KMIP 2.1 sections 7.7, 7.16 and 7.17. */

const SINCE_1_3 = { since: '1.3' } as const;

/** The members of a request that say which part it is. */
export const partFields = {
  correlationValue: optional(Tag.CorrelationValue, byteString, SINCE_1_3),
  initIndicator: optional(Tag.InitIndicator, boolean, SINCE_1_3),
  finalIndicator: optional(Tag.FinalIndicator, boolean, SINCE_1_3),
};

/** The member of a response that names the stream to go on with. */
export const correlationField = {
  correlationValue: optional(Tag.CorrelationValue, byteString, SINCE_1_3),
};

export interface PartRequest {
  readonly uniqueIdentifier?: IdentifierReference | undefined;
  readonly correlationValue?: Buffer | undefined;
  readonly initIndicator?: boolean | undefined;
  readonly finalIndicator?: boolean | undefined;
}

/** Which part a request is; one without indicators is all there is. */
interface Place {
  readonly isFirst: boolean;
  readonly isLast: boolean;
}

/** @throws HoldfastError InvalidField where it would be the first part and a later one at once */
export function placeOf({ correlationValue, initIndicator, finalIndicator }: PartRequest): Place {
  if (correlationValue === undefined) {
    return { isFirst: true, isLast: initIndicator !== true || finalIndicator === true };
  }
  if (initIndicator === true) {
    throw new HoldfastError('InvalidField', 'a request with a Correlation Value is not an initial one');
  }
  return { isFirst: false, isLast: finalIndicator === true };
}

/** Whether a request is all there is: no stream is begun or gone on with. */
export function isWhole({ correlationValue, initIndicator }: PartRequest): boolean {
  return correlationValue === undefined && initIndicator !== true;
}

/** A part that has gone through its stream. */
export interface PartResult<T> {
  readonly result: T;
  /** To be answered with where more parts are to come. */
  readonly correlationValue: Buffer | undefined;
}

/** What an operation does with its parts. */
export interface PartWork<S extends CryptoStream, T> {
  /** Its name. */
  readonly operation: string;
  /** The object whose key is used. */
  readonly uniqueIdentifier: string;
  begin(): S;
  /** Puts the part through; takes the result out where it is the last one. */
  apply(stream: S, isLast: boolean): Awaitable<T>;
}

/**
 * Puts one part through its stream: begins one with the first part, ends it with the last. The stream of a part that fails
 * has ended. A part that is run again because another request was quicker gives what it gave before.
 * @throws HoldfastError InvalidCorrelationValue, and whatever the work throws
 */
export function runPart<S extends CryptoStream, T>(
  request: PartRequest,
  work: PartWork<S, T>,
  context: OperationContext,
): Awaitable<PartResult<T>> {
  const place = placeOf(request);
  if (!place.isFirst || !place.isLast) {
    return context.crypto.streams.once(request, () => runStreamPart(request, place, work, context));
  }
  return runLast(work.begin(), work);
}

function runLast<S extends CryptoStream, T>(stream: S, work: PartWork<S, T>): Awaitable<PartResult<T>> {
  let result: Awaitable<T>;
  try {
    result = work.apply(stream, true);
  } catch (error) {
    stream.destroy();
    throw error;
  }
  if (result instanceof Promise) result = result.finally(() => stream.destroy());
  else stream.destroy();
  return whenThere(result, (last) => ({ result: last, correlationValue: undefined }));
}

async function runStreamPart<S extends CryptoStream, T>(
  request: PartRequest,
  { isLast }: Place,
  work: PartWork<S, T>,
  { crypto: { streams }, principal: { clientId } }: OperationContext,
): Promise<PartResult<T>> {
  const { operation, uniqueIdentifier } = work;
  const owner = { clientId, operation };
  const correlationValue =
    request.correlationValue ?? streams.open(owner, { stream: work.begin(), uniqueIdentifier });
  // The owner names the operation, and an operation has streams of one kind. The last part takes its stream out first:
  // while it waits for a result, no other part gets at it.
  if (isLast) {
    const { stream } = streams.take(owner, correlationValue);
    return runLast(stream as S, work);
  }
  const { stream } = streams.find(owner, correlationValue);
  try {
    return { result: await work.apply(stream as S, false), correlationValue };
  } catch (error) {
    streams.close(correlationValue);
    throw error;
  }
}

/**
 * The object that a part is about: a later part need not name it again, and cannot name another.
 * @throws HoldfastError ObjectNotFound, PermissionDenied, InvalidCorrelationValue, InvalidField
 */
export function fetchForPart(
  request: PartRequest,
  operation: string,
  context: OperationContext,
): Awaitable<ManagedObject> {
  placeOf(request);
  const { correlationValue, uniqueIdentifier } = request;
  const { crypto, objects, identify, principal } = context;
  if (correlationValue === undefined) return objects.fetch(identify(uniqueIdentifier));
  const owner = { clientId: principal.clientId, operation };
  const { streams } = crypto;
  // The stream of a last part that is run again has ended already.
  const used = streams.once(correlationValue, () => streams.find(owner, correlationValue).uniqueIdentifier);
  if (uniqueIdentifier !== undefined && identify(uniqueIdentifier) !== used) {
    throw new HoldfastError('InvalidCorrelationValue', 'the Correlation Value belongs to another object');
  }
  return objects.fetch(used);
}

/** Single parts answer with their data, even if it is empty; of several, those answer with data that have some. */
export function unlessEmpty<T extends { readonly length: number }>(
  data: T,
  request: PartRequest,
): T | undefined {
  const { isFirst, isLast } = placeOf(request);
  return data.length === 0 && !(isFirst && isLast) ? undefined : data;
}

/**
 * The data of a request: it has to be there, even if it is empty, unless more parts come or came.
 * @throws HoldfastError InvalidMessage
 */
export function requireData<T>(request: PartRequest, data: T | undefined, empty: T): T {
  if (data !== undefined) return data;
  const { isFirst, isLast } = placeOf(request);
  if (isFirst && isLast) throw new HoldfastError('InvalidMessage', 'Data is missing in Request Payload');
  return empty;
}

/** Two secrets as one; both are used up. */
export function joined(one: SecretBytes, other: SecretBytes): SecretBytes {
  if (other.length === 0) return one;
  if (one.length === 0) return other;
  const both = new SecretBytes(Buffer.concat([one.reveal(), other.reveal()]));
  one.destroy();
  other.destroy();
  return both;
}

/**
 * Additional data is authenticated before all else: with a later part it would be taken for authenticated, and is not.
 * KMIP 1.4 sections 4.29 and 4.30, KMIP 2.1 sections 6.1.11 and 6.1.17.
 * @throws HoldfastError InvalidField
 */
export function requireAdditionalDataInTime(
  request: PartRequest & { readonly additionalData?: Buffer | undefined },
): void {
  if ((request.additionalData?.length ?? 0) === 0 || placeOf(request).isFirst) return;
  throw new HoldfastError(
    'InvalidField',
    'Authenticated Encryption Additional Data comes with the initial request alone',
  );
}

/**
 * Data comes in parts; a digest of it, which takes its place, is there at once or not at all.
 * @throws HoldfastError InvalidField
 */
export function requireOneSource(
  request: PartRequest & { readonly data?: unknown; readonly digestedData?: unknown },
): void {
  if (request.digestedData === undefined) return;
  const { isFirst, isLast } = placeOf(request);
  if (request.data === undefined && isFirst && isLast) return;
  throw new HoldfastError('InvalidField', 'Digested Data stands alone: without Data, and not in parts');
}
