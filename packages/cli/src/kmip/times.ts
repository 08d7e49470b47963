import { wrongUse } from '../exit';

const UNIT_SECONDS: Readonly<Record<string, number>> = {
  s: 1,
  m: 60,
  h: 3600,
  d: 86_400,
  w: 604_800,
  y: 31_536_000,
};
const DURATION = /^(\d{1,12})([smhdwy]?)$/;
const RELATIVE = /^now(?:([+-])(\d{1,12}[smhdwy]))?$/;
const EPOCH = /^@(-?\d{1,12})$/;
const DAY = /^\d{4}-\d\d-\d\d$/;
const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)$/;
const MAX_UINT32 = 0xffff_ffff;

/**
 * Seconds of a span such as `90`, `90s`, `15m`, `12h`, `30d`, `2w` or `1y` (365 days).
 * @throws CommandFailure wrong use
 */
export function parseDuration(text: string): number {
  const match = DURATION.exec(text);
  const seconds = Number(match?.[1]) * (UNIT_SECONDS[match?.[2] ?? ''] ?? 1);
  if (match !== null && seconds <= MAX_UINT32) return seconds;
  throw wrongUse(
    `${JSON.stringify(text)} is no span of time`,
    'Seconds, or a number with one of s, m, h, d, w, y: 90d.',
  );
}

/**
 * Seconds since 1970 of `2030-01-31`, `2030-01-31T12:00:00Z` (or with an offset), `now`, `now+30d`, `now-1h` or `@0`.
 * @throws CommandFailure wrong use
 */
export function parseMoment(text: string, nowSeconds: number = Math.floor(Date.now() / 1000)): number {
  const epoch = EPOCH.exec(text);
  if (epoch !== null) return Number(epoch[1]);
  const relative = RELATIVE.exec(text);
  if (relative !== null) {
    const span = relative[2] === undefined ? 0 : parseDuration(relative[2]);
    return nowSeconds + (relative[1] === '-' ? -span : span);
  }
  const milliseconds = DAY.test(text) || MOMENT.test(text) ? Date.parse(text) : NaN;
  const day = text.slice(0, 'yyyy-mm-dd'.length);
  // Date.parse carries the 30th of February over into March.
  if (!Number.isNaN(milliseconds) && formatMoment(Date.parse(day) / 1000).startsWith(day)) {
    return Math.floor(milliseconds / 1000);
  }
  throw wrongUse(
    `${JSON.stringify(text)} is no date`,
    'ISO 8601 with a time zone (2030-01-31T12:00:00Z), a day (2030-01-31), now, now+30d, or @SECONDS since 1970.',
  );
}

/** `2030-01-31T12:00:00Z`; the number where no calendar has the date. */
export function formatMoment(seconds: number): string {
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? `@${seconds}` : `${date.toISOString().slice(0, -'.000Z'.length)}Z`;
}
