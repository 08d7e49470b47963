/** Something that is not as this program left it. */
export interface Finding {
  /** The table in which it was found. */
  readonly table: string;
  /** The row, by its key; empty where it is about the table. */
  readonly row: string;
  readonly domainId?: string | undefined;
  /** What is wrong; no secret. */
  readonly problem: string;
  /** A `notice` may be the doing of a client; a `fault` is none that this program makes. */
  readonly severity: 'fault' | 'notice';
}

export interface Progress {
  /** Rows looked at, of those that there were at the beginning. */
  readonly done: number;
  readonly total: number;
}

/** What a walk reports to. */
export interface Walk {
  find(finding: Finding): void;
  advance(rows: number): void;
}

export const PAGE_ROWS = 500;
