import { HoldfastError, type Actor, type AuditOutcome } from '@holdfast/core';
import type { RecordEntry } from '@holdfast/store';

/** A record in its place, as it is shown and exported. */
export interface AuditLine {
  readonly position: number;
  /** RFC 3339 with microseconds, UTC. */
  readonly time: string;
  readonly actor: {
    readonly kind: Actor['kind'];
    readonly id: string;
    readonly name: string;
    readonly credential?: string;
    readonly peer?: string;
  };
  readonly domain?: string;
  readonly action: string;
  readonly objects: readonly string[];
  /** Identifier of the row of the directory that was changed. */
  readonly row?: string;
  /** What the object or row got by the change. */
  readonly revision?: number;
  readonly outcome: AuditOutcome;
  readonly reason?: string;
}

/** A line of an export: the record and the hash that links it to the one before, lower-case hex. */
export interface LinkedLine extends AuditLine {
  readonly link: string;
}

export function auditLine(position: number, entry: RecordEntry): AuditLine {
  const { actor, domainId, reason, rowId, revision } = entry;
  const { credentialId, peer } = actor;
  return {
    position,
    time: timeText(entry.recordedAtUs),
    actor: {
      kind: actor.kind,
      id: actor.id,
      name: actor.name,
      ...(credentialId === undefined ? {} : { credential: credentialId }),
      ...(peer === undefined ? {} : { peer }),
    },
    ...(domainId === undefined ? {} : { domain: domainId }),
    action: entry.action,
    objects: entry.subjects,
    ...(rowId === undefined ? {} : { row: rowId }),
    ...(revision === undefined ? {} : { revision }),
    outcome: entry.outcome,
    ...(reason === undefined ? {} : { reason }),
  };
}

export function entryOf(line: AuditLine): RecordEntry {
  const { kind, id, name, credential, peer } = line.actor;
  return {
    recordedAtUs: microsecondsOf(line.time),
    actor: { kind, id, name, credentialId: credential, peer },
    domainId: line.domain,
    action: line.action,
    outcome: line.outcome,
    reason: line.reason,
    subjects: line.objects,
    rowId: line.row,
    revision: line.revision,
  };
}

/** RFC 3339 with microseconds, of microseconds since 1970. */
export function timeText(us: number): string {
  const ms = Math.floor(us / 1000);
  const rest = String(us - ms * 1000).padStart(3, '0');
  return `${new Date(ms).toISOString().slice(0, -1)}${rest}Z`;
}

function microsecondsOf(time: string): number {
  return Date.parse(`${time.slice(0, 23)}Z`) * 1000 + Number(time.slice(23, 26));
}

/** How the records of an export are written. Reading what was written gives the same line; nothing else is read. */
export interface LineFormat {
  write(line: LinkedLine): string;
  /** @throws HoldfastError, SyntaxError, TypeError where it is no such line */
  read(text: string): LinkedLine;
}

const json: LineFormat = {
  write: (line) => JSON.stringify(line),
  read: (text) => JSON.parse(text) as LinkedLine,
};

/**
 * ArcSight Common Event Format: a header of bars, then keys and values. What CEF has no key for stands in custom strings, and
 * the whole of a peer in cs3.
 */
const CEF_KEYS = [
  ['cn1', 'position'],
  ['end', 'time in microseconds'],
  ['cs1', 'kind of actor'],
  ['suid', 'identifier of the actor'],
  ['suser', 'name of the actor'],
  ['cs2', 'credential'],
  ['cs3', 'peer'],
  ['cs4', 'domain'],
  ['act', 'action'],
  ['cs5', 'objects, JSON'],
  ['externalId', 'row'],
  ['cn2', 'revision'],
  ['outcome', 'outcome'],
  ['reason', 'reason'],
  ['cs6', 'link'],
] as const;
type CefKey = (typeof CEF_KEYS)[number][0];
const CEF_HEADER = 'CEF:0|Holdfast|Holdfast KMS|1';
const SEVERITIES: Readonly<Record<AuditOutcome, number>> = { success: 3, pending: 3, undone: 5, failure: 6 };

const escaped = (text: string): string =>
  text.replace(/[\\=\n\r]/g, (each) => (each === '\n' ? '\\n' : each === '\r' ? '\\r' : `\\${each}`));
const unescaped = (text: string): string =>
  text.replace(/\\(.)/g, (_all, each: string) => (each === 'n' ? '\n' : each === 'r' ? '\r' : each));
const inHeader = (text: string): string =>
  text.replace(/[\\|]/g, (each) => `\\${each}`).replace(/[\r\n]/g, ' ');

const cef: LineFormat = {
  write(line) {
    const { actor } = line;
    const values: Readonly<Record<CefKey, string | undefined>> = {
      cn1: String(line.position),
      end: line.time,
      cs1: actor.kind,
      suid: actor.id,
      suser: actor.name,
      cs2: actor.credential,
      cs3: actor.peer,
      cs4: line.domain,
      act: line.action,
      cs5: JSON.stringify(line.objects),
      externalId: line.row,
      cn2: line.revision?.toString(),
      outcome: line.outcome,
      reason: line.reason,
      cs6: line.link,
    };
    const pairs = CEF_KEYS.flatMap(([key]) => {
      const value = values[key];
      return value === undefined ? [] : [`${key}=${escaped(value)}`];
    });
    const name = inHeader(line.action);
    return `${CEF_HEADER}|${name}|${name}|${SEVERITIES[line.outcome]}|${pairs.join(' ')}`;
  },
  read(text) {
    const start = /^CEF:0(?:\|(?:[^|\\]|\\.)*){6}\|/.exec(text)?.[0];
    if (start === undefined) throw new HoldfastError('InvalidMessage', 'no CEF');
    const values = new Map<string, string>();
    for (const pair of text.slice(start.length).split(/ (?=[A-Za-z0-9]+=)/)) {
      const equals = pair.indexOf('=');
      values.set(pair.slice(0, equals), unescaped(pair.slice(equals + 1)));
    }
    const value = (key: CefKey): string | undefined => values.get(key);
    const revision = value('cn2');
    const entry = entryOf({
      position: 0,
      time: value('end') ?? '',
      actor: { kind: 'client', id: '', name: '' },
      action: value('act') ?? '',
      objects: JSON.parse(value('cs5') ?? '[]') as readonly string[],
      outcome: value('outcome') as AuditOutcome,
    });
    const line = auditLine(Number(value('cn1')), {
      ...entry,
      actor: {
        kind: value('cs1') as Actor['kind'],
        id: value('suid') ?? '',
        name: value('suser') ?? '',
        credentialId: value('cs2'),
        peer: value('cs3'),
      },
      domainId: value('cs4'),
      rowId: value('externalId'),
      revision: revision === undefined ? undefined : Number(revision),
      reason: value('reason'),
    });
    return { ...line, link: value('cs6') ?? '' };
  },
};

export const LINE_FORMATS = { json, cef } as const;
export type LineFormatName = keyof typeof LINE_FORMATS;
