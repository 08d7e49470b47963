import { createServer, type Server, type TLSSocket } from 'node:tls';
import type { KmipClientOptions } from '@holdfast/client';
import { ResultStatus, Tag, decodeRequest, encodeResponse } from '@holdfast/kmip';
import { FrameReader, HoldfastError, ItemType, decodeTtlv, encodeTtlv, type Item } from '@holdfast/ttlv';
import { wrongUse } from '../exit';
import { textAt } from './memory';
import type { Asked } from './play';

const MAX_REQUEST_BYTES = 1024 * 1024;
const PATIENCE_MS = 15_000;

/** @throws CommandFailure wrong use */
export function addressOf(text: string): { readonly host: string; readonly port: number } {
  const [, host = '', port = ''] = /^\[?(.+?)\]?:(\d{1,5})$/.exec(text) ?? [];
  if (host === '') throw wrongUse(`"${text}" is not HOST:PORT`);
  return { host, port: Number(port) };
}

/** Listens as the client that a server tells of changes, takes what it says, and answers that it was understood. */
export class AskedRequests implements Asked {
  readonly #requests: Item[] = [];
  readonly #sockets = new Set<TLSSocket>();
  #came: (() => void) | undefined;

  private constructor(private readonly server: Server) {
    server.on('secureConnection', (socket: TLSSocket) => this.#accept(socket));
  }

  /** @throws HoldfastError InvalidField where it cannot listen there */
  static async listen(
    { host, port }: ReturnType<typeof addressOf>,
    { cert, key, passphrase, ca }: KmipClientOptions,
  ): Promise<AskedRequests> {
    const server = createServer({ cert, key, passphrase, ca, requestCert: true, rejectUnauthorized: true });
    const asked = new AskedRequests(server);
    await new Promise<void>((resolve, reject) => {
      const refuse = (cause: Error): void =>
        reject(new HoldfastError('InvalidField', `cannot listen on ${host}:${port}`, { cause }));
      server.once('error', refuse).listen(port, host, resolve);
    });
    return asked;
  }

  async next(uniqueIdentifier: string): Promise<Item> {
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
      const at = this.#requests.findIndex(
        (request) =>
          textAt(request, Tag.BatchItem, Tag.RequestPayload, Tag.UniqueIdentifier) === uniqueIdentifier,
      );
      const [found] = at === -1 ? [] : this.#requests.splice(at, 1);
      if (found !== undefined) return found;
      const left = deadline - Date.now();
      if (left <= 0) throw new HoldfastError('InvalidMessage', 'the server has not told of it');
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#came = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    return new Promise((resolve) => this.server.close(() => resolve()));
  }

  #accept(socket: TLSSocket): void {
    this.#sockets.add(socket);
    const reader = new FrameReader({ tags: [Tag.RequestMessage], maxFrameBytes: MAX_REQUEST_BYTES });
    socket.on('close', () => this.#sockets.delete(socket)).on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      try {
        for (const frame of reader.push(chunk)) socket.write(this.#take(frame));
      } catch {
        socket.destroy();
      }
    });
  }

  #take(frame: Buffer): Buffer {
    const request = decodeTtlv(frame);
    this.#requests.push(request);
    this.#came?.();
    const { dialect, items } = decodeRequest(request);
    const payload = { tag: Tag.ResponsePayload, type: ItemType.Structure, value: [] };
    const answers = items.map(({ operation }) => ({
      operation,
      resultStatus: ResultStatus.Success,
      payload,
    }));
    const header = { timeStamp: Math.floor(Date.now() / 1000) };
    return encodeTtlv(encodeResponse({ dialect, header, items: answers }));
  }
}
