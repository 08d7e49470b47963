/** How the objects of one store differ from those of an earlier state of it. */
export interface ObjectComparison {
  /** Of the same revision and the same to the byte. */
  readonly same: number;
  /** Of a later revision now. */
  readonly changedSince: number;
  readonly madeSince: number;
  /** Were there, are not now. */
  readonly gone: number;
  /** Not what they were, although no change since was recorded. */
  readonly different: number;
}

interface Entry {
  readonly id: string;
  readonly revision: number;
  readonly sha256: string;
}

async function* entriesOf(lines: AsyncIterable<Buffer>): AsyncGenerator<Entry> {
  let pending = '';
  for await (const part of lines) {
    const texts = (pending + part.toString('latin1')).split('\n');
    pending = texts.pop() ?? '';
    for (const text of texts) {
      const [id = '', revision, sha256 = ''] = text.split('\t');
      yield { id, revision: Number(revision), sha256 };
    }
  }
}

/** Compares two streams of `objectDigestLines`, holding one line of each at a time. */
export async function compareObjects(
  earlier: AsyncIterable<Buffer>,
  now: AsyncIterable<Buffer>,
): Promise<ObjectComparison> {
  const counts = { same: 0, changedSince: 0, madeSince: 0, gone: 0, different: 0 };
  const before = entriesOf(earlier);
  const after = entriesOf(now);
  const next = async (entries: AsyncGenerator<Entry>): Promise<Entry | undefined> => {
    const result = await entries.next();
    return result.done === true ? undefined : result.value;
  };
  let was = await next(before);
  let is = await next(after);
  while (was !== undefined || is !== undefined) {
    if (was === undefined || (is !== undefined && is.id < was.id)) {
      counts.madeSince++;
      is = await next(after);
    } else if (is === undefined || was.id < is.id) {
      counts.gone++;
      was = await next(before);
    } else {
      if (was.revision === is.revision) counts[was.sha256 === is.sha256 ? 'same' : 'different']++;
      else counts[was.revision < is.revision ? 'changedSince' : 'different']++;
      was = await next(before);
      is = await next(after);
    }
  }
  return counts;
}
