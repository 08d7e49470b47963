import type { ExpectedStructure } from './expectation';

/** A request and the response that it is to get. */
export interface Exchange {
  readonly request: ExpectedStructure;
  readonly response: ExpectedStructure;
}

export interface TestCase {
  /** The file's name without its ending. */
  readonly name: string;
  readonly exchanges: readonly Exchange[];
}
