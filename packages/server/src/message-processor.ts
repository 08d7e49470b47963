import {
  ENCODINGS,
  ResultStatus,
  decodeRequest,
  encodeResponse,
  nearestDialect,
  peekVersion,
  resultReasonOf,
  type Dialect,
  type MessageEncoding,
  type Request,
  type ResponseBatchItem,
} from '@holdfast/kmip';
import { actorOf, HoldfastError, type Principal } from '@holdfast/core';
import { type Item } from '@holdfast/ttlv';
import { Batch, isInternal, type BatchPorts } from './batch';
import type { ServerLimits } from './config';
import { describeError, type Logger } from './log';
import type { SessionAnswer } from './session';

/** Header, version and time stamp of a response. */
const RESPONSE_OVERHEAD_BYTES = 256;

/**
 * From the bytes of a request to the bytes of its response. Whatever the bytes, there is an answer; only a peer that
 * nobody knows is sent away after it.
 */
export class MessageProcessor {
  /** Connections whose ignored credential is in the audit log already. */
  readonly #noted = new WeakSet<Principal>();

  constructor(
    private readonly ports: BatchPorts,
    private readonly limits: ServerLimits,
    private readonly log: Logger,
  ) {}

  /**
   * @param peer who asks, or why that is nobody whom this server answers
   * @param encoding of the request, and so of its answer
   */
  async answer(
    frame: Buffer,
    peer: Principal | HoldfastError,
    encoding: MessageEncoding = ENCODINGS.ttlv,
  ): Promise<SessionAnswer> {
    let message: Item | undefined;
    try {
      message = encoding.decode(frame);
      const request = decodeRequest(message);
      if (peer instanceof HoldfastError) throw peer;
      const { header, dialect } = request;
      if (header.credentials.length > 0) await this.#noteIgnoredCredential(peer);
      const results = await this.#batch(request, peer).run();
      const response = this.#encode(encoding, dialect, results, header.clientCorrelationValue);
      return { response, close: false };
    } catch (error) {
      const dialect = nearestDialect(message === undefined ? undefined : peekVersion(message));
      return { response: this.#refusal(error, encoding, dialect), close: peer instanceof HoldfastError };
    }
  }

  #batch(request: Request, principal: Principal): Batch {
    const { header, items } = request;
    if (items.length > this.limits.maxBatchItems) {
      throw new HoldfastError(
        'InvalidMessage',
        `a batch has at most ${this.limits.maxBatchItems} items here`,
      );
    }
    const maxBytes = Math.min(header.maximumResponseSizeBytes ?? Infinity, this.limits.maxResponseBytes);
    return new Batch(request, principal, this.ports, maxBytes - RESPONSE_OVERHEAD_BYTES, this.log);
  }

  /**
   * The certificate alone decides who the peer is; many clients send besides it a user name that nobody registered. The
   * audit log says once per connection that it was ignored.
   */
  async #noteIgnoredCredential(principal: Principal): Promise<void> {
    if (this.#noted.has(principal)) return;
    this.#noted.add(principal);
    await this.ports.auditLog.append({
      actor: actorOf(principal),
      action: 'credential',
      domainId: principal.domainId,
      outcome: 'failure',
      reason: 'ignored: certificate alone',
    });
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
    return this.#encode(encoding, dialect, [item], undefined);
  }

  #encode(
    encoding: MessageEncoding,
    dialect: Dialect,
    items: readonly ResponseBatchItem[],
    clientCorrelationValue: string | undefined,
  ): Buffer {
    const header = { timeStamp: this.ports.clock.nowSeconds(), clientCorrelationValue };
    return encoding.encode(encodeResponse({ dialect, header, items }), dialect);
  }
}
