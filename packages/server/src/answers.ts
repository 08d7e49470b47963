import {
  Tag,
  type Dialect,
  type FaultyBatchItem,
  type RequestBatchItem,
  type ResponseBatchItem,
} from '@holdfast/kmip';
import { HoldfastError, type AsynchronousRequest, type ItemOutcome } from '@holdfast/core';
import { encodedLength, type Item } from '@holdfast/ttlv';
import type { AnyOperation, Catalogue } from './catalogue';

/** What one batch item takes of a response besides its payload and identifier, at most: tags, lengths, status, reason. */
const ITEM_OVERHEAD_BYTES = 128;
/** What an item that failed takes at most, with a message of usual length. */
const FAILED_ITEM_BYTES = 320;

/** The longest Response Payload of operations that cannot be undone: that of Cancel. */
const LASTING_PAYLOAD_BYTES = 48;

/** The answer of another item, which Poll gives in place of its own. */
export interface OtherAnswer {
  readonly request: AsynchronousRequest;
  /** Undefined where there is none yet. */
  readonly outcome: ItemOutcome | undefined;
}

/** The Response Payload of an operation. */
export function encodeAnswer(
  { response }: AnyOperation,
  answer: unknown,
  dialect: Dialect,
): Item | undefined {
  return response.encode(Tag.ResponsePayload, answer as Record<string, unknown>, dialect);
}

/** The payload of another item's answer, in the words of the version that it is asked for in. */
export function otherPayload(
  { request, outcome }: OtherAnswer,
  { byCode }: Catalogue,
  dialect: Dialect,
): Item | undefined {
  const definition = byCode.get(request.operation);
  if (outcome?.status !== 'success' || outcome.payload === undefined || definition === undefined) {
    return undefined;
  }
  const { response } = definition;
  // An answer without its data has not all that it must have otherwise.
  const given = (response.decodeGiven ?? response.decode)(outcome.payload, request.dialect);
  return encodeAnswer(definition, given, dialect);
}

/** What the answers of these items take where all of them fail. */
export function roomFor(items: readonly (RequestBatchItem | FaultyBatchItem)[]): number {
  return items.reduce((sum, item) => sum + roomForItem(item), 0);
}

/** What the answer of an item takes with this payload, at most. */
export function roomForAnswer(
  { uniqueBatchItemID }: Pick<RequestBatchItem, 'uniqueBatchItemID'>,
  payload: Item | undefined,
): number {
  const payloadBytes = payload === undefined ? 0 : encodedLength(payload);
  return ITEM_OVERHEAD_BYTES + (uniqueBatchItemID?.length ?? 0) + payloadBytes;
}

/** What the answer of an item has to have room for before the operation is begun. */
export function roomToBegin(item: RequestBatchItem, { cannotBeUndone }: AnyOperation): number {
  return roomForAnswer(item, undefined) + (cannotBeUndone === true ? LASTING_PAYLOAD_BYTES : 0);
}

/** @throws HoldfastError ResponseTooLarge */
export function requireRoom(bytes: number, availableBytes: number): void {
  if (bytes <= availableBytes) return;
  throw new HoldfastError('ResponseTooLarge', 'the response is larger than the request or the server allows');
}

export function roomForItem({ uniqueBatchItemID }: RequestBatchItem | FaultyBatchItem): number {
  return FAILED_ITEM_BYTES + (uniqueBatchItemID?.length ?? 0);
}

/** Ends the transaction of an Undo batch. */
export class Undone extends Error {
  constructor(readonly results: readonly ResponseBatchItem[]) {
    super('undone');
  }
}
