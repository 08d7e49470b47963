import { createServer, type TLSSocket, type TlsOptions } from 'node:tls';
import type { AddressInfo, Socket } from 'node:net';
import type { CertificateAuthority } from '@holdfast/core';
import { Tag, decodeRequest, encodeResponse, type Request, type ResponseBatchItem } from '@holdfast/kmip';
import { certificates } from '@holdfast/pki';
import { FrameReader, decodeTtlv, encodeTtlv } from '@holdfast/ttlv';

const nowSeconds = Math.floor(Date.now() / 1000);

export interface Identity {
  readonly cert: string;
  readonly key: string;
}

/** A certification authority and certificates from it. */
export interface Authority {
  readonly ca: string;
  readonly client: Identity;
  server(options?: {
    hosts?: readonly string[];
    nowSeconds?: number;
    validitySeconds?: number;
  }): Promise<Identity>;
}

export async function makeAuthority(commonName = 'Test CA'): Promise<Authority> {
  const issued = await certificates.createAuthority({ commonName, nowSeconds: nowSeconds - 400 * 86_400 });
  const ca: CertificateAuthority = { certificateDer: issued.der, privateKey: issued.privateKey };
  const identity = ({ pem, privateKey }: Awaited<ReturnType<typeof certificates.issueServer>>): Identity => ({
    cert: pem,
    key: certificates.privateKeyPem(privateKey).reveal().toString(),
  });
  return {
    ca: issued.pem,
    client: identity(await certificates.issueClient(ca, { name: 'array-7', nowSeconds })),
    server: async (options = {}) =>
      identity(
        await certificates.issueServer(ca, { hosts: ['localhost', '127.0.0.1'], nowSeconds, ...options }),
      ),
  };
}

export interface Peer {
  readonly port: number;
  stop(): Promise<void>;
}

/** A TLS server that hands each connection to `onConnection`. */
export async function startPeer(
  options: TlsOptions,
  onConnection: (socket: TLSSocket) => void,
): Promise<Peer> {
  const sockets = new Set<Socket>();
  const server = createServer(options, (socket) => {
    socket.on('error', () => undefined);
    onConnection(socket);
  });
  server.on('connection', (socket: Socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

export type Answer = readonly ResponseBatchItem[] | Buffer | 'close';

/** Reads requests and sends what `answer` says, one after the other. */
export function speaking(
  answer: (request: Request) => Answer | Promise<Answer>,
): (socket: TLSSocket) => void {
  return (socket) => {
    const reader = new FrameReader({ tags: [Tag.RequestMessage], maxFrameBytes: 1 << 20 });
    let turn = Promise.resolve();
    const respond = async (frame: Buffer) => {
      const request = decodeRequest(decodeTtlv(frame));
      const items = await answer(request);
      if (items === 'close') socket.destroy();
      else if (Buffer.isBuffer(items)) socket.write(items);
      else {
        socket.write(
          encodeTtlv(encodeResponse({ dialect: request.dialect, header: { timeStamp: 1 }, items })),
        );
      }
    };
    socket.on('data', (chunk: Buffer) => {
      for (const frame of reader.push(chunk)) turn = turn.then(() => respond(frame));
    });
  };
}
