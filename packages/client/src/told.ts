import type { TLSSocket } from 'node:tls';
import { notify, put, setEndpointRole } from '@holdfast/core';
import {
  ENCODINGS,
  EndpointRole,
  ResultReason,
  ResultStatus,
  Tag,
  decodeRequest,
  decodeResponse,
  dialectNamed,
  encodeRequest,
  encodeResponse,
  refuseCriticalExtensions,
  tolerant,
  type Dialect,
  type Infer,
  type ResponseBatchItem,
} from '@holdfast/kmip';
import { DEFAULT_LIMITS, FrameReader, HoldfastError, type Item } from '@holdfast/ttlv';
import { onAbort } from './abort';
import type { CallOptions, KmipClientOptions } from './client';
import { ConnectionFailure, explainBreak, readable, timedOut, unreadable } from './connection-failure';
import { requestPayload } from './expressible';
import { KmipRefusal } from './refusal';
import { DEFAULT_MAX_RESPONSE_BYTES, addressOf, openTls, timeoutOf } from './tls';

/** What a server tells a client. KMIP 2.1 sections 6.2.2 and 6.2.3. */
export type Told =
  | { readonly operation: 'Notify'; readonly request: Infer<typeof notify.request> }
  | { readonly operation: 'Put'; readonly request: Infer<typeof put.request> };

/**
 * Hands the server's role over, on a connection of its own to the first server: from then on the server tells what changes
 * in the client's domain. Each is answered when the next one is asked for; whoever asks for no more (leaves the loop) ends
 * the connection; so does the signal, for whoever waits for the next one. KMIP 2.1 section 6.1.54.
 * @param options 2.1 is spoken where the version is left to the server
 * @throws KmipRefusal, HoldfastError (no such operation in this version, or over HTTPS), ConnectionFailure: also later,
 * where the server ends the connection; the signal's reason, then too
 */
export async function toldByServer(
  options: KmipClientOptions,
  { signal }: CallOptions = {},
): Promise<AsyncGenerator<Told, void>> {
  const { version = 'auto', credentials = [] } = options;
  const timeoutMs = timeoutOf(options);
  if (options.httpsPath !== undefined) {
    throw new HoldfastError(
      'Configuration',
      'the server’s role is handed over on a TLS connection, not over HTTPS',
    );
  }
  const dialect = dialectNamed(version === 'auto' ? '2.1' : version);
  const payload = requestPayload(setEndpointRole, { endpointRole: EndpointRole.Client }, dialect);
  const items = [{ operation: setEndpointRole.code, payload }];
  signal?.throwIfAborted();
  const socket = await openTls(options, signal).catch((error: unknown) => {
    signal?.throwIfAborted();
    throw error;
  });
  const messages = messagesOn(socket, options, signal);
  send(socket, encodeRequest({ dialect, header: { credentials }, items }), dialect);
  socket.setTimeout(timeoutMs, () =>
    socket.destroy(timedOut(addressOf(options), 'no answer', timeoutMs, false)),
  );
  await requireAccepted(messages);
  socket.setTimeout(0);
  return toldOn(socket, messages, options.isStrict === true ? (spoken) => spoken : tolerant);
}

function send(socket: TLSSocket, message: Item, dialect: Dialect): void {
  socket.write(ENCODINGS.ttlv.encode(message, dialect));
}

/** Ends where the reader leaves, and then destroys the socket. */
async function* messagesOn(
  socket: TLSSocket,
  options: Pick<KmipClientOptions, 'host' | 'port' | 'maxResponseBytes'>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Item, void> {
  const { maxResponseBytes: maxFrameBytes = DEFAULT_MAX_RESPONSE_BYTES } = options;
  const address = addressOf(options);
  const reader = new FrameReader({ tags: [Tag.ResponseMessage, Tag.RequestMessage], maxFrameBytes });
  let failure: unknown;
  const heedNoMore = onAbort(signal, () => socket.destroy());
  if (signal?.aborted === true) socket.destroy();
  try {
    for await (const chunk of socket) {
      for (const frame of reader.push(chunk as Buffer)) {
        yield ENCODINGS.ttlv.decode(frame, { ...DEFAULT_LIMITS, maxMessageBytes: maxFrameBytes });
      }
    }
  } catch (error) {
    failure = error;
  } finally {
    heedNoMore();
  }
  signal?.throwIfAborted();
  if (failure instanceof HoldfastError) {
    const message = `${address}: what the server sends is no KMIP`;
    throw new ConnectionFailure('protocol', message, { cause: failure });
  }
  throw explainBreak(failure, { address, secure: true, answered: true, pending: false });
}

/** @throws KmipRefusal, ConnectionFailure */
async function requireAccepted(messages: AsyncGenerator<Item, void>): Promise<void> {
  try {
    const { value: message } = await messages.next();
    const [item] = message === undefined ? [] : readable(message, (answer) => decodeResponse(answer)).items;
    if (item === undefined) throw unreadable('it has no items');
    if (item.resultStatus !== ResultStatus.Success) throw new KmipRefusal(setEndpointRole.code, item);
  } catch (error) {
    await messages.return();
    throw error;
  }
}

async function* toldOn(
  socket: TLSSocket,
  messages: AsyncGenerator<Item, void>,
  reading: (dialect: Dialect) => Dialect,
): AsyncGenerator<Told, void> {
  for await (const message of messages) {
    const { dialect, items } = understood(() => {
      const request = decodeRequest(message);
      refuseCriticalExtensions(request.items);
      return request;
    });
    const answers: ResponseBatchItem[] = [];
    for (const item of items) {
      const told = 'fault' in item ? undefined : understood(() => toldIn(item, reading(dialect)));
      if (told !== undefined) yield told;
      answers.push(answerTo(item, told !== undefined));
    }
    const timeStamp = Math.floor(Date.now() / 1000);
    send(socket, encodeResponse({ dialect, header: { timeStamp }, items: answers }), dialect);
  }
}

/** What the server tells, read; what is wrong with it is the server's fault. @throws ConnectionFailure */
function understood<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof HoldfastError)) throw cause;
    throw new ConnectionFailure('protocol', `what the server tells cannot be read: ${cause.message}`, {
      cause,
    });
  }
}

type AskedItem = ReturnType<typeof decodeRequest>['items'][number];

function toldIn(item: Exclude<AskedItem, { fault: unknown }>, dialect: Dialect): Told | undefined {
  switch (item.operation) {
    case notify.code:
      return { operation: notify.name, request: notify.request.decode(item.payload, dialect) };
    case put.code:
      return { operation: put.name, request: put.request.decode(item.payload, dialect) };
    default:
      return undefined;
  }
}

function answerTo({ operation, uniqueBatchItemID }: AskedItem, isUnderstood: boolean): ResponseBatchItem {
  const result = isUnderstood
    ? { resultStatus: ResultStatus.Success }
    : { resultStatus: ResultStatus.OperationFailed, resultReason: ResultReason.OperationNotSupported };
  return { operation, uniqueBatchItemID, ...result };
}
