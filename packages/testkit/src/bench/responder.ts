import { createServer } from 'node:tls';
import type { AddressInfo } from 'node:net';

/**
 * The measure: a bare TLS responder in a process of its own. Mutual TLS, messages cut by their declared length, one
 * canned answer, corked writes: the fastest that Node can do. It is told by messages which answer to give.
 */
export interface ResponderStart {
  readonly kind: 'start';
  readonly key: string;
  readonly cert: string;
  readonly ca: string;
}
export interface ResponderAnswer {
  readonly kind: 'answer';
  readonly lengthBytes: number;
}
export type ToResponder = ResponderStart | ResponderAnswer;

const HEADER_BYTES = 8;
let answer: Buffer = Buffer.alloc(HEADER_BYTES);

function start({ key, cert, ca }: ResponderStart): void {
  const server = createServer(
    { key, cert, ca, requestCert: true, rejectUnauthorized: true, minVersion: 'TLSv1.2', noDelay: true },
    (socket) => {
      let pending: Buffer = Buffer.alloc(0);
      socket.on('error', () => undefined);
      socket.on('data', (chunk: Buffer) => {
        const bytes = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
        let offset = 0;
        socket.cork();
        while (bytes.length - offset >= HEADER_BYTES) {
          const length = HEADER_BYTES + bytes.readUInt32BE(offset + 4);
          if (bytes.length - offset < length) break;
          offset += length;
          socket.write(answer);
        }
        process.nextTick(() => socket.uncork());
        pending = bytes.subarray(offset);
      });
    },
  );
  server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }));
}

/** An answer of a length: a Response Message that declares it. */
function cannedAnswer(lengthBytes: number): Buffer {
  const bytes = Buffer.alloc(lengthBytes);
  bytes.writeUInt32BE(0x42007b01, 0);
  bytes.writeUInt32BE(lengthBytes - HEADER_BYTES, 4);
  return bytes;
}

process.on('message', (message: ToResponder) => {
  if (message.kind === 'start') start(message);
  else {
    answer = cannedAnswer(message.lengthBytes);
    process.send?.({ ready: true });
  }
});
process.on('disconnect', () => process.exit(0));
