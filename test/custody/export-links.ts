import { createHash } from 'node:crypto';

/** A record as a line of an export has it. */
export interface ExportedRecord {
  readonly position: number;
  readonly time: string;
  readonly actor: {
    readonly kind: string;
    readonly id: string;
    readonly name: string;
    readonly credential?: string;
    readonly peer?: string;
  };
  readonly domain?: string;
  readonly action: string;
  readonly objects: readonly string[];
  readonly row?: string;
  readonly revision?: number;
  readonly outcome: string;
  readonly reason?: string;
  readonly link: string;
}

const FORMAT = Buffer.from([1]);
const OUTCOMES = ['success', 'failure', 'undone', 'pending'];

function int16(value: number): Buffer {
  return Buffer.from([value >> 8, value & 0xff]);
}

function text(value: string | undefined): Buffer {
  if (value === undefined) return int16(0xffff);
  const bytes = Buffer.from(value);
  return Buffer.concat([int16(bytes.length), bytes]);
}

function microseconds(time: string): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(BigInt(Date.parse(`${time.slice(0, 23)}Z`)) * 1000n + BigInt(time.slice(23, 26)));
  return bytes;
}

/**
 * The link of a record, made as somebody would who alters an export and knows how links are made: the bytes are put
 * together here once more, apart from the server's code.
 * @param before link of the record before, hex
 */
export function linkOf(before: string, record: ExportedRecord): string {
  const { actor, objects } = record;
  const who = [actor.kind, actor.id, actor.name, actor.credential, actor.peer, record.domain].map(text);
  const revision = Buffer.alloc(4);
  revision.writeInt32BE(record.revision ?? -1);
  const what = [
    microseconds(record.time),
    Buffer.from([OUTCOMES.indexOf(record.outcome)]),
    ...[record.action, record.reason, record.row].map(text),
    revision,
    int16(objects.length),
    ...objects.map(text),
  ];
  const bytes = Buffer.concat([Buffer.from(before, 'hex'), FORMAT, ...who, ...what]);
  return createHash('sha256').update(bytes).digest('hex');
}

export const isRecord = (line: string): boolean => line.startsWith('{"position":');

/**
 * What an export has from a line on, where the next record there is altered and every link from it on is made anew. What is
 * signed stays as it is: nobody else can make that.
 */
export function* relinked(lines: readonly string[], at: number): Generator<string> {
  let head = headBefore(lines, at);
  let isAltered = false;
  for (const line of lines.slice(at)) {
    if (!isRecord(line)) {
      head ??= headBefore([line], 1);
      yield `${line}\n`;
      continue;
    }
    const read = JSON.parse(line) as ExportedRecord;
    const record = isAltered
      ? read
      : { ...read, outcome: read.outcome === 'success' ? 'failure' : 'success' };
    isAltered = true;
    head = linkOf(head ?? '', record);
    yield `${JSON.stringify({ ...record, link: head })}\n`;
  }
}

/** The link that the record at a line follows; undefined before the header. */
function headBefore(lines: readonly string[], at: number): string | undefined {
  const line = lines.slice(0, at).findLast((each) => !each.startsWith('{"checkpoint":'));
  if (line === undefined) return undefined;
  const { link, previous } = JSON.parse(line) as { readonly link?: string; readonly previous?: string };
  return link ?? previous;
}
