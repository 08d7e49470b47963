import { Operation, Tag, dialectOf, peekVersion, type Dialect } from '@holdfast/kmip';
import { HoldfastError, type Item } from '@holdfast/ttlv';
import { Comparison, type Difference } from './compare';
import { CaseMemory, enumerationAt, textAt, type ServerMemory } from './memory';
import type { TestCase } from './test-case';

/** What the server asks the client (Notify, Put); each is answered as it comes. */
export interface Asked {
  /** The next request about an object. @throws HoldfastError where none comes in time */
  next(uniqueIdentifier: string): Promise<Item>;
}

const ASKED_OPERATIONS: readonly (number | undefined)[] = [Operation.Notify, Operation.Put];

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

function nextAsked(expected: Item, asked: Asked | undefined): Promise<Item> {
  const uniqueIdentifier = textAt(expected, Tag.BatchItem, Tag.RequestPayload, Tag.UniqueIdentifier) ?? '';
  if (asked !== undefined) return asked.next(uniqueIdentifier);
  throw new HoldfastError('InvalidMessage', 'the server has to connect to this side: give --notify-listen');
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
  asked?: Asked,
): Promise<Failure | undefined> {
  const memory = new CaseMemory(server, clock);
  for (const [index, { request, response }] of testCase.exchanges.entries()) {
    const message = memory.fill(request);
    const dialect = requestDialect(message);
    const comparison = new Comparison(memory, dialect);
    const isAsked = ASKED_OPERATIONS.includes(enumerationAt(message, Tag.BatchItem, Tag.Operation));
    const differences = isAsked
      ? comparison.compareAsked(request, await nextAsked(message, asked))
      : comparison.compare(response, message, await transport(message));
    if (differences.length > 0) return { exchange: index + 1, differences };
  }
  return undefined;
}
