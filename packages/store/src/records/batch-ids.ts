import { randomUUID } from 'node:crypto';

/** A row of audit_batch as its writer counts it. */
export interface BatchNumber {
  /** What all identifiers of one process begin with. */
  readonly writer: string;
  /** From 1, in the order in which the process began to write. */
  readonly number: number;
}

const VERSION_AT = 14;
const WRITER_LENGTH = 26;
const NUMBER_LENGTH = 10;

/**
 * Makes the identifiers of the rows of one process: UUIDs of version 8 (RFC 9562 section 5.8) of 82 random bits, the same for
 * all of them, and the row's number in 40 bits. They are under the row's MAC, so whoever reads rows knows which of whom they are.
 */
export class BatchIds {
  readonly writer: string;
  #last = 0;

  constructor() {
    const uuid = randomUUID();
    this.writer = `${uuid.slice(0, VERSION_AT)}8${uuid.slice(VERSION_AT + 1, WRITER_LENGTH)}`;
  }

  next(): { readonly id: string; readonly number: number } {
    const number = ++this.#last;
    return { id: `${this.writer}${number.toString(16).padStart(NUMBER_LENGTH, '0')}`, number };
  }
}

/** What an identifier says; undefined for those of older programs, which do not count. */
export function batchNumberOf(id: string): BatchNumber | undefined {
  if (id[VERSION_AT] !== '8') return undefined;
  return { writer: id.slice(0, WRITER_LENGTH), number: parseInt(id.slice(WRITER_LENGTH), 16) };
}
