/**
 * Cuts a stream of secret bytes into pieces; each is zeroed when the next one is asked for.
 * @param lengthOf how many bytes the piece has that begins so; undefined while too few of them are there to tell
 * @param damaged what is thrown where the stream ends within a piece
 */
export async function* piecesOf(
  content: AsyncIterable<Buffer>,
  lengthOf: (bytes: Buffer) => number | undefined,
  damaged: () => Error,
): AsyncGenerator<Buffer> {
  let pending: Buffer = Buffer.alloc(0);
  try {
    for await (const part of content) {
      const joined = Buffer.concat([pending, part]);
      pending.fill(0);
      part.fill(0);
      pending = joined;
      for (;;) {
        const length = lengthOf(pending);
        if (length === undefined || length > pending.length) break;
        const piece = pending.subarray(0, length);
        yield piece;
        piece.fill(0);
        pending = pending.subarray(length);
      }
    }
    if (pending.length > 0) throw damaged();
  } finally {
    pending.fill(0);
  }
}
