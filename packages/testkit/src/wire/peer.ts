import { strict as assert } from 'node:assert';
import type { ConnectionOptions } from 'node:tls';
import { ResultReason, ResultStatus, Tag, type VersionName } from '@holdfast/kmip';
import { DEFAULT_LIMITS, decodeTtlv, encodeTtlv, type Item } from '@holdfast/ttlv';
import {
  child,
  children,
  operationName,
  requestMessage,
  valueAt,
  type RequestItem,
  type RequestMessageOptions,
} from './items';
import { unknownWords } from './known-words';
import { Wire } from './wire';

const LIMITS = { ...DEFAULT_LIMITS, maxMessageBytes: 64 << 20, maxItems: 1_000_000 };

export interface ReceivedItem {
  readonly operation: number | undefined;
  readonly id: Buffer | undefined;
  readonly status: number;
  /** Name of the Result Reason. */
  readonly reason: string | undefined;
  readonly message: string | undefined;
  /** Where the operation is pending. */
  readonly correlationValue: Buffer | undefined;
  readonly payload: Item | undefined;
}

export interface Received {
  readonly header: Item | undefined;
  readonly items: readonly ReceivedItem[];
}

function reasonName(value: unknown): string | undefined {
  return Object.entries(ResultReason).find(([, code]) => code === value)?.[0];
}

/** Takes a response apart; it must be in this version and say nothing that the version does not have. */
export function readResponse(bytes: Buffer, version: VersionName): Received {
  const message = decodeTtlv(bytes, LIMITS);
  assert.equal(message.tag, Tag.ResponseMessage);
  const header = child(message, Tag.ResponseHeader);
  const spoken = [Tag.ProtocolVersionMajor, Tag.ProtocolVersionMinor]
    .map((tag) => valueAt(header, Tag.ProtocolVersion, tag) as number)
    .join('.');
  assert.equal(spoken, version, 'the answer is in another version');
  assert.deepEqual(unknownWords(message, version), [], `KMIP ${version} has no such words`);
  const items = children(message, Tag.BatchItem).map((item) => ({
    operation: valueAt(item, Tag.Operation) as number | undefined,
    id: valueAt(item, Tag.UniqueBatchItemID) as Buffer | undefined,
    status: valueAt(item, Tag.ResultStatus) as number,
    reason: reasonName(valueAt(item, Tag.ResultReason)),
    message: valueAt(item, Tag.ResultMessage) as string | undefined,
    correlationValue: valueAt(item, Tag.AsynchronousCorrelationValue) as Buffer | undefined,
    payload: child(item, Tag.ResponsePayload),
  }));
  assert.equal(valueAt(header, Tag.BatchCount), items.length, 'Batch Count is not the number of items');
  return { header, items };
}

/** Options of every request of a dialogue. */
export interface PeerOptions extends RequestMessageOptions {
  /** A Unique Batch Item ID for every item, as some clients send it. */
  readonly id?: () => Buffer;
}

/** What carries requests and responses, as TTLV. */
export interface Channel {
  exchange(request: Buffer): Promise<Buffer>;
  close(): Promise<void>;
}

/** One end of a dialogue in one version, which is strict about what it hears. */
export class Peer<W extends Channel = Channel> {
  private constructor(
    readonly wire: W,
    readonly version: VersionName,
    private readonly options: PeerOptions,
  ) {}

  static async connect(
    tls: ConnectionOptions,
    version: VersionName,
    options: PeerOptions = {},
  ): Promise<Peer<Wire>> {
    return new Peer(await Wire.open(tls), version, options);
  }

  static over<W extends Channel>(wire: W, version: VersionName, options: PeerOptions = {}): Peer<W> {
    return new Peer(wire, version, options);
  }

  /** Sends a batch; what comes back must name the operations and the Unique Batch Item IDs that were sent. */
  async batch(items: readonly RequestItem[], options: RequestMessageOptions = {}): Promise<Received> {
    const sent = items.map((item) =>
      this.options.id === undefined ? item : { id: this.options.id(), ...item },
    );
    const request = requestMessage(this.version, sent, { ...this.options, ...options });
    return readResponse(await this.wire.exchange(encodeTtlv(request)), this.version);
  }

  async #one(
    operation: number,
    payload: readonly Item[],
    options?: RequestMessageOptions,
  ): Promise<ReceivedItem> {
    const id = this.options.id?.();
    const { items } = await this.batch(
      [{ operation, payload, ...(id === undefined ? {} : { id }) }],
      options,
    );
    const [item] = items;
    assert.ok(item !== undefined && items.length === 1, 'one item is to be answered by one');
    assert.equal(item.operation, operation, 'another operation is answered');
    assert.equal(item.id?.toString('hex'), id?.toString('hex'), 'Unique Batch Item ID is not echoed');
    return item;
  }

  /** Asks for one operation, which must succeed. @returns the Response Payload */
  async call(operation: number, payload: readonly Item[], options?: RequestMessageOptions): Promise<Item> {
    const item = await this.#one(operation, payload, options);
    const { status, reason, message } = item;
    assert.equal(
      status,
      ResultStatus.Success,
      `${operationName(operation)}: ${reason ?? ''} ${message ?? ''}`,
    );
    assert.ok(item.payload, `${operationName(operation)} has no payload`);
    return item.payload;
  }

  /** Asks for one operation, which must be refused. @returns the name of the Result Reason */
  async refused(
    operation: number,
    payload: readonly Item[],
    options?: RequestMessageOptions,
  ): Promise<string> {
    const { status, reason, message, payload: answer } = await this.#one(operation, payload, options);
    assert.equal(status, ResultStatus.OperationFailed, `${operationName(operation)} was not refused`);
    assert.ok(reason, 'a refusal has a Result Reason');
    assert.ok(message, 'a refusal says why');
    assert.equal(answer, undefined, 'a refusal has no payload');
    return reason;
  }

  close(): Promise<void> {
    return this.wire.close();
  }
}
