import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { FrameReader } from '@holdfast/ttlv';
import { Tag } from '@holdfast/kmip';

const MAX_RESPONSE_BYTES = 1 << 20;

export interface LoadResult {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface Load {
  /** The next request of a connection. */
  request(): Buffer;
  /** Looks at a response; throws where it is not what was asked for. */
  check(response: Buffer, request: Buffer): void;
}

function percentile(sorted: Float64Array, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}

function resultOf(latencies: readonly number[], elapsedMs: number): LoadResult {
  const sorted = Float64Array.from(latencies).sort();
  return {
    perSecond: (latencies.length * 1000) / elapsedMs,
    p50Ms: percentile(sorted, 0.5),
    p99Ms: percentile(sorted, 0.99),
  };
}

function open(options: ConnectionOptions): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect(options, () => resolve(socket.setNoDelay()));
    socket.once('error', reject);
  });
}

/** One request after the other on one connection, until the time is up. */
function drive(socket: TLSSocket, load: Load, untilMs: number, latencies: number[]): Promise<void> {
  const reader = new FrameReader({ tags: [Tag.ResponseMessage], maxFrameBytes: MAX_RESPONSE_BYTES });
  return new Promise((resolve, reject) => {
    let request = load.request();
    let sentAt = performance.now();
    const onData = (chunk: Buffer): void => {
      try {
        for (const response of reader.push(chunk)) {
          const now = performance.now();
          latencies.push(now - sentAt);
          load.check(response, request);
          if (now >= untilMs) {
            settle();
            return;
          }
          request = load.request();
          sentAt = now;
          socket.write(request);
        }
      } catch (error) {
        reject(error instanceof Error ? error : new Error('failed'));
      }
    };
    const onClose = (): void => reject(new Error('the connection was closed'));
    const settle = (): void => {
      socket.off('data', onData).off('error', reject).off('close', onClose);
      resolve();
    };
    socket.on('data', onData).on('error', reject).on('close', onClose);
    socket.write(request);
  });
}

/** A number of connections, each with one request in flight, for a time. */
export class LoadGenerator {
  private constructor(private readonly sockets: readonly TLSSocket[]) {}

  static async connect(options: ConnectionOptions, connections: number): Promise<LoadGenerator> {
    return new LoadGenerator(await Promise.all(Array.from({ length: connections }, () => open(options))));
  }

  async run(load: Load, durationMs: number): Promise<LoadResult> {
    const latencies: number[] = [];
    const startedAt = performance.now();
    await Promise.all(this.sockets.map((socket) => drive(socket, load, startedAt + durationMs, latencies)));
    return resultOf(latencies, performance.now() - startedAt);
  }

  close(): void {
    for (const socket of this.sockets) {
      socket.on('error', () => undefined);
      socket.destroy();
    }
  }
}

/** A full TLS handshake and one request each time, in a number of parallel lines. */
export async function runHandshakes(
  options: ConnectionOptions,
  lines: number,
  load: Load,
  durationMs: number,
): Promise<LoadResult> {
  const latencies: number[] = [];
  const startedAt = performance.now();
  const line = async (): Promise<void> => {
    while (performance.now() < startedAt + durationMs) {
      const from = performance.now();
      const socket = await open(options);
      await drive(socket, load, 0, []);
      latencies.push(performance.now() - from);
      socket.destroy();
    }
  };
  await Promise.all(Array.from({ length: lines }, line));
  return resultOf(latencies, performance.now() - startedAt);
}
