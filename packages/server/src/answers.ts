import {
  Tag,
  type Dialect,
  type FaultyBatchItem,
  type RequestBatchItem,
  type ResponseBatchItem,
} from '@holdfast/kmip';
import type { AsynchronousRequest, ItemOutcome } from '@holdfast/core';
import { encodedLength, type Item } from '@holdfast/ttlv';
import type { AnyOperation, Catalogue } from './catalogue';

/** What one batch item takes of a response besides its payload and identifier, at most: tags, lengths, status, reason. */
const ITEM_OVERHEAD_BYTES = 128;
/** What an item that failed takes at most, with a message of usual length. */
const FAILED_ITEM_BYTES = 320;

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

export function roomForItem({ uniqueBatchItemID }: RequestBatchItem | FaultyBatchItem): number {
  return FAILED_ITEM_BYTES + (uniqueBatchItemID?.length ?? 0);
}

/** Ends the transaction of an Undo batch. */
export class Undone extends Error {
  constructor(readonly results: readonly ResponseBatchItem[]) {
    super('undone');
  }
}
