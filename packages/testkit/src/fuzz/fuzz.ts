import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';
import { decodeTtlv, DEFAULT_LIMITS } from '@holdfast/ttlv';
import { decodeResponse, ResultStatus } from '@holdfast/kmip';
import { discoverVersions, get } from '@holdfast/core';
import { createLoad, discoverLoad, locateLoad, registerRequest, requestBytes } from '../bench/requests';
import { Wire } from '../wire/wire';
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
      await Promise.all(window);
      const answer = await wire.exchange(valid);
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
