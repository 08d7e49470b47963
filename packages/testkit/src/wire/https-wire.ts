import { Agent, request, type RequestOptions } from 'node:https';
import type { IncomingHttpHeaders } from 'node:http';
import type { ConnectionOptions } from 'node:tls';
import { ENCODINGS, dialectOf, peekVersion, type EncodingName } from '@holdfast/kmip';
import { DEFAULT_LIMITS, decodeTtlv, encodeTtlv } from '@holdfast/ttlv';

const LIMITS = { ...DEFAULT_LIMITS, maxMessageBytes: 64 << 20, maxItems: 1_000_000 };

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** One connection on which HTTP is spoken, opened at its first request and kept. */
export class HttpsWire {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(
    private readonly tls: ConnectionOptions,
    private readonly encoding: EncodingName = 'ttlv',
    private readonly path = '/kmip',
  ) {}

  /** Sends any HTTP request. */
  send(options: RequestOptions, body: Buffer): Promise<HttpAnswer> {
    const { host, port, cert, key, ca } = this.tls;
    const target = { host, port, cert, key, ca, agent: this.#agent, method: 'POST', path: this.path };
    return new Promise((resolve, reject) => {
      const sent = request({ ...target, ...options }, (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('end', () => {
          const { statusCode = 0, headers } = answer;
          resolve({ status: statusCode, headers, body: Buffer.concat(chunks) });
        });
        answer.on('error', reject);
      });
      sent.on('error', reject);
      sent.end(body);
    });
  }

  /** Sends a request that is given as TTLV in this wire's encoding. @returns the response, as TTLV */
  async exchange(ttlv: Buffer): Promise<Buffer> {
    const { contentType, decode, encode } = ENCODINGS[this.encoding];
    const message = decodeTtlv(ttlv);
    const version = peekVersion(message);
    if (version === undefined) throw new Error('a request has a version');
    const sent = encode(message, dialectOf(version));
    const headers = {
      'Content-Type': contentType,
      'Content-Length': sent.length,
      'Cache-Control': 'no-cache',
    };
    const { status, body } = await this.send({ headers }, sent);
    if (status !== 200) throw new Error(`HTTP ${status}`);
    return encodeTtlv(decode(body, LIMITS));
  }

  close(): Promise<void> {
    this.#agent.destroy();
    return Promise.resolve();
  }
}
