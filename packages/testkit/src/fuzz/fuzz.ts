import { readFileSync } from 'node:fs';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { decodeTtlv, DEFAULT_LIMITS, FrameReader } from '@holdfast/ttlv';
import { decodeResponse, ResultStatus, Tag } from '@holdfast/kmip';
import { discoverVersions, get } from '@holdfast/core';
import { createLoad, discoverLoad, locateLoad, registerRequest, requestBytes } from '../bench/requests';
import { mutated } from './mutate';
import { SeededRandom } from './random';

export interface FuzzTarget {
  readonly options: ConnectionOptions;
  /** The server process, whose memory is watched. */
  readonly pid: number;
}

export interface FuzzReport {
  readonly messages: number;
  readonly answers: number;
  /** Mutants that were still valid requests. */
  readonly successes: number;
  readonly largestRssBytes: number;
}

/** Mutants on the way at once on one connection. */
const WINDOW = 100;
/** No answer takes longer than this, whatever the message. */
const ANSWER_TIMEOUT_MS = 20_000;
const MAX_RESPONSE_BYTES = 64 << 20;

function corpus(): readonly Buffer[] {
  return [
    registerRequest(0, 1),
    registerRequest(0, 3),
    createLoad('fuzz').request(),
    locateLoad(['']).request(),
    discoverLoad().request(),
    requestBytes(get, [{ uniqueIdentifier: 'fuzz' }]),
    requestBytes(discoverVersions, [{ protocolVersions: [] }]),
  ];
}

/** Resident memory of a process, bytes. */
export function rssBytes(pid: number): number {
  const match = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(match?.[1] ?? 0) * 1024;
}

/** A connection that answers in order, as the server's sessions do. */
class Wire {
  readonly #waiting: ((response: Buffer) => void)[] = [];
  #fail: (error: Error) => void = () => undefined;
  readonly failed: Promise<never>;

  private constructor(readonly socket: TLSSocket) {
    const reader = new FrameReader({ tags: [Tag.ResponseMessage], maxFrameBytes: MAX_RESPONSE_BYTES });
    this.failed = new Promise<never>((_resolve, reject) => (this.#fail = reject));
    this.failed.catch(() => undefined);
    socket.on('data', (chunk: Buffer) => {
      for (const response of reader.push(chunk)) this.#waiting.shift()?.(response);
    });
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () =>
      this.#fail(new Error('the server closed a connection on a well-framed message')),
    );
  }

  static open(options: ConnectionOptions): Promise<Wire> {
    return new Promise((resolve, reject) => {
      const socket = connect(options, () => resolve(new Wire(socket)));
      socket.once('error', reject);
    });
  }

  exchange(request: Buffer): Promise<Buffer> {
    const answer = new Promise<Buffer>((resolve) => this.#waiting.push(resolve));
    this.socket.write(request);
    return answer;
  }
}

async function withDeadline<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('the server hangs')), ANSWER_TIMEOUT_MS);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Sends mutated and random messages to a running server. Every one must be answered, the connection must go on, and a
 * valid request after each window must succeed.
 * @throws Error where the server closes, hangs, answers something that is no response, or does not recover
 */
export async function fuzz(target: FuzzTarget, messages: number, seed: number): Promise<FuzzReport> {
  const random = new SeededRandom(seed);
  const seeds = corpus();
  const valid = discoverLoad().request();
  const wire = await Wire.open(target.options);
  let answers = 0;
  let successes = 0;
  let largestRssBytes = 0;
  const look = (response: Buffer): void => {
    const { items } = decodeResponse(
      decodeTtlv(response, { ...DEFAULT_LIMITS, maxMessageBytes: MAX_RESPONSE_BYTES }),
    );
    answers++;
    if (items.every(({ resultStatus }) => resultStatus === ResultStatus.Success)) successes++;
  };
  try {
    for (let sent = 0; sent < messages; sent += WINDOW) {
      const window = Array.from({ length: Math.min(WINDOW, messages - sent) }, () =>
        wire.exchange(mutated(random.pick(seeds), random)).then(look),
      );
      await Promise.race([withDeadline(Promise.all(window)), wire.failed]);
      const answer = await Promise.race([withDeadline(wire.exchange(valid)), wire.failed]);
      const [item] = decodeResponse(decodeTtlv(answer)).items;
      if (item?.resultStatus !== ResultStatus.Success)
        throw new Error('a valid request failed after the mutants');
      largestRssBytes = Math.max(largestRssBytes, rssBytes(target.pid));
    }
  } finally {
    wire.socket.destroy();
  }
  return { messages, answers, successes, largestRssBytes };
}
