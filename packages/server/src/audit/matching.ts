import type { AuditOutcome } from '@holdfast/core';
import { HoldfastError } from '@holdfast/ttlv/basics';
import type { AuditLine } from './lines';
import type { AuditQuery } from './protocol';

/** How many records are told where nothing is said. */
export const DEFAULT_SEARCH_LIMIT = 100;

/**
 * Whether a record is one of those asked for; where to begin and how many there may be is left to the caller.
 * @throws HoldfastError InvalidField
 */
export function matcherOf({
  since,
  until,
  actor,
  operation,
  object,
  outcome,
}: AuditQuery): (line: AuditLine) => boolean {
  requireOutcome(outcome);
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

const OUTCOMES: readonly string[] = ['success', 'failure', 'undone', 'pending'] satisfies AuditOutcome[];

function requireOutcome(outcome: string | undefined): void {
  if (outcome === undefined || OUTCOMES.includes(outcome.toLowerCase())) return;
  throw new HoldfastError('InvalidField', `an outcome is one of ${OUTCOMES.join(', ')}`);
}

/** RFC 3339, the seconds or all of the time left out: Date.parse takes "12" for a month, and a time without zone for one here. */
const TIME = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d))?$/i;

/** Microseconds since 1970. @throws HoldfastError InvalidField */
export function timeUs(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const ms = TIME.test(text) ? Date.parse(text) : NaN;
  if (Number.isNaN(ms))
    throw new HoldfastError('InvalidField', `"${text}" is no time: write 2026-11-01 or 2026-11-01T08:00:00Z`);
  return ms * 1000;
}
