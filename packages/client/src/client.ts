import { discoverVersions, type OperationDefinition } from '@holdfast/core';
import {
  BatchErrorContinuationOption,
  ResultStatus,
  Tag,
  decodeResponse,
  dialectNamed,
  encodeRequest,
  type Credential,
  type Dialect,
  type RequestHeader,
  type Response,
  type ResponseBatchItem,
  type VersionName,
} from '@holdfast/kmip';
import {
  DEFAULT_LIMITS,
  HoldfastError,
  ItemType,
  decodeTtlv,
  encodeTtlv,
  type Item,
  type Limits,
} from '@holdfast/ttlv';
import { Connection, DEFAULT_MAX_RESPONSE_BYTES, type ConnectionOptions, type TlsFacts } from './connection';
import { ConnectionFailure } from './connection-failure';
import { requestPayload } from './expressible';
import { KmipRefusal } from './refusal';
import { OFFERED_VERSIONS, negotiateVersion } from './versions';

export interface KmipClientOptions extends ConnectionOptions {
  /** The protocol version of all messages; `auto` asks the server and takes the highest that both speak. */
  readonly version?: VersionName | 'auto' | undefined;
  /** Sent in the header of each request, for servers that want more than a certificate. */
  readonly credentials?: readonly Credential[] | undefined;
}

/** A header and a short value. */
const SMALLEST_ITEM_BYTES = 16;

/** One operation of a batch. */
export interface Call<Request, Response> {
  readonly operation: OperationDefinition<Request, Response>;
  readonly request: Request;
}

export function call<Request, Response>(
  operation: OperationDefinition<Request, Response>,
  request: Request,
): Call<Request, Response> {
  return { operation, request };
}

/** What became of one operation of a batch; `not-run` where the server stopped before it. */
export type Outcome<Response> =
  | { readonly status: 'done'; readonly response: Response }
  | { readonly status: 'refused' | 'undone'; readonly refusal: KmipRefusal }
  | { readonly status: 'not-run' };

type AnyCall = Call<unknown, unknown>;
export type Outcomes<C extends readonly AnyCall[]> = {
  readonly [I in keyof C]: C[I] extends Call<unknown, infer R> ? Outcome<R> : never;
};

export interface BatchOptions {
  /** What the server does after an operation that failed: Stop where left out. */
  readonly continuation?: BatchErrorContinuationOption | undefined;
  /** Operations are carried out in their order: needed for the ID Placeholder; true where left out. */
  readonly inOrder?: boolean | undefined;
}

/** A typed KMIP client: what it can ask follows from the operation that it is given. */
export class KmipClient {
  readonly #connection: Connection;
  readonly #credentials: readonly Credential[];
  readonly #limits: Limits;
  #dialect: Dialect;

  private constructor(connection: Connection, dialect: Dialect, options: KmipClientOptions) {
    this.#connection = connection;
    this.#dialect = dialect;
    this.#credentials = options.credentials ?? [];
    const maxMessageBytes = options.maxResponseBytes ?? DEFAULT_MAX_RESPONSE_BYTES;
    this.#limits = { ...DEFAULT_LIMITS, maxMessageBytes, maxItems: maxMessageBytes / SMALLEST_ITEM_BYTES };
  }

  /**
   * Connects, and agrees on a version where `version` is `auto` or left out.
   * @throws ConnectionFailure, and KmipRefusal where no version can be agreed on
   */
  static async connect(options: KmipClientOptions): Promise<KmipClient> {
    const { version = 'auto' } = options;
    const client = new KmipClient(
      await Connection.open(options),
      dialectNamed(version === 'auto' ? '1.1' : version),
      options,
    );
    if (version !== 'auto') return client;
    try {
      client.#dialect = await negotiateVersion((dialect) => client.#versionsAskedIn(dialect));
    } catch (error) {
      await client.close();
      throw error instanceof ConnectionFailure ? error.beforeAnyChange() : error;
    }
    return client;
  }

  /** The version that requests are sent in. */
  get dialect(): Dialect {
    return this.#dialect;
  }

  get tls(): TlsFacts {
    return this.#connection.facts;
  }

  /**
   * Asks for one operation. Calls may be made while earlier ones are unanswered.
   * @throws KmipRefusal, ConnectionFailure, HoldfastError (the request cannot be said in this version)
   */
  async call<Request, Response>(
    operation: OperationDefinition<Request, Response>,
    request: Request,
  ): Promise<Response> {
    return await this.#callIn(this.#dialect, operation, request);
  }

  /**
   * Asks for several operations in one message; each answer is told apart by its Unique Batch Item ID.
   * KMIP 1.4 sections 6.4, 6.12 and 6.13, KMIP 2.1 sections 9.4 to 9.8.
   * @throws KmipRefusal (the message as a whole), ConnectionFailure, HoldfastError
   */
  async batch<const C extends readonly AnyCall[]>(
    calls: C,
    options: BatchOptions = {},
  ): Promise<Outcomes<C>> {
    const { continuation = BatchErrorContinuationOption.Stop, inOrder = true } = options;
    const items = calls.map(({ operation, request }, index) => ({
      operation: operation.code,
      payload: requestPayload(operation, request, this.#dialect),
      uniqueBatchItemID: Buffer.from([index >>> 8, index & 0xff]),
    }));
    const response = await this.#send(this.#dialect, items, {
      batchErrorContinuationOption: continuation,
      batchOrderOption: inOrder,
    });
    refuseWhole(response);
    return calls.map(({ operation }, index) => {
      const item = answerTo(response, items[index]?.uniqueBatchItemID, index);
      return item === undefined ? { status: 'not-run' } : outcomeOf(operation, item, response.dialect);
    }) as unknown as Outcomes<C>;
  }

  /**
   * Sends a Request Message as it is, for tests and tools, and returns the Response Message.
   * @throws ConnectionFailure
   */
  async exchange(message: Item): Promise<Item> {
    return readable(await this.exchangeBytes(encodeTtlv(message)), (bytes) =>
      decodeTtlv(bytes, this.#limits),
    );
  }

  /** The same with TTLV bytes. */
  async exchangeBytes(message: Buffer): Promise<Buffer> {
    return await this.#connection.exchange(message);
  }

  async close(): Promise<void> {
    await this.#connection.close();
  }

  async #versionsAskedIn(dialect: Dialect) {
    const { protocolVersions } = await this.#callIn(dialect, discoverVersions, {
      protocolVersions: OFFERED_VERSIONS,
    });
    return protocolVersions;
  }

  async #callIn<Request, Response>(
    dialect: Dialect,
    operation: OperationDefinition<Request, Response>,
    request: Request,
  ): Promise<Response> {
    const payload = requestPayload(operation, request, dialect);
    const response = await this.#send(dialect, [{ operation: operation.code, payload }], {});
    const [item, second] = response.items;
    if (item === undefined || second !== undefined) {
      throw unreadable(`the answer to one operation has ${response.items.length} items`);
    }
    const outcome = outcomeOf(operation, item, response.dialect);
    if (outcome.status === 'done') return outcome.response;
    throw outcome.refusal;
  }

  async #send(
    dialect: Dialect,
    items: Parameters<typeof encodeRequest>[0]['items'],
    header: Partial<RequestHeader>,
  ): Promise<Response> {
    const message = encodeRequest({ dialect, header: { ...header, credentials: this.#credentials }, items });
    return readable(await this.exchange(message), decodeResponse);
  }
}

function unreadable(what: string, cause?: unknown): ConnectionFailure {
  return new ConnectionFailure('protocol', `the server’s answer cannot be read: ${what}`, {
    ...(cause === undefined ? {} : { cause }),
    outcomeKnown: false,
  });
}

/** What a decoder makes of an answer; its complaints are about the server, not about what was asked. */
function readable<From, To>(answer: From, decode: (answer: From) => To): To {
  try {
    return decode(answer);
  } catch (error) {
    if (error instanceof HoldfastError) throw unreadable(error.message, error);
    throw error;
  }
}

/** A message that could not be read is answered by one failure that names no operation. */
function refuseWhole({ items }: Response): void {
  const [item, second] = items;
  if (
    item !== undefined &&
    second === undefined &&
    item.operation === undefined &&
    item.resultStatus !== ResultStatus.Success
  ) {
    throw new KmipRefusal(undefined, item);
  }
}

function answerTo(response: Response, id: Buffer | undefined, index: number): ResponseBatchItem | undefined {
  const identified = response.items.filter((item) => item.uniqueBatchItemID !== undefined);
  if (identified.length === 0) return response.items[index];
  return identified.find((item) => id !== undefined && item.uniqueBatchItemID?.equals(id) === true);
}

type SingleOutcome<R> = Exclude<Outcome<R>, { readonly status: 'not-run' }>;

function outcomeOf<R>(
  operation: Pick<OperationDefinition<unknown, R>, 'name' | 'code' | 'response'>,
  item: ResponseBatchItem,
  dialect: Dialect,
): SingleOutcome<R> {
  if (item.resultStatus !== ResultStatus.Success) {
    const status = item.resultStatus === ResultStatus.OperationUndone ? 'undone' : 'refused';
    return { status, refusal: new KmipRefusal(operation.code, item) };
  }
  if (item.operation !== operation.code) throw unreadable(`it is not one to ${operation.name}`);
  const payload = item.payload ?? { tag: Tag.ResponsePayload, type: ItemType.Structure, value: [] };
  return {
    status: 'done',
    response: readable(payload, (found) => operation.response.decode(found, dialect)),
  };
}
