import { discoverVersions, ping, query, type OperationDefinition, poll, operations } from '@holdfast/core';
import {
  BatchErrorContinuationOption,
  ENCODINGS,
  QueryFunction,
  ResultStatus,
  Tag,
  credential,
  decodeResponse,
  dialectNamed,
  dialectOf,
  encodeRequest,
  peekVersion,
  type AsynchronousMode,
  type Credential,
  type Dialect,
  type EncodingName,
  type MessageEncoding,
  type RequestHeader,
  type Response,
  type ResponseBatchItem,
  type VersionName,
} from '@holdfast/kmip';
import { DEFAULT_LIMITS, HoldfastError, ItemType, type Item, type Limits } from '@holdfast/ttlv';
import { Connection } from './connection';
import { ConnectionFailure, readable, unreadable } from './connection-failure';
import { requestPayload } from './expressible';
import { HttpsConnection } from './https-connection';
import { KmipRefusal } from './refusal';
import { Servers } from './servers';
import { DEFAULT_MAX_RESPONSE_BYTES, type ConnectionOptions, type ServerAddress, type TlsFacts } from './tls';
import { OFFERED_VERSIONS, negotiateVersion } from './versions';

export interface KmipClientOptions extends ConnectionOptions {
  /** The protocol version of all messages; `auto` asks the server and takes the highest that both speak. */
  readonly version?: VersionName | 'auto' | undefined;
  /** Sent in the header of each request, for servers that want more than a certificate. */
  readonly credentials?: readonly Credential[] | undefined;
  /** Further servers that have the same keys: asked in this order where the one before does not answer. */
  readonly alternatives?: readonly ServerAddress[] | undefined;
  /** KMIP over HTTPS (KMIP Profiles 2.1 section 5.3): the target of its requests, usually /kmip. TLS alone where left out. */
  readonly httpsPath?: string | undefined;
  /** Whether `call` and `batch` may, or have to, be carried out later: see `poll`. Default: prohibited. */
  readonly asynchronous?: AsynchronousMode | undefined;
  /**
   * An answer is refused as a whole where anything in it is not of its version. Else it is read as far as what was asked for
   * needs: values of enumerations may be ones that their type does not list, attributes UnknownAttributes.
   */
  readonly isStrict?: boolean | undefined;
  /** Of the messages: TTLV where left out; XML and JSON are for HTTPS. */
  readonly encoding?: EncodingName | undefined;
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

export type AnyCall = Call<unknown, unknown>;
export type Outcomes<C extends readonly AnyCall[]> = {
  readonly [I in keyof C]: C[I] extends Call<unknown, infer R> ? Outcome<R> : never;
};

/** What became of an operation that was pending. */
export type Polled =
  | { readonly status: 'pending' }
  | { readonly status: 'done'; readonly operation: OperationDefinition; readonly response: unknown }
  | { readonly status: 'refused' | 'undone'; readonly refusal: KmipRefusal };

/** How one call is made. */
export interface CallOptions {
  /**
   * Gives the call up: it rejects with the signal's reason. Where a change was sent already it rejects with a
   * ConnectionFailure `aborted`, whose cause that reason is: `outcomeKnown` is false then.
   */
  readonly signal?: AbortSignal | undefined;
}

export interface BatchOptions extends CallOptions {
  /** What the server does after an operation that failed: Stop where left out. */
  readonly continuation?: BatchErrorContinuationOption | undefined;
  /** Operations are carried out in their order: needed for the ID Placeholder; true where left out. */
  readonly inOrder?: boolean | undefined;
}

/** How a message is sent. */
interface Sending extends CallOptions {
  /** Nothing comes of it but its answer, so that it can be sent twice. */
  readonly mayRepeat: boolean;
}

/** Operations that can be asked for twice, as nothing comes of them but their answer. */
function isRepeatable(operation: Pick<OperationDefinition, 'access' | 'code'>): boolean {
  const { access, code } = operation;
  if (access !== undefined) return access === 'inspect' || access === 'obtain';
  return [discoverVersions, query, ping].some((harmless) => harmless.code === code);
}

/**
 * A typed KMIP client: what it can ask follows from the operation that it is given. Its connection is kept; one that
 * broke is replaced at the next call, and the call goes to another server, if there is one, where nothing speaks against
 * asking twice.
 */
export class KmipClient {
  readonly #servers: Servers;
  readonly #encoding: MessageEncoding;
  readonly #credentials: readonly Credential[];
  readonly #limits: Limits;
  readonly #asynchronous: AsynchronousMode;
  readonly #toleratesUnknown: boolean;
  #dialect: Dialect;

  private constructor(servers: Servers, dialect: Dialect, options: KmipClientOptions) {
    this.#servers = servers;
    this.#encoding = ENCODINGS[options.encoding ?? 'ttlv'];
    this.#dialect = dialect;
    this.#credentials = options.credentials ?? [];
    this.#asynchronous = options.asynchronous ?? 'prohibited';
    this.#toleratesUnknown = options.isStrict !== true;
    const maxMessageBytes = options.maxResponseBytes ?? DEFAULT_MAX_RESPONSE_BYTES;
    this.#limits = { ...DEFAULT_LIMITS, maxMessageBytes, maxItems: maxMessageBytes / SMALLEST_ITEM_BYTES };
  }

  /**
   * Connects, and agrees on a version where `version` is `auto` or left out.
   * @throws ConnectionFailure, KmipRefusal where no version can be agreed on, the signal's reason
   */
  static async connect(options: KmipClientOptions, { signal }: CallOptions = {}): Promise<KmipClient> {
    const { version = 'auto' } = options;
    const client = new KmipClient(
      serversOf(options),
      dialectNamed(version === 'auto' ? '1.1' : version),
      options,
    );
    try {
      await client.#servers.connect(signal);
      if (version !== 'auto') return client;
      client.#dialect = await negotiateVersion({
        discover: (dialect) => client.#versionsAskedIn(dialect, signal),
        query: (dialect) =>
          client.#callIn(dialect, query, { queryFunctions: [QueryFunction.QueryOperations] }, { signal }),
        canBeAskedIn: (dialect) =>
          client.#credentials.every((each) => credential.encode(Tag.Credential, each, dialect) !== undefined),
      });
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

  /** Of the connection that is in use, or was last. */
  get tls(): TlsFacts {
    return this.#servers.facts;
  }

  /**
   * Asks for one operation. Calls may be made while earlier ones are unanswered.
   * @throws KmipRefusal, ConnectionFailure, HoldfastError (the request cannot be said in this version), the signal's reason
   */
  async call<Request, Response>(
    operation: OperationDefinition<Request, Response>,
    request: Request,
    { signal }: CallOptions = {},
  ): Promise<Response> {
    const asynchronousIndicator = this.#asynchronous;
    return await this.#callIn(this.#dialect, operation, request, { asynchronousIndicator, signal });
  }

  /**
   * Asks for the answer of an operation that is pending. KMIP 1.4 section 4.28, KMIP 2.1 section 6.1.38.
   * @throws KmipRefusal (of Poll itself), ConnectionFailure, the signal's reason
   */
  async poll(asynchronousCorrelationValue: Buffer, { signal }: CallOptions = {}): Promise<Polled> {
    const payload = requestPayload(poll, { asynchronousCorrelationValue }, this.#dialect);
    const asked = [{ operation: poll.code, payload }];
    const { items, dialect } = await this.#send(this.#dialect, asked, {}, { mayRepeat: true, signal });
    const [item] = items;
    if (item === undefined) throw unreadable('the answer to one operation has no items');
    if (item.resultStatus === ResultStatus.OperationPending) return { status: 'pending' };
    const operation = operations.find(({ code }) => code === item.operation);
    if (operation === undefined) throw unreadable('it is one to an operation that is not known here');
    const outcome = outcomeOf(operation, item, dialect);
    if (outcome.status === 'done') return { ...outcome, operation };
    if (operation.code === poll.code) throw outcome.refusal;
    return outcome;
  }

  /**
   * Asks for several operations in one message; each answer is told apart by its Unique Batch Item ID.
   * KMIP 1.4 sections 6.4, 6.12 and 6.13, KMIP 2.1 sections 9.4 to 9.8.
   * @throws KmipRefusal (the message as a whole), ConnectionFailure, HoldfastError, the signal's reason
   */
  async batch<const C extends readonly AnyCall[]>(
    calls: C,
    options: BatchOptions = {},
  ): Promise<Outcomes<C>> {
    const { continuation = BatchErrorContinuationOption.Stop, inOrder = true, signal } = options;
    const items = calls.map(({ operation, request }, index) => ({
      operation: operation.code,
      payload: requestPayload(operation, request, this.#dialect),
      uniqueBatchItemID: Buffer.from([index >>> 8, index & 0xff]),
    }));
    const header = {
      batchErrorContinuationOption: continuation,
      batchOrderOption: inOrder,
      asynchronousIndicator: this.#asynchronous,
    };
    const mayRepeat = calls.every(({ operation }) => isRepeatable(operation));
    const response = await this.#send(this.#dialect, items, header, { mayRepeat, signal });
    refuseWhole(response);
    const answers = answersTo(
      items.map(({ uniqueBatchItemID }) => uniqueBatchItemID),
      response,
    );
    return calls.map(({ operation }, index) => {
      const item = answers[index];
      return item === undefined ? { status: 'not-run' } : outcomeOf(operation, item, response.dialect);
    }) as unknown as Outcomes<C>;
  }

  /**
   * Sends a Request Message as it is, for tests and tools, and returns the Response Message.
   * @throws ConnectionFailure, the signal's reason
   */
  async exchange(message: Item, { signal }: CallOptions = {}): Promise<Item> {
    return await this.#exchange(message, { mayRepeat: false, signal });
  }

  /** The same with bytes, which are in the client's encoding. */
  async exchangeBytes(message: Buffer, { signal }: CallOptions = {}): Promise<Buffer> {
    return await this.#servers.exchange(message, false, signal);
  }

  async close(): Promise<void> {
    await this.#servers.close();
  }

  async #exchange(message: Item, { mayRepeat, signal }: Sending): Promise<Item> {
    const version = peekVersion(message);
    const dialect = version === undefined ? this.#dialect : dialectOf(version);
    const answer = await this.#servers.exchange(this.#encoding.encode(message, dialect), mayRepeat, signal);
    return readable(answer, (bytes) => this.#encoding.decode(bytes, this.#limits));
  }

  async #versionsAskedIn(dialect: Dialect, signal: AbortSignal | undefined) {
    const request = { protocolVersions: OFFERED_VERSIONS };
    const { protocolVersions } = await this.#callIn(dialect, discoverVersions, request, { signal });
    return protocolVersions;
  }

  async #callIn<Request, Response>(
    dialect: Dialect,
    operation: OperationDefinition<Request, Response>,
    request: Request,
    {
      asynchronousIndicator = 'prohibited',
      signal,
    }: CallOptions & { readonly asynchronousIndicator?: AsynchronousMode } = {},
  ): Promise<Response> {
    const payload = requestPayload(operation, request, dialect);
    const items = [{ operation: operation.code, payload }];
    const mayRepeat = isRepeatable(operation);
    const response = await this.#send(dialect, items, { asynchronousIndicator }, { mayRepeat, signal });
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
    sending: Sending,
  ): Promise<Response> {
    const message = encodeRequest({ dialect, header: { ...header, credentials: this.#credentials }, items });
    return readable(await this.#exchange(message, sending), (answer) =>
      decodeResponse(answer, { toleratesUnknown: this.#toleratesUnknown }),
    );
  }
}

/** @throws HoldfastError Configuration */
function serversOf(options: KmipClientOptions): Servers {
  const { alternatives = [], httpsPath: path, encoding = 'ttlv' } = options;
  if (path === undefined && encoding !== 'ttlv') {
    throw new HoldfastError(
      'Configuration',
      `messages in ${encoding.toUpperCase()} are sent over HTTPS, to https://HOST:PORT/kmip`,
    );
  }
  const http = path === undefined ? undefined : { path, encoding: ENCODINGS[encoding] };
  return new Servers([{ host: options.host, port: options.port }, ...alternatives], (address, signal) => {
    const there = { ...options, ...address };
    return http === undefined
      ? Connection.open(there, signal)
      : HttpsConnection.open({ ...there, ...http }, signal);
  });
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

const FAILED: readonly ResultStatus[] = [ResultStatus.OperationFailed, ResultStatus.OperationUndone];

/**
 * The answers in the order of what was asked: by the Unique Batch Item IDs, or as they come where none has one. Some may be
 * missing, where the server stopped at one that failed.
 * @throws ConnectionFailure where one answers nothing that was asked, or one is missing that the server did not stop before
 */
function answersTo(ids: readonly Buffer[], { items }: Response): readonly (ResponseBatchItem | undefined)[] {
  const isIdentified = items.some(({ uniqueBatchItemID }) => uniqueBatchItemID !== undefined);
  const answers = ids.map((id, index) =>
    isIdentified
      ? items.find(({ uniqueBatchItemID }) => uniqueBatchItemID?.equals(id) === true)
      : items[index],
  );
  const taken = answers.filter((answer) => answer !== undefined);
  const hasFailed = taken.some(({ resultStatus }) => FAILED.includes(resultStatus));
  if (taken.length === items.length && (taken.length === ids.length || hasFailed)) return answers;
  throw unreadable(
    `${taken.length} of its ${items.length} items answer one of the ${ids.length} that were sent`,
  );
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
