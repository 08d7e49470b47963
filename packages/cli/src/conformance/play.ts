import { dialectOf, peekVersion, type Dialect } from '@holdfast/kmip';
import { HoldfastError, type Item } from '@holdfast/ttlv';
import { Comparison, type Difference } from './compare';
import { CaseMemory, type ServerMemory } from './memory';
import type { TestCase } from './test-case';

/** Sends a Request Message and waits for the Response Message. */
export type Transport = (request: Item) => Promise<Item>;

export interface Failure {
  /** The exchange at which the case ended, counted from 1. */
  readonly exchange: number;
  readonly differences: readonly Difference[];
}

function requestDialect(request: Item): Dialect {
  const version = peekVersion(request);
  if (version === undefined) throw new HoldfastError('InvalidMessage', 'a request has no protocol version');
  return dialectOf(version);
}

/**
 * Plays one case and stops at the first answer that is not as it should be.
 * @param clock seconds since 1970
 * @returns undefined where the server conforms
 * @throws what the transport throws; HoldfastError where the case cannot be played
 */
export async function playCase(
  testCase: TestCase,
  transport: Transport,
  server: ServerMemory,
  clock: () => number,
): Promise<Failure | undefined> {
  const memory = new CaseMemory(server, clock);
  for (const [index, { request, response }] of testCase.exchanges.entries()) {
    const message = memory.fill(request);
    const dialect = requestDialect(message);
    const answer = await transport(message);
    const differences = new Comparison(memory, dialect).compare(response, message, answer);
    if (differences.length > 0) return { exchange: index + 1, differences };
  }
  return undefined;
}
