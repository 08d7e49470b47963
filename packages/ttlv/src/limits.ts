/** Bounds on what a peer may send, applied before it costs memory. */
export interface Limits {
  /** Longest message in bytes, with its 8-byte header (for XML and JSON: longest text in UTF-16 code units). */
  readonly maxMessageBytes: number;
  /** How many structures may stand within each other; the outermost counts as one. */
  readonly maxDepth: number;
  /** How many items a message may hold, structures included. */
  readonly maxItems: number;
  /** Longest Big Integer in bytes. */
  readonly maxBigIntegerBytes: number;
}

export const DEFAULT_LIMITS: Limits = {
  maxMessageBytes: 8 * 1024 * 1024,
  maxDepth: 32,
  maxItems: 100_000,
  maxBigIntegerBytes: 16_384,
};
