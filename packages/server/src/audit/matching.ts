import { HoldfastError } from '@holdfast/ttlv';
import type { AuditLine } from './lines';
import type { AuditQuery } from './protocol';

/** How many records are told where nothing is said. */
export const DEFAULT_SEARCH_LIMIT = 100;

/** Whether a record is one of those asked for; where to begin and how many there may be is left to the caller. */
export function matcherOf({
  since,
  until,
  actor,
  operation,
  object,
  outcome,
}: AuditQuery): (line: AuditLine) => boolean {
  const [fromUs, toUs] = [timeUs(since), timeUs(until)];
  const same = (one: string, other: string): boolean => one.toLowerCase() === other.toLowerCase();
  return (line) => {
    const us = Date.parse(line.time) * 1000;
    return (
      (fromUs === undefined || us >= fromUs) &&
      (toUs === undefined || us <= toUs) &&
      (actor === undefined || same(line.actor.name, actor) || same(line.actor.id, actor)) &&
      (operation === undefined || same(line.action, operation)) &&
      (object === undefined || line.objects.some((each) => same(each, object))) &&
      (outcome === undefined || same(line.outcome, outcome))
    );
  };
}

/** Microseconds since 1970. @throws HoldfastError InvalidField */
export function timeUs(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const ms = Date.parse(text);
  if (Number.isNaN(ms))
    throw new HoldfastError('InvalidField', `"${text}" is no time: write 2026-11-01 or 2026-11-01T08:00:00Z`);
  return ms * 1000;
}
