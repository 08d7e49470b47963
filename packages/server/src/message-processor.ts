import {
  ENCODINGS,
  ResultStatus,
  decodeRequest,
  encodeResponse,
  nearestDialect,
  peekVersion,
  refuseCriticalExtensions,
  resultReasonOf,
  type Dialect,
  type MessageEncoding,
  type Request,
  type ResponseBatchItem,
  type ResponseHeader,
} from '@holdfast/kmip';
import { HoldfastError, type AuthenticationPolicy, type Principal } from '@holdfast/core';
import { pauses } from '@holdfast/store';
import { utf8Length, type Item } from '@holdfast/ttlv';
import type { AuditGate } from './audit/gate';
import { Batch } from './batch';
import type { BatchOptions, BatchPorts } from './batch-ports';
import { isInternal } from './errors';
import { Channel } from './channels';
import type { ServerLimits } from './config';
import type { Authenticator, Requester } from './credentials/authenticator';
import { describeError, type Logger } from './log';
import type { RecordRefusal } from './refusals';
import { MAX_REQUEST_OF_STRANGERS_BYTES, type SessionAnswer } from './session';
import { LONG_TURN_MS } from './turn';

/** Header of a response without the Client Correlation Value, at most. */
const RESPONSE_OVERHEAD_BYTES = 256;

/**
 * From the bytes of a request to the bytes of its response. Whatever the bytes, there is an answer; only a peer that
 * nobody knows is sent away after it.
 */
export class MessageProcessor {
  constructor(
    private readonly ports: BatchPorts,
    private readonly authenticator: Authenticator,
    private readonly gate: AuditGate,
    private readonly refused: RecordRefusal,
    private readonly limits: ServerLimits,
    private readonly log: Logger,
  ) {}

  /**
   * @param policy what the listener demands of requests
   * @param encoding of the request, and so of its answer
   * @param canTurn whether this server can take the client's role on the connection
   */
  async answer(
    frame: Buffer,
    requester: Requester,
    policy: AuthenticationPolicy,
    encoding: MessageEncoding = ENCODINGS.ttlv,
    canTurn = false,
  ): Promise<SessionAnswer> {
    let message: Item | undefined;
    let batch: Batch | undefined;
    const { peer } = requester;
    // Who is to be refused whatever comes was recorded when the connection was made.
    const isRefused = requester.principal === undefined && !requester.needsCredential;
    let known = isRefused ? undefined : { principal: requester.principal, peer };
    try {
      if (isRefused && frame.length > MAX_REQUEST_OF_STRANGERS_BYTES) throw requester.refusal;
      const { decodeInPieces } = encoding;
      message =
        decodeInPieces === undefined
          ? encoding.decode(frame)
          : await decodeInPieces(frame, pauses(LONG_TURN_MS));
      const tolerateBatchCount = requester.principal?.settings?.toleratesBatchCount === true;
      const { maxBatchItems } = this.limits;
      const request = decodeRequest(message, { tolerateBatchCount, maxBatchItems });
      const { header, dialect } = request;
      // Whoever is refused here is in the audit log by then.
      known = undefined;
      const found = this.authenticator.identify(requester, header.credentials, policy);
      const identity = found instanceof Promise ? await found : found;
      known = { principal: identity.principal, peer };
      this.gate.requireOpen();
      const { signal, needsCredential } = requester;
      const requireStanding = (): void => {
        if (!needsCredential && requester.principal === undefined) throw requester.refusal;
      };
      // On what is in memory, or where that was out of date, once more on what is in the database.
      let results: readonly ResponseBatchItem[] | undefined;
      let mayPresume = true;
      do {
        batch?.answer.done?.();
        batch = this.#batch(request, identity.principal, { canTurn, mayPresume, signal, requireStanding });
        results = await batch.run();
        mayPresume = false;
      } while (results === undefined);
      const place = batch.answer.place();
      if (place !== undefined) await place;
      const { clientCorrelationValue } = header;
      const { serverHashedPassword } = identity;
      const response = this.#encode(encoding, dialect, results, clientCorrelationValue, serverHashedPassword);
      if (!batch.becomesClient) return { response, close: false, done: batch.answer.done };
      const channel = new Channel(identity.principal, dialect, this.ports.channels, this.log);
      return { response, close: false, channel, done: batch.answer.done };
    } catch (error) {
      batch?.answer.done?.();
      const dialect = nearestDialect(message === undefined ? undefined : peekVersion(message));
      const reason = error instanceof HoldfastError ? error.code : 'InternalServerError';
      if (known !== undefined) await this.refused(known, reason);
      return { response: this.#refusal(error, encoding, dialect), close: requester.principal === undefined };
    }
  }

  #batch(request: Request, principal: Principal, options: BatchOptions): Batch {
    const { header, items } = request;
    refuseCriticalExtensions(items);
    const maxBytes = Math.min(header.maximumResponseSizeBytes ?? Infinity, this.limits.maxResponseBytes);
    const room = maxBytes - RESPONSE_OVERHEAD_BYTES - utf8Length(header.clientCorrelationValue ?? '');
    return new Batch(request, principal, this.ports, room, this.log, options);
  }

  /** The answer to a message that could not be taken apart into items. */
  #refusal(error: unknown, encoding: MessageEncoding, dialect: Dialect): Buffer {
    if (!(error instanceof HoldfastError)) {
      this.log.error({ error: describeError(error) }, 'a message could not be processed');
    }
    const known =
      error instanceof HoldfastError ? error : new HoldfastError('InternalServerError', 'unexpected');
    const item: ResponseBatchItem = {
      resultStatus: ResultStatus.OperationFailed,
      resultReason: resultReasonOf(known.code, undefined, dialect),
      resultMessage: isInternal(known.code) ? 'the server could not process the message' : known.message,
    };
    return this.#encode(encoding, dialect, [item]);
  }

  #encode(
    encoding: MessageEncoding,
    dialect: Dialect,
    items: readonly ResponseBatchItem[],
    clientCorrelationValue?: string,
    serverHashedPassword?: Buffer,
  ): Buffer {
    const timeStamp = this.ports.clock.nowSeconds();
    const header: ResponseHeader = { timeStamp, clientCorrelationValue, serverHashedPassword };
    const encode = (answers: readonly ResponseBatchItem[]): Buffer =>
      encoding.encode(encodeResponse({ dialect, header, items: answers }), dialect);
    try {
      return encode(items);
    } catch (error) {
      if (!(error instanceof HoldfastError) || error.code !== 'CodecError') throw error;
      // The others have been carried out, and are answered all the same.
      return encode(items.map((item) => encodable(item, dialect, encode)));
    }
  }
}

/** The answer, or a refusal where the encoding has no form for it: not every text can stand in XML. */
function encodable(
  item: ResponseBatchItem,
  dialect: Dialect,
  encode: (items: readonly ResponseBatchItem[]) => Buffer,
): ResponseBatchItem {
  try {
    encode([item]);
    return item;
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    const { operation, uniqueBatchItemID } = item;
    return {
      operation,
      uniqueBatchItemID,
      resultStatus: ResultStatus.OperationFailed,
      resultReason: resultReasonOf(error.code, undefined, dialect),
      resultMessage: error.message,
    };
  }
}
